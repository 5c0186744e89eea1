"""Postprocessing that is taken only where validation images show a gain."""

import itertools
import math
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import keras
import numpy as np

from keras_seg import _validation
from keras_seg._types import ArrayLike, IgnoreClass, PathLike, Progress
from keras_seg.data import FolderIndex
from keras_seg.data.index.example_groups import group_keys
from keras_seg.evaluation.batching import each_prediction, labeled_classes, output_channels
from keras_seg.evaluation.counted_iou import mean_iou
from keras_seg.evaluation.packed_maps import PackedMaps
from keras_seg.evaluation.postprocessing_choice import PostprocessingChoice, PostprocessingTrial
from keras_seg.inference import Postprocessing
from keras_seg.inference.output_kind import class_ids, output_kind
from keras_seg.metrics import Interval
from keras_seg.metrics.bootstrap import draw_images, interval_of
from keras_seg.metrics.ratios import counted_classes

SIZES = (16, 64, 256)
_SAMPLES, _LEVEL = 10_000, 0.95


def least_images(trials: int = 1, level: float = _LEVEL) -> int:
    """Images that must change before a gain can exclude chance.

    If a step helped or harmed each image by the toss of a coin, k images would all gain with probability 2^-k. Below
    this number even that is likelier than what the intervals may miss, and a bootstrap of so few images is too narrow.
    """
    return math.ceil(math.log2(2 * trials / (1 - level)))


def choose_postprocessing(
    model: keras.Model | Sequence[ArrayLike],
    data: FolderIndex | PathLike | Iterable[Any],
    *,
    sizes: Sequence[int] = SIZES,
    images: int = 200,
    samples: int = _SAMPLES,
    seed: int = 0,
    level: float = _LEVEL,
    split: str | None = None,
    ignore_class: IgnoreClass = None,
    class_names: Sequence[str] | None = None,
    batch_size: int | None = None,
    progress: Progress = None,
) -> PostprocessingChoice:
    """Choose the postprocessing of class maps on validation images, class by class.

    For each class these steps are tried alone: keep the largest component, remove components under each of `sizes`
    pixels, fill holes. A step is taken only if the paired bootstrap interval of the gain in mean IoU, over the images,
    lies above 0. The mean over all classes that are not ignored counts, as a pixel taken from one class goes to
    another. These rules keep chance out, as the best of many trials looks good by chance alone:

    - The intervals are as wide as the number of trials asks for: with m trials, their level is 1 - (1 - `level`) / m
      (Bonferroni). Steps that change no prediction do not count.
    - A step must change at least log2(2 m / (1 - `level`)) images: 6 for one trial, 11 for thirty.
    - Images that `data.split_index` kept together by a pattern are drawn together and count as one.
    - Steps that help are added by falling gain while they still gain together, at most one that removes components
      per class. What is taken must gain as a whole.

    Args:
        model: a keras.Model, or a sequence of predicted maps of class ids (height, width), one per image.
        data: for a model as for `evaluate`; of a folder or index, evenly spread images are used, of batches the first.
            For maps, a sequence of masks (height, width), one per map.
        sizes: sequence of int. Pixels below which components are removed. Defaults to (16, 64, 256).
        images: int. The largest number of images to use. Defaults to 200.
        samples: int. Bootstrap samples. Defaults to 10,000: intervals of so high a level need many.
        seed: int >= 0. Defaults to 0.
        level: float in (0, 1). The level of the whole choice. Defaults to 0.95.

    Other arguments: those of `evaluate`.

    Returns:
        A `PostprocessingChoice`.

    Raises:
        InputError: if there are fewer than 6 images (at the default level), maps and masks do not belong together, a
            label is neither a class nor ignored, or an argument does not fit.
        ImportError: if SciPy is missing: `pip install "keras-seg[boundary]"`.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> masks = [np.zeros((32, 32), int) for _ in range(12)]
        >>> for mask in masks: mask[8:24, 8:24] = 1
        >>> maps = [mask.copy() for mask in masks]
        >>> for ids in maps: ids[1:4, 1:4] = 1  # A speck.
        >>> choice = ks.evaluation.choose_postprocessing(maps, masks, class_names=["background", "cell"])
        >>> choice.postprocessing.describe(choice.class_names)
        'cell: components under 16 pixels are removed'
    """
    sizes = _validation.integers("sizes", sizes)
    images = _validation.integer("images", images)
    level = _validation.open_share("level", level)
    # All arguments are checked, and SciPy is found, before minutes of prediction.
    draw_images(1, samples, seed, level)
    _validation.optional_import("scipy.ndimage", "boundary", "`choose_postprocessing`")
    if hasattr(model, "predict_on_batch"):
        reading = {"split": split, "ignore_class": ignore_class, "class_names": class_names, "batch_size": batch_size}
        maps = _predicted(model, data, images, progress=progress, **reading)
    else:
        for name, value in (("split", split), ("batch_size", batch_size)):
            if value is not None:
                _validation.fail(name, "applies to a model only", value, "Leave it out.")
        maps = _given(model, data, images, ignore_class=ignore_class, class_names=class_names)
    return choose(maps, sizes=sizes, samples=samples, seed=seed, level=level)


