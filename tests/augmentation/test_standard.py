import json

import hypothesis
import hypothesis.strategies as st
import keras
import numpy as np
import pytest

from keras_seg._validation import InputError
from keras_seg.augmentation import StandardAugmentation, standard

tf = pytest.importorskip("tensorflow")

# NumPy, Pillow and tf.data only: the same code runs whatever the backend.
pytestmark = pytest.mark.tensorflow_only

PLAIN = {"color": 0.0, "hue": 0.0}


def scene(height, width, channels=3, seed=0):
    """An image whose first channel is the mask, so that any misalignment shows."""
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 200, (height, width, channels)).astype("uint8")
    return image, image[..., 0].copy()


def run(augment, image, mask, seed=(0, 0)):
    image, mask = augment(image, mask, seed)
    assert image.dtype == tf.float32 and mask.dtype == tf.int32
    return image.numpy(), mask.numpy()


@pytest.mark.parametrize("flip", [None, "horizontal", "vertical", "both"])
def test_unscaled_crop_copies_pixels(flip):
    image, mask = scene(14, 18)
    # Every window of every mirrored image, as bytes; the first channel's values are random, so windows are unique.
    mirrors = [(1, 1)]
    mirrors += [(1, -1)] * (flip in ("horizontal", "both")) + [(-1, 1)] * (flip in ("vertical", "both"))
    mirrors += [(-1, -1)] * (flip == "both")
    windows = {}
    for mirror in mirrors:
        mirrored = image[:: mirror[0], :: mirror[1]]
        for top in range(14 - 12 + 1):
            for left in range(18 - 16 + 1):
                windows[mirrored[top : top + 12, left : left + 16].astype("float32").tobytes()] = (mirror, top, left)
    augment = standard(crop=(12, 16), scale=1.0, flip=flip, **PLAIN)
    seen = set()
    for seed in range(50):
        crop, ids = run(augment, image, mask, (seed, 1))
        assert crop.tobytes() in windows
        np.testing.assert_array_equal(crop[..., 0], ids)
        seen.add(windows[crop.tobytes()])
    assert {mirror for mirror, _, _ in seen} == set(mirrors)
    assert {top for _, top, _ in seen} == {0, 1, 2}  # Both ends included.
    assert {left for _, _, left in seen} == {0, 1, 2}


def test_scaled_by_two_matches_half_pixel_interpolation():
    image, mask = scene(8, 8)
    crop, ids = run(standard(scale=2.0, crop=(16, 16), flip=None, **PLAIN), image, mask)
    # A crop as large as the doubled image has one place: output center (j + 0.5) / 2 lies at input index j/2 - 0.25.
    at = np.arange(16) / 2 - 0.25
    low = np.clip(np.floor(at).astype(int), 0, 7)
    high = np.clip(np.floor(at).astype(int) + 1, 0, 7)
    part = (at - np.floor(at)).astype("float32")
    rows = image[low] * (1 - part)[:, None, None] + image[high] * part[:, None, None]
    expected = rows[:, low] * (1 - part)[None, :, None] + rows[:, high] * part[None, :, None]
    np.testing.assert_allclose(crop, expected, atol=1e-3)
    np.testing.assert_array_equal(ids, mask.repeat(2, 0).repeat(2, 1))


@pytest.mark.parametrize("scale", [0.5, 0.8, 1.3, 2.0])
@pytest.mark.parametrize("flip", [None, "both"])
def test_image_and_mask_stay_aligned(scale, flip):
    """A diagonal edge: 0 on one side and 200 on the other, so that the mask is where the image is over 100."""
    mask = (np.add.outer(np.arange(60), 1.3 * np.arange(80)) > 80).astype("uint8")
    image = (200 * mask[..., None].repeat(3, -1)).astype("uint8")
    for seed in range(4):
        crop, ids = run(
            standard(crop=(30, 40), scale=scale, flip=flip, **PLAIN, ignore_class=9), image, mask, (seed, 0)
        )
        inside = ids != 9
        # Nearest and bilinear may differ on the edge itself, and by no more: a shift of half a pixel would fail.
        wrong = inside & ((crop[..., 0] > 150) & (ids == 0) | (crop[..., 0] < 50) & (ids == 1))
        assert wrong.sum() == 0
        assert ids[inside].min() == 0 or ids[inside].max() == 1


