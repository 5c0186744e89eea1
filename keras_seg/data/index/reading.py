"""Read images as RGB in 0..255 and masks as integer ids, from any file format."""

import pathlib
from collections.abc import Mapping

import numpy as np
from PIL import Image, ImageOps, TiffImagePlugin

from keras_seg import _validation
from keras_seg._types import PathLike
from keras_seg._validation import InputError

# Pillow's modes for one channel of 16 bits. 16-bit PNG opens as "I" before Pillow 11.
_WIDE_MODES = ("I;16", "I;16L", "I;16B", "I;16N", "I")
_ORIENTATION_TAG = 0x0112
_TIFF_WIDTH, _TIFF_LENGTH = 256, 257
_QUARTER_TURNS = (5, 6, 7, 8)


def read_image(path: PathLike, *, channels: int = 3) -> np.ndarray:
    """Read an image.

    JPEG, PNG, TIFF, BMP, WebP and every other format that Pillow reads. The EXIF orientation is applied; transparent
    pixels are blended with white; palettes, CMYK and 1-bit images become RGB; gray images are repeated over three
    channels. One channel of 16 bits is scaled from 0..65535 to 0..255 without rounding. For multi-frame files, the
    first frame is read.

    A `.npy` file holds an array (height, width, channels) with any number of channels, or (height, width) for one. Its
    values are used unchanged, uint8 or floats in 0..255. Other integers are refused, because their scale is unknown.

    Args:
        path: path. The file.
        channels: int. 3 for RGB, 1 for gray, 4 for a file with exactly four channels, used unchanged (for example near
            infrared in the alpha channel); for a `.npy` file, the number it has. Defaults to 3.

    Returns:
        Array (height, width, channels) in 0..255: uint8, or float32 for 16-bit files and arrays of floats.

    Raises:
        InputError: The file cannot be read, or has another number of channels.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Image.new("RGB", (4, 2), (255, 0, 7)).save(folder + "/a.png")
        ...     image = read_image(folder + "/a.png")
        >>> image.shape, image[0, 0].tolist()
        ((2, 4, 3), [255, 0, 7])
    """
    channels = _validation.integer("channels", channels)
    if _is_array(path):
        return _image_of_array(path, channels)
    image = _open(path, "image")
    if image.mode in _WIDE_MODES:
        return _wide(path, image, channels)
    if image.mode == "F":
        raise InputError(f"{path}: holds floating-point values of unknown range. Save 8 or 16 bits per channel.")
    if channels not in (1, 3):
        if channels != 4 or len(image.getbands()) != 4:
            raise InputError(
                f"{path}: has {len(image.getbands())} channels ({image.mode}), not {channels}. Pass channels=3"
                f"{'' if channels == 4 else ', or save images of other channels as .npy'}."
            )
        return np.array(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image)
    image = image.convert("RGB" if channels == 3 else "L")
    return np.array(image).reshape(image.height, image.width, channels)


