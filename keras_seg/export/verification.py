"""Comparing what an artefact computes with what Keras computes."""

import numpy as np

from keras_seg import _validation

# Float32 runtimes order their sums differently; a difference beyond this is another function, not another rounding.
FLOAT32_TOLERANCE = 1e-3
AGREEMENT_FLOOR = 0.999


def comparison_images(model, images, input_size, count=2, seed=0):
    """The images to compare on: those given, or seeded noise over the whole input range.

    Args:
        model: keras.Model.
        images: array (n, height, width, channels), 0..255, or None.
        input_size: (height, width), which images must have and noise gets.
        count: int, how many noise images. Defaults to 2.
        seed: int. Defaults to 0.

    Returns:
        float32 array (n, height, width, channels).
    """
    shape = (*input_size, model.input_shape[-1])
    if images is None:
        # Blocks as well as single pixels vary, so that the deep layers of the net see structure too.
        rng = np.random.default_rng(seed)
        blocks = rng.uniform(0, 255, size=(count, -(-shape[0] // 16), -(-shape[1] // 16), shape[2]))
        blocks = blocks.repeat(16, axis=1).repeat(16, axis=2)[:, : shape[0], : shape[1]]
        return np.clip(blocks + rng.normal(0, 20, size=(count, *shape)), 0, 255).astype("float32")
    images = np.asarray(images, "float32")
    if images.ndim != 4 or images.shape[1:] != shape or len(images) == 0:
        _validation.fail("images", f"must be an array (n, {', '.join(map(str, shape))}) with n > 0", images.shape)
    return images


def compare(expected, actual):
    """(largest absolute difference, share of pixels of the same class) of two batches of class maps."""
    if expected.shape != actual.shape:
        raise RuntimeError(f"The exported model's output has shape {actual.shape} where Keras has {expected.shape}.")
    if not np.isfinite(actual).all():
        raise RuntimeError("The exported model's output holds NaN or infinity.")
    return float(np.abs(expected - actual).max()), float((classes(expected) == classes(actual)).mean())


def classes(scores):
    """Class ids of a batch of class maps; a single map is one class against the rest."""
    return scores.argmax(-1) if scores.shape[-1] > 1 else (scores[..., 0] > 0.5).astype("int64")


def check_float32(difference, agreement, path):
    """Fail when a float32 artefact is not the same function as the Keras model."""
    if difference > FLOAT32_TOLERANCE or agreement < AGREEMENT_FLOOR:
        raise RuntimeError(
            f"{path} was not written: its output differs from Keras by {difference:.2g} "
            f"(at most {FLOAT32_TOLERANCE:g}) and agrees on {agreement:.2%} of pixels (at least {AGREEMENT_FLOOR:.1%})."
        )
