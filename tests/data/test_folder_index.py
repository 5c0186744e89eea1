import functools
import json

import numpy as np
import pytest
import refusals
from PIL import Image

from keras_seg._validation import InputError
from keras_seg.data import scan_folder, split_index

# NumPy, Pillow and tf.data only: the same code runs whatever the backend.
pytestmark = pytest.mark.tensorflow_only


def write(root, name, image, mask, extension="png"):
    for kind, array, ending in (("images", image, extension), ("masks", mask, "png")):
        (root / kind).mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(array, "uint8")).save(root / kind / f"{name}.{ending}")


@pytest.fixture
def folder(tmp_path):
    write(tmp_path, "a", np.zeros((4, 6, 3)), np.zeros((4, 6)))
    write(tmp_path, "b", np.full((4, 6, 3), 90), np.array([[0, 1, 1, 2, 2, 2]] * 4))
    write(tmp_path, "c", np.zeros((8, 6, 3)), np.full((8, 6), 255))
    return tmp_path


refused = functools.partial(refusals.refused, scan_folder)


@pytest.mark.parametrize("check_images", [True, False])
def test_counts(folder, check_images):
    index = scan_folder(folder, check_images=check_images)
    assert len(index) == 3 and index.num_classes == 3 and index.ignore_class == (255,)
    assert index.sizes == ((4, 6), (4, 6), (8, 6)) and index.common_size is None
    assert index.pixel_counts.tolist() == [[24, 0, 0], [4, 8, 12], [0, 0, 0]]
    assert index.class_pixels.tolist() == [28, 8, 12]
    assert index.ignored_counts.tolist() == [0, 0, 48]
    assert index.presence.tolist() == [[True, False, False], [True, True, True], [False, False, False]]


def test_counts_do_not_depend_on_threads(folder):
    one, many = (scan_folder(folder, workers=workers) for workers in (1, 5))
    assert one.pairs == many.pairs and (one.pixel_counts == many.pixel_counts).all()


def test_subset_and_split(folder):
    index = scan_folder(folder)
    part = index.subset([2, 0])
    assert [pair.image.stem for pair in part.pairs] == ["c", "a"] and part.pixel_counts.tolist() == [
        [0] * 3,
        [24, 0, 0],
    ]
    assert part.encoding is index.encoding and index.subset([0, 1]).common_size == (4, 6)
    train, val = split_index(index, validation_split=0.3, seed=1)
    stems = [[pair.image.stem for pair in half.pairs] for half in (train, val)]
    assert sorted(stems[0] + stems[1]) == ["a", "b", "c"] and len(val) == 1
    again = split_index(index, validation_split=0.3, seed=1)
    assert [[pair.image.stem for pair in half.pairs] for half in again] == stems
    for fraction, size in ((0.001, 1), (0.999, 2)):
        assert len(split_index(index, validation_split=fraction)[1]) == size
    with pytest.raises(InputError, match="one example"):
        split_index(index.subset([0]))
    with pytest.raises(InputError, match="validation_split"):
        split_index(index, validation_split=1.0)
    with pytest.raises(InputError, match="indices"):
        index.subset([3])


def test_a_sample_is_evenly_spaced(tmp_path):
    for number in range(7):
        write(tmp_path, str(number), np.zeros((2, 2, 3)), [[0, 1], [1, 1]])
    index = scan_folder(tmp_path)
    sampled = {count: [pair.image.stem for pair in index.sample(count).pairs] for count in (1, 3, 7, 20)}
    assert sampled[1] == ["0"] and sampled[3] == ["0", "3", "6"] and sampled[7] == sampled[20] == list("0123456")
    with pytest.raises(InputError, match="`count`"):
        index.sample(0)


def test_names_and_void_from_labels_json(folder):
    (folder / "labels.json").write_text(json.dumps({"names": ["sky", "road", "car"], "ignore_class": 255}))
    index = scan_folder(folder)
    assert index.class_names == ("sky", "road", "car") and index.notices == ()
    assert scan_folder(folder, class_names=["x", "y", "z"]).class_names == ("x", "y", "z")
    text = refused(folder, num_classes=4)
    assert "labels.json" in text and "3 classes" in text and "num_classes=4" in text


def test_names_from_classes_txt_beside_splits(tmp_path):
    write(tmp_path / "train", "a", np.zeros((2, 2, 3)), [[0, 1], [1, 1]])
    (tmp_path / "classes.txt").write_text("floor\nwall\ndoor\n")
    index = scan_folder(tmp_path, split="train")
    assert index.class_names == ("floor", "wall", "door")
    assert index.notices == ("No mask holds class door.",)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("labels.json", "{", "is not of the form"),
        ("labels.json", "[1]", "is not of the form"),
        ("labels.json", '{"names": 3}', "is not of the form"),
        ("classes.txt", "a\na\n", "occurs twice"),
        ("classes.txt", "\n", "at least two"),
    ],
)
def test_bad_side_file(folder, name, content, said):
    (folder / name).write_text(content)
    text = refused(folder)
    assert name in text and said in text


def test_encoding_of_another_split(tmp_path):
    write(tmp_path / "train", "a", np.zeros((2, 2, 3)), [[0, 255], [255, 255]])
    write(tmp_path / "val", "b", np.zeros((2, 2, 3)), [[0, 0], [0, 0]])
    train = scan_folder(tmp_path, split="train")
    val = scan_folder(tmp_path, split="val", encoding=train.encoding)
    assert val.num_classes == 2 and val.pixel_counts.tolist() == [[4, 0]]
    assert "label 0 only" in refused(tmp_path, split="val")


