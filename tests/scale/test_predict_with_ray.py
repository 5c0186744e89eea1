"""Big folders: the files of a single process, whatever happens to the workers."""

import contextlib
import os
import shutil
import signal
import sys
import types

import numpy as np
import pytest
from clusters import two_cores
from PIL import Image
from shell import MARKS, command, refusal, untraced_epochs
from small_run import small_run

from keras_seg import InputError, scale
from keras_seg.export.exported_model import FORMATS, ExportedModel
from keras_seg.export.format import Loaded
from keras_seg.scale.made_with import MadeWith
from keras_seg.scale.output_folder import OutputFolder
from keras_seg.training.open_model import open_model
from keras_seg.training.prediction_files import predict_files, prediction_files
from keras_seg.training.prediction_inputs import find_images

pytestmark = MARKS
few_steps = untraced_epochs(2)
MODULE = sys.modules["keras_seg.scale.predict_with_ray"]  # The function has its name.


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return small_run(tmp_path_factory)


@pytest.fixture(scope="module")
def cluster():
    with two_cores():
        yield


def write_images(folder, count):
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for number in range(count):
        size = (24 + 8 * (number % 3), 40, 3)
        Image.fromarray(generator.integers(0, 256, size, dtype="uint8")).save(folder / f"{number:04d}.png")
    return folder


def predicted_here(run, images, out):
    import tensorflow as tf

    opened = open_model(run)
    tf.config.run_functions_eagerly(False)  # Traced, as in the workers, and faster for many images.
    try:
        return predict_files(opened, opened.load_model(), prediction_files(find_images([images]), out))
    finally:
        tf.config.run_functions_eagerly(True)


