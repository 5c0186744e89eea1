"""Images and predictions in every kind of array and file, and what is refused."""

import warnings

import keras
import numpy as np
import pytest
from PIL import Image
from small_models import identity, photo

from keras_seg._validation import InputError
from keras_seg.data import read_image
from keras_seg.inference import TiledPredictor
from keras_seg.inference.tiling.raster_source import RasterSource
from keras_seg.layers import Preprocessing

pytestmark = pytest.mark.tensorflow_only
IMAGE = photo(45, 37)


@pytest.fixture(scope="module")
def predictor():
    return TiledPredictor(identity(), tile=16, overlap=0.25, blend="crop")


def mapped(path, array, mode="r"):
    np.save(path, array)
    return np.load(path, mmap_mode=mode)


def save(path, array):
    if path.suffix == ".npy":
        np.save(path, array)
        return
    zarr = pytest.importorskip("zarr")
    store = zarr.open(str(path), mode="w", shape=array.shape, chunks=array.shape, dtype=array.dtype)
    store[:] = array


class Reader:
    """A reader with a shape, which notes what it was asked for."""

    def __init__(self, image):
        self.shape, self._image, self.windows = image.shape, image, []

    def __call__(self, y0, y1, x0, x1):
        self.windows.append((y0, y1, x0, x1))
        return self._image[y0:y1, x0:x1]


