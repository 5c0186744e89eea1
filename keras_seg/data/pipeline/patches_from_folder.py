"""Patches around labeled pixels, to train a classifier of patches with."""

import numpy as np

from keras_seg import _validation
from keras_seg._validation import InputError
from keras_seg.data.index.folder_index import FolderIndex, scan_folder
from keras_seg.data.pipeline.batches import Finish, Schedule, batches
from keras_seg.data.pipeline.decoded_store import DecodedStore
from keras_seg.data.pipeline.from_folder import refuse_scan_arguments

BORDERS = ("reflect", "inside")


def patches_from_folder(
    path,
    *,
    patch_size=64,
    batch_size=64,
    balanced=True,
    seed=0,
    steps_per_epoch=100,
    border="reflect",
    split=None,
    num_classes=None,
    ignore_class=None,
    cache="memory",
    repeat=False,
    first_epoch=0,
    workers=None,
):
    """A `tf.data.Dataset` of patches and the class of the pixel in their middle, for `model.fit` on every backend.

    Each example is a labeled pixel drawn at random, with the patch around it. With `balanced`, the classes take turns,
    so that a street and a bicycle are seen equally often; the pixel is drawn from all those of the class, each as
    likely as any other. Without, all labeled pixels are equally likely, and classes come as often as they are large. A
    classifier trained on balanced patches overrates rare classes; multiply its probabilities by the shares of the
    classes, `index.class_pixels`, where that matters.

    The middle of a patch of height P is its row `P // 2`, so that `inference.sliding_window` of an image mirrored by
    `P // 2` pixels at the top and `P - 1 - P // 2` at the bottom has its scores (i, j) at the pixel (i, j).

    What is drawn is a function of (seed, epoch, position): the same arguments give the same patches, in other epochs
    others. With `repeat=True`, `first_epoch=k` goes on where epoch k would have begun.

    Args:
        path: a `FolderIndex`, or what `scan_folder` takes.
        patch_size: int or pair (height, width), at most that of the smallest image. Defaults to 64.
        batch_size: int. Defaults to 64.
        balanced: bool. Classes without a pixel are left out of the turns. Defaults to True.
        seed: int of at least 0. Defaults to 0.
        steps_per_epoch: int, batches an epoch. Defaults to 100.
        border: `"reflect"` takes every labeled pixel and mirrors the image where a patch reaches beyond it;
            `"inside"` takes only those whose patch lies in the image. Defaults to `"reflect"`.
        split: as for `scan_folder`, where `path` is no `FolderIndex`. Defaults to None.
        num_classes: likewise.
        ignore_class: likewise.
        cache: as for `from_folder`; every patch needs its image decoded. Defaults to `"memory"`.
        repeat: bool, go on without end; pass `steps_per_epoch` to `model.fit` too then. Defaults to False.
        first_epoch: int, number of the epoch to begin with. Needs `repeat`. Defaults to 0.
        workers: int, patches cut at the same time; tf.data chooses by default.

    Returns:
        `tf.data.Dataset` of (patch, class): float32 (batch, patch_height, patch_width, channels) in 0..255 and int32
        (batch,).

    Raises:
        InputError: the folder or an argument cannot be used, no pixel of any class can be taken, or an image is
            smaller than the patch.

    Examples:
        >>> import tempfile
        >>> from keras_seg.data import write_shapes
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_shapes(folder, train=4, val=2, size=(48, 64))
        ...     dataset = patches_from_folder(folder, patch_size=32, batch_size=8, split="train")
        ...     images, classes = next(iter(dataset))
        >>> images.shape, classes.shape
        (TensorShape([8, 32, 32, 3]), TensorShape([8]))

    Reference: Ciresan et al., "Deep Neural Networks Segment Neuronal Membranes in Electron Microscopy Images", NIPS
        2012, section 2, for classifying the pixel in the middle of a patch and for balanced sampling.
    """
    tf = _validation.optional_import("tensorflow", "tensorflow", "`patches` (tf.data)")
    size = _validation.pair("patch_size", patch_size)
    _validation.boolean("balanced", balanced)
    _validation.one_of("border", border, BORDERS)
    steps = _validation.integer("steps_per_epoch", steps_per_epoch)
    _validation.integer("batch_size", batch_size)
    index = path
    if isinstance(path, FolderIndex):
        refuse_scan_arguments(index, split, num_classes, ignore_class=ignore_class)
    else:
        index = scan_folder(path, split=split, num_classes=num_classes, ignore_class=ignore_class)
    for pair, sides in zip(index.pairs, index.sizes, strict=True):
        if sides[0] < size[0] or sides[1] < size[1]:
            fix = f"{pair.image} has {sides[0]}x{sides[1]} pixels: choose smaller patches or leave it out."
            _validation.fail("patch_size", "must be at most the size of the smallest image", patch_size, fix)
    schedule = Schedule(
        count=steps * batch_size,
        batch_size=batch_size,
        seed=seed,
        repeat=repeat,
        first_epoch=first_epoch,
        steps_per_epoch=steps,
    )
    sampler = _Sampler(DecodedStore(index, cache=cache), size, balanced, border)

    def once(_):
        return tf.data.Dataset.range(schedule.count)

    def load(drawn):
        patch, label = tf.numpy_function(sampler.draw, drawn, (tf.float32, tf.int32), stateful=False)
        patch.set_shape((*size, index.channels))
        label.set_shape(())
        return patch, label

    # The seed of an example is what it is drawn with.
    drawn = schedule.walk(once).map(lambda key, position: (key, (key, position)))
    return batches(drawn, load, schedule, Finish(None, None, workers))


