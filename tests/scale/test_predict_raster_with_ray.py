"""One raster, by many workers: the numbers of a single process, whatever happens to the workers."""

import contextlib
import functools
import json
import shutil
import sys

import numpy as np
import pytest
from clusters import two_cores
from dying_jobs import DyingRasterJob
from shell import MARKS, command, refusal, untraced_epochs
from small_run import small_run

from keras_seg import InputError, scale
from keras_seg.inference import GeoTIFF, TestTimeAugmentation, TiledPredictor
from keras_seg.training.open_model import open_model

pytestmark = MARKS
few_steps = untraced_epochs(2)
MODULE = sys.modules["keras_seg.scale.predict_raster_with_ray"]  # The function has its name.
# Three rows of chunks, which are no whole number of tiles of 64.
SIZE = (1100, 90)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return small_run(tmp_path_factory)


@pytest.fixture(scope="module")
def cluster():
    pytest.importorskip("zarr", reason='Zarr is missing: pip install "keras-seg[scale]"')
    with two_cores():
        yield


@functools.cache
def loaded(run):
    return open_model(run).load_model()


@pytest.fixture
def one_worker(monkeypatch):
    """The work is done in this process, without Ray."""
    import tensorflow as tf

    pytest.importorskip("zarr", reason='Zarr is missing: pip install "keras-seg[scale]"')

    def each_result(work, items, *, workers, held=None):
        tf.config.run_functions_eagerly(False)
        try:
            yield from map(work.open(), items)
        finally:
            tf.config.run_functions_eagerly(True)

    # Loaded and traced once for all tests.
    monkeypatch.setattr(MODULE.OpenedModel, "load", lambda model: (open_model(model.run), loaded(model.run)))
    monkeypatch.setattr(MODULE, "each_result", each_result)
    monkeypatch.setattr(MODULE.cluster, "check_installed", lambda: None)
    room = MODULE.cluster.Workers(2, 1.0, 0)
    monkeypatch.setattr(MODULE.cluster, "started", lambda *options: contextlib.nullcontext(room))


def pixels(size=SIZE):
    return np.random.default_rng(0).integers(1, 256, (*size, 3), dtype="uint8")


def saved(path, image):
    if path.suffix == ".zarr":
        import zarr

        zarr.open_array(str(path), mode="w", shape=image.shape, chunks=(256, 64, 3), dtype=image.dtype)[:] = image
    elif path.suffix == ".tif":
        maps = pytest.importorskip("made_maps", reason='rasterio is missing: pip install "keras-seg[geo]"')
        image[20:600, 10:40] = 0
        maps.write(path, image, nodata=0)
    else:
        np.save(path, image)
    return path


def content(path):
    """The array in a file."""
    if path.suffix == ".zarr":
        import zarr

        return zarr.open_array(str(path), mode="r")[:]
    if path.suffix == ".tif":
        import rasterio

        with rasterio.open(path) as file:
            bands = file.read()
        return bands[0] if len(bands) == 1 else np.moveaxis(bands, 0, -1)
    return np.load(path)


def predicted_here(run, image, out=None, *, tta=None, **settings):
    import tensorflow as tf

    model = loaded(str(run))
    tf.config.run_functions_eagerly(False)  # Traced, as in the workers.
    try:
        predictor = TiledPredictor(model if tta is None else TestTimeAugmentation(model, tta), **settings)
        return predictor.predict(image, out)
    finally:
        tf.config.run_functions_eagerly(True)


def check(run, image, out, progress=None, **settings):
    """Predict by workers, and compare."""
    done = scale.predict_raster_with_ray(run, image, out=out, workers=2, tile=64, progress=progress, **settings)
    expected = predicted_here(run, image, tile=64, **{"output": "class_ids", **settings})
    np.testing.assert_array_equal(content(out), expected)
    assert len(np.unique(expected)) > 2
    assert [item.name for item in out.parent.iterdir() if item.name.startswith(out.name)] == [out.name]
    return done


@pytest.mark.slow
def test_two_workers_write_the_map_of_one_process(run, cluster, tmp_path):
    image, seen = saved(tmp_path / "scene.tif", pixels()), []
    out = tmp_path / "out" / "ids.tif"
    done = check(run, image, out, progress=lambda *now: seen.append(now[:2]))
    assert (done.path, done.size, done.bands, done.kept, done.notices) == (out, SIZE, 3, 0, ())
    assert len(seen) == 3 and seen[-1] == (1100, 1100)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("image", "out", "settings"),
    [
        ("a.zarr", "b.zarr", {"overlap": 0.25, "output": "scores"}),
        ("a.npy", "b.npy", {"overlap": 0, "batch_size": 3}),
        ("a.tif", "b.tif", {"overlap": 0.5, "output": "scores", "blend": "constant", "tta": ["hflip"]}),
        ("a.npy", "b.zarr", {"overlap": 0.25, "blend": "crop", "margin": 16}),
    ],
)
def test_other_formats_and_settings_by_two_workers(run, cluster, tmp_path, image, out, settings):
    check(run, saved(tmp_path / image, pixels()), tmp_path / out, **settings)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ids.zarr", "ids.tif"])
