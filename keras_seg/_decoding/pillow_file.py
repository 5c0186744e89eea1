"""Every format except TIFF, read by Pillow without losing bits."""

import dataclasses
import struct
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from keras_seg._decoding.checked_file import check_frames, check_memory
from keras_seg._decoding.file_facts import FileFacts, Pixels
from keras_seg._types import PathLike
from keras_seg._validation import InputError

ORIENTATION_TAG = 0x0112
_PNG = b"\x89PNG\r\n\x1a\n"
_LOSSY = ("JPEG", "MPO", "AVIF", "HEIF", "JPEG2000")
# Further pictures in these are previews, depth maps and layers of the first.
_FIRST_IS_ALL = ("MPO", "PSD", "ICO", "ICNS")
_PLAIN = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "I;16", "I;16B", "I;16L", "I;16N", "I", "F"}
# PNG's color types of 16 bits that Pillow reduces to 8.
_DEEP = {2: "RGB", 4: "LA", 6: "RGBA"}
_BITS = {"1": 1, "I": 32, "F": 32}


def pillow_facts(stream: BinaryIO, path: PathLike, kind: str) -> FileFacts:
    """The facts of a file, from its header."""
    image = identify(stream)
    facts = _facts(image, _start(stream))
    check_memory(path, facts.size, facts.bits * facts.channels)
    return _with_orientation(facts, image)


def pillow_pixels(stream: BinaryIO, path: PathLike, kind: str) -> Pixels:
    """The pixels of a file, as stored."""
    image, start = identify(stream), _start(stream)
    facts = _facts(image, start)
    check_frames(path, kind, facts.frames, pages=False)
    check_memory(path, facts.size, facts.bits * facts.channels)
    _refuse_hidden_depth(path, image, start)
    white = _portable_maxval(image) or full_scale(facts.bits)
    if facts.format == "PNG" and facts.bits == 16 and start[25] in _DEEP:
        values = _deep_png(stream, _DEEP[start[25]])
        image.load()  # For an EXIF block behind the pixels.
        return Pixels(facts=_with_orientation(facts, image), values=values, transparent=image.info.get("transparency"))
    image.load()
    facts = _with_orientation(facts, image)
    if image.mode in ("RGBa", "La"):
        image = image.convert({"RGBa": "RGBA", "La": "LA"}[image.mode])
    if image.mode not in _PLAIN:
        return Pixels(facts=facts, values=np.array(image.convert("RGB")))
    values = np.array(image)
    values = values.reshape(image.height, image.width, -1)
    if values.dtype.kind == "i" and facts.bits == 16:
        values = values.astype(np.uint16)  # PGM, and PNG in Pillow 10, are opened as "I".
    if image.mode in ("L", "I"):
        values = unstretched(values, white)
    palette = _palette(image) if image.mode in ("P", "PA") else None
    transparent = image.info.get("transparency") if image.mode in ("1", "L", "RGB", "I;16", "I;16B", "I") else None
    return Pixels(facts=facts, values=values, palette=palette, transparent=transparent, full_scale=white)


def full_scale(bits: int) -> int | None:
    """The stored value of white in gray files of 2 or 4 bits."""
    return 2**bits - 1 if bits in (2, 4) else None


def unstretched(values: np.ndarray, white: int | None) -> np.ndarray:
    """The stored values of a gray image that Pillow has stretched to the whole range of its dtype."""
    if white is None:
        return values
    return np.rint(values * (white / np.iinfo(values.dtype).max)).astype(values.dtype)


def identify(stream: BinaryIO) -> Image.Image:
    """`Image.open` without its limit of 179 megapixels, a global that belongs to the user: see `check_memory`."""
    stream.seek(0)
    prefix = stream.read(16)
    for load_plugins in (Image.preinit, Image.init):
        load_plugins()
        for name in list(Image.ID):
            factory, accept = Image.OPEN[name]
            try:
                # On a few bytes, some plugins cannot even decline.
                if accept is not None and not _accepted(accept(prefix)):
                    continue
                stream.seek(0)
                return factory(stream, "")
            except (SyntaxError, IndexError, TypeError, struct.error):
                continue
    raise Image.UnidentifiedImageError("cannot identify the image file")


def _accepted(answer: Any) -> bool:
    """A plugin answers with a truth value, or a text that says which library is missing."""
    return bool(answer) and not isinstance(answer, str)


def _start(stream: BinaryIO) -> bytes:
    """The first bytes; the stream stays where it is."""
    place = stream.tell()
    stream.seek(0)
    start = stream.read(4096)
    stream.seek(place)
    return start


