"""A run tells which files are on another scale than its training images, and keeps what it has predicted."""

import re
import types
import warnings

import keras
import numpy as np
import pytest
from PIL import Image
from usable_models import usable_model

from keras_seg import InputError
from keras_seg.training.file_predictor import NotPredictedError, named
from keras_seg.training.prediction_files import predict_files, prediction_files
from keras_seg.training.prediction_inputs import find_images
from keras_seg.training.run_data import rescan_run_data, scan_run_data
from keras_seg.training.tasks import find_task

pytestmark = pytest.mark.tensorflow_only
UNIT = np.random.default_rng(0).random((16, 16, 3)).astype("float32")
TWELVE_BITS = (UNIT / UNIT.max() * 4095).astype("uint16")


@pytest.fixture(scope="module")
def model():
    return keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(2, 1, activation="softmax")])


def write(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, values)
    elif values.dtype == np.uint8:
        Image.fromarray(values).save(path)
    else:
        import tifffile

        tifffile.imwrite(path, values, photometric="rgb")


def predicted(model, folder, image_range):
    """The lines that are said, and the reason of each failure by file name."""
    said = []
    files = prediction_files(find_images([folder]), folder.parent / "out", overwrite=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        failures = predict_files(usable_model(image_range), model, files, overwrite=True, notice=said.append)
    return said, {failure.image.name: failure.reason for failure in failures}


@pytest.mark.parametrize("name", ["a.tif", "a.npy"])
def test_another_scale_is_said_once(tmp_path, model, name):
    write(tmp_path / "in" / name, TWELVE_BITS)
    write(tmp_path / "in" / f"b{name[1:]}", TWELVE_BITS // 2)
    write(tmp_path / "in" / "c.png", (UNIT * 255).astype("uint8"))
    [line], failures = predicted(model, tmp_path / "in", (0, 255))
    assert "a" in line and "to 15.9" in line and "2 of 3 files" in line and "from 0 to 255" in line
    [line], more = predicted(model, tmp_path / "in", (0, 15.9))
    assert line.startswith("c.png holds values from 0 to 255, but the training images held values from 0 to 15.9")
    assert not failures and not more


@pytest.mark.parametrize("name", ["a.tif", "a.npy"])
def test_fractions_are_not_predicted_as_pixel_values(tmp_path, model, name):
    write(tmp_path / "in" / name, UNIT)
    write(tmp_path / "in" / "c.png", (UNIT * 255).astype("uint8"))
    said, failures = predicted(model, tmp_path / "in", (0, 255))
    assert not said and list(failures) == [name] and "values up to" in failures[name]
    assert not (tmp_path / "out" / "masks" / name).exists()
    said, failures = predicted(model, tmp_path / "in", (0, 1))
    assert not said and list(failures) == ["c.png"] and "on the scale of the training images" in failures["c.png"]


def test_the_scale_of_training_needs_no_word(tmp_path, model):
    write(tmp_path / "in" / "a.npy", UNIT)
    write(tmp_path / "in" / "b.tif", UNIT)
    assert predicted(model, tmp_path / "in", (0, 1)) == ([], {})


def test_without_a_listener_it_is_a_warning(tmp_path, model):
    write(tmp_path / "in" / "a.tif", TWELVE_BITS)
    files = prediction_files(find_images([tmp_path / "in"]), tmp_path / "out")
    with pytest.warns(UserWarning, match="but the training images held"):
        predict_files(usable_model((0, 255)), model, files)


def test_transparent_images_are_said(tmp_path, model):
    values = np.concatenate([(UNIT * 255), np.full((16, 16, 1), 255)], -1).astype("uint8")
    write(tmp_path / "in" / "opaque.png", values)
    assert predicted(model, tmp_path / "in", (0, 255)) == ([], {})
    values[:4, :, 3] = 0
    write(tmp_path / "in" / "corner.png", values)
    write(tmp_path / "in" / "nothing.png", values * 0)
    said, failures = predicted(model, tmp_path / "in", (0, 255))
    assert not failures
    assert [line.split(":")[1].split(".")[0].strip() for line in said] == ["nothing", "corner"]


def test_scores_of_nan_are_no_mask(tmp_path):
    """They would be the first class without a word, as of an exported file whose half precision overflows."""
    model = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(2, 1)])
    model.predict_on_batch = lambda images: np.where(images[..., :2] > 200, np.nan, images[..., :2])
    values = np.full((16, 16, 3), 100, "uint8")
    write(tmp_path / "in" / "a.png", values)
    values[3, 4] = 250
    write(tmp_path / "in" / "b.png", values)
    said, failures = predicted(model, tmp_path / "in", (0, 255))
    assert not said and list(failures) == ["b.png"]
    told = f"{tmp_path / 'in' / 'b.png'}: The scores of `model` must be finite. Received: NaN or infinity."
    assert failures["b.png"].startswith(told)
    for kind in ("masks", "overlays"):
        assert [path.name for path in (tmp_path / "out" / kind).iterdir()] == ["a.png"]


