"""Images and predictions in a store: the same files, whole or absent, and one line for a store that refuses."""

import json
import shutil
import time

import keras
import pytest
from clusters import two_cores
from PIL import Image
from stores import answering, moto_store, pointed_to

import keras_seg as ks
from keras_seg._remote_files import UnreachableError
from keras_seg._validation import InputError
from keras_seg.scale.image_names import ImageName, ImageNames
from keras_seg.scale.opened_model import OpenedModel
from keras_seg.scale.output_folder import OutputFolder
from keras_seg.scale.prediction_job import PredictionJob

pytestmark = pytest.mark.tensorflow_only


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """An exported file, to predict with without training."""
    pytest.importorskip("ai_edge_litert", reason="LiteRT is missing: pip install ai-edge-litert")
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((None, None, 3)), keras.layers.Conv2D(3, 3, padding="same", activation="softmax")]
    )
    path = tmp_path_factory.mktemp("exported") / "model.keras.tflite"
    ks.export.tflite(model, path, input_size=(16, 24))
    return path


@pytest.fixture(scope="module")
def store():
    with moto_store() as files:
        yield files


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "in"
    (folder / "s").mkdir(parents=True)
    for number, name in enumerate(("a.png", "b.png", "s/c.png")):
        Image.new("RGB", (24, 16), (40 * number, 90, 200)).save(folder / name)
    return folder


def predict(exported, names, out):
    model = OpenedModel(run=str(exported), postprocessing=True, tta=None)
    do = PredictionJob(model=model, out=str(out), tile=None, overlap=None, overwrite=False).open()
    return [do(name) for name in names]


def test_a_store_holds_the_files_of_a_folder(exported, store, images, tmp_path):
    store.put(str(images), "bucket/in", recursive=True)
    store.pipe_file("bucket/in/notes.txt", b"nothing")
    names = ImageNames(["s3://bucket/in"], recursive=True, exclude="s3://bucket/in/out")
    assert names.survey().images == 3
    assert names.survey().notices == ("Not predicted in s3://bucket/in: 1 .txt.",)
    outcomes = predict(exported, names, "s3://bucket/in/out")
    assert sorted(outcome.path for outcome in outcomes) == [
        "s3://bucket/in/a.png", "s3://bucket/in/b.png", "s3://bucket/in/s/c.png",
    ]  # fmt: skip
    assert all(outcome.seen is not None and outcome.bytes_read > 0 for outcome in outcomes)
    predict(exported, ImageNames([images], recursive=True), tmp_path / "out")
    here = {
        path.relative_to(tmp_path / "out").as_posix(): path.read_bytes() for path in (tmp_path / "out").rglob("*.png")
    }
    assert len(here) == 6
    there = {path.removeprefix("bucket/in/out/"): store.cat_file(path) for path in store.find("bucket/in/out")}
    assert there == here
    # A second pass neither predicts again nor takes its own output for input.
    assert names.survey().images == 3
    assert all(outcome.kept for outcome in predict(exported, names, "s3://bucket/in/out"))
    store.rm("bucket/in/out/overlays/a.png")
    assert [outcome.kept for outcome in predict(exported, sorted(names), "s3://bucket/in/out")] == [False, True, True]


def test_files_and_patterns_of_a_store(store, images):
    store.put(str(images), "bucket/some", recursive=True)
    assert list(ImageNames(["s3://bucket/some/a.png"])) == [ImageName("s3://bucket/some/a.png", ".")]
    assert [name.folder for name in ImageNames(["s3://bucket/some/*/*.png"])] == ["s"]
    assert ImageNames(["s3://bucket/some"]).survey().images == 2


