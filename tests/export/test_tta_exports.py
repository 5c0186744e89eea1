"""Augmented models as SavedModel and TFLite: one file that predicts all views."""

import keras
import numpy as np
import pytest

import keras_seg as ks
from keras_seg import _validation
from keras_seg.inference import Scale, Shift

if keras.backend.backend() != "tensorflow":
    pytest.skip("exports are made on the TensorFlow backend", allow_module_level=True)

pytestmark = pytest.mark.tensorflow_only
TTA = ks.inference.TestTimeAugmentation


@pytest.fixture(scope="module")
def model():
    return ks.models.UNet(num_classes=3, filters=4, depth=1)


@pytest.fixture(scope="module")
def convolution():
    """As small as a model that sees neighbors can be: conversion takes the time of its operations times the views."""
    image = keras.Input((None, None, 3))
    return keras.Model(image, keras.layers.Conv2D(2, 3, padding="same", activation="softmax")(image / 255.0))


@pytest.mark.thorough
@pytest.mark.parametrize(
    "transforms, merge, fold",
    [
        ("d4", "mean", "batch"),
        pytest.param([Scale(0.75), Shift((3, 0))], "geometric_mean", "loop", marks=pytest.mark.slow),
    ],
)
def test_tflite_needs_built_in_operators_only(transforms, merge, fold, model, tmp_path):
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    tta = TTA(model, transforms, merge=merge, views_as=fold)
    report = ks.export.tflite(tta, tmp_path / "tta.tflite", input_size=(21, 30))
    assert not [op for op in report.ops if op.startswith(("Flex", "CUSTOM"))]
    assert report.max_abs_difference < 1e-5
    image = np.random.default_rng(3).uniform(0, 255, (1, 21, 30, 3)).astype("float32")
    lite = interpreter.Interpreter(model_path=str(tmp_path / "tta.tflite"))
    lite.allocate_tensors()
    lite.set_tensor(lite.get_input_details()[0]["index"], image)
    lite.invoke()
    scores = lite.get_tensor(lite.get_output_details()[0]["index"])
    np.testing.assert_allclose(scores, tta.predict_on_batch(image), atol=1e-5)


def test_one_upsampling_in_views_of_two_sizes(tmp_path):
    """In a SavedModel it is a transposed convolution of 8x8 pixels, and a convolution and a shuffle of 4x4."""
    image = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(64, 3, strides=2, padding="same", activation="relu")(image / 255.0)
    x = ks.layers.UpsampleConv(64, normalization=None)(x)
    model = keras.Model(image, keras.layers.Conv2D(2, 1, activation="softmax")(x))
    report = ks.export.saved_model(TTA(model, [Scale(0.5)]), tmp_path / "tta", input_size=16)
    assert report.max_abs_difference < 1e-5


ANY_SIZE = ["transpose", Scale(0.75), Shift((0, 2))]


def test_saved_model_of_any_size(convolution, tmp_path):
    """The export compares at two odd sizes, in one graph."""
    report = ks.export.saved_model(TTA(convolution, ANY_SIZE, merge="max"), tmp_path / "tta")
    assert report.images == 4
    assert report.max_abs_difference < 1e-5


@pytest.mark.slow
@pytest.mark.thorough
def test_onnx_of_any_size(convolution, tmp_path):
    """Mirrored borders too: tf2onnx divides integers towards zero."""
    pytest.importorskip("tf2onnx")
    assert ks.export.onnx(TTA(convolution, ANY_SIZE), tmp_path / "tta.onnx").max_abs_difference < 1e-5


@pytest.mark.slow
def test_openvino_of_any_size(convolution, tmp_path):
    pytest.importorskip("openvino")
    assert ks.export.openvino(TTA(convolution, ANY_SIZE), tmp_path / "tta.xml").max_abs_difference < 1e-5


@pytest.mark.slow
def test_tflite_of_any_size(convolution, tmp_path):
    report = ks.export.tflite(TTA(convolution, ANY_SIZE), tmp_path / "tta.tflite", input_size=(None, None))
    assert report.images == 4
    assert report.max_abs_difference < 1e-5


def test_two_outputs_are_refused(model, tmp_path):
    tta = TTA(model, "hflip", uncertainty="entropy")
    for write in (ks.export.saved_model, ks.export.tflite):
        with pytest.raises(_validation.InputError, match=r"`model` must have one output.*model.outputs\[0\]"):
            write(tta, tmp_path / "tta")
    assert not list(tmp_path.iterdir())
    merged = keras.Model(tta.inputs, tta.outputs[0])
    assert ks.export.tflite(merged, tmp_path / "tta.tflite", input_size=16).max_abs_difference < 1e-5
