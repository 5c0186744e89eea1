"""Labeled images in batches, from a folder, an index or batches; and what a model predicts for them."""

import dataclasses
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import keras
import numpy as np

from keras_seg import _validation
from keras_seg._graph import functional_graph
from keras_seg._progress import check_progress, progress_report
from keras_seg._types import IgnoreClass, PathLike, Progress
from keras_seg.data import (
    FolderIndex,
    InstanceIndex,
    MultiLabelIndex,
    find_instance_splits,
    find_splits,
    scan_folder,
    scan_instances,
    scan_multilabel,
)
from keras_seg.data.index.data_index import DataIndex
from keras_seg.data.pipeline.decoded_store import DecodedStore
from keras_seg.data.pipeline.from_folder import refuse_scan_arguments
from keras_seg.inference.output_kind import check_finite, readable, single_output

# (positions, images, labels): images float32 (batch, height, width, channels), labels (batch, height, width).
Batch = tuple[Sequence[int], np.ndarray, np.ndarray]
_IMAGES_TOGETHER = 4
_BATCHES = "Pass a list of batches such as [(images, masks)], a finite tf.data.Dataset, an index or a folder."


@dataclasses.dataclass(frozen=True, kw_only=True)
class LabeledImages:
    """Images and their labels, each batch of one size, so that nothing that is evaluated has to be padded.

    Attributes:
        batches: function without arguments. Iterates over the batches.
        count: int, the number of images; None where it is not known in advance.
        ignore_class: tuple of int, the labels to leave out.
        class_names: tuple of str, or None for maps of objects.
        index: the index they come from, or None for batches.
    """

    batches: Callable[[], Iterator[Batch]]
    count: int | None
    ignore_class: tuple[int, ...]
    class_names: tuple[str, ...] | None = None
    index: FolderIndex | InstanceIndex | MultiLabelIndex | None = None


def labeled_classes(
    data: FolderIndex | LabeledImages | PathLike | Iterable[Any],
    *,
    split: str | None,
    num_classes: int | None = None,
    ignore_class: IgnoreClass,
    class_names: Sequence[str] | None = None,
    model_classes: int | None = None,
    batch_size: int | None,
    default_size: int = _IMAGES_TOGETHER,
    repeated: bool = False,
) -> LabeledImages:
    """Images with masks of class ids.

    Args:
        data: a `FolderIndex`, a folder, or batches (images, masks); `LabeledImages` are returned as they are.
        split: None or str. Of a folder; None for "val" where there is one.
        num_classes: None or int. Of a folder; None to find out. Defaults to None.
        ignore_class: labels to leave out; an index has its own.
        class_names: None or names of the classes; an index has its own. Defaults to None.
        model_classes: None or int. The classes that the data must have. Defaults to None, for any number.
        batch_size: None or int. Images of one size of a folder or index that are predicted together.
        default_size: int. That number where `batch_size` is None. Defaults to 4.
        repeated: bool. Whether the batches are iterated over more than once. Defaults to False.

    Raises:
        InputError: for other data, and arguments that the data cannot follow.
    """
    if isinstance(data, LabeledImages):
        return data
    size = _checked_size(batch_size, data, default_size)
    if isinstance(data, (str, os.PathLike)):
        data = scan_folder(
            data,
            split=_split(find_splits(data), split),
            num_classes=model_classes if num_classes is None else num_classes,
            ignore_class=ignore_class,
            class_names=class_names,
        )
    elif isinstance(data, FolderIndex):
        refuse_scan_arguments(data, split, num_classes, ignore_class=ignore_class, class_names=class_names)
    if isinstance(data, FolderIndex):
        if model_classes not in (None, data.num_classes):
            rule = f"must have the {data.num_classes} classes of {data.path}"
            _validation.fail("model", rule, f"a model of {model_classes} classes")
        return LabeledImages(
            batches=lambda: _of_index(data, size),
            count=len(data),
            ignore_class=data.ignore_class,
            class_names=tuple(data.class_names),
            index=data,
        )
    _check_batches(data, repeated=repeated, split=split, num_classes=num_classes)
    return LabeledImages(
        batches=lambda: _of_batches(data),
        count=_count(data),
        ignore_class=_validation.ignored_classes(ignore_class),
        class_names=None if model_classes is None else _validation.class_names(class_names, model_classes),
    )


