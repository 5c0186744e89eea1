"""PNG files of gray values and nothing else, as most masks are: read without the steps that other files need."""

import io
import zlib

import numpy as np
from PIL import Image

from keras_seg._decoding.file_facts import FileFacts, Pixels

_START = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
_HEADER = 33  # With the length and the checksum of the first chunk.
_MODES = {1: "1", 8: "L"}
# Larger files and images take their time in decoding, not in these steps.
_MOST_BYTES, _MOST_PIXELS = 1 << 20, 1 << 24


def plain_png(stream: io.BufferedReader, *, cropped: bool = False) -> Pixels | None:
    """The pixels of a PNG of one gray channel that holds no further chunks; None for all other files.

    These are the pixels and facts of `pillow_pixels`, and damaged files are left to it.

    Args:
        stream: at its beginning.
        cropped: bool. Whether the smallest rectangle with everything other than 0 is enough: of most masks of an
            object, it is a small part.
    """
    header = stream.read(_HEADER)
    # Gray, without interlacing.
    if not header.startswith(_START) or len(header) < _HEADER or header[25:29] != bytes(4):
        return None
    mode = _MODES.get(header[24])
    if mode is None or zlib.crc32(header[12:29]) != int.from_bytes(header[29:33], "big"):
        return None
    width, height = int.from_bytes(header[16:20], "big"), int.from_bytes(header[20:24], "big")
    if not 0 < width * height <= _MOST_PIXELS:
        return None
    # Most files fit into what was read with the header.
    packed = _only_data(stream.peek()) or _only_data(stream.read(_MOST_BYTES))
    if packed is None:
        return None
    try:
        image = Image.frombytes(mode, (width, height), packed, "zip", mode, 0)
    except Exception:
        return None
    facts = FileFacts(format="PNG", size=(height, width), mode=mode, channels=1, bits=header[24], kind="u")
    left, top = 0, 0
    if cropped:
        box = image.getbbox() or (0, 0, 0, 0)
        left, top = box[:2]
        image = image.crop(box)
    return Pixels(facts=facts, values=np.array(image)[..., None], place=(top, left))


def _only_data(chunks: bytes) -> bytes | None:
    """The packed pixels of the chunks behind the header; None if there are others, or not all of them."""
    parts, place = [], 0
    while True:
        kind = chunks[place + 4 : place + 8]
        if kind == b"IEND":
            return b"".join(parts)
        end = place + 8 + int.from_bytes(chunks[place : place + 4], "big")
        if kind != b"IDAT" or end > len(chunks):
            return None
        parts.append(chunks[place + 8 : end])
        place = end + 4