def test_subfolders_of_a_store_that_are_not_predicted_are_named():
    memory = pytest.importorskip("fsspec").filesystem("memory")
    for name in ("a.png", "s/b.png", "t/u/c.png", "out/masks/a.png"):
        memory.pipe_file(f"/subfolders/in/{name}", b"")
    survey = ImageNames(["memory://subfolders/in"], exclude="memory://subfolders/in/out").survey()
    advice = "2 subfolders (add `recursive=True` to predict their images)."
    assert (survey.images, survey.notices) == (1, (f"Not predicted in memory://subfolders/in: {advice}",))
    with pytest.raises(InputError, match="holds no images .* It holds 1 subfolders"):
        ImageNames(["memory://subfolders"]).survey()


def test_patterns_of_a_store_leave_out_the_predictions():
    memory = pytest.importorskip("fsspec").filesystem("memory")
    for name in ("a.png", "s/b.png", "out/masks/a.png", "out/overlays/s/b.png", "outer/c.png"):
        memory.pipe_file(f"/pattern/{name}", b"")
    names = ImageNames(["memory://pattern/**/*.png"], exclude="memory://pattern/out")
    assert sorted(names) == [
        ImageName("memory://pattern/a.png", "."),
        ImageName("memory://pattern/outer/c.png", "outer"),
        ImageName("memory://pattern/s/b.png", "s"),
    ]
    assert names.survey().images == 3
    with pytest.raises(InputError, match="holds no images"):
        ImageNames(["memory://pattern/o*t/*/*.png"], exclude="memory://pattern/out").survey()


def test_predictions_of_a_pattern_stay_in_their_folder_whatever_the_address_is_called(images):
    """fsspec has two names for some stores, such as gs and gcs, and calls both by the first."""
    pytest.importorskip("fsspec")
    names = ImageNames([f"local://{images}/*/*.png"])
    assert list(names) == [ImageName(f"local://{images}/s/c.png", "s")]


def test_an_image_that_is_missing_or_broken_does_not_stop_the_others(exported, store, images):
    store.pipe_file("bucket/bad/x.png", b"no image")
    store.put(str(images / "a.png"), "bucket/bad/a.png")
    names = [ImageName(f"s3://bucket/bad/{name}.png", ".") for name in ("x", "gone", "a")]
    broken, gone, fine = predict(exported, names, "s3://bucket/bad-out")
    assert broken.failure.startswith("s3://bucket/bad/x.png: the image cannot be read")
    assert gone.failure.startswith("s3://bucket/bad/gone.png: no such file, folder or bucket")
    assert fine.seen is not None
    assert sorted(store.find("bucket/bad-out")) == ["bucket/bad-out/masks/a.png", "bucket/bad-out/overlays/a.png"]


@pytest.mark.slow
def test_two_workers_predict_a_bucket(exported, store, images, tmp_path):
    store.put(str(images), "bucket/big", recursive=True)
    with two_cores():
        done = ks.scale.predict_with_ray(
            exported, "s3://bucket/big", out="s3://bucket/big-out", workers=2, recursive=True
        )
        again = ks.scale.predict_with_ray(
            exported, "s3://bucket/big", out="s3://bucket/big-out", workers=2, recursive=True
        )
    assert (done.predicted, done.kept, done.failures, again.kept) == (3, 0, (), 3)
    predict(exported, ImageNames([images], recursive=True), tmp_path / "out")
    for path in (tmp_path / "out").rglob("*.png"):
        name = path.relative_to(tmp_path / "out").as_posix()
        assert store.cat_file(f"bucket/big-out/{name}") == path.read_bytes()


def test_small_files_of_a_store(store):
    out = OutputFolder("s3://bucket/small")
    assert out.read_json("made_with.json") is None
    out.write_json("made_with.json", {"a": 1})
    assert json.loads(store.cat_file("bucket/small/made_with.json")) == out.read_json("made_with.json") == {"a": 1}
    out.remove("made_with.json")
    assert not out.exists("made_with.json")
    store.pipe_file("bucket/small/made_with.json", b"{")
    with pytest.raises(InputError, match="cannot be read"):
        out.read_json("made_with.json")


def test_other_file_systems_write_aside_and_move(exported, images):
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    predict(exported, ImageNames([images]), "memory://out")
    assert sorted(memory.find("/out")) == [f"/out/{kind}/{name}.png" for kind in ("masks", "overlays") for name in "ab"]
    assert OutputFolder("memory://out").count_masks(folders=False) == 2


