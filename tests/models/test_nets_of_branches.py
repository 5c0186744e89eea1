"""Nets for real time, which have no backbone: any size, saving, half precision and training."""

import keras
import numpy as np
import pytest

import keras_seg as ks

# The others take more than the few seconds of a quick test.
NAMES = ["FastSCNN", *(pytest.param(name, marks=pytest.mark.slow) for name in ("BiSeNetV2", "PIDNet", "DDRNet"))]


def noise(*shape):
    return np.random.default_rng(0).uniform(0, 255, size=shape).astype("float32")


@pytest.mark.slow_off_tensorflow
@pytest.mark.parametrize("name", NAMES)
def test_any_size_and_again_after_saving(name, tmp_path):
    model = ks.models.build(name, num_classes=3)
    model.save(tmp_path / "model.keras")
    reloaded = keras.saving.load_model(tmp_path / "model.keras")
    for size in ((32, 64), (70, 45), (1, 1)):
        scores, again = (keras.ops.convert_to_numpy(net(noise(2, *size, 3))) for net in (model, reloaded))
        assert scores.shape == (2, *size, 3)
        np.testing.assert_allclose(scores.sum(-1), 1, rtol=1e-5)
        np.testing.assert_allclose(again, scores, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["FastSCNN", "BiSeNetV2", "PIDNet", "DDRNet"])
def test_a_training_step_moves_every_kernel(name, steps):
    model = ks.models.build(name, num_classes=3)
    assert keras.backend.standardize_dtype(model.output.dtype) == "float32"
    model.compile("adamw", loss=ks.losses.Crossentropy(ignore_class=255))
    before = [keras.ops.convert_to_numpy(weight) for weight in model.trainable_variables]
    labels = np.random.default_rng(1).choice([0, 1, 2, 255], size=(2, 64, 64))
    for _ in range(steps):
        assert np.isfinite(model.train_on_batch(noise(2, 64, 64, 3), labels))
    for variable, old in zip(model.trainable_variables, before, strict=True):
        new = keras.ops.convert_to_numpy(variable)
        assert np.isfinite(new).all()
        assert old.ndim < 4 or not np.array_equal(new, old), variable.path


@pytest.mark.parametrize("policy", ["mixed_bfloat16"], indirect=True)
@pytest.mark.usefixtures("policy")
def test_half_precision_does_not_round_the_pixels():
    """Those of a resized image are not whole; above 128, bfloat16 knows whole numbers only."""
    model = ks.models.FastSCNN(num_classes=3)
    read = keras.Model(model.input, model.get_layer("preprocessing").input)
    pixels = noise(1, 2, 5, 3)
    found = keras.ops.convert_to_numpy(read(pixels))
    np.testing.assert_array_equal(found, np.concatenate([pixels, pixels[:, -1:]], axis=1))
