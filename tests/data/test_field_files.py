"""What real folders hold: every file is read as drawn here, or refused in one line."""

import io
import os

import numpy as np
import pytest
import tifffile
from PIL import Image, features
from refusals import refused

from keras_seg._decoding.pillow_file import avif_bits
from keras_seg.data import find_pairs, read_image, read_instances, read_mask, scan_folder

# NumPy and Pillow only: the same code runs whatever the backend.
pytestmark = pytest.mark.tensorflow_only

RNG = np.random.default_rng(0)
IDS = RNG.integers(0, 4, (6, 9)).astype("uint8")
RGB = RNG.integers(0, 256, (6, 9, 3)).astype("uint8")
GRAY = RGB[..., 0]
WIDE = IDS.astype("uint16") * 300
PALETTE = [0, 0, 0, 200, 10, 20, 10, 200, 20, 9, 9, 90]
DEEP = RNG.integers(0, 65536, (6, 9)).astype("uint16")


def picture(array, mode=None):
    return Image.frombytes(mode, array.shape[1::-1], array.tobytes()) if mode else Image.fromarray(array)


def saved(array, mode=None, **options):
    return lambda path: picture(array, mode).save(path, **options)


def with_palette(**options):
    def save(path):
        image = picture(IDS, "P")
        image.putpalette(PALETTE)
        image.save(path, **options)

    return save


def written(content):
    return lambda path: path.write_bytes(content)


def array(values, **options):
    return lambda path: np.save(path, values, **options)


def tiff(values, **options):
    return lambda path: tifffile.imwrite(path, values, **options)


def bytes_of(array, kind, **options):
    buffer = io.BytesIO()
    picture(array).save(buffer, kind, **options)
    return buffer.getvalue()


PNG, JPEG = bytes_of(RGB, "PNG"), bytes_of(RGB, "JPEG", quality=95)
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
OPAQUE = np.full_like(IDS, 255)
SEE_THROUGH = np.where(IDS == 2, 0, 255).astype("uint8")

