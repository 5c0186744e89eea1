"""One image and its mask, each decoded once, as facts."""

import pathlib

import numpy as np
from PIL import Image

from keras_seg._validation import InputError
from keras_seg.data.diagnosis.border_offset import border_offset
from keras_seg.data.diagnosis.image_hashes import gray_picture, pixel_hash, shape_hash, thumbnail
from keras_seg.data.diagnosis.mask_reading import MaskContent, read_content, unpacked
from keras_seg.data.diagnosis.pair_facts import CAP, ImageLook, MaskLook, PairFacts
from keras_seg.data.diagnosis.smeared import is_smeared
from keras_seg.data.diagnosis.specks import count_specks
from keras_seg.data.index.black_and_white import THRESHOLD
from keras_seg.data.index.reading import read_image

_ORIENTATION_TAG = 0x0112


def examine(
    image: pathlib.Path | None, mask: pathlib.Path | None, *, split: str | None, channels: int, painted: bool
) -> PairFacts:
    """The facts of an image, of a mask, or of both as a pair.

    Args:
        image: path, or None.
        mask: path, or None.
        split: name of the split.
        channels: channels to read the image with.
        painted: whether masks are known to hold colors.
    """
    look, gray, image_error = None, None, ""
    if image is not None:
        try:
            array = read_image(image, channels=channels)
            gray = gray_picture(array)
            look = _image_look(image, array, gray)
        except InputError as error:
            image_error = str(error)
    mask_look, labels, mask_error = None, None, ""
    if mask is not None:
        try:
            mask_look, labels = _mask_look(read_content(mask, painted=painted))
        except InputError as error:
            mask_error = str(error)
    offset = None if gray is None or labels is None else border_offset(gray, labels)
    return PairFacts(
        split=split,
        image=image,
        mask=mask,
        image_look=look,
        mask_look=mask_look,
        image_error=image_error,
        mask_error=mask_error,
        offset=offset,
    )


def orientation(path: pathlib.Path) -> int:
    """The EXIF orientation of an image, from its header: 1 for upright."""
    if path.suffix.lower() == ".npy":
        return 1
    try:
        with Image.open(path) as image:
            return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # The image itself was read; only its metadata are damaged.
        return 1


def _image_look(path: pathlib.Path, array: np.ndarray, gray: np.ndarray) -> ImageLook:
    wide = array.dtype != np.uint8
    return ImageLook(
        size=(array.shape[0], array.shape[1]),
        channels=array.shape[2],
        orientation=orientation(path),
        wide=wide,
        peak=float(array.max()) if wide else 255.0,
        pixel_hash=pixel_hash(array),
        shape_hash=shape_hash(gray),
        thumbnail=thumbnail(gray),
    )


def _mask_look(content: MaskContent) -> tuple[MaskLook, np.ndarray | None]:
    """The facts, and the labels without gray levels between black and white; None for too many labels."""
    pixels = content.pixels
    if pixels.dtype == np.uint8:
        number = np.bincount(pixels.ravel(), minlength=256)  # Twenty times as fast as np.unique.
        found = np.flatnonzero(number)
        number = number[found]
    else:
        found, number = np.unique(pixels, return_counts=True)
    counts = dict(zip(found[:CAP].tolist(), number[:CAP].tolist(), strict=True))
    gray = content.values is not None
    colors = None
    if content.packed is not None:
        colors = {unpacked(value * 0x010101 if gray else value): count for value, count in counts.items()}
    many, labels = len(found) > CAP, pixels
    if many:
        labels = None
    elif gray and is_smeared(counts, jpeg=content.jpeg):
        labels = (pixels >= THRESHOLD).astype(np.uint8)
    look = MaskLook(
        size=(pixels.shape[0], pixels.shape[1]),
        jpeg=content.jpeg,
        gray=gray,
        values=counts if gray else {},
        colors=colors,
        many=many,
        # Regions of a JPEG are those of its blocks.
        specks=0 if labels is None or (content.jpeg and labels is pixels) else count_specks(labels),
    )
    return look, labels
