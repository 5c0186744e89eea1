"""Targets of objects and of edges against slow versions, scikit-image and SciPy."""

import dataclasses
import sys

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage import segmentation

import keras_seg as ks
from keras_seg._validation import InputError
from keras_seg.data import (
    add_boundary_targets,
    add_instance_targets,
    boundary_targets,
    cells_scene,
    instance_targets,
)

pytestmark = pytest.mark.tensorflow_only


def slow_border(ids, width, outlines=False):
    """Pixel by pixel: which objects lie in the square around it."""
    border = np.zeros(ids.shape, bool)
    for row, column in np.ndindex(*ids.shape):
        window = ids[max(row - width, 0) : row + width + 1, max(column - width, 0) : column + width + 1]
        border[row, column] = len(set(window[window > 0].tolist())) > 1
        if outlines and ids[row, column] > 0:
            border[row, column] |= bool((window == 0).any())
    return border


def patches(seed, shape=(24, 31), objects=7):
    """A map of touching objects of any shape: the nearest of some points, where noise is high."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, 1, (objects, 2)) * shape
    grid = np.stack(np.mgrid[: shape[0], : shape[1]], -1)
    nearest = np.linalg.norm(grid[:, :, None] - points, axis=-1).argmin(-1) + 1
    return np.where(ndimage.gaussian_filter(rng.normal(size=shape), 3) > -0.1, nearest, 0)


def test_golden():
    ids = np.zeros((5, 12), int)
    ids[:, :4], ids[:, 4:7], ids[:, 9:] = 3, 8, 9
    targets = instance_targets(ids, border_width=1)
    assert targets.border[2].astype(int).tolist() == [0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0]
    # A gap of two is border from width 2 on, as both objects lie within 2 of its pixels; it stays background.
    targets = instance_targets(ids, border_width=2)
    assert targets.border[2].astype(int).tolist() == [0, 0, 1, 1, 1, 1, 0, 1, 1, 0, 0, 0]
    assert targets.classes[2].tolist() == [1, 1, 2, 2, 2, 2, 1, 0, 0, 1, 1, 1]
    assert targets.body[2].astype(int).tolist() == [1, 1, 0, 0, 0, 0, 1, 0, 0, 1, 1, 1]
    # Object 3: four columns from the frame to object 8, distances 4, 3, 2, 1. Object 9: 1, 2, 3.
    np.testing.assert_allclose(targets.distance[2, :4], [1, 0.75, 0.5, 0.25])
    np.testing.assert_allclose(targets.distance[2, 7:], [0, 0, 1 / 3, 2 / 3, 1], rtol=1e-6)
    assert targets.distance.dtype == np.float32
    assert targets.classes.dtype == np.int32


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10**6), width=st.integers(1, 3), outlines=st.booleans())
def test_border_equals_the_slow_version(seed, width, outlines):
    ids = patches(seed)
    targets = instance_targets(ids, border_width=width, outlines=outlines)
    slow = slow_border(ids, width, outlines)
    inside = ids > 0
    # Every object keeps a body; where it had none, pixels of it that the slow version calls border.
    assert set(np.unique(ids[targets.body])) == set(np.unique(ids[inside]))
    saved = targets.body & slow
    np.testing.assert_array_equal(targets.border, slow & ~saved)
    np.testing.assert_array_equal(targets.body, inside & ~targets.border)
    assert not set(ids[saved]) & set(ids[inside & ~slow])
    np.testing.assert_array_equal(targets.classes, targets.body + 2 * (targets.border & inside))


def test_outlines_equal_scikit_image():
    ids = cells_scene(3, image_size=96)[1].astype(int)
    border = instance_targets(ids, border_width=1, outlines=True).border & (ids > 0)
    np.testing.assert_array_equal(border, segmentation.find_boundaries(ids, connectivity=2, mode="inner"))


def test_touching_equals_scikit_image_without_background():
    ids = patches(5) + 1
    border = instance_targets(ids, border_width=1).border
    np.testing.assert_array_equal(border, segmentation.find_boundaries(ids, connectivity=2, mode="thick"))


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_distance_equals_a_transform_of_each_object(seed):
    ids = patches(seed)
    expected = np.zeros(ids.shape)
    for number in np.unique(ids[ids > 0]):
        distance = ndimage.distance_transform_edt(ids == number)
        expected += distance / distance.max()
    np.testing.assert_allclose(instance_targets(ids).distance, expected, rtol=1e-6)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6))
@example(seed=985)  # Three objects of one or two pixels side by side, which are all border.
def test_the_numbers_do_not_matter(seed):
    ids = patches(seed)
    numbers = np.random.default_rng(seed).permutation(10**6)[: ids.max() + 1] + 1
    other = np.where(ids > 0, numbers[ids], 0)
    one, two = dataclasses.asdict(instance_targets(ids)), dataclasses.asdict(instance_targets(other))
    for name, part in one.items():
        np.testing.assert_array_equal(part, two[name])


def test_one_object_that_fills_the_image_and_none():
    full = instance_targets(np.ones((4, 5), "uint16"))
    assert (full.classes == 1).all() and (full.distance == 1).all()
    empty = instance_targets(np.zeros((4, 5), "uint8"))
    assert not any(part.any() for part in dataclasses.astuple(empty))


def test_void_is_neither_object_nor_edge():
    ids = np.zeros((3, 9), int)
    ids[:, :4], ids[:, 4:6], ids[:, 6:] = 5, 255, 7
    targets = instance_targets(ids, border_width=1, outlines=True, ignore_class=255)
    assert targets.classes[1].tolist() == [1, 1, 1, 1, -1, -1, 1, 1, 1]
    assert not targets.border.any()
    assert (targets.distance[:, 4:6] == 0).all()

    @pytest.mark.parametrize("width", [1, 2, 3])
    def test_thin_neighbors_keep_bodies_apart(self, width):
        """Tiles of 4x4: none has a body of its own, and deepest pixels must not meet across a seam."""
        ids = np.arange(1, 26).reshape(5, 5).repeat(4, 0).repeat(4, 1)
        for cut in (ids, ids[2:, 1:], ids[3:-1, 3:-2]):
            body = instance_targets(cut, border_width=width).body
            assert ndimage.label(body)[1] == len(np.unique(cut[body])) == len(np.unique(cut))

    def test_no_pixels(self):
        with pytest.raises(InputError, match="`ids` must hold at least one pixel"):
            instance_targets(np.zeros((0, 4), int))


class TestBoundaryTargets:
    @settings(max_examples=10, deadline=None)
    @given(seed=st.integers(0, 10**6), width=st.integers(1, 4))
    def test_equals_the_slow_version(self, seed, width):
        mask = patches(seed, (13, 17)) % 3
        slow = np.zeros(mask.shape, int)
        for row, column in np.ndindex(*mask.shape):
            window = mask[max(row - width, 0) : row + width + 1, max(column - width, 0) : column + width + 1]
            slow[row, column] = len(np.unique(window)) > 1
        np.testing.assert_array_equal(boundary_targets(mask, width=width), slow)

    def test_equals_scikit_image(self):
        mask = patches(2)
        expected = segmentation.find_boundaries(mask, connectivity=2, mode="thick")
        np.testing.assert_array_equal(boundary_targets(mask, width=1), expected)

    def test_void_is_kept_and_has_no_rim(self):
        mask = np.array([[2, 2, 2, 11, 11, 5, 5, 5, 2]])
        assert boundary_targets(mask, width=1, ignore_class=11).tolist() == [[0, 0, 0, 11, 11, 0, 0, 1, 1]]
        # The void hides nothing: three columns from the first 5 lies a 2 on its other side.
        assert boundary_targets(mask, width=3, ignore_class=11).tolist() == [[0, 0, 1, 11, 11, 1, 1, 1, 1]]
        assert boundary_targets(np.array([[255, 255]]), width=2, ignore_class=255).tolist() == [[255, 255]]

    def test_flips_and_class_numbers_change_nothing(self):
        mask = patches(9) % 4
        target = boundary_targets(mask)
        np.testing.assert_array_equal(boundary_targets(mask[::-1, ::-1]), target[::-1, ::-1])
        np.testing.assert_array_equal(boundary_targets(np.array([7, 3, 200, 1])[mask]), target)


class TestInADataset:
    def test_instances(self):
        import tensorflow as tf

        ids = np.stack([patches(1), np.where(patches(2) > 0, patches(2), -1)]).astype("int32")
        images = np.zeros((*ids.shape, 3), "float32")
        dataset = add_instance_targets(tf.data.Dataset.from_tensor_slices((images, ids)).batch(2), border_width=1)
        _, classes = next(iter(dataset))
        assert classes.shape == ids.shape and classes.dtype == "int32"
        np.testing.assert_array_equal(classes, [instance_targets(item, border_width=1).classes for item in ids])

    def test_void_objects(self):
        import tensorflow as tf

        ids = np.kron([[255, 1], [2, 2]], np.ones((4, 4), "int32"))
        dataset = tf.data.Dataset.from_tensors((np.zeros((1, 8, 8, 3), "float32"), ids[None]))
        _, classes = next(iter(add_instance_targets(dataset, border_width=1, ignore_class=255)))
        np.testing.assert_array_equal(classes[0], instance_targets(ids, border_width=1, ignore_class=255).classes)
        assert (classes.numpy()[0, :4, :4] == -1).all()

    def test_boundaries_of_masks_that_ignore_0(self):
        import tensorflow as tf

        masks = np.array([[[1, 1, 0, 1, 2]]], "uint8")
        dataset = tf.data.Dataset.from_tensor_slices((np.zeros((1, 1, 5, 3), "float32"), masks)).batch(1)
        _, targets = next(iter(add_boundary_targets(dataset, width=1, ignore_class=0)))
        assert targets.numpy().tolist() == [[[0, 0, -1, 1, 1]]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ids": np.zeros((3, 3))}, "`ids` must be an integer map .*ids.astype"),
        ({"ids": np.zeros((1, 3, 3), int)}, "`ids` must be an integer map .*one map at a time"),
        ({"ids": np.full((3, 3), -2)}, "`ids` must not hold numbers below 0, .*Received: ids=.*-2"),
        ({"border_width": 0}, "`border_width` must be an integer of at least 1"),
        ({"border_width": 1.5}, "`border_width` must be an integer of at least 1"),
        ({"outlines": "yes"}, "`outlines` must be True or False"),
        ({"ignore_class": "void"}, "`ignore_class` must be None, an integer"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(InputError, match=message) as caught:
        instance_targets(**{"ids": np.zeros((3, 3), int), **arguments})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mask": np.zeros((3, 3))}, "`mask` must be an integer map"),
        ({"mask": np.zeros((3, 3, 1), int)}, "`mask` must be an integer map"),
        ({"width": 0}, "`width` must be an integer of at least 1"),
        ({"ignore_class": 1}, "`ignore_class` must not be 0 or 1.*np.where"),
    ],
)
def test_bad_arguments_of_boundaries(arguments, message):
    with pytest.raises(InputError, match=message):
        boundary_targets(**{"mask": np.zeros((3, 3), int), **arguments})


def test_bad_arguments_of_a_dataset_are_found_at_once():
    with pytest.raises(InputError, match="`border_width`"):
        add_instance_targets(None, border_width=0)
    with pytest.raises(InputError, match="`width`"):
        add_boundary_targets(None, width=0)


@pytest.mark.parametrize("call", [instance_targets, boundary_targets])
def test_without_scipy(monkeypatch, call):
    monkeypatch.setitem(sys.modules, "scipy", None)
    monkeypatch.setitem(sys.modules, "scipy.ndimage", None)
    with pytest.raises(ImportError, match=r'pip install "keras-seg\[boundary\]"'):
        call(np.zeros((3, 3), int))


class TestCells:
    def test_scene(self):
        image, ids = cells_scene(0, image_size=(64, 96))
        assert image.shape == (64, 96, 3) and image.dtype == np.uint8
        assert ids.dtype == np.uint16 and set(np.unique(ids)) == set(range(ids.max() + 1))
        again = cells_scene(0, image_size=(64, 96))
        np.testing.assert_array_equal(again[0], image)
        np.testing.assert_array_equal(again[1], ids)

    def test_cells_touch_are_bright_and_in_one_piece(self):
        touching = cells = pieces = 0
        for seed in range(6):
            image, ids = cells_scene(seed, image_size=128)
            ids = ids.astype(int)
            assert image[ids > 0].mean() > image[ids == 0].mean() + 20
            border = instance_targets(ids, border_width=1).border & (ids > 0)
            touching += len(np.unique(ids[border]))
            cells += ids.max()
            pieces += sum(ndimage.label(ids == n, np.ones((3, 3)))[1] for n in range(1, ids.max() + 1))
        assert cells > 60
        assert touching > 0.5 * cells
        assert pieces < 1.05 * cells

    def test_write(self, tmp_path):
        path = ks.data.write_cells(tmp_path / "new", train=2, val=1, image_size=(40, 48), seed=3)
        assert path == tmp_path / "new"
        index = ks.data.scan_instances(tmp_path / "new", split="train")
        assert (len(index), index.common_size) == (2, (40, 48))
        image, ids = cells_scene(np.random.default_rng((3, 0, 1)), image_size=(40, 48))
        np.testing.assert_array_equal(ks.data.read_image(index.pairs[1].image), image)
        np.testing.assert_array_equal(index.read_labels(1), ids)
        with pytest.raises(InputError, match="`train`"):
            ks.data.write_cells(tmp_path / "other", train=0)
        assert not (tmp_path / "other").exists()
