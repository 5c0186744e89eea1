"""What test-time augmentation gains on a set of images, what it costs, and which transforms are worth it."""

import dataclasses
import functools
import statistics
import time

import numpy as np

from keras_seg import _validation
from keras_seg._graph import image_graph
from keras_seg.evaluation.batching import labeled_batches
from keras_seg.evaluation.tta_gains import TTAGain, TTAReport
from keras_seg.inference.predict_classes import predict_classes
from keras_seg.inference.tta.brightness import Brightness
from keras_seg.inference.tta.scale import Scale
from keras_seg.inference.tta.shift import Shift
from keras_seg.inference.tta.test_time_augmentation import TestTimeAugmentation
from keras_seg.inference.tta.view import read_transforms, views_of
from keras_seg.metrics import BoundaryIoU, ConfusionMatrix, paired_difference, scores

CANDIDATES = ("hflip", "vflip", "rot90", Scale(0.75, 1.25), Shift(8), Brightness(0.9, 1.1))
_PARTS = {"d4": ("hflip", "vflip", "rot90"), "flips": ("hflip", "vflip"), "d2": ("hflip", "vflip"), "identity": ()}


def tta_report(
    model,
    data,
    *,
    transforms=CANDIDATES,
    merge="mean",
    over=None,
    split=None,
    num_classes=None,
    ignore_class=None,
    max_passes=16,
    batch_size=1,
    level=0.95,
    draws=1000,
    seed=0,
    on_batch=None,
):
    """Judge test-time augmentation on labeled images: the gain of each transform, of all together, and the cost.

    The gain of a transform is that of `TestTimeAugmentation` with it alone over the plain model, in mean IoU and in
    `metrics.BoundaryIoU`, with a bootstrap interval over the images on which both are judged (`paired_difference`).

    A transform **harms** when the interval of one of the two gains lies below 0, **helps** when it does not harm and
    the interval of the mean IoU lies above 0, and is **unclear** otherwise. Only those that help are recommended: a
    pass that gains nothing still costs its time. They are added in the order of their gain while their product has at
    most `max_passes` and holds none that harms: hflip and rot90 generate vflip. What was chosen on images looks better
    on them than on others; judge the product on other images where the last tenth counts. With fewer than about thirty
    images the intervals are too narrow.

    `"d4"` and `"flips"` are judged as hflip, vflip and rot90, and each scale, shift and brightness on its own.

    Args:
        model: as for `TestTimeAugmentation`; or such a model, whose own transforms and merge are judged then.
        data: a `FolderIndex`; a folder (its val split, where it is divided); or an iterable of batches (images, masks)
            that can be gone through twice, such as a list or a finite `tf.data.Dataset`. At least two images.
        transforms: as for `TestTimeAugmentation`. Defaults to hflip, vflip, rot90, Scale(0.75, 1.25), Shift(8) and
            Brightness(0.9, 1.1).
        merge: as for `TestTimeAugmentation`. Defaults to "mean".
        over: as for `TestTimeAugmentation`. Defaults to None.
        split: str, of a folder. Defaults to None.
        num_classes: int, of a folder. Defaults to None, for the model's.
        ignore_class: None, int or sequence of int, labels to leave out; an index has its own. Defaults to None.
        max_passes: int, products of more passes are neither judged nor recommended. Defaults to 16.
        batch_size: int, images of one size predicted together. Defaults to 1.
        level: float in (0, 1), of the intervals. Defaults to 0.95.
        draws: int, of the bootstrap. Defaults to 1000.
        seed: int, of the bootstrap. Defaults to 0.
        on_batch: called with the number of images done, for a progress bar. Defaults to None.

    Returns:
        A `TTAReport`.

    Raises:
        ValueError: if an argument is not as above.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> model = ks.models.UNet(num_classes=2, filters=4, depth=1)
        >>> images, masks = np.zeros((2, 16, 20, 3)), np.zeros((2, 16, 20), "int32")
        >>> report = ks.evaluation.tta_report(model, [(images, masks)], transforms="hflip")
        >>> report.images, [gain.name for gain in report.alone], report.alone[0].passes
        (2, ['hflip'], 2)
    """
    if isinstance(model, TestTimeAugmentation):
        model, transforms, merge, over = model.model, model.transforms, model.merge, model.merge_on
    items = _items(read_transforms(transforms))
    max_passes = _validation.integer("max_passes", max_passes)
    _validation.open_share("level", level)
    _validation.integer("draws", draws)
    _validation.integer("seed", seed, minimum=0)
    if image_graph(model).outputs[0].shape[-1] == 1 and over is None:
        over = "probabilities"  # Of one channel 0.5 is the threshold, and of its logit 0.
    augmented = functools.partial(TestTimeAugmentation, model, merge=merge, merge_on=over)
    classes = max(2, model.output_shape[-1])
    batches, ignore_class = labeled_batches(
        data, classes, split, num_classes=num_classes, ignore_class=ignore_class, batch_size=batch_size
    )
    sweep = functools.partial(_sweep, batches, classes, ignore_class, on_batch)

    plain = ()
    products = {plain: augmented("identity"), **{(item,): augmented([item]) for item in items}}
    everything = _joined(items)
    if items and everything not in products and len(views_of(everything)) <= max_passes:
        products[everything] = augmented(everything)
    judged = sweep(products)
    if len(judged[plain].matrices) < 2:
        found = f"{len(judged[plain].matrices)} images"
        _validation.fail("data", "must hold at least two images, for intervals", found)

    def gain(product, judged):
        first, base = judged[product], judged[plain]
        intervals = [
            paired_difference(ours, theirs, score=score, level=level, draws=draws, seed=seed)
            for ours, theirs, score in (
                (first.matrices, base.matrices, _mean_iou(ignore_class)),
                (first.bands, base.bands, _band_iou(ignore_class)),
            )
        ]
        ratio = statistics.median(a / b for a, b in zip(first.seconds, base.seconds, strict=True))
        return TTAGain(product, len(views_of(product)), *intervals, ratio, _verdict(*intervals))

    alone = tuple(gain((item,), judged) for item in items)
    recommended = _recommended(alone, max_passes)
    if recommended and recommended not in judged:
        again = sweep({plain: products[plain], recommended: augmented(recommended)})
    else:
        again = judged
    return TTAReport(
        images=len(judged[plain].matrices),
        mean_iou=float(_mean_iou(ignore_class)(judged[plain].matrices.sum(axis=0))),
        boundary_iou=float(_band_iou(ignore_class)(judged[plain].bands.sum(axis=0))),
        merge=merge,
        alone=alone,
        together=gain(everything, judged) if items and everything in judged else None,
        recommended=recommended,
        recommended_gain=gain(recommended, again) if recommended else None,
    )


