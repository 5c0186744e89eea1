"""Base of the transforms that come after the geometry and change image and labels together."""

from collections.abc import Sequence
from typing import Any

from keras_seg._types import Tensor
from keras_seg.augmentation.namespace import Namespace
from keras_seg.augmentation.transform import Transform


class MixingStep(Transform):
    """A transform of a whole batch that covers pixels, or replaces them by those of another image."""

    def _apply(
        self, ops: Namespace, batch: dict[str, Tensor], draws: Tensor, ignore_class: Sequence[int]
    ) -> dict[str, Tensor]:
        """The changed batch.

        Args:
            ops: the namespace to compute with.
            batch: dict with "image" float32 (batch, height, width, channels), and as far as given "mask" int32,
                "weight" float32 and "instances" int32, each (batch, height, width, 1).
            draws: float32 (batch, 1 + self._draws), uniform.
            ignore_class: labels of pixels without a class.

        Returns:
            A dict of the same keys.
        """
        raise NotImplementedError


def partners(ops: Namespace, draws: Tensor) -> Tensor:
    """For each image the position of another one, int32 (batch,): all are shifted by one random number of places.

    The image of a batch of one, such as the last of an epoch, is its own partner.

    Args:
        ops: the namespace to compute with.
        draws: float32 (batch,), uniform; only the first one is used.
    """
    count = ops.shape(draws)[0]
    others = ops.cast(ops.convert_to_tensor(count - 1), "float32")
    shift = 1 + ops.cast(ops.minimum(ops.floor(draws[0] * others), ops.maximum(others - 1.0, 0.0)), "int32")
    return ops.mod(ops.arange(count, dtype="int32") + shift, count)


def paste(ops: Namespace, batch: dict[str, Tensor], partner: Tensor, where: Tensor) -> dict[str, Tensor]:
    """The batch, with the partners' pixels `where` that is True, bool (batch, height, width, 1).

    All maps are taken from the same image. Instances of the partner are numbered after those of the image itself, so
    that two objects never share an id. An image that is its own partner, as in a last batch of one, stays as it is.
    """
    other_image = partner != ops.arange(ops.shape(partner)[0], dtype="int32")
    where = ops.logical_and(where, other_image[:, None, None, None])
    mixed = {}
    for name, own in batch.items():
        other = ops.take(own, partner, axis=0)
        if name == "instances":
            other = ops.where(other > 0, other + ops.max(own, axis=(1, 2, 3))[:, None, None, None], other)
        mixed[name] = ops.where(where, other, own)
    return mixed


def rectangle(
    ops: Namespace, left: Tensor, top: Tensor, *, width: Tensor, height: Tensor, size: tuple[Any, Any]
) -> Tensor:
    """Whether each pixel center lies in a rectangle; bool (batch, rows, columns, 1) from float32 (batch,) each."""
    x = (ops.cast(ops.arange(size[1], dtype="int32"), "float32") + 0.5)[None, None, :, None]
    y = (ops.cast(ops.arange(size[0], dtype="int32"), "float32") + 0.5)[None, :, None, None]
    left, top, width, height = (side[:, None, None, None] for side in (left, top, width, height))
    across = ops.logical_and(x >= left, x < left + width)
    return ops.logical_and(across, ops.logical_and(y >= top, y < top + height))
