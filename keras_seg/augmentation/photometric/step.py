"""Base of every photometric transform: a change of the image alone."""

from collections.abc import Callable, Sequence
from typing import Any

import keras

from keras_seg import _validation
from keras_seg._types import Tensor
from keras_seg.augmentation import intervals
from keras_seg.augmentation.intervals import Interval
from keras_seg.augmentation.namespace import Namespace
from keras_seg.augmentation.transform import Transform

# A function of a shape that gives normal numbers.
Normal = Callable[[Any], Tensor]
# A function that runs one stage of a computation, a function without arguments, and returns its result.
Stage = Callable[[Callable[[], Any]], Any]


class PhotometricStep(Transform):
    """A transform of the colors of an image, values 0..255. It keeps masks, weights and ids as they are."""

    _draws = 1

    _needs_color = False
    """Whether images must have three channels, RGB."""

    def _check(self, batch: dict[str, Tensor], ignore_class: Sequence[int]) -> None:
        channels = batch["image"].shape[-1]
        if self._needs_color and channels != 3:
            _validation.fail(
                "image",
                f"must have three channels (RGB) for {type(self).__name__}",
                f"{channels} channels",
                f"Leave {type(self).__name__} out.",
            )

    def _apply(self, ops: Namespace, image: Tensor, draws: Tensor, random: Normal) -> Tensor:
        """The changed image.

        Args:
            ops: the namespace to compute with.
            image: float32 (batch, height, width, channels) in 0..255.
            draws: float32 (batch, 1 + self._draws), uniform.
            random: function of a shape that gives normal numbers.

        Returns:
            Tensor like `image`; values outside of `value_limits` are clipped by the caller.
        """
        raise NotImplementedError

    def _run(
        self, ops: Namespace, image: Tensor, draws: Tensor, *, random: Normal, stage: Stage, eight_bits: bool
    ) -> Tensor:
        """`_apply` on the images that are changed, inside `value_limits`."""

        def clipped() -> Tensor:
            limits = value_limits(ops, image, eight_bits=eight_bits)
            return ops.clip(self._apply(ops, image, draws, random), *limits)

        def changed() -> Tensor:
            return stage(clipped)

        if self.probability == 0.0:
            return image
        if self.probability == 1.0:
            return changed()
        return ops.choose(self._active(draws), changed, image)


class LinearStep(PhotometricStep):
    """A change of color that is one matrix and one shift, equal for all pixels of an image.

    Adjacent steps of this kind are composed, so that brightness, contrast, saturation and hue together are one pass
    over the image, and clip once.

    Args:
        factor: float for both directions, or (smallest, largest). See the transform. Defaults to 0.2.
        probability: float in 0..1, per image. Defaults to 1.
    """

    _uses_mean = False
    """Whether the image's mean color is needed."""

    _limit = 1.0
    """The largest `factor`."""

    def __init__(self, factor: Interval = 0.2, *, probability: float = 1.0) -> None:
        super().__init__(probability)
        self.factor = intervals.symmetric("factor", factor, self._limit)

    def _map(self, ops: Namespace, draws: Tensor, *, channels: int, mean: Tensor | None) -> tuple[Tensor, Tensor]:
        """The change, as rows: color @ matrix + shift.

        Args:
            ops: the namespace to compute with.
            draws: float32 (batch, 1 + self._draws), uniform.
            channels: int.
            mean: the image's mean color before this step, float32 (batch, channels), or None.

        Returns:
            A matrix, float32 (batch or 1, channels, channels), and a shift, float32 (batch or 1, channels).
        """
        raise NotImplementedError

    def _gain(self, ops: Namespace, draws: Tensor) -> Tensor:
        """1 + a number drawn from `self.factor`, and 1 where the step does not happen; float32 (batch, 1)."""
        low, high = self.factor
        gain = 1.0 + low + draws[:, 1:2] * (high - low)
        return gain if self.probability == 1.0 else ops.where(self._active(draws)[:, None], gain, 1.0)


