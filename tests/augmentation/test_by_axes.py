"""Images that keep their axes are read by rows and columns in NumPy: bit for bit what is read pixel by pixel."""

import numpy as np
import pytest

from keras_seg import augmentation as aug
from keras_seg.augmentation.geometry import by_axes
from keras_seg.augmentation.numpy_ops import NumpyOps

pytestmark = pytest.mark.tensorflow_only

SCENE = np.random.default_rng(0)
IMAGE = SCENE.integers(0, 256, (37, 53, 3)).astype("uint8")
MASK = SCENE.integers(0, 5, (37, 53)).astype("uint8")

AUGMENTATIONS = {
    "standard": aug.standard(crop=(32, 40), ignore_class=9),
    "far out": aug.standard(crop=(64, 96), scale=(0.2, 0.3), ignore_class=9),
    "far in": aug.standard(crop=(20, 24), scale=(3.0, 6.0), ignore_class=9),
    "without a label for the outside": aug.standard(crop=(48, 60)),
    "number as the color outside": aug.standard(crop=(64, 64), scale=(0.3, 0.6), ignore_class=9, fill=17.0),
    "mirrored outside": aug.standard(crop=(64, 64), scale=(0.3, 0.6), ignore_class=9, fill="reflect"),
    "moved": aug.Augmentation([aug.Translate(0.4), aug.Scale(2), aug.Flip("both")], ignore_class=9),
    "copied pixels": aug.Augmentation([aug.Flip("both"), aug.Translate(0.3)], crop=(30, 30), ignore_class=9),
    "cubic": aug.Augmentation([aug.Scale(2)], crop=(30, 30), ignore_class=9, interpolation="bicubic"),
    "rare class": aug.standard(crop=aug.RandomCrop((16, 16), classes=4, probability=0.5), ignore_class=9),
}


@pytest.mark.parametrize("name", AUGMENTATIONS)
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_equals_reading_pixel_by_pixel(name, channels, monkeypatch):
    image = np.take(IMAGE, np.arange(channels) % 3, axis=-1)
    augment = AUGMENTATIONS[name]
    read = [augment.of_arrays(image, MASK, (3, seed)) for seed in range(12)]
    monkeypatch.setattr(NumpyOps, "reads_by_axes", False)
    monkeypatch.setattr(NumpyOps, "filled", NumpyOps.__mro__[1].filled)
    for seed, (found_image, found_mask) in enumerate(read):
        expected_image, expected_mask = augment.of_arrays(image, MASK, (3, seed))
        np.testing.assert_array_equal(found_mask, expected_mask)
        np.testing.assert_array_equal(found_image, expected_image)
        assert found_image.dtype == "float32" and found_mask.dtype == "int32"


def test_is_what_runs(monkeypatch):
    used = []
    for name in ("linear", "nearest"):
        function = getattr(by_axes, name)
        monkeypatch.setattr(by_axes, name, lambda *a, f=function, n=name, **k: used.append(n) or f(*a, **k))
    AUGMENTATIONS["standard"].of_arrays(IMAGE, MASK, 0)
    assert used == ["linear", "nearest"]
    # Rows of a rotated image come from many rows.
    aug.Augmentation([aug.Rotate(20), aug.Scale(2)], ignore_class=9).of_arrays(IMAGE, MASK, 0)
    assert used == ["linear", "nearest"]


def test_weights_and_objects_are_read_alike(monkeypatch):
    augment = AUGMENTATIONS["far out"]
    weight, ids = MASK.astype("float32") / 4, MASK.astype("int32") * 70_000
    batch = {
        "image": np.stack([IMAGE, IMAGE[::-1]]),
        "mask": np.stack([MASK, MASK[::-1]]),
        "weight": np.stack([weight, weight[::-1]]),
        "instances": np.stack([ids, ids[::-1]]),
    }
    ops = NumpyOps()
    found = augment._augment(batch, 5, ops)
    monkeypatch.setattr(NumpyOps, "reads_by_axes", False)
    expected = augment._augment(batch, 5, ops)
    for key, x in expected.items():
        np.testing.assert_array_equal(found[key], x)
    assert (found["instances"] > 0).any() and (found["mask"] == 9).any()
