"""Many small folders of masks: each ends in the right classes or in the right one-line finding."""

import json

import numpy as np
import pytest
from PIL import Image
from refusals import refused

from keras_seg.data import LabelEncoding, scan_folder

# NumPy, Pillow and tf.data only: the same code runs whatever the backend.
pytestmark = pytest.mark.tensorflow_only

M = np.zeros((16, 20), "uint8")
M[4:12, 5:15] = 1  # 80 pixels of foreground, 240 of background.
EMPTY = np.zeros_like(M)
THREE = M.copy()
THREE[14:] = 2  # 200, 80, 40.
VOID = M.copy()
VOID[14:] = 255
FEW = np.zeros_like(M)
FEW[4:6, 5:9], FEW[14:] = 1, 255  # 272, 8, and 40 of void.
BLACK, WHITE, RED, BLUE = (0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 0, 255)


def indexed(values, *colors):
    image = Image.frombytes("P", values.shape[::-1], values.tobytes())
    image.putpalette([part for color in colors for part in color])
    return image


def smooth(size=96):
    """A white disc with blurred edges, 96 pixels wide."""
    disc = (np.hypot(*(np.mgrid[:size, :size] - size / 2)) < size / 4).astype("uint8") * 255
    small = Image.fromarray(disc).resize((size // 2,) * 2, Image.Resampling.BILINEAR)
    return small.resize((size,) * 2, Image.Resampling.BILINEAR)


def big(values):
    """A mask of the size of `smooth`."""
    return np.kron(values[:12, :12], np.ones((8, 8), "uint8")).astype("uint8")


def write(root, *masks, labels=None, **save):
    """A folder whose masks a, b, c, ... are arrays, pictures, or (picture, extension)."""
    for name, mask in zip("abcdefgh", masks, strict=False):
        mask, extension = mask if isinstance(mask, tuple) else (mask, "png")
        mask = mask if isinstance(mask, Image.Image) else Image.fromarray(mask)
        for kind in ("images", "masks"):
            (root / kind).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", mask.size).save(root / "images" / f"{name}.png")
        mask.save(root / "masks" / f"{name}.{extension}", **(save if extension != "png" else {}))
    if labels is not None:
        (root / "labels.json").write_text(labels if isinstance(labels, str) else json.dumps(labels))
    return root


def pixels(index):
    """Pixels per class from the arrays that training gets, which must agree with those that the scan counted."""
    counts, ignored = np.zeros(index.num_classes, int), 0
    for position in range(len(index)):
        labels = index.read_labels(position)
        ignored += int(np.isin(labels, index.ignore_class).sum())
        counts += np.bincount(labels[~np.isin(labels, index.ignore_class)].ravel(), minlength=index.num_classes)
    assert counts.tolist() == index.class_pixels.tolist() and ignored == index.ignored_counts.sum()
    return counts.tolist(), ignored


READ = {
    "0 and 1": ([M], {}, [240, 80], 0),
    "0 and 255": ([M * 255], {}, [240, 80], 0),
    "0 and 255 for two classes": ([M * 255], {"num_classes": 2}, [240, 80], 0),
    "white only beside black only": ([EMPTY + 255, EMPTY], {}, [320, 320], 0),
    "two scales": ([M, M * 255, M * 255], {}, [720, 240], 0),
    "two scales, the larger one rarer": ([M * 255, M, M], {}, [720, 240], 0),
    "two scales for two classes": ([M, M * 255], {"num_classes": 2}, [480, 160], 0),
    "two scales with names": ([M, M * 255], {"class_names": ["a", "b"]}, [480, 160], 0),
    "two scales and an empty mask": ([EMPTY, M, M * 255], {}, [800, 160], 0),
    "two scales and a white mask": ([M, M * 255, EMPTY + 255], {}, [480, 480], 0),
    "two scales, 255 ignored": ([M, M * 255], {"ignore_class": 255}, [480, 80], 80),
    "void": ([VOID], {}, [200, 80], 40),
    "void beside few pixels of two classes": ([FEW, FEW], {"num_classes": 2, "ignore_class": 255}, [544, 16], 80),
    "void beside several classes": ([THREE, VOID], {}, [400, 160, 40], 40),
    "ids and an all-void mask": ([THREE, EMPTY + 255], {}, [200, 80, 40], 320),
    "gray levels with a map": ([M * 100], {"label_map": {0: 0, 100: 1}}, [240, 80], 0),
    "a map that merges": ([THREE], {"label_map": {0: 0, 1: 0, 2: 1}}, [280, 40], 0),
    "a map without the background": ([THREE], {"label_map": {1: 1, 2: 1}}, [200, 120], 0),
    "a map that swaps": ([M], {"label_map": {0: 1, 1: 0}}, [80, 240], 0),
    "a map to the ignored label": ([THREE], {"label_map": {0: 255, 1: 0, 2: 1}, "ignore_class": 255}, [80, 40], 200),
    "a map without the ignored value": ([THREE], {"label_map": {1: 0, 2: 1}, "ignore_class": 0}, None, None),
    "a map with a value that is absent": ([M], {"label_map": {0: 0, 1: 1, 9: 2}}, [240, 80, 0], 0),
    "palette, white last": ([indexed(M, BLACK, WHITE)], {}, [240, 80], 0),
    "palette, white first": ([indexed(1 - M, WHITE, BLACK)], {}, [240, 80], 0),
    "palettes of both orders": ([indexed(M, BLACK, WHITE), indexed(1 - M, WHITE, BLACK)], {}, [480, 160], 0),
    "palettes of both orders and gray": ([indexed(1 - M, WHITE, BLACK), M, M * 255], {}, [720, 240], 0),
    "an all-black file, black at 0": ([indexed(EMPTY, BLACK, WHITE), M], {}, [560, 80], 0),
    "an all-black file, black at 1": ([indexed(EMPTY + 1, WHITE, BLACK), M], {}, [560, 80], 0),
    "palette, a map names the indices": ([indexed(1 - M, WHITE, BLACK)], {"label_map": {0: 0, 1: 1}}, [80, 240], 0),
    "palette, white first, of three classes": (
        [indexed(1 - M, WHITE, BLACK)],
        {"class_names": ["paper", "ink", "stamp"]},
        [80, 240, 0],
        0,
    ),
    "palette of ids": ([indexed(THREE, BLACK, RED, BLUE)], {}, [200, 80, 40], 0),
    "palettes of their own, by color": (
        [indexed(M, BLACK, RED), indexed(1 - M, RED, BLACK)],
        {"colors": {BLACK: 0, RED: 1}},
        [480, 160],
        0,
    ),
    "1-bit": ([Image.fromarray(M * 255).convert("1")], {}, [240, 80], 0),
    "1-bit and 8-bit": ([Image.fromarray(M * 255).convert("1"), M * 255], {}, [480, 160], 0),
    "JPEG, hard edges on blocks": ([(big(M * 255), "jpg")], {}, None, 0),
    "lossless WebP": ([(np.dstack([M] * 3), "webp")], {"num_classes": 2}, [240, 80], 0),
    "colors": ([np.where(M[..., None], RED, BLUE).astype("uint8")], {"colors": {BLUE: 0, RED: 1}}, [240, 80], 0),
}


@pytest.mark.parametrize("case", READ)
def test_read(tmp_path, case):
    masks, options, counts, ignored = READ[case]
    found = pixels(scan_folder(write(tmp_path, *masks, lossless=True, quality=75), **options))
    if counts is not None:
        assert found == (counts, ignored)


def test_an_ignored_value_that_is_also_a_class_is_ignored(tmp_path):
    """`ignore_class` names labels, so the class 0 of the map would be ignored too: its target must differ."""
    index = scan_folder(write(tmp_path, THREE), label_map={0: 255, 1: 0, 2: 1}, ignore_class=255)
    assert pixels(index) == ([80, 40], 200)


REFUSED = {
    "255 beside 0 and 1, and alone": ([VOID, M * 255], {}, ["a.png", "b.png", "ignore_class=255"]),
    "0 and 1 beside white only": ([M, EMPTY + 255], {}, ["a.png", "b.png", "ignore_class=255"]),
    "ids beside 0 and 255": ([THREE, M * 255], {}, ["a.png", "b.png", "ignore_class=255"]),
    "blurred beside 0 and 1": ([smooth(), big(M)], {}, ["a.png", "b.png"]),
    "blurred beside ids": ([smooth(), big(THREE)], {}, ["a.png", "b.png"]),
    "blurred beside ids for two classes": ([smooth(), big(THREE)], {"num_classes": 2}, ["b.png"]),
    "0 and 255 for three classes": ([M * 255], {"num_classes": 3}, ["a.png", "label_map={0: 0, 255: ID}"]),
    "255 for two classes": ([VOID], {"num_classes": 2}, ["a.png", "ignore_class=255"]),
    "255 beside few pixels of two classes": ([FEW, FEW], {"num_classes": 2}, ["a.png", "ignore_class=255"]),
    "255 beside few pixels of two names": ([FEW], {"class_names": ["a", "b"]}, ["a.png", "ignore_class=255"]),
    "ids as JPEG": ([(THREE, "jpg")], {}, ["a.jpg", "PNG"]),
    "ids as JPEG with names": ([(THREE, "jpg")], {"class_names": ["a", "b", "c"]}, ["a.jpg", "PNG"]),
    "0 and 1 as JPEG": ([(M, "jpg")], {}, ["a.jpg", "PNG"]),
    "0 and 1 as JPEG beside PNG": ([M, (M, "jpg")], {}, ["b.jpg", "PNG"]),
    "ids as JPEG with a map": ([(THREE * 80, "jpg")], {"label_map": {0: 0, 80: 1, 160: 2}}, ["a.jpg", "PNG"]),
    "blurred with a map": ([smooth()], {"label_map": {0: 0, 255: 1}}, ["a.png", "Remove label_map"]),
    "ids as lossy WebP": ([(np.dstack([THREE * 20] * 3), "webp")], {}, ["a.webp"]),
    "colors as JPEG": (
        [(np.where(M[..., None], RED, BLUE).astype("uint8"), "jpg")],
        {"colors": {BLUE: 0, RED: 1}},
        ["a.jpg", "PNG"],
    ),
    "a map that merges by omission": ([THREE], {"label_map": {1: 0, 2: 1}}, ["0 (200 pixels)", "label_map", "0: ID"]),
    "a map that leaves out a value": ([THREE], {"label_map": {0: 0, 1: 1}}, ["2 (40 pixels)"]),
    "a map of fractions": ([M], {"label_map": {0: 0, 1: 0.5}}, ["`label_map`"]),
    "a map given twice": ([M], {"label_map": {"1": 0, 1: 1, 0: 0}}, ["`label_map`"]),
    "palettes of their own": ([indexed(M, BLACK, RED), indexed(1 - M, RED, BLACK)], {}, ["a.png", "b.png", "colors"]),
    "one index in two colors": ([indexed(M, BLACK, RED), indexed(M, BLACK, BLUE)], {}, ["a.png", "b.png", "colors"]),
    "black and white palette beside ids": ([indexed(1 - M, WHITE, BLACK), THREE], {}, ["a.png", "b.png"]),
    "gray levels": ([M * 100], {}, ["label_map={0: 0, 100: 1, ...}"]),
    "nothing drawn": ([EMPTY, EMPTY], {}, ["label 0 only"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(tmp_path, case):
    masks, options, said = REFUSED[case]
    text = refused(scan_folder, write(tmp_path, *masks, quality=75), **options)
    assert all(part in text for part in said), text


TRAIN_AND_VAL = {
    "0/255, then 0/1": (M * 255, [M], [240, 80]),
    "0/1, then 0/255": (M, [M * 255], [240, 80]),
    "0/255, then both": (M * 255, [M, M * 255], [480, 160]),
    "0/1, then both": (M, [M, M * 255, EMPTY], [800, 160]),
    "0/1, then a palette": (M, [indexed(1 - M, WHITE, BLACK)], [240, 80]),
    "0/255, then a palette": (M * 255, [indexed(1 - M, WHITE, BLACK)], [240, 80]),
    "0/255, then empty": (M * 255, [EMPTY], [320, 0]),
    "three colors, then black and white": (
        indexed(THREE, BLACK, RED, WHITE),
        [indexed(2 * M, BLACK, RED, WHITE)],
        [240, 0, 80],
    ),
    "0/1, then white": (M, [EMPTY + 255, M * 255], [240, 400]),
}


@pytest.mark.parametrize("case", TRAIN_AND_VAL)
def test_val_is_read_by_its_own_scale(tmp_path, case):
    train, val, counts = TRAIN_AND_VAL[case]
    encoding = scan_folder(write(tmp_path / "train", train)).encoding
    index = scan_folder(write(tmp_path / "val", *val), encoding=encoding)
    assert pixels(index) == (counts, 0) and pixels(index.subset([0]))[0] == index.pixel_counts[0].tolist()


FEW = np.arange(M.size).reshape(M.shape) < 9
VAL_REFUSED = {
    "ids after 0/255": (M * 255, [THREE], {}, "a.png"),
    "void beside few ones after 0/255": (M * 255, [np.where(FEW, 1, M * 255)], {}, "ignore_class=255"),
    "void beside few ids after 0/255": (M * 255, [np.where(FEW, 2, M * 255)], {}, "ignore_class=255"),
    "void after 0/1": (M, [VOID], {}, "ignore_class=255"),
    "lossy ids after 0/1": (M, [(THREE, "jpg")], {}, "PNG"),
    "0/1 beside white only": (M, [M, EMPTY + 255], {}, "ignore_class=255"),
    "a value that the map leaves out": (THREE, [THREE + 1], {"label_map": {0: 0, 1: 0, 2: 1}}, "3 (40 pixels)"),
    "more classes": (M, [THREE], {}, "label 2"),
}


@pytest.mark.parametrize("case", VAL_REFUSED)
def test_val_that_does_not_fit(tmp_path, case):
    train, val, options, said = VAL_REFUSED[case]
    encoding = scan_folder(write(tmp_path / "train", train), **options).encoding
    assert said in refused(scan_folder, write(tmp_path / "val", *val, quality=75), encoding=encoding)


def test_void_stays_void_in_val(tmp_path):
    encoding = scan_folder(write(tmp_path / "train", VOID)).encoding
    index = scan_folder(write(tmp_path / "val", M * 255), encoding=encoding)
    assert pixels(index) == ([240, 0], 80)


NAMES = ["sky", "road", "car"]
LABEL_FILES = {
    "names": ({"names": NAMES}, NAMES),
    "ids to names": ({"names": {"2": "car", "0": "sky", "1": "road"}}, NAMES),
    "names to ids": ({"names": {"car": 2, "sky": 0, "road": 1}}, NAMES),
    "byte order mark": ("\ufeff" + json.dumps({"names": NAMES}), NAMES),
    "nothing": ({}, ["class_0", "class_1", "class_2"]),
    "nulls": ({"names": None, "ignore_class": None, "colors": None, "label_map": None}, None),
    "several ignored": ({"names": NAMES, "ignore_class": [254, 255]}, NAMES),
}


@pytest.mark.parametrize("case", LABEL_FILES)
def test_label_file(tmp_path, case):
    content, names = LABEL_FILES[case]
    (write(tmp_path, THREE, labels="") / "labels.json").write_text(
        content if isinstance(content, str) else json.dumps(content), encoding="utf-8"
    )
    index = scan_folder(tmp_path)
    assert names is None or list(index.class_names) == names
    assert pixels(index)[0] == [200, 80, 40]


BAD_FILES = {
    '{"names": "ab"}': 'not "ab"',
    '{"names": [0, 1]}': '"names" must be',
    '{"names": ["a", " "]}': "not empty",
    '{"names": {"0": "a", "2": "b"}}': "gaps",
    '{"names": {"a": 0, "b": 0}}': "each id for one name",
    '{"names": {"0": 1, "1": 0}}': "both sides",
    '{"names": {"0": "a", "x": "b"}}': '"names" must be',
    '{"names": ["a", "a"]}': "occurs twice",
    '{"names": ["a", "b"], "names": ["b", "a"]}': "occurs twice",
    '{"names": ["a", "b", "c"], "ignore_label": 255}': "Did you mean 'ignore_class'?",
    '{"names": ["a", "b", "c"], "colours": []}': "Did you mean 'colors'?",
    '{"classes": ["a", "b", "c"]}': "Did you mean 'names'?",
    '{"Names": ["a", "b", "c"]}': "Did you mean 'names'?",
    '{"name": ["a", "b", "c"]}': "Did you mean 'names'?",
    '{"label-map": {}}': "Did you mean 'label_map'?",
    '{"ignore_class": "255"}': '"ignore_class" must be',
    '{"ignore_class": 255.0}': '"ignore_class" must be',
    '{"ignore_class": true}': '"ignore_class" must be',
    '{"ignore_class": NaN}': "NaN",
    '{"ignore_class": 99999999999}': '"ignore_class" must be',
    '{"colors": {"0": [0, 0, 0]}}': '"colors" must be',
    '{"colors": [[0, 0, 0], [0, 0]]}': '"colors" must be',
    '{"colors": [[0, 0, 0], [0, 0, 300]]}': '"colors" must be',
    '{"colors": [[0, 0, 0], [0, 0, 0]]}': "occurs twice",
    '{"label_map": [[0, 0]]}': '"label_map" must be',
    '{"label_map": {"a": 0}}': '"label_map" must be',
    '{"label_map": {"0": 0.5}}': '"label_map" must be',
    '{"label_map": {"0": 0, "00": 1}}': '"label_map" must be',
    "[1]": "instead of an object",
    "{": "is not of the form",
    "": "is not of the form",
    "[" * 100_000: "nested",
}


@pytest.mark.parametrize("content", BAD_FILES, ids=lambda text: text[:30])
def test_bad_label_file(tmp_path, content):
    text = refused(scan_folder, write(tmp_path, THREE, labels=content))
    assert "labels.json" in text and BAD_FILES[content] in text and len(text) < 500


def test_a_huge_label_file_is_not_read(tmp_path):
    assert "10 MB" in refused(scan_folder, write(tmp_path, THREE, labels=" " * 10_000_001))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_files(tmp_path, encoding):
    (write(tmp_path, M) / "classes.txt").write_bytes("Straße\r\nAuto\r\n".encode(encoding))
    assert scan_folder(tmp_path).class_names == ("Straße", "Auto")
    for kind in ("images", "masks"):
        (tmp_path / f"{kind}.txt").write_bytes(f"{kind}/a.png\n".encode(encoding))
    assert len(scan_folder((tmp_path / "images.txt", tmp_path / "masks.txt"))) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("Auto\nStraße\n".encode("cp1252"), "byte 0xdf in line 2"),
        ("Straße\nAuto\n".encode("utf-16-le"), "UTF-8"),
        ("Straße\nAuto\n".encode("utf-16")[:-1], "UTF-16"),
    ],
)
def test_other_encodings_are_refused(tmp_path, content, said):
    (write(tmp_path, M) / "classes.txt").write_bytes(content)
    text = refused(scan_folder, tmp_path)
    assert "classes.txt" in text and said in text and "UTF-8" in text


KEPT = {"names": ["pet", "ground", "edge"], "label_map": {"1": 0, "2": 1, "3": 2}}
OTHERS = {
    "no label file": (M + 1, None, [240, 80, 0]),
    "the same label file": (M + 1, KEPT, [240, 80, 0]),
    "the names only": (M + 1, {"names": KEPT["names"]}, [240, 80, 0]),
    "another map": (M * 5, {**KEPT, "label_map": {"0": 0, "5": 2}}, [240, 0, 80]),
    "names in another order": (M, {"names": ["edge", "pet", "ground"], "label_map": {"0": 0, "1": 1}}, [80, 0, 240]),
    "some of the names": (M, {"names": ["ground", "pet"], "label_map": {"0": 0, "1": 1}}, [80, 240, 0]),
    "some of the names, 0 and 255": (
        M * 255,
        {"names": ["ground", "pet"], "label_map": {"0": 0, "255": 1}},
        [80, 240, 0],
    ),
    "colors": (
        np.where(M[..., None], RED, BLUE).astype("uint8"),
        {"names": ["edge", "pet"], "colors": [RED, BLUE]},
        [240, 0, 80],
    ),
}


@pytest.mark.parametrize("case", OTHERS)
def test_the_reading_is_followed(tmp_path, case):
    mask, labels, counts = OTHERS[case]
    train = scan_folder(write(tmp_path / "d", M + 1, M + 2, labels=KEPT))
    kept = LabelEncoding(**json.loads(json.dumps(train.encoding.get_config())))
    assert kept == train.encoding
    index = scan_folder(write(tmp_path / "other", mask, labels=labels), encoding=kept)
    assert pixels(index) == (counts, 0) and index.class_names == ("pet", "ground", "edge")


@pytest.mark.parametrize(
    ("labels", "said"),
    [({"names": ["pet", "floor"], "label_map": {"1": 0, "2": 1}}, "'floor'"), ({"names": ["a", "b", "c"]}, "'a'")],
)
def test_other_names_are_refused(tmp_path, labels, said):
    train = scan_folder(write(tmp_path / "d", M + 1, M + 2, labels=KEPT))
    other = write(tmp_path / "other", M + 1, labels=labels)
    text = refused(scan_folder, other, encoding=train.encoding)
    assert said in text and "labels.json" in text


def test_names_of_the_command_line_hold_in_the_same_folder(tmp_path):
    """They replace those of the label file, which must not count as a contradiction afterwards."""
    folder = write(tmp_path, THREE, labels={"names": NAMES})
    encoding = scan_folder(folder, class_names=["x", "y", "z"]).encoding
    assert scan_folder(folder, encoding=encoding).class_names == ("x", "y", "z")


def test_two_classes_in_another_order(tmp_path):
    train = scan_folder(write(tmp_path / "d", M * 255, labels={"names": ["ground", "pet"]}))
    index = scan_folder(write(tmp_path / "e", M * 255, labels={"names": ["pet", "ground"]}), encoding=train.encoding)
    assert pixels(index) == ([80, 240], 0)


def test_ignored_label_of_the_other_folder(tmp_path):
    train = scan_folder(write(tmp_path / "d", THREE, labels={"names": NAMES}))
    index = scan_folder(write(tmp_path / "e", VOID, labels={"ignore_class": 255}), encoding=train.encoding)
    assert pixels(index) == ([200, 80, 0], 40)


def test_colors_are_part_of_the_reading(tmp_path):
    painted = np.where(M[..., None], RED, BLUE).astype("uint8")
    train = scan_folder(write(tmp_path / "d", painted), colors={BLUE: 0, RED: 1})
    assert pixels(scan_folder(write(tmp_path / "e", painted), encoding=train.encoding)) == ([240, 80], 0)
