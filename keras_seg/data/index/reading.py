"""Read images as RGB in 0..255 and masks as integer ids, whatever the file format."""

import pathlib

import numpy as np
from PIL import Image, ImageOps

from keras_seg import _validation
from keras_seg._validation import InputError

# Pillow's modes for one channel of 16 bits. 16-bit PNG opens as "I" before Pillow 11.
_WIDE_MODES = ("I;16", "I;16L", "I;16B", "I;16N", "I")
_ORIENTATION_TAG = 0x0112
_TIFF_WIDTH, _TIFF_LENGTH = 256, 257
_QUARTER_TURNS = (5, 6, 7, 8)


def read_image(path, *, channels=3):
    """Read an image.

    JPEG, PNG, TIFF, BMP and WebP (and what else Pillow reads). The EXIF orientation is applied; transparency is laid
    over white; palettes, CMYK and 1-bit images become RGB; gray images are repeated over three channels. One channel of
    16 bits is scaled from 0..65535 to 0..255 and keeps its fractions. Of a file with several frames the first is read.

    A `.npy` file holds an array (height, width, channels) of any number of channels, or (height, width) for one. Its
    values are taken as they are, uint8 or floats in 0..255: other integers have no scale that could be known, and are
    refused.

    Args:
        path: the file.
        channels: 3 for RGB, 1 for gray, 4 for a file with exactly four channels, taken as they are (RGB + near infrared
            in RGBA); any number that a `.npy` file has.

    Returns:
        Array (height, width, channels) in 0..255: uint8, or float32 for 16-bit files and arrays of floats.

    Raises:
        InputError: the file cannot be read, or does not have the channels asked for.

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
        raise InputError(f"{path}: holds floating-point values of unknown range. Save it with 8 or 16 bits a channel.")
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


def read_mask(path, *, colors=None):
    """Read a mask as integer ids.

    A palette image gives its true ids, not its colors; a 1-bit image gives 0 and 1; 8 and 16 bits give their values.
    An RGB image whose channels are equal is read as gray; alpha is left out. A `.npy` file holds the ids.

    Args:
        path: the file.
        colors: dict from color (red, green, blue) to id, for masks painted in colors. A color that is not in it is
            an error.

    Returns:
        Integer array (height, width): uint8, or int32 where the file holds more than 8 bits.

    Raises:
        InputError: the file cannot be read, is painted in colors and `colors` is None, or holds a color that is not
            in `colors`.

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
            "or save it with one id a pixel."
        )
    raise InputError(f"{path}: a mask of type {mask.mode} holds no ids. Save it as PNG with one id a pixel.")


def image_size(path):
    """The (height, width) of an image after its EXIF orientation, read from the header alone.

    Args:
        path: the file.

    Returns:
        (height, width) in pixels.

    Raises:
        InputError: the file is no image.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Image.new("L", (4, 2)).save(folder + "/a.png")
        ...     image_size(folder + "/a.png")
        (2, 4)
    """
    if _is_array(path):
        return _image_axes(path, read_array(path, mapped=True))[:2]
    try:
        with Image.open(path) as image:
            width, height = image.size
            if image.format == "TIFF":
                # Pillow's size of a TIFF has the orientation applied in some versions; the tags never have.
                width, height = image.tag_v2[_TIFF_WIDTH], image.tag_v2[_TIFF_LENGTH]
            turned = image.getexif().get(_ORIENTATION_TAG) in _QUARTER_TURNS
    except Exception as error:  # As in _open.
        raise _unreadable(path, "image", error) from error
    return (width, height) if turned else (height, width)


def read_array(path, *, mapped=False):
    """The array of a `.npy` file, mapped to memory where only its shape is looked at."""
    try:
        return np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file. Check the path.") from error
    except (OSError, ValueError, EOFError) as error:
        raise InputError(
            f"{path}: cannot be read as an array of numbers; it is damaged or no .npy file. Write it with numpy.save."
        ) from error