def content(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.png")}


def test_two_workers_write_the_files_of_one_process(run, cluster, tmp_path):
    images = write_images(tmp_path / "in", 40)
    (images / "broken.png").write_text("no image")
    (failed,) = predicted_here(run, images, tmp_path / "one")
    for name in ("0003.png", "0017.png"):
        for kind in ("masks", "overlays"):
            (tmp_path / "two" / kind).mkdir(parents=True, exist_ok=True)
            shutil.copy(tmp_path / "one" / kind / name, tmp_path / "two" / kind / name)
    (tmp_path / "two" / "overlays" / "0017.png").unlink()  # Half finished.
    seen = []
    done = scale.predict_with_ray(
        run, images, out=tmp_path / "two", workers=2, resume=True, progress=lambda *now: seen.append(now[:2])
    )
    assert (done.images, done.predicted, done.kept) == (41, 39, 1)
    assert [failure.reason for failure in done.failures] == [failed.reason]
    assert content(tmp_path / "two") == content(tmp_path / "one")
    assert seen == [(number, 41) for number in range(1, 42)]
    assert sorted(path.name for path in (tmp_path / "two").iterdir()) == ["made_with.json", "masks", "overlays"]


@pytest.mark.slow
def test_a_worker_killed_in_the_middle_of_2000_images(run, cluster, tmp_path):
    psutil = pytest.importorskip("psutil")
    images = write_images(tmp_path / "in", 2000)
    predicted_here(run, images, tmp_path / "one")
    killed = []

    def kill(done, total, speed):
        if done > 700 and not killed:
            workers = [child for child in psutil.Process().children(recursive=True) if "MapWorker" in child.name()]
            killed.append(workers[0].pid)
            os.kill(workers[0].pid, signal.SIGKILL)

    done = scale.predict_with_ray(run, images, out=tmp_path / "two", workers=2, progress=kill)
    assert killed
    # What the worker had finished of its last images is there when they are handed out again.
    assert done.predicted + done.kept == 2000 and done.kept < 16 and not done.failures
    assert content(tmp_path / "two") == content(tmp_path / "one")
    again = scale.predict_with_ray(run, images, out=tmp_path / "two", workers=2)
    assert (again.predicted, again.kept) == (0, 2000)


@pytest.fixture
def one_worker(monkeypatch):
    """The work is done in this process, without Ray."""

    def each_result(work, items, *, workers, together):
        yield from map(work.open(), items)

    monkeypatch.setattr(MODULE, "each_result", each_result)
    monkeypatch.setattr(MODULE.cluster, "check_installed", lambda: None)
    room = MODULE.cluster.Workers(1, 1.0, 0)
    monkeypatch.setattr(MODULE.cluster, "started", lambda *options: contextlib.nullcontext(room))


def test_a_rerun_keeps_the_predictions_of_the_same_model_only(run, one_worker, tmp_path):
    images, out = write_images(tmp_path / "in", 3), tmp_path / "out"
    assert scale.predict_with_ray(run, images, out=out).predicted == 3
    before = content(out)
    (out / "masks" / "0001.png").unlink()
    again = scale.predict_with_ray(run, images, out=out)
    assert (again.predicted, again.kept) == (1, 2)
    assert content(out) == before
    with pytest.raises(InputError, match="made with another tile. Choose another folder"):
        scale.predict_with_ray(run, images, out=out, tile=(256, 256))
    assert scale.predict_with_ray(run, images, out=out, tile=(256, 256), overwrite=True).predicted == 3
    assert scale.predict_with_ray(run, images, out=out, tile=(256, 256)).kept == 3
    with pytest.raises(InputError, match="exclude each other"):
        scale.predict_with_ray(run, images, out=out, resume=True, overwrite=True)


def test_predictions_of_another_program_are_kept_when_asked_for(run, one_worker, tmp_path):
    images, out = write_images(tmp_path / "in", 2), tmp_path / "out"
    predicted_here(run, images, out)
    with pytest.raises(InputError, match="holds predictions already.*`resume=True`"):
        scale.predict_with_ray(run, images, out=out)
    assert not (out / "made_with.json").exists()
    assert scale.predict_with_ray(run, images, out=out, resume=True).kept == 2


def test_predictions_of_one_process_are_told_from_those_of_workers(run, one_worker, tmp_path, capsys):
    """Those with the same model and options are the same files."""
    images, out = write_images(tmp_path / "in", 2), tmp_path / "out"
    here = ("predict", run, images, "--out", out)
    workers = (*here, "--engine", "ray")
    assert command(*workers) == 0
    for options in (("--overwrite",), ("--resume", "--tile", "64x64")):  # The second one has nothing to predict.
        assert command(*here, *options) == 0
        assert command(*workers) == 0
    (out / "masks" / "0001.png").unlink()
    assert command(*here, "--resume", "--tile", "64x64") == 0
    assert "holds predictions already" in refusal(capsys, *workers)
    (out / "made_with.json").write_text("{")
    assert "made_with.json: cannot be read" in refusal(capsys, *here, "--overwrite")


@pytest.mark.parametrize(
    ("format_", "path", "names"),
    [
        ("onnx", "m.onnx", ["m.onnx"]),
        ("openvino", "m.xml", ["m.xml", "m.bin"]),
        ("saved_model", "m", ["m/saved_model.pb", "m/variables/variables.index"]),
    ],
)
def test_each_file_of_an_exported_model_makes_it_another(tmp_path, format_, path, names):
    """The weights of OpenVINO are in the second one."""
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    loaded = Loaded(run=lambda images: {}, input_shape=(1, 8, 8, 3), ops=(), threads=1)
    description = {"class_names": ["a", "b"], "outputs": {"probabilities": {}}, "threshold": None}

    def facts():
        model = ExportedModel(tmp_path / path, format_=FORMATS[format_], loaded=loaded, description=description)
        task = types.SimpleNamespace(name="semantic")
        run = types.SimpleNamespace(load_model=lambda: model, task=task, labels={}, decoding={})
        return MadeWith.of(run, {}).facts

    before = facts()
    assert facts() == before
    for name in names:
        (tmp_path / name).write_text("others")
        assert facts()["model"] != before["model"]
        (tmp_path / name).write_text(name)


@pytest.mark.parametrize("there", ["masks", "overlays"])
def test_only_what_is_missing_is_written(run, one_worker, tmp_path, there):
    """A mask without its overlay may be corrected by hand."""
    images, out = write_images(tmp_path / "in", 1), tmp_path / "out"
    for kind in ("masks", "overlays"):
        (out / kind).mkdir(parents=True)
    mine = out / there / "0000.png"
    mine.write_bytes(b"mine")
    assert scale.predict_with_ray(run, images, out=out, resume=True).predicted == 1
    assert len(content(out)) == 2 and mine.read_bytes() == b"mine"
    assert scale.predict_with_ray(run, images, out=out, overwrite=True).predicted == 1
    assert mine.read_bytes() != b"mine"


def test_an_interrupted_overwrite_is_not_taken_for_finished(run, one_worker, tmp_path, monkeypatch):
    images, out = write_images(tmp_path / "in", 2), tmp_path / "out"
    scale.predict_with_ray(run, images, out=out)

    def stop(*now):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scale.predict_with_ray(run, images, out=out, tile=(256, 256), overwrite=True, progress=stop)
    with pytest.raises(InputError, match="holds predictions already"):
        scale.predict_with_ray(run, images, out=out)


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_raster_that_one_process_was_about_to_replace(run, one_worker, tmp_path, overwrite):
    """Its mask is an older one, which is not kept."""
    raster, out = tmp_path / "scene.npy", tmp_path / "out"
    np.save(raster, np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype="uint8"))
    options = {"out": out, "tile": (64, 64)}
    assert scale.predict_with_ray(run, raster, **options).predicted == 1
    mask = out / "masks" / "scene.npy"
    written = mask.read_bytes()
    np.save(mask, np.full((64, 96), 200, "uint8"))
    for name in ("scene.npy.partial", "scene.npy.progress.json", "scene.npy.progress.json.1.npy"):
        (mask.parent / name).touch()
    assert scale.predict_with_ray(run, raster, **options, overwrite=overwrite).predicted == 1
    assert mask.read_bytes() == written
    assert list(mask.parent.iterdir()) == [mask]
    assert scale.predict_with_ray(run, raster, **options).kept == 1


