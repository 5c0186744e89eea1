"""A sample of a shard as arrays."""

import dataclasses

import numpy as np

from keras_seg._validation import InputError
from keras_seg.data.index.label_encoding import LabelEncoding
from keras_seg.data.index.mask_facts import value_counts
from keras_seg.data.index.reading import read_image, read_mask
from keras_seg.data.shards.sample import Sample


@dataclasses.dataclass(frozen=True, kw_only=True)
class SampleDecoder:
    """Decodes samples.

    Args:
        encoding: `LabelEncoding` of the masks.
        channels: channels of the images.
        image_dtype: dtype of the images.
        exif_orientation: "apply" or "ignore", for the images.
        size: (height, width) of all images, or None.
    """

    encoding: LabelEncoding
    channels: int
    image_dtype: str
    exif_orientation: str
    size: tuple[int, int] | None

    def __call__(self, sample: Sample) -> tuple[np.ndarray, np.ndarray]:
        """The image, (height, width, channels), and its labels, (height, width).

        Raises:
            InputError: A file cannot be decoded, sizes differ, or a label is out of range.
        """
        image = read_image(sample.image, channels=self.channels, exif_orientation=self.exif_orientation)
        values = read_mask(sample.mask)
        if values.shape != image.shape[:2]:
            raise InputError(
                f"{sample.mask}: has {_shown(values)} pixels (height x width), and its image {_shown(image)}. Pack the "
                "data again."
            )
        if self.size is not None and values.shape != tuple(self.size):
            raise InputError(
                f"{sample.image}: has {_shown(image)} pixels (height x width), and all images should have "
                f"{self.size[0]}x{self.size[1]}. Pack the data again."
            )
        self.encoding._check(value_counts(values), sample.mask)
        return image.astype(self.image_dtype, copy=False), self.encoding.encode(values)


def _shown(array: np.ndarray) -> str:
    return f"{array.shape[0]}x{array.shape[1]}"
