"""TIFF of any number of bands and bits, planar or not, in strips or tiles."""

import contextlib
import io
import math
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from keras_seg._decoding.checked_file import check_frames, check_memory
from keras_seg._decoding.file_facts import FileFacts, Pixels
from keras_seg._decoding.orientation import stored
from keras_seg._decoding.pillow_file import ORIENTATION_TAG, full_scale, identify, unstretched
from keras_seg._decoding.quiet_tifffile import quiet
from keras_seg._decoding.tiff_segments import REPACKED, repacked_values
from keras_seg._types import PathLike
from keras_seg._validation import InputError

if TYPE_CHECKING:
    import tifffile

_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB, _PALETTE = 0, 1, 2, 3
_NAMES = {5: "CMYK", 6: "YCbCr", 8: "LAB", 9: "LAB", 10: "LAB"}
# What tifffile decodes on its own: none, Deflate (two numbers), PackBits, LZMA.
_OWN = (1, 8, 32946, 32773, 34925)
_JPEGS = (6, 7, 33003, 33005, 34712, 34933, 50001)
_REDUCED, _TRANSPARENCY_MASK = 1, 4
_PHOTOMETRIC_TAG = 262
# Those that decide about the values: type, sizes, bits, compression, colors, places, orientation, channels, format.
_NEEDED_TAGS = {254, 256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 284, 317, 320, 322, 323, 324, 325, 338, 339}
_ASSOCIATED, _UNASSOCIATED = 1, 2
# GeoTIFF: size of a pixel, tie points, transformation, and the keys of the coordinate reference system.
_GEO_TAGS = {33550, 33922, 34264, 34735}


def is_tiff(stream: BinaryIO) -> bool:
    """Whether a stream begins as a TIFF; it is at its beginning afterwards."""
    start = stream.read(4)
    stream.seek(0)
    return start in _STARTS


def tiff_facts(stream: BinaryIO, path: PathLike, kind: str) -> FileFacts:
    """The facts of a TIFF, from its tags."""
    with _opened(stream) as file:
        page, frames = _pages(path, file)
        facts = _facts(page, frames)
        check_memory(path, facts.size, facts.bits * facts.channels)
        return facts


def tiff_pixels(stream: BinaryIO, path: PathLike, kind: str) -> Pixels:
    """The pixels of a TIFF, as stored."""
    with _opened(stream) as file:
        page, frames = _pages(path, file)
        facts = _facts(page, frames)
        check_frames(path, kind, frames, pages=True)
        check_memory(path, facts.size, facts.bits * facts.channels)
        _refuse_truncated(stream, page)
        plain = page.photometric in (_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB, _PALETTE)
        repacked = plain and page.compression in REPACKED and facts.bits in (8, 16, 32, 64)
        native = repacked or (plain and page.compression in _OWN and facts.bits in (1, 8, 16, 32, 64))
        if native:
            values = repacked_values(stream, page) if repacked else page.asarray()
            if page.planarconfig == 2 and page.samplesperpixel > 1:
                values = np.moveaxis(values, 0, -1)
            values = values.reshape(*facts.size, facts.channels)
        else:
            values = _by_pillow(stream, path, page, facts)
        if page.photometric == _PALETTE and page.colormap is None:
            raise ValueError("it has no color map")
    if values.dtype.byteorder not in "=|":
        values = values.astype(values.dtype.newbyteorder("="))
    return Pixels(
        facts=facts,
        values=values,
        palette=_palette(page.colormap) if facts.palette else None,
        premultiplied=_ASSOCIATED in _extra(page),
        # Pillow shows such a file as a viewer does.
        inverted=native and page.photometric == _MIN_IS_WHITE,
        full_scale=full_scale(facts.bits),
    )


def is_georeferenced(path: PathLike) -> bool:
    """Whether a file is a TIFF whose tags place it on a map."""
    try:
        with open(path, "rb") as stream:
            if not is_tiff(stream):
                return False
            with _opened(stream) as file:
                page: Any = file.pages[0]
                return bool(_GEO_TAGS & {tag.code for tag in page.tags})
    # Whoever reads the picture says what is wrong with the file; a damaged one raises errors of every kind.
    except Exception:
        return False


def check_complete(path: PathLike) -> None:
    """Refuse a TIFF that ends before its last strip or tile: GDAL finds this when it comes to it, after hours.

    Raises:
        InputError: the file is truncated.
    """
    with open(path, "rb") as stream:
        if not is_tiff(stream):
            return  # GDAL reads other formats under this name.
        with _opened(stream) as file:
            try:
                _refuse_truncated(stream, file.pages[0])
            except ValueError as error:
                raise InputError(f"{path}: cannot be read ({error}). Copy or download it again.") from error


@contextlib.contextmanager
def _opened(stream: BinaryIO) -> Iterator["tifffile.TiffFile"]:
    import tifffile  # Only where it is needed: it takes a tenth of what the package takes to import.

    with quiet(), tifffile.TiffFile(stream, is_ome=False) as file:
        yield file


