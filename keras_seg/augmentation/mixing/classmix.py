"""ClassMix."""

import keras

from keras_seg import _validation
from keras_seg._validation import InputError
from keras_seg.augmentation.mixing.step import MixingStep, partners, paste


@keras.saving.register_keras_serializable("keras_seg")
class ClassMix(MixingStep):
    """Paste half of the classes of another image of the batch, each with all its pixels.

    Classes and with them instances stay whole, so that pasted contours are contours of objects. Image, mask, weights
    and instance ids of a pixel all come from the same image. Ids of pasted instances are raised above those that are
    there. Ignored pixels are never pasted. For batches of two or more.

    Args:
        num_classes: number of classes, ids 0 to num_classes - 1.
        share: of the classes that the other image holds, 0..1, rounded up. Defaults to 0.5.
        probability: for each image, 0..1. Defaults to 0.5.

    Raises:
        InputError: an argument is out of its range; in use, a single image, or no mask.

    Examples:
        >>> import keras_seg as ks
        >>> ks.augmentation.ClassMix(num_classes=11)
        ClassMix(num_classes=11, share=0.5, probability=0.5)

    Reference:
        Olsson et al.: ClassMix, WACV 2021, section 3.1.
    """

    def __init__(self, num_classes, *, share=0.5, probability=0.5):
        super().__init__(probability)
        self.num_classes = _validation.integer("num_classes", num_classes)
        self.share = _validation.number("share", share, 0.0, 1.0)

    @property
    def draws(self):
        """One for the partner, and one a class."""
        return 1 + self.num_classes

    def apply(self, ops, batch, draws, settings):
        """See `MixingStep`."""
        if "mask" not in batch:
            raise InputError("`mask` is missing: ClassMix chooses the pixels to paste by their classes. Pass a mask.")
        partner = partners(ops, draws[:, 1], "ClassMix")
        mask = ops.take(batch["mask"], partner, axis=0)
        images, height, width, _ = ops.shape(mask)
        present = ops.stack([ops.any(mask == c, axis=(1, 2, 3)) for c in range(self.num_classes)], axis=1)
        counts = [c not in settings.ignore_class for c in range(self.num_classes)]
        present = ops.logical_and(present, ops.convert_to_tensor(counts)[None])
        # The classes that are there, in random order; the first ones are pasted.
        rank = ops.where(present, draws[:, 2:], 2.0)
        count = ops.sum(ops.cast(present, "int32"), axis=1)
        wanted = -ops.floor(-(ops.cast(count, "float32") * self.share) + 1e-4)
        ordered = ops.sort(rank, axis=1)
        before = ops.sum(ops.cast(rank[:, :, None] > ordered[:, None, :], "float32"), axis=2)
        chosen = ops.logical_and(present, before < wanted[:, None])
        ids = ops.reshape(ops.clip(mask, 0, self.num_classes - 1), (images, height * width))
        flat = ids + self.num_classes * ops.arange(images, dtype="int32")[:, None]
        where = ops.take(ops.reshape(ops.cast(chosen, "int32"), (-1,)), flat, axis=0)
        where = ops.reshape(where, (images, height, width, 1)) > 0
        inside = ops.logical_and(mask >= 0, mask < self.num_classes)
        where = ops.logical_and(ops.logical_and(where, inside), self.active(draws)[:, None, None, None])
        return paste(ops, batch, partner, where)
