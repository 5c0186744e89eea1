"""Read images as RGB in 0..255 and masks as integer ids, from any file format."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from keras_seg import _validation
from keras_seg._decoding.arrays import is_array, open_array
from keras_seg._decoding.decode import array_facts, decode, file_facts
from keras_seg._decoding.file_facts import FileFacts, Pixels
from keras_seg._decoding.orientation import APPLY, CHOICES, upright
from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.data.index.image_values import image_values, opacity
from keras_seg.data.index.mask_ids import mask_ids


def read_image(path: PathLike, *, channels: int = 3, exif_orientation: str = "apply") -> np.ndarray:
    """Read an image.

    JPEG, PNG, TIFF, BMP, WebP and every other format that Pillow reads, of any size whose pixels fit in memory, up to
    2^32 pixels. Transparent pixels are blended with white; palettes, CMYK and 1-bit images become RGB; gray images are
    repeated over three channels. A TIFF may have any number of bands. A file of several frames or pages is refused.

    The values of all formats follow one rule. 8 bits are used unchanged. 16 bits are scaled from 0..65535 to 0..255
    without rounding. Floats are used unchanged, in 0..255. Other integers are refused, because their scale is unknown.

    A `.npy` file or `.zarr` store holds an array (height, width, channels) with any number of channels, or
    (height, width) for one.

    Args:
        path: path. The file.
        channels: int. 3 for RGB, 1 for gray, 4 for a file with exactly four channels, used unchanged (for example near
            infrared in the alpha channel); for TIFF and arrays, the number of bands in the file. Defaults to 3.
        exif_orientation: str. "apply" turns the image as its EXIF orientation says, "ignore" returns the stored pixels.
            Defaults to "apply".

    Returns:
        Array (height, width, channels) in 0..255: uint8, or float32 for files of 16 bits and of floats.

    Raises:
        InputError: The file cannot be read, holds several pictures, or has another number of channels.

    Examples:
        >>> import tempfile
        >>> from PIL import Image
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Image.new("RGB", (4, 2), (255, 0, 7)).save(folder + "/a.png")
        ...     image = read_image(folder + "/a.png")
        >>> image.shape, image[0, 0].tolist()
        ((2, 4, 3), [255, 0, 7])
    """
    pixels = decode(path)
    values = image_values(path, pixels, _validation.integer("channels", channels))
    return _turned(values, pixels.facts, exif_orientation)


def read_mask(
    path: PathLike, *, colors: Mapping[tuple[int, int, int], int] | None = None, exif_orientation: str = "apply"
) -> np.ndarray:
    """Read a mask as integer ids.

    Palette images give their ids, not their colors; 1-bit images give 0 and 1; images of 2 to 32 bits give the stored
    values. An RGB image whose channels are equal is read as gray. Alpha is dropped if it tells no pixels apart. A
    `.npy` file holds the ids.

    Args:
        path: path. The file.
        colors: dict from color (red, green, blue) to id, for masks painted in colors. A color that is missing from it
            is an error. Defaults to None.
        exif_orientation: str. "apply" or "ignore", as in `read_image`. Defaults to "apply".

    Returns:
        Integer array (height, width): uint8, or int32 if the file holds more than 8 bits.

    Raises:
        InputError: The file cannot be read, is painted in colors and `colors` is None, holds a color that is not in
            `colors`, is a `.npy` file although `colors` is given, holds several pictures or fractions, or only its
            transparency tells pixels apart.

    Examples:
        >>> import tempfile
        >>> from PIL import Image
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     mask = Image.new("P", (2, 1), 15)
        ...     mask.putpalette([0, 128, 255] * 256)
        ...     mask.save(folder + "/a.png")
        ...     read_mask(folder + "/a.png").tolist()
        [[15, 15]]
    """
    pixels = decode_mask(path)
    return _turned(mask_ids(path, pixels, colors), pixels.facts, exif_orientation)


def image_size(path: PathLike) -> tuple[int, int]:
    """The (height, width) of an image after its EXIF orientation, read from the header only.

    Args:
        path: path. The file.

    Returns:
        (height, width) in pixels.

    Raises:
        InputError: The file is not an image.

    Examples:
        >>> import tempfile
        >>> from PIL import Image
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Image.new("L", (4, 2)).save(folder + "/a.png")
        ...     image_size(folder + "/a.png")
        (2, 4)
    """
    return file_facts(path).turned_size


class StoredImage(NamedTuple):
    """An image without its EXIF orientation.

    Args:
        values: array (height, width, channels) in 0..255.
        file: `FileFacts`.
        opacity: float. The mean opacity, 0..1, of an image whose transparent pixels are blended with white.
    """

    values: np.ndarray
    file: FileFacts
    opacity: float = 1.0

    def turned(self, exif_orientation: str) -> np.ndarray:
        """The values, turned as the file says for "apply", or as they are for "ignore"."""
        return _turned(self.values, self.file, exif_orientation)


def read_stored_image(path: PathLike, *, channels: int) -> StoredImage:
    """`read_image` without the EXIF orientation, and what the file says."""
    pixels = decode(path)
    values = image_values(path, pixels, channels)
    return StoredImage(values, pixels.facts, opacity(path, pixels, channels))


def decode_mask(path: PathLike, *, cropped: bool = False) -> Pixels:
    """The pixels of a mask file or of an array (height, width), as stored; or those other than 0, as in `decode`."""
    if is_array(path):
        ids = read_id_array(path)
        return Pixels(facts=array_facts(path, ids), values=ids[..., None])
    return decode(path, "mask", cropped=cropped)


def read_id_array(path: PathLike) -> np.ndarray:
    """The integers of a `.npy` file, (height, width)."""
    values = open_array(path)
    if len(values.shape) != 2 or 0 in values.shape or np.dtype(values.dtype).kind not in "iub":
        raise InputError(
            f"{path}: holds {values.dtype} of shape {tuple(values.shape)}. Save one integer per pixel, "
            "(height, width): ids.astype('int32')."
        )
    return np.array(values[:])


def _turned(values: np.ndarray, facts: FileFacts, exif_orientation: str) -> np.ndarray:
    _validation.one_of("exif_orientation", exif_orientation, CHOICES)
    if exif_orientation == APPLY:
        values = upright(values, facts.orientation)
    return np.ascontiguousarray(values)