def _facts(image: Image.Image, start: bytes) -> FileFacts:
    mode, bits, format_ = image.mode, _BITS.get(image.mode, 16 if image.mode.startswith("I;16") else 8), image.format
    channels = len(image.getbands())
    if start.startswith(_PNG):
        bits = start[24]
        if bits == 16:
            mode = _DEEP.get(start[25], "I;16")
            channels = len(mode) if start[25] in _DEEP else 1
    elif format_ == "PPM" and mode == "I":
        bits = 16
    frames = 1 if format_ in _FIRST_IS_ALL else int(getattr(image, "n_frames", 1))
    return FileFacts(
        format=str(format_),
        size=(image.height, image.width),
        mode=mode,
        channels=1 if image.mode == "P" else channels,
        bits=bits,
        kind={"F": "f", "I": "i" if bits == 32 else "u"}.get(image.mode, "u"),
        frames=frames,
        palette=image.mode in ("P", "PA"),
        alpha=mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info,
        lossy=format_ in _LOSSY or (format_ == "WEBP" and b"VP8L" not in start),
    )


def _with_orientation(facts: FileFacts, image: Image.Image) -> FileFacts:
    orientation = image.getexif().get(ORIENTATION_TAG, 1)
    if orientation in range(2, 9):
        return dataclasses.replace(facts, orientation=int(orientation))
    return facts


def _deep_png(stream: BinaryIO, mode: str) -> np.ndarray:
    """The 16-bit values of a color PNG, uint16 (height, width, channels).

    Pillow keeps one byte of every value. Told that the bytes are stored in the other order, it keeps the other one.
    """
    if mode == "LA":  # Four bytes per pixel, as RGBA of 8 bits has.
        return np.ascontiguousarray(_unpacked(stream, "RGBA", "RGBA")).view(">u2").astype(np.uint16)
    high, low = (_unpacked(stream, mode, f"{mode};16{order}") for order in "BL")
    return (high.astype(np.uint16) << 8) | low


def _unpacked(stream: BinaryIO, mode: str, raw: str) -> np.ndarray:
    image: Any = identify(stream)
    codec, box, offset, _ = image.tile[0]
    image.info.pop("transparency", None)
    image.tile = [(codec, box, offset, raw)]
    if image.mode != mode:
        image._mode = mode
    image.load()
    return np.array(image)


def _palette(image: Image.Image) -> np.ndarray:
    image.apply_transparency()
    mode = image.palette.mode if image.palette is not None else "RGB"
    colors = np.array(image.getpalette(mode) or [], np.uint8).reshape(-1, len(mode))
    table = np.full((len(colors), 4), 255, np.uint8)
    table[:, : colors.shape[1]] = colors
    return table


def _portable_maxval(image: Any) -> int | None:
    """The largest value of a gray PGM file that Pillow stretches."""
    if image.format == "PPM" and image.mode in ("L", "I") and image.tile and isinstance(image.tile[0][3], tuple):
        maxval = image.tile[0][3][-1]
        return maxval if isinstance(maxval, int) and maxval not in (255, 65535) else None
    return None


def avif_bits(start: bytes) -> int:
    """Bits per value of an AVIF file, from the record that describes its AV1 stream (`av1C`)."""
    place = start.find(b"av1C")
    flags = start[place + 6] if 0 <= place < len(start) - 6 else 0
    return 12 if flags & 0x60 == 0x60 else 10 if flags & 0x40 else 8


def _refuse_hidden_depth(path: PathLike, image: Any, start: bytes) -> None:
    """Refuse files of more than 8 bits whose lower bits Pillow drops."""
    bits = 8
    if image.format == "AVIF":
        bits = avif_bits(start)
    elif image.format == "JPEG2000" and not image.mode.startswith("I"):
        place = start.find(b"\xff\x4f\xff\x51")
        bits = (start[place + 42] & 0x7F) + 1 if 0 <= place < len(start) - 42 else 8
    elif image.format == "PPM" and image.mode == "RGB" and isinstance(image.tile[0][3], tuple):
        maxval = image.tile[0][3][-1]
        bits = maxval.bit_length() if isinstance(maxval, int) else 8
    elif image.format == "SGI" and len(start) > 3 and start[3] == 2:  # Bytes per value.
        bits = 16
    if bits > 8:
        raise InputError(
            f"{path}: holds {bits} bits per channel, of which only 8 can be read from a {image.format} file. "
            "Save it as 16-bit PNG or TIFF."
        )