class PredictedMaps:
    """Masks and predicted maps of class ids of many images, compressed.

    Args:
        class_names: sequence of str, one per class.
        ignore_class: labels of pixels that do not count; classes among them are in no mean.
    """

    def __init__(self, class_names: Sequence[str], ignore_class: Sequence[int]) -> None:
        self.class_names = tuple(class_names)
        self.ignore_class = tuple(ignore_class)
        self._ids, self._masks, self._count = PackedMaps(), PackedMaps(), 0
        self._numbers: dict[Hashable, int] = {}
        self._groups: list[int] = []

    def __len__(self) -> int:
        return self._count

    @property
    def groups(self) -> np.ndarray:
        """int array (images,): the number of each image's group."""
        return np.array(self._groups, int)

    def add(self, mask: np.ndarray, ids: np.ndarray, *, group: Hashable = None) -> None:
        """Add an image. A label that is ignored is stored as the number of classes.

        Args:
            mask: array (height, width) of labels: classes, or ignored.
            ids: array (height, width) of classes.
            group: key of the images that are drawn together. Defaults to None, for a group of its own.

        Raises:
            InputError: a label is neither a class nor ignored, or an id is no class.
        """
        ignored = np.isin(mask, self.ignore_class)
        _check_classes("model", ids, len(self.class_names), "Give each class of the maps a name in `class_names`.")
        fix = "Name ignored labels in `ignore_class`, or correct the masks."
        _check_classes("data", mask[~ignored], len(self.class_names), fix)
        key = (self._count,) if group is None else group
        self._groups.append(self._numbers.setdefault(key, len(self._numbers)))
        classes = len(self.class_names)
        dtype = "uint8" if classes < 256 else "uint16"
        self._masks[self._count] = np.where(ignored, classes, mask).astype(dtype)
        self._ids[self._count] = ids.astype(dtype)
        self._count += 1

    def get(self, position: int) -> tuple[np.ndarray, np.ndarray]:
        """(mask, ids) of an image; pixels that do not count hold the number of classes in the mask."""
        return self._masks[position], self._ids[position]


def _predicted(
    model: keras.Model, data: Any, images: int, *, progress: Progress = None, **reading: Any
) -> PredictedMaps:
    classes, kind = max(2, output_channels(model)), output_kind(model)
    labeled = labeled_classes(data, model_classes=classes, **reading)
    if labeled.index is not None:
        chosen: Any = labeled.index.sample(images)
        labeled = labeled_classes(
            chosen, split=None, ignore_class=None, model_classes=classes, batch_size=reading["batch_size"]
        )
    maps = PredictedMaps(labeled.class_names or (), labeled.ignore_class)
    # Frames of one video gain or lose together.
    index: Any = labeled.index
    keys = None if index is None or index.group_by is None else group_keys(index, index.group_by)
    for position, mask, scores in itertools.islice(each_prediction(model, labeled, progress=progress), images):
        maps.add(mask, class_ids(scores, kind), group=None if keys is None else keys[position])
    return maps


