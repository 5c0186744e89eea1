"""Combinations of thresholds of the watershed, and how an image scores with each."""

import inspect
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_seg import _validation
from keras_seg.evaluation.instances import check_settings, without_void
from keras_seg.inference.objects.instances import instances
from keras_seg.metrics.instance_score import THRESHOLDS
from keras_seg.metrics.segment_matching import counts_of_ious, instance_ious, score_of_counts

GRID = {
    "threshold": (0.4, 0.5, 0.6),
    "seed_threshold": (0.35, 0.5, 0.65, 0.8),
    "border_threshold": (0.3, 0.5),
    "min_size": (0, 16, 48, 128),
}


class InstanceGrid:
    """All combinations of some values of the arguments of `inference.instances`.

    Args:
        grid: None or dict from an argument to the values to try. Defaults to None, for `GRID`.

    Attributes:
        steps: list of dict. The combinations without "min_size", whose values need no watershed of their own.
        settings: list of dict. All combinations: those of the first step with each size, then those of the second.

    Raises:
        InputError: the grid is empty, or holds unknown names or values out of range.
    """

    def __init__(self, grid: Mapping[str, Any] | None = None) -> None:
        self._values_of = _checked_grid(grid)
        self._sizes = self._values_of.pop("min_size")
        combinations = itertools.product(*self._values_of.values())
        self.steps = [dict(zip(self._values_of, values, strict=True)) for values in combinations]
        self.settings = [{**step, "min_size": size} for step in self.steps for size in self._sizes]

    @property
    def default(self) -> int:
        """int. The position of the defaults of `inference.instances`, which `GRID` holds."""
        parameters = inspect.signature(instances).parameters
        return self.settings.index({name: parameters[name].default for name in self.settings[0]})

    def scores_of_step(self, step: Mapping[str, Any], probabilities: np.ndarray, ids: np.ndarray) -> np.ndarray:
        """float array (sizes,). The instance score of an image at one of `steps`, with each of the sizes."""
        return score_of_counts(_counts(instances(probabilities, **step), ids, self._sizes))

    def scores(self, probabilities: np.ndarray, ids: np.ndarray) -> np.ndarray:
        """float array (settings,). The instance score of an image with each of `settings`."""
        return np.concatenate([self.scores_of_step(step, probabilities, ids) for step in self.steps])

    def means(self, scores: np.ndarray) -> np.ndarray:
        """float array (settings,). The mean over images of scores (images, settings)."""
        return np.ascontiguousarray(scores.T).mean(axis=1)

    def best(self, scores: np.ndarray) -> int:
        """The position of the best of `settings`; of several equal ones, that nearest to the middle of the grid.

        Args:
            scores: float array (images, settings).
        """
        means = self.means(scores)
        return min(
            np.flatnonzero(means == means.max()).tolist(), key=lambda place: self._distance(self.settings[place])
        )

    def _distance(self, settings: Mapping[str, Any]) -> tuple[float, Any]:
        """Distance from the middle of the grid; then the minimum size, so that the smaller one wins."""
        away = sum(
            abs(values.index(settings[name]) - (len(values) - 1) / 2) for name, values in self._values_of.items()
        )
        return away, settings["min_size"]


def _checked_grid(grid: Any) -> dict[str, tuple[Any, ...]]:
    given = GRID if grid is None else grid
    if not isinstance(given, Mapping) or not given:
        _validation.fail("grid", "must be a dict of values by name", given, 'As in {"seed_threshold": [0.4, 0.6]}.')
    check_settings(dict.fromkeys(given))
    checked: dict[str, tuple[Any, ...]] = {}
    for name, values in given.items():
        values = tuple(values) if isinstance(values, (list, tuple, np.ndarray)) else (values,)
        if not values:
            _validation.fail("grid", f"must hold at least one value of {name}", values)
        checked[name] = values
    checked.setdefault("min_size", (0,))
    # Before any prediction: a value out of range must not come up after minutes.
    for name, values in checked.items():
        for value in values:
            instances(np.zeros((1, 1, 3)), **{name: value})
    return checked


def _counts(found: np.ndarray, ids: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    """`metrics.instance_counts` (sizes, thresholds, 3) without found objects smaller than each of the sizes.

    The maps are compared once: removing an object removes its column from the table.
    """
    whole = np.bincount(found.ravel())
    found_ids, iou = instance_ious(*without_void(ids, found))
    return np.stack([counts_of_ious(iou[:, whole[found_ids] >= least], THRESHOLDS) for least in sizes])
