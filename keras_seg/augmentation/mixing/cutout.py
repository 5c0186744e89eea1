"""Cutout."""

import keras

from keras_seg import _validation
from keras_seg._validation import InputError
from keras_seg.augmentation import intervals
from keras_seg.augmentation.mixing.step import rectangle
from keras_seg.augmentation.photometric.step import mean_color
from keras_seg.augmentation.transform import Transform


@keras.saving.register_keras_serializable("keras_seg")
class Cutout(Transform):
    """Cover rectangles of the image.

    Args:
        size: the rectangles' sides as parts of the image's, 0..1: a pair (smallest, largest), or the largest one.
            Defaults to (0.1, 0.3).
        count: rectangles an image. Defaults to 1.
        fill: "mean" (the image's mean color) or a number in 0..255. Defaults to "mean".
        labels: "ignore": covered pixels get the first `ignore_class` in masks, 0 in weight maps and instance ids, as
            nothing can be seen there. "keep": they stay, and the net has to guess from what is around. Defaults to
            "ignore".
        probability: 0..1. Defaults to 0.5.

    Raises:
        InputError: an argument is out of its range; in use, `labels="ignore"` beside a mask and no `ignore_class`.

    Examples:
        >>> import keras_seg as ks
        >>> ks.augmentation.Cutout(0.2, count=3).size
        (0.0, 0.2)

    Reference:
        DeVries, Taylor: Improved Regularization of Convolutional Neural Networks with Cutout, 2017, section 3.
    """

    def __init__(self, size=(0.1, 0.3), *, count=1, fill="mean", labels="ignore", probability=0.5):
        super().__init__(probability)
        self.size = intervals.up_to("size", size, 0.0, 1.0)
        self.count = _validation.integer("count", count)
        self.fill = fill if fill == "mean" else _validation.number("fill", fill, 0.0, 255.0)
        self.labels = _validation.one_of("labels", labels, ("ignore", "keep"))

    @property
    def draws(self):
        """Four a rectangle."""
        return 4 * self.count

    def check(self, ignore_class):
        """Refuse to ignore pixels where no label stands for that."""
        if self.labels == "ignore" and not ignore_class:
            raise InputError(
                "`ignore_class` is missing: Cutout marks with it what it covers. Pass it to the Augmentation, "
                'or labels="keep" to Cutout.'
            )

    def apply(self, ops, batch, draws, settings):
        """See `MixingStep`; this one works on single images too."""
        image = batch["image"]
        size = ops.shape(image)[1:3]
        rows, columns = (ops.cast(ops.convert_to_tensor(side), "float32") for side in size)
        covered = None
        for i in range(self.count):
            a, b, c, d = (draws[:, 1 + 4 * i + j] for j in range(4))
            width = ops.round(intervals.between(self.size, a) * columns)
            height = ops.round(intervals.between(self.size, b) * rows)
            left, top = ops.floor(c * (columns - width + 1.0)), ops.floor(d * (rows - height + 1.0))
            one = rectangle(ops, left, top, width=width, height=height, size=size)
            covered = one if covered is None else ops.logical_or(covered, one)
        covered = ops.logical_and(covered, self.active(draws)[:, None, None, None])
        fill = mean_color(ops, image)[:, None, None, :] if self.fill == "mean" else self.fill
        batch = {**batch, "image": ops.where(covered, fill, image)}
        if self.labels == "ignore":
            voids = {"mask": settings.ignore_class[0] if settings.ignore_class else 0, "weight": 0.0, "instances": 0}
            for name in batch.keys() & voids.keys():
                batch[name] = ops.where(covered, voids[name], batch[name])
        return batch
