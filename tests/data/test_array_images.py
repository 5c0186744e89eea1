"""Images and masks in .npy files: any number of channels."""

import json

import numpy as np
import pytest
import tifffile
from PIL import Image

from keras_seg._validation import InputError
from keras_seg.data import from_folder, image_size, read_image, read_mask, scan_folder, scan_instances
from keras_seg.visualization import outlines, overlay

# NumPy, Pillow and tf.data only: the same code runs whatever the backend.
pytestmark = pytest.mark.tensorflow_only


@pytest.fixture
def bands():
    return np.random.default_rng(0).uniform(0, 255, (6, 9, 5))


def saved(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, array)
    return path


@pytest.mark.parametrize("dtype", ["uint8", "float16", "float32", "float64"])
def test_values_are_taken_as_they_are(tmp_path, bands, dtype):
    path = saved(tmp_path / "a.npy", bands.astype(dtype))
    image = read_image(path, channels=5)
    assert image.dtype == (np.uint8 if dtype == "uint8" else np.float32)
    np.testing.assert_array_equal(image, bands.astype(dtype).astype(image.dtype))
    assert image_size(path) == (6, 9)


def test_one_channel_needs_no_axis(tmp_path, bands):
    path = saved(tmp_path / "a.NPY.npy", bands[..., 0])
    assert read_image(path, channels=1).shape == (6, 9, 1) and image_size(path) == (6, 9)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint16", "int64"])
def test_masks(tmp_path, dtype):
    ids = np.array([[0, 1, 1], [1, 0, 0]], dtype)
    mask = read_mask(saved(tmp_path / "a.npy", ids))
    assert mask.dtype == (np.uint8 if dtype in ("bool", "uint8") else np.int32)
    assert mask.tolist() == ids.astype(int).tolist()


@pytest.mark.parametrize(
    ("array", "channels", "text"),
    [
        (np.zeros((4, 5, 5), "uint8"), 3, r"a.npy: has 5 channels, not 3. Pass channels=5."),
        (np.zeros((4, 5), "uint8"), 3, r"a.npy: has 1 channels, not 3."),
        (np.zeros((4, 5, 2), "int32"), 2, r"a.npy: holds int32, whose scale is unknown. .*save them as uint16"),
        (np.full((4, 5, 2), np.nan), 2, r"a.npy: holds NaN or infinity. Fill these pixels"),
        (np.full((4, 5, 2), 1e300), 2, r"a.npy: holds NaN or infinity"),
        (np.zeros((1, 4, 5, 2)), 2, r"a.npy: holds an array of shape \(1, 4, 5, 2\). Save it as \(height, width"),
        (np.zeros((0, 5, 2)), 2, r"a.npy: holds an array of shape \(0, 5, 2\)"),
        (np.array([[None]]), 1, r"a.npy: cannot be read as an array of numbers"),
    ],
)
def test_what_is_no_image_is_refused(tmp_path, array, channels, text):
    path = saved(tmp_path / "a.npy", array)
    with pytest.raises(InputError, match=text) as error:
        read_image(path, channels=channels)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.zeros((4, 5)), r"a.npy: holds float64 of shape \(4, 5\). Save one integer per pixel"),
        (np.zeros((4, 5, 1), int), r"a.npy: holds int64 of shape"),
        (np.full((4, 5), 2**31), r"a.npy: holds ids beyond 2\^31"),
    ],
)
def test_what_is_no_mask_is_refused(tmp_path, array, text):
    with pytest.raises(InputError, match=text):
        read_mask(saved(tmp_path / "a.npy", array))


def test_files_that_are_none(tmp_path):
    (tmp_path / "a.npy").write_bytes(b"no array")
    for read in (lambda path: read_image(path, channels=5), read_mask, image_size):
        with pytest.raises(InputError, match="a.npy: cannot be read as an array .*numpy.save"):
            read(tmp_path / "a.npy")
        with pytest.raises(InputError, match="b.npy: there is no such file"):
            read(tmp_path / "b.npy")


