"""ClassMix."""

from collections.abc import Sequence

import keras

from keras_seg import _validation
from keras_seg._types import Tensor
from keras_seg._validation import InputError
from keras_seg.augmentation.mixing.step import MixingStep, partners, paste
from keras_seg.augmentation.namespace import Namespace


@keras.saving.register_keras_serializable("keras_seg")
class ClassMix(MixingStep):
    """Paste half of the classes of another image of the batch, each with all its pixels.

    Classes, and their instances, stay whole, so that pasted contours are contours of objects. Image, mask, weight and
    instance id of a pixel all come from the same image. Pasted instances are numbered after those of the image. Ignored
    pixels are never pasted. A batch of one image stays as it is.

    Args:
        num_classes: int, ids 0 to num_classes - 1.
        fraction: float in 0..1, of the classes in the other image, rounded up. Defaults to 0.5.

    `probability` and errors: see `Augmentation`. In use, it also refuses an image without a batch axis, or no mask.

    Examples:
        >>> import keras_seg as ks
        >>> ks.augmentation.ClassMix(num_classes=11)
        ClassMix(num_classes=11, fraction=0.5, probability=0.5)

    Reference:
        Olsson et al.: ClassMix, WACV 2021, section 3.1.
    """

    _mixes_images = True

    def __init__(self, num_classes: int, *, fraction: float = 0.5, probability: float = 0.5) -> None:
        super().__init__(probability)
        self.num_classes = _validation.integer("num_classes", num_classes)
        self.fraction = _validation.number("fraction", fraction, 0.0, 1.0)
        # One for the partner, and one per class.
        self._draws = 1 + self.num_classes

    def _apply(
        self, ops: Namespace, batch: dict[str, Tensor], draws: Tensor, ignore_class: Sequence[int]
    ) -> dict[str, Tensor]:
        if "mask" not in batch:
            raise InputError("`mask` is missing: ClassMix chooses the pixels to paste by their classes. Pass a mask.")
        partner = partners(ops, draws[:, 1])
        mask = ops.take(batch["mask"], partner, axis=0)
        images, height, width, _ = ops.shape(mask)
        present = ops.stack([ops.any(mask == c, axis=(1, 2, 3)) for c in range(self.num_classes)], axis=1)
        counts = [c not in ignore_class for c in range(self.num_classes)]
        present = ops.logical_and(present, ops.convert_to_tensor(counts)[None])
        # The classes that are present, in random order; the first ones are pasted.
        rank = ops.where(present, draws[:, 2:], 2.0)
        count = ops.sum(ops.cast(present, "int32"), axis=1)
        wanted = -ops.floor(-(ops.cast(count, "float32") * self.fraction) + 1e-4)
        ordered = ops.sort(rank, axis=1)
        before = ops.sum(ops.cast(rank[:, :, None] > ordered[:, None, :], "float32"), axis=2)
        chosen = ops.logical_and(present, before < wanted[:, None])
        ids = ops.reshape(ops.clip(mask, 0, self.num_classes - 1), (images, height * width))
        flat = ids + self.num_classes * ops.arange(images, dtype="int32")[:, None]
        where = ops.take(ops.reshape(ops.cast(chosen, "int32"), (-1,)), flat, axis=0)
        where = ops.reshape(where, (images, height, width, 1)) > 0
        inside = ops.logical_and(mask >= 0, mask < self.num_classes)
        where = ops.logical_and(ops.logical_and(where, inside), self._active(draws)[:, None, None, None])
        return paste(ops, batch, partner, where)
