"""A patch classifier at every pixel, with one pass per shift below its stride."""

from typing import Any

import keras
import numpy as np

from keras_seg._types import ArrayLike
from keras_seg.inference.output_kind import check_finite, sole_output
from keras_seg.inference.sliding_window.sliding_window import batch_of_images, patch_size, patch_stride
from keras_seg.surgery import convolutionalize


def shift_and_stitch(model: keras.Model, image: ArrayLike) -> np.ndarray:
    """Classify the patch around every pixel: the image is shifted by every offset below the stride, and the coarse
    results are interleaved.

    A network of stride S classifies every S-th patch in one pass, so `S * S` passes classify all. The result equals
    `sliding_window(model, image, step=1)`, up to rounding, for networks that do not pad. Dilation,
    `surgery.dilate(surgery.convolutionalize(model), output_stride=1)`, computes the same in one pass.

    Args:
        model: `keras.Model` from patches `(batch, P_h, P_w, channels)` of a fixed size to `(batch, classes)`.
        image: array (height, width, channels), or (images, height, width, channels).

    Returns:
        Float array (height - P_h + 1, width - P_w + 1, classes), with the images in front where there are several.

    Raises:
        InputError: as `convolutionalize`, and if the image is smaller than the patch or the scores are not finite.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> patches = ks.models.PatchClassifier(num_classes=10, input_shape=(32, 32, 1))
        >>> ks.inference.shift_and_stitch(patches, np.zeros((40, 36, 1))).shape
        (9, 5, 10)

    Reference: Long, Shelhamer and Darrell, "Fully Convolutional Networks for Semantic Segmentation", CVPR 2015, section
        3.2, "Shift-and-stitch is filter rarefaction".
    """
    patch = patch_size(model)
    images = batch_of_images(image, model)
    stride = patch_stride(model)
    anywhere = convolutionalize(model)
    size = [length - side + 1 for length, side in zip(images.shape[1:3], patch, strict=True)]
    stitched: Any = None
    for top in range(min(stride[0], size[0])):
        for left in range(min(stride[1], size[1])):
            # Only as many pixels as whole windows need, so that the ends are the same for every shift.
            height, width = (
                side + (length - offset - 1) // step * step
                for side, length, offset, step in zip(patch, size, (top, left), stride, strict=True)
            )
            scores = sole_output(anywhere.predict_on_batch(images[:, top : top + height, left : left + width]))
            scores = np.asarray(scores)
            if stitched is None:
                stitched = np.empty((len(images), *size, scores.shape[-1]), scores.dtype)
            stitched[:, top :: stride[0], left :: stride[1]] = scores
    check_finite(stitched, "The scores of `model`")
    return stitched if np.ndim(image) == 4 else stitched[0]
