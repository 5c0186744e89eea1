"""What test-time augmentation gains on a set of images, what it costs, and which transforms are worth it."""

import dataclasses
import functools
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_seg import _validation
from keras_seg._graph import image_graph
from keras_seg._types import IgnoreClass, PathLike, Progress
from keras_seg.data import FolderIndex
from keras_seg.evaluation.batching import LabeledImages, labeled_classes, output_channels, reported
from keras_seg.evaluation.image_matrix import image_matrix
from keras_seg.evaluation.tta_gain import TTAGain, TTAReport
from keras_seg.inference.output_kind import check_finite, class_ids, output_kind
from keras_seg.inference.tta.brightness import Brightness
from keras_seg.inference.tta.scale import Scale
from keras_seg.inference.tta.shift import Shift
from keras_seg.inference.tta.test_time_augmentation import TestTimeAugmentation
from keras_seg.inference.tta.view import read_transforms, views_of
from keras_seg.metrics import BoundaryIoU, ConfusionMatrix, Interval, paired_difference, scores
from keras_seg.metrics.boundary_ious import band_ious
from keras_seg.metrics.ratios import mean_of_defined

CANDIDATES = ("hflip", "vflip", "rot90", Scale(0.75, 1.25), Shift(8), Brightness(0.9, 1.1))
_PARTS = {"d4": ("hflip", "vflip", "rot90"), "flips": ("hflip", "vflip"), "d2": ("hflip", "vflip"), "identity": ()}


def tta_report(
    model: keras.Model,
    data: FolderIndex | PathLike | Iterable[Any],
    *,
    transforms: Any = None,
    merge: str | None = None,
    merge_on: str | None = None,
    max_passes: int = 16,
    samples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    split: str | None = None,
    ignore_class: IgnoreClass = None,
    batch_size: int | None = None,
    progress: Progress = None,
) -> TTAReport:
    """Evaluate test-time augmentation on labeled images: the gain of each transform, of all together, and the cost.

    The gain of a transform is that of `TestTimeAugmentation` with it alone over the plain model, in mean IoU and in
    `metrics.BoundaryIoU`, with a bootstrap interval over the images on which both are evaluated (`paired_difference`).

    A transform **harms** when the interval of one of the two gains lies below 0, **helps** when it does not harm and
    the interval of the mean IoU lies above 0, and is **unclear** otherwise. Only those that help are recommended: a
    pass without a gain still costs its time. They are added in the order of their gain while their product has at most
    `max_passes` and contains none that harms: hflip and rot90 generate vflip. A choice looks better on the images it
    was made on than on others; if tenths of a point matter, evaluate the product on images not used here. With fewer
    than about thirty images the intervals are too narrow.

    `"d4"` and `"flips"` are evaluated as hflip, vflip and rot90, and each scale, shift and brightness by itself.

    Args:
        model: as for `TestTimeAugmentation`; or such a model, whose own transforms and merge are then evaluated.
        data: as for `evaluate`, with at least two images. Batches are iterated over twice, so a generator does not do.
        transforms: as for `TestTimeAugmentation`. Defaults to None, for those of `model`, or else hflip, vflip, rot90,
            scales, shifts and brightnesses.
        max_passes: int >= 1. Products of more passes are neither evaluated nor recommended. Defaults to 16.
        batch_size: None or int. Images of equal size of a folder or index that are predicted together. Defaults to
            None, for 1.
        progress: as for `evaluate`; the recommended product may take a second pass over the images.

    Other arguments: `merge` and `merge_on` of `TestTimeAugmentation`, by default those of `model`; `samples`,
    `seed` and `level` of `metrics.paired_difference`; the rest those of `evaluate`.

    Returns:
        A `TTAReport`.

    Raises:
        InputError: if an argument is not as above, or the model has several outputs or predicts NaN.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> model = ks.models.UNet(num_classes=2, filters=4, depth=1)
        >>> images, masks = np.zeros((2, 16, 20, 3)), np.zeros((2, 16, 20), "int32")
        >>> report = ks.evaluation.tta_report(model, [(images, masks)], transforms="hflip")
        >>> report.images, [gain.name for gain in report.alone], report.alone[0].passes
        (2, ['hflip'], 2)
    """
    if isinstance(model, TestTimeAugmentation):
        for name, value in (("transforms", transforms), ("merge", merge), ("merge_on", merge_on)):
            if value is not None:
                _validation.fail(name, "cannot change a model with test-time augmentation", value, "Pass model.model.")
        model, transforms, merge, merge_on = model.model, model.transforms, model.merge, model.merge_on
    transforms = CANDIDATES if transforms is None else transforms
    merge = "mean" if merge is None else merge
    items = _items(read_transforms(transforms))
    max_passes = _validation.integer("max_passes", max_passes)
    _validation.open_share("level", level)
    _validation.integer("samples", samples)
    _validation.integer("seed", seed, minimum=0)
    image_graph(model)
    channels = output_channels(model)
    if channels == 1 and merge_on is None:
        merge_on = "probabilities"  # One threshold, 0.5, for the plain model and all views.
    augmented = functools.partial(TestTimeAugmentation, model, merge=merge, merge_on=merge_on)
    classes = max(2, channels)
    labeled = labeled_classes(
        data,
        split=split,
        ignore_class=ignore_class,
        model_classes=classes,
        batch_size=batch_size,
        default_size=1,
        repeated=True,
    )
    ignored = labeled.ignore_class
    sweep = functools.partial(_sweep, labeled, classes, progress)

    plain = ()
    products = {plain: augmented("identity"), **{(item,): augmented([item]) for item in items}}
    everything = _joined(items)
    if items and everything not in products and len(views_of(everything)) <= max_passes:
        products[everything] = augmented(everything)
    results = sweep(products)
    if len(results[plain].matrices) < 2:
        found = f"{len(results[plain].matrices)} images"
        _validation.fail("data", "must hold at least two images, for intervals", found)

    def gain(product: tuple, results: Mapping[tuple, _Result]) -> TTAGain:
        first, base = results[product], results[plain]
        mean_iou, boundary_iou = (
            paired_difference(ours, theirs, score=score, samples=samples, seed=seed, level=level)
            for ours, theirs, score in (
                (first.matrices, base.matrices, _mean_iou(ignored)),
                (first.bands, base.bands, _band_iou(ignored)),
            )
        )
        return TTAGain(
            transforms=product,
            passes=len(views_of(product)),
            mean_iou=mean_iou,
            boundary_iou=boundary_iou,
            time_ratio=statistics.median(a / b for a, b in zip(first.seconds, base.seconds, strict=True)),
            verdict=_verdict(mean_iou, boundary_iou),
        )

    alone = tuple(gain((item,), results) for item in items)
    recommended = _recommended(alone, max_passes)
    if recommended and recommended not in results:
        again = sweep({plain: products[plain], recommended: augmented(recommended)})
    else:
        again = results
    return TTAReport(
        images=len(results[plain].matrices),
        mean_iou=_mean_iou(ignored)(np.sum(results[plain].matrices, axis=0)),
        boundary_iou=_band_iou(ignored)(np.sum(results[plain].bands, axis=0)),
        merge=merge,
        alone=alone,
        together=gain(everything, results) if items and everything in results else None,
        recommended=recommended,
        recommended_gain=gain(recommended, again) if recommended else None,
    )


