"""The page of examples/web in headless Chromium: the mask it makes is Python's, pixel by pixel."""

import keras
import numpy as np
import pytest
import web_page
from PIL import Image

import keras_seg as ks

if keras.backend.backend() != "tensorflow":
    pytest.skip("exports are made on the TensorFlow backend", allow_module_level=True)

pytestmark = [pytest.mark.tensorflow_only, pytest.mark.slow]  # Ten exports and a browser.
SIZE, NAMES = (48, 64), ("ground", "disc & <b>rim</b>", "sky")
COLORS = [(20, 30, 40), (250, 120, 0), (0, 120, 250)]
# Files of which a page of pictures would show other classes.
REFUSED = {
    "any": {"input_size": (None, None)},
    "pairs": {"batch_size": 2},
    "four": {"channels": 4},
    "overlapping": {"activation": "sigmoid"},
}
# Two builds of one runtime add in another order: classes may differ where the best two are nearer than this.
ROUNDING = 1e-5


@pytest.fixture(scope="module")
def chromium():
    if missing := web_page.what_is_missing():
        pytest.skip(missing)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A picture of the models' size, which the page resizes no more, and a larger one."""
    folder = tmp_path_factory.mktemp("pictures")
    image, _ = ks.data.shapes_scene(3, image_size=SIZE)
    Image.fromarray(image).save(folder / "exact.png")
    Image.fromarray(ks.data.shapes_scene(4, image_size=(150, 200))[0]).save(folder / "large.png")
    (folder / "notes.txt").write_text("no picture")
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory, pictures):
    """The page as it is served, with models of every kind of input and output beside it."""
    keras.utils.set_random_seed(0)
    folder = tmp_path_factory.mktemp("site")
    web_page.lay(folder)
    scene = np.asarray(Image.open(pictures / "exact.png"))[None]
    about = {"input_size": SIZE, "class_names": NAMES, "colors": COLORS}
    model = _decided(ks.models.UNet(num_classes=3, filters=4, depth=2), scene)
    ks.export.tflite(model, folder / "model.tflite", **about)
    ks.export.tflite(model, folder / "ids.tflite", output="class_ids", input="uint8", **about)
    ks.export.tflite(model, folder / "int8.tflite", quantize="int8", input="uint8", representative=scene, **about)
    binary = _decided(ks.models.UNet(num_classes=1, filters=4, depth=2, activation="sigmoid"), scene)
    ks.export.tflite(binary, folder / "binary.tflite", input_size=SIZE, quantize="dynamic")
    logits = _decided(ks.models.UNet(num_classes=1, filters=4, depth=2, activation=None), scene)
    in_bytes = {"quantize": "int8", "input": "uint8", "representative": scene}
    ks.export.tflite(logits, folder / "logits.tflite", input_size=SIZE, **in_bytes)
    for name, options in REFUSED.items():
        image = keras.Input((None, None, options.get("channels", 3)))
        activation = options.get("activation", "softmax")
        small = keras.Model(image, keras.layers.Conv2D(2, 1, activation=activation)(image / 255.0))
        options = {key: value for key, value in options.items() if key in ("input_size", "batch_size")}
        options = {"input_size": SIZE, **options}
        ks.export.tflite(small, folder / f"{name}.tflite", **options)
    whole = (folder / "model.tflite").read_bytes()
    (folder / "silent.tflite").write_bytes(whole[: whole.index(b"PK\x03\x04")])
    return folder


def _decided(model, images):
    """An untrained model whose classes differ from place to place: its logits are centered and spread."""
    head = model.layers[-1]
    while not head.weights:
        head = head._inbound_nodes[0].input_tensors[0]._keras_history.operation
    logits = keras.Model(model.input, head.output).predict_on_batch(images.astype("float32"))
    kernel, bias = head.get_weights()
    spread = logits.std(axis=(0, 1, 2))
    head.set_weights([3 * kernel / spread, 3 * (bias - logits.mean(axis=(0, 1, 2))) / spread])
    return model


@pytest.fixture(scope="module")
def told(chromium, site, pictures):
    """What the page said at each step of one visit."""
    exact = {"do": "give", "file": str(pictures / "exact.png"), "type": "image/png"}
    steps = {
        "start": {"do": "open"},
        "dropped": exact,
        "painted": {"do": "paint", "only": 1},
        "large": {**exact, "file": str(pictures / "large.png"), "choose": "picture"},
        "no picture": {**exact, "file": str(pictures / "notes.txt"), "type": "text/plain"},
        "other model": {"do": "give", "file": str(site / "binary.tflite"), "type": ""},
        "silent model": {"do": "give", "file": str(site / "silent.tflite"), "choose": "file"},
        "phone": {"do": "screenshot", "file": str(site / "phone.png"), "width": 360, "height": 740},
        "camera": {"do": "camera", "frames": 3},
    }
    for name in ("ids", "int8", "binary"):
        steps[f"open {name}"] = {"do": "open", "query": f"?model={name}.tflite"}
        steps[name] = exact
    steps["logits in bytes"] = {"do": "open", "query": "?model=logits.tflite"}
    for name in REFUSED:
        steps[name] = {"do": "open", "query": f"?model={name}.tflite"}
    steps["missing"] = {"do": "open", "query": "?model=missing.tflite"}
    return web_page.visit(site, steps)