def read_id_array(path):
    """The whole numbers of a `.npy` file, (height, width), as they stand there."""
    values = read_array(path)
    if values.ndim != 2 or values.dtype.kind not in "iub":
        raise InputError(
            f"{path}: holds {values.dtype} of shape {values.shape}. Save a whole number for each pixel, "
            "(height, width): ids.astype('int32')."
        )
    return values


def _is_array(path):
    return pathlib.Path(path).suffix.lower() == ".npy"


def _ids_of_array(path):
    values = read_id_array(path)
    if values.dtype.kind == "b" or values.dtype == np.uint8:
        return values.astype(np.uint8)
    if values.size and not (np.iinfo("int32").min <= values.min() and values.max() <= np.iinfo("int32").max):
        raise InputError(f"{path}: holds ids beyond 2^31. Number the classes from 0.")
    return values.astype(np.int32)


def _image_axes(path, values):
    """The shape of an image in a `.npy` file."""
    shape = values.shape if values.ndim == 3 else (*values.shape, 1)
    if len(shape) != 3 or 0 in shape:
        raise InputError(f"{path}: holds an array of shape {values.shape}. Save it as (height, width, channels).")
    return shape


def _image_of_array(path, channels):
    values = read_array(path)
    values = values.reshape(_image_axes(path, values))
    if values.shape[-1] != channels:
        raise InputError(f"{path}: has {values.shape[-1]} channels, not {channels}. Pass channels={values.shape[-1]}.")
    if values.dtype == np.uint8:
        return values
    if values.dtype.kind != "f":
        raise InputError(
            f"{path}: holds {values.dtype}, whose scale is not known. Scale it to 0..255 and save it as uint8 or "
            "float32; 16 bits: (image / 257).astype('float32')."
        )
    with np.errstate(over="ignore"):
        values = values.astype(np.float32)
    if not np.isfinite(values).all():
        raise InputError(f"{path}: holds NaN or infinity. Fill these pixels, and mark them in the mask (ignore_class).")
    return values


def _open(path, kind):
    try:
        with Image.open(path) as image:
            image.load()
            return ImageOps.exif_transpose(image)
    # Decoders meet every kind of broken bytes, and raise OSError, SyntaxError, struct.error and more over them.
    except Exception as error:
        raise _unreadable(path, kind, error) from error


def _unreadable(path, kind, error):
    if isinstance(error, FileNotFoundError):
        return InputError(f"{path}: there is no such file. Check the path.")
    if isinstance(error, Image.UnidentifiedImageError):
        reason = "not an image, or of a format that Pillow does not know"
        if pathlib.Path(path).suffix.lower() in (".tif", ".tiff"):
            reason += "; save TIFFs of other than 1, 3 or 4 channels as .npy"
    else:
        reason = " ".join(str(error).split()) or type(error).__name__
    partner = "mask" if kind == "image" else "image"
    return InputError(
        f"{path}: the {kind} cannot be read ({reason}). Replace it, or remove it together with its {partner}."
    )


def _wide(path, image, channels):
    values = np.array(image).astype(np.float32)
    if values.max(initial=0) > 65535 or values.min(initial=0) < 0:
        raise InputError(f"{path}: holds values outside 0..65535. Save it with 8 or 16 bits a channel.")
    if channels not in (1, 3):
        raise InputError(f"{path}: has 1 channel ({image.mode}), not {channels}. Pass channels=1 or 3.")
    return np.repeat((values * np.float32(255 / 65535))[..., None], channels, axis=-1)


def _ids_of_colors(path, array, colors):
    packed = (array.astype(np.int32) << np.array([16, 8, 0])).sum(-1)
    keys = {(int(red) << 16) + (int(green) << 8) + int(blue): int(id_) for (red, green, blue), id_ in colors.items()}
    found, inverse = np.unique(packed, return_inverse=True)
    for key in found.tolist():
        if key not in keys:
            color = (key >> 16, key >> 8 & 255, key & 255)
            raise InputError(
                f"{path}: the color {color} is not in `colors`. Add it, with an id or with the ignored label."
            )
    ids = np.array([keys[key] for key in found.tolist()], np.int32)
    return ids[inverse].reshape(packed.shape)
