"""Strips and tiles of codecs that tifffile leaves to another library, unpacked by Pillow's libtiff byte for byte."""

import io
import struct
from typing import Any, BinaryIO

import numpy as np

from keras_seg._decoding.pillow_file import identify

# LZW and Zstandard.
REPACKED = (5, 50000)
_NO_PREDICTOR, _HORIZONTAL = 1, 2


def repacked_values(stream: BinaryIO, page: Any) -> np.ndarray:
    """All values of a page: (height, width, samples), or (samples, height, width) if planar."""
    if int(page.predictor) not in (_NO_PREDICTOR, _HORIZONTAL):
        raise ValueError(f"its predictor {page.predictor.name} is not supported with {page.compression.name}")
    planes = page.samplesperpixel if page.planarconfig == 2 else 1
    samples = page.samplesperpixel // planes
    height, width = page.imagelength, page.imagewidth
    rows, columns = (page.tilelength, page.tilewidth) if page.is_tiled else (min(page.rowsperstrip, height), width)
    down, across = -(-height // rows), -(-width // columns)
    dtype = np.dtype(page.dtype).newbyteorder(page.parent.byteorder)
    values = np.zeros((planes, height, width, samples), page.dtype)
    segments = zip(page.dataoffsets, page.databytecounts, strict=True)
    for plane in range(planes):
        for row in range(down):
            for column in range(across):
                offset, count = next(segments)
                if not count:  # A tile that was never written.
                    continue
                top, left = row * rows, column * columns
                # A strip ends with the image; a tile is always whole.
                tall = rows if page.is_tiled else min(rows, height - top)
                stream.seek(offset)
                data = _unpacked(stream.read(count), int(page.compression), tall, columns * samples * dtype.itemsize)
                part = np.frombuffer(data, dtype).reshape(tall, columns, samples).astype(page.dtype)
                if int(page.predictor) == _HORIZONTAL:
                    part = np.cumsum(part, axis=1, dtype=part.dtype)
                seen = part[: height - top, : width - left]
                values[plane, top : top + seen.shape[0], left : left + seen.shape[1]] = seen
    return values[0] if planes == 1 else values[..., 0]


def _unpacked(data: bytes, compression: int, rows: int, row_bytes: int) -> bytes:
    """The bytes of a segment, as the pixels of a small gray TIFF made around it."""
    tags = [
        (256, row_bytes),
        (257, rows),
        (258, 8),
        (259, compression),
        (262, 1),
        (273, 8),
        (277, 1),
        (278, rows),
        (279, len(data)),
    ]
    place = 8 + len(data) + len(data) % 2
    file = b"II*\0" + struct.pack("<I", place) + data + b"\0" * (len(data) % 2)
    file += struct.pack("<H", len(tags))
    file += b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags) + struct.pack("<I", 0)
    return identify(io.BytesIO(file)).tobytes()
