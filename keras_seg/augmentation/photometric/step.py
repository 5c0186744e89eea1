"""What every photometric transform is: a change of the image alone."""

from keras_seg import _validation
from keras_seg.augmentation.transform import Transform


class PhotometricStep(Transform):
    """A transform of the colors of an image, values 0..255. It leaves masks, weights and ids as they are."""

    needs_color = False
    """Whether images must have three channels, RGB."""

    def check(self, channels):
        """Refuse images that are not RGB where colors are needed."""
        if self.needs_color and channels != 3:
            _validation.fail(
                "image",
                f"must have three channels (RGB) for {type(self).__name__}",
                f"{channels} channels",
                f"Leave {type(self).__name__} out.",
            )

    def apply(self, ops, image, draws, random):
        """The changed image.

        Args:
            ops: the namespace to compute with.
            image: float32 (batch, height, width, channels) in 0..255.
            draws: float32 (batch, 1 + self.draws), uniform.
            random: `random(shape)` gives normal numbers.

        Returns:
            Tensor like `image`; values outside 0..255 are clipped by the caller.
        """
        raise NotImplementedError

    def run(self, ops, image, draws, random, stage):
        """`apply` on the images that are changed, inside 0..255.

        A single image in a TensorFlow graph that is not changed is not computed either.
        """

        def changed():
            return stage(lambda: ops.clip(self.apply(ops, image, draws, random), 0.0, 255.0))

        if self.probability == 0.0:
            return image
        if self.probability == 1.0:
            return changed()
        active = self.active(draws)
        if hasattr(ops, "tf") and image.shape[0] == 1:
            return ops.cond(active[0], changed, lambda: image)
        return ops.where(active[:, None, None, None], changed(), image)


class LinearStep(PhotometricStep):
    """A change of color that is one matrix and one shift, equal for all pixels of an image.

    Neighboring steps of this kind are composed, so that brightness, contrast, saturation and hue together are one pass
    over the image, and clip once.
    """

    uses_mean = False
    """Whether the image's mean color is needed."""

    def map(self, ops, draws, channels, mean):
        """The change, as rows: color @ matrix + shift.

        Args:
            ops: the namespace to compute with.
            draws: float32 (batch, 1 + self.draws), uniform.
            channels: int.
            mean: the image's mean color before this step, float32 (batch, channels), or None.

        Returns:
            A matrix, float32 (batch or 1, channels, channels), and a shift, float32 (batch or 1, channels).
        """
        raise NotImplementedError

    def factor(self, ops, draws):
        """1 + a change drawn from `self.change`, and 1 where the step does not happen; float32 (batch, 1)."""
        low, high = self.change
        factor = 1.0 + low + draws[:, 1:2] * (high - low)
        return factor if self.probability == 1.0 else ops.where(self.active(draws)[:, None], factor, 1.0)


def compose(ops, steps, draws, *, image, mean=None):
    """One matrix and one shift for several `LinearStep`s, applied to an image; inside 0..255.

    `mean` is the images' mean color, (batch, channels), where it is known.
    """
    channels = image.shape[-1]
    if not any(step.uses_mean for step in steps):
        mean = None
    elif mean is None:
        mean = mean_color(ops, image)
    matrix = shift = None
    for step, own in zip(steps, draws, strict=True):
        a, b = step.map(ops, own, channels, mean)
        if mean is not None:
            mean = times(ops, mean, a) + b
        if matrix is None:
            matrix, shift = a, b
        else:
            matrix = ops.sum(matrix[:, :, :, None] * a[:, None, :, :], axis=2)
            shift = times(ops, shift, a) + b
    batch, height, width, _ = ops.shape(image)
    if isinstance(batch, int) and batch == 1:
        # A third faster for XLA than a batch of one.
        rows = ops.matmul(ops.reshape(image, (height * width, channels)), matrix[0]) + shift
    else:
        rows = ops.matmul(ops.reshape(image, (batch, height * width, channels)), matrix) + shift[:, None, :]
    return ops.reshape(ops.clip(rows, 0.0, 255.0), (batch, height, width, channels))


def times(ops, rows, matrix):
    """Rows (batch, channels) times matrices (batch, channels, channels)."""
    return ops.sum(rows[:, :, None] * matrix, axis=1)


def mean_color(ops, image):
    """Mean color of each image, float32 (batch, channels); of large images from 64 rows and more, evenly spaced."""
    height = ops.shape(image)[1]
    if isinstance(height, int) and height >= 128:
        image = image[:, :: height // 64]
    # Rows first: with three channels innermost, a sum over both axes at once cannot use vector instructions.
    return ops.mean(ops.mean(ops.cast(image, "float32"), axis=1), axis=1)


def diagonal(ops, factor, channels):
    """Matrices (batch, channels, channels) with `factor` (batch, 1) on the diagonal."""
    eye = [[float(i == j) for j in range(channels)] for i in range(channels)]
    return factor[:, :, None] * ops.convert_to_tensor(eye, dtype="float32")