# The name of the file, how it is written, and the ids that it holds or a part of the line that refuses it.
MASKS = {
    "gray and alpha": ("a.png", saved(np.dstack([IDS, OPAQUE]), "LA"), IDS),
    "alpha that follows the ids": ("a.png", saved(np.dstack([IDS, SEE_THROUGH]), "LA"), IDS),
    "alpha that tells pixels apart": ("a.png", saved(np.dstack([IDS * 0, SEE_THROUGH]), "LA"), "transparency"),
    "equal channels": ("a.png", saved(np.dstack([IDS] * 3)), IDS),
    "equal channels and alpha": ("a.png", saved(np.dstack([IDS, IDS, IDS, OPAQUE])), IDS),
    "palette": ("a.png", with_palette(), IDS),
    "palette with a transparent entry": ("a.png", with_palette(transparency=0), IDS),
    "palette with half transparent entries": ("a.png", with_palette(transparency=b"\x00\x80\xff\xff"), IDS),
    "palette in a GIF": ("a.gif", with_palette(), IDS),
    "palette in a BMP": ("a.bmp", with_palette(), IDS),
    "palette in a TIFF": ("a.tif", with_palette(), IDS),
    "one bit": ("a.png", saved(IDS > 1), IDS > 1),
    "one bit in a BMP": ("a.bmp", saved(IDS > 1), IDS > 1),
    "16 bits": ("a.png", saved(WIDE), WIDE),
    "16 bits, big end first": ("a.tif", tiff(WIDE, byteorder=">"), WIDE),
    "32 bits": ("a.tif", tiff(WIDE.astype("int32") * 100), WIDE.astype(int) * 100),
    "negative ids": ("a.tif", tiff(IDS.astype("int16") - 1), IDS.astype(int) - 1),
    "lossless WebP": ("a.webp", saved(np.dstack([IDS] * 3), lossless=True), IDS),
    "WebP with loss": ("a.webp", saved(RGB, quality=50), "loss"),
    "JPEG in colors": ("a.jpg", saved(RGB), "loss"),
    "JPEG in colors with another suffix": ("a.png", written(JPEG), "loss"),
    "CMYK JPEG": ("a.jpg", saved(RNG.integers(0, 256, (6, 9, 4)).astype("uint8"), "CMYK"), "CMYK"),
    "floats 0.0 and 1.0 in a TIFF": ("a.tif", tiff((IDS > 1).astype("float32")), "holds no ids"),
    "floats 0.0 and 1.0 in an array": ("a.npy", array((IDS > 1).astype("float32")), "one integer per pixel"),
    "an array": ("a.npy", array(IDS), IDS),
    "an array in columns": ("a.npy", array(np.asfortranarray(IDS)), IDS),
    "an array, big end first": ("a.npy", array(WIDE.astype(">u2")), WIDE),
    "an array of booleans": ("a.npy", array(IDS > 1), IDS > 1),
    "an array of big numbers": ("a.npy", array(IDS.astype("int64")), IDS),
    "ids beyond 31 bits": ("a.npy", array(IDS.astype("int64") << 40), "2^31"),
    "ids beyond 63 bits": ("a.npy", array(IDS.astype("uint64") << np.uint64(62)), "2^31"),
    "scores of classes": ("a.npy", array(RNG.random((6, 9, 4))), "one integer per pixel"),
    "one channel per class": (
        "a.tif",
        tiff(RNG.integers(0, 2, (6, 9, 4)).astype("uint8"), photometric="minisblack", planarconfig="contig"),
        "4 channels",
    ),
    "complex numbers": ("a.npy", array(IDS.astype("complex64")), "complex64"),
    "text in an array": ("a.npy", array(np.array([["a", "b"]])), "a.npy"),
    "objects": ("a.npy", array(np.array([[{}]], object), allow_pickle=True), "cannot be read"),
    "no axis": ("a.npy", array(np.uint8(3)), "one integer per pixel"),
    "no pixels": ("a.npy", array(np.zeros((0, 5), "uint8")), "one integer per pixel"),
    "an archive": ("a.npy", lambda path: path.write_bytes(archive()), "archive"),
    "empty PNG": ("a.png", written(b""), "empty"),
    "empty array": ("a.npy", written(b""), "cannot be read"),
    "text": ("a.png", written(b"hello"), "not an image"),
    "a page of a web site": ("a.png", written(b"<!DOCTYPE html><html>404</html>"), "not an image"),
    "a pointer of Git LFS": ("a.png", written(POINTER), "git lfs pull"),
    "an array that is a pointer": ("a.npy", written(POINTER), "git lfs pull"),
    "half a PNG": ("a.png", written(PNG[: len(PNG) // 2]), "cannot be read"),
    "an array whose header has no end": (
        "a.npy",
        lambda path: path.write_bytes(array_bytes().replace(b")", b"(").replace(b"}", b" ")),
        "cannot be read",
    ),
    "half an array": ("a.npy", lambda path: path.write_bytes(array_bytes()[:-20]), "cannot be read"),
    "suffix in capitals": ("a.PNG", lambda path: picture(IDS).save(path, "PNG"), IDS),
    "TIFF in capitals": ("a.TIF", tiff(IDS), IDS),
    "array in capitals": ("a.NPY", lambda path: path.write_bytes(array_bytes()), IDS),
    "TIFF called PNG": ("a.png", lambda path: tifffile.imwrite(path, IDS), IDS),
    "BMP called TIFF": ("a.tif", written(bytes_of(IDS, "BMP")), IDS),
    "ASCII PGM": (
        "a.pgm",
        written(b"P2\n# a comment\n9 6\n3\n" + b"\n".join(b" ".join(b"%d" % v for v in row) for row in IDS.tolist())),
        IDS,
    ),
}


def archive():
    buffer = io.BytesIO()
    np.savez(buffer, a=IDS, b=IDS)
    return buffer.getvalue()


def array_bytes():
    buffer = io.BytesIO()
    np.save(buffer, IDS)
    return buffer.getvalue()


@pytest.mark.parametrize("name", MASKS)
def test_masks(tmp_path, name):
    file, write, expected = MASKS[name]
    write(tmp_path / file)
    for reader in (read_mask, read_instances):
        if isinstance(expected, str):
            assert expected in refused(reader, tmp_path / file)
        elif reader is read_mask or np.min(expected) >= 0:
            np.testing.assert_array_equal(reader(tmp_path / file), expected)
        else:
            assert "numbered from 1" in refused(reader, tmp_path / file)


def over_white(colors, alpha):
    alpha = alpha[..., None] / 255
    return np.broadcast_to(colors * alpha + 255 * (1 - alpha), (*alpha.shape[:2], 3))


FLOATS = RNG.random((6, 9)).astype("float32") * 255
HOLES = np.where(IDS == 1, np.nan, FLOATS).astype("float32")
HALF = np.full_like(IDS, 128)
IMAGES = {
    "gray": ("a.png", saved(GRAY), np.dstack([GRAY] * 3)),
    "gray and alpha": ("a.png", saved(np.dstack([GRAY, HALF]), "LA"), over_white(GRAY[..., None], HALF)),
    "colors and alpha": ("a.png", saved(np.dstack([RGB, SEE_THROUGH])), over_white(RGB, SEE_THROUGH)),
    "one bit": ("a.png", saved(IDS > 1), np.dstack([(IDS > 1) * 255] * 3)),
    "palette": ("a.png", with_palette(), np.reshape(PALETTE, (-1, 3))[IDS]),
    "palette with a transparent entry": (
        "a.png",
        with_palette(transparency=3),
        np.array([*np.reshape(PALETTE, (-1, 3))[:3], [255] * 3])[IDS],
    ),
    "16 bits": ("a.png", saved(DEEP), np.dstack([DEEP / 257] * 3)),
    "16 bits, big end first": ("a.tif", tiff(DEEP, byteorder=">"), np.dstack([DEEP / 257] * 3)),
    "floats": ("a.tif", tiff(FLOATS), np.dstack([FLOATS] * 3)),
    "half floats": (
        "a.npy",
        array(np.dstack([FLOATS] * 3).astype("float16")),
        np.dstack([FLOATS] * 3).astype("float16"),
    ),
    "floats with NaN": ("a.tif", tiff(HOLES), "NaN"),
    "an array with infinity": ("a.npy", array(np.dstack([HOLES * 0 + np.inf] * 3)), "NaN or infinity"),
    "doubles too large": ("a.npy", array(np.full((6, 9, 3), 1e300)), "NaN or infinity"),
    "signed numbers": ("a.tif", tiff(IDS.astype("int16")), "int16"),
    "32 bits": ("a.npy", array(np.dstack([DEEP] * 3).astype("uint32")), "uint32"),
    "complex numbers": ("a.tif", tiff(FLOATS.astype("complex64")), "sample format"),
    "channels first": ("a.npy", array(np.moveaxis(RGB, -1, 0)), "channels"),
    "a batch of one": ("a.npy", array(RGB[None]), "(height, width, channels)"),
    "JPEG called PNG": ("a.png", written(JPEG), np.array(Image.open(io.BytesIO(JPEG)))),
    "half a JPEG": ("a.jpg", written(JPEG[: len(JPEG) // 2]), "cannot be read"),
    "half a TIFF": ("a.tif", lambda path: path.write_bytes(bytes_of(RGB, "TIFF")[:-60]), "cannot be read"),
    "empty JPEG": ("a.jpg", written(b""), "empty"),
    "empty TIFF": ("a.tif", written(b""), "empty"),
    "zeros": ("a.jpg", written(bytes(500)), "not an image"),
    "a pointer of Git LFS": ("a.jpg", written(POINTER), "git lfs pull"),
    "one pixel": ("a.png", saved(RGB[:1, :1]), RGB[:1, :1]),
    "phone's picture of two": (
        "a.jpg",
        lambda path: picture(RGB).save(
            path, "MPO", save_all=True, append_images=[picture(RGB[::-1].copy())], quality=95
        ),
        np.array(Image.open(io.BytesIO(JPEG))),
    ),
    "PPM of 12 bits": ("a.ppm", written(b"P6 1 1 4095\n\x0f\xff\x00\x10\x00\x00"), "12 bits per channel"),
}


@pytest.mark.parametrize("name", IMAGES)
def test_images(tmp_path, name):
    file, write, expected = IMAGES[name]
    write(tmp_path / file)
    if isinstance(expected, str):
        assert expected in refused(read_image, tmp_path / file)
        return
    # Pillow blends 8 bits with 8 bits.
    np.testing.assert_allclose(read_image(tmp_path / file), expected, atol=1.01 if "alpha" in name else 1e-3)


def test_cmyk_is_read_as_pillow_shows_it(tmp_path):
    picture(RNG.integers(0, 256, (6, 9, 4)).astype("uint8"), "CMYK").save(tmp_path / "a.jpg")
    with Image.open(tmp_path / "a.jpg") as image:
        np.testing.assert_array_equal(read_image(tmp_path / "a.jpg"), np.array(image.convert("RGB")))


@pytest.mark.skipif(not features.check("avif"), reason="Pillow without AVIF")
@pytest.mark.parametrize(("flags", "bits"), [(0, 8), (0x40, 10), (0x60, 12)])
def test_avif_of_more_bits(tmp_path, flags, bits):
    """Pillow writes 8 bits only, so the header is changed to say more."""
    picture(RGB).save(tmp_path / "a.avif")
    assert read_image(tmp_path / "a.avif").shape == RGB.shape
    content = bytearray((tmp_path / "a.avif").read_bytes())
    content[content.index(b"av1C") + 6] |= flags
    assert avif_bits(bytes(content)) == bits
    if flags:
        (tmp_path / "a.avif").write_bytes(content)
        refused(read_image, tmp_path / "a.avif")


def folder(root, images, masks, ids=IDS):
    """Images named so, and masks of the ids; the names may hold folders."""
    for names, values in ((images, RGB), (masks, ids)):
        for name in names:
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            picture(values).save(path, "PNG")
    return root


def read_rightly(index):
    """Whether the one mask was read as `IDS`."""
    return index.class_pixels.tolist() == np.bincount(IDS.ravel()).tolist()


def named(*names):
    return [f"images/{name}.png" for name in names], [f"masks/{name}.png" for name in names]


NAMES = {
    "spaces": ["my scan 1", " b", "c "],
    "brackets": ["a[1]", "b(2)", "c{3}"],
    "percent and plus": ["a%20b", "a+b", "100%"],
    "words of other languages": ["Straße", "猫", "кот"],
    "smileys": ["a😀", "b😀"],
    "cases": ["a", "A"],
    "dots": ["a.b", "a.b.c"],
    "numbers": ["1", "01", "001"],
    "leading dashes": ["-a", "--b"],
    "quotes": ["it's", 'a"b'],
    "words of masks": ["label", "mask_1"],
}


@pytest.mark.parametrize("names", NAMES)
def test_names(tmp_path, names):
    folder(tmp_path, *named(*NAMES[names]))
    pairs = find_pairs(tmp_path)
    assert sorted(pair.image.stem for pair in pairs) == sorted(NAMES[names])
    assert all(pair.image.stem == pair.mask.stem for pair in pairs)


def test_names_that_are_not_unicode(tmp_path):
    folder(tmp_path, *named("a"))
    for kind in ("images", "masks"):
        try:
            os.rename(tmp_path / kind / "a.png", os.fsencode(tmp_path / kind) + b"/caf\xe9.png")
        except OSError:
            pytest.skip("the file system takes Unicode only")
    assert read_rightly(scan_folder(tmp_path))


JUNK = [
    "images/Thumbs.db",
    "masks/desktop.ini",
    "masks/._a.png",
    "images/.DS_Store",
    "masks/.ipynb_checkpoints/a-checkpoint.png",
    "__MACOSX/images/._a.png",
    ".git/a.png",
]


def test_what_systems_leave_behind(tmp_path):
    folder(tmp_path, *named("a"))
    for name in JUNK:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(PNG)
    index = scan_folder(tmp_path)
    assert len(index) == 1 and read_rightly(index)
    assert not any("Not used" in notice or "not read" in notice for notice in index.notices)


def test_links(tmp_path):
    folder(tmp_path / "real", *named("a"))
    for kind in ("images", "masks"):
        (tmp_path / "linked" / kind).mkdir(parents=True)
        (tmp_path / "linked" / kind / "a.png").symlink_to(tmp_path / "real" / kind / "a.png")
    assert read_rightly(scan_folder(tmp_path / "linked"))
    (tmp_path / "masks_elsewhere").mkdir()
    (tmp_path / "linked" / "images" / "b.png").symlink_to(tmp_path / "gone.png")
    assert any("broken link" in notice for notice in scan_folder(tmp_path / "linked").notices)


def test_a_folder_called_as_an_image(tmp_path):
    folder(tmp_path, *named("a"))
    (tmp_path / "images" / "b.png").mkdir()
    assert len(find_pairs(tmp_path)) == 1


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="a file that root cannot read")
def test_protected_files(tmp_path):
    folder(tmp_path, *named("a"))
    (tmp_path / "masks" / "a.png").chmod(0)
    assert "a.png" in refused(scan_folder, tmp_path)


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        ("images/images", "masks/masks"),
        ("data/data/images", "data/data/masks"),
        ("images/images", "masks"),
        ("train/train/images", "train/train/masks"),
    ],
)
def test_a_folder_in_a_folder_of_its_name(tmp_path, images, masks):
    folder(tmp_path, [f"{images}/a.png"], [f"{masks}/a.png"])
    assert read_rightly(scan_folder(tmp_path, split="train" if "train" in images else None))


LISTS = {
    "Windows": ("images\\a.png\r\n", "masks\\a.png\r\n", "utf-8"),
    "marked": ("images/a.png\n", "masks/a.png\n", "utf-8-sig"),
    "UTF-16": ("images/a.png\n", "masks/a.png\n", "utf-16"),
    "old Mac": ("images/a.png\r", "masks/a.png\r", "utf-8"),
    "empty lines": ("\n\nimages/a.png\n\n", "masks/a.png", "utf-8"),
    "dots": ("./images/../images/a.png", "./masks/a.png", "utf-8"),
    "absolute": ("{root}/images/a.png", "{root}/masks/a.png", "utf-8"),
}


@pytest.mark.parametrize("form", LISTS)
def test_lists(tmp_path, form):
    folder(tmp_path, *named("a"))
    *texts, encoding = LISTS[form]
    for name, text in zip(("images.txt", "masks.txt"), texts, strict=True):
        (tmp_path / name).write_bytes(text.replace("{root}", str(tmp_path)).encode(encoding))
    assert read_rightly(scan_folder((tmp_path / "images.txt", tmp_path / "masks.txt")))


BAD_LISTS = {
    "both columns": ("images/a.png masks/a.png", "masks/a.png", "does not exist"),
    "comments": ("# images\nimages/a.png", "masks/a.png", "images"),
    "a folder": ("images", "masks", "images"),
    "another disk": ("C:\\data\\a.png", "masks/a.png", "does not exist"),
    "Latin-1": (b"images/caf\xe9.png", "masks/a.png", "UTF-8"),
}


@pytest.mark.parametrize("form", BAD_LISTS)
def test_lists_that_are_refused(tmp_path, form):
    folder(tmp_path, *named("a"))
    images, masks, said = BAD_LISTS[form]
    (tmp_path / "images.txt").write_bytes(images if isinstance(images, bytes) else images.encode())
    (tmp_path / "masks.txt").write_text(masks)
    assert said in refused(scan_folder, (tmp_path / "images.txt", tmp_path / "masks.txt"))


IDS_OF_FOLDERS = {
    "beyond num_classes": (IDS, {"num_classes": 2}, "outside the 2 classes"),
    "255 is void": (np.where(IDS == 3, 255, IDS).astype("uint8"), {}, 255),
    "255 as argument": (np.where(IDS == 3, 255, IDS).astype("uint8"), {"ignore_class": 255}, 255),
    "void but not given": (np.where(IDS == 3, 254, IDS).astype("uint8"), {}, "do not count up"),
    "sparse": (IDS * np.uint8(60), {}, "do not count up"),
    "one class": (IDS * 0, {}, "label 0 only"),
    "a mask of another size": (IDS[:5], {}, "is 5x9"),
    "a mask on its side": (IDS.T.copy(), {}, "is 9x6"),
}


@pytest.mark.parametrize("name", IDS_OF_FOLDERS)
def test_ids_of_a_folder(tmp_path, name):
    ids, options, expected = IDS_OF_FOLDERS[name]
    folder(tmp_path, *named("a"), ids=ids)
    if isinstance(expected, str):
        assert expected in refused(scan_folder, tmp_path, **options)
        return
    index = scan_folder(tmp_path, **options)
    assert index.ignore_class == (expected,)
    assert index.ignored_counts.sum() == (ids == expected).sum()
    assert index.class_pixels.tolist() == np.bincount(ids[ids != expected]).tolist()


def test_formats_that_are_not_read_are_named(tmp_path):
    folder(tmp_path, *named("a"))
    for name in ("b.heic", "c.cr2", "d.svg", "e.mat", "f.h5", "g"):
        (tmp_path / "images" / name).write_bytes(PNG)
    [notice] = [text for text in scan_folder(tmp_path).notices if "not read" in text]
    assert all(f"1 {kind}" in notice for kind in (".heic", ".cr2", ".svg", ".mat", ".h5", "without an extension"))
    (tmp_path / "images" / "a.png").unlink()
    assert ".heic" in refused(scan_folder, tmp_path)


NAME_FILES = {
    "numbered": ({"classes.txt": "0 a\n1 b\n2 c\n3 d"}, ("a", "b", "c", "d")),
    "numbered in another order": ({"classes.txt": "3: d\n1: b\n0: a\n2: c"}, ("a", "b", "c", "d")),
    "numbered from 1": ({"classes.txt": "1 a\n2 b\n3 c\n4 d"}, "without gaps"),
    "words with numbers": ({"classes.txt": "0 a\nb 1\nc\nd"}, ("0 a", "b 1", "c", "d")),
    "capitals": ({"Labels.JSON": '{"names": ["a", "b", "c", "d"]}'}, ("a", "b", "c", "d")),
    "classes in capitals": ({"CLASSES.TXT": "a\nb\nc\nd"}, ("a", "b", "c", "d")),
    "Windows": ({"classes.txt": "a\r\nb\r\nc\r\nd\r\n"}, ("a", "b", "c", "d")),
    "both alike": (
        {"classes.txt": "a\nb\nc\nd", "labels.json": '{"names": ["a", "b", "c", "d"]}'},
        ("a", "b", "c", "d"),
    ),
    "both, one with names": ({"classes.txt": "a\nb\nc\nd", "labels.json": '{"ignore_class": 9}'}, ("a", "b", "c", "d")),
    "both and different": (
        {"classes.txt": "d\nb\nc\na", "labels.json": '{"names": ["a", "b", "c", "d"]}'},
        "other classes",
    ),
}


@pytest.mark.parametrize("form", NAME_FILES)
def test_files_of_names(tmp_path, form):
    folder(tmp_path, *named("a"))
    files, expected = NAME_FILES[form]
    for name, text in files.items():
        (tmp_path / name).write_bytes(text.encode())
    if isinstance(expected, str):
        assert expected in refused(scan_folder, tmp_path)
    else:
        assert scan_folder(tmp_path).class_names == expected


def test_a_map_of_objects_in_a_folder_of_objects(tmp_path):
    for number in range(2):
        folder(tmp_path, ["images/a.png"], [f"masks/a/{number}.png"])
    assert "holds one object" in refused(read_instances, tmp_path / "masks" / "a")


@pytest.mark.parametrize("size", range(1, 20))
def test_files_of_a_few_bytes(tmp_path, size):
    for content in (b"{}"[:size] * size, bytes(size), b"\xff" * size, PNG[:size], JPEG[:size], b"II*\0" + bytes(size)):
        (tmp_path / "a.png").write_bytes(content)
        assert "a.png: the image cannot be read" in refused(read_image, tmp_path / "a.png")
