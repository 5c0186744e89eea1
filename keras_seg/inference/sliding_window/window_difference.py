"""The difference between the one-pass form of a patch classifier and the sliding window."""

import dataclasses
import warnings
from typing import Any

import keras
import numpy as np

from keras_seg import _validation
from keras_seg._types import ArrayLike
from keras_seg.inference.output_kind import check_finite, class_ids, output_kind, sole_output
from keras_seg.inference.sliding_window.sliding_window import batch_of_images, patch_stride, sliding_window
from keras_seg.surgery import convolutionalize


@dataclasses.dataclass(frozen=True, kw_only=True)
class WindowDifference:
    """The one-pass result compared with the sliding window.

    Attributes:
        grid: (rows, columns) of patches compared.
        step: (vertical, horizontal) pixels from one patch to the next.
        max_abs_difference: float, the largest difference of a score.
        mean_abs_difference: float, the mean difference of a score.
        agreement: float, the share of patches with the same class.
    """

    grid: tuple[int, int]
    step: tuple[int, int]
    max_abs_difference: float
    mean_abs_difference: float
    agreement: float

    def to_dict(self) -> dict[str, Any]:
        """The attributes as a JSON-ready dict."""
        return dataclasses.asdict(self)


def window_difference(
    model: keras.Model, image: ArrayLike, *, convolutional: keras.Model | None = None
) -> WindowDifference:
    """Compare the one-pass form of a patch classifier with the literal sliding window on an image.

    The difference is rounding for networks whose layers do not pad. For networks with "same" padding it is larger: the
    one-pass form sees the real surroundings of a patch in place of zeros.

    Args:
        model: `keras.Model` from patches of a fixed size to `(batch, classes)`.
        image: array (height, width, channels), or (images, height, width, channels).
        convolutional: the one-pass form of `model`. Defaults to None: `surgery.convolutionalize(model)`.

    Returns:
        A `WindowDifference`.

    Raises:
        InputError: as `convolutionalize`, if the image is smaller than the patch, or the grids disagree.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> patches = ks.models.PatchClassifier(num_classes=10, input_shape=(32, 32, 1))
        >>> image = np.random.default_rng(0).uniform(0, 255, (53, 60, 1))
        >>> ks.inference.window_difference(patches, image).max_abs_difference < 1e-5
        True

    Reference: Long, Shelhamer and Darrell, "Fully Convolutional Networks for Semantic Segmentation", CVPR 2015, section
        3.1.
    """
    images = batch_of_images(image, model)
    one_pass = _convolutional(model) if convolutional is None else convolutional
    step = patch_stride(model)
    slid = sliding_window(model, images, step=step)
    passed = np.asarray(sole_output(one_pass.predict_on_batch(images)))
    if passed.shape != slid.shape:
        _validation.fail("convolutional", f"must give the sliding window's grid {slid.shape}", passed.shape)
    check_finite(passed, "The scores of `convolutional`")
    kind = output_kind(model)
    difference = np.abs(passed.astype("float64") - slid)
    return WindowDifference(
        grid=slid.shape[1:3],
        step=step,
        max_abs_difference=float(difference.max()),
        mean_abs_difference=float(difference.mean()),
        agreement=float((class_ids(passed, kind) == class_ids(slid, kind)).mean()),
    )


def _convolutional(model: keras.Model) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # It recommends `window_difference`.
        return convolutionalize(model)
