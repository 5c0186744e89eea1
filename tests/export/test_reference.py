"""Models of other backends: what they predict there is what is exported here."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_seg as ks
from keras_seg._validation import InputError

ON_TENSORFLOW = keras.backend.backend() == "tensorflow"


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    image = keras.Input((None, None, 3))
    return keras.Model(image, keras.layers.Conv2D(3, 3, padding="same", activation="softmax")(image / 255.0))


def test_export_says_every_step(model, tmp_path):
    """One line with the code to type; on TensorFlow there is nothing to say."""
    if ON_TENSORFLOW:
        pytest.skip("exports are made on this backend")
    with pytest.raises(InputError) as caught:
        ks.export.tflite(model, tmp_path / "m.tflite", input_size=32)
    text = str(caught.value)
    steps = (
        "model.save(",
        "ks.export.write_reference(model,",
        "KERAS_BACKEND=tensorflow",
        "load_model(",
        "check_reference(",
    )
    places = [text.index(step) for step in steps]
    assert places == sorted(places)
    assert "\n" not in text
    assert not list(tmp_path.iterdir())


def test_a_model_is_held_against_what_it_predicted(model, tmp_path):
    assert ks.export.write_reference(model, tmp_path / "r.npz") == tmp_path / "r.npz"
    assert ks.export.check_reference(model, tmp_path / "r.npz") < 1e-6
    images = np.random.default_rng(0).uniform(0, 255, (1, 97, 130, 3))
    ks.export.write_reference(model, tmp_path / "r.npz", images=images, overwrite=True)
    assert ks.export.check_reference(model, tmp_path / "r.npz") < 1e-6
    other = keras.models.clone_model(model)
    other.set_weights([weight + 0.1 * np.sign(weight) for weight in model.get_weights()])
    with pytest.raises(RuntimeError, match=f"^The model on .* its output differs from {keras.backend.backend()}'s by"):
        ks.export.check_reference(other, tmp_path / "r.npz")


@pytest.mark.tensorflow_only
def test_bad_references(model, tmp_path):
    with pytest.raises(InputError, match="`path` does not exist.*ks.export.write_reference"):
        ks.export.check_reference(model, tmp_path / "r.npz")
    for content in (b"", b"no zip", b"PK\x03\x04 cut"):
        (tmp_path / "r.npz").write_bytes(content)
        with pytest.raises(InputError, match="`path` is not a file of ks.export.write_reference"):
            ks.export.check_reference(model, tmp_path / "r.npz")
    with pytest.raises(InputError, match="`path` exists already"):
        ks.export.write_reference(model, tmp_path / "r.npz")
    with pytest.raises(InputError, match="`images` must be an array"):
        ks.export.write_reference(model, tmp_path / "new.npz", images=np.zeros((2, 8, 8, 1)))
    assert [item.name for item in tmp_path.iterdir()] == ["r.npz"]
    np.savez(tmp_path / "other.npz", images=np.zeros((1, 8, 8, 1), "float32"), backend="jax")
    with pytest.raises(InputError, match="`path` is the reference of another model"):
        ks.export.check_reference(model, tmp_path / "other.npz")
    two = [keras.Input((8, 8, 3)) for _ in range(2)]
    for call in (ks.export.check_reference, ks.export.write_reference):
        with pytest.raises(InputError, match="`model` must take one input"):
            call(keras.Model(two, two[0] + two[1]), tmp_path / "other.npz")


def of(classes, size=(None, None), dtype="float32"):
    image = keras.Input((*size, 3))
    return keras.Model(image, keras.layers.Conv2D(classes, 1, activation="softmax", dtype=dtype)(image / 255.0))


@pytest.mark.tensorflow_only
@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (lambda: of(3, (16, 24)), r"It holds images \(97, 130, 3\)"),
        (lambda: of(3, (None, 24)), r"It holds images \(97, 130, 3\)"),
        (lambda: of(5), r"Its probabilities have the shape \(2, 97, 130, 3\), those of `model` \(2, 97, 130, 5\)"),
        (
            lambda: keras.Sequential([keras.Input((None, None, 3)), keras.layers.Cropping2D(1), of(3)]),
            r"Its probabilities have the shape \(2, 97, 130, 3\), those of `model` \(2, 95, 128, 3\)",
        ),
    ],
    ids=["size", "one side", "classes", "size of the maps"],
)
def test_references_of_other_models(other, reason, model, tmp_path):
    ks.export.write_reference(model, tmp_path / "r.npz")
    with pytest.raises(InputError, match=rf"`path` is the reference of another model\. .* {reason}: load") as caught:
        ks.export.check_reference(other(), tmp_path / "r.npz")
    assert "\n" not in str(caught.value)


@pytest.mark.tensorflow_only
def test_damaged_references(model, tmp_path):
    path, images = ks.export.write_reference(model, tmp_path / "r.npz"), np.zeros((1, 8, 8, 3), "float32")
    content = path.read_bytes()
    damaged = [
        content[:begin] + 1000 * byte + content[begin + 1000 :] for begin in (2000, -9000) for byte in (b"\xff", b"\0")
    ]
    damaged += [content[:-100], content[: len(content) // 2]]
    for bad in damaged:
        path.write_bytes(bad)
        with pytest.raises(InputError, match="`path` is not a file of ks.export.write_reference") as caught:
            ks.export.check_reference(model, path)
        assert "\n" not in str(caught.value)
    np.save(tmp_path / "array.npy", images)
    (tmp_path / "array.npy").replace(path)
    with pytest.raises(InputError, match="`path` is not a file of"):
        ks.export.check_reference(model, path)
    for arrays in (
        {"images": images[0]},
        {"images": images[:0]},
        {"images": images.astype(str)},
        {"map/a": images.astype(str)},
    ):
        np.savez(path, **{"images": images, "backend": "jax", **arrays})
        with pytest.raises(InputError, match="`path` is not a file of"):
            ks.export.check_reference(model, path)


@pytest.mark.tensorflow_only
def test_a_model_that_takes_few_sizes(tmp_path):
    model = ks.models.UNet2015(num_classes=2, filters=2)
    path = ks.export.write_reference(model, tmp_path / "r.npz")
    with np.load(path) as held:
        assert held["images"].shape == (2, 188, 188, 3)
    assert ks.export.check_reference(model, path) < 1e-6


@pytest.mark.tensorflow_only
def test_scores_in_half_precision(tmp_path):
    model = of(3, dtype="mixed_bfloat16")
    ks.export.write_reference(model, tmp_path / "r.npz")
    assert ks.export.check_reference(model, tmp_path / "r.npz") == 0


TRAIN = """
import sys, numpy as np, keras, keras_seg as ks
keras.utils.set_random_seed(0)
rng = np.random.default_rng(0)
model = ks.models.UNet(num_classes=3, filters=4, depth=2)
model.compile("adam", loss=ks.losses.Crossentropy())
model.fit(rng.uniform(0, 255, (4, 32, 32, 3)), rng.integers(0, 3, (4, 32, 32)), verbose=0)
model.save("m.keras")
ks.export.write_reference(model, "m.npz")
"""
EXPORT = """
import keras, keras_seg as ks
model = keras.saving.load_model("m.keras")
print(ks.export.check_reference(model, "m.npz"))
report = ks.export.tflite(model, "m.tflite", input_size=(32, 48))
assert report.agreement >= 0.999, report
"""


def on(backend, folder, *command):
    environment = {**os.environ, "KERAS_BACKEND": backend}
    done = subprocess.run([sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.tensorflow_only
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_trained_there_and_exported_here(backend, tmp_path):
    """The documented steps, each in the process it names."""
    pytest.importorskip(backend)
    on(backend, tmp_path, "-c", TRAIN)
    assert float(on("tensorflow", tmp_path, "-c", EXPORT)) < 1e-3
    with np.load(tmp_path / "m.npz") as held:
        assert str(held["backend"]) == backend


@pytest.mark.slow
@pytest.mark.tensorflow_only
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_the_command_does_it_by_itself(backend, tmp_path):
    pytest.importorskip(backend)
    ks.data.write_shapes(tmp_path / "data", train=4, val=2, image_size=48)
    train = ("train", "data", "--out", "run", "--epochs", "1", "--batch-size", "2", "--crop", "32x32")
    on(backend, tmp_path, "-m", "keras_seg", *train)
    printed = on(backend, tmp_path, "-m", "keras_seg", "export", "run", "--size", "any", "--output", "both")
    assert f"Predicting on {backend}, then exporting on TensorFlow." in printed
    assert "The predictions equal those of the reference; largest difference" in printed
    report = json.loads((tmp_path / "run" / "export_report.json").read_text())["model.tflite"]
    assert (report["output"], report["agreement"]) == ("both", 1.0)