def _python(file, image):
    """(class ids, how far the best class is ahead) of a file under LiteRT's own interpreter."""
    Interpreter = pytest.importorskip("ai_edge_litert.interpreter").Interpreter
    interpreter = Interpreter(model_path=str(file), num_threads=1)
    serve = interpreter.get_signature_runner()
    kind = serve.get_input_details()["image"]["dtype"]
    (scores,) = serve(image=image[None].astype(kind)).values()
    details = next(iter(serve.get_output_details().values()))
    if scores.ndim == 3:
        return scores[0], np.inf
    scale, zero = details["quantization"]
    scores = scores[0].astype("float64") if scale == 0 else (scores[0].astype("float64") - zero) * scale
    if scores.shape[-1] == 1:
        return (scores[..., 0] > 0.5).astype(int), np.abs(scores[..., 0] - 0.5)
    ordered = np.sort(scores, axis=-1)
    return scores.argmax(-1), ordered[..., -1] - ordered[..., -2]


@pytest.mark.parametrize("step, file", [("dropped", "model"), ("ids", "ids"), ("int8", "int8"), ("binary", "binary")])
def test_the_mask_is_pythons(step, file, told, site, pictures):
    found = np.reshape(told[step]["classes"], (told[step]["height"], told[step]["width"]))
    expected, ahead = _python(site / f"{file}.tflite", np.asarray(Image.open(pictures / "exact.png")))
    assert found.shape == expected.shape == SIZE
    assert np.bincount(expected.ravel()).min() > 50, "the picture has every class in it"
    differ = found != expected
    assert not (differ & (ahead > ROUNDING)).any(), f"{differ.sum()} pixels differ"
    assert differ.mean() < 0.001
    assert told[step]["milliseconds"] > 0
    assert float(told[step]["time"]) == pytest.approx(told[step]["milliseconds"], abs=0.51)


def test_the_legend_says_names_colors_and_shares(told):
    assert [row[:2] for row in told["start"]["legend"]] == [
        [name, "rgb({}, {}, {})".format(*color)] for name, color in zip(NAMES, COLORS, strict=True)
    ]
    counts = np.bincount(told["dropped"]["classes"], minlength=3) / (SIZE[0] * SIZE[1])
    for (_, _, text), share in zip(told["dropped"]["legend"], counts, strict=True):
        assert float(text.removesuffix(" %")) == pytest.approx(100 * share, abs=0.51)
    assert "64 \u00d7 48" in told["start"]["model"] and "model.tflite" in told["start"]["model"]


def test_the_overlay_has_the_color_of_the_class_that_is_chosen_and_the_picture_elsewhere(told, pictures):
    assert told["painted"]["pressed"] == "true"
    painted = np.reshape(told["painted"]["pixels"], (*SIZE, 4))[..., :3]
    chosen = np.reshape(told["dropped"]["classes"], SIZE) == 1
    expected = np.where(chosen[..., None], COLORS[1], np.asarray(Image.open(pictures / "exact.png")))
    np.testing.assert_array_equal(painted, expected)


def test_a_picture_is_shown_at_its_own_size(told):
    assert told["dropped"]["view"] == list(SIZE)
    assert told["large"]["view"] == [150, 200]
    assert len(told["large"]["classes"]) == SIZE[0] * SIZE[1]


def test_what_cannot_be_read_is_said_and_nothing_is_lost(told):
    assert "notes.txt is no picture" in told["no picture"]["error"]
    assert told["no picture"]["view"] == [150, 200]
    assert "no keras_seg.json in this file" in told["silent model"]["error"]
    assert "binary.tflite" in told["silent model"]["model"]
    assert "scores in bytes that are no probabilities: export with" in told["logits in bytes"]["error"]
    assert "There is no missing.tflite beside this page" in told["missing"]["error"]
    assert all(told[step]["error"] is None for step in ("start", "dropped", "large", "camera", "int8"))


@pytest.mark.parametrize(
    "name, words",
    [
        ("any", "takes images of any size: export for one, such as input_size=(256, 256)"),
        ("pairs", "takes 2 images at once: export with batch_size=1"),
        ("four", "takes images of 4 channels, and pictures in a browser have three"),
        ("overlapping", "Classes of this file overlap, and a pixel has one class here"),
    ],
)
def test_a_file_that_pictures_do_not_fit_is_refused(name, words, told):
    assert words in told[name]["error"]
    assert told[name]["legend"] == []


def test_another_model_takes_over_with_the_picture(told):
    assert [name for name, _, _ in told["other model"]["legend"]] == ["class_0", "class_1"]
    assert set(told["other model"]["classes"]) <= {0, 1}


def test_it_fits_a_phone(told):
    assert not told["phone"]["scrolls"]


def test_the_camera(told):
    assert told["camera"]["frames"] == 3
    assert told["camera"]["pressed"] == "false"
    assert told["camera"]["view"] == [480, 640]