def labeled_objects(
    data: InstanceIndex | LabeledImages | PathLike | Iterable[Any],
    *,
    split: str | None,
    ignore_class: IgnoreClass,
    batch_size: int | None,
) -> LabeledImages:
    """Images with maps that number their objects, -1 where a pixel does not count.

    Args:
        data: an `InstanceIndex`, a folder, or batches (images, maps); `LabeledImages` are returned as they are.
        split: None or str. Of a folder; None for "val" where there is one.
        ignore_class: labels to leave out, which become -1; an index has its own.
        batch_size: None or int. Images of one size of a folder or index that are predicted together; None for 4.

    Raises:
        InputError: for other data, and arguments that the data cannot follow.
    """
    if isinstance(data, LabeledImages):
        return data
    size = _checked_size(batch_size, data)
    if isinstance(data, (str, os.PathLike)):
        data = scan_instances(data, split=_split(find_instance_splits(data), split), ignore_class=ignore_class)
    elif isinstance(data, InstanceIndex):
        refuse_scan_arguments(data, split, None, ignore_class=ignore_class)
    if isinstance(data, InstanceIndex):
        return LabeledImages(
            batches=lambda: _of_index(data, size),
            count=len(data),
            ignore_class=data.ignore_class,
            index=data,
        )
    _check_batches(data, split=split)
    ignored = _validation.ignored_classes(ignore_class)

    def batches() -> Iterator[Batch]:
        for positions, images, ids in _of_batches(data):
            if ids.dtype.kind not in "iub":
                _validation.fail("data", "must number the objects in integer maps", str(ids.dtype))
            yield positions, images, np.where(np.isin(ids, ignored), -1, ids.astype("int64"))

    return LabeledImages(batches=batches, count=_count(data), ignore_class=(-1,))


def labeled_sets(
    data: MultiLabelIndex | LabeledImages | PathLike, *, split: str | None, model_classes: int, batch_size: int | None
) -> LabeledImages:
    """Images with the classes of each pixel as bits.

    Args:
        data: a `MultiLabelIndex`, or a folder; `LabeledImages` are returned as they are.
        split: None or str. Of a folder; None for "val" where there is one.
        model_classes: int. The classes that the data must have.
        batch_size: None or int. Images of one size that are predicted together; None for 4.

    Raises:
        InputError: for other data, and arguments that the data cannot follow.
    """
    if isinstance(data, LabeledImages):
        return data
    if isinstance(data, (str, os.PathLike)):
        data = scan_multilabel(data, split=_split(find_splits(data), split))
    elif not isinstance(data, MultiLabelIndex):
        fix = "Read the folder with scan_multilabel."
        _validation.fail("data", "must be a MultiLabelIndex or the path of a folder", type(data).__name__, fix)
    else:
        refuse_scan_arguments(data, split, None, ignore_class=None)
    index, size = data, _IMAGES_TOGETHER if batch_size is None else _validation.integer("batch_size", batch_size)
    if model_classes != index.num_classes:
        rule = f"must give a channel for each of the {index.num_classes} classes of {index.path}"
        _validation.fail("model", rule, f"a model of {model_classes} channels")
    return LabeledImages(
        batches=lambda: _of_index(index, size),
        count=len(index),
        ignore_class=(),
        class_names=index.class_names,
        index=index,
    )


def _checked_size(batch_size: int | None, data: Any, default: int = _IMAGES_TOGETHER) -> int:
    """The number of images to predict together, which batches have decided."""
    if batch_size is None:
        return default
    if not isinstance(data, (str, os.PathLike, FolderIndex, InstanceIndex)):
        _validation.fail("batch_size", "applies to a folder or index only", batch_size, "Batches have their own size.")
    return _validation.integer("batch_size", batch_size)


