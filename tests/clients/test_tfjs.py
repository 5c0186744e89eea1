"""SavedModels as graph models of TF.js, in headless Chromium: their outputs are those of Keras."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
import web_page

import keras_seg as ks

if keras.backend.backend() != "tensorflow":
    pytest.skip("exports are made on the TensorFlow backend", allow_module_level=True)

pytestmark = [pytest.mark.tensorflow_only, pytest.mark.slow]  # Four exports, four conversions and a browser.
CLIENT = pathlib.Path(__file__).with_name("tfjs")
CONVERTER = os.environ.get("TENSORFLOWJS_CONVERTER") or shutil.which("tensorflowjs_converter")
BACKENDS = ("cpu", "wasm", "webgl")
SIZE = (64, 96)


def _what_is_missing():
    if CONVERTER is None:
        return "install tensorflowjs in an environment of its own and name its converter in TENSORFLOWJS_CONVERTER"
    if not (CLIENT / "node_modules" / "@tensorflow" / "tfjs-backend-wasm").is_dir():
        return "run `npm install --no-package-lock` in tests/clients/tfjs"
    if shutil.which("node") is None:
        return "there is no node to drive a browser with"
    if web_page.browser() is None:
        return "there is no Chromium: install it, or name one in the variable CHROMIUM"
    return None


def _unet():
    return ks.models.UNet(num_classes=3, backbone="Compact", decoder_filters=(16, 16, 16, 16), decoder_stride=2)


def _segnet():
    return ks.models.SegNet(num_classes=3, filters=(8, 8, 16, 16, 16))


# The model, and how its SavedModel is written.
CASES = {
    "unet": (_unet, {"output": "both"}),
    "unet_fixed": (_unet, {"output": "both", "input_size": SIZE, "batch_size": 1}),
    "unet_uint8": (_unet, {"output": "class_ids", "input": "uint8"}),
    "segnet": (_segnet, {"output": "both"}),
}


@pytest.fixture(scope="module")
def scene():
    return ks.data.shapes_scene(3, image_size=SIZE)[0][None]


@pytest.fixture(scope="module")
def runs(tmp_path_factory, scene):
    """(what Keras predicts, {(case, backend): what the page gave})."""
    if missing := _what_is_missing():
        pytest.skip(missing)
    folder, expected, cases = tmp_path_factory.mktemp("tfjs"), {}, {}
    for name, (make, options) in CASES.items():
        keras.utils.set_random_seed(0)
        model = _every_weight_counts(make(), scene)
        expected[name] = model.predict_on_batch(scene.astype("float32"))
        ks.export.saved_model(model, folder / f"{name}_saved", images=scene, **options)
        _convert(folder / f"{name}_saved", folder / name)
        kind = "int32" if options.get("input") == "uint8" else "float32"
        for backend in BACKENDS:
            cases[name, backend] = [name, backend, scene.ravel().tolist(), scene.shape, kind]
    return expected, dict(zip(cases, _drive(folder, list(cases.values())), strict=True))


def _every_weight_counts(model, images):
    """An untrained model with biases, whose classes differ from place to place: its logits are centered and spread."""
    rng = np.random.default_rng(0)
    for layer in model._flatten_layers():
        if getattr(layer, "bias", None) is not None:
            layer.bias.assign(rng.normal(scale=0.1, size=layer.bias.shape))
    head = next(layer for layer in reversed(model.layers) if layer.weights)
    logits = keras.Model(model.input, head.output).predict_on_batch(images.astype("float32"))
    kernel, bias = head.get_weights()
    spread = logits.std(axis=(0, 1, 2))
    head.set_weights([3 * kernel / spread, 3 * (bias - logits.mean(axis=(0, 1, 2))) / spread])
    return model


def _convert(saved_model, folder):
    command = [CONVERTER, "--input_format=tf_saved_model", "--output_format=tfjs_graph_model", saved_model, folder]
    # Nothing of this process' environment may reach the converter's own packages.
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "KERAS_BACKEND")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert (folder / "model.json").is_file(), done.stderr[-2000:]


def _drive(folder, cases):
    for file in ("page.html", "drive_tfjs.mjs"):
        shutil.copy(CLIENT / file, folder)
    shutil.copy(web_page.PAGE / "serve.py", folder)
    (folder / "node_modules").symlink_to(CLIENT / "node_modules")
    (folder / "cases.json").write_text(json.dumps(cases))
    command = [sys.executable, folder / "serve.py", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        url = server.stdout.readline().strip() + "/"
        command = ["node", "drive_tfjs.mjs", url, web_page.browser(), "cases.json"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    finally:
        server.terminate()
        server.wait()
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", CASES)
def test_a_graph_model_computes_what_keras_computes(name, backend, runs):
    expected, found = runs
    told = found[name, backend]
    assert "error" not in told, told["error"]
    assert told["backend"] == backend
    outputs = {key: np.reshape(each["values"], each["shape"]) for key, each in told["outputs"].items()}
    scores = expected[name]
    ids = scores.argmax(axis=-1)
    assert np.bincount(ids.ravel(), minlength=3).min() > 50, "every class is predicted somewhere"
    assert told["outputs"]["class_ids"]["dtype"] == "int32"
    assert (outputs["class_ids"] == ids).mean() >= 0.999
    if CASES[name][1]["output"] == "both":
        difference = np.abs(outputs["probabilities"] - scores).max()
        print(f"{name} {backend}: {difference:.1e}, {told['milliseconds']:.0f} ms")
        assert difference < 1e-3
