"""The part of the transformed picture that becomes the result."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_seg import _validation
from keras_seg._types import Size, Tensor
from keras_seg._validation import InputError
from keras_seg.augmentation.geometry.field import forwards
from keras_seg.augmentation.geometry.step import Frame, PointMap
from keras_seg.augmentation.namespace import Namespace
from keras_seg.augmentation.transform import Transform


@keras.saving.register_keras_serializable("keras_seg")
class RandomCrop(Transform):
    """Cut a window out of the transformed picture, at a random place or around a rare class.

    With `classes`, one of those in the image is drawn, each equally likely, then one of its pixels, and the window is
    placed at random around that pixel. An image without these classes is cut at a random place.

    Args:
        size: (height, width) in pixels, or one int for a square.
        classes: int or sequence of ints, ids of rare classes, or None. Defaults to None.
        probability: float in 0..1, of favoring `classes`, which it needs. Defaults to None: 0.5 with `classes`.

    Raises:
        InputError: an argument is out of its range.

    Examples:
        >>> import keras_seg as ks
        >>> crop = ks.augmentation.RandomCrop((256, 256), classes=(8, 9, 10), probability=0.33)
        >>> ks.augmentation.Augmentation([ks.augmentation.Flip()], crop=crop, ignore_class=11).crop
        (256, 256)

    Reference:
        Isensee et al.: nnU-Net, Nature Methods 2021, supplementary note 4, oversamples the foreground in the same way.
    """

    _draws = 4

    def __init__(
        self, size: Size, *, classes: int | Sequence[int] | None = None, probability: float | None = None
    ) -> None:
        if classes is None and probability is not None:
            _validation.fail("probability", "has no effect without `classes`", probability, "Pass classes=(...).")
        super().__init__(0.5 if probability is None else probability)
        self.size = _validation.pair("size", size)
        if classes is not None:
            if isinstance(classes, int) and not isinstance(classes, bool):
                classes = (classes,)
            classes = _validation.integers("classes", classes, -(2**31))
        self.classes = classes

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as JSON types."""
        config = super().get_config()
        return config if self.classes is not None else {**config, "probability": None}

    def _corner(
        self, ops: Namespace, draws: Tensor, frame: Frame, *, parts: Sequence[PointMap], mask: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """(left, top) of the window, float32 (batch,) each.

        Args:
            ops: the namespace to compute with.
            draws: float32 (batch, 5), uniform.
            frame: the `Frame` of the transformed pictures.
            parts: of the path to the input, see `plan_field`.
            mask: int32 (batch, height, width) of the input, or None.
        """
        room_x = frame.width - float(self.size[1])
        room_y = frame.height - float(self.size[0])
        left, top = whole_part(ops, room_x, draws[:, 1]), whole_part(ops, room_y, draws[:, 2])
        if self.classes is None or self.probability == 0.0:
            return left, top
        if mask is None:
            raise InputError("`mask` is missing: RandomCrop(classes=...) searches it for the classes. Pass a mask.")
        found, x, y = self._pixel(ops, draws, mask)
        x, y = forwards(ops, parts, x, y)
        favor = ops.logical_and(found, self._active(draws))
        # Draws 1 and 2 again: here they are the place of the pixel in the window.
        aimed_x = _around(ops, x + frame.width / 2.0, draws[:, 1], side=self.size[1], room=room_x)
        aimed_y = _around(ops, y + frame.height / 2.0, draws[:, 2], side=self.size[0], room=room_y)
        return ops.where(favor, aimed_x, left), ops.where(favor, aimed_y, top)

    def _pixel(self, ops: Namespace, draws: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Whether one of the classes is present, and a pixel of it, in points from the center."""
        assert self.classes is not None
        batch, height, width = ops.shape(mask)
        flat = ops.reshape(mask, (batch, height * width))
        counts = ops.stack([ops.sum(ops.cast(flat == c, "int32"), axis=1) for c in self.classes], axis=1)
        present = ops.cast(counts > 0, "float32")
        # The k-th of the classes that are present.
        rank = ops.cumsum(present, axis=1)
        chosen = ops.floor(draws[:, 3] * rank[:, -1]) + 1.0
        is_chosen = ops.cast(ops.logical_and(present > 0.0, rank == chosen[:, None]), "int32")
        ids = ops.convert_to_tensor(list(self.classes), dtype="int32")
        label = ops.sum(is_chosen * ids[None], axis=1)
        count = ops.cast(ops.sum(is_chosen * counts, axis=1), "float32")
        # The n-th pixel of that class.
        number = ops.cast(ops.minimum(ops.floor(draws[:, 4] * count), ops.maximum(count - 1.0, 0.0)), "int32") + 1
        running = ops.cumsum(ops.cast(flat == label[:, None], "int32"), axis=1)
        index = ops.argmax(ops.cast(running == number[:, None], "int32"), axis=1)
        index = ops.cast(index, "int32")
        x = ops.cast(ops.mod(index, width), "float32") + 0.5 - ops.cast(width, "float32") / 2.0
        y = ops.cast(index // width, "float32") + 0.5 - ops.cast(height, "float32") / 2.0
        return count > 0.0, x, y


def _around(ops: Namespace, point: Tensor, draw: Tensor, *, side: int, room: Tensor) -> Tensor:
    """The start of a window of `side` that contains `point`, inside the picture if there is room."""
    start = ops.floor(point) - ops.minimum(ops.floor(draw * float(side)), side - 1.0)
    return ops.clip(start, ops.minimum(ops.floor(room), 0.0), ops.maximum(ops.floor(room), 0.0))


def whole_part(ops: Namespace, room: Tensor, draw: Tensor) -> Tensor:
    """A whole number of pixels between 0 and `room`, which is negative where the picture is smaller than the window.

    Whole, so that an unscaled crop copies pixels instead of blurring them.
    """
    most = ops.floor(ops.abs(room) + 1e-3)
    return ops.sign(room) * ops.minimum(ops.floor(draw * (most + 1.0)), most)


def centered(ops: Namespace, room: Tensor) -> Tensor:
    """The whole number of pixels that centers a window."""
    return ops.floor(room / 2.0 + 1e-3)