def test_a_worker_that_is_killed_in_the_middle_of_a_band(run, cluster, tmp_path, monkeypatch, name):
    """Tiles of 256 make bands of two rows of chunks, the first of which is written then."""
    image, marker = saved(tmp_path / "a.npy", pixels((2300, 70))), tmp_path / "killed"
    monkeypatch.setattr(MODULE, "RasterJob", functools.partial(DyingRasterJob, marker=str(marker)))
    done = scale.predict_raster_with_ray(run, image, out=tmp_path / name, workers=2, tile=256)
    assert marker.exists() and done.bands == 3
    expected = predicted_here(run, image, tile=256, output="class_ids")
    np.testing.assert_array_equal(content(tmp_path / name).squeeze(), expected)
    assert not list(tmp_path.rglob("*.partial"))


@pytest.mark.parametrize(("name", "overlap"), [("ids.tif", 0.25), ("ids.zarr", 0.5), ("ids.npy", 0)])
def test_bands_make_the_file_of_one_process(run, one_worker, tmp_path, name, overlap):
    check(run, saved(tmp_path / "a.npy", pixels()), tmp_path / name, overlap=overlap)


@pytest.mark.parametrize("out", ["b.zarr", "b.tif", "b.npy"])
def test_scores_without_data_are_nan(run, one_worker, tmp_path, out):
    image = saved(tmp_path / "a.tif", pixels())
    settings = {"tile": 64, "output": "scores", "overlap": 0.25}
    scale.predict_raster_with_ray(run, image, out=tmp_path / out, **settings)
    expected = predicted_here(run, image, **settings)
    np.testing.assert_array_equal(content(tmp_path / out), expected)
    assert np.isnan(expected[20:600, 10:40]).all() and np.isnan(expected).mean() < 0.4


@pytest.mark.parametrize("smaller", ["overviews", "cog"])
def test_a_geotiff_has_place_names_and_nodata(run, one_worker, tmp_path, smaller):
    image = saved(tmp_path / "a.tif", pixels())
    names = open_model(run).labels["names"]
    for name, predict in (("one.tif", predicted_here), ("two.tif", scale.predict_raster_with_ray)):
        out = GeoTIFF(tmp_path / name, class_names=names, nodata=200, **{smaller: True})
        done = predict(run, image, out=out, tile=64, output="class_ids")
        getattr(done, "close", lambda: None)()
    import rasterio

    with rasterio.open(tmp_path / "one.tif") as one, rasterio.open(tmp_path / "two.tif") as two:
        assert one.crs.to_epsg() == 32633 and one.nodata == 200 and one.overviews(1) and one.tags(1)["class_names"]
        assert (two.profile, two.tags(1), two.overviews(1)) == (one.profile, one.tags(1), one.overviews(1))
        assert two.colormap(1) == one.colormap(1)
    assert (tmp_path / "two.tif").read_bytes() == (tmp_path / "one.tif").read_bytes()


def stop_after(bands):
    seen = []

    def stop(*now):
        seen.append(now)
        if len(seen) == bands:
            raise KeyboardInterrupt

    return stop


@pytest.mark.parametrize(("name", "bands"), [("ids.tif", 3), ("ids.zarr", 1), ("ids.npy", 3), ("ids.tif", 2)])
def test_the_same_call_goes_on(run, one_worker, tmp_path, name, bands):
    """After all bands are finished, too, when they are only to be joined."""
    image, out = saved(tmp_path / "a.npy", pixels()), tmp_path / name
    with pytest.raises(KeyboardInterrupt):
        scale.predict_raster_with_ray(run, image, out=out, tile=64, progress=stop_after(bands))
    assert not out.exists()
    assert sorted(item.name for item in tmp_path.iterdir()) == ["a.npy", f"{name}.partial", f"{name}.progress.json"]
    done = check(run, image, out)
    assert (done.bands, done.kept) == (3, bands)


