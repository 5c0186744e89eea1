"""Augmentation of batches inside a model."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_seg._validation import InputError
from keras_seg.augmentation import Augmentation, AugmentationLayer, CutMix, Elastic, Flip, Noise, Rotate, preset

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3)).astype("float32")
MASKS = np.random.default_rng(1).integers(0, 3, (4, 16, 16)).astype("int32")


def numpy(x):
    return ops.convert_to_numpy(x)


def layer(seed=0, **arguments):
    return AugmentationLayer(
        Augmentation([Rotate(90), Noise(3, probability=1.0)], ignore_class=255, **arguments), seed=seed
    )


def test_without_training_everything_passes():
    images, masks = layer(crop=8)((IMAGES, MASKS))
    np.testing.assert_array_equal(numpy(images), IMAGES)
    np.testing.assert_array_equal(numpy(masks), MASKS)


@pytest.mark.slow_off_tensorflow
def test_structures_and_seeds():
    given = {"image": IMAGES, "mask": MASKS, "weight": MASKS + 1.0, "instances": MASKS[..., None]}
    one, two = layer(3), layer(3)
    results = [{k: numpy(v) for k, v in at(given, training=True).items()} for at in (one, two, one)]
    for key, x in given.items():
        assert results[0][key].shape == x.shape
        np.testing.assert_array_equal(results[0][key], results[1][key])
    assert (results[0]["mask"] != results[2]["mask"]).mean() > 0.1  # Another call, other numbers.
    assert numpy(one(IMAGES, training=True)).shape == IMAGES.shape
    _, masks, weights = one((IMAGES, MASKS, None), training=True)
    assert weights is None and numpy(masks).dtype == "int32" and set(np.unique(numpy(masks))) <= {0, 1, 2, 255}


def test_fit_compiles_it_with_the_model():
    """A functional model of images and masks that augments both and learns from its own loss."""

    class Loss(keras.layers.Layer):
        def call(self, inputs):
            scores, masks = inputs
            target = ops.cast(ops.expand_dims(masks == 1, -1), "float32")
            self.add_loss(ops.mean(ops.square(scores - target)))
            return scores

    images, masks = keras.Input((16, 16, 3), name="image"), keras.Input((16, 16), dtype="int32", name="mask")
    augmentation = Augmentation([Flip(), Rotate(20), Elastic(1.0), CutMix()], crop=12, ignore_class=255)
    made = AugmentationLayer(augmentation, seed=0)({"image": images, "mask": masks})
    scores = keras.layers.Conv2D(1, 3, padding="same")(made["image"] / 255.0)
    model = keras.Model({"image": images, "mask": masks}, Loss()((scores, made["mask"])))
    model.compile("sgd")
    history = model.fit({"image": IMAGES, "mask": MASKS}, batch_size=4, epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    assert model.predict({"image": IMAGES, "mask": MASKS}, verbose=0).shape == (4, 16, 16, 1)


def test_a_last_batch_of_one_image_is_not_mixed():
    mix = AugmentationLayer(Augmentation([CutMix(probability=1.0)]), seed=0)
    assert (numpy(mix(IMAGES[:2], training=True)) != IMAGES[:2]).any()
    np.testing.assert_array_equal(numpy(mix(IMAGES[:1], training=True)), IMAGES[:1])


def test_saved_and_loaded(tmp_path):
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, layer(crop=(8, 8))(inputs))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.layers[1].augmentation.get_config() == model.layers[1].augmentation.get_config()
    np.testing.assert_array_equal(again.predict(IMAGES, verbose=0), IMAGES)


@pytest.mark.tensorflow_only
def test_half_precision_does_not_touch_positions():
    keras.config.set_dtype_policy("mixed_float16")
    images, masks = AugmentationLayer(Augmentation([Flip(probability=1.0)]), seed=0)((IMAGES, MASKS), training=True)
    assert keras.backend.standardize_dtype(images.dtype) == "float16"
    np.testing.assert_array_equal(numpy(masks), MASKS[:, :, ::-1])


@pytest.mark.tensorflow_only
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: AugmentationLayer(Flip()), "`augmentation`"),
        (lambda: AugmentationLayer(preset(), seed=-1), "`seed`"),
        (lambda: layer()(IMAGES[0], training=True), "must be batches"),
        (lambda: layer()((IMAGES, MASKS[:, :4]), training=True), "`mask`"),
        (lambda: layer()((IMAGES,) * 5, training=True), "one to four"),
        (lambda: layer()({"images": IMAGES}, training=True), "`image`"),
    ],
)
def test_bad_input(make, said):
    with pytest.raises(InputError) as error:
        make()
    assert said in str(error.value) and "\n" not in str(error.value)
