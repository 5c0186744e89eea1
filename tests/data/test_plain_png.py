"""The quick reader of gray PNG files gives what Pillow gives, and leaves everything else to it."""

import dataclasses
import itertools
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from keras_seg import InputError
from keras_seg._decoding import decode as decoding
from keras_seg.data import scan_folder, scan_instances, write_cells, write_shapes

# NumPy and Pillow only: the same code runs whatever the backend.
pytestmark = pytest.mark.tensorflow_only

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(values, *, filters=(0,), pieces=1, before=(), behind=(), depth=8, color=0, interlaced=0):
    """A PNG of uint8 rows, packed by hand: each row with one of the filters none, sub and up."""
    height, width = values.shape
    rows, above = [], np.zeros(width, "uint8")
    for number, row in enumerate(values):
        kind = filters[number % len(filters)]
        left = np.concatenate([[0], row[:-1]]).astype("uint8")
        rows.append(bytes([kind]) + (row - (0, left, above)[kind]).astype("uint8").tobytes())
        above = row
    packed = zlib.compress(b"".join(rows))
    places = np.linspace(0, len(packed), pieces + 1).astype(int)
    data = [chunk(b"IDAT", packed[start:end]) for start, end in itertools.pairwise(places)]
    width = width * 8 if depth == 1 else width
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlaced))
    return b"".join([SIGNATURE, header, *before, *data, *behind, chunk(b"IEND", b"")])


def outcome(path):
    """The facts and pixels of a file, or the error."""
    try:
        pixels = decoding.decode(path)
    except InputError as error:
        return str(error)
    parts = dataclasses.astuple(pixels.facts)
    others = [pixels.palette, pixels.transparent, pixels.premultiplied, pixels.inverted, pixels.full_scale]
    return parts, str(others), pixels.values.dtype, pixels.values.shape, pixels.values.tobytes()


def check(path, monkeypatch, *, quick):
    found = []
    real = decoding.plain_png

    def watched(stream):
        found.append(real(stream))
        return found[-1]

    with monkeypatch.context() as patched:
        patched.setattr(decoding, "plain_png", watched)
        here = outcome(path)
    with monkeypatch.context() as patched:
        patched.setattr(decoding, "plain_png", lambda stream, **_: None)
        assert here == outcome(path)
    if quick is not None:
        assert (found[0] is not None) == quick
    if found[0] is not None:
        part, (top, left) = decoding.decode(path, cropped=True), decoding.decode(path, cropped=True).place
        whole = np.zeros_like(found[0].values)
        whole[top : top + part.values.shape[0], left : left + part.values.shape[1]] = part.values
        assert part.facts == found[0].facts and np.array_equal(whole, found[0].values)
    return here


GRAY = np.random.default_rng(0).integers(0, 256, (23, 17), "uint8")
FILES = {
    "rows": (png(GRAY), True),
    "filters": (png(GRAY, filters=(0, 1, 2)), True),
    "pieces": (png(GRAY, pieces=5), True),
    "bits": (png(GRAY, depth=1), True),
    "two bits": (png(GRAY, depth=2), False),
    "text": (png(GRAY, before=[chunk(b"tEXt", b"a\0b")]), False),
    "transparent": (png(GRAY, before=[chunk(b"tRNS", b"\0\5")]), False),
    "EXIF behind the pixels": (png(GRAY, behind=[chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\0")]), False),
    "text between": (png(GRAY, behind=[chunk(b"tEXt", b"a\0b"), chunk(b"IDAT", b"")]), False),
    "too few rows": (png(GRAY)[:16] + struct.pack(">II", 17, 50) + png(GRAY)[24:], False),
    "a wrong checksum": (png(GRAY)[:29] + b"abcd" + png(GRAY)[33:], False),
    "interlaced": (png(GRAY, interlaced=1), False),
    "no pixels": (png(GRAY[:0]), False),
    "without an end": (png(GRAY)[:-12], False),
    "half": (png(GRAY)[:200], False),
    "header only": (png(GRAY)[:33], False),
    "bytes behind the end": (png(GRAY) + b"more", True),
    "palette": (png(GRAY, color=3, before=[chunk(b"PLTE", bytes(768))]), False),
}


@pytest.mark.parametrize("name", FILES)
def test_files_made_by_hand(tmp_path, monkeypatch, name):
    content, quick = FILES[name]
    (tmp_path / "a.png").write_bytes(content)
    found = check(tmp_path / "a.png", monkeypatch, quick=quick)
    if quick and name != "bits":
        assert found[-1] == GRAY.tobytes()


@pytest.mark.parametrize("options", [{}, {"optimize": True}, {"compress_level": 0}, {"dpi": (72, 72)}])
@pytest.mark.parametrize("mode", ["L", "1", "P", "RGB", "RGBA", "LA", "I;16"])
def test_files_of_pillow(tmp_path, monkeypatch, mode, options):
    image = Image.fromarray(np.kron(GRAY, np.ones((9, 7), "uint8"))).convert(mode)
    image.save(tmp_path / "a.png", **options)
    check(tmp_path / "a.png", monkeypatch, quick=mode in ("L", "1") and "dpi" not in options)
    text = PngImagePlugin.PngInfo()
    text.add_text("XML:com.adobe.xmp", '<tiff:Orientation="6">', zip=True)
    image.save(tmp_path / "b.png", pnginfo=text)
    check(tmp_path / "b.png", monkeypatch, quick=False)


def test_damaged_files(tmp_path, monkeypatch):
    rng = np.random.default_rng(1)
    path, read = tmp_path / "a.png", 0
    for number in range(300):
        content = bytearray(png(GRAY // 100, filters=(0, 1, 2), pieces=1 + number % 3))
        for place in rng.integers(0, len(content), 1 + number % 2):
            content[place] = rng.integers(256)
        path.write_bytes(content[: None if number % 4 else rng.integers(len(content))])
        read += not isinstance(check(path, monkeypatch, quick=None), str)
    assert 20 < read < 280


@pytest.mark.parametrize("kind", ["classes", "objects", "one file per object"])
def test_the_index_of_a_folder(tmp_path, monkeypatch, kind):
    if kind == "classes":
        path = write_shapes(tmp_path / "data", train=4, val=1, image_size=(32, 48))
    else:
        path = write_cells(tmp_path / "data", train=3, val=1, image_size=48)
    if kind == "one file per object":
        for mask in sorted((path / "train" / "masks").iterdir()):
            ids = np.array(Image.open(mask))
            mask.unlink()
            mask.with_suffix("").mkdir()
            for id_ in np.unique(ids[ids > 0]):
                Image.fromarray((ids == id_).astype("uint8") * 255).save(mask.with_suffix("") / f"{id_}.png")
    scan = scan_folder if kind == "classes" else scan_instances
    quick = scan(path, split="train", workers=2)
    monkeypatch.setattr(decoding, "plain_png", lambda stream, **_: None)
    slow = scan(path, split="train", workers=1)
    for field in dataclasses.fields(slow):
        if field.name != "_kept":
            assert np.array_equal(getattr(quick, field.name), getattr(slow, field.name)), field.name
    for position in range(len(slow)):
        assert np.array_equal(quick.read_labels(position), slow.read_labels(position))
        assert np.array_equal(quick._scanned_labels(position), slow.read_labels(position))