@pytest.mark.parametrize(
    "given", [{"num_classes": 2}, {"ignore_class": 255}, {"class_names": ["a", "b"]}, {"label_map": {255: 1}}]
)
def test_an_encoding_replaces_what_defines_one(folder, given):
    encoding = scan_folder(folder).encoding
    assert f"`{next(iter(given))}` cannot be combined with `encoding`" in refused(folder, encoding=encoding, **given)


def test_mask_of_another_size(tmp_path):
    write(tmp_path, "a", np.zeros((4, 6, 3)), np.zeros((4, 5)))
    text = refused(tmp_path)
    assert "a.png" in text and "4x5" in text and "4x6" in text and "Resize the mask" in text


def test_exif_orientation_and_mask(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    write(tmp_path, "a", np.zeros((4, 6, 3)), np.eye(6, 4))
    (tmp_path / "images/a.png").unlink()
    Image.new("RGB", (6, 4)).save(tmp_path / "images/a.jpg", exif=exif)
    for check in (True, False):
        assert scan_folder(tmp_path, check_images=check).sizes == ((6, 4),)
    Image.fromarray(np.eye(4, 6, dtype="uint8")).save(tmp_path / "masks/a.png")
    for check in (True, False):  # The mask was drawn on the stored pixels.
        index = scan_folder(tmp_path, check_images=check)
        assert index.sizes == ((4, 6),) and index.exif_orientation == "ignore" and "EXIF" in index.notices[0]


def test_broken_files_are_named(folder):
    path = folder / "images/b.png"
    whole = path.read_bytes()
    path.write_bytes(whole[:45])
    assert str(path) in refused(folder)
    path.write_bytes(whole)
    path = folder / "images/b.bmp"  # A BMP has all its header at the start.
    Image.new("RGB", (6, 4)).save(path)
    (folder / "images/b.png").unlink()
    path.write_bytes(path.read_bytes()[:70])
    assert str(path) in refused(folder)
    assert len(scan_folder(folder, check_images=False)) == 3  # The header is whole: not seen, as documented.
    Image.new("RGB", (6, 4)).save(path)
    path = folder / "masks/c.png"
    path.write_bytes(path.read_bytes()[:40])
    text = refused(folder)
    assert str(path) in text and "the mask cannot be read" in text


def test_label_outside_names_its_file(folder):
    text = refused(folder, num_classes=2, ignore_class=255)
    assert "b.png" in text and "label 2," in text and "num_classes=3" in text
    text = refused(folder, num_classes=3)
    assert "c.png" in text and "label 255," in text and "ignore_class=255" in text


def test_more_classes_than_found_is_fine(folder):
    index = scan_folder(folder, num_classes=5, ignore_class=255)
    assert index.num_classes == 5 and index.notices == ("No mask holds class class_3, class_4.",)


def test_values_that_tell_nothing_name_the_folder(tmp_path):
    write(tmp_path, "a", np.zeros((2, 2, 3)), [[0, 100], [0, 180]])
    text = refused(tmp_path)
    assert text.startswith(f"{tmp_path}: ") and "label_map={0: 0, 100: 1, ...}" in text
    index = scan_folder(tmp_path, label_map={100: 1, 180: 2})
    assert index.pixel_counts.tolist() == [[2, 1, 1]]


def test_color_masks(tmp_path):
    write(tmp_path, "a", np.zeros((1, 2, 3)), [[[255, 0, 0], [0, 255, 0]]])
    assert "colors={" in refused(tmp_path)
    assert scan_folder(tmp_path, colors={(255, 0, 0): 0, (0, 255, 0): 1}).pixel_counts.tolist() == [[1, 1]]


def test_jpeg_masks_of_two_values(tmp_path):
    """Two values saved as JPEG, and smoothed ones: both are read as two classes."""
    disc = (np.hypot(*(np.mgrid[:96, :96] - 47.5)) < 30).astype("uint8") * 255
    write(tmp_path, "a", np.zeros((96, 96, 3)), disc)
    for mask, file in (
        (Image.fromarray(disc), "a.jpg"),
        (
            Image.fromarray(disc)
            .resize((48, 48), Image.Resampling.BILINEAR)
            .resize((96, 96), Image.Resampling.BILINEAR),
            "a.png",
        ),
    ):
        for old in (tmp_path / "masks").iterdir():
            old.unlink()
        mask.save(tmp_path / "masks" / file)
        index = scan_folder(tmp_path)
        assert index.num_classes == 2 and "in between" in index.notices[0]
        assert abs(index.class_pixels[1] - (disc > 0).sum()) < 60  # A disc of radius 30 has an edge of 190 pixels.


def test_camvid(camvid):
    index = scan_folder(camvid, split="val", ignore_class=11, check_images=False)
    assert len(index) == 101 and index.num_classes == 11 and index.common_size == (360, 480)
    assert index.class_pixels.sum() + index.ignored_counts.sum() == 101 * 360 * 480
    assert index.ignored_counts.sum() == 297_271  # Counted with np.unique beforehand.


def test_membrane_needs_no_option(membrane):
    index = scan_folder(membrane)
    assert index.num_classes == 2 and index.class_pixels.tolist() == [1_727_250, 6_137_070]
    assert index.notices == ("Masks hold 0 and 255: read as classes 0 and 1.",)