def test_a_failure_names_its_file_once():
    """Also where the name is not UTF-8, which an error writes as escapes."""
    error = InputError("in/caf\udce9.png: cannot be read.")
    assert named("in/caf\udce9.png", error) == r"in/caf\udce9.png: cannot be read."
    assert named("a.png", error) == r"a.png: in/caf\udce9.png: cannot be read."


@pytest.mark.parametrize("ending", ["png", "npy"])
def test_tiles_that_do_not_suit_the_model_end_all(tmp_path, model, ending):
    """It is no fault of the files, of which each would be listed."""
    for name in "ab":
        write(tmp_path / "in" / f"{name}.{ending}", (UNIT * 255).astype("uint8"))
    files = prediction_files(find_images([tmp_path / "in"]), tmp_path / "out")
    with pytest.raises(InputError, match="`overlap` must be at least 0 and below 1") as caught:
        predict_files(usable_model((0, 255)), model, files, tile=(32, 32), overlap=1.0)
    assert not isinstance(caught.value, NotPredictedError)


@pytest.mark.parametrize(
    ("tile", "fix"), [(None, r"in tiles, with `tile=\(512, 512\)`"), ((8, 8), "Use smaller tiles")]
)
def test_an_image_that_does_not_fit_into_the_memory(tmp_path, model, monkeypatch, tile, fix):
    """The images after it are predicted. No other error is taken for this one."""
    for name, side in (("a", 16), ("b", 24), ("c", 16)):
        values = np.random.default_rng(side).integers(0, 256, (side, side, 3))
        write(tmp_path / "in" / f"{name}.png", values.astype("uint8"))
    files = prediction_files(find_images([tmp_path / "in"]), tmp_path / "out")
    error = ValueError("Out of range.")

    def predict(image):
        if len(image) == 24:
            raise error
        return np.zeros((*image.shape[:2], 2), "float32")

    monkeypatch.setattr("keras_seg.training.file_predictor.predictor_of", lambda *given, **options: predict)
    with pytest.raises(ValueError, match="Out of range"):
        predict_files(usable_model((0, 255)), model, files, tile=tile)
    error = MemoryError()
    [failure] = predict_files(usable_model((0, 255)), model, files, tile=tile, resume=True)
    assert failure.image.name == "b.png"
    assert re.search(f"b.png: the device has not enough memory to predict 24x24 pixels. .*{fix}", failure.reason)
    assert sorted(path.name for path in (tmp_path / "out" / "masks").iterdir()) == ["a.png", "c.png"]


@pytest.mark.parametrize(("tile", "pixels"), [(None, "512x512"), ((8, 12), "8x12")])
def test_tiles_of_a_raster_that_do_not_fit_into_the_memory(tmp_path, model, monkeypatch, tile, pixels):
    def predict(*given, **options):
        raise MemoryError

    write(tmp_path / "in" / "a.npy", (UNIT * 255).astype("uint8"))
    monkeypatch.setattr("keras_seg.training.file_predictor.TiledPredictor.predict", predict)
    files = prediction_files(find_images([tmp_path / "in"]), tmp_path / "out")
    said = f"a.npy: the device has not enough memory to predict {pixels} pixels. Use smaller tiles."
    with pytest.raises(NotPredictedError, match=said):
        predict_files(usable_model((0, 255)), model, files, tile=tile)


def test_resume_in_a_tree(tmp_path, model):
    values = (UNIT * 255).astype("uint8")
    for name in ("a.png", "s/a.png", "s/t/b.png"):
        write(tmp_path / "in" / name, values)
    (tmp_path / "in" / "s" / "broken.png").write_bytes(b"no image")

    def predict():
        found = find_images([tmp_path / "in"], recursive=True)
        files = prediction_files(found, tmp_path / "out", resume=True)
        return predict_files(usable_model((0, 255)), model, files, resume=True)

    assert [failure.image.name for failure in predict()] == ["broken.png"]
    masks = sorted((tmp_path / "out" / "masks").rglob("*.png"))
    assert [str(mask.relative_to(tmp_path / "out" / "masks")) for mask in masks] == ["a.png", "s/a.png", "s/t/b.png"]
    before = [mask.stat().st_mtime_ns for mask in masks]
    write(tmp_path / "in" / "s" / "new.png", values)
    write(tmp_path / "in" / "s" / "broken.png", values)
    assert predict() == []
    assert [mask.stat().st_mtime_ns for mask in masks] == before
    assert len(list((tmp_path / "out" / "overlays").rglob("*.png"))) == 5


