"""Exports against Keras, in the formats' own runtimes and in processes without Keras."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_seg as ks
from keras_seg import _validation
from keras_seg.export import verification
from keras_seg.export.class_agreement import class_agreement
from keras_seg.export.comparison_images import comparison_images
from keras_seg.export.inference_graph import inference_graph
from keras_seg.export.request import Request
from keras_seg.export.score_map import score_map
from keras_seg.inference import output_kind

if keras.backend.backend() != "tensorflow":
    pytest.skip("exports are made on the TensorFlow backend", allow_module_level=True)

pytestmark = pytest.mark.tensorflow_only


class Trained(dict):
    """U-Nets by name whose statistics have moved away from their initial values, trained when first asked for."""

    made = {
        "plain": {"filters": 8, "depth": 3},
        "compact": {"backbone": "Compact", "decoder_stride": 4},
        "mobilenet": {"backbone": "MobileNetV2", "decoder_filters": (32, 16, 8, 8, 8)},
    }

    def __missing__(self, name):
        model = self[name] = ks.models.UNet(num_classes=4, **self.made[name])
        rng = np.random.default_rng(0)
        model.compile("sgd", loss=ks.losses.Crossentropy())
        model.fit(rng.uniform(0, 255, (4, 64, 64, 3)), rng.integers(0, 4, (4, 64, 64)), epochs=2, verbose=0)
        return model


@pytest.fixture(scope="module")
def models():
    return Trained()


NAMES = ["plain", "compact", pytest.param("mobilenet", marks=pytest.mark.slow)]


@pytest.mark.parametrize("name", NAMES)
def test_tflite_holds_built_in_operators_and_the_same_numbers(name, models, tmp_path):
    report = ks.export.tflite(models[name], tmp_path / "m.tflite", input_size=(70, 90))
    assert report.max_abs_difference < 1e-4
    assert report.agreement >= 0.999
    assert "CONV_2D" in report.ops
    assert not [op for op in report.ops if op.startswith(("Flex", "CUSTOM"))]
    assert report.size_bytes == (tmp_path / "m.tflite").stat().st_size
    json.dumps(report.to_dict())


@pytest.mark.thorough
def test_tflite_in_a_process_of_its_own(models, tmp_path):
    """The file, the runtime and NumPy: neither Keras nor TensorFlow."""
    pytest.importorskip("ai_edge_litert")
    image = np.random.default_rng(1).uniform(0, 255, (1, 64, 96, 3)).astype("float32")
    ks.export.tflite(models["plain"], tmp_path / "m.tflite", input_size=(64, 96))
    np.save(tmp_path / "image.npy", image)
    code = """
import sys, numpy as np
from ai_edge_litert.interpreter import Interpreter
run = Interpreter("m.tflite").get_signature_runner()
np.save("scores.npy", run(image=np.load("image.npy"))["probabilities"])
assert not {"keras", "tensorflow", "keras_seg"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)
    expected = models["plain"].predict(image, verbose=0)
    np.testing.assert_allclose(np.load(tmp_path / "scores.npy"), expected, atol=1e-4)


@pytest.mark.thorough
@pytest.mark.parametrize("name", NAMES)
def test_saved_model(name, models, tmp_path):
    report = ks.export.saved_model(models[name], tmp_path / "sm")
    assert report.max_abs_difference < 1e-4
    assert report.images == 4  # Two batches of two, at different sizes.
    assert "Conv2D" in report.ops
    # The weights of the form it is shipped in once, not twice; the rest is the graph.
    assert report.size_bytes < 1.1 * 4 * inference_graph(models[name], (None, None)).count_params() + 200_000