def test_area_outside_is_void_and_mean():
    image = np.full((10, 10, 3), 0, "uint8")
    image[:5] = 100
    mask = np.ones((10, 10), "uint8")
    for fill, expected in (("mean", 50.0), (7.0, 7.0)):
        augment = standard(crop=(20, 20), scale=1.0, ignore_class=(255, 254), fill=fill, **PLAIN)
        crop, ids = run(augment, image, mask)
        assert (ids == 1).sum() == 100 and (ids == 254).sum() == 300
        np.testing.assert_allclose(crop[ids == 254], expected)
        assert set(np.unique(crop[ids == 1])) == {0.0, 100.0}


def test_negative_ignore_class():
    image, mask = scene(8, 8)
    _, ids = run(standard(crop=(16, 16), scale=1.0, ignore_class=-1), image, mask)
    assert (ids == -1).sum() == 16 * 16 - 8 * 8


@hypothesis.settings(max_examples=25, deadline=None, derandomize=True)
@hypothesis.given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    crop=st.none() | st.tuples(st.integers(1, 40), st.integers(1, 40)),
    scale=st.tuples(st.floats(0.2, 1.5), st.floats(1.0, 4.0)),
    flip=st.sampled_from([None, "horizontal", "vertical", "both"]),
    ignore=st.sampled_from([None, 255, -1, (7, 300)]),
    channels=st.sampled_from([1, 3, 4]),
    seed=st.integers(0, 2**31),
)
def test_mask_never_holds_a_new_label(height, width, crop, scale, flip, ignore, channels, seed):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (height, width, channels)).astype("uint8")
    mask = rng.choice([1, 4, 20], (height, width)).astype("int32")
    augment = standard(crop=crop, scale=(min(scale), max(scale)), flip=flip, ignore_class=ignore)
    new_image, new_mask = run(augment, image, mask, (seed, 3))
    size = crop or (height, width)
    assert new_image.shape == (*size, channels) and new_mask.shape == size
    assert new_image.min() >= 0 and new_image.max() <= 255
    allowed = set(np.unique(mask)) | set(augment.ignore_class[:1])
    assert set(np.unique(new_mask)) <= allowed


def test_without_ignore_class_the_crop_stays_inside():
    """The image is white and its border black; a repeated border would show as more than one black row or column."""
    image = np.full((24, 24, 3), 255, "uint8")
    image[[0, -1]] = image[:, [0, -1]] = 0
    mask = np.zeros((24, 24), "uint8")
    augment = standard(crop=(24, 24), scale=(0.25, 1.0), **PLAIN)
    for seed in range(10):
        crop, _ = run(augment, image, mask, (seed, 0))
        assert (crop[12, :, 0] < 128).sum() == 2 and (crop[:, 12, 0] < 128).sum() == 2


def test_small_image_is_enlarged_to_the_crop():
    image, mask = scene(10, 20)
    _, ids = run(standard(crop=(30, 30), scale=(0.5, 1.0), flip=None, **PLAIN), image, mask)
    # Scale 3: each label covers 3x3 pixels, all ten rows are there.
    np.testing.assert_array_equal(ids[::3], ids[1::3])
    assert len(np.unique(ids[::3], axis=0)) == 10


def test_deterministic_in_the_seed_and_different_between_seeds():
    image, mask = scene(40, 40)
    augment = standard(crop=(20, 20))
    first, again, other = (run(augment, image, mask, seed) for seed in ((3, 4), (3, 4), (3, 5)))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert (first[0] != other[0]).any()
    np.testing.assert_array_equal(run(augment, image, mask, 3)[0], run(augment, image, mask, (3, 0))[0])


def test_graph_equals_eager_and_has_static_shapes():
    image, mask = scene(40, 50)
    augment = standard(crop=(20, 24), ignore_class=255)
    dataset = tf.data.Dataset.from_tensors((image, mask)).map(lambda i, m: augment(i, m, (1, 2)))
    assert dataset.element_spec[0].shape == (20, 24, 3) and dataset.element_spec[1].shape == (20, 24)
    [(graph_image, graph_mask)] = list(dataset)
    eager_image, eager_mask = run(augment, image, mask, (1, 2))
    np.testing.assert_allclose(graph_image, eager_image, atol=1e-3)
    np.testing.assert_array_equal(graph_mask, eager_mask)


