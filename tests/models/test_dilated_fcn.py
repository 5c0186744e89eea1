"""DilatedFCN: parameters, the authors' geometry, the context module's start, training, saving and export."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_seg as ks
from keras_seg import _validation
from keras_seg.models.parts.context_module import context_module

SMALL = {"num_classes": 3, "filters": (4, 4, 6, 6, 8), "fc_filters": 8}


def small(**kwargs):
    return ks.models.DilatedFCN(**{**SMALL, **kwargs})


def noise(*shape):
    return np.random.default_rng(0).uniform(0, 255, size=shape).astype("float32")


def output_of(model, layer, image):
    return ops.convert_to_numpy(keras.Model(model.inputs[0], model.get_layer(layer).output)(image))


@pytest.mark.tensorflow_only
def test_parameters_of_the_published_model(monkeypatch):
    """The front end has those of FCN-32s; the context module 64 C^2 weights (the paper's count) and 8 C offsets."""
    monkeypatch.setattr(keras.initializers.HeNormal, "__call__", lambda self, *args, **kw: ops.zeros(*args, **kw))
    model = ks.models.DilatedFCN(num_classes=21)
    assert model.count_params() == 134_346_581 + 64 * 21**2 + 8 * 21


def test_the_large_context_module():
    """Table 1: widths 2, 2, 4, 8, 16, 32, 32 and 1 times the classes."""
    model = small(context="large")
    assert [model.get_layer(f"context{n}").filters // 3 for n in range(1, 9)] == [2, 2, 4, 8, 16, 32, 32, 1]


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_receptive_fields(padding):
    """The front end's is 380 at stride 8; the context module sees 67 of its units: 380 + 66 * 8."""
    model = small(padding=padding)
    front = ks.analysis.receptive_field(model, layer="score_fr")
    assert (front.size, front.stride, front.center) == (380, 8, 3.5)
    assert ks.analysis.receptive_field(model, layer="context8").size == 380 + 66 * 8
    # In units of its input, taken alone.
    scores = keras.Input((None, None, 3))
    module = keras.Model(scores, context_module(scores, "basic", padding))
    assert ks.analysis.receptive_field(module).size == 67


def test_the_authors_geometry():
    """Their VOC net takes 900x900, which is 528 with the mirrored margin, and scores 66x66."""
    model = small(padding="valid", input_shape=(528, 528, 3))
    sizes = [model.get_layer(name).output.shape[1] for name in ("pad_to_stride", "block1_conv1", "fc6", "context8")]
    assert sizes == [900, 898, 66, 66]
    assert model.output_shape == (None, 528, 528, 3)


def test_valid_and_same_agree_away_from_the_border():
    """The padding differs at the border alone; so far inside as the receptive field reaches, both are one net."""
    model, same = small(padding="valid", context=None), small(context=None)
    same.set_weights(model.get_weights())
    image = noise(1, 392, 392, 3)
    inner = [output_of(m, "score_fr", image)[:, 24:25, 24:25] for m in (model, same)]
    np.testing.assert_allclose(*inner, rtol=1e-3, atol=1e-4)
    outer = [output_of(m, "score_fr", image)[:, :1, :1] for m in (model, same)]
    assert np.abs(outer[0] - outer[1]).max() > 1e-3


@pytest.mark.parametrize("context, share, atol", [("basic", 1, 0), ("large", 1 / 32, None)])
def test_the_context_module_starts_as_the_identity(context, share, atol):
    """Of what is positive, by its ReLUs; scaled by 1/32 in the wide one, whose noise comes on top."""
    model = small(context=context)
    image = noise(1, 40, 48, 3)
    front = np.maximum(output_of(model, "score_fr", image), 0)
    assert front.max() > 0
    after = output_of(model, "context8", image)
    if atol is None:
        atol = 0.2 * share * front.max()
    np.testing.assert_allclose(after, front * share, rtol=1e-5, atol=atol)


def test_front_end_takes_the_weights_of_fcn():
    """Dilated, VGG16 computes what it did: with the pools kept it is the subsampling identity, tested in surgery."""
    coarse, fine = ks.models.FCN32s(**SMALL), small()
    names = ks.models.transfer_weights(coarse, fine)
    assert {"block1_conv1", "block5_conv3", "fc6", "fc7", "score_fr"} <= set(names)
    np.testing.assert_array_equal(coarse.get_layer("fc6").get_weights()[0], fine.get_layer("fc6").get_weights()[0])
    assert ks.models.transfer_weights(small(context=None), fine)[-1] == "score_fr"


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.slow_off_tensorflow
@pytest.mark.usefixtures("policy")
def test_a_training_step_moves_every_kernel():
    model = small(dropout=0.0)
    assert keras.backend.standardize_dtype(model.output.dtype) == "float32"
    model.compile("adamw", loss=ks.losses.Crossentropy(ignore_class=255))
    labels = np.random.default_rng(1).choice([0, 1, 2, 255], size=(2, 40, 40))
    before = {w.path: np.array(ops.convert_to_numpy(w)) for w in model.trainable_variables}
    for _ in range(12):  # In float16, steps are skipped until the loss scale has come down.
        assert np.isfinite(model.train_on_batch(noise(2, 40, 40, 3), labels))
        after = {w.path: np.array(ops.convert_to_numpy(w)) for w in model.trainable_variables}
        assert all(np.isfinite(w).all() for w in after.values())
        still = [path for path in before if before[path].ndim == 4 and np.array_equal(before[path], after[path])]
        if not still:
            break
    assert still == []


@pytest.mark.slow_off_tensorflow
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_any_size_saved_and_reloaded(padding, tmp_path):
    model = small(padding=padding)
    image = noise(1, 37, 50, 3)
    scores = model.predict(image, verbose=0)
    assert scores.shape == (1, 37, 50, 3)
    np.testing.assert_allclose(scores.sum(-1), 1, rtol=1e-5)
    model.save(tmp_path / "model.keras")
    reloaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(reloaded.predict(image, verbose=0), scores, rtol=1e-5, atol=1e-6)


@pytest.mark.thorough
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="exports are made on the TensorFlow backend")
@pytest.mark.tensorflow_only
@pytest.mark.parametrize("kwargs", [{}, {"padding": "valid", "context": None}])
def test_exports(kwargs, tmp_path):
    model = small(**kwargs)
    assert ks.export.tflite(model, tmp_path / "m.tflite", input_size=(70, 90)).max_abs_difference < 1e-4
    assert ks.export.saved_model(model, tmp_path / "sm").max_abs_difference < 1e-4


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"num_classes": 0}, "`num_classes` must be an integer of at least 1"),
        ({"context": "Large"}, "`context` is not a known option.*Did you mean 'large'"),
        ({"padding": "full"}, "`padding` is not a known option"),
        ({"filters": (4, 8)}, "`filters` must hold five integers"),
        ({"dropout": 1.0}, "`dropout` must be a finite number in"),
    ],
)
def test_bad_arguments(kwargs, message):
    with pytest.raises(_validation.InputError, match=message) as caught:
        small(**kwargs)
    assert "\n" not in str(caught.value)
