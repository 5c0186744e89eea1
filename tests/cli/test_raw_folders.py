"""Folders as they are downloaded: `doctor --repair`, then `train`, without a hand on a file."""

import numpy as np
import pytest
from PIL import Image
from shell import command

pytestmark = [
    pytest.mark.tensorflow_only,
    pytest.mark.filterwarnings("ignore:.*run_functions_eagerly:UserWarning"),
]

TRAIN = ("--epochs", 1, "--batch-size", 2, "--crop", "32x32", "--decoder-stride", 8)
COLORS = np.array([[0, 0, 0], [220, 20, 60], [0, 130, 180]], np.uint8)
NAMES = [f"site_{number:02d}" for number in range(6)]


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    """Two steps, untraced: the tests are about the files, not about the model."""
    import tensorflow as tf

    monkeypatch.setattr("keras_seg.training.plan._FEWEST_STEPS", 2)
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def scene(number, size=(48, 64)):
    """(image, ids): 0 covers the most, 2 the least of the pixels."""
    rng = np.random.default_rng(number)
    ids = np.zeros(size, np.uint8)
    ids[8:28, 6 + number : 26 + number] = 1
    ids[34:44, 40 - number : 52 - number] = 2
    image = np.stack([30 + 90 * ids + rng.integers(0, 9, size)] * 3, -1).astype(np.uint8)
    return image, ids


def save(array, file, **options):
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(file, **options)


def repaired_and_trained(data, tmp_path):
    """The ids in the copy by name, read without this package."""
    assert command("doctor", data, "--repair", tmp_path / "clean") < 2
    assert command("train", tmp_path / "clean", "--out", tmp_path / "run", *TRAIN) == 0
    assert (tmp_path / "run" / "model.keras").is_file()
    return {file.stem: np.array(Image.open(file)) for file in (tmp_path / "clean" / "masks").iterdir()}


def test_other_folder_names_suffixes_and_extensions(tmp_path):
    for number, name in enumerate(NAMES):
        image, ids = scene(number)
        save(image, tmp_path / "d" / "Training_Images" / f"{name}_sat.jpg", quality=95)
        save(ids, tmp_path / "d" / "Ground_Truth" / f"{name}_GT.bmp")
    found = repaired_and_trained(tmp_path / "d", tmp_path)
    assert len(found) == 6
    for number, name in enumerate(NAMES):
        assert (found[f"{name}_sat"] == scene(number)[1]).all()


def test_painted_masks_beside_the_images(tmp_path):
    for number, name in enumerate(NAMES):
        image, ids = scene(number)
        save(image, tmp_path / "d" / f"{name}.jpg", quality=95)
        save(COLORS[ids], tmp_path / "d" / f"{name}_annotation.png")
    found = repaired_and_trained(tmp_path / "d", tmp_path)
    assert len(found) == 6
    for number, name in enumerate(NAMES):
        assert (found[name] == scene(number)[1]).all()


def test_masks_of_other_sizes_for_most_pairs(tmp_path):
    for number, name in enumerate(NAMES):
        image, ids = scene(number)
        save(image, tmp_path / "d" / "images" / f"{name}.png")
        times = (1, 2, 3, 2, 2, 4)[number]
        save(np.kron(ids, np.ones((times, times), np.uint8)), tmp_path / "d" / "masks" / f"{name}.png")
    found = repaired_and_trained(tmp_path / "d", tmp_path)
    assert len(found) == 6
    for number, name in enumerate(NAMES):
        assert (found[name] == scene(number)[1]).all()