class TestImages:
    @pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32", "float64", "float16", "bool"])
    def test_dtypes(self, predictor, dtype):
        image = (IMAGE > 100 if dtype == "bool" else IMAGE).astype(dtype)
        np.testing.assert_array_equal(predictor.predict(image), image)

    def test_a_memory_map_and_its_path(self, predictor, tmp_path):
        image = mapped(tmp_path / "a.npy", IMAGE)
        np.testing.assert_array_equal(predictor.predict(image), IMAGE)
        np.testing.assert_array_equal(predictor.predict(tmp_path / "a.npy"), IMAGE)
        np.testing.assert_array_equal(predictor.predict(str(tmp_path / "a.npy")), IMAGE)

    @pytest.mark.parametrize("ending", ["npy", "zarr"])
    def test_values_of_files_are_those_that_training_reads(self, predictor, tmp_path, ending):
        """65535 is 255, as in `read_image`; an array in memory is used as it is."""
        path, deep = tmp_path / f"a.{ending}", IMAGE.astype("uint16") * 257
        for values, expected in ((deep, IMAGE), (IMAGE.astype("float32"), IMAGE)):
            save(path, values)
            np.testing.assert_allclose(predictor.predict(path), expected, rtol=1e-6)
            np.testing.assert_allclose(read_image(path), expected, rtol=1e-6)
        np.testing.assert_array_equal(predictor.predict(deep), deep)
        for dtype in ("int32", "uint32", "int8", "bool"):
            save(path, IMAGE.astype(dtype))
            for read in (predictor.predict, read_image):
                with pytest.raises(InputError, match=f"a.{ending}: holds {dtype}, whose scale is unknown"):
                    read(path)
        save(path, np.full((20, 20, 3), np.nan, "float32"))
        with pytest.raises(InputError, match="holds NaN"):
            predictor.predict(path)

    @pytest.mark.parametrize("ending", ["npy", "zarr"])
    def test_a_file_of_one_channel_needs_no_axis(self, tmp_path, ending):
        save(tmp_path / f"a.{ending}", IMAGE[..., 0])
        predictor = TiledPredictor(identity(channels=1), tile=16, overlap=0.25, blend="crop")
        np.testing.assert_array_equal(predictor.predict(tmp_path / f"a.{ending}"), IMAGE[..., :1])

    def test_values_of_0_to_1_for_a_model_that_takes_0_to_255(self, tmp_path):
        np.save(tmp_path / "unit.npy", (IMAGE / 255).astype("float32"))
        np.save(tmp_path / "whole.npy", IMAGE.astype("float32"))
        inputs = keras.Input((None, None, 3))
        model = keras.Model(inputs, Preprocessing("tf")(inputs))
        predictor = TiledPredictor(model, tile=16)
        np.save(tmp_path / "standardized.npy", ((IMAGE - 128.0) / 64).astype("float32"))
        np.save(tmp_path / "faint.npy", IMAGE.astype("uint16") * 16)
        for name in ("unit", "standardized"):
            with pytest.raises(InputError, match=rf"{name}.npy: holds values .*, and the model takes 0..255. S"):
                predictor.predict(tmp_path / f"{name}.npy")
        # The advice can be followed.
        predictor.predict(np.load(tmp_path / "unit.npy"))
        with pytest.warns(UserWarning, match="faint.npy: holds 16-bit values up to .* of 65535"):
            predictor.predict(tmp_path / "faint.npy")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            predictor.predict(tmp_path / "whole.npy")
            TiledPredictor(identity(), tile=16).predict(tmp_path / "unit.npy")

    def test_changes_in_a_copy_on_write_map_are_kept(self, predictor, tmp_path):
        """Giving back its memory would lose them."""
        image = mapped(tmp_path / "a.npy", np.zeros_like(IMAGE), mode="c")
        image[:] = IMAGE
        np.testing.assert_array_equal(predictor.predict(image), IMAGE)
        np.testing.assert_array_equal(image, IMAGE)

    def test_changes_in_a_shared_map_are_kept(self, predictor, tmp_path):
        image = mapped(tmp_path / "a.npy", np.zeros_like(IMAGE), mode="r+")
        image[:] = IMAGE
        np.testing.assert_array_equal(predictor.predict(image), IMAGE)
        np.testing.assert_array_equal(image, IMAGE)

    def test_a_view_of_a_map(self, predictor, tmp_path):
        image = mapped(tmp_path / "a.npy", IMAGE)[5:40, 3:30]
        np.testing.assert_array_equal(predictor.predict(image), IMAGE[5:40, 3:30])

    def test_a_reader_is_asked_for_one_tile_row_at_a_time(self, predictor):
        reader = Reader(IMAGE)
        np.testing.assert_array_equal(predictor.predict(reader), IMAGE)
        rows, _ = predictor.grid(IMAGE.shape[:2])
        assert reader.windows == [(start, start + 16, 0, 37) for start in rows.starts]
        plain = IMAGE.__getitem__
        found = predictor.predict(lambda y0, y1, x0, x1: plain((slice(y0, y1), slice(x0, x1))), shape=IMAGE.shape)
        np.testing.assert_array_equal(found, IMAGE)

    def test_anything_numpy_reads(self, predictor):
        """Tensors have a shape and a dtype that NumPy does not know."""
        expected = IMAGE.astype("float32")
        for image in (keras.ops.convert_to_tensor(expected), IMAGE.tolist(), Image.fromarray(IMAGE), IMAGE[::-1][::-1]):
            np.testing.assert_array_equal(predictor.predict(image), expected)

    def test_mirrored_windows(self):
        rows, columns = np.array([2, 1, 0, 1, 2, 3]), np.array([36, 35, 34])
        np.testing.assert_array_equal(RasterSource(IMAGE).read_mirrored(rows, columns), IMAGE[np.ix_(rows, columns)])

    def test_readers_that_are_wrong(self, predictor):
        for reader, shape, match in [
            (lambda *window: IMAGE, IMAGE.shape, r"`image` must give windows of shape .16, 37, 3.*reader.0, 16, 0, 37"),
            (lambda *window: None, IMAGE.shape, "`image` must give windows of shape"),
            (lambda *window: IMAGE, None, "`shape` must be given for a reader"),
            (lambda *window: IMAGE, (45, 37), "`shape` must be .height, width, channels..*For example"),
            (lambda *window: IMAGE, (45.5, 37, 3), "`shape` must be"),
            (lambda *window: IMAGE, (None, None, 3), "`shape` must be"),
            (lambda *window: IMAGE, "abc", "`shape` must be"),
            (lambda *window: IMAGE, (45, 37, 4), "`shape` must have the 3 channels"),
            (lambda *window: IMAGE, (0, 37, 3), "`shape` must have at least one pixel"),
            (IMAGE, IMAGE.shape, "`shape` must be left out"),
        ]:
            with pytest.raises(InputError, match=match):
                predictor.predict(reader, shape=shape)

    def test_paths_that_are_wrong(self, predictor, tmp_path):
        (tmp_path / "text.npy").write_text("no array")
        (tmp_path / "empty.npy").touch()
        (tmp_path / "photo.jpg").touch()
        for name, match in [
            ("none.npy", "none.npy: there is no such file"),
            ("text.npy", "text.npy: cannot be read as an array"),
            ("empty.npy", "empty.npy: cannot be read as an array"),
            ("photo.jpg", "photo.jpg: must be a .npy file, a .zarr store or a GeoTIFF.*read_image"),
        ]:
            with pytest.raises(InputError, match=match) as caught:
                predictor.predict(tmp_path / name)
            assert "\n" not in str(caught.value)