def read_mask(path: PathLike, *, colors: Mapping[tuple[int, int, int], int] | None = None) -> np.ndarray:
    """Read a mask as integer ids.

    Palette images give their ids, not their colors; 1-bit images give 0 and 1; images of 8 and 16 bits give their
    values. An RGB image whose channels are equal is read as gray; alpha is dropped. A `.npy` file holds the ids.

    Args:
        path: path. The file.
        colors: dict from color (red, green, blue) to id, for masks painted in colors. A color that is missing from it
            is an error. Defaults to None.

    Returns:
        Integer array (height, width): uint8, or int32 if the file holds more than 8 bits.

    Raises:
        InputError: The file cannot be read, is painted in colors and `colors` is None, holds a color that is not in
            `colors`, or is a `.npy` file although `colors` is given.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     mask = Image.new("P", (2, 1), 15)
        ...     mask.putpalette([0, 128, 255] * 256)
        ...     mask.save(folder + "/a.png")
        ...     read_mask(folder + "/a.png").tolist()
        [[15, 15]]
    """
    if _is_array(path):
        if colors is not None:
            raise InputError(f"{path}: a .npy mask holds ids, not colors. Remove `colors`, here or from labels.json.")
        return _ids_of_array(path)
    mask = _open(path, "mask")
    if colors is not None:
        return _ids_of_colors(path, np.array(mask.convert("RGB")), colors)
    if mask.mode in ("LA", "La", "PA"):
        mask = mask.getchannel(0)
    if mask.mode in ("RGBA", "RGBX", "RGBa"):
        mask = mask.convert("RGBA").convert("RGB")
    if mask.mode == "1":
        return np.array(mask).astype(np.uint8)
    if mask.mode in ("L", "P"):
        return np.array(mask)
    if mask.mode in _WIDE_MODES:
        return np.array(mask).astype(np.int32)
    if mask.mode == "RGB":
        array = np.array(mask)
        if (array == array[..., :1]).all():
            return array[..., 0]
        raise InputError(
            f"{path}: the mask is painted in colors. "
            'Pass colors={(red, green, blue): id, ...}, write "colors": [[red, green, blue], ...] into labels.json, '
            "or save it with one id per pixel."
        )
    raise InputError(f"{path}: a mask of type {mask.mode} holds no ids. Save it as PNG with one id per pixel.")


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
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Image.new("L", (4, 2)).save(folder + "/a.png")
        ...     image_size(folder + "/a.png")
        (2, 4)
    """
    if _is_array(path):
        height, width, _ = _image_axes(path, read_array(path, mapped=True))
        return height, width
    try:
        with Image.open(path) as image:
            width, height = image.size
            if isinstance(image, TiffImagePlugin.TiffImageFile):
                # Some versions of Pillow apply the orientation to the size of a TIFF; the tags hold the stored size.
                width, height = image.tag_v2[_TIFF_WIDTH], image.tag_v2[_TIFF_LENGTH]
            turned = image.getexif().get(_ORIENTATION_TAG) in _QUARTER_TURNS
    except Exception as error:  # As in _open.
        raise _unreadable(path, "image", error) from error
    return (width, height) if turned else (height, width)


def read_array(path: PathLike, *, mapped: bool = False) -> np.ndarray:
    """The array of a `.npy` file; `mapped` into memory if only its shape is needed."""
    try:
        return np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file. Check the path.") from error
    except (OSError, ValueError, EOFError) as error:
        raise InputError(
            f"{path}: cannot be read as an array of numbers (damaged, or not .npy). Write it with numpy.save."
        ) from error


def read_id_array(path: PathLike) -> np.ndarray:
    """The integers of a `.npy` file, (height, width)."""
    values = read_array(path)
    if values.ndim != 2 or values.dtype.kind not in "iub":
        raise InputError(
            f"{path}: holds {values.dtype} of shape {values.shape}. Save one integer per pixel, "
            "(height, width): ids.astype('int32')."
        )
    return values


def _is_array(path: PathLike) -> bool:
    return pathlib.Path(path).suffix.lower() == ".npy"


def _ids_of_array(path: PathLike) -> np.ndarray:
    values = read_id_array(path)
    if values.dtype.kind == "b" or values.dtype == np.uint8:
        return values.astype(np.uint8)
    if values.size and not (np.iinfo("int32").min <= values.min() and values.max() <= np.iinfo("int32").max):
        raise InputError(f"{path}: holds ids beyond 2^31. Number the classes from 0.")
    return values.astype(np.int32)


def _image_axes(path: PathLike, values: np.ndarray) -> tuple[int, int, int]:
    """(height, width, channels) of an image in a `.npy` file."""
    shape = values.shape if values.ndim == 3 else (*values.shape, 1)
    if len(shape) != 3 or 0 in shape:
        raise InputError(f"{path}: holds an array of shape {values.shape}. Save it as (height, width, channels).")
    height, width, channels = shape
    return height, width, channels


def _image_of_array(path: PathLike, channels: int) -> np.ndarray:
    values = read_array(path)
    values = values.reshape(_image_axes(path, values))
    if values.shape[-1] != channels:
        raise InputError(f"{path}: has {values.shape[-1]} channels, not {channels}. Pass channels={values.shape[-1]}.")
    if values.dtype == np.uint8:
        return values
    if values.dtype.kind != "f":
        raise InputError(
            f"{path}: holds {values.dtype}, whose scale is unknown. Scale it to 0..255 and save it as uint8 or "
            "float32; for 16 bits: (image / 257).astype('float32')."
        )
    with np.errstate(over="ignore"):
        values = values.astype(np.float32)
    if not np.isfinite(values).all():
        raise InputError(f"{path}: holds NaN or infinity. Fill these pixels, and mark them in the mask (ignore_class).")
    return values


def _open(path: PathLike, kind: str) -> Image.Image:
    try:
        with Image.open(path) as image:
            image.load()
            return ImageOps.exif_transpose(image)
    # On broken bytes, decoders raise OSError, SyntaxError, struct.error and more.
    except Exception as error:
        raise _unreadable(path, kind, error) from error


def _unreadable(path: PathLike, kind: str, error: Exception) -> InputError:
    if isinstance(error, FileNotFoundError):
        return InputError(f"{path}: there is no such file. Check the path.")
    if isinstance(error, Image.UnidentifiedImageError):
        reason = "not an image, or a format that Pillow does not support"
        if pathlib.Path(path).suffix.lower() in (".tif", ".tiff"):
            reason += "; save TIFFs with other than 1, 3 or 4 channels as .npy"
    else:
        reason = " ".join(str(error).split()) or type(error).__name__
    partner = "mask" if kind == "image" else "image"
    return InputError(
        f"{path}: the {kind} cannot be read ({reason}). Replace it, or remove it together with its {partner}."
    )


def _wide(path: PathLike, image: Image.Image, channels: int) -> np.ndarray:
    values = np.array(image).astype(np.float32)
    if values.max(initial=0) > 65535 or values.min(initial=0) < 0:
        raise InputError(f"{path}: holds values outside 0..65535. Save it with 8 or 16 bits per channel.")
    if channels not in (1, 3):
        raise InputError(f"{path}: has 1 channel ({image.mode}), not {channels}. Pass channels=1 or 3.")
    return np.repeat((values * np.float32(255 / 65535))[..., None], channels, axis=-1)


def _ids_of_colors(path: PathLike, array: np.ndarray, colors: Mapping[tuple[int, int, int], int]) -> np.ndarray:
    packed = (array.astype(np.int32) << np.array([16, 8, 0])).sum(-1)
    keys = {(int(red) << 16) + (int(green) << 8) + int(blue): int(id_) for (red, green, blue), id_ in colors.items()}
    found, inverse = np.unique(packed, return_inverse=True)
    for key in found.tolist():
        if key not in keys:
            color = (key >> 16, key >> 8 & 255, key & 255)
            raise InputError(
                f"{path}: the color {color} is not in `colors`. Add it, with an id or with the label of `ignore_class`."
            )
    ids = np.array([keys[key] for key in found.tolist()], np.int32)
    return ids[inverse].reshape(packed.shape)