def compose(
    ops: Namespace,
    steps: Sequence[LinearStep],
    draws: Sequence[Tensor],
    *,
    image: Tensor,
    eight_bits: bool,
    mean: Tensor | None = None,
) -> Tensor:
    """One matrix and one shift for several `LinearStep`s, applied to an image; inside `value_limits`.

    `mean` is the images' mean color, (batch, channels), where it is known.
    """
    channels = image.shape[-1]
    if not any(step._uses_mean for step in steps):
        mean = None
    elif mean is None:
        mean = mean_color(ops, image)
    matrix = shift = None
    for step, own in zip(steps, draws, strict=True):
        a, b = step._map(ops, own, channels=channels, mean=mean)
        if mean is not None:
            mean = _times(ops, mean, a) + b
        if matrix is None:
            matrix, shift = a, b
        else:
            matrix = ops.sum(matrix[:, :, :, None] * a[:, None, :, :], axis=2)
            shift = _times(ops, shift, a) + b
    assert matrix is not None and shift is not None, "there is at least one step"
    batch, height, width, _ = ops.shape(image)
    rows = ops.colors_times(image, matrix)
    if isinstance(batch, int) and batch == 1:
        # Without an axis of three, which is slow in NumPy. A shift of all channels alike may come as one number.
        shift = shift + 0.0 * matrix[0][:1]
        rows = ops.reshape(rows, (height, width * channels)) + ops.tile(shift, (1, width))
    else:
        rows = ops.reshape(rows, (batch, height * width, channels)) + shift[:, None, :]
    changed = ops.reshape(rows, (batch, height, width, channels))
    return ops.clip(changed, *value_limits(ops, image, eight_bits=eight_bits))


def _times(ops: Namespace, rows: Tensor, matrix: Tensor) -> Tensor:
    """Rows (batch, channels) times matrices (batch, channels, channels)."""
    return ops.sum(rows[:, :, None] * matrix, axis=1)


def has_eight_bits(image: Tensor) -> bool:
    """Whether the type of an image alone says that its values lie in 0..255."""
    return keras.backend.standardize_dtype(image.dtype) == "uint8"


def value_limits(ops: Namespace, image: Tensor, *, eight_bits: bool) -> tuple[Any, Any]:
    """The smallest and the largest value that a changed image may hold: 0 and 255, or its own where it goes beyond.

    So standardized images keep what is below 0, and reflectances what is above 255.

    Args:
        ops: the namespace to compute with.
        image: tensor (batch, height, width, channels), before the change.
        eight_bits: whether its values are known to lie in 0..255.

    Returns:
        Two numbers, or two float32 tensors (batch, 1, 1, 1).
    """
    if eight_bits:
        return 0.0, 255.0
    image = ops.cast(image, "float32")
    low, high = (end(image, axis=(1, 2, 3)) for end in (ops.min, ops.max))
    return ops.minimum(low, 0.0)[:, None, None, None], ops.maximum(high, 255.0)[:, None, None, None]


def mean_color(ops: Namespace, image: Tensor) -> Tensor:
    """Mean color of each image, float32 (batch, channels); of large images from 64 rows and more, evenly spaced."""
    height = ops.shape(image)[1]
    # The same rows whether the height is known in a graph or not.
    step = max(height // 64, 1) if isinstance(height, int) else ops.maximum(height // 64, 1)
    image = image[:, ::step]
    # Rows first: with three channels innermost, a sum over both axes at once cannot use vector instructions.
    return ops.mean(ops.mean(ops.cast(image, "float32"), axis=1), axis=1)


def diagonal(ops: Namespace, gain: Tensor, channels: int) -> Tensor:
    """Matrices (batch, channels, channels) with `gain` (batch, 1) on the diagonal."""
    eye = [[float(i == j) for j in range(channels)] for i in range(channels)]
    return gain[:, :, None] * ops.convert_to_tensor(eye, dtype="float32")