@pytest.mark.slow
@pytest.mark.thorough
def test_saved_model_in_a_process_without_keras(models, tmp_path):
    image = np.random.default_rng(1).uniform(0, 255, (3, 50, 77, 3)).astype("float32")
    ks.export.saved_model(models["plain"], tmp_path / "sm")
    np.save(tmp_path / "image.npy", image)
    code = """
import sys, numpy as np, tensorflow as tf
serve = tf.saved_model.load("sm").signatures["serving_default"]
np.save("scores.npy", serve(image=tf.constant(np.load("image.npy")))["probabilities"].numpy())
assert "keras_seg" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)
    expected = models["plain"].predict(image, verbose=0)
    np.testing.assert_allclose(np.load(tmp_path / "scores.npy"), expected, atol=1e-4)


OTHERS = {"onnx": "onnxruntime", "openvino": "openvino"}


def export_to(format_, model, folder, **kwargs):
    """The report of an export to any format, small and quick."""
    file = {"saved_model": "m", "tflite": "m.tflite", "onnx": "m.onnx", "openvino": "m.xml"}[format_]
    if format_ in OTHERS:
        pytest.importorskip(OTHERS[format_])
    if format_ == "onnx":
        pytest.importorskip("tf2onnx")
    return getattr(ks.export, format_)(model, folder / file, **kwargs)


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.parametrize("format_", OTHERS)
def test_other_formats_at_any_size(format_, models, tmp_path):
    """Two odd sizes through one file: padding and cropping are computed at run time."""
    report = export_to(format_, models["plain"], tmp_path)
    assert report.max_abs_difference < 1e-4
    assert (report.images, report.agreement) == (4, 1.0)
    assert report.milliseconds > 0
    written = [file for file in tmp_path.glob("m.*") if file.suffix != ".json"]
    assert report.size_bytes == sum(file.stat().st_size for file in written)
    # Normalization is in the convolutions, and no kernel is computed at run time.
    assert not {"BatchNormalization", "ReverseV2", "BatchNormInference", "Reverse"} & set(report.ops)


@pytest.mark.parametrize("format_", ["saved_model", "tflite", "onnx", pytest.param("openvino", marks=pytest.mark.slow)])
def test_uint8_in_and_class_ids_beside_probabilities(format_, models, tmp_path):
    report = export_to(format_, models["plain"], tmp_path, input_size=(32, 48), input="uint8", output="both")
    assert (report.input, report.output, report.agreement) == ("uint8", "both", 1.0)
    assert report.max_abs_difference < 1e-4


@pytest.mark.thorough
def test_class_ids_alone_in_batches_of_two(models, tmp_path):
    report = export_to("tflite", models["plain"], tmp_path, input_size=(32, 48), output="class_ids", batch_size=2)
    assert report.input_shape == (2, 32, 48, 3)
    assert (report.agreement, report.max_abs_difference) == (1.0, 0.0)
    code = """
import numpy as np
from ai_edge_litert.interpreter import Interpreter
run = Interpreter("m.tflite").get_signature_runner()
ids = run(image=np.zeros((2, 32, 48, 3), "float32"))
assert list(ids) == ["class_ids"] and ids["class_ids"].shape == (2, 32, 48) and ids["class_ids"].dtype == "int32"
"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)


@pytest.mark.parametrize("format_, options", [("tflite", {"input_size": (None, None)}), ("onnx", {})])
def test_an_fcn_at_any_size(format_, options, tmp_path):
    model = ks.models.FCN8s(num_classes=3, filters=(4, 4, 8, 8, 8), fc_filters=8)
    report = export_to(format_, model, tmp_path, **options)
    assert report.max_abs_difference < 1e-4


def test_one_channel_is_one_class_against_the_rest(tmp_path):
    model = ks.models.UNet(num_classes=1, activation="sigmoid", filters=4, depth=1)
    assert export_to("saved_model", model, tmp_path, output="class_ids").agreement == 1.0


def test_an_adapted_normalization(tmp_path):
    """The copy that is written scales images as the model does, which Keras does by constants beside the weights."""
    scale = keras.layers.Normalization()
    scale.adapt(np.random.default_rng(0).uniform(0, 255, (2, 16, 24, 3)).astype("float32"))
    image = keras.Input((16, 24, 3))
    model = keras.Model(image, keras.layers.Conv2D(2, 3, padding="same", activation="softmax")(scale(image)))
    report = export_to("tflite", model, tmp_path)
    assert (report.agreement, report.max_abs_difference < 1e-5) == (1.0, True)


def test_class_ids_that_are_others_leave_no_file(models, tmp_path, monkeypatch):
    wrong = lambda tf, scores, threshold, **_: tf.argmin(scores, -1, tf.int32)  # noqa: E731
    monkeypatch.setattr("keras_seg.export.traced_module._class_ids", wrong)
    with pytest.raises(RuntimeError, match="was not written: .*agrees on 0.00% of pixels"):
        export_to("saved_model", models["plain"], tmp_path, output="class_ids")
    assert list(tmp_path.iterdir()) == []