class TestOutputs:
    @pytest.mark.parametrize("dtype", ["float32", "float16", "float64"])
    def test_an_array(self, predictor, dtype):
        out = np.full(IMAGE.shape, -1, dtype)
        assert predictor.predict(IMAGE, out, dtype=dtype) is out
        np.testing.assert_array_equal(out, IMAGE)

    def test_a_memory_map(self, predictor, tmp_path):
        out = mapped(tmp_path / "a.npy", np.zeros(IMAGE.shape, "float32"), mode="r+")
        assert predictor.predict(IMAGE, out) is out
        np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), IMAGE)
        assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]

    def test_a_path(self, predictor, tmp_path):
        path = tmp_path / "folder" / "a.npy"
        found = predictor.predict(IMAGE, path, dtype="float16")
        assert isinstance(found, np.memmap) and found.dtype == "float16" and not found.flags.writeable
        np.testing.assert_array_equal(np.load(path), IMAGE)
        assert [item.name for item in path.parent.iterdir()] == ["a.npy"]

    def test_nothing_is_overwritten_unless_asked(self, predictor, tmp_path):
        path = tmp_path / "a.npy"
        np.save(path, np.zeros(3))
        for resume in (False, True):
            with pytest.raises(InputError, match="`out` exists already.*overwrite=True"):
                predictor.predict(IMAGE, path, resume=resume)
        np.testing.assert_array_equal(np.load(path), np.zeros(3))
        np.testing.assert_array_equal(predictor.predict(IMAGE, path, overwrite=True), IMAGE)

    @pytest.mark.parametrize("overwrite", [False, True])
    def test_a_folder_is_never_replaced_by_a_file(self, predictor, tmp_path, overwrite):
        def reader(y0, y1, x0, x1):
            raise AssertionError("the tiles are predicted")

        path = tmp_path / "a.npy"
        path.mkdir()
        (path / "thesis.tex").write_text("five years")
        with pytest.raises(InputError, match="a.npy: is a folder, and a file is written. Give the path of a file."):
            predictor.predict(reader, path, overwrite=overwrite, shape=IMAGE.shape)
        assert (path / "thesis.tex").read_text() == "five years"
        assert list(tmp_path.iterdir()) == [path]

    def test_what_is_there_stays_until_the_new_is_whole(self, predictor, tmp_path):
        path = tmp_path / "a.npy"
        np.save(path, np.zeros(3))

        def reader(y0, y1, x0, x1):
            np.testing.assert_array_equal(np.load(path), np.zeros(3))
            return IMAGE[y0:y1, x0:x1]

        predictor.predict(reader, path, overwrite=True, shape=IMAGE.shape)
        np.testing.assert_array_equal(np.load(path), IMAGE)

    def test_outputs_that_are_wrong(self, predictor, tmp_path):
        (tmp_path / "file").touch()
        source = mapped(tmp_path / "source.npy", IMAGE.astype("float32"), mode="r+")
        for out, match in [
            (np.zeros((45, 37, 2), "float32"), r"`out` must have the shape of the prediction, .45, 37, 3"),
            (np.zeros((45, 37), "float32"), "`out` must have the shape"),
            (np.zeros(IMAGE.shape), "`out` must have the dtype of the prediction, float32.*dtype='float64'"),
            (np.zeros(IMAGE.shape, "uint8"), "`out` must have the dtype"),
            (np.broadcast_to(np.float32(0), IMAGE.shape), "`out` must be writable"),
            (mapped(tmp_path / "b.npy", np.zeros(IMAGE.shape, "float32")), "`out` must be writable.*r[+]"),
            ("a.png", "`out` must end in .npy, .zarr or .tif"),
            (tmp_path / "file" / "a.npy", "cannot be written"),
            (3, "`out` cannot be written to"),
            (source, "`out` must not be the image"),
            (source[:], "`out` must not be the image"),
            (np.load(tmp_path / "source.npy", mmap_mode="r+"), "`out` must not be the image"),
        ]:
            with pytest.raises(InputError, match=match) as caught:
                predictor.predict(source, out)
            assert "\n" not in str(caught.value)
        with pytest.raises(InputError, match="`out` must not be the image's own path"):
            predictor.predict(tmp_path / "source.npy", tmp_path / "source.npy", overwrite=True)
        with pytest.raises(InputError, match="`out` must not be the image,"):
            predictor.predict(tmp_path / "source.npy", source)
        with pytest.raises(InputError, match="`out` must not be the image's own path"):
            predictor.predict(source, tmp_path / "source.npy", overwrite=True)
        np.testing.assert_array_equal(source, IMAGE)
        for dtype, match in [("uint8", "`dtype` must be a float"), ("flaot", "`dtype` must be the name")]:
            with pytest.raises(InputError, match=match):
                predictor.predict(IMAGE, dtype=dtype)
        with pytest.raises(InputError, match="`resume` must be False for an output that has no file"):
            predictor.predict(IMAGE, resume=True)
        with pytest.raises(InputError, match="`overwrite` must be True or False"):
            predictor.predict(IMAGE, overwrite="yes")

    def test_a_full_disk_is_seen_before(self, predictor, tmp_path, monkeypatch):
        import shutil

        usage = shutil.disk_usage(tmp_path)
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
        with pytest.raises(InputError, match="a.npy: needs 0.0 GB and the disk has 0.0 GB left"):
            predictor.predict(IMAGE, tmp_path / "a.npy")
        assert list(tmp_path.iterdir()) == []


