"""Cutout."""

from collections.abc import Sequence
from typing import Literal

import keras

from keras_seg import _validation
from keras_seg._types import Tensor
from keras_seg._validation import InputError
from keras_seg.augmentation import intervals
from keras_seg.augmentation.intervals import Interval
from keras_seg.augmentation.mixing.step import MixingStep, rectangle
from keras_seg.augmentation.namespace import Namespace
from keras_seg.augmentation.photometric.step import mean_color


@keras.saving.register_keras_serializable("keras_seg")
class Cutout(MixingStep):
    """Cover rectangles of the image.

    Args:
        side: float, the largest side of a rectangle as a fraction of the image's, 0..1, or (smallest, largest).
            Defaults to (0.1, 0.3).
        count: int. Rectangles per image. Defaults to 1.
        fill: "mean" (the image's mean color) or a float in 0..255. Defaults to "mean".
        labels: "ignore": covered pixels get the first `ignore_class` in masks, 0 in weight maps and instance ids.
            "keep": they keep their labels, and the model has to infer them from the surroundings. Defaults to "ignore".

    `probability` and errors: see `Augmentation`. In use, it also refuses `labels="ignore"` beside a mask and no
    `ignore_class`.

    Examples:
        >>> import keras_seg as ks
        >>> ks.augmentation.Cutout(0.2, count=3).side
        (0.0, 0.2)

    Reference:
        DeVries, Taylor: Improved Regularization of Convolutional Neural Networks with Cutout, 2017, section 3.
    """

    def __init__(
        self,
        side: Interval = (0.1, 0.3),
        *,
        count: int = 1,
        fill: float | Literal["mean"] = "mean",
        labels: Literal["ignore", "keep"] = "ignore",
        probability: float = 0.5,
    ) -> None:
        super().__init__(probability)
        self.side = intervals.up_to("side", side, 0.0, 1.0)
        self.count = _validation.integer("count", count)
        self.fill = fill if fill == "mean" else _validation.number("fill", fill, 0.0, 255.0)
        self.labels = _validation.one_of("labels", labels, ("ignore", "keep"))
        # Four per rectangle.
        self._draws = 4 * self.count

    def _check(self, batch: dict[str, Tensor], ignore_class: Sequence[int]) -> None:
        if self.labels == "ignore" and not ignore_class and batch.keys() & {"mask", "weight", "instances"}:
            raise InputError(
                "`ignore_class` is missing: Cutout marks covered pixels with it. Pass it to the Augmentation, "
                'or labels="keep" to Cutout.'
            )

    def _apply(
        self, ops: Namespace, batch: dict[str, Tensor], draws: Tensor, ignore_class: Sequence[int]
    ) -> dict[str, Tensor]:
        image = batch["image"]
        size = ops.shape(image)[1:3]
        rows, columns = (ops.cast(ops.convert_to_tensor(side), "float32") for side in size)
        covered = None
        for i in range(self.count):
            a, b, c, d = (draws[:, 1 + 4 * i + j] for j in range(4))
            width = ops.round(intervals.between(self.side, a) * columns)
            height = ops.round(intervals.between(self.side, b) * rows)
            left, top = ops.floor(c * (columns - width + 1.0)), ops.floor(d * (rows - height + 1.0))
            one = rectangle(ops, left, top, width=width, height=height, size=size)
            covered = one if covered is None else ops.logical_or(covered, one)
        covered = ops.logical_and(covered, self._active(draws)[:, None, None, None])
        fill = mean_color(ops, image)[:, None, None, :] if self.fill == "mean" else self.fill
        batch = {**batch, "image": ops.where(covered, fill, image)}
        if self.labels == "ignore":
            voids = {"mask": ignore_class[0] if ignore_class else 0, "weight": 0.0, "instances": 0}
            for name in batch.keys() & voids.keys():
                batch[name] = ops.where(covered, voids[name], batch[name])
        return batch