def test_scale_is_drawn_over_the_whole_range():
    """A square of 20x20 pixels: its area over 400 is the squared scale, wherever the crop lies."""
    mask = np.zeros((100, 100), "uint8")
    mask[40:60, 40:60] = 1
    augment = standard(crop=(220, 220), scale=(0.5, 2.0), ignore_class=255)
    image = np.zeros((100, 100, 3), "uint8")
    scales = np.array([np.sqrt((run(augment, image, mask, (seed, 0))[1] == 1).sum() / 400) for seed in range(50)])
    assert 0.45 < scales.min() < 0.6 and 1.7 < scales.max() < 2.05
    assert 0.35 < (scales < 1).mean() < 0.65  # Uniform in the logarithm: half of them shrink.


def test_color_changes_what_it_says():
    gray = np.full((8, 8, 3), 100, "uint8")
    gray[::2] = 120
    mask = np.zeros((8, 8), "uint8")
    for seed in range(8):
        image, _ = run(standard(scale=1.0, flip=None, color=0.2, hue=0.1), gray, mask, (seed, 0))
        # Gray stays gray under saturation and hue; brightness and contrast lie within 20 %.
        np.testing.assert_allclose(image[..., 0], image[..., 1], atol=1e-2)
        assert 80 <= image.mean() / 110 * 100 <= 120
        contrast = (image[0, 0, 0] - image[1, 0, 0]) / 20
        assert 0.8 * 0.8 <= contrast <= 1.2 * 1.2
    color = gray.copy()
    color[..., 2] = 20
    turned = [run(standard(scale=1.0, flip=None, color=0.0, hue=0.1), color, mask, (s, 0))[0] for s in range(6)]
    assert max(np.abs(t[0, 0, 0] - t[0, 0, 1]) for t in turned) > 5  # Yellow has turned to orange or green.
    for image in turned:
        np.testing.assert_allclose(image.sum(-1), color.astype(float).sum(-1), rtol=1e-3)  # Along the gray axis: kept.


def test_without_color_nothing_changes():
    image, mask = scene(8, 8)
    np.testing.assert_array_equal(run(standard(scale=1.0, flip=None, **PLAIN), image, mask)[0], image)


def test_config_round_trip_through_json():
    augment = standard(crop=(20, 24), scale=(0.7, 1.5), flip="both", color=0.1, ignore_class=(255, 3), fill=0)
    config = json.loads(json.dumps(augment.get_config()))
    again = StandardAugmentation.from_config(config)
    assert again.get_config() == config
    image, mask = scene(40, 40)
    np.testing.assert_array_equal(run(augment, image, mask)[0], run(again, image, mask)[0])
    saved = keras.saving.serialize_keras_object(standard())
    assert keras.saving.deserialize_keras_object(saved).get_config() == standard().get_config()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"crop": 0}, "`crop`"),
        ({"crop": (3, 4, 5)}, "`crop`"),
        ({"scale": (2.0, 0.5)}, "(smallest, largest)"),
        ({"scale": 0}, "`scale`"),
        ({"scale": (1, 2, 3)}, "`scale`"),
        ({"flip": "sideways"}, "`flip`"),
        ({"flip": 1}, "`flip`"),
        ({"flip": True}, "`flip`"),
        ({"color": -0.1}, "`color`"),
        ({"color": True}, "`color`"),
        ({"hue": 0.6}, "`hue`"),
        ({"ignore_class": "void"}, "`ignore_class`"),
        ({"fill": 256, "ignore_class": 255}, "`fill`"),
        ({"fill": "edge", "ignore_class": 255}, "`fill`"),
        ({"fill": "mean"}, "`fill` has no effect without an `ignore_class`"),
        ({"strength": 0.5, "scale": 1, "color": 0.1, "hue": 0.0}, "`strength` has no effect"),
    ],
)
def test_bad_arguments(arguments, said):
    with pytest.raises(InputError) as error:
        standard(**arguments)
    assert said in str(error.value) and "\n" not in str(error.value)