@dataclasses.dataclass
class _Judged:
    """Of one model: the confusion matrix of each image, that of its bands, and the seconds of each batch."""

    matrices: list
    bands: list
    seconds: list


def _sweep(batches, classes, ignore_class, *, on_batch, models):
    """Judge `{key: model}` on all batches, in turns, so that a noisy machine is noisy for all of them."""
    judged = {key: _Judged([], [], []) for key in models}
    pixels = ConfusionMatrix(classes, ignore_class=ignore_class)
    bands = BoundaryIoU(classes, ignore_class=ignore_class)
    sizes, done = set(), 0
    for images, masks in batches():
        for key, model in models.items():
            if images.shape not in sizes:
                predict_classes(model, images)  # Compiles for this size.
            start = time.perf_counter()
            ids = predict_classes(model, images)
            judged[key].seconds.append(time.perf_counter() - start)
            for mask, predicted in zip(masks, ids.astype("int32"), strict=True):
                for metric, matrices in ((pixels, judged[key].matrices), (bands, judged[key].bands)):
                    metric.reset_state()
                    metric.update_state(mask[None], predicted[None])
                    matrices.append(metric.matrix)
        sizes.add(images.shape)
        done += len(images)
        if on_batch is not None:
            on_batch(done)
    for result in judged.values():
        result.matrices = np.array(result.matrices).reshape(-1, classes, classes)
        result.bands = np.array(result.bands).reshape(-1, classes + 1, classes + 1)
    return judged


def _items(transforms):
    """The transforms that are judged alone."""
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


def _joined(items):
    """Names, and one object for all scales, one for all shifts and one for all brightnesses."""
    names = [item for item in items if isinstance(item, str)]
    factors = {
        kind: [value for item in items if isinstance(item, kind) for value in vars(item)[field]]
        for kind, field in ((Scale, "factors"), (Shift, "pixels"), (Brightness, "factors"))
    }
    return (*names, *(kind(*sorted(values, key=str)) for kind, values in factors.items() if values))


def _recommended(alone, max_passes):
    """The product of those that help, the best first."""
    helping = sorted((gain for gain in alone if gain.verdict == "helps"), key=lambda gain: -gain.mean_iou.value)
    harmful = [set(views_of(gain.transforms)) for gain in alone if gain.verdict == "harms"]
    kept = []
    for gain in helping:
        views = views_of(_joined([*kept, *gain.transforms]))
        if len(views) <= max_passes and not any(harm <= set(views) for harm in harmful):
            kept += gain.transforms
    return _joined(kept)


def _verdict(mean_iou, boundary_iou):
    if mean_iou.high < 0 or boundary_iou.high < 0:
        return "harms"
    return "helps" if mean_iou.low > 0 else "unclear"


def _mean_iou(ignore_class):
    return lambda matrix: scores.mean_iou(matrix, ignore_class)


def _band_iou(ignore_class):
    """The mean `BoundaryIoU` of a matrix of bands, whose last class is what lies in none."""
    return lambda bands: scores.mean_of_defined(scores.judged(scores.iou_per_class(bands)[:-1], ignore_class, np), np)
