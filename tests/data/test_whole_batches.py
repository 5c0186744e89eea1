"""Whole batches augmented at once must be what their images would be one by one."""

import numpy as np
import pytest

import keras_seg.augmentation.augmentation as module
from keras_seg._validation import InputError
from keras_seg.augmentation import Augmentation, Brightness, CutMix, Flip, Noise, RandomCrop, Rotate, standard
from keras_seg.data import from_folder, write_shapes

tf = pytest.importorskip("tensorflow")
pytestmark = pytest.mark.tensorflow_only


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("shapes")
    write_shapes(path, train=5, val=1, image_size=(72, 80))
    return path


AUGMENTATIONS = {
    "standard": lambda: standard(crop=64, ignore_class=255),
    "rare classes": lambda: Augmentation(
        [Flip(), Rotate(20), Brightness(0.3)], crop=RandomCrop(64, classes=(1, 2)), ignore_class=255
    ),
}


@pytest.mark.thorough
@pytest.mark.parametrize("name", AUGMENTATIONS)
@pytest.mark.parametrize("repeat", [False, True])
def test_whole_batches_are_the_images_one_by_one(folder, name, repeat):
    """Five images by two: without `repeat` the last batch is not full."""
    augment = AUGMENTATIONS[name]()
    calls = []

    def one_by_one(image, mask, seed):
        calls.append(image.shape)
        return augment(image, mask, seed)

    one_by_one.crop = augment.crop
    arguments = {"batch_size": 2, "seed": 3, "repeat": repeat}
    whole = from_folder(folder, split="train", augment=augment, **arguments)
    single = from_folder(folder, split="train", augment=one_by_one, **arguments)
    assert calls == [(72, 80, 3)]
    assert whole.element_spec == single.element_spec
    sizes = []
    for (image, mask), (image1, mask1) in zip(whole.take(6), single.take(6), strict=True):
        sizes.append(len(image))
        np.testing.assert_array_equal(image, image1)
        np.testing.assert_array_equal(mask, mask1)
    assert sizes == ([2] * 6 if repeat else [2, 2, 1])


@pytest.mark.thorough
def test_whole_batches_resume(folder):
    arguments = {"batch_size": 2, "augment": standard(crop=64, ignore_class=255), "repeat": True}
    later = from_folder(folder, split="train", **arguments).skip(3).take(3)
    resumed = from_folder(folder, split="train", first_epoch=1, **arguments).take(3)
    for first, second in zip(later, resumed, strict=True):
        np.testing.assert_array_equal(first[0], second[0])
        np.testing.assert_array_equal(first[1], second[1])


def test_which_augmentations_take_whole_batches(monkeypatch):
    image, mask = tf.TensorSpec((72, 80, 3), tf.uint8), tf.TensorSpec((72, 80), tf.uint8)
    augment = standard(crop=64, ignore_class=255)
    assert augment.gains_by_batches(image, mask)
    assert not augment.gains_by_batches(tf.TensorSpec((None, 80, 3), tf.uint8), mask)
    assert not augment.gains_by_batches(tf.TensorSpec((720, 800, 3), tf.uint8), mask)
    assert not standard(crop=32, ignore_class=255).gains_by_batches(image, mask)
    assert not standard(ignore_class=255).gains_by_batches(image, mask)
    assert not Augmentation([Noise(3)], crop=64).gains_by_batches(image, mask)
    assert not Augmentation([CutMix()], crop=64).gains_by_batches(image, mask)
    monkeypatch.setattr(module._ops, "xla_works", lambda: False)
    assert not augment.gains_by_batches(image, mask)


@pytest.mark.parametrize(
    "transforms, image, seeds, said",
    [
        ([Flip()], (2, 8, 8, 3), 5, "`seeds` must hold one seed per image"),
        ([Flip()], (2, 8, 8, 3), [1, 2, 3], "`seeds` must hold one seed per image"),
        ([Flip()], (8, 8, 3), [1], "`image` must be a batch"),
        ([Noise(3)], (2, 8, 8, 3), [1, 2], "`transforms` may only contain geometric"),
        ([CutMix()], (2, 8, 8, 3), [1, 2], "`transforms` may only contain geometric"),
    ],
)
def test_bad_input(transforms, image, seeds, said):
    with pytest.raises(InputError, match=said) as error:
        Augmentation(transforms, ignore_class=255).of_batch(np.zeros(image), np.zeros(image[:-1], "int32"), seeds)
    assert "\n" not in str(error.value)
