"""An example in NumPy: loaded, resized and augmented."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from keras_seg import _philox
from keras_seg._types import Size
from keras_seg.data.pipeline.batches import Augment
from keras_seg.data.pipeline.resize_arrays import resize_image, resize_mask

Example = tuple[np.ndarray, np.ndarray]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExampleMaker:
    """Makes examples of what they are loaded from, in any thread or process.

    Args:
        load: function of a source, such as a position in an index, that returns the image (height, width, channels)
            and the mask (height, width).
        image_size: (height, width) that both are resized to, or None. Defaults to None.
        augment: function of (image, mask, seed), or None. Defaults to None.
    """

    load: Callable[[Any], Example]
    image_size: Size | None = None
    augment: Augment | None = None

    def resized(self, source: Any) -> Example:
        """Image and mask, resized."""
        image, mask = self.load(source)
        size: Any = self.image_size  # A pair, once it is checked.
        return (image, mask) if size is None else (resize_image(image, size), resize_mask(mask, size))

    def augmented(self, source: Any, seed: _philox.Seed) -> Example:
        """Image and mask, resized and augmented: float32 and int32."""
        image, mask = self.resized(source)
        augment: Any = self.augment
        if hasattr(augment, "of_arrays"):
            # With TensorFlow's operations, single images take five times as long outside of tf.data.
            image, mask = augment.of_arrays(image, mask, seed)
        elif augment is not None:
            # Copies: a function may write into what it gets, and a cache keeps these arrays.
            image, mask = augment(np.array(image), np.array(mask), seed)
        return np.asarray(image, "float32"), np.asarray(mask, "int32")


def stacked(examples: Sequence[Example]) -> Example:
    """Images and masks of one size as a batch."""
    images, masks = zip(*examples, strict=True)
    return np.stack(images), np.stack(masks)
