"""What cannot be exported, in every format: one line that names it, and nothing half-written."""

import dataclasses
import shutil
import sys

import keras
import numpy as np
import pytest

import keras_seg as ks
from keras_seg._export_report import exports_of
from keras_seg._memory import is_out_of_memory
from keras_seg._validation import InputError, first_line
from keras_seg.export.format import Loaded
from keras_seg.export.saved_model_format import SAVED_MODEL

if keras.backend.backend() != "tensorflow":
    pytest.skip("exports are made on the TensorFlow backend", allow_module_level=True)

pytestmark = pytest.mark.tensorflow_only
FILES = {"tflite": "m.tflite", "onnx": "m.onnx", "openvino": "m.xml", "saved_model": "m"}


@pytest.fixture(scope="module")
def model():
    image = keras.Input((None, None, 3))
    return keras.Model(image, keras.layers.Conv2D(2, 3, padding="same", activation="softmax")(image / 255.0))


def refused(format_, model, path, kind=InputError, **options):
    """The message of the error, which is one line."""
    if format_ in ("onnx", "openvino") and kind is not ImportError:
        pytest.importorskip({"onnx": "tf2onnx"}.get(format_, format_))
    options = {"input_size": (16, 24), **options}
    with pytest.raises(kind) as caught:
        getattr(ks.export, format_)(model, path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("format_", FILES)
class TestPaths:
    def test_unwritable(self, format_, model, tmp_path):
        (tmp_path / "file").write_text("precious")
        message = refused(format_, model, tmp_path / "file" / FILES[format_])
        assert "cannot be written (" in message
        assert message.endswith("Choose another place.")
        assert [item.name for item in tmp_path.iterdir()] == ["file"]

    def test_existing(self, format_, model, tmp_path):
        (tmp_path / FILES[format_]).write_text("precious")
        assert "`path` exists already" in refused(format_, model, tmp_path / FILES[format_])
        assert [item.read_text() for item in tmp_path.iterdir()] == ["precious"]

    def test_a_folder_of_something_else_is_never_replaced(self, format_, model, tmp_path):
        folder = tmp_path / FILES[format_]
        folder.mkdir()
        (folder / "thesis.tex").write_text("precious")
        assert "`path` is a folder" in refused(format_, model, folder, overwrite=True)
        assert (folder / "thesis.tex").read_text() == "precious"
        assert list(tmp_path.iterdir()) == [folder]

    def test_a_file_never_takes_the_place_of_an_empty_folder(self, format_, model, tmp_path):
        if format_ == "saved_model":
            pytest.skip("it is a folder itself")
        (tmp_path / FILES[format_]).mkdir()
        assert "`path` is a folder" in refused(format_, model, tmp_path / FILES[format_], overwrite=True)
        assert list(tmp_path.iterdir()) == [tmp_path / FILES[format_]]


def test_files_within_a_saved_model_are_never_replaced(model, tmp_path):
    """Such as those of another export, whose folder the first one was."""
    folder = tmp_path / "m"
    ks.export.saved_model(model, folder, input_size=(16, 24))
    (folder / ".DS_Store").touch()
    ks.export.saved_model(model, folder, input_size=(16, 24), overwrite=True)
    for name in ("model.tflite", "assets.extra"):
        (folder / name).mkdir()
        before = contents(tmp_path)
        message = refused("saved_model", model, folder, overwrite=True)
        assert f"`path` is a folder that holds {name} besides the SavedModel" in message
        assert contents(tmp_path) == before
        (folder / name).rmdir()


@pytest.mark.parametrize("format_", ["tflite", "onnx", "saved_model"])
@pytest.mark.parametrize("place", [".", "..", "absolute"])
def test_the_current_folder_is_not_replaced(place, format_, model, tmp_path, monkeypatch):
    """ "." has no name, and an empty folder would be replaced under the shell."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    message = refused(format_, model, here if place == "absolute" else place, overwrite=True)
    assert "`path` is the current folder or holds it, and cannot be replaced" in message
    assert list(tmp_path.iterdir()) == [here] and not list(here.iterdir())


def test_a_saved_model_is_loaded_from_within(model, tmp_path, monkeypatch):
    ks.export.saved_model(model, tmp_path / "m", input_size=(16, 24))
    monkeypatch.chdir(tmp_path / "m")
    assert ks.export.load(".").size == (16, 24)
    (tmp_path / "m" / "variables").mkdir(exist_ok=True)
    monkeypatch.chdir("variables")
    assert ks.export.load("..").size == (16, 24)
    (tmp_path / "m.json").unlink()
    with pytest.raises(InputError, match="there is no m.json beside it"):
        ks.export.load("..")


def test_files_that_systems_leave_change_no_saved_model(model, tmp_path):
    """A copy that was looked into on a Mac, by its file manager or through a network, is still the one described."""
    folder = tmp_path / "m"
    ks.export.saved_model(model, folder, input_size=(16, 24))
    digest = SAVED_MODEL.digest(folder)
    for name in (".DS_Store", "variables/.DS_Store", "._saved_model.pb", "Thumbs.db", ".hidden/a"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"view settings")
    assert SAVED_MODEL.digest(folder) == digest
    assert ks.export.load(folder).size == (16, 24)
    (folder / "variables" / "more").write_bytes(b"weights")
    with pytest.raises(InputError, match="m.json beside it describes another file"):
        ks.export.load(folder)


def test_the_weights_of_another_program_are_never_replaced(model, tmp_path):
    (tmp_path / "m.bin").write_text("precious")
    message = refused("openvino", model, tmp_path / "m.xml", overwrite=True)
    assert "`path` exists already in part: m.bin lies there without m.xml" in message
    assert message.endswith("Choose another path, or move m.bin.")
    assert contents(tmp_path) == {"m.bin": b"precious"}


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def exported(format_, model, path, **options):
    """An export that works, and the content of its folder."""
    if format_ in ("onnx", "openvino"):
        pytest.importorskip({"onnx": "tf2onnx"}.get(format_, format_))
    getattr(ks.export, format_)(model, path, **{"input_size": (16, 24), **options})
    return contents(path.parent)


@pytest.mark.parametrize("format_", ["onnx", "openvino", "saved_model"])
class TestTheDescriptionBeside:
    @pytest.mark.parametrize("content", ['{"class_name": "Functional"}', "[1]", "precious", b"\xff"])
    def test_another_file_is_never_replaced(self, content, format_, model, tmp_path):
        """Such as `model.json`, which `model.to_json()` of Keras is often written to."""
        content = content if isinstance(content, bytes) else content.encode()
        beside = tmp_path / f"{FILES[format_]}.json"
        beside.write_bytes(content)
        for options in ({}, {"overwrite": True}):
            message = refused(format_, model, tmp_path / FILES[format_], **options)
            assert f"`path` is described by {beside.name} beside it, which exists already" in message
        assert contents(tmp_path) == {beside.name: content}

    def test_a_folder_is_never_replaced(self, format_, model, tmp_path):
        beside = tmp_path / f"{FILES[format_]}.json"
        beside.mkdir()
        assert "holds something else" in refused(format_, model, tmp_path / FILES[format_], overwrite=True)
        assert beside.is_dir()

    def test_that_of_an_earlier_file_is(self, format_, model, tmp_path):
        """It may have been left when the file was deleted."""
        path = tmp_path / FILES[format_]
        exported(format_, model, path, class_names=["a", "b"])
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        path.with_suffix(".bin").unlink(missing_ok=True)
        exported(format_, model, path, class_names=["c", "d"])
        assert ks.export.load(path).description["class_names"] == ["c", "d"]


def test_openvino_without_its_weights(model, tmp_path):
    exported("openvino", model, tmp_path / "m.xml")
    (tmp_path / "m.bin").unlink()
    message = r"m\.xml: keeps its weights in m\.bin, which is not beside it\. Copy both into one folder\.$"
    with pytest.raises(InputError, match=message):
        ks.export.load(tmp_path / "m.xml")


def test_tflite_has_none_beside(model, tmp_path):
    (tmp_path / "m.tflite.json").write_text("precious")
    assert exported("tflite", model, tmp_path / "m.tflite")["m.tflite.json"] == b"precious"


@pytest.mark.parametrize("format_", FILES)
class TestEarlierFiles:
    """Whatever fails leaves them as they are, and nothing beside them."""

    def test_labels_out_of_range(self, format_, model, tmp_path):
        path, masks = tmp_path / FILES[format_], np.zeros((1, 16, 24), int)
        given = {"images": np.full((1, 16, 24, 3), 99.0), "masks": masks}
        masks[0, 0, :2] = 255, 7
        assert refused(format_, model, path, **given) == (
            "`masks` must hold class ids from 0 to 1 and labels of `ignore_class` only. Received: masks=[7, 255]. "
            "Name the labels of void pixels in `ignore_class`, or correct the masks."
        )
        assert contents(tmp_path) == {}
        masks[0, 0, 1] = 1
        before = exported(format_, model, path, ignore_class=255, **given)
        assert "Received: masks=[255]" in refused(format_, model, path, overwrite=True, **given)
        assert contents(tmp_path) == before

    @pytest.mark.parametrize("step", ["export.exporter.class_agreement", "_files.write_json"])
    def test_a_report_that_cannot_be_made_or_written(self, step, format_, model, tmp_path, monkeypatch):
        path = tmp_path / FILES[format_]
        before = exported(format_, model, path)

        def failing(*arguments):
            raise InputError("Not today.")

        monkeypatch.setattr(f"keras_seg.{step}", failing)
        assert refused(format_, model, path, overwrite=True) == "Not today."
        assert contents(tmp_path) == before
        assert refused(format_, model, path.with_name(f"new{path.suffix}")) == "Not today."
        assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("labels", "received"),
    [
        (0.5, "masks=[0.5]"),
        (-1, "masks=[-1]"),
        (np.nan, "masks=[nan]"),
        (2**40, "masks=[1099511627776]"),
        ("road", "masks='an array of <U4'"),
    ],
)
def test_labels_that_are_none(labels, received, model, tmp_path):
    given = {"images": np.full((1, 16, 24, 3), 99.0), "masks": np.full((1, 16, 24), labels)}
    message = refused("tflite", model, tmp_path / "m.tflite", ignore_class=[255, 254], **given)
    assert message.startswith("`masks` must hold class ids") and received in message


def test_images_and_masks_that_are_not_one_array(model, tmp_path):
    """Those of different sizes, and a dataset, as `representative` may be."""
    import tensorflow as tf

    images = np.full((1, 16, 24, 3), 99.0)
    for values in ([images[0], images[0, :8]], tf.data.Dataset.from_tensors(images)):
        for name in ("images", "masks"):
            message = refused("tflite", model, tmp_path / "m.tflite", **{"images": images, name: values})
            assert message.startswith(f"`{name}` must be one array of numbers. Received: {name}=")
            with pytest.raises(InputError, match=f"`{name}` must be one array of numbers"):
                ks.export.check_delegates(tmp_path / "m.tflite", **{"images": images, name: values})
        with pytest.raises(InputError, match="`images` must be one array of numbers"):
            ks.export.write_reference(model, tmp_path / "m.npz", images=values)
    message = refused("tflite", model, tmp_path / "m.tflite", images=["a.png", "b.png"])
    assert "`images` must be an array (n, 16, 24, 3) with n > 0. Received: images=(2,)" in message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format_", FILES)
def test_an_exported_file_is_no_model_to_export(format_, model, tmp_path):
    """Such as an ONNX file that is to become a TFLite file; by itself, and with test-time augmentation."""
    exported("tflite", model, tmp_path / "first.tflite")
    before, file = contents(tmp_path), ks.export.load(tmp_path / "first.tflite")
    for one in (file, ks.inference.TestTimeAugmentation(file, "hflip")):
        message = refused(format_, one, tmp_path / FILES[format_])
        assert message.startswith("`model` must be the model itself, not one that runs an exported file. Received: ")
        assert message.endswith("Export the model that the file was made from.")
    assert contents(tmp_path) == before


@pytest.mark.parametrize("label", [1.0, True, np.uint8(1)])
def test_labels_of_other_types(label, model, tmp_path):
    given = {"images": np.full((1, 16, 24, 3), 99.0), "masks": np.full((1, 16, 24), label)}
    assert ks.export.tflite(model, tmp_path / "m.tflite", input_size=(16, 24), **given).iou is not None


def test_a_report_file_that_is_none(model, tmp_path):
    (tmp_path / "m").mkdir()
    for content in ("[1]", "broken", '{"m": 5}'):
        (tmp_path / "export_report.json").write_text(content)
        assert exports_of(tmp_path) == {}
    (tmp_path / "m").rmdir()
    (tmp_path / "export_report.json").write_text("[1]")
    ks.export.tflite(model, tmp_path / "m.tflite", input_size=(16, 24))
    assert list(exports_of(tmp_path)) == ["m.tflite"]


@pytest.mark.parametrize("format_", FILES)
def test_a_size_that_the_layers_do_not_take(format_, tmp_path):
    """Known before anything is folded or traced: by a layer of ours, and by one of Keras."""
    unpadded = ks.models.UNet2015(num_classes=2, filters=4)
    message = refused(format_, unpadded, tmp_path / FILES[format_], input_size=(188, 190))
    assert "188" in message and "204" in message  # The nearest that fit.
    image = keras.Input((None, None, 3))
    x = keras.layers.Add()([image, keras.layers.UpSampling2D()(keras.layers.MaxPooling2D()(image))])
    summed = keras.Model(image, keras.layers.Conv2D(2, 1, activation="softmax")(x))
    message = refused(format_, summed, tmp_path / FILES[format_], input_size=(16, 25))
    assert message.startswith("`input_size` is not taken by the model (")
    assert message.endswith("Received: input_size=(16, 25). Choose another size.")
    assert list(tmp_path.iterdir()) == []


def joining():
    """A U-Net as it is written by hand, which takes multiples of 4 only."""
    image = keras.Input((None, None, 3))
    x = keras.layers.UpSampling2D(4)(keras.layers.MaxPooling2D(4)(image / 255.0))
    x = keras.layers.Concatenate()([x, image / 255.0])
    return keras.Model(image, keras.layers.Conv2D(2, 1, activation="softmax")(x))


@pytest.mark.parametrize("format_", FILES)
def test_maps_of_different_sizes_cannot_be_joined(format_, tmp_path):
    message = refused(format_, joining(), tmp_path / FILES[format_], input_size=(16, 25))
    assert message.startswith("`input_size` is not taken by the model (Every value in `xs` must have the same shape")
    assert message.endswith("Received: input_size=(16, 25). Choose another size.")
    assert list(tmp_path.iterdir()) == []


def test_any_size_is_compared_at_sizes_that_the_model_takes(tmp_path):
    report = ks.export.saved_model(joining(), tmp_path / "m")
    assert report.input_shape == (2, 72, 92, 3) and report.images == 4
    model = ks.export.load(tmp_path / "m")
    assert model.predict_on_batch(np.zeros((1, 8, 4, 3))).shape == (1, 8, 4, 2)


@pytest.mark.parametrize("format_", FILES)
def test_a_model_of_fixed_size_has_no_other(format_, tmp_path):
    image = keras.Input((16, 24, 3))
    fixed = keras.Model(image, keras.layers.Conv2D(2, 1)(image))
    for size in ((None, None), (None, 24), 32):
        message = refused(format_, fixed, tmp_path / FILES[format_], input_size=size)
        assert "`input_size` must be the model's own size (16, 24)" in message
    assert list(tmp_path.iterdir()) == []


def test_sizes_that_are_none(model, tmp_path):
    for size, rule in (
        (None, "must be given for a model of dynamic size. .*(256, 256), or (None, None) for any size"),
        ((None, 0), "must be an integer of at least 1"),
        ((None,), "must be one integer or a pair"),
        ("any", "must be one integer or a pair"),
    ):
        message = refused("tflite", model, tmp_path / "m.tflite", input_size=size)
        assert all(part in message for part in rule.split(".*"))


def test_ranges_are_measured_at_one_size(model, tmp_path):
    for quantize in ("int8", "int16x8"):
        options = {"quantize": quantize, "representative": np.full((1, 16, 24, 3), 99.0), "input_size": (None, 24)}
        message = refused("tflite", model, tmp_path / "m.tflite", **options)
        assert f'`input_size` must be fixed for quantize="{quantize}", whose ranges are measured at one size' in message


def test_a_size_that_only_converting_or_running_shows(model, tmp_path, monkeypatch):
    """A runtime that fails at one of the two sizes: the error says which and what to do."""
    from keras_seg.export.tflite import tflite_format

    class Stubborn:
        def __init__(self, path, threads=2):
            self.inner = original(path, threads)

        def _get_ops_details(self):
            return self.inner._get_ops_details()

        def get_signature_runner(self):
            serve = self.inner.get_signature_runner()

            def run(image):
                if image.shape[1:3] == (97, 65):
                    raise RuntimeError("Node number 3 (RESHAPE) failed to prepare.")
                return serve(image=image)

            run.get_input_details, run.get_output_details = serve.get_input_details, serve.get_output_details
            return run

    original = tflite_format._interpreter
    monkeypatch.setattr(tflite_format, "_interpreter", Stubborn)
    message = refused("tflite", model, tmp_path / "m.tflite", RuntimeError, input_size=(None, None))
    assert "TFLite cannot run this model at any size, it fails at 97 x 65 (Node number 3" in message
    assert "input_size=(97, 65)" in message
    assert list(tmp_path.iterdir()) == []


class OwnError(Exception):
    """As ONNX Runtime and TensorFlow have, whose exceptions are neither RuntimeError nor ValueError."""


def failing(path):
    """A file in a runtime that fails when it is run."""

    def run(batch):
        raise OwnError("Concat: dimensions must match\nat node 3")

    return Loaded(run=run, input_shape=(None, None, None, 3), ops=())


def test_a_runtime_that_fails_at_the_comparison(model, tmp_path, monkeypatch):
    stubborn = dataclasses.replace(SAVED_MODEL, load=failing)
    monkeypatch.setattr("keras_seg.export.float_formats.SAVED_MODEL", stubborn)
    message = refused("saved_model", model, tmp_path / "m", RuntimeError)
    assert message.endswith("m was not written: SavedModel cannot run it (Concat: dimensions must match).")
    message = refused("saved_model", model, tmp_path / "m", RuntimeError, input_size=(None, None))
    assert (
        "SavedModel cannot run this model at any size, it fails at 70 x 90 (Concat: dimensions must match)" in message
    )
    assert list(tmp_path.iterdir()) == []


def ones_by_onnx(size):
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto
    node = helper.make_node("Expand", ["x", "size"], ["y"])
    inputs = [helper.make_tensor_value_info(*value) for value in (("x", kind.FLOAT, [1]), ("size", kind.INT64, [3]))]
    outputs = [helper.make_tensor_value_info("y", kind.FLOAT, [None] * 3)]
    graph = helper.make_graph([node], "ones", inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    session = pytest.importorskip("onnxruntime").InferenceSession(model.SerializeToString())
    return session.run(None, {"x": np.ones(1, "float32"), "size": np.array(size)})


def ones_by_openvino(size):
    openvino = pytest.importorskip("openvino")
    inputs = openvino.opset8.parameter([1], np.float32), openvino.opset8.parameter([3], np.int64)
    model = openvino.Model([openvino.opset8.broadcast(*inputs)], inputs)
    return openvino.compile_model(model, "CPU")([np.ones(1, "float32"), np.array(size)])


@pytest.mark.parametrize("ones", [ones_by_onnx, ones_by_openvino])
def test_what_runtimes_say_when_memory_ends(tmp_path, monkeypatch, ones):
    """An array of four terabytes. What predicts images names the fix: smaller tiles, not another size."""
    ks.export.saved_model(joining(), tmp_path / "m")
    file = ks.export.load(tmp_path / "m")
    full = dataclasses.replace(file._loaded, run=lambda served: ones([10**5, 10**6, 10]))
    monkeypatch.setattr(file, "_loaded", full)
    with pytest.raises(Exception) as caught:
        file.predict_on_batch(np.zeros((1, 8, 8, 3)))
    assert not isinstance(caught.value, InputError) and is_out_of_memory(caught.value)
    # Of OpenVINO, the places in its sources come first.
    assert "Exception from" not in first_line(caught.value)


def test_a_size_that_a_file_for_any_size_does_not_take(tmp_path, monkeypatch):
    ks.export.saved_model(joining(), tmp_path / "m")
    file = ks.export.load(tmp_path / "m")
    for number in (1, 2):
        with pytest.raises(
            InputError, match=r"m: cannot be run on images of 9x10 pixels \(.*\). Resize or pad"
        ) as caught:
            file.predict_on_batch(np.zeros((1, 9, 10, 3)))
        assert "\n" not in str(caught.value)
        if number == 1:
            monkeypatch.setattr(file, "_loaded", failing(tmp_path))


@pytest.mark.parametrize(
    "format_, module, extra",
    [("onnx", "tf2onnx", "onnx"), ("onnx", "onnxruntime", "onnx"), ("openvino", "openvino", "openvino")],
)
def test_a_missing_extra(format_, module, extra, model, tmp_path, monkeypatch):
    if module == "onnxruntime":
        pytest.importorskip("tf2onnx")
    monkeypatch.setitem(sys.modules, module, None)
    message = refused(format_, model, tmp_path / FILES[format_], ImportError)
    assert f'needs {module}: pip install "keras-seg[{extra}]"' in message
    assert list(tmp_path.iterdir()) == []


def test_without_litert_tensorflow_has_an_interpreter(model, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    report = ks.export.tflite(model, tmp_path / "m.tflite", input_size=(16, 24))
    assert report.agreement == 1.0
    assert "CONV_2D" in report.ops


def test_a_model_that_is_none(tmp_path):
    one, two = keras.Input((8, 8, 3)), keras.Input((8, 8, 3))
    assert "`model` must take one input" in refused("saved_model", keras.Model([one, two], one + two), tmp_path / "m")
    assert "`model` must take one input" in refused("tflite", np.zeros(3), tmp_path / "m")
