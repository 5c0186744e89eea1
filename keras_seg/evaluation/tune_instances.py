"""Thresholds of the watershed that score best on validation images."""

import dataclasses
import itertools

import numpy as np

from keras_seg import _validation
from keras_seg.evaluation.each_image import each_prediction
from keras_seg.evaluation.instances import judged_pair, known_settings
from keras_seg.inference.objects.instances import instances
from keras_seg.metrics.instance_score import THRESHOLDS
from keras_seg.metrics.segment_overlaps import counts_of_ious, instance_ious, score_of_counts

GRID = {
    "threshold": (0.4, 0.5, 0.6),
    "seed_threshold": (0.35, 0.5, 0.65, 0.8),
    "border_threshold": (0.3, 0.5),
    "min_size": (0, 16, 48, 128),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class TunedInstances:
    """The best arguments of `instances` and what they scored.

    Attributes:
        settings: dict, to be given to `instances(probabilities, **settings)`.
        score: float, `metrics.instance_score` on the images they were chosen on; on others it will be a little lower.
        default_score: float, the score of the defaults of `instances` on the same images.
        trials: list of (settings, score), all that was tried.
    """

    settings: dict
    score: float
    default_score: float
    trials: list = dataclasses.field(repr=False)


def tune_instances(predictor, data, *, grid=None, images=16, batch_size=4):
    """Choose the thresholds of `instances` by the instance score, trying every combination.

    Args:
        predictor: a keras.Model, or a sequence of its probabilities (height, width, 3), one an image.
        data: for a model a `keras_seg.data.InstanceIndex`, or batches (images, ids) of which the first images are
            used; for probabilities a sequence of maps (height, width) of objects, one an image: 0 for none, -1 for
            pixels that do not count.
        grid: dict from an argument of `instances` to the values to try; others keep their defaults. Defaults to None:
            thresholds 0.4 to 0.6, of seeds 0.35 to 0.8, of borders 0.3 and 0.5, sizes from 0, 16, 48 and 128 pixels.
        images: int, how many images are used at most, evenly spread over a folder. Defaults to 16.
        batch_size: int, how many images of equal size are predicted together. Defaults to 4.

    Returns:
        A `TunedInstances`. Among equals the combination nearest to the middle of the grid wins.

    Raises:
        InputError: probabilities and maps that do not belong together, a grid that is empty or holds unknown names.

    Examples:
        >>> import keras_seg as ks
        >>> ids = ks.data.cells_scene(0, 64)[1].astype(int)
        >>> exact = np.eye(3)[ks.data.instance_targets(ids).classes]
        >>> ks.evaluation.tune_instances([exact], [ids]).score > 0.9
        True
    """
    grid = _checked_grid(grid)
    images = _validation.integer("images", images)
    pairs = _pairs(predictor, data, images, batch_size)
    sizes = grid.pop("min_size")
    trials = []
    for values in itertools.product(*grid.values()):
        settings = dict(zip(grid, values, strict=True))
        counts = np.stack([_counts(instances(probabilities, **settings), ids, sizes) for probabilities, ids in pairs])
        for row, min_size in enumerate(sizes):
            trials.append(({**settings, "min_size": min_size}, float(score_of_counts(counts[:, row]).mean())))
    best = max(score for _, score in trials)
    chosen = min((settings for settings, score in trials if score == best), key=lambda s: _distance(s, grid))
    defaults = np.stack([_counts(instances(probabilities), ids, (0,)) for probabilities, ids in pairs])
    return TunedInstances(
        settings=chosen, score=best, default_score=float(score_of_counts(defaults[:, 0]).mean()), trials=trials
    )


def _checked_grid(grid):
    given = GRID if grid is None else grid
    if not isinstance(given, dict) or not given:
        _validation.fail("grid", "must be a dict of values by name", given, 'As in {"seed_threshold": [0.4, 0.6]}.')
    known_settings(dict.fromkeys(given))
    checked = {}
    for name, values in given.items():
        values = tuple(values) if isinstance(values, (list, tuple, np.ndarray)) else (values,)
        if not values:
            _validation.fail("grid", f"must hold at least one value of {name}", values)
        checked[name] = values
    checked.setdefault("min_size", (0,))
    # Before anything is predicted: a value out of range must not be found after minutes.
    for name, values in checked.items():
        for value in values:
            instances(np.zeros((1, 1, 3)), **{name: value})
    return checked


def _pairs(predictor, data, images, batch_size):
    """(probabilities, true ids) of the images that are used."""
    if hasattr(predictor, "predict_on_batch"):
        if hasattr(data, "read_labels"):
            index = data.subset(_spread(len(data), images))
            return [
                (probabilities, ids)
                for _, ids, probabilities in each_prediction(predictor, index, 3, batch_size=batch_size)
            ]
        predictions, truths = _of_batches(predictor, data, images)
    else:
        predictions, truths = list(predictor), list(data)
    if len(predictions) != len(truths) or not truths:
        rule = f"must hold a map for each of the {len(predictions)} images of `predictor`, and at least one"
        _validation.fail("data", rule, f"{len(truths)} maps")
    pairs = []
    for position in _spread(len(truths), images):
        ids = np.asarray(truths[position])
        if ids.ndim != 2 or ids.dtype.kind not in "iub" or ids.shape != np.shape(predictions[position])[:2]:
            rule = "must hold integer maps of objects, of the size of their probabilities"
            _validation.fail("data", rule, (ids.shape, str(ids.dtype), np.shape(predictions[position])))
        pairs.append((predictions[position], ids))
    return pairs


def _of_batches(model, data, images):
    """Probabilities and maps of the first images of a data set of batches."""
    predictions, truths = [], []
    for batch in data:
        if not isinstance(batch, (tuple, list)) or len(batch) != 2 or np.ndim(batch[1]) != 3:
            rule = "must be an InstanceIndex or batches (images, ids) for a model, ids (batch, height, width)"
            _validation.fail("data", rule, type(batch).__name__, "See scan_instances.")
        predictions += list(np.asarray(model.predict_on_batch(np.asarray(batch[0], "float32"))))
        truths += list(np.asarray(batch[1]))
        if len(truths) >= images:
            break
    return predictions[:images], truths[:images]


def _spread(count, most):
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(int)).tolist()


def _counts(found, ids, sizes):
    """`metrics.instance_counts` (sizes, thresholds, 3) without found objects smaller than each of the sizes.

    The maps are compared once: an object that is taken away is a column of the table less.
    """
    whole = np.bincount(found.ravel())
    found_ids, iou = instance_ious(*judged_pair(ids, found))
    return np.stack([counts_of_ious(iou[:, whole[found_ids] >= least], THRESHOLDS) for least in sizes])


def _distance(settings, grid):
    """How far from the middle of the grid; then the smaller minimum size."""
    away = sum(abs(values.index(settings[name]) - (len(values) - 1) / 2) for name, values in grid.items())
    return away, settings["min_size"]
