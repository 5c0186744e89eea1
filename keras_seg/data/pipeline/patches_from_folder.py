"""Patches around labeled pixels, to train a patch classifier."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from keras_seg import _validation
from keras_seg._types import IgnoreClass, PathLike, Size, Tensor
from keras_seg._validation import InputError
from keras_seg.data.index.data_index import DataIndex
from keras_seg.data.index.folder_index import FolderIndex, scan_folder
from keras_seg.data.index.pairs import ListedPairs
from keras_seg.data.pipeline.batches import BatchSettings, ExampleOrder, batches
from keras_seg.data.pipeline.decoded_store import DecodedStore
from keras_seg.data.pipeline.from_folder import refuse_scan_arguments

if TYPE_CHECKING:
    import tensorflow as tf

BORDERS = ("reflect", "inside")


def patches_from_folder(
    path: PathLike | ListedPairs | FolderIndex,
    *,
    split: str | None = None,
    num_classes: int | None = None,
    ignore_class: IgnoreClass = None,
    batch_size: int = 64,
    seed: int = 0,
    cache: bool | PathLike = "memory",
    repeat: bool = False,
    first_epoch: int = 0,
    steps_per_epoch: int = 100,
    workers: int | None = None,
    patch_size: Size = 64,
    balanced: bool = True,
    border: str = "reflect",
) -> tf.data.Dataset:
    """A `tf.data.Dataset` of patches and the class of their center pixel, for `model.fit` on every backend.

    Each example is a labeled pixel drawn at random, with the patch around it. With `balanced`, the classes take turns,
    so that a street and a bicycle are seen equally often; the pixel is drawn uniformly from all pixels of the class.
    Without, all labeled pixels are equally likely, and classes occur in proportion to their area. A classifier trained
    on balanced patches overestimates rare classes; if that matters, multiply its probabilities by the class shares,
    `index.class_pixels`.

    The center of a patch of height P is its row `P // 2`, so `inference.sliding_window` of an image mirrored by
    `P // 2` pixels at the top and `P - 1 - P // 2` at the bottom has the scores of pixel (i, j) at (i, j).

    The patches are a function of (seed, epoch, position): the same arguments give the same patches, and every epoch
    different ones. With `repeat=True`, `first_epoch=k` continues where epoch k would have begun.

    Other arguments: see `from_folder`.

    Args:
        path: a `FolderIndex`, or the `path` of `scan_folder`.
        batch_size: int >= 1. Defaults to 64.
        cache: see `from_folder`; every patch needs its image decoded. Defaults to "memory".
        steps_per_epoch: int >= 1. Batches per epoch. Defaults to 100.
        workers: int >= 1. Patches cut in parallel. Defaults to None: tf.data chooses.
        patch_size: int or pair (height, width), at most the size of the smallest image. Defaults to 64.
        balanced: bool. Whether classes take turns; classes without pixels are skipped. Defaults to True.
        border: "reflect" draws every labeled pixel and mirrors the image where a patch extends beyond it; "inside"
            draws only pixels whose patch lies inside the image. Defaults to "reflect".

    Returns:
        `tf.data.Dataset` of (patch, class): float32 (batch, patch_height, patch_width, channels) in 0..255 and int32
        (batch,).

    Raises:
        InputError: The folder or an argument cannot be used, no pixel can be drawn, or an image is smaller than the
            patch.
        ImportError: TensorFlow is missing; it runs the input pipeline on every backend.

    Examples:
        >>> import tempfile
        >>> from keras_seg.data import write_shapes
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = write_shapes(folder, train=4, val=2, image_size=(48, 64))
        ...     dataset = patches_from_folder(path, split="train", batch_size=8, patch_size=32)
        ...     images, classes = next(iter(dataset))
        >>> images.shape, classes.shape
        (TensorShape([8, 32, 32, 3]), TensorShape([8]))

    Reference:
        Ciresan et al., "Deep Neural Networks Segment Neuronal Membranes in Electron Microscopy Images", NIPS 2012,
        section 2, for classifying the center pixel of a patch and for balanced sampling.
    """
    tf = _validation.optional_import("tensorflow", "tensorflow", "`patches_from_folder` (tf.data)")
    size = _validation.pair("patch_size", patch_size)
    _validation.boolean("balanced", balanced)
    _validation.one_of("border", border, BORDERS)
    steps = _validation.integer("steps_per_epoch", steps_per_epoch)
    _validation.integer("batch_size", batch_size)
    if isinstance(path, FolderIndex):
        index = path
        refuse_scan_arguments(index, split, num_classes, ignore_class=ignore_class)
    elif isinstance(path, DataIndex):
        fix = "Scan a folder of class masks with scan_folder."
        _validation.fail("path", "must be a FolderIndex or the path of a folder", type(path).__name__, fix)
    else:
        index = scan_folder(path, split=split, num_classes=num_classes, ignore_class=ignore_class)
    for pair, sides in zip(index.pairs, index.sizes, strict=True):
        if sides[0] < size[0] or sides[1] < size[1]:
            fix = f"{pair.image} has {sides[0]}x{sides[1]} pixels: choose smaller patches or remove the file."
            _validation.fail("patch_size", "must be at most the size of the smallest image", patch_size, fix)
    order = ExampleOrder(
        count=steps * batch_size,
        batch_size=batch_size,
        seed=seed,
        repeat=repeat,
        first_epoch=first_epoch,
        steps_per_epoch=steps,
    )
    sampler = _Sampler(index, DecodedStore(index, cache=cache), size, balanced=balanced, border=border)

    def once(_: Tensor) -> tf.data.Dataset:
        return tf.data.Dataset.range(order.count)

    def load(drawn: Tensor) -> tuple[Tensor, Tensor]:
        patch, label = tf.numpy_function(sampler.draw, drawn, (tf.float32, tf.int32), stateful=False)
        patch.set_shape((*size, index.channels))
        label.set_shape(())
        return patch, label

    # A patch is drawn with the seed of its example.
    drawn = order.epochs(once).map(lambda key, position: (key, (key, position)))
    return batches(drawn, load, order, BatchSettings(workers=workers))


class _Sampler:
    """Draws pixels of an index and cuts the patches around them.

    Args:
        index: a `FolderIndex`.
        store: its `DecodedStore`.
        size: (height, width) of the patches.
        balanced: whether classes take turns.
        border: one of `BORDERS`.
    """

    def __init__(
        self, index: FolderIndex, store: DecodedStore, size: tuple[int, int], *, balanced: bool, border: str
    ) -> None:
        self.index, self.store, self.size, self.balanced = index, store, size, balanced
        self.middle = tuple(side // 2 for side in size)
        # Rows and columns at either end that are not the center of a patch inside the image.
        ends = [(middle, side - 1 - middle) for middle, side in zip(self.middle, size, strict=True)]
        self.margins = ends if border == "inside" else [(0, 0), (0, 0)]
        counts = index.pixel_counts
        if border == "inside":
            of_images = (np.bincount(self._inner(n).clip(-1).ravel() + 1, minlength=1) for n in range(len(index)))
            counts = np.stack(
                [np.pad(count, (0, index.num_classes + 1))[1:][: index.num_classes] for count in of_images]
            )
        self.counts = counts
        self.classes = np.flatnonzero(counts.sum(axis=0))
        if not len(self.classes):
            where = " whose patch lies in the image" if border == "inside" else ""
            raise InputError(
                f"{index.path}: holds no pixel of any class{where}. Check num_classes and ignore_class"
                + (', choose smaller patches, or pass border="reflect".' if where else ".")
            )

    def draw(self, key: np.ndarray, position: int) -> tuple[np.ndarray, np.int32]:
        """The patch and the class of one example: float32 (height, width, channels) and int32."""
        rng = np.random.default_rng([int(part) & 0xFFFFFFFFFFFFFFFF for part in key])
        classes = self.classes[[int(position) % len(self.classes)]] if self.balanced else self.classes
        # The pixels of these classes in all images, numbered consecutively.
        ends = np.cumsum(self.counts[:, classes].sum(axis=1))
        pixel = rng.integers(ends[-1])
        number = int(np.searchsorted(ends, pixel, side="right"))
        mask = self._inner(number)
        fits = mask == classes[0] if self.balanced else np.isin(mask, classes)
        place = np.flatnonzero(fits)[pixel - ends[number]]
        row, column = (int(side) for side in np.unravel_index(place, mask.shape))
        row, column = row + self.margins[0][0], column + self.margins[1][0]
        image, mask = self.store.get(number)
        return self._cut(image, row, column), np.int32(mask[row, column])

    def _inner(self, number: int) -> np.ndarray:
        """The part of a mask whose pixels may be drawn, with -1 for ignored pixels."""
        mask = self.store.get(number)[1].astype("int64")
        (top, bottom), (left, right) = self.margins
        mask = mask[top : mask.shape[0] - bottom, left : mask.shape[1] - right]
        return np.where(np.isin(mask, self.index.ignore_class), -1, mask)

    def _cut(self, image: np.ndarray, row: int, column: int) -> np.ndarray:
        for axis, (place, side, middle) in enumerate(zip((row, column), self.size, self.middle, strict=True)):
            positions = np.arange(place - middle, place - middle + side)
            last = image.shape[axis] - 1
            # A patch is at most as large as the image, so mirroring once is enough.
            positions = np.abs(positions)
            image = image.take(np.where(positions > last, 2 * last - positions, positions), axis=axis)
        return image.astype("float32")
