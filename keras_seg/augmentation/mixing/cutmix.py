"""CutMix."""

from collections.abc import Sequence

import keras

from keras_seg._types import Tensor
from keras_seg.augmentation import intervals
from keras_seg.augmentation.intervals import Interval
from keras_seg.augmentation.mixing.step import MixingStep, partners, paste, rectangle
from keras_seg.augmentation.namespace import Namespace


@keras.saving.register_keras_serializable("keras_seg")
class CutMix(MixingStep):
    """Replace a rectangle of every image by the same rectangle of another image of the batch.

    Image, mask, weight and instance id of a pixel all come from the same image; nothing is blended. Pasted instances
    are numbered after those of the image, so that two objects never share an id. A batch of one image stays as it is.

    Args:
        area: (smallest, largest) fraction of the image that is replaced, in 0..1, or one float that fixes it. Defaults
            to (0.1, 0.5).

    `probability` and errors: see `Augmentation`. In use, it also refuses an image without a batch axis.

    Examples:
        >>> import keras_seg as ks
        >>> ks.augmentation.CutMix(area=(0.2, 0.4)).area
        (0.2, 0.4)

    Reference:
        Yun et al.: CutMix, ICCV 2019, section 3.1; for segmentation French et al., BMVC 2020, section 3.3.
    """

    _draws = 5
    _mixes_images = True

    def __init__(self, area: Interval = (0.1, 0.5), *, probability: float = 0.5) -> None:
        super().__init__(probability)
        self.area = intervals.interval("area", area, 0.0, 1.0)

    def _apply(
        self, ops: Namespace, batch: dict[str, Tensor], draws: Tensor, ignore_class: Sequence[int]
    ) -> dict[str, Tensor]:
        size = ops.shape(batch["image"])[1:3]
        rows, columns = (ops.cast(ops.convert_to_tensor(side), "float32") for side in size)
        area = intervals.between(self.area, draws[:, 1])
        # The sides' ratio is random, within what fits: a width from `area` to 1 leaves a height from 1 to `area`.
        width = ops.power(area, draws[:, 2])
        height = area / ops.maximum(width, 1e-6)
        width, height = ops.round(width * columns), ops.round(height * rows)
        left = ops.floor(draws[:, 3] * (columns - width + 1.0))
        top = ops.floor(draws[:, 4] * (rows - height + 1.0))
        where = rectangle(ops, left, top, width=width, height=height, size=size)
        where = ops.logical_and(where, self._active(draws)[:, None, None, None])
        return paste(ops, batch, partners(ops, draws[:, 5]), where)