def test_other_files_say_what_they_have(tmp_path):
    Image.new("RGB", (4, 3)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"a.png: has 3 channels \(RGB\), not 5. Pass channels=3, or .*as .npy"):
        read_image(tmp_path / "a.png", channels=5)
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((6, 9, 5), "uint8"), photometric="minisblack", planarconfig="contig")
    assert read_image(tmp_path / "a.tif", channels=5).shape == (6, 9, 5)
    with pytest.raises(InputError, match=r"a.tif: has 5 channels \(5 bands\), not 3. Pass channels=5"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("check_images", [True, False])
def test_a_folder_of_arrays(tmp_path, bands, check_images):
    masks = [np.array([[0, 1, 2] * 3] * 6), np.ones((6, 9), int)]
    for name in "ab":
        saved(tmp_path / "images" / f"{name}.npy", bands)
    saved(tmp_path / "masks" / "a.npy", masks[0])
    Image.fromarray(masks[1].astype("uint8")).save(tmp_path / "masks" / "b.png")
    index = scan_folder(tmp_path, channels=5, check_images=check_images)
    assert index.channels == 5 and index.image_dtype == "float32" and index.class_pixels.tolist() == [18, 72, 18]
    images, ids = next(iter(from_folder(index, batch_size=2)))
    np.testing.assert_array_equal(images, np.stack([bands, bands]).astype("float32"))
    np.testing.assert_array_equal(ids, masks)


def test_a_folder_of_arrays_with_objects(tmp_path, bands):
    saved(tmp_path / "images" / "a.npy", bands)
    ids = np.zeros((6, 9), int)
    ids[1:3, 1:3], ids[1:3, 5:8] = 1, 2
    saved(tmp_path / "masks" / "a.npy", ids)
    index = scan_instances(tmp_path, channels=5)
    assert index.channels == 5 and index.object_counts.tolist() == [2]


def test_values_of_0_to_1_are_noticed(tmp_path, bands):
    saved(tmp_path / "images" / "a.npy", bands / 255)
    saved(tmp_path / "masks" / "a.npy", np.array([[0, 1, 2] * 3] * 6))
    [notice] = [text for text in scan_folder(tmp_path, num_classes=3, channels=5).notices if "0..255" in text]
    assert notice.startswith("Images hold values up to 0.99") and "include_preprocessing=False" in notice
    saved(tmp_path / "images" / "a.npy", bands)
    assert not any("0..255" in text for text in scan_folder(tmp_path, num_classes=3, channels=5).notices)


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_pictures_of_any_number_of_channels(channels):
    image = np.arange(4 * 6 * channels, dtype="float32").reshape(4, 6, channels)
    shown = image[..., [0, 0, 0]] if channels < 3 else image[..., :3]
    nothing = np.full((4, 6), -1)
    np.testing.assert_array_equal(overlay(image, nothing, 2), shown)
    np.testing.assert_array_equal(outlines(image, np.zeros((4, 6), int)), shown)


def write_painted(root, split, name):
    colors = np.array([[128, 64, 128], [0, 0, 142], [0, 0, 0]], "uint8")
    ids = np.array([[0, 0, 1, 1, 2, 2]] * 4)
    for kind, array in (("images", np.zeros((4, 6, 3), "uint8")), ("masks", colors[ids])):
        (root / split / kind).mkdir(parents=True, exist_ok=True)
        Image.fromarray(array).save(root / split / kind / f"{name}.png")
    return ids


def test_colors_in_labels_json(tmp_path):
    ids = write_painted(tmp_path, "train", "a")
    write_painted(tmp_path, "val", "b")
    labels = {"names": ["road", "car"], "colors": [[128, 64, 128], [0, 0, 142], [0, 0, 0]], "ignore_class": 2}
    (tmp_path / "labels.json").write_text(json.dumps(labels))
    train = scan_folder(tmp_path, split="train")
    assert train.class_names == ("road", "car") and train.ignore_class == (2,) and train.num_classes == 2
    np.testing.assert_array_equal(train.read_labels(0), ids)
    # A val split that follows the train split's encoding reads its files in the same way.
    val = scan_folder(tmp_path, split="val", encoding=train.encoding)
    np.testing.assert_array_equal(val.read_labels(0), ids)
    given = {(128, 64, 128): 1, (0, 0, 142): 0, (0, 0, 0): 2}
    np.testing.assert_array_equal(
        scan_folder(tmp_path, split="val", colors=given).read_labels(0), [[1, 1, 0, 0, 2, 2]] * 4
    )


def test_an_array_has_no_colors(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[0, 1]]))
    with pytest.raises(InputError, match=r"a.npy: a .npy mask holds ids, not colors. Remove `colors`"):
        read_mask(tmp_path / "a.npy", colors={(0, 0, 0): 0})


def test_labels_json_beside_a_split(tmp_path):
    write_painted(tmp_path, "train", "a")
    write_painted(tmp_path, "other", "a")
    labels = {"names": ["road", "car", "dark"], "colors": [[128, 64, 128], [0, 0, 142], [0, 0, 0]]}
    (tmp_path / "labels.json").write_text(json.dumps(labels))
    assert scan_folder(tmp_path / "train").class_names == ("road", "car", "dark")
    with pytest.raises(InputError, match="painted in colors"):
        scan_folder(tmp_path / "other")


def test_label_map_in_labels_json(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    Image.new("RGB", (3, 2)).save(tmp_path / "images" / "a.png")
    Image.fromarray(np.array([[1, 2, 3]] * 2, "uint8")).save(tmp_path / "masks" / "a.png")
    labels = {"names": ["pet", "background", "outline"], "label_map": {"1": 0, "2": 1, "3": 2}}
    (tmp_path / "labels.json").write_text(json.dumps(labels))
    assert scan_folder(tmp_path).read_labels(0).tolist() == [[0, 1, 2]] * 2
    assert scan_folder(tmp_path, label_map={1: 2, 2: 1, 3: 0}).read_labels(0).tolist() == [[2, 1, 0]] * 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"colors": [[0, 0, 0], [0, 0, 0]]},
        {"colors": [[0, 0]]},
        {"colors": 3},
        {"label_map": [1]},
        {"label_map": {"a": 0}},
    ],
)
def test_labels_json_of_another_form(tmp_path, wrong):
    write_painted(tmp_path, "train", "a")
    (tmp_path / "labels.json").write_text(json.dumps({"names": ["road", "car"], **wrong}))
    with pytest.raises(InputError, match="labels.json: is not of the form .*colors") as error:
        scan_folder(tmp_path, split="train")
    assert "\n" not in str(error.value)
