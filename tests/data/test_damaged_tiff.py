"""A TIFF some of whose tags cannot be read is refused, and not read with the defaults of these tags."""

import struct

import numpy as np
import pytest
import tifffile

from keras_seg import InputError
from keras_seg.data import read_image, read_mask

# NumPy and tifffile only: the same code runs whatever the backend.
pytestmark = pytest.mark.tensorflow_only

IDS = np.arange(12 * 10, dtype="uint8").reshape(12, 10) // 40


def entries(content):
    """The place of every tag in the directory, by number."""
    (start,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, start)
    places = range(start + 2, start + 2 + 12 * count, 12)
    return {struct.unpack_from("<H", content, place)[0]: place for place in places}


def write(path, damage=(), **options):
    """A TIFF whose tags of these numbers have a type that there is not."""
    tifffile.imwrite(path, IDS, byteorder="<", **options)
    content = bytearray(path.read_bytes())
    for tag in damage:
        content[entries(content)[tag] + 2] = 99
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("tag", [256, 257, 258, 259, 262, 273, 277, 278, 279])
@pytest.mark.parametrize("read", [read_mask, read_image])
def test_a_tag_that_decides_about_values(tmp_path, tag, read):
    with pytest.raises(InputError, match=r"a\.tif: the (mask|image) cannot be read") as caught:
        read(write(tmp_path / "a.tif", [tag]))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("tag", [270, 305, 282])
def test_a_tag_that_does_not(tmp_path, tag):
    assert np.array_equal(read_mask(write(tmp_path / "a.tif", [tag])), IDS)


def test_no_word_about_black_and_white(tmp_path):
    path = write(tmp_path / "a.tif")
    content = bytearray(path.read_bytes())
    struct.pack_into("<H", content, entries(content)[262], 261)
    path.write_bytes(content)
    with pytest.raises(InputError, match="lacks the tag PhotometricInterpretation"):
        read_mask(path)


def test_no_pixels(tmp_path):
    path = write(tmp_path / "a.tif")
    content = bytearray(path.read_bytes())
    struct.pack_into("<H", content, entries(content)[257] + 8, 0)
    path.write_bytes(content)
    with pytest.raises(InputError, match="cannot be read"):
        read_image(path)