def _given(
    predictions: Any, masks: Any, images: int, *, ignore_class: IgnoreClass, class_names: Sequence[str] | None
) -> PredictedMaps:
    predictions, masks = [np.asarray(ids) for ids in predictions], [np.asarray(mask) for mask in masks]
    if len(predictions) != len(masks):
        rule = f"must hold a mask for each of the {len(predictions)} maps of `model`"
        _validation.fail("data", rule, f"{len(masks)} masks")
    ignored = _validation.ignored_classes(ignore_class)
    for ids, mask in zip(predictions, masks, strict=True):
        integers = ids.dtype.kind in "iu" and mask.dtype.kind in "iu"
        if not integers or ids.ndim != 2 or ids.shape != mask.shape:
            rule = "must hold integer masks (height, width), of the size of their predicted maps"
            _validation.fail("data", rule, (mask.shape, str(mask.dtype), ids.shape, str(ids.dtype)))
    held = [ids.max(initial=0) for ids in predictions]
    held += [mask[~np.isin(mask, ignored)].max(initial=0) for mask in masks]
    classes = max(2, int(max(held, default=0)) + 1) if class_names is None else len(class_names)
    maps = PredictedMaps(_validation.class_names(class_names, classes), ignored)
    for ids, mask in zip(predictions[:images], masks[:images], strict=True):
        maps.add(mask, ids)
    return maps


def _check_classes(name: str, values: np.ndarray, classes: int, fix: str) -> None:
    """Refuse values that are no class, before a cast to a small type makes another class of them."""
    fits = (values >= 0) & (values < classes)
    if values.dtype.kind == "f":
        fits &= values == np.floor(values)
    if not fits.all():
        strays = np.unique(values[~fits])[:8].tolist()
        _validation.fail(name, f"must hold classes in 0..{classes - 1}", strays, fix)


def choose(
    maps: PredictedMaps,
    *,
    sizes: Sequence[int] = SIZES,
    samples: int = _SAMPLES,
    seed: int = 0,
    level: float = _LEVEL,
) -> PostprocessingChoice:
    """The choice for images that were predicted; see `choose_postprocessing`.

    Images of one group are drawn together, and count as one.
    """
    groups, least = maps.groups, least_images(level=level)
    count = groups.max(initial=-1) + 1
    if count < least:
        what = "images" if count == len(maps) else "groups of images"
        rule = f"must hold at least {least} {what}, as a gain on fewer may be chance"
        _validation.fail("data", rule, f"{count} {what}", "Use more images, or no postprocessing.")
    gains = _Gains(maps, draw_images(int(count), samples, seed, level)[:, groups])
    changes = {step: gains.changes(step) for step in _steps(maps, sizes)}
    changes = {step: found for step, found in changes.items() if found}
    corrected = 1 - (1 - level) / max(1, len(changes))
    found = {step: gains.interval(of_images, corrected) for step, of_images in changes.items()}
    needed = least_images(len(changes), level) if changes else 0
    helping = [step for step in found if found[step].low > 0 and len(set(groups[list(changes[step])])) >= needed]
    helping.sort(key=lambda step: -found[step].value)
    chosen, taken, best = Postprocessing(), [], 0.0
    for step in helping:
        if any(one.classes == step.classes and not (one.fill_holes or step.fill_holes) for one in taken):
            continue  # One step that removes components is enough for a class.
        together = _both(chosen, step)
        value = gains.value(changes[step] if not taken else gains.changes(together))
        if value > best:
            chosen, best = together, value
            taken.append(step)
    gain = gains.interval(gains.changes(chosen), level) if taken else None
    if gain is not None and not gain.low > 0:
        chosen, taken = helping[0], helping[:1]
        gain = gains.interval(changes[chosen], level)
    trials = [
        PostprocessingTrial(
            class_name=maps.class_names[step.classes[0]],
            postprocessing=step,
            changed=len(changes[step]),
            mean_iou=interval,
            verdict=_verdict(interval, taken=step in taken, enough=step in helping),
        )
        for step, interval in found.items()
    ]
    return PostprocessingChoice(
        postprocessing=chosen,
        trials=tuple(trials),
        class_names=maps.class_names,
        images=len(maps),
        level=corrected,
        mean_iou=gains.mean_iou,
        gain=gain,
    )


