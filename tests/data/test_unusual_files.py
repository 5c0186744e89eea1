"""Malformed and unusual files: every one gives the right values or one clear line.

What is right is written down here, as arrays that the files are made of; no reader of the package checks another.
"""

import contextlib
import io
import logging
import os
import struct
import warnings
import zlib

import numpy as np
import PIL
import pytest
import tifffile
from PIL import Image
from refusals import refused

from keras_seg._decoding.decode import file_facts
from keras_seg._validation import InputError
from keras_seg.data import diagnose, from_folder, image_size, read_image, read_mask, scan_folder

# NumPy, Pillow and tf.data only: the same code runs whatever the backend.
pytestmark = pytest.mark.tensorflow_only
RNG = np.random.default_rng(0)
RGB8 = RNG.integers(0, 256, (7, 9, 3)).astype("uint8")
RGB16 = RNG.integers(0, 65536, (7, 9, 3)).astype("uint16")
IDS = RNG.integers(0, 4, (7, 9)).astype("uint8")
BANDS = RNG.integers(0, 65536, (7, 9, 5)).astype("uint16")


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def filtered(rows, step, kind):
    """Rows of bytes as PNG stores them, with one of its five filters; written from the specification."""
    above, result = [0] * len(rows[0]), b""
    for row in rows:
        line = []
        for i, value in enumerate(row):
            a, b, c = (row[i - step] if i >= step else 0), above[i], (above[i - step] if i >= step else 0)
            p = a + b - c
            paeth = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            line.append((value - (0, a, b, (a + b) // 2, paeth)[kind]) % 256)
        result += bytes([kind, *line])
        above = row
    return result


def png(path, array, color_type, depth=16, *, kind=0, extra=b"", packed=None, size=None):
    """A PNG written by hand."""
    height, width = array.shape[:2] if size is None else size
    if packed is None:
        stored = array.astype(f">u{depth // 8}").reshape(array.shape[0], -1)
        rows = [list(row.tobytes()) for row in stored]
        packed = filtered(rows, max(array[0, 0].size * depth // 8, 1), kind)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + extra + chunk(b"IDAT", zlib.compress(packed)) + chunk(b"IEND", b""))
    return path


def scaled(values):
    return values.astype("float64") * 255 / 65535


@pytest.mark.parametrize("kind", range(5))
@pytest.mark.parametrize("color_type", [2, 4, 6])
def test_deep_color_png(tmp_path, kind, color_type):
    """Every filter of PNG; the last of two or four channels is alpha."""
    channels = {2: 3, 4: 2, 6: 4}[color_type]
    values = RNG.integers(0, 65536, (7, 9, channels)).astype("uint16")
    path = png(tmp_path / "a.png", values, color_type, kind=kind)
    image = read_image(path, channels=channels)
    assert image.dtype == np.float32
    np.testing.assert_allclose(image, scaled(values), rtol=1e-6)
    assert file_facts(path).bits == 16 and file_facts(path).channels == channels
    if channels != 3:
        colors, alpha = values[..., :-1] / 65535.0, values[..., -1:] / 65535.0
        np.testing.assert_allclose(
            read_image(path), np.broadcast_to(255 * (colors * alpha + 1 - alpha), (7, 9, 3)), atol=1e-3
        )


def test_deep_color_png_with_a_transparent_color(tmp_path):
    values = RGB16.copy()
    values[0, 0], values[0, 1] = (1, 2, 3), (1, 2, 4)
    path = png(tmp_path / "a.png", values, 2, extra=chunk(b"tRNS", struct.pack(">HHH", 1, 2, 3)))
    image = read_image(path)
    assert image[0, 0].tolist() == [255] * 3
    np.testing.assert_allclose(image[0, 1], scaled(values[0, 1]), rtol=1e-6)


def test_deep_gray_of_a_color_png_is_a_mask(tmp_path):
    ids = RNG.integers(0, 65536, (7, 9)).astype("uint16")
    assert read_mask(png(tmp_path / "a.png", np.dstack([ids] * 3), 2)).tolist() == ids.tolist()
    almost = np.dstack([ids, ids, ids ^ 1])  # They differ in the lower byte alone.
    assert "painted in colors" in refused(read_mask, png(tmp_path / "b.png", almost, 2))
    assert read_mask(png(tmp_path / "c.png", np.dstack([ids, ids * 0 + 65535]), 4)).tolist() == ids.tolist()


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_masks_and_images_of_few_bits(tmp_path, depth):
    ids = np.array([[0, 1, 2**depth - 1, 1, 0, 1, 1, 0]] * 2, "uint8")
    bits = (ids[..., None] >> np.arange(depth)[::-1]) & 1
    packed = b"".join(b"\0" + np.packbits(row.reshape(-1)).tobytes() for row in bits)
    path = png(tmp_path / "a.png", ids, 0, depth, packed=packed)
    assert read_mask(path).tolist() == ids.tolist()
    assert read_image(path, channels=1)[..., 0].tolist() == (ids * (255 // (2**depth - 1))).tolist()
    assert file_facts(path).bits == depth


@pytest.mark.parametrize(("maxval", "dtype"), [(3, "u1"), (20, "u1"), (255, "u1"), (4095, ">u2"), (65535, ">u2")])
def test_portable_gray_maps(tmp_path, maxval, dtype):
    values = np.array([[0, 1, 2], [3, maxval - 1, maxval]])
    path = tmp_path / "a.pgm"
    path.write_bytes(f"P5 3 2 {maxval}\n".encode() + values.astype(dtype).tobytes())
    assert read_mask(path).tolist() == values.tolist()
    np.testing.assert_allclose(read_image(path, channels=1)[..., 0], values * 255 / maxval, atol=0.5)


TIFFS = {
    "planar rgb": {"photometric": "rgb", "planarconfig": "separate"},
    "chunky rgb": {"photometric": "rgb"},
    "bigtiff": {"photometric": "rgb", "bigtiff": True},
    "big endian": {"photometric": "rgb", "byteorder": ">"},
    "tiled": {"photometric": "rgb", "tile": (16, 16)},
    "planar and tiled": {"photometric": "rgb", "planarconfig": "separate", "tile": (16, 16)},
    "deflate": {"photometric": "rgb", "compression": "zlib"},
    "deflate, predictor": {"photometric": "rgb", "compression": "zlib", "predictor": True},
    "one row per strip": {"photometric": "rgb", "rowsperstrip": 1},
    "uneven strips": {"photometric": "rgb", "rowsperstrip": 3, "compression": "zlib"},
}


def tiff(path, values, **options):
    planar = options.get("planarconfig") == "separate"
    data = np.moveaxis(values, -1, 0).copy() if planar else values
    try:
        tifffile.imwrite(path, data, **options)
    except (ImportError, ValueError, NotImplementedError) as error:
        pytest.skip(f"tifffile cannot write it here: {error}")
    return path


@pytest.mark.parametrize("name", TIFFS)
@pytest.mark.parametrize("values", [RGB8, RGB16], ids=["8", "16"])
def test_color_tiffs(tmp_path, name, values):
    image = read_image(tiff(tmp_path / "a.tif", values, **TIFFS[name]))
    expected = values if values.dtype == np.uint8 else scaled(values)
    np.testing.assert_allclose(image, expected, rtol=1e-6)
    assert image.dtype == ("uint8" if values.dtype == np.uint8 else "float32")


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
def test_tiffs_of_five_bands(tmp_path, planar, dtype):
    values = (BANDS >> 8).astype(dtype) if dtype == "uint8" else BANDS.astype(dtype)
    path = tiff(tmp_path / "a.tif", values, photometric="minisblack", planarconfig=planar)
    np.testing.assert_allclose(read_image(path, channels=5), scaled(values) if dtype == "uint16" else values, rtol=1e-6)
    assert image_size(path) == (7, 9) and file_facts(path).channels == 5
    assert "has 5 channels" in refused(read_image, path)
    assert "5 channels" in refused(read_mask, path)


def lzw_tiff(path, samples, dtype, *, planar=False, predictor=1, tile=None, rows=3):
    """A TIFF with LZW written by hand: its codes stay nine bits wide, with a reset before they would grow."""

    def lzw(data):
        bits = ""
        for start in range(0, len(data), 200):
            bits += f"{256:09b}" + "".join(f"{byte:09b}" for byte in data[start : start + 200])
        bits += f"{257:09b}"
        bits += "0" * (-len(bits) % 8)
        return int(bits, 2).to_bytes(len(bits) // 8, "big")

    height, width, count = samples.shape
    planes = [samples[..., i : i + 1] for i in range(count)] if planar else [samples]
    segments = []
    for plane in planes:
        if tile:
            padded = np.zeros((-(-height // tile) * tile, -(-width // tile) * tile, plane.shape[-1]), plane.dtype)
            padded[:height, :width] = plane
            parts = [
                padded[y : y + tile, x : x + tile]
                for y in range(0, padded.shape[0], tile)
                for x in range(0, padded.shape[1], tile)
            ]
        else:
            parts = [plane[y : y + rows] for y in range(0, height, rows)]
        for part in parts:
            if predictor == 2:
                part = np.diff(part, axis=1, prepend=np.zeros_like(part[:, :1]))
            segments.append(lzw(part.astype(dtype).tobytes()))
    order = ">" if dtype.startswith(">") else "<"
    bits = np.dtype(dtype).itemsize * 8
    data, offsets = b"", []
    for segment in segments:
        offsets.append(8 + len(data))
        data += segment + b"\0" * (len(segment) % 2)
    places = {"bits": 8 + len(data)}
    data += struct.pack(f"{order}{count}H", *[bits] * count) + b"\0" * (count * 2 % 4)
    places["offsets"] = 8 + len(data)
    data += struct.pack(f"{order}{len(offsets)}I", *offsets)
    places["counts"] = 8 + len(data)
    data += struct.pack(f"{order}{len(offsets)}I", *(len(segment) for segment in segments))
    several = len(segments) > 1
    where = places["offsets"] if several else offsets[0]
    lengths = places["counts"] if several else len(segments[0])
    tags = [(256, 4, 1, width), (257, 4, 1, height)]
    tags += [(258, 3, count, places["bits"]) if count > 2 else (258, 4, 1, bits)]
    tags += [(259, 4, 1, 5), (262, 4, 1, 2 if count == 3 else 1)]
    tags += [] if tile else [(273, 4, len(segments), where)]
    tags += [(277, 4, 1, count)]
    tags += [] if tile else [(278, 4, 1, rows), (279, 4, len(segments), lengths)]
    tags += [(284, 4, 1, 2 if planar else 1), (317, 4, 1, predictor)]
    if tile:
        tags += [(322, 4, 1, tile), (323, 4, 1, tile), (324, 4, len(segments), where), (325, 4, len(segments), lengths)]
    head = (b"MM\0*" if order == ">" else b"II*\0") + struct.pack(f"{order}I", 8 + len(data))
    table = struct.pack(f"{order}H", len(tags)) + b"".join(struct.pack(f"{order}HHII", *tag) for tag in tags)
    path.write_bytes(head + data + table + struct.pack(f"{order}I", 0))
    return path


@pytest.mark.parametrize(
    "options",
    [{}, {"planar": True}, {"predictor": 2}, {"tile": 16}, {"tile": 16, "planar": True, "predictor": 2}, {"rows": 7}],
    ids=str,
)
@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2"])
def test_lzw(tmp_path, options, dtype):
    values = RGB8 if dtype == "u1" else RGB16
    image = read_image(lzw_tiff(tmp_path / "a.tif", values, dtype, **options))
    np.testing.assert_allclose(image, values if dtype == "u1" else scaled(values), rtol=1e-6)
    mask = lzw_tiff(tmp_path / "m.tif", values[..., :1], dtype, **{**options, "planar": False})
    assert read_mask(mask).tolist() == values[..., 0].tolist()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int32", "uint32", "int8"])
def test_masks_in_tiffs(tmp_path, dtype):
    ids = IDS.astype(dtype)
    if dtype.startswith("int"):
        ids[0, 0] = -1
    if ids.dtype.itemsize > 1:
        ids[0, 1] = 1000
    path = tiff(tmp_path / "a.tif", ids)
    assert read_mask(path).tolist() == ids.tolist()
    if dtype not in ("uint8", "uint16"):
        assert f"holds {dtype}, whose scale is unknown" in refused(read_image, path, channels=1)


def test_black_and_white_tiffs(tmp_path):
    bits = IDS > 1
    Image.fromarray(bits).save(tmp_path / "a.tif")
    Image.fromarray(bits).save(tmp_path / "g4.tif", compression="group4")
    Image.fromarray(bits).save(tmp_path / "lzw.tif", compression="tiff_lzw")
    tifffile.imwrite(tmp_path / "white.tif", bits, photometric="miniswhite")
    for name, expected in (("a", bits), ("g4", bits), ("lzw", bits), ("white", ~bits)):
        assert read_mask(tmp_path / f"{name}.tif").tolist() == expected.astype(int).tolist(), name
        image = read_image(tmp_path / f"{name}.tif", channels=1)
        assert image[..., 0].tolist() == (expected * 255).tolist(), name


def test_white_that_is_zero(tmp_path):
    for values in (IDS, BANDS[..., 0]):
        path = tiff(tmp_path / "a.tif", values, photometric="miniswhite")
        highest = np.iinfo(values.dtype).max
        expected = (highest - values.astype("float64")) * 255 / highest
        np.testing.assert_allclose(read_image(path, channels=1)[..., 0], expected, atol=1e-3)
        assert "MinIsWhite" in refused(read_mask, path)


def test_palettes_in_tiffs(tmp_path):
    colors = RNG.integers(0, 256, (3, 256)).astype("uint16")
    path = tiff(tmp_path / "a.tif", IDS, photometric="palette", colormap=colors * 257)
    assert read_mask(path).tolist() == IDS.tolist()
    assert read_image(path).tolist() == colors.T[IDS].tolist()
    assert file_facts(path).palette and file_facts(path).mode == "P"


@pytest.mark.parametrize("alpha", ["unassalpha", "assocalpha", "unspecified"])
def test_a_fourth_channel(tmp_path, alpha):
    values = np.dstack([RGB8 // 4, RGB8[..., 0] // 2 + 64])
    path = tiff(tmp_path / "a.tif", values, photometric="rgb", extrasamples=[alpha])
    assert read_image(path, channels=4).tolist() == values.tolist()
    if alpha == "unspecified":  # Infrared, as a GIS writes it, must not become transparency.
        assert "has 4 channels (4 bands), not 3. Pass channels=4" in refused(read_image, path)
        return
    opacity = values[..., 3:] / 255
    shown = values[..., :3] * (opacity if alpha == "unassalpha" else 1)
    np.testing.assert_allclose(read_image(path), np.clip(shown + 255 * (1 - opacity), 0, 255), atol=1.01)


def test_sparse_and_reduced_pages(tmp_path):
    with tifffile.TiffWriter(tmp_path / "overviews.tif") as writer:
        writer.write(RGB8, photometric="rgb", subifds=1)
        writer.write(RGB8[::2, ::2], photometric="rgb", subfiletype=1)
    with tifffile.TiffWriter(tmp_path / "thumbnail.tif") as writer:
        writer.write(RGB8, photometric="rgb")
        writer.write(RGB8[::2, ::2], photometric="rgb", subfiletype=1)
    for name in ("overviews", "thumbnail"):
        assert read_image(tmp_path / f"{name}.tif").tolist() == RGB8.tolist()


def several(path, kind):
    first, second = Image.fromarray(IDS), Image.fromarray(3 - IDS)
    if kind == "imagej":
        tifffile.imwrite(path, np.stack([IDS, IDS, IDS]), imagej=True)
    elif kind == "shaped":
        tifffile.imwrite(path, np.stack([IDS, IDS, IDS]), photometric="minisblack", metadata={"truncate": True})
    elif kind == "volume":
        tifffile.imwrite(path, np.zeros((16, 32, 32), "uint8"), photometric="minisblack", volumetric=True)
    else:
        first.save(path, save_all=True, append_images=[second], **({"lossless": True} if kind == "webp" else {}))
    return path


@pytest.mark.parametrize("kind", ["tif", "gif", "png", "webp", "imagej", "shaped", "volume"])
def test_several_pictures_in_a_file(tmp_path, kind):
    path = several(tmp_path / f"a.{'tif' if len(kind) > 4 else kind}", kind)
    for read, word in ((read_image, "image"), (read_mask, "mask")):
        text = refused(read, path)
        assert f"only one {word} is read from a file" in text and "holds " in text


def test_a_photo_with_a_preview_is_one_picture(tmp_path):
    Image.fromarray(RGB8).save(
        tmp_path / "a.mpo", format="MPO", save_all=True, append_images=[Image.fromarray(RGB8)], quality=95
    )
    (tmp_path / "a.mpo").rename(tmp_path / "a.jpg")
    assert read_image(tmp_path / "a.jpg").shape == RGB8.shape


def with_alpha(color, alpha):
    return np.dstack([np.broadcast_to(np.uint8(color), (7, 9, len(color))), alpha])


@pytest.mark.parametrize("color", [(255, 255, 255), (0, 0, 0), (9,)])
def test_masks_that_are_all_alpha(tmp_path, color):
    """One color everywhere: the shape is in the transparency."""
    array = with_alpha(color, (IDS > 1) * np.uint8(255))
    Image.fromarray(array).save(tmp_path / "a.png")
    assert "transparency" in refused(read_mask, tmp_path / "a.png")
    tifffile.imwrite(
        tmp_path / "a.tif",
        array,
        photometric="rgb" if len(color) == 3 else "minisblack",
        planarconfig="contig",
        extrasamples=["unassalpha"],
    )
    assert "transparency" in refused(read_mask, tmp_path / "a.tif")


def test_masks_whose_alpha_says_nothing_new(tmp_path):
    for alpha in (np.full_like(IDS, 255), np.zeros_like(IDS), (IDS > 0) * np.uint8(255)):
        Image.fromarray(np.dstack([IDS, IDS, IDS, alpha])).save(tmp_path / "a.png")
        assert read_mask(tmp_path / "a.png").tolist() == IDS.tolist()
    painted = with_alpha((255, 0, 0), (IDS > 1) * np.uint8(255))
    Image.fromarray(painted).save(tmp_path / "a.png")
    assert "transparency" in refused(lambda path: read_mask(path, colors={(255, 0, 0): 1}), tmp_path / "a.png")


# Before 13, Pillow cannot decode the YCbCr that it has written.
@pytest.mark.parametrize("mode", ["CMYK", "LAB", *(["YCbCr"] if int(PIL.__version__.split(".")[0]) >= 13 else [])])
def test_masks_of_other_color_spaces(tmp_path, mode):
    image = Image.fromarray(np.dstack([IDS] * (4 if mode == "CMYK" else 3)), mode if mode != "LAB" else None)
    if mode == "LAB":
        image = Image.frombytes("LAB", (9, 7), np.dstack([IDS] * 3).tobytes())
    image.save(tmp_path / "a.tif")
    assert f"a mask of type {mode} holds no ids" in refused(read_mask, tmp_path / "a.tif")
    assert read_image(tmp_path / "a.tif").shape == (7, 9, 3)


def test_fractions_are_no_ids(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", IDS + np.float32(0.5))
    assert "holds no ids" in refused(read_mask, tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "b.tif", np.full((7, 9), np.nan, "float32"))
    assert "NaN" in refused(read_image, tmp_path / "b.tif", channels=1)
    tifffile.imwrite(tmp_path / "c.tif", np.full((7, 9), 1j, "complex64"))
    assert "real numbers" in refused(read_image, tmp_path / "c.tif", channels=1)
    tifffile.imwrite(tmp_path / "d.tif", np.full((7, 9), 2**32 - 1, "uint32"))
    assert "beyond 2^31" in refused(read_mask, tmp_path / "d.tif")


def whole_files(folder):
    Image.fromarray(RGB8).save(folder / "a.jpg")
    png(folder / "deep.png", RGB16, 2)
    tifffile.imwrite(folder / "a.tif", RGB16, photometric="rgb")
    tifffile.imwrite(folder / "deflate.tif", RGB16, photometric="rgb", compression="zlib", rowsperstrip=2)
    lzw_tiff(folder / "lzw.tif", RGB16, "<u2")
    np.save(folder / "a.npy", RGB8)
    return sorted(folder.iterdir())


def test_half_files(tmp_path):
    (tmp_path / "whole").mkdir()
    for path in whole_files(tmp_path / "whole"):
        data = path.read_bytes()
        read_image(path)
        for share in (0.1, 0.3, 0.5, 0.8):
            cut = tmp_path / path.name
            cut.write_bytes(data[: max(int(share * len(data)), 1)])
            for read in (read_image, read_mask):
                assert path.name in refused(read, cut)


def test_pixels_that_are_cut_behind_a_whole_table(tmp_path):
    """The table of tags is in front here, so that only the pixels are missing."""
    tifffile.imwrite(tmp_path / "a.tif", RGB16, photometric="rgb")
    data = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(data[:-10])
    assert "truncated" in refused(read_image, tmp_path / "a.tif")


def test_changed_bytes_end_in_values_or_one_line(tmp_path):
    (tmp_path / "whole").mkdir()
    rng = np.random.default_rng(1)
    for path in whole_files(tmp_path / "whole"):
        data = bytearray(path.read_bytes())
        for _ in range(25):
            changed = bytearray(data)
            for place in rng.integers(0, len(data), 3):
                changed[place] = int(rng.integers(0, 256))
            broken = tmp_path / path.name
            broken.write_bytes(changed)
            for read in (read_image, read_mask, image_size):
                try:
                    read(broken)
                except InputError as error:
                    assert "\n" not in str(error) and path.name in str(error)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.npy"])
def test_folders_pipes_and_empty_files(tmp_path, name):
    (tmp_path / name).mkdir()
    for read in (read_image, read_mask, image_size):
        assert "is a folder" in refused(read, tmp_path / name) or "is not a file" in refused(read, tmp_path / name)
    (tmp_path / name).rmdir()
    (tmp_path / name).touch()
    refused(read_image, tmp_path / name)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / f"pipe{name}")
        text = refused(read_image, tmp_path / f"pipe{name}")  # It would wait forever.
        assert "is a pipe" in text or "is not a file" in text


@pytest.mark.parametrize("size", [(100_000, 100_000), (2**31 - 1, 2**31 - 1)])
def test_headers_that_promise_too_much(tmp_path, size):
    path = png(tmp_path / "a.png", RGB8, 2, 8, packed=b"\0" * 100, size=size)
    for read in (read_image, read_mask, image_size):
        text = refused(read, path)
        assert "GB" in text and f"{size[1]} x {size[0]}" in text
    head = tmp_path / "a.npy"
    with head.open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": (*size, 3)})
        stream.write(b"\0" * 10)
    refused(read_image, head)


def test_more_than_179_megapixels(tmp_path):
    limit = Image.MAX_IMAGE_PIXELS
    Image.new("1", (20000, 10000), 1).save(tmp_path / "a.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mask = read_mask(tmp_path / "a.png")
    assert mask.shape == (10000, 20000) and int(mask[-1, -1]) == 1
    assert image_size(tmp_path / "a.png") == (10000, 20000)
    assert limit == Image.MAX_IMAGE_PIXELS


def test_objects_in_arrays_are_never_loaded(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    text = refused(read_image, tmp_path / "a.npy")
    assert "cannot be read as an array of numbers" in text and "allow_pickle" not in text
    with (tmp_path / "b.npy").open("wb") as stream:
        np.savez(stream, a=IDS, b=IDS)
    assert "archive" in refused(read_image, tmp_path / "b.npy")
    np.save(tmp_path / "c.npy", np.zeros((3, 4), complex))
    assert "not real numbers" in refused(read_image, tmp_path / "c.npy", channels=1)


def test_facts(tmp_path):
    Image.fromarray(RGB8).save(tmp_path / "a.jpg")
    Image.fromarray(RGB8).save(tmp_path / "lossy.webp")
    Image.fromarray(RGB8).save(tmp_path / "exact.webp", lossless=True)
    assert [file_facts(tmp_path / name).lossy for name in ("a.jpg", "lossy.webp", "exact.webp")] == [True, True, False]
    assert file_facts(tmp_path / "a.jpg").mode == "RGB" and file_facts(tmp_path / "a.jpg").format == "JPEG"


def pair(folder, image, mask, orientation=1, mask_orientation=1, name="a"):
    for kind, array, turn in (("images", image, orientation), ("masks", mask, mask_orientation)):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        exif = Image.Exif()
        if turn != 1:
            exif[0x0112] = turn
        Image.fromarray(array).save(folder / kind / f"{name}.png", exif=exif)


class TestOrientation:
    @pytest.mark.parametrize("orientation", [6, 8, 5, 7])
    @pytest.mark.parametrize("choice", ["apply", "ignore"])
    def test_sizes_tell(self, tmp_path, orientation, choice):
        mask = IDS if choice == "ignore" else np.ascontiguousarray(IDS.T)
        pair(tmp_path, RGB8, mask, orientation)
        index = scan_folder(tmp_path, num_classes=4)
        assert index.exif_orientation == choice and f'"{choice}"' in index.notices[0]
        image, ids = next(iter(from_folder(index, batch_size=1)))
        np.testing.assert_array_equal(ids[0], mask)
        if choice == "ignore":
            np.testing.assert_array_equal(image[0], RGB8)

    @pytest.mark.parametrize("orientation", [2, 3, 4])
    def test_sizes_do_not_tell(self, tmp_path, orientation):
        pair(tmp_path, RGB8, IDS, orientation)
        text = refused(scan_folder, tmp_path, num_classes=4)
        assert '"apply"' in text and '"ignore"' in text and "labels.json" in text
        index = scan_folder(tmp_path, num_classes=4, exif_orientation="ignore")
        np.testing.assert_array_equal(next(iter(from_folder(index, batch_size=1)))[0][0], RGB8)
        (tmp_path / "labels.json").write_text('{"exif_orientation": "apply"}')
        index = scan_folder(tmp_path, num_classes=4)
        turned = {2: RGB8[:, ::-1], 3: RGB8[::-1, ::-1], 4: RGB8[::-1]}[orientation]
        np.testing.assert_array_equal(next(iter(from_folder(index, batch_size=1)))[0][0], turned)

    def test_a_square_does_not_tell(self, tmp_path):
        pair(tmp_path, RGB8[:7, :7], IDS[:7, :7], 6)
        assert "sizes do not tell" in refused(scan_folder, tmp_path, num_classes=4)
        pair(tmp_path, RGB8, IDS, 6, name="b")  # But another pair of the folder does.
        assert scan_folder(tmp_path, num_classes=4).exif_orientation == "ignore"

    def test_both_are_turned(self, tmp_path):
        pair(tmp_path, RGB8, IDS, 6, 6)
        index = scan_folder(tmp_path, num_classes=4)
        image, ids = next(iter(from_folder(index, batch_size=1)))
        np.testing.assert_array_equal(image[0], np.rot90(RGB8, -1))
        np.testing.assert_array_equal(ids[0], np.rot90(IDS, -1))

    def test_pairs_that_contradict_each_other(self, tmp_path):
        pair(tmp_path, RGB8, IDS, 6)
        pair(tmp_path, RGB8, np.ascontiguousarray(IDS.T), 6, name="b")
        text = refused(scan_folder, tmp_path, num_classes=4)
        assert "a.png" in text and "b.png" in text

    def test_words(self, tmp_path):
        pair(tmp_path, RGB8, IDS)
        assert "exif_orientation" in refused(scan_folder, tmp_path, exif_orientation="auto")
        (tmp_path / "labels.json").write_text('{"exif_orientation": "auto"}')
        assert "labels.json" in refused(scan_folder, tmp_path)
        assert "exif_orientation" in refused(read_image, tmp_path / "images/a.png", exif_orientation="auto")

    def test_tiffs_are_turned_once(self, tmp_path):
        exif = Image.Exif()
        exif[0x0112] = 6
        for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"):
            path = tmp_path / f"{compression}.tif"
            Image.fromarray(RGB8).save(path, exif=exif, compression=compression)
            np.testing.assert_array_equal(read_image(path), np.rot90(RGB8, -1))
            np.testing.assert_array_equal(read_image(path, exif_orientation="ignore"), RGB8)
        path = tmp_path / "jpeg.tif"
        smooth = np.zeros((16, 32, 3), "uint8") + np.uint8([200, 40, 90])
        Image.fromarray(smooth).save(path, exif=exif, compression="jpeg")
        assert read_image(path).shape == (32, 16, 3) and file_facts(path).lossy
        assert read_image(path, exif_orientation="ignore").shape == (16, 32, 3) and image_size(path) == (32, 16)


class TestRange:
    def notices(self, folder, array):
        (folder / "images").mkdir(exist_ok=True)
        (folder / "masks").mkdir(exist_ok=True)
        tifffile.imwrite(folder / "images" / "a.tif", array)
        Image.fromarray(IDS).save(folder / "masks" / "a.png")
        return [text for text in scan_folder(folder, channels=1, num_classes=4).notices if "0..255" in text]

    @pytest.mark.parametrize(
        ("peak", "dtype", "text"),
        [
            (4095, "uint16", "16-bit values up to 4095 of 65535, which are read as 15.9 of 255 (12 bits used)"),
            (4095, "uint16", "multiply the values by 16 and save again"),
            (255, "uint16", "save them as uint8"),
            (1, "float32", "Images hold values up to 1:"),
            (4000, "float32", "Images hold values from 0 to 4000:"),
        ],
    )
    def test_far_from_255(self, tmp_path, peak, dtype, text):
        array = np.zeros((7, 9), dtype)
        array[0, 0] = peak
        [notice] = self.notices(tmp_path, array)
        assert text in notice

    @pytest.mark.parametrize(("peak", "dtype"), [(60000, "uint16"), (200, "float32"), (3, "uint8")])
    def test_fine(self, tmp_path, peak, dtype):
        array = np.zeros((7, 9), dtype)
        array[0, 0] = peak
        assert not self.notices(tmp_path, array)


class TestTransparency:
    def index(self, folder, image, **options):
        for kind, picture in (("images", image), ("masks", Image.fromarray(IDS))):
            (folder / kind).mkdir(exist_ok=True)
            picture.save(folder / kind / "a.png", **options if kind == "images" else {})
        return scan_folder(folder, num_classes=4)

    def notices(self, folder, image, **options):
        return [line for line in self.index(folder, image, **options).notices if "transparent" in line]

    def rgba(self, alpha):
        return Image.fromarray(np.dstack([RGB8, np.broadcast_to(np.uint8(alpha), RGB8.shape[:2])]))

    def test_partly(self, tmp_path):
        [notice] = self.notices(tmp_path, self.rgba(np.arange(9) * 28))
        assert notice.startswith("1 image is partly transparent, which is blended with white: a.png")
        finding = next(item for item in diagnose(tmp_path).findings if item.code == "transparent-images")
        assert finding.severity == "note" and finding.examples == ("images/a.png",)

    def test_everywhere(self, tmp_path):
        [notice] = self.notices(tmp_path, self.rgba(0))
        assert notice.startswith("1 image is transparent everywhere, and so read as white: a.png")
        assert "transparent-images" in {item.code for item in diagnose(tmp_path).findings if item.severity == "warning"}

    def test_a_transparent_color(self, tmp_path):
        assert self.notices(tmp_path, Image.fromarray(RGB8), transparency=tuple(RGB8[0, 0].tolist()))

    def test_a_transparent_entry_of_a_palette(self, tmp_path):
        image = Image.fromarray(IDS)
        image.putpalette(bytes(range(256)) * 3)
        assert self.notices(tmp_path, image, transparency=int(IDS[0, 0]))

    def test_opaque(self, tmp_path):
        assert not self.notices(tmp_path, self.rgba(255))

    def test_four_channels_are_not_blended(self, tmp_path):
        self.index(tmp_path, self.rgba(9))
        assert not any("transparent" in line for line in scan_folder(tmp_path, num_classes=4, channels=4).notices)


def test_tifffile_does_not_write_lines_about_broken_files(tmp_path, caplog, capfd):
    tifffile.imwrite(tmp_path / "whole.tif", RGB16, photometric="rgb", compression="zlib", rowsperstrip=2)
    data = (tmp_path / "whole.tif").read_bytes()
    path = tmp_path / "a.tif"
    for place in range(0, len(data), 3):
        path.write_bytes(data[:place] + b"\xff\xff\xff" + data[place + 3 :])
        for read in (read_image, read_mask, image_size):
            with contextlib.suppress(InputError):
                read(path)
    assert not caplog.records and capfd.readouterr().err == ""
    logging.getLogger("tifffile").error("of another reader")
    assert len(caplog.records) == 1


def test_a_file_that_is_no_image_of_its_name(tmp_path):
    """The content counts, not the name."""
    buffer = io.BytesIO()
    Image.fromarray(RGB8).save(buffer, "BMP")
    (tmp_path / "a.png").write_bytes(buffer.getvalue())
    assert read_image(tmp_path / "a.png").tolist() == RGB8.tolist()
    (tmp_path / "b.png").write_bytes(b"II*\0" + b"\0" * 40)
    assert "cannot be read" in refused(read_image, tmp_path / "b.png")
