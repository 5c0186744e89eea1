import sys

import numpy as np
import pytest
from PIL import Image

from keras_seg._validation import InputError
from keras_seg.data import SHAPE_NAMES, read_mask, scan_folder, shapes_scene, write_shapes
from keras_seg.data.sources import shapes

# NumPy, Pillow and tf.data only: the same code runs whatever the backend.
pytestmark = pytest.mark.tensorflow_only


def test_scene():
    image, mask = shapes_scene(0, image_size=(64, 96))
    assert image.shape == (64, 96, 3) and image.dtype == np.uint8
    assert mask.shape == (64, 96) and mask.dtype == np.uint8
    again = shapes_scene(0, image_size=(64, 96))
    np.testing.assert_array_equal(again[0], image)
    np.testing.assert_array_equal(again[1], mask)
    assert (shapes_scene(1, image_size=(64, 96))[0] != image).any()


def test_classes_are_all_there_and_none_is_rare():
    masks = np.stack([shapes_scene(seed, image_size=64)[1] for seed in range(60)])
    share = np.bincount(masks.ravel(), minlength=len(SHAPE_NAMES)) / masks.size
    assert len(share) == len(SHAPE_NAMES) and share[1:].min() > 0.015 and share[0] < 0.85


def test_color_does_not_tell_the_class():
    """The mean colors of the classes, over many scenes, lie together compared with their spread."""
    colors = {class_id: [] for class_id in range(1, len(SHAPE_NAMES))}
    for seed in range(80):
        image, mask = shapes_scene(seed, image_size=48)
        for class_id in np.unique(mask[mask > 0]):
            colors[class_id].append(image[mask == class_id].mean(0))
    means = np.array([np.mean(value, 0) for value in colors.values()])
    spread = np.mean([np.std(value, 0).mean() for value in colors.values()])
    assert spread > 35 and means.std(0).max() < 0.6 * spread


def test_shapes_are_of_a_reasonable_size():
    """The smallest circle, of 0.9 * 0.18 * 96 pixels radius, has 760 pixels: fragments must not be the rule."""
    sizes = [
        (mask == class_id).sum()
        for mask in (shapes_scene(seed, image_size=96)[1] for seed in range(20))
        for class_id in np.unique(mask[mask > 0])
    ]
    assert np.median(sizes) > 600 and min(sizes) > 100


def test_write(tmp_path):
    write_shapes(tmp_path / "new" / "set", train=3, val=2, image_size=(40, 48), seed=4)
    folder = tmp_path / "new" / "set"
    train, val = (scan_folder(folder, split=split) for split in ("train", "val"))
    assert (len(train), len(val), train.common_size) == (3, 2, (40, 48))
    assert train.class_names == SHAPE_NAMES
    mask = folder / "train/masks/000001.png"
    assert Image.open(mask).mode == "P" and read_mask(mask).max() < len(SHAPE_NAMES)
    first = (folder / "train/images/000000.png").read_bytes()
    assert first != (folder / "val/images/000000.png").read_bytes()
    write_shapes(tmp_path / "again", train=3, val=2, image_size=(40, 48), seed=4)
    assert (tmp_path / "again/train/images/000000.png").read_bytes() == first
    _, drawn = shapes_scene(np.random.default_rng((4, 0, 1)), image_size=(40, 48))
    np.testing.assert_array_equal(read_mask(mask), drawn)


def test_fast_enough_to_generate_on_the_fly(monkeypatch):
    """By what does not depend on the clock: no loop over pixels, and textures where a shape is and nowhere else."""
    pixels, calls = [], []
    texture = shapes._texture

    def counted(rng, grid, *args, **kwargs):
        pixels.append(grid[0].size)
        return texture(rng, grid, *args, **kwargs)

    monkeypatch.setattr(shapes, "_texture", counted)
    profiler = sys.getprofile()
    sys.setprofile(lambda frame, event, arg: calls.append(event) if event in ("call", "c_call") else None)
    try:
        for seed in range(20):
            shapes_scene(seed, image_size=128)
    finally:
        sys.setprofile(profiler)
    assert len(calls) / 20 < 1500  # 600, where a scene has 16,384 pixels.
    assert sum(pixels) / 20 < 3 * 128**2  # 2.2; four shapes over the whole image would be five.


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"train": 0}, "`train`"),
        ({"image_size": 16}, "`image_size`"),
        ({"seed": -1}, "`seed`"),
        ({"val": 1.5}, "`val`"),
    ],
)
def test_bad_arguments(tmp_path, arguments, said):
    with pytest.raises(InputError, match=said):
        write_shapes(tmp_path, **arguments)