def _verdict(gain: Interval, *, taken: bool, enough: bool) -> str:
    if taken:
        return "taken"
    return "helps" if enough else "harms" if gain.high < 0 else "unclear"


def _steps(maps: PredictedMaps, sizes: Sequence[int]) -> list[Postprocessing]:
    steps = []
    for class_ in range(len(maps.class_names)):
        # Of steps with the same gain the first is taken: the one that removes least.
        steps += [Postprocessing(min_sizes={class_: size}) for size in sorted(set(sizes))]
        steps.append(Postprocessing(keep_largest=[class_]))
        steps.append(Postprocessing(fill_holes=[class_]))
    return steps


def _both(one: Postprocessing, other: Postprocessing) -> Postprocessing:
    return Postprocessing(
        keep_largest=[*one.keep_largest, *other.keep_largest],
        min_sizes={**one.min_sizes, **other.min_sizes},
        fill_holes=[*one.fill_holes, *other.fill_holes],
    )


# By image: what a step adds to the right pixels, and to the predicted pixels, of each class.
_Changes = dict[int, tuple[np.ndarray, np.ndarray]]


class _Gains:
    """The gain in mean IoU of a postprocessing, from what it changes in each image.

    Args:
        maps: `PredictedMaps`.
        drawn: float array (samples, images). How often each image is in each bootstrap sample.
    """

    def __init__(self, maps: PredictedMaps, drawn: np.ndarray) -> None:
        self.maps, self.drawn, self.classes = maps, drawn, len(maps.class_names)
        self.counted = counted_classes(self.classes, maps.ignore_class)
        right, union = np.zeros((2, len(maps), self.classes))
        self.held = np.zeros((len(maps), self.classes), bool)
        for position in range(len(maps)):
            mask, ids = maps.get(position)
            self.held[position] = np.bincount(ids.ravel(), minlength=self.classes)[: self.classes] > 0
            mask, ids = mask[mask < self.classes], ids[mask < self.classes]
            right[position] = self._count(ids[ids == mask])
            union[position] = self._count(mask) + self._count(ids) - right[position]
        self.right, self.union = right.sum(axis=0), union.sum(axis=0)
        self.right_of_samples, self.union_of_samples = drawn @ right, drawn @ union
        self.mean_iou = float(mean_iou(self.right, self.union))

    def changes(self, step: Postprocessing) -> _Changes:
        """What a step changes, image by image."""
        found = {}
        for position in np.flatnonzero(self.held[:, list(step.classes)].any(axis=1)):
            mask, ids = self.maps.get(int(position))
            cleaned = step(ids)
            changed = (cleaned != ids) & (mask < self.classes)
            if changed.any():
                mask, before, after = mask[changed], ids[changed], cleaned[changed]
                right = self._count(after[after == mask]) - self._count(before[before == mask])
                found[int(position)] = (right, self._count(after) - self._count(before))
        return found

    def value(self, changes: _Changes) -> float:
        """The gain on all images."""
        right, predicted = (np.sum(part, axis=0) for part in zip(*changes.values(), strict=True))
        return float(mean_iou(self.right + right, self.union + predicted - right)) - self.mean_iou

    def interval(self, changes: _Changes, level: float) -> Interval:
        """The gain with its interval."""
        right, predicted = (np.stack(part) for part in zip(*changes.values(), strict=True))
        drawn = self.drawn[:, list(changes)]
        of_samples = mean_iou(
            self.right_of_samples + drawn @ right, self.union_of_samples + drawn @ (predicted - right)
        )
        without = mean_iou(self.right_of_samples, self.union_of_samples)
        return interval_of(self.value(changes), of_samples - without, level)

    def _count(self, ids: np.ndarray) -> np.ndarray:
        """Pixels per class; none of ignored classes, which thus occur nowhere and are not in the mean."""
        return np.bincount(ids.ravel(), minlength=self.classes) * self.counted.astype("float64")