def each_prediction(
    model: keras.Model, labeled: LabeledImages, *, channels: int | None = None, progress: Progress = None
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """(position, labels, scores (height, width, channels)) of every image.

    Args:
        model: keras.Model with one output of scores at any size.
        labeled: the images and their labels.
        channels: None or int. How many channels the model must have. Defaults to None, for any number.
        progress: None, bool or function (images done, images or None).

    Raises:
        InputError: the model has several outputs or another number of channels, or predicts NaN or at another size.
    """
    found = output_channels(model)
    if channels is not None and found != channels:
        fix = "Pass a model that was trained for this task."
        _validation.fail("model", f"must give {channels} channels", f"a model of {found} channels", fix)
    done = 0
    with reported(progress, labeled.count) as report:
        for positions, images, labels in labeled.batches():
            (scores,) = keras.tree.flatten(model.predict_on_batch(images))
            scores = readable(scores)
            _check_size(scores, labels)
            check_finite(scores, "The scores of `model`", allow_infinity=True)
            yield from zip(positions, labels, scores, strict=True)
            done += len(images)
            report(done)
    if not done:
        _validation.fail("data", "must hold at least one image", "no batches")


def output_channels(model: keras.Model) -> int:
    """Channels of the one output of a functional model."""
    functional_graph(model)  # Fails for a model without a graph.
    output: Any = single_output(model)
    return output.shape[-1]


def reported(progress: Progress, total: int | None, unit: str = "images") -> Any:
    """A context with a function of the number done, which `progress` shows."""
    check_progress(progress)
    return progress_report(progress, total=total, unit=unit)


def spread(count: int, most: int) -> list[int]:
    """Positions of at most `most` of `count` images, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(int)).tolist()


def _check_size(scores: np.ndarray, labels: np.ndarray) -> None:
    """Refuse scores that are not (batch, height, width, channels) of the size of the labels (batch, height, width)."""
    if scores.ndim != 4 or scores.shape[:3] != labels.shape:
        rule = f"must give scores (height, width, channels) for images of {labels.shape[1]} x {labels.shape[2]} pixels"
        fix = "Bring its output to the size of the image, for example with layers.ResizeLike."
        _validation.fail("model", rule, f"scores of shape {scores.shape[1:]}", fix)


def _split(splits: Sequence[str], split: str | None) -> str | None:
    if split is None and splits:
        return "val" if "val" in splits else splits[0]
    return split


def _of_index(index: DataIndex, batch_size: int) -> Iterator[Batch]:
    """The examples of an index, those of one size together."""
    store = DecodedStore(index)
    for positions in positions_together(index, batch_size):
        images, labels = zip(*map(store.get, positions), strict=True)
        yield positions, np.stack(images).astype("float32"), np.stack(labels).astype("int32")


def positions_together(index: DataIndex, batch_size: int = _IMAGES_TOGETHER) -> Iterator[list[int]]:
    """The positions of an index in the batches that are predicted together: those of one size."""
    of_size: dict[tuple[int, ...], list[int]] = {}
    for position, size in enumerate(index.sizes):
        of_size.setdefault(tuple(size), []).append(position)
    for group in of_size.values():
        for start in range(0, len(group), batch_size):
            yield group[start : start + batch_size]


def _check_batches(data: Any, *, repeated: bool = False, **of_folder: Any) -> None:
    for name, value in of_folder.items():
        if value is not None:
            _validation.fail(name, "applies to a folder only", value, "Drop it, or pass the path of a folder as data.")
    if isinstance(data, (FolderIndex, InstanceIndex)):
        scan = "scan_folder" if isinstance(data, InstanceIndex) else "scan_instances"
        _validation.fail("data", "must be an index of this task", type(data).__name__, f"Read the folder with {scan}.")
    cardinality = getattr(data, "cardinality", None)
    if not hasattr(data, "__iter__") or (cardinality is not None and int(cardinality()) == -1):
        _validation.fail("data", "must be finite batches (images, masks)", type(data).__name__, _BATCHES)
    if repeated and hasattr(data, "__next__"):
        _validation.fail("data", "is read twice, and a generator can be read only once", data, _BATCHES)


def _of_batches(data: Iterable[Any]) -> Iterator[Batch]:
    done = 0
    for batch in data:
        if not isinstance(batch, (tuple, list)) or len(batch) < 2:
            _validation.fail("data", "must hold batches (images, masks)", type(batch).__name__, _BATCHES)
        images, labels = np.asarray(batch[0], "float32"), np.asarray(batch[1])
        labels = labels[..., 0] if labels.ndim == 4 and labels.shape[-1] == 1 else labels
        if images.ndim != 4 or labels.shape != images.shape[:3]:
            rule = "must hold images (batch, height, width, channels) and masks (batch, height, width)"
            single = images.ndim == 3 and labels.shape == images.shape[:2]
            fix = "Give single images a batch axis: (image[None], mask[None])." if single else ""
            _validation.fail("data", rule, (images.shape, labels.shape), fix)
        yield range(done, done + len(images)), images, labels
        done += len(images)


def _count(data: Any) -> int | None:
    """The number of images in a list of batches; other data would have to be read for it."""
    if isinstance(data, (list, tuple)) and all(isinstance(batch, (list, tuple)) and batch for batch in data):
        return sum(len(batch[0]) for batch in data)
    return None