def _pages(path: PathLike, file: "tifffile.TiffFile") -> tuple[Any, int]:
    """The first page that is a separate picture, and how many there are."""
    pages = []
    for index in range(len(file.pages)):
        page: Any = file.pages[index]
        if int(page.subfiletype) & _TRANSPARENCY_MASK:
            raise InputError(
                f"{path}: holds a page that masks the pixels of its picture. Save the picture without it (with GDAL: "
                "gdal_translate -mask none), and mark the pixels in the label mask (ignore_class)."
            )
        if not int(page.subfiletype) & _REDUCED:
            pages.append(page)
    if not pages:
        raise ValueError("it has no page of full resolution")
    _refuse_damaged_tags(file, pages[0])
    frames = len(pages) * max(int(pages[0].imagedepth), 1)
    if len(pages) == 1 and (file.is_imagej or file.is_shaped):
        # One entry in the table of pages may stand for a stack that is stored as one block.
        frames = max([frames, *(int(series.size // pages[0].size) for series in file.series[:1])])
    return pages[0], frames


def _refuse_damaged_tags(file: "tifffile.TiffFile", page: Any) -> None:
    """Refuse a page some of whose tags cannot be read: tifffile then takes the default, such as 1 bit, white as 0."""
    tiff, handle = file.tiff, file.filehandle
    handle.seek(page.offset)
    (count,) = struct.unpack(tiff.tagnoformat, handle.read(tiff.tagnosize))
    entries = handle.read(count * tiff.tagsize)
    starts = range(0, len(entries) - 1, tiff.tagsize)
    listed = {struct.unpack_from(f"{tiff.byteorder}H", entries, start)[0] for start in starts}
    lost = sorted((listed & _NEEDED_TAGS) - {tag.code for tag in page.tags})
    if lost:
        raise ValueError(f"its tag {lost[0]} is damaged")
    if _PHOTOMETRIC_TAG not in page.tags:
        raise ValueError("it lacks the tag PhotometricInterpretation, so that 0 may be black or white")
    if 0 in (page.imagelength, page.imagewidth):
        raise ValueError("it has no pixels")


def _extra(page: Any) -> tuple[int, ...]:
    return tuple(int(value) for value in page.extrasamples or ())


def _facts(page: Any, frames: int) -> FileFacts:
    photometric, channels = int(page.photometric), int(page.samplesperpixel)
    bits = page.bitspersample
    if not isinstance(bits, int):
        if len(set(bits)) > 1:
            raise ValueError(f"its channels have {bits} bits")
        bits = bits[0]
    kind = {1: "u", 2: "i", 3: "f"}.get(int(page.sampleformat), "complex")
    if kind == "complex":
        raise ValueError(f"its values are of TIFF's sample format {int(page.sampleformat)}, not real numbers")
    alpha = bool({_ASSOCIATED, _UNASSOCIATED} & set(_extra(page)))
    tag = page.tags.get(ORIENTATION_TAG)
    orientation = int(tag.value) if tag is not None and tag.value in range(1, 9) else 1
    return FileFacts(
        format="TIFF",
        size=(int(page.imagelength), int(page.imagewidth)),
        mode=_mode(photometric, channels, bits=bits, kind=kind, alpha=alpha),
        channels=channels,
        bits=int(bits),
        kind=kind,
        frames=frames,
        palette=photometric == _PALETTE,
        alpha=alpha,
        lossy=int(page.compression) in _JPEGS,
        orientation=orientation,
    )


def _mode(photometric: int, channels: int, *, bits: int, kind: str, alpha: bool) -> str:
    if photometric == _PALETTE:
        return "P"
    if photometric in (_MIN_IS_BLACK, _MIN_IS_WHITE) and channels == 1:
        return "F" if kind == "f" else {1: "1", 16: "I;16", 32: "I", 64: "I"}.get(bits, "L")
    if photometric in (_MIN_IS_BLACK, _MIN_IS_WHITE):
        return "LA" if channels == 2 and alpha else f"{channels} bands"
    if photometric == _RGB:
        return "RGB" if channels == 3 else "RGBA" if channels == 4 and alpha else f"{channels} bands"
    return _NAMES.get(photometric, f"TIFF photometric {photometric}")


def _palette(colormap: np.ndarray) -> np.ndarray:
    """RGBA of 8 bits. Some writers store 8 bits where the format asks for 16."""
    colors = colormap.T
    colors = colors >> 8 if colors.max(initial=0) > 255 else colors
    return np.concatenate([colors, np.full((len(colors), 1), 255)], 1).astype(np.uint8)


def _refuse_truncated(stream: BinaryIO, page: Any) -> None:
    # Decoders would look for each missing one, which takes a minute for a damaged height.
    if len(page.dataoffsets) < (wanted := math.prod(page.chunked)):
        raise ValueError(f"it lists {len(page.dataoffsets)} of {wanted} strips or tiles")
    end = max((o + c for o, c in zip(page.dataoffsets, page.databytecounts, strict=True) if c), default=0)
    if end > stream.seek(0, io.SEEK_END):
        raise ValueError("it is truncated")


def _by_pillow(stream: BinaryIO, path: PathLike, page: Any, facts: FileFacts) -> np.ndarray:
    """Codecs and color spaces that only Pillow knows, of at most 8 bits."""
    stream.seek(0)
    image = identify(stream)
    known = {"1", "L", "P", "LA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB"}
    if facts.bits > 8 or image.mode not in known:
        raise InputError(
            f"{path}: {facts.bits} bits per channel in this kind of TIFF (compression {page.compression.name}, "
            f"{facts.mode}) cannot be read without loss. Save it uncompressed, or with Deflate or LZW."
        )
    image.load()
    if image.mode in ("CMYK", "YCbCr", "LAB"):
        image = image.convert("RGB")
    values = np.array(image).reshape(image.height, image.width, -1)
    if image.mode == "L":
        values = unstretched(values, full_scale(facts.bits))
    # Pillow turns a TIFF while it loads it; before version 11 it did not.
    if facts.orientation != 1 and image.getexif().get(ORIENTATION_TAG, 1) == 1:
        values = stored(values, facts.orientation)
    return values