class TestZarr:
    @pytest.fixture
    def zarr(self):
        return pytest.importorskip("zarr")

    def stored(self, zarr, path, array):
        store = zarr.open_array(str(path), mode="w", shape=array.shape, chunks=(10, 16, 3), dtype=array.dtype)
        store[:] = array
        return store

    def test_in_and_out(self, predictor, zarr, tmp_path):
        image = self.stored(zarr, tmp_path / "a.zarr", IMAGE)
        np.testing.assert_array_equal(predictor.predict(image), IMAGE)
        found = predictor.predict(tmp_path / "a.zarr", tmp_path / "b.zarr", dtype="float16")
        np.testing.assert_array_equal(found[:], IMAGE)
        assert found.dtype == "float16"
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zarr", "b.zarr"]
        out = self.stored(zarr, tmp_path / "c.zarr", np.zeros(IMAGE.shape, "float32"))
        assert predictor.predict(IMAGE, out) is out
        np.testing.assert_array_equal(out[:], IMAGE)

    def test_a_store_is_replaced_as_a_whole(self, predictor, zarr, tmp_path):
        self.stored(zarr, tmp_path / "a.zarr", np.zeros((20, 20, 3)))
        with pytest.raises(InputError, match="`out` exists already"):
            predictor.predict(IMAGE, tmp_path / "a.zarr")
        found = predictor.predict(IMAGE, tmp_path / "a.zarr", overwrite=True)
        np.testing.assert_array_equal(found[:], IMAGE)
        assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]

    def test_an_interrupted_run_goes_on(self, predictor, zarr, tmp_path):
        """With the batch that the first unfinished tile is in, which begins in the row of tiles before."""

        def broken(y0, y1, x0, x1):
            if y0 > 19:
                raise OSError("the disk is gone")
            return IMAGE[y0:y1, x0:x1]

        path = tmp_path / "a.zarr"
        with pytest.raises(OSError, match="the disk is gone"):
            predictor.predict(broken, path, shape=IMAGE.shape)
        assert not path.exists()
        reader = Reader(IMAGE)
        np.testing.assert_array_equal(predictor.predict(reader, path, resume=True)[:], IMAGE)
        assert reader.windows[0][0] > 0

    def test_what_is_refused(self, predictor, zarr, tmp_path):
        zarr.open_group(str(tmp_path / "group.zarr"), mode="w")
        (tmp_path / "empty.zarr").mkdir()
        for name, match in [("group", "holds a group of arrays"), ("empty", "cannot be read as a Zarr array")]:
            with pytest.raises(InputError, match=match) as caught:
                predictor.predict(tmp_path / f"{name}.zarr")
            assert "\n" not in str(caught.value)

    def test_without_zarr(self, predictor, tmp_path, monkeypatch):
        import sys

        monkeypatch.setitem(sys.modules, "zarr", None)
        with pytest.raises(ImportError, match=r'pip install "keras-seg\[scale\]"'):
            predictor.predict(IMAGE, tmp_path / "a.zarr")


class TestProgress:
    def test_a_function(self, predictor):
        calls = []
        predictor.predict(IMAGE, progress=lambda done, total: calls.append((done, total)))
        rows, columns = predictor.grid(IMAGE.shape[:2])
        total = len(rows.starts) * len(columns.starts)
        assert calls == [(done, total) for done in range(1, total + 1)]

    def test_a_bar(self, predictor, capsys):
        predictor.predict(IMAGE, progress=True)
        assert "tiles" in capsys.readouterr().out

    @pytest.mark.parametrize("progress", [3, 1, "yes"])
    def test_something_else(self, predictor, tmp_path, progress):
        with pytest.raises(InputError, match="`progress` must be True, False, None or a function"):
            predictor.predict(IMAGE, tmp_path / "a.npy", progress=progress)
        assert list(tmp_path.iterdir()) == []