@pytest.mark.parametrize("name", ["ids.npy", "ids.zarr"])
def test_an_interrupted_overwrite_goes_on(run, one_worker, tmp_path, name):
    """The older prediction stays until the new one is complete."""
    image, out = saved(tmp_path / "a.npy", pixels()), tmp_path / name
    saved(out, np.zeros((8, 8, 3), "uint8"))
    with pytest.raises(KeyboardInterrupt):
        scale.predict_raster_with_ray(run, image, out=out, tile=64, overwrite=True, progress=stop_after(1))
    np.testing.assert_array_equal(content(out), np.zeros((8, 8, 3)))
    assert check(run, image, out).kept == 1
    with pytest.raises(InputError, match="exists already"):
        scale.predict_raster_with_ray(run, image, out=out, tile=64)


class TestAnInterruptedRun:
    @pytest.fixture
    def paths(self, run, one_worker, tmp_path):
        image, out = saved(tmp_path / "a.npy", pixels()), tmp_path / "ids.zarr"
        with pytest.raises(KeyboardInterrupt):
            scale.predict_raster_with_ray(run, image, out=out, tile=64, progress=stop_after(1))
        return image, out

    def test_goes_on_with_the_same_settings_only(self, run, paths, tmp_path):
        image, out = paths
        other = saved(tmp_path / "other.npy", pixels())
        before = (tmp_path / "ids.zarr.progress.json").read_text()
        for settings, name in [
            ({"tile": 96}, "tile"),
            ({"tile": 64, "overlap": 0.25}, "overlap"),
            ({"tile": 64, "output": "scores", "tta": ["hflip"]}, "output and tta"),
            ({"tile": 64, "image": other}, "image"),
        ]:
            with pytest.raises(InputError, match=f"predicted with another {name}. Use the same.*overwrite=True"):
                scale.predict_raster_with_ray(run, **{"image": image, "out": out, **settings})
        assert (tmp_path / "ids.zarr.progress.json").read_text() == before
        assert check(run, image, out).kept == 1

    def test_goes_on_with_the_same_model_only(self, run, paths, tmp_path):
        image, out = paths
        other = shutil.copytree(run, tmp_path / "other_run")
        model = open_model(other).load_model()
        model.set_weights([weights * 1.01 for weights in model.get_weights()])
        model.save(other / "model.keras")
        with pytest.raises(InputError, match="predicted with another model. Use the same"):
            scale.predict_raster_with_ray(other, image, out=out, tile=64)

    def test_is_started_again_when_asked_for(self, run, paths):
        image, out = paths
        done = scale.predict_raster_with_ray(run, image, out=out, tile=96, overwrite=True)
        assert done.kept == 0
        np.testing.assert_array_equal(content(out), predicted_here(run, image, tile=96, output="class_ids"))

    def test_is_not_mixed_with_one_of_a_single_process(self, run, paths):
        image, out = paths
        with pytest.raises(InputError, match="belongs to a run that was interrupted"):
            predicted_here(run, image, out, tile=64, output="class_ids")
        journal = out.with_name("ids.zarr.progress.json")
        for text in ("", "{}", json.dumps({"settings": {}, "tile_rows": 3, "sums": False})):
            journal.write_text(text)
            with pytest.raises(InputError, match="is broken, or belongs to an interrupted run of a single process"):
                scale.predict_raster_with_ray(run, image, out=out, tile=64)

    def test_says_when_its_rows_are_gone(self, run, paths):
        image, out = paths
        shutil.rmtree(out.with_name("ids.zarr.partial"))
        with pytest.raises(InputError, match=r"ids.zarr.partial: is gone.*overwrite=True"):
            scale.predict_raster_with_ray(run, image, out=out, tile=64)


def test_a_run_without_a_finished_band_leaves_nothing_that_counts(run, one_worker, tmp_path):
    """The raster has a value that the model gives no score for; it is repaired, and other tiles are chosen."""
    broken = pixels().astype("float32")
    broken[5, 5] = np.nan
    image, out = saved(tmp_path / "a.npy", broken), tmp_path / "ids.tif"
    with pytest.raises(InputError, match="must be finite|not finite|NaN") as error:
        scale.predict_raster_with_ray(run, image, out=out, tile=64)
    assert "\n" not in str(error.value) and not out.exists()
    saved(image, pixels().astype("float32"))
    check(run, image, out)


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"out": "ids.png"}, "must end in .npy, .zarr or .tif"),
        ({"out": "a.npy"}, "exists already"),
        ({"out": "a.npy", "overwrite": True}, "must not be the image's own path"),
        ({"out": "s3://bucket/ids.tif"}, "must be a path on a disk that all workers see"),
        ({"out": np.zeros((3, 3))}, "`out` must be a path"),
        ({"image": np.zeros((3, 3, 3))}, "`image` must be a path"),
        ({"image": "none.npy"}, "there is no such file"),
        ({"tile": 50}, "Nearest that do"),
        ({"overlap": 1}, "must be at least 0 and below 1"),
        ({"output": "ids"}, "`output` is not a known option"),
        ({"dtype": "float32"}, "must be an integer that holds class ids"),
        ({"tta": ["turn"]}, "turn"),
        ({"out": GeoTIFF("ids.tif", nodata=1)}, "must be no class id"),
        ({"out": GeoTIFF("ids.tif", class_names=["a"])}, "must have one entry for each"),
    ],
)
def test_what_does_not_apply_is_refused(run, one_worker, tmp_path, monkeypatch, settings, line):
    monkeypatch.chdir(tmp_path)
    saved(tmp_path / "a.npy", pixels((70, 70)))
    if isinstance(settings.get("out"), GeoTIFF):
        pytest.importorskip("rasterio", reason='rasterio is missing: pip install "keras-seg[geo]"')
    with pytest.raises(InputError, match=line) as error:
        scale.predict_raster_with_ray(run, **{"image": "a.npy", "out": "ids.npy", "tile": 64, **settings})
    assert "\n" not in str(error.value)
    assert [item.name for item in tmp_path.iterdir()] == ["a.npy"]


