"""Images on another scale than models take, or than one another: said, whatever holds them."""

import numpy as np
import pytest
from first_batches import taken
from PIL import Image

from keras_seg._decoding.value_range import contradicts, difference, scale_of, unusual
from keras_seg.augmentation import standard
from keras_seg.data import from_folder, scan_folder, scan_instances

# The same code runs whatever the backend.
pytestmark = pytest.mark.tensorflow_only

UNIT = np.linspace(0, 1, 54).reshape(6, 9)
FORMS = {
    "unit": UNIT.astype("float32"),
    "8 bits": (UNIT * 255).astype("uint8"),
    "floats of 8 bits": (UNIT * 255).astype("float32"),
    "12 of 16 bits": (UNIT * 4095).astype("uint16"),
    "16 bits": (UNIT * 65535).astype("uint16"),
    "negative": (UNIT * 2 - 1).astype("float32"),
    "reflectance": (UNIT * 10000).astype("float32"),
    "zeros": np.zeros((6, 9), "float32"),
}


def folder(root, *forms):
    for kind in ("images", "masks"):
        (root / kind).mkdir(exist_ok=True)
    for number, form in enumerate(forms):
        np.save(root / "images" / f"{number}.npy", FORMS[form])
        Image.fromarray(np.eye(6, 9, dtype="uint8")).save(root / "masks" / f"{number}.png")
    return root


SAID = [
    (["unit"], "Images hold values up to 1: models take 0..255"),
    (["unit", "unit"], "Images hold values up to 1: models take 0..255"),
    (["negative"], "Images hold values from -1 to 1: models take 0..255"),
    (["reflectance"], "Images hold values from 0 to 10000: models take 0..255"),
    (["12 of 16 bits"], "Images hold 16-bit values up to 4095 of 65535"),
    (["unit", "8 bits"], "two scales: 0.npy holds values up to 1, but 1.npy values from 0 to 255"),
    (["8 bits", "unit", "unit"], "two scales: 1.npy holds values up to 1, but 0.npy"),
    (["unit", "floats of 8 bits"], "two scales: 0.npy holds values up to 1, but 1.npy"),
    (["unit", "16 bits"], "two scales"),
    (["unit", "reflectance"], "two scales"),
]


@pytest.mark.parametrize("scan", [scan_folder, scan_instances])
@pytest.mark.parametrize(("forms", "said"), SAID, ids=lambda value: "-".join(value) if isinstance(value, list) else "")
def test_said(tmp_path, scan, forms, said):
    options = {"components": False} if scan is scan_instances else {}
    index = scan(folder(tmp_path, *forms), channels=1, **options)
    assert said in next(notice for notice in index.notices if "0..255" in notice or "scales" in notice)


@pytest.mark.parametrize(
    "forms", [["8 bits"], ["16 bits"], ["floats of 8 bits", "zeros"], ["8 bits", "16 bits"]], ids=str
)
def test_fine(tmp_path, forms):
    index = scan_folder(folder(tmp_path, *forms), channels=1)
    assert not any("0..255" in notice or "scales" in notice for notice in index.notices)


def test_the_range_is_part_of_the_index(tmp_path):
    index = scan_folder(folder(tmp_path, "negative", "negative"), channels=1)
    assert index.image_range == (-1, 1) and index.subset([0]).image_range == (-1, 1)
    assert scan_folder(tmp_path, channels=1, check_images=False).image_range is None


@pytest.mark.parametrize("loader", ["tensorflow", "numpy"])
@pytest.mark.parametrize("size", [(3, 5), (6, 9), (13, 4), (1, 1)])
@pytest.mark.parametrize(
    ("form", "scale", "shift"), [("unit", 1 / 255, 0), ("negative", 2 / 255, -1), ("reflectance", 10000 / 255, 0)]
)
def test_resized_images_keep_their_range(tmp_path, form, scale, shift, size, loader):
    """New pixels are means of old ones: another scale of the values is the same scale of the means."""

    def resized(name):
        (tmp_path / name).mkdir()
        dataset = from_folder(folder(tmp_path / name, name), channels=1, image_size=size, loader=loader)
        [(images, _)] = taken(dataset)
        return images[0]

    found = resized(form)
    assert found.shape == (*size, 1) and found.dtype == "float32"
    np.testing.assert_allclose(found, resized("floats of 8 bits") * scale + shift, atol=2e-5 * 255 * scale)
    low, high = FORMS[form].min(), FORMS[form].max()
    slack = 1e-5 * (high - low)
    assert low - slack <= found.min() <= found.max() <= high + slack
    if size == (6, 9):
        np.testing.assert_allclose(found[..., 0], FORMS[form], atol=slack)


@pytest.mark.parametrize("loader", ["tensorflow", "numpy"])
def test_augmented_images_keep_their_range(tmp_path, loader):
    """Brightness and contrast multiply by 0.8 at least each, and 0.8 x 0.8 = 0.64; negative values became 0."""
    augment = standard(crop=(6, 9), scale=1.0, flip=None, color=0.2)
    [(images, _)] = taken(from_folder(folder(tmp_path, "negative"), channels=1, augment=augment, loader=loader))
    assert -1 - 1e-5 <= images.min() < -0.63 and 0.63 < images.max() < 1.45


@pytest.mark.parametrize(
    ("found", "known", "differs"),
    [
        ((0, 1), (0, 255), True),
        ((0, 255), (0, 1), True),
        ((-1, 1), (0, 255), True),
        ((0, 4000), (0, 255), True),
        ((0, 70), (0, 250), False),
        ((0, 15.9), (0, 255), True),
        ((0, 255), (0, 15.9), True),
        ((0, 12), (0, 15.9), False),
        ((0, 0.3), (0.1, 1), False),
        ((-3, 900), (-1, 1), False),
        ((0, 0), (0, 255), False),
        ((0, 0), (-1, 1), False),
        ((0, 1), None, False),
        (None, (0, 1), False),
    ],
)
def test_difference_from_training(found, known, differs):
    assert bool(difference(found, known)) == differs


@pytest.mark.parametrize(
    ("found", "known", "refused"),
    [
        ((0, 1), (0, 255), True),
        ((-3, 3), (0, 255), True),
        ((0, 255), (0, 0.8), True),
        ((0, 4000), (-3, 4), True),
        ((0, 15.9), (0, 255), False),
        ((0, 4000), (0, 255), False),
        ((-1, 1), (0, 1), False),
        ((0, 4), (0, 1), False),
        ((0, 0), (0, 255), False),
        ((0, 255), None, False),
    ],
)
def test_fractions_and_pixel_values_contradict(found, known, refused):
    assert contradicts(found, known) == refused


def test_one_word_for_each_scale():
    assert [scale_of(found) for found in ((0, 1), (0, 0), (3, 200), (-1, 1), (0, 256))] == [
        "0..1",
        "0..255",
        "0..255",
        "another",
        "another",
    ]
    assert unusual((0, 1), "f") and not unusual((0, 200), "f") and not unusual((0, 0), "u") and unusual((0, 15.9), "u")