def test_a_folder_that_is_half_there_is_completed(tmp_path):
    """Such as the masks of an image whose classes overlap, of a worker that was killed."""
    memory = pytest.importorskip("fsspec").filesystem("memory")
    memory.pipe_file("/half/masks/a/cat.png", b"mine")
    (tmp_path / "a").mkdir()
    for name in ("cat", "dog"):
        (tmp_path / "a" / f"{name}.png").write_bytes(name.encode())
    out = OutputFolder("memory://half")
    out.add(tmp_path / "a", "masks/a")
    assert memory.cat_file("/half/masks/a/cat.png") == b"mine"
    assert memory.cat_file("/half/masks/a/dog.png") == b"dog"
    out.put(tmp_path / "a", "masks/a")
    assert memory.cat_file("/half/masks/a/cat.png") == b"cat"


def one_line_of(call):
    with pytest.raises(InputError) as error:
        call()
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_bucket_that_does_not_exist(store):
    line = one_line_of(ImageNames(["s3://nowhere/in"]).survey)
    assert line.startswith("s3://nowhere/in")


def test_a_bucket_that_refuses(exported, images, tmp_path):
    with answering(403) as address, pointed_to(address):
        line = one_line_of(ImageNames(["s3://bucket/in"]).survey)
        assert line.startswith("s3://bucket/in: access is denied (")
        assert line.endswith("Check the credentials and the permissions of the bucket.")
        line = one_line_of(lambda: predict(exported, ImageNames([images]), "s3://bucket/out"))
        assert "access is denied" in line
        # An image that may not be read does not stop the others.
        (outcome,) = predict(exported, [ImageName("s3://bucket/in/a.png", ".")], tmp_path / "out")
        assert outcome.failure.startswith("s3://bucket/in/a.png: access is denied")
        assert not list((tmp_path / "out").rglob("*.png"))


def test_a_subfolder_that_refuses_is_not_left_out(monkeypatch):
    memory = pytest.importorskip("fsspec").filesystem("memory")
    for name in ("in/a.png", "in/s/b.png", "in/s/t/c.png", "out/masks/s/b.png"):
        memory.pipe_file(f"/refusing/{name}", b"")
    names, out = ImageNames(["memory://refusing/in"], recursive=True), OutputFolder("memory://refusing/out")
    assert [name.folder for name in names] == [".", "s", "s/t"]
    assert out.count_masks(folders=False) == 1
    ls = type(memory).ls

    def refuse(self, path, detail=True, **options):
        if path.endswith("/s"):
            raise PermissionError("not for you")
        return ls(self, path, detail=detail, **options)

    monkeypatch.setattr(type(memory), "ls", refuse)
    for call in (names.survey, lambda: out.count_masks(folders=False)):
        line = one_line_of(call)
        assert line.startswith("memory://refusing/")
        assert "access is denied (not for you)" in line


def test_a_bucket_that_does_not_answer(exported, images, tmp_path, monkeypatch):
    patient = {"connect_timeout": 1, "read_timeout": 1, "retries": {"max_attempts": 0}}
    start = time.monotonic()
    with answering(200, seconds=30) as address, pointed_to(address, config_kwargs=patient):
        line = one_line_of(ImageNames(["s3://bucket/in"]).survey)
        assert line.startswith("s3://bucket/in: the store does not answer (")
        assert "run again: what is finished is kept" in line
        with pytest.raises(UnreachableError):
            predict(exported, [ImageName("s3://bucket/in/a.png", ".")], tmp_path / "out")
        assert not list((tmp_path / "out").rglob("*.png"))
    with pointed_to("http://127.0.0.1:9", config_kwargs=patient):
        assert "the store does not answer" in one_line_of(ImageNames(["s3://bucket/in"]).survey)
    assert time.monotonic() - start < 50
    shutil.rmtree(images)