def test_a_closed_folder_ends_in_one_line(run, one_worker, tmp_path):
    image = saved(tmp_path / "a.npy", pixels((70, 70)))
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written") as error:
        scale.predict_raster_with_ray(run, image, out=tmp_path / "file" / "ids.zarr", tile=64)
    assert "\n" not in str(error.value)


class TestFromTheShell:
    @pytest.mark.parametrize("name", ["scene.tif", "scene.npy", "scene.zarr"])
    def test_the_mask_is_that_of_one_process(self, run, one_worker, tmp_path, capsys, name):
        image = saved(tmp_path / name, pixels())
        cut = ("--tile", "64x64", "--overlap", 0.25)
        assert command("predict", run, image, "--out", tmp_path / "two", *cut, "--engine", "ray") == 0
        assert "3 bands" in capsys.readouterr().out
        expected = predicted_here(run, image, tile=64, overlap=0.25, output="class_ids")
        found = content(tmp_path / "two" / "masks" / name)
        held = expected != 255  # Pixels without data have the ignored label of the run.
        np.testing.assert_array_equal(found[held], expected[held])
        assert [item.name for item in (tmp_path / "two").iterdir()] == ["masks"]

    def test_finished_and_existing_masks(self, run, one_worker, tmp_path, capsys):
        options = ("predict", run, saved(tmp_path / "a.npy", pixels((70, 70))), "--out", tmp_path, "--engine", "ray")
        cut = ("--tile", "64x64")
        assert command(*options, *cut) == 0
        assert "exists already" in refusal(capsys, *options, *cut)
        assert "exclude each other" in refusal(capsys, *options, *cut, "--resume", "--overwrite")
        assert command(*options, "--resume") == 0
        assert "Kept" in capsys.readouterr().out
        assert command(*options, "--tile", "96x96", "--overwrite") == 0

    def test_an_interrupted_overwrite_goes_on(self, run, one_worker, tmp_path, capsys):
        image, mask = saved(tmp_path / "a.npy", pixels()), tmp_path / "masks" / "a.npy"
        mask.parent.mkdir()
        saved(mask, np.zeros((8, 8), "uint8"))
        with pytest.raises(KeyboardInterrupt):
            scale.predict_raster_with_ray(run, image, out=mask, tile=64, overwrite=True, progress=stop_after(1))
        options = ("predict", run, image, "--out", tmp_path, "--engine", "ray", "--tile", "64x64")
        assert "exists already" in refusal(capsys, *options)
        assert command(*options, "--resume") == 0
        assert "3 bands, of which 1 were finished before" in capsys.readouterr().out
        np.testing.assert_array_equal(np.load(mask), predicted_here(run, image, tile=64, output="class_ids"))
        assert [item.name for item in mask.parent.iterdir()] == ["a.npy"]

    def test_the_predictions_of_a_folder_are_no_longer_those_of_one_model(self, run, one_worker, tmp_path):
        image = saved(tmp_path / "a.npy", pixels((70, 70)))
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "made_with.json").write_text('{"model": "another"}')
        assert command("predict", run, image, "--out", tmp_path / "out", "--engine", "ray", "--tile", "64x64") == 0
        assert [item.name for item in (tmp_path / "out").iterdir()] == ["masks"]

    def test_masks_of_another_kind_are_refused(self, run, one_worker, tmp_path, capsys, monkeypatch):
        image = saved(tmp_path / "a.npy", pixels((70, 70)))
        monkeypatch.setattr(type(open_model(run).task), "class_id_masks", False)
        line = refusal(capsys, "predict", run, image, "--out", tmp_path, "--engine", "ray")
        assert "rasters get masks of class ids" in line