def test_an_openvino_model_is_two_files_or_none(models, tmp_path):
    pytest.importorskip("openvino")
    with pytest.raises(_validation.InputError, match="`path` must end in .xml; the weights are written beside it"):
        ks.export.openvino(models["plain"], tmp_path / "m")
    (tmp_path / "m.bin").write_text("precious")
    with pytest.raises(_validation.InputError, match="`path` exists already"):
        ks.export.openvino(models["plain"], tmp_path / "m.xml")
    assert [file.name for file in tmp_path.iterdir()] == ["m.bin"]
    assert (tmp_path / "m.bin").read_text() == "precious"


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_model_in_half_precision_is_refused(dtype, tmp_path):
    keras.config.set_dtype_policy(f"mixed_{dtype}")
    model = ks.models.UNet(num_classes=2, filters=4, depth=1)
    for export, options in ((ks.export.saved_model, {}), (ks.export.tflite, {"input_size": 16})):
        with pytest.raises(_validation.InputError, match=f"`model` computes in {dtype}, which.*load its weights"):
            export(model, tmp_path / "m", **options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.thorough
def test_given_images_are_what_is_compared(models, tmp_path):
    images = np.random.default_rng(1).uniform(0, 255, (3, 64, 64, 3))
    report = ks.export.tflite(models["plain"], tmp_path / "m.tflite", input_size=64, images=images)
    assert report.images == 3
    assert report.input_shape == (1, 64, 64, 3)


def test_many_images_are_compared_a_few_at_a_time(tmp_path, monkeypatch):
    """A validation set as a whole does not fit into memory, also where the file would take it as one batch."""
    image = keras.Input((16, 24, 3))
    model = keras.Model(image, keras.layers.Conv2D(2, 3, padding="same", activation="softmax")(image / 255.0))
    rng = np.random.default_rng(1)
    images, masks = rng.uniform(0, 255, (5, 16, 24, 3)), rng.integers(0, 2, (5, 16, 24))
    predicted, calls = verification.predicted, []

    def counted(request, batch):
        calls.append(len(batch))
        return predicted(request, batch)

    monkeypatch.setattr(verification, "predicted", counted)
    report = ks.export.saved_model(model, tmp_path / "m", images=images, masks=masks)
    assert calls == [2, 2, 1]
    assert (report.images, report.agreement) == (5, 1.0)
    assert {position for position, _ in report.worst_images} == set(range(5))
    expected = ks.evaluation.evaluate(model, [(images, masks)]).iou
    assert list(report.iou) == list(report.keras_iou) == pytest.approx(list(expected))


@pytest.mark.parametrize("export, kwargs", [(ks.export.tflite, {"input_size": 64}), (ks.export.saved_model, {})])
class TestNothingIsLost:
    def test_existing_artifacts_are_kept(self, export, kwargs, models, tmp_path):
        (tmp_path / "m").write_text("precious")
        with pytest.raises(_validation.InputError, match="`path` exists already"):
            export(models["plain"], tmp_path / "m", **kwargs)
        assert (tmp_path / "m").read_text() == "precious"

    @pytest.mark.thorough
    def test_other_numbers_leave_no_file(self, export, kwargs, models, tmp_path, monkeypatch):
        """A proof that cannot fail proves nothing: Keras is made to disagree."""
        monkeypatch.setattr(type(models["plain"]), "predict", lambda self, x, **_: np.zeros((*x.shape[:3], 4)))
        monkeypatch.setattr(type(models["plain"]), "predict_on_batch", lambda self, x: np.zeros((*x.shape[:3], 4)))
        with pytest.raises(RuntimeError, match="was not written: its output differs from Keras"):
            export(models["plain"], tmp_path / "m", **kwargs)
        assert list(tmp_path.iterdir()) == []

    def test_overwriting_when_asked(self, export, kwargs, models, tmp_path):
        (tmp_path / "m").write_text("old")
        export(models["plain"], tmp_path / "m", overwrite=True, **kwargs)
        assert {item.name for item in tmp_path.iterdir()} - {"m.json"} == {"export_report.json", "m"}


def test_operators_without_a_built_in_are_refused(tmp_path):
    """tf.nn.max_pool_with_argmax exists in TFLite as a Flex operator only."""
    import tensorflow as tf

    class Switches(keras.layers.Layer):
        def call(self, x):
            pooled, where = tf.nn.max_pool_with_argmax(x, 2, 2, "SAME")
            return pooled + tf.cast(where, "float32")

        def compute_output_shape(self, shape):
            return (shape[0], shape[1] // 2, shape[2] // 2, shape[3])

    image = keras.Input((16, 16, 3))
    with pytest.raises(RuntimeError, match="no built-in operator"):
        ks.export.tflite(keras.Model(image, Switches()(image)), tmp_path / "m.tflite")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({}, r"`input_size` must be given for a model of dynamic size.*\(256, 256\)"),
        ({"input_size": 0}, "`input_size` must be an integer of at least 1"),
        ({"input_size": 64, "images": np.zeros((1, 32, 32, 3))}, "`images` must be an array"),
        ({"input_size": 64, "images": np.zeros((0, 64, 64, 3))}, "`images` must be an array"),
        ({"input_size": 64, "input": "float64"}, "`input` is not a known option"),
        ({"input_size": 64, "output": "mask"}, "`output` is not a known option"),
        ({"input_size": 64, "batch_size": 0}, "`batch_size` must be an integer of at least 1"),
    ],
)
def test_bad_arguments(kwargs, message, models, tmp_path):
    with pytest.raises(_validation.InputError, match=message):
        ks.export.tflite(models["plain"], tmp_path / "m.tflite", **kwargs)
    assert list(tmp_path.iterdir()) == []


