"""Rasters in Zarr stores at addresses: the numbers of the same rasters on a disk, and one line for what goes wrong."""

import keras
import numpy as np
import pytest
from stores import answering, moto_store, pointed_to

import keras_seg as ks
from keras_seg._remote_files import UnreachableError
from keras_seg._validation import InputError

zarr = pytest.importorskip("zarr", reason='zarr is missing: pip install "keras-seg[scale]"')
IMAGE = np.random.default_rng(0).integers(0, 65536, (1100, 90, 3)).astype("uint16")


@pytest.fixture(scope="module")
def predictor():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((None, None, 3))
    scores = keras.layers.Conv2D(4, 3, padding="same", activation="softmax")(keras.layers.Rescaling(1 / 255)(inputs))
    model = keras.Model(inputs, scores)
    return ks.inference.TiledPredictor(model, tile=(256, 64), overlap=0.25, output="class_ids")


@pytest.fixture(scope="module")
def on_disk(predictor, tmp_path_factory):
    """The prediction of the raster as a file."""
    path = tmp_path_factory.mktemp("disk") / "scene.npy"
    np.save(path, IMAGE)
    return predictor.predict(path)


@pytest.fixture
def memory():
    """A file system of fsspec in this process."""
    fsspec = pytest.importorskip("fsspec", reason="needs fsspec")
    files = fsspec.filesystem("memory")
    yield files
    if files.exists("/rasters"):
        files.rm("/rasters", recursive=True)


def put(address, values=IMAGE):
    stored = zarr.open_array(address, mode="w", shape=values.shape, chunks=(256, 90, 3), dtype=values.dtype)
    stored[:] = values


def test_a_bucket(predictor, on_disk):
    with moto_store() as files:
        put("s3://bucket/in/scene.zarr")
        found = predictor.predict("s3://bucket/in/scene.zarr", "s3://bucket/out/ids.zarr")
        assert found.chunks == (512, 90)
        np.testing.assert_array_equal(found[:], on_disk)
        assert [path.rpartition("/")[2] for path in files.ls("bucket/out")] == ["ids.zarr"]
        before = files.find("bucket/out/ids.zarr")
        with pytest.raises(InputError, match=r"`out` exists already.*s3://bucket/out/ids.zarr"):
            predictor.predict(IMAGE, "s3://bucket/out/ids.zarr")
        assert files.find("bucket/out/ids.zarr") == before
        predictor.predict(np.zeros_like(IMAGE), "s3://bucket/out/ids.zarr", overwrite=True)
        assert len(np.unique(zarr.open_array("s3://bucket/out/ids.zarr", mode="r")[1:-1, 1:-1])) == 1
        with pytest.raises(InputError, match=r"^s3://bucket/none.zarr: there is no such store"):
            predictor.predict("s3://bucket/none.zarr")
        with pytest.raises(InputError, match="must not be the image's own address"):
            predictor.predict("s3://bucket/in/scene.zarr", "s3://bucket/in/scene.zarr/", overwrite=True)


def test_another_kind_of_store(memory, predictor, on_disk):
    put("memory://rasters/in/scene.zarr")
    np.testing.assert_array_equal(predictor.predict("memory://rasters/in/scene.zarr")[:], on_disk)
    found = predictor.predict("memory://rasters/in/scene.zarr", "memory://rasters/out/ids.zarr/")
    np.testing.assert_array_equal(found[:], on_disk)
    assert memory.ls("/rasters/out", detail=False) == ["/rasters/out/ids.zarr"]


def test_values_are_read_as_those_of_a_file(memory, predictor):
    """Models that normalize 0..255 refuse fractions in files."""
    put("memory://rasters/fractions.zarr", np.random.default_rng(0).random((40, 90, 3)).astype("float32"))
    model = ks.models.UNet(num_classes=2, filters=2, depth=2)
    with pytest.raises(InputError, match=r"^memory://rasters/fractions.zarr: holds"):
        ks.inference.TiledPredictor(model, tile=64).predict("memory://rasters/fractions.zarr")


def test_a_run_that_fails_leaves_no_array(memory, predictor):
    """What was finished of it is not taken for a prediction."""

    def reader(y0, y1, x0, x1):
        if y1 > 900:
            raise OSError("the camera is gone")
        return IMAGE[y0:y1, x0:x1]

    reader.shape = IMAGE.shape
    with pytest.raises(OSError, match="camera"):
        predictor.predict(reader, "memory://rasters/out/ids.zarr")
    assert not memory.exists("/rasters/out/ids.zarr")
    found = predictor.predict(IMAGE, "memory://rasters/out/ids.zarr")
    assert found.shape == IMAGE.shape[:2]
    assert memory.ls("/rasters/out", detail=False) == ["/rasters/out/ids.zarr"]


@pytest.mark.parametrize(
    "arguments, said",
    [
        (("memory://rasters/scene.npy",), "`image` must end in .zarr where it is an address"),
        ((IMAGE, "memory://rasters/ids.npy"), "`out` must end in .zarr where it is an address"),
        ((IMAGE, "memory://rasters/ids.tif"), "`out` must end in .zarr where it is an address"),
    ],
)
def test_other_files_are_refused(arguments, said, memory, predictor, tmp_path, monkeypatch):
    """They were read from, and written to, a folder named "memory:"."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=said):
        predictor.predict(*arguments)
    assert not list(tmp_path.iterdir())


def test_what_cannot_be(memory, predictor):
    with pytest.raises(InputError, match="`resume` must be False for an output that has no file"):
        predictor.predict(IMAGE, "memory://rasters/ids.zarr", resume=True)
    with pytest.raises(InputError, match="must be a path, and not an address"):
        ks.inference.GeoTIFF("memory://rasters/ids.tif")
    zarr.open_group("memory://rasters/group.zarr", mode="w")
    with pytest.raises(InputError, match=r"^memory://rasters/group.zarr: holds a group"):
        predictor.predict("memory://rasters/group.zarr")


def test_a_bucket_that_refuses(predictor):
    denied = r"^s3://bucket/scene.zarr: access is denied"
    with answering(403) as address, pointed_to(address), pytest.raises(InputError, match=denied):
        predictor.predict("s3://bucket/scene.zarr")
    silent = {"connect_timeout": 1, "read_timeout": 1, "retries": {"max_attempts": 0}}
    with (
        answering(200, seconds=5) as address,
        pointed_to(address, config_kwargs=silent),
        pytest.raises(UnreachableError, match="the store does not answer"),
    ):
        predictor.predict("s3://bucket/scene.zarr")