class _Sampler:
    """Draws pixels of an index and cuts the patches around them.

    Args:
        store: a `DecodedStore`.
        size: (height, width) of the patches.
        balanced: whether classes take turns.
        border: one of `BORDERS`.
    """

    def __init__(self, store, size, balanced, border):
        self.store, self.size, self.balanced = store, size, balanced
        self.middle = tuple(side // 2 for side in size)
        # Rows and columns at either end that are no middle of a patch inside the image.
        ends = [(middle, side - 1 - middle) for middle, side in zip(self.middle, size, strict=True)]
        self.margins = ends if border == "inside" else [(0, 0), (0, 0)]
        index = store.index
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

    def draw(self, key, position):
        """The patch and the class of one example: float32 (height, width, channels) and int32."""
        rng = np.random.default_rng([int(part) & 0xFFFFFFFFFFFFFFFF for part in key])
        classes = self.classes[[int(position) % len(self.classes)]] if self.balanced else self.classes
        # All pixels of these classes in all images, counted through.
        ends = np.cumsum(self.counts[:, classes].sum(axis=1))
        pixel = rng.integers(ends[-1])
        number = int(np.searchsorted(ends, pixel, side="right"))
        mask = self._inner(number)
        fits = mask == classes[0] if self.balanced else np.isin(mask, classes)
        place = np.flatnonzero(fits)[pixel - ends[number]]
        row, column = np.unravel_index(place, mask.shape)
        row, column = row + self.margins[0][0], column + self.margins[1][0]
        image, mask = self.store.get(number)
        return self._cut(image, row, column), np.int32(mask[row, column])

    def _inner(self, number):
        """The part of a mask whose pixels may be taken; ignored pixels are of no class."""
        mask = self.store.get(number)[1].astype("int64")
        (top, bottom), (left, right) = self.margins
        mask = mask[top : mask.shape[0] - bottom, left : mask.shape[1] - right]
        return np.where(np.isin(mask, self.store.index.ignore_class), -1, mask)

    def _cut(self, image, row, column):
        for axis, (place, side, middle) in enumerate(zip((row, column), self.size, self.middle, strict=True)):
            positions = np.arange(place - middle, place - middle + side)
            last = image.shape[axis] - 1
            # A patch is at most as large as the image, so mirroring once is enough.
            positions = np.abs(positions)
            image = image.take(np.where(positions > last, 2 * last - positions, positions), axis=axis)
        return image.astype("float32")