def test_unwritable_path(models, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(_validation.InputError, match="cannot be written"):
        ks.export.tflite(models["plain"], tmp_path / "file" / "m.tflite", input_size=64)


def test_agreement_and_difference_by_hand():
    """Two pixels, two classes: the second pixel changes its class, the largest difference is 0.6."""
    expected = np.array([[[[0.9, 0.1], [0.4, 0.6]]]])
    actual = np.array([[[[0.8, 0.2], [1.0, 0.0]]]])
    found = verification.compare(expected, actual)
    assert (found.difference, found.agreement, found.apart) == (pytest.approx(0.6), 0.5, 1.0)
    with pytest.raises(_validation.InputError, match="NaN"):
        output_kind.check_finite(actual * np.nan, "The probabilities of m.tflite")
    with pytest.raises(RuntimeError, match="shape"):
        verification.compare(expected, actual[..., :1])


def test_pixels_agree_where_they_have_the_same_classes():
    """Of three pixels, one has none of the two classes, one both, and one lacks a class in the file.

    Which of the scores is the highest would say that the third pixel alone agrees.
    """
    expected = np.array([[[[0.02, 0.01], [0.7, 0.9], [0.6, 0.8]]]])
    actual = np.array([[[[0.01, 0.02], [0.9, 0.7], [0.4, 0.8]]]])
    image = keras.Input((1, 3, 3))
    model = keras.Model(image, keras.layers.Conv2D(2, 1, activation="sigmoid")(image))
    images, masks = np.zeros((1, 1, 3, 3)), np.zeros((1, 1, 3), "int32")
    for options, share in (
        ({"output": "scores"}, 2 / 3),
        ({"output": "both"}, 1 / 3),
        ({"output": "scores", "images": images, "masks": masks}, 1 / 3),
    ):
        request = Request(model=model, path="", size=(1, 3), batch_size=1, input="float32", **options)
        maps = [{request.scores.name: scores} for scores in (expected, actual)]
        assert verification.compare_maps(*maps, request.scores).agreement == pytest.approx(share)
        pair = tuple(verification.class_map(one, request.scores) for one in maps)
        found = class_agreement([pair], request)
        assert found["agreement"] == pytest.approx(share)
        assert found["worst_images"] == ((0, pytest.approx(share)),)


@pytest.mark.parametrize(
    "largest, difference, apart", [(1, 9e-4, 0), (1, 1.1e-3, 1), (10, 1.1e-3, 1), (1000, 0.09, 0), (1000, 0.11, 1)]
)
def test_rounding_grows_with_the_scores(largest, difference, apart):
    scores = np.linspace(-largest, largest, 60).reshape(1, 5, 4, 3)
    assert verification.compare(scores, scores + difference).apart == apart


def test_only_models_that_unpool_may_be_apart_anywhere(models):
    """Of equal maxima rounding takes one or the other: as often as Keras does itself, in proportion."""
    few = verification.Comparison(difference=0.5, agreement=0.9985, apart=0.02)
    rounding = verification.Comparison(difference=0.4, agreement=0.9998, apart=0.005)
    verification.check_float32(few, rounding, "m.tflite")  # 0.01 + 3 * 0.005 = 0.025; 0.999 - 3 * 0.0002 = 0.9984
    with pytest.raises(RuntimeError, match=r"by more than rounding on 2.00% of pixels .at most 0.00%.") as caught:
        verification.check_float32(few, None, "m.tflite")
    assert "agrees on 99.85% of pixels (at least 99.90%)" in str(caught.value)
    with pytest.raises(RuntimeError, match="on 2.60% of pixels .at most 2.50%."):
        verification.check_float32(verification.Comparison(0.5, 0.9985, 0.026), rounding, "m.tflite")
    with pytest.raises(RuntimeError, match="agrees on 99.70% of pixels .at least 99.84%."):
        verification.check_float32(verification.Comparison(0.5, 0.997, 0.02), rounding, "m.tflite")
    worst = verification.worst_of([few, verification.Comparison(0.1, 0.9, 0.0)])
    assert worst == verification.Comparison(0.5, 0.9, 0.02)


def test_how_far_rounding_moves_a_model(models):
    images = comparison_images(models["plain"], None, (32, 32))
    assert verification.moved_by_rounding(models["plain"], images, {}, score_map(models["plain"])) is None
    unpooling = ks.models.SegNetBasic(num_classes=2, filters=4, depth=1, kernel_size=3)
    scores = score_map(unpooling)
    expected = scores.named(unpooling.predict(images, verbose=0))
    weights = unpooling.get_weights()
    own = verification.moved_by_rounding(unpooling, images, expected, scores)
    assert all((now == before).all() for now, before in zip(unpooling.get_weights(), weights, strict=True))
    assert 0 < own.difference < 1
    assert own.apart < 0.01
