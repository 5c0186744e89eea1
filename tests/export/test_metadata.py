"""What a client learns from a file, read by other people's readers."""

import io
import json
import zipfile

import keras
import numpy as np
import pytest

import keras_seg as ks
from keras_seg._validation import InputError

if keras.backend.backend() != "tensorflow":
    pytest.skip("exports are made on the TensorFlow backend", allow_module_level=True)

pytestmark = pytest.mark.tensorflow_only
SIZE, NAMES = (48, 64), ("ground", "disc", "sky")


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return ks.models.UNet(num_classes=3, filters=4, depth=2)


@pytest.fixture(scope="module", params=["float32", "uint8"])
def file(request, model, tmp_path_factory):
    path = tmp_path_factory.mktemp("metadata") / "m.tflite"
    ks.export.tflite(model, path, input_size=SIZE, input=request.param, class_names=NAMES, ignore_class=255)
    return path


def test_files_within(file):
    archive = zipfile.ZipFile(io.BytesIO(file.read_bytes()))
    assert archive.read("labels.txt").decode().split() == list(NAMES)
    description = json.loads(archive.read("keras_seg.json"))
    assert (description["class_names"], description["ignore_class"]) == (list(NAMES), [255])
    assert description["colors"] == ks.visualization.palette(3).tolist()
    assert (description["input"]["range"], description["input"]["size"]) == ([0, 255], list(SIZE))


def test_what_the_published_schema_reads(file):
    """mediapipe's own generated readers of the schema, without the rest of mediapipe's metadata tools."""
    pytest.importorskip("mediapipe")
    from mediapipe.tasks.metadata import metadata_schema_py_generated as schema
    from mediapipe.tasks.metadata import schema_py_generated as files

    content = files.Model.GetRootAs(file.read_bytes(), 0)
    entry = next(m for m in map(content.Metadata, range(content.MetadataLength())) if m.Name() == b"TFLITE_METADATA")
    held = content.Buffers(entry.Buffer()).DataAsNumpy().tobytes()
    assert schema.ModelMetadata.ModelMetadataBufferHasIdentifier(held, 0)
    graph = schema.ModelMetadataT.InitFromObj(schema.ModelMetadata.GetRootAs(held, 0)).subgraphMetadata[0]
    image, (scores,) = graph.inputTensorMetadata[0], graph.outputTensorMetadata
    size = image.content.contentProperties.defaultSize
    assert (image.name, size.height, size.width) == (b"image", *SIZE)
    assert image.content.contentProperties.colorSpace == schema.ColorSpaceType.RGB
    assert (list(image.stats.min), list(image.stats.max)) == ([0.0] * 3, [255.0] * 3)
    assert (scores.name, scores.associatedFiles[0].name) == (b"probabilities", b"labels.txt")
    assert scores.associatedFiles[0].type == schema.AssociatedFileType.TENSOR_AXIS_LABELS
    if image.processUnits:
        options = image.processUnits[0].options
        assert (list(options.mean), list(options.std)) == ([0.0], [1.0])


def test_mediapipe_segments_with_it(file, model):
    """Labels, category mask, confidence masks, and the size of the image restored."""
    mediapipe = pytest.importorskip("mediapipe")
    from mediapipe.tasks.python import BaseOptions, vision

    image = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype="uint8")
    options = vision.ImageSegmenterOptions(
        base_options=BaseOptions(model_asset_path=str(file)), output_category_mask=True, output_confidence_masks=True
    )
    with vision.ImageSegmenter.create_from_options(options) as segmenter:
        assert segmenter.labels == list(NAMES)
        result = segmenter.segment(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=image))
        classes = np.squeeze(result.category_mask.numpy_view())
        masks = np.stack([np.squeeze(mask.numpy_view()) for mask in result.confidence_masks], axis=-1)
        twice = image.repeat(2, axis=0).repeat(2, axis=1)
        large = segmenter.segment(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=twice))
        assert np.squeeze(large.category_mask.numpy_view()).shape == twice.shape[:2]
    expected = model.predict(image[None].astype("float32"), verbose=0)[0]
    np.testing.assert_allclose(masks, expected, atol=0.005)  # It keeps them in bytes on some builds.
    assert (classes == expected.argmax(-1)).mean() > 0.999


def test_mediapipe_segments_images_with_transparency(tmp_path):
    """It refuses four numbers of normalization."""
    mediapipe = pytest.importorskip("mediapipe")
    from mediapipe.tasks.python import BaseOptions, vision

    model = ks.models.UNet(num_classes=3, filters=4, depth=2, input_shape=(None, None, 4))
    ks.export.tflite(model, tmp_path / "m.tflite", input_size=SIZE)
    image = np.random.default_rng(0).integers(0, 256, (*SIZE, 4), dtype="uint8")
    options = vision.ImageSegmenterOptions(
        base_options=BaseOptions(model_asset_path=str(tmp_path / "m.tflite")), output_confidence_masks=True
    )
    with vision.ImageSegmenter.create_from_options(options) as segmenter:
        result = segmenter.segment(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGBA, data=image))
        masks = np.stack([np.squeeze(mask.numpy_view()) for mask in result.confidence_masks], axis=-1)
    expected = model.predict(image[None].astype("float32"), verbose=0)[0]
    np.testing.assert_allclose(masks, expected, atol=0.005)


def test_spaces_around_names_are_dropped(model, tmp_path):
    ks.export.tflite(model, tmp_path / "m.tflite", input_size=SIZE, class_names=[" sky", "road \r\n", "pole"])
    archive = zipfile.ZipFile(tmp_path / "m.tflite")
    assert archive.read("labels.txt").decode() == "sky\nroad\npole\n"


def test_the_sidecar_of_other_formats(model, tmp_path):
    ks.export.saved_model(model, tmp_path / "m", class_names=NAMES, colors=[(1, 2, 3)] * 3, output="both")
    description = json.loads((tmp_path / "m.json").read_text())
    assert description["class_names"] == list(NAMES)
    assert description["colors"] == [[1, 2, 3]] * 3
    assert description["output"] == "both"
    assert description["input"]["size"] == [None, None]


@pytest.mark.parametrize(
    "options, message",
    [
        ({"class_names": NAMES[:2]}, "`class_names` must hold 3 names"),
        ({"class_names": "abc"}, "`class_names` must be a sequence of names"),
        ({"class_names": {"a": 1, "b": 2, "c": 3}}, "`class_names` must be a sequence of names"),
        ({"class_names": ["a", "b\nc", "d"]}, "`class_names` must hold names: text of one line"),
        ({"class_names": ["a", "b\u2028c", "d"]}, "`class_names` must hold names: text of one line"),
        ({"class_names": ["a", " ", "d"]}, "`class_names` must hold names: text of one line"),
        ({"class_names": ["a", None, "d"]}, "`class_names` must hold names: text of one line"),
        ({"class_names": ["a", "b", " a\n"]}, "`class_names` must not repeat"),
        ({"colors": [(0, 0, 0)] * 2}, "`colors` must hold 3 colors"),
        ({"colors": [(0, 0, 300)] * 3}, "`colors` must hold 3 colors"),
        ({"ignore_class": "void"}, "`ignore_class` must be None, an integer"),
    ],
)
def test_bad_descriptions(options, message, model, tmp_path):
    with pytest.raises(InputError, match=message):
        ks.export.tflite(model, tmp_path / "m.tflite", input_size=SIZE, **options)
    assert list(tmp_path.iterdir()) == []