@dataclasses.dataclass(kw_only=True)
class _Result:
    """Of one model: the confusion matrix of each image, that of its bands, and the seconds of each batch."""

    matrices: list[np.ndarray] = dataclasses.field(default_factory=list)
    bands: list[np.ndarray] = dataclasses.field(default_factory=list)
    seconds: list[float] = dataclasses.field(default_factory=list)


def _sweep(
    labeled: LabeledImages, classes: int, progress: Progress, models: Mapping[tuple, keras.Model]
) -> dict[tuple, _Result]:
    """Evaluate `{key: model}` on all batches, in turns, so that noise of the machine affects all of them alike."""
    results = {key: _Result() for key in models}
    kinds = {key: output_kind(model) for key, model in models.items()}
    pixels = ConfusionMatrix(classes, ignore_class=labeled.ignore_class)
    bands = BoundaryIoU(classes, ignore_class=labeled.ignore_class)
    sizes, done = set(), 0
    with reported(progress, labeled.count) as report:
        for _, images, masks in labeled.batches():
            for key, model in models.items():
                if images.shape not in sizes:
                    model.predict_on_batch(images)  # Compiles for this size.
                start = time.perf_counter()
                predictions = np.asarray(model.predict_on_batch(images))
                ids = class_ids(predictions, kinds[key])
                results[key].seconds.append(time.perf_counter() - start)
                check_finite(predictions, "The scores of `model`", allow_infinity=True)
                for mask, predicted in zip(masks, ids, strict=True):
                    results[key].matrices.append(image_matrix(pixels, mask, predicted))
                    results[key].bands.append(image_matrix(bands, mask, predicted))
            sizes.add(images.shape)
            done += len(images)
            report(done)
    return results


def _items(transforms: Sequence[Any]) -> list[Any]:
    """The transforms that are evaluated alone."""
    items = []
    for transform in transforms:
        if isinstance(transform, Scale):
            items += [Scale(factor) for factor in transform.factors if factor != 1]
        elif isinstance(transform, Shift):
            items += [Shift(shift) for shift in transform.pixels]
        elif isinstance(transform, Brightness):
            items += [Brightness(factor) for factor in transform.factors if factor != 1]
        else:
            items += _PARTS.get(transform, (transform,))
    return list(dict.fromkeys(items))


def _joined(items: Sequence[Any]) -> tuple[Any, ...]:
    """Names, and one object for all scales, one for all shifts and one for all brightnesses."""
    names = [item for item in items if isinstance(item, str)]
    factors = {
        kind: [value for item in items if isinstance(item, kind) for value in vars(item)[field]]
        for kind, field in ((Scale, "factors"), (Shift, "pixels"), (Brightness, "factors"))
    }
    return (*names, *(kind(*sorted(values, key=str)) for kind, values in factors.items() if values))


def _recommended(alone: Sequence[TTAGain], max_passes: int) -> tuple[Any, ...]:
    """The product of those that help, the best first."""
    helping = sorted((gain for gain in alone if gain.verdict == "helps"), key=lambda gain: -gain.mean_iou.value)
    harmful = [set(views_of(gain.transforms)) for gain in alone if gain.verdict == "harms"]
    kept: list[Any] = []
    for gain in helping:
        views = views_of(_joined([*kept, *gain.transforms]))
        if len(views) <= max_passes and not any(harm <= set(views) for harm in harmful):
            kept += gain.transforms
    return _joined(kept)


def _verdict(mean_iou: Interval, boundary_iou: Interval) -> str:
    if mean_iou.high < 0 or boundary_iou.high < 0:
        return "harms"
    return "helps" if mean_iou.low > 0 else "unclear"


def _mean_iou(ignore_class: IgnoreClass) -> Callable[[np.ndarray], float]:
    return functools.partial(scores.mean_iou, ignore_class=ignore_class)


def _band_iou(ignore_class: IgnoreClass) -> Callable[[np.ndarray], float]:
    return lambda bands: float(mean_of_defined(band_ious(bands, ignore_class=ignore_class), np))