def test_an_overwrite_of_some_images_does_not_vouch_for_the_others(run, one_worker, tmp_path):
    images, out = write_images(tmp_path / "in", 3), tmp_path / "out"
    options = {"out": out, "tile": (256, 256)}
    scale.predict_with_ray(run, images, out=out)
    assert scale.predict_with_ray(run, images / "0001.png", overwrite=True, **options).predicted == 1
    with pytest.raises(InputError, match="holds predictions already"):
        scale.predict_with_ray(run, images, **options)
    (out / "masks" / ".DS_Store").touch()
    assert scale.predict_with_ray(run, images, overwrite=True, **options).predicted == 3
    assert scale.predict_with_ray(run, images, **options).kept == 3
    # Those of the same model stay its own.
    assert scale.predict_with_ray(run, images / "0001.png", overwrite=True, **options).predicted == 1
    assert scale.predict_with_ray(run, images, **options).kept == 3


@pytest.mark.parametrize(
    ("names", "folders", "count"),
    [
        (("a.png", "s/a.png", "s/b.npy", ".DS_Store"), False, 3),
        (("a.zarr/zarr.json", "a.zarr/c/0/0", "a.zarr/c/0/1", "s/b.tif"), False, 2),
        (("a/car.png", "a/bus.png", "s/b/car.png"), True, 2),
        ((), False, 0),
    ],
)
def test_masks_are_counted_by_image(tmp_path, names, folders, count):
    for name in names:
        (tmp_path / "masks" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "masks" / name).touch()
    assert OutputFolder(tmp_path).count_masks(folders=folders) == count


def test_what_killed_workers_left_is_removed(run, one_worker, tmp_path):
    images, out = write_images(tmp_path / "in", 1), tmp_path / "out"
    (out / ".predicting-abc").mkdir(parents=True)
    (out / ".predicting-abc" / "half.png").touch()
    scale.predict_with_ray(run, images, out=out)
    assert sorted(path.name for path in out.iterdir()) == ["made_with.json", "masks", "overlays"]


def test_tiles_that_do_not_suit_the_model_end_all(run, one_worker, tmp_path):
    images = write_images(tmp_path / "in", 2)
    with pytest.raises(InputError, match="`overlap` must be at least 0 and below 1"):
        scale.predict_with_ray(run, images, out=tmp_path / "out", tile=(64, 64), overlap=1.0)
    assert not (tmp_path / "out" / "masks").exists()


def test_images_that_vanish_are_missed(run, one_worker, tmp_path, monkeypatch):
    images = write_images(tmp_path / "in", 3)
    survey = MODULE.ImageNames.survey

    def survey_and_lose(names):
        found = survey(names)
        (images / "0001.png").unlink()
        return found

    monkeypatch.setattr(MODULE.ImageNames, "survey", survey_and_lose)
    with pytest.raises(InputError, match="1 of 3 images were not reported"):
        scale.predict_with_ray(run, images, out=tmp_path / "out")


def test_images_among_folders_named_masks(run, one_worker, tmp_path, monkeypatch):
    write_images(tmp_path / "masks", 2)
    monkeypatch.chdir(tmp_path)  # Where a relative output folder would be that of the images.
    assert scale.predict_with_ray(run, "masks", out="out").predicted == 2
    (tmp_path / "list.txt").write_text("out/masks/0001.png\n")
    with pytest.raises(InputError, match="overwritten by its own prediction"):
        scale.predict_with_ray(run, "list.txt", out="out", overwrite=True)


def test_a_full_or_closed_folder_ends_in_one_line(run, one_worker, tmp_path):
    images = write_images(tmp_path / "in", 1)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written") as error:
        scale.predict_with_ray(run, images, out=tmp_path / "file" / "out")
    assert "\n" not in str(error.value)


def test_from_the_shell(run, one_worker, tmp_path, capsys):
    images = write_images(tmp_path / "in", 2)
    (images / "broken.png").write_text("no image")
    options = ("predict", run, images, "--out", tmp_path / "out", "--engine", "ray")
    assert command(*options) == 1
    printed = capsys.readouterr()
    assert "2 images" in printed.out and "1 of 3 files were not predicted." in printed.err
    (images / "broken.png").unlink()
    assert command(*options) == 0
    assert "2 images, whose predictions were there" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("--workers", 2), "--workers is for --engine ray"),
        (("--ray-address", "auto"), "--ray-address is for --engine ray"),
        (("--engine", "ray", "--polygons", "coco"), "--polygons is for --engine local"),
        (("--engine", "ray", "--frames", 3), "--frames is for --engine local"),
        (("--engine", "ray", "--resume", "--overwrite"), "--resume and --overwrite exclude each other"),
        (("--engine", "ray", "--tta", "turn"), "turn"),
    ],
)
def test_options_that_do_not_apply_are_refused(run, tmp_path, one_worker, capsys, options, line):
    images = write_images(tmp_path / "in", 1)
    assert line in refusal(capsys, "predict", run, images, "--out", tmp_path / "out", *options)
    assert not (tmp_path / "out").exists()
