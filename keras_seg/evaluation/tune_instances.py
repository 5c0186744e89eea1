"""Thresholds of the watershed that score best on validation images."""

import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_seg import _validation
from keras_seg._types import ArrayLike, IgnoreClass, PathLike, Progress
from keras_seg.data import InstanceIndex
from keras_seg.evaluation.batching import each_prediction, labeled_objects, reported, spread
from keras_seg.evaluation.instance_grid import InstanceGrid

# A run is tuned on as many images.
TUNED_ON = 16


@dataclasses.dataclass(frozen=True, kw_only=True)
class TunedInstances:
    """The best arguments of `inference.instances` and their score.

    Attributes:
        settings: dict. To be passed as `instances(probabilities, **settings)`.
        score: float. `metrics.instance_score` on the images they were chosen on; on others it will be a little lower.
        default_score: float. The score of the defaults of `instances` on the same images.
        trials: list of (settings, score). All combinations that were tried.
    """

    settings: dict[str, Any]
    score: float
    default_score: float
    trials: list[tuple[dict[str, Any], float]] = dataclasses.field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """All results as a JSON-ready dict."""
        return {
            "settings": self.settings,
            "score": self.score,
            "default_score": self.default_score,
            "trials": [{"settings": settings, "score": score} for settings, score in self.trials],
        }


def tune_instances(
    model: keras.Model | Sequence[ArrayLike],
    data: InstanceIndex | PathLike | Iterable[Any],
    *,
    grid: Mapping[str, Any] | None = None,
    images: int = TUNED_ON,
    split: str | None = None,
    ignore_class: IgnoreClass = None,
    batch_size: int | None = None,
    progress: Progress = None,
) -> TunedInstances:
    """Choose the thresholds of `inference.instances` by the instance score, trying every combination.

    Args:
        model: a keras.Model, or a sequence of its probabilities (height, width, 3), one map per image.
        data: for a model as for `evaluate_instances`; of batches the first images are used, of a folder or index evenly
            spread ones. For probabilities a sequence of maps of objects (height, width), one per image.
        grid: None or dict from an argument of `instances` to the values to try; others keep their defaults. Defaults to
            None: thresholds 0.4 to 0.6, of seeds 0.35 to 0.8, of borders 0.3 and 0.5, sizes from 0, 16, 48 and 128
            pixels.
        images: int. The largest number of images to use. Defaults to 16.
        progress: None, bool, or function (settings tried, settings). True draws a progress bar. Defaults to None.

    Other arguments: those of `evaluate`.

    Returns:
        A `TunedInstances`. Among combinations of equal score, the one nearest to the middle of the grid wins.

    Raises:
        InputError: if probabilities and maps do not belong together, the grid is empty or holds unknown names, or an
            argument does not fit.

    Examples:
        >>> import keras_seg as ks
        >>> ids = ks.data.cells_scene(0, image_size=64)[1].astype(int)
        >>> exact = np.eye(3)[ks.data.instance_targets(ids).classes]
        >>> ks.evaluation.tune_instances([exact], [ids]).score > 0.9
        True
    """
    combinations = InstanceGrid(grid)
    images = _validation.integer("images", images)
    if hasattr(model, "predict_on_batch"):
        pairs = _predicted(model, data, images, split=split, ignore_class=ignore_class, batch_size=batch_size)
    else:
        for name, value in (("split", split), ("ignore_class", ignore_class), ("batch_size", batch_size)):
            if value is not None:
                fix = "Mark pixels that do not count as -1 in the maps." if name == "ignore_class" else "Leave it out."
                _validation.fail(name, "applies to a model only", value, fix)
        pairs = _given(model, data, images)
    of_steps = []
    with reported(progress, len(combinations.steps), unit="settings") as report:
        for done, step in enumerate(combinations.steps, start=1):
            of_steps.append(np.stack([combinations.scores_of_step(step, *pair) for pair in pairs]))
            report(done)
    scores = np.concatenate(of_steps, axis=1)
    means, best = combinations.means(scores).tolist(), combinations.best(scores)
    defaults = InstanceGrid({"min_size": 0})
    return TunedInstances(
        settings=combinations.settings[best],
        score=means[best],
        default_score=float(defaults.means(np.stack([defaults.scores(*pair) for pair in pairs]))[0]),
        trials=list(zip(combinations.settings, means, strict=True)),
    )


def _predicted(model: keras.Model, data: Any, images: int, **reading: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    """(probabilities, true ids) of some images."""
    labeled = labeled_objects(data, **reading)
    if isinstance(labeled.index, InstanceIndex):
        chosen: Any = labeled.index.subset(spread(len(labeled.index), images))
        labeled = labeled_objects(chosen, split=None, ignore_class=None, batch_size=reading["batch_size"])
    predictions = each_prediction(model, labeled, channels=3)
    return [(scores, ids) for _, ids, scores in itertools.islice(predictions, images)]


def _given(predictions: Any, truths: Any, images: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """(probabilities, true ids) of some images, of sequences of maps."""
    predictions, truths = list(predictions), list(truths)
    if len(predictions) != len(truths) or not truths:
        rule = f"must hold a map for each of the {len(predictions)} images of `model`, and at least one"
        _validation.fail("data", rule, f"{len(truths)} maps")
    pairs = []
    for position in spread(len(truths), images):
        ids = np.asarray(truths[position])
        if ids.ndim != 2 or ids.dtype.kind not in "iub" or ids.shape != np.shape(predictions[position])[:2]:
            rule = "must hold integer maps of objects, of the size of their probabilities"
            _validation.fail("data", rule, (ids.shape, str(ids.dtype), np.shape(predictions[position])))
        pairs.append((np.asarray(predictions[position]), ids))
    return pairs