@pytest.mark.parametrize("there", ["masks", "overlays"])
def test_resume_writes_only_what_is_missing(tmp_path, model, there):
    """A mask without its overlay may be corrected by hand."""
    write(tmp_path / "in" / "a.png", (UNIT * 255).astype("uint8"))
    mine = tmp_path / "out" / there / "a.png"
    write(mine, np.full((16, 16), 7, "uint8"))
    before = mine.read_bytes()
    for options, kept in (({"resume": True}, True), ({"overwrite": True, "resume": True}, False)):
        files = prediction_files(find_images([tmp_path / "in"]), tmp_path / "out", **options)
        assert predict_files(usable_model((0, 255)), model, files, **options) == []
        assert (mine.read_bytes() == before) == kept
        assert all(target.exists() for target in files[0].targets)
        for target in files[0].targets:
            if target != mine:
                target.unlink()


def test_resume_continues_a_raster_that_was_to_be_replaced(tmp_path, model):
    """Three rows of tiles, of which the first is finished."""
    write(tmp_path / "in" / "a.npy", np.tile(UNIT, (4, 1, 1)))
    files = prediction_files(find_images([tmp_path / "in"]), tmp_path / "out")
    mask = files[0].mask
    write(mask, np.zeros((3, 3), "uint8"))

    def predict(**options):
        return predict_files(usable_model((0, 1)), model, files, tile=(32, 32), overlap=0.5, **options)

    def interrupt(file, done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict(overwrite=True, progress=interrupt)
    assert np.load(mask).shape == (3, 3) and not files[0].finished
    assert predict(resume=True) == []
    assert np.load(mask).shape == (64, 16) and files[0].finished
    assert [item.name for item in mask.parent.iterdir()] == ["a.npy"]
    before = mask.stat().st_mtime_ns
    mask.with_name("a.npy.progress.json").write_text("{}")  # Of a process that was killed in the last moment.
    assert predict(resume=True) == []
    assert mask.stat().st_mtime_ns == before


def training_folder(root, values=UNIT):
    for patient in "ABCDE":
        for number in range(3):
            write(root / "images" / f"{patient}_{number}.tif", values)
            write(root / "masks" / f"{patient}_{number}.png", np.eye(16, dtype="uint8"))
    return root


def a_run(train, group_by):
    fingerprint = {"channels": 3, "group_by": group_by}
    return types.SimpleNamespace(
        is_folds=False,
        load_plan=lambda: types.SimpleNamespace(task="semantic", fingerprint=fingerprint),
        load_labels=lambda: find_task("semantic").label_schema(train),
    )


def test_resume_divides_by_the_same_groups(tmp_path):
    train, validation = scan_run_data(training_folder(tmp_path), group_by=r"^([A-Z])_")
    assert {pair.image.name[0] for pair in train.pairs}.isdisjoint(pair.image.name[0] for pair in validation.pairs)
    again = rescan_run_data(tmp_path, a_run(train, train.group_by))
    assert [index.pairs for index in again] == [train.pairs, validation.pairs]


def test_another_scale_is_said_on_resume_and_in_validation(tmp_path):
    train, _ = scan_run_data(training_folder(tmp_path / "a", TWELVE_BITS))
    training_folder(tmp_path / "b", (UNIT * 255).astype("float32"))
    _, validation = scan_run_data(tmp_path / "a", validation=tmp_path / "b")
    again, _ = rescan_run_data(tmp_path / "b", a_run(train, None))
    for index in (validation, again):
        assert any("but the training images held values from 0" in notice for notice in index.notices)
    again, _ = rescan_run_data(tmp_path / "a", a_run(train, None))
    assert not any("but the training images" in notice for notice in again.notices)


def test_fractions_are_refused_on_resume_and_in_validation(tmp_path):
    train, _ = scan_run_data(training_folder(tmp_path / "a"))
    training_folder(tmp_path / "b", (UNIT * 255).astype("float32"))
    said = "hold values from 0.*to 2.*, but the training images held values up to"
    with pytest.raises(InputError, match=said):
        scan_run_data(tmp_path / "a", validation=tmp_path / "b")
    with pytest.raises(InputError, match=said):
        rescan_run_data(tmp_path / "b", a_run(train, None))
