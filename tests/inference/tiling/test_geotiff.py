"""GeoTIFF in and out: place, nodata, colors, names, resuming, and what is refused. rasterio checks the results."""

import json
import sys
import warnings

import numpy as np
import pytest
import tifffile
from made_maps import PLACE, rasterio, read, write
from rasterio import shutil as rasterio_shutil
from rasterio.enums import ColorInterp
from small_models import identity, photo, unet

import keras_seg as ks
from keras_seg._validation import InputError
from keras_seg.inference import GeoTIFF, TiledPredictor

pytestmark = pytest.mark.tensorflow_only
IMAGE = np.clip(photo(300, 280), 1, 254)  # 0 and 255 are nodata.


@pytest.fixture(scope="module")
def net():
    return unet()


@pytest.fixture(scope="module")
def predictor(net):
    return TiledPredictor(net, tile=64, overlap=0.25, output="class_ids")


@pytest.fixture(scope="module")
def ids(predictor):
    return predictor.predict(IMAGE)


@pytest.fixture(scope="module")
def scores():
    return TiledPredictor(identity(), tile=64, overlap=0.25, blend="crop")


class TestIds:
    def test_have_the_place_of_the_image(self, predictor, ids, tmp_path):
        path = write(tmp_path / "a.tif", IMAGE)
        assert len(np.unique(ids)) == 3
        with predictor.predict(path, tmp_path / "ids.tif") as file:
            assert (file.name, file.mode) == (str(tmp_path / "ids.tif"), "r")
        with rasterio.open(path) as image, rasterio.open(tmp_path / "ids.tif") as file:
            assert file.crs == image.crs and file.transform == image.transform and file.bounds == image.bounds
            assert file.crs.to_epsg() == 32633 and file.nodata is None
            assert (file.count, file.dtypes, file.block_shapes) == (1, ("uint8",), [(256, 256)])
            assert file.profile["compress"] == "deflate" and file.profile["tiled"]
            assert file.colorinterp == (ColorInterp.palette,)
            colors = [file.colormap(1)[id_][:3] for id_ in range(3)]
            assert colors == [tuple(color) for color in ks.visualization.palette(3).tolist()]
            np.testing.assert_array_equal(file.read(1), ids)
        assert sorted(item.name for item in tmp_path.iterdir()) == ["a.tif", "ids.tif"]

    def test_of_an_array_have_none(self, predictor, ids, tmp_path):
        with warnings.catch_warnings():
            warnings.simplefilter("error", rasterio.errors.NotGeoreferencedWarning)
            predictor.predict(IMAGE, tmp_path / "ids.tif").close()
        with pytest.warns(rasterio.errors.NotGeoreferencedWarning), rasterio.open(tmp_path / "ids.tif") as file:
            assert file.crs is None and file.transform.is_identity
            np.testing.assert_array_equal(file.read(1), ids)

    def test_of_a_rotated_image(self, predictor, ids, tmp_path):
        """Only the place of the pixels changes."""
        turned = PLACE["transform"] @ rasterio.Affine.rotation(30)
        write(tmp_path / "a.tif", IMAGE, transform=turned)
        with predictor.predict(tmp_path / "a.tif", tmp_path / "ids.tif") as file:
            assert file.transform.almost_equals(turned)
            np.testing.assert_array_equal(file.read(1), ids)

    def test_of_an_image_with_control_points(self, predictor, tmp_path):
        points = [rasterio.control.GroundControlPoint(row, column, x, y, 0.0) for row, column, x, y in POINTS]
        write(tmp_path / "a.tif", IMAGE, gcps=points, transform=None)
        with predictor.predict(tmp_path / "a.tif", tmp_path / "ids.tif") as file:
            found, crs = file.gcps
            assert [(p.row, p.col, p.x, p.y) for p in found] == POINTS and crs.to_epsg() == 32633

    def test_names_colors_and_overviews(self, predictor, ids, tmp_path):
        write(tmp_path / "a.tif", IMAGE)
        colors = np.array([[0, 0, 0], [10, 20, 30], [255, 0, 1]], "uint8")
        names = ["field", "Straße", "water"]
        out = GeoTIFF(tmp_path / "ids.tif", class_names=names, colors=colors, nodata=7, overviews=True)
        predictor.predict(tmp_path / "a.tif", out).close()
        with rasterio.open(tmp_path / "ids.tif") as file:
            assert json.loads(file.tags(1)["class_names"]) == names
            assert file.colormap(1)[2] == (255, 0, 1, 255) and file.nodata == 7 and file.overviews(1) == [2]
            np.testing.assert_array_equal(file.read(1), ids)
            small = file.read(1, out_shape=(150, 140))
        blocks = ids.reshape(150, 2, 140, 2).transpose(0, 2, 1, 3).reshape(150, 140, 4)
        counts = (blocks[..., None] == np.arange(3)).sum(axis=2)
        # The most frequent id of four, where there is one.
        clear = (counts == counts.max(axis=-1, keepdims=True)).sum(axis=-1) == 1
        np.testing.assert_array_equal(small[clear], counts.argmax(axis=-1)[clear])

    def test_cloud_optimized(self, predictor, ids, tmp_path):
        write(tmp_path / "a.tif", np.tile(IMAGE, (2, 2, 1)), nodata=255)
        out = GeoTIFF(tmp_path / "ids.tif", class_names=["a", "b", "c"], cog=True)
        predictor.predict(tmp_path / "a.tif", out).close()
        with rasterio.open(tmp_path / "ids.tif") as file:
            assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG" and file.overviews(1) == [2]
            assert file.crs.to_epsg() == 32633 and file.transform == PLACE["transform"] and file.nodata == 255
            assert json.loads(file.tags(1)["class_names"]) == ["a", "b", "c"]
            assert file.colormap(1)[1][:3] == tuple(ks.visualization.palette(3)[1].tolist())
            np.testing.assert_array_equal(file.read(1), predictor.predict(np.tile(IMAGE, (2, 2, 1))))
        assert sorted(item.name for item in tmp_path.iterdir()) == ["a.tif", "ids.tif"]


POINTS = [(0.0, 0.0, 5e5, 5e6), (0.0, 280.0, 5.1e5, 5e6), (300.0, 0.0, 5e5, 4.9e6)]


class TestScores:
    def test_have_a_band_per_class(self, scores, tmp_path):
        write(tmp_path / "a.tif", IMAGE)
        out = GeoTIFF(tmp_path / "out.tif", class_names=["a", "b", "c"])
        scores.predict(tmp_path / "a.tif", out).close()
        with rasterio.open(tmp_path / "out.tif") as file:
            assert file.dtypes == ("float32",) * 3 and file.descriptions == ("a", "b", "c")
            assert file.transform == PLACE["transform"]
            np.testing.assert_array_equal(np.moveaxis(file.read(), 0, -1), IMAGE)

    def test_are_nan_without_data(self, scores, tmp_path):
        image = IMAGE.copy()
        image[20:50, :30] = 0
        write(tmp_path / "a.tif", image, nodata=0)
        found = scores.predict(tmp_path / "a.tif")
        assert np.isnan(found[20:50, :30]).all() and np.isnan(found).sum() == 30 * 30 * 3
        np.testing.assert_array_equal(np.nan_to_num(found), image)
        with scores.predict(tmp_path / "a.tif", tmp_path / "b.tif") as file:
            assert np.isnan(file.nodata)
            np.testing.assert_array_equal(file.read(2), found[..., 1])
            np.testing.assert_array_equal(file.read_masks(1) == 0, np.isnan(found[..., 0]))


class TestNodata:
    def image(self, value=0, dtype="uint8"):
        image = IMAGE.astype(dtype)
        image[100:200, 50:120] = value
        return image

    def check(self, predictor, path, out, nodata=255):
        """The ids are those of the image with 0 in the hole, except for the hole."""
        expected = predictor.predict(self.image().astype("float32"))
        expected[100:200, 50:120] = nodata
        found = predictor.predict(path, out)
        if isinstance(found, np.ndarray):
            np.testing.assert_array_equal(found, expected)
        else:
            with found:
                assert found.nodata == nodata
                np.testing.assert_array_equal(found.read(1), expected)
                np.testing.assert_array_equal(found.read_masks(1) == 0, expected == nodata)

    @pytest.mark.parametrize("value", [0, 255])
    def test_bytes(self, predictor, tmp_path, value):
        path = write(tmp_path / "a.tif", self.image(value), nodata=value)
        self.check(predictor, path, tmp_path / "ids.tif")
        self.check(predictor, path, GeoTIFF(tmp_path / "named.tif", nodata=200), nodata=200)
        self.check(predictor, path, None)

    @pytest.mark.parametrize("value", [np.nan, -9999.0])
    def test_floats(self, predictor, tmp_path, value):
        image = self.image(value, "float32")
        image[0, 0, 1] = value  # One band alone: 0 to the model, and the pixel is predicted.
        path = write(tmp_path / "a.tif", image, nodata=value)
        found = predictor.predict(path)
        assert (found[100:200, 50:120] == 255).all() and (found != 255).sum() == found.size - 7000

    def test_a_color_that_has_the_value_in_one_band(self, scores, tmp_path):
        image = IMAGE.copy()
        image[3, 4] = (255, 7, 255)
        image[5, 6] = (255, 255, 255)
        found = scores.predict(write(tmp_path / "a.tif", image, nodata=255))
        np.testing.assert_array_equal(found[3, 4], (255, 7, 255))
        assert np.isnan(found[5, 6]).all()

    def test_a_mask_and_transparency(self, predictor, tmp_path):
        valid = np.full((300, 280), 255, "uint8")
        valid[100:200, 50:120] = 0
        path = write(tmp_path / "mask.tif", self.image(99))
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(path, "r+") as file:
            file.write_mask(valid > 0)
        self.check(predictor, path, tmp_path / "1.tif")
        four = np.concatenate([self.image(99), valid[..., None]], axis=-1)
        self.check(predictor, write(tmp_path / "rgba.tif", four, photometric="RGB", alpha="yes"), tmp_path / "2.tif")

    def test_alpha_is_a_channel_for_models_of_four(self, tmp_path):
        image = photo(40, 40, 4)
        image[:9, :9, 3] = 0
        path = write(tmp_path / "a.tif", image, photometric="RGB", alpha="yes")
        predictor = TiledPredictor(identity(4), tile=32, blend="crop")
        np.testing.assert_array_equal(predictor.predict(path), image)

    def test_of_a_model_whose_ids_fill_uint8(self, tmp_path):
        path = write(tmp_path / "a.tif", photo(20, 20, 256), nodata=0)
        found = TiledPredictor(identity(256), tile=16, output="class_ids").predict(path)
        assert found.dtype == "uint16"


class TestValues:
    """Those that training reads."""

    def test_sixteen_bits(self, scores, tmp_path):
        path = write(tmp_path / "a.tif", IMAGE.astype("uint16") * 257)
        np.testing.assert_allclose(scores.predict(path), IMAGE, rtol=1e-6)
        np.testing.assert_allclose(ks.data.read_image(path), IMAGE, rtol=1e-6)

    def test_gray_and_a_mosaic(self, scores, tmp_path):
        path = write(tmp_path / "a.tif", IMAGE[..., 0])
        np.testing.assert_array_equal(scores.predict(path), np.repeat(IMAGE[..., :1], 3, axis=-1))
        rasterio_shutil.copy(path, tmp_path / "a.vrt", driver="VRT")
        np.testing.assert_array_equal(scores.predict(tmp_path / "a.vrt"), scores.predict(path))

    @pytest.mark.parametrize(
        ("image", "options", "match"),
        [
            (photo(20, 20, 5), {}, r"a.tif: has 5 bands, and 3 are needed.*gdal_translate -b 1 -b 2 -b 3 a.tif"),
            (photo(20, 20, 2), {}, "a.tif: has 2 bands, and 3 are needed"),
            (IMAGE.astype("int16"), {}, "a.tif: holds int16, whose scale is unknown"),
            (IMAGE.astype("uint16"), {"nbits": 12}, "a.tif: has 12 bits per band"),
            (IMAGE[..., 0], {"photometric": "miniswhite"}, "a.tif: stores white as 0"),
            (np.full((20, 20, 3), np.nan, "float32"), {}, "a.tif: holds NaN"),
        ],
    )
    def test_what_is_refused(self, predictor, tmp_path, image, options, match):
        path = write(tmp_path / "a.tif", image, **options)
        with pytest.raises(InputError, match=match) as caught:
            predictor.predict(path, tmp_path / "ids.tif")
        assert "\n" not in str(caught.value)
        assert [item.name for item in tmp_path.iterdir()] == ["a.tif"]

    def test_a_palette(self, predictor, tmp_path):
        path = write(tmp_path / "a.tif", IMAGE[..., 0])
        with rasterio.open(path, "r+") as file:
            file.write_colormap(1, {0: (1, 2, 3, 255)})
        with pytest.raises(InputError, match="a.tif: holds numbers of colors.*expand rgb"):
            predictor.predict(path)


class TestDamage:
    @pytest.mark.parametrize("kept", [0, 4, 100, 20_000])
    def test_a_truncated_file(self, predictor, tmp_path, kept):
        path = write(tmp_path / "a.tif", IMAGE, tiled=True, blockxsize=64, blockysize=64)
        path.write_bytes(path.read_bytes()[:kept])
        with pytest.raises(InputError, match="a.tif: .*cannot be read") as caught:
            predictor.predict(path, tmp_path / "ids.tif")
        assert "\n" not in str(caught.value)
        assert [item.name for item in tmp_path.iterdir()] == ["a.tif"]

    def test_damage_that_is_found_late(self, predictor, tmp_path):
        """What was predicted before stays for `resume=True`, as with other files."""
        path = write(tmp_path / "a.tif", IMAGE, tiled=True, blockxsize=64, blockysize=64, compress="deflate")
        whole = path.read_bytes()
        with tifffile.TiffFile(path) as file:
            start = file.pages[0].dataoffsets[15]  # Of the fourth row of blocks.
        path.write_bytes(whole[:start] + bytes(200) + whole[start + 200 :])
        with pytest.raises(InputError, match="a.tif: cannot be read") as caught:
            predictor.predict(path, tmp_path / "ids.tif")
        assert "\n" not in str(caught.value) and not (tmp_path / "ids.tif").exists()
        path.write_bytes(whole)
        predictor.predict(path, tmp_path / "ids.tif", resume=True).close()
        np.testing.assert_array_equal(read(tmp_path / "ids.tif"), predictor.predict(IMAGE))

    def test_a_file_that_is_missing(self, predictor, tmp_path):
        with pytest.raises(InputError, match="none.tif: there is no such file"):
            predictor.predict(tmp_path / "none.tif")
        (tmp_path / "text.tif").write_text("no raster")
        with pytest.raises(InputError, match="text.tif: cannot be read"):
            predictor.predict(tmp_path / "text.tif")


class TestFiles:
    def test_nothing_is_overwritten_unless_asked(self, predictor, ids, tmp_path):
        (tmp_path / "ids.tif").write_text("mine")
        for out in (tmp_path / "ids.tif", GeoTIFF(tmp_path / "ids.tif")):
            with pytest.raises(InputError, match="`out` exists already"):
                predictor.predict(IMAGE, out)
        assert (tmp_path / "ids.tif").read_text() == "mine"
        predictor.predict(write(tmp_path / "a.tif", IMAGE), tmp_path / "ids.tif", overwrite=True).close()
        np.testing.assert_array_equal(read(tmp_path / "ids.tif"), ids)
        with pytest.raises(InputError, match="`out` must not be the image's own path"):
            predictor.predict(tmp_path / "a.tif", tmp_path / "a.tif", overwrite=True)

    def test_an_interrupted_run_goes_on(self, predictor, ids, tmp_path):
        path, out = write(tmp_path / "a.tif", IMAGE), tmp_path / "ids.tif"
        done = []

        def stop(count, total):
            done.append(count)
            if count > total / 2:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            predictor.predict(path, out, progress=stop)
        assert not out.exists()
        with pytest.raises(InputError, match="belongs to a run that was interrupted.*resume=True"):
            predictor.predict(path, out)
        again = []
        predictor.predict(path, out, resume=True, progress=lambda count, total: again.append(count)).close()
        assert 1 < again[0] <= done[-1]
        np.testing.assert_array_equal(read(out), ids)
        assert sorted(item.name for item in tmp_path.iterdir()) == ["a.tif", "ids.tif"]

    @pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
    def test_a_run_that_ended_while_the_file_was_written(self, predictor, ids, tmp_path, monkeypatch):
        from keras_seg.inference.tiling.geotiff_target import GeoTIFFTarget

        with monkeypatch.context() as patched:
            patched.setattr(GeoTIFFTarget, "_describe", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                predictor.predict(IMAGE, tmp_path / "ids.tif")
        assert not (tmp_path / "ids.tif").exists()
        calls = []
        predictor.predict(IMAGE, tmp_path / "ids.tif", resume=True, progress=lambda *count: calls.append(count)).close()
        assert calls == []
        np.testing.assert_array_equal(read(tmp_path / "ids.tif"), ids)
        assert [item.name for item in tmp_path.iterdir()] == ["ids.tif"]

    @pytest.mark.parametrize(
        ("settings", "match"),
        [
            ({"class_names": ["a", "b"]}, "`class_names` must have one entry for each of the 3 classes"),
            ({"colors": np.zeros((4, 3), "uint8")}, "`colors` must have one entry for each of the 3 classes"),
            ({"nodata": 2}, "`nodata` must be no class id, and these are 0 to 2"),
            ({"class_names": ["a", "a", "b"]}, "`class_names` must not repeat a name"),
            ({"colors": np.zeros((3, 4), "uint8")}, "`colors` must have the shape"),
            ({"colors": np.zeros((3, 3))}, "`colors` must be uint8"),
            ({"nodata": -1}, "`nodata` must be an integer of at least 0"),
            ({"cog": 1}, "`cog` must be True or False"),
            ({"cog": True, "overviews": True}, "`overviews` must be left out"),
        ],
    )
    def test_settings_that_are_wrong(self, predictor, tmp_path, settings, match):
        with pytest.raises(InputError, match=match) as caught:
            predictor.predict(IMAGE, GeoTIFF(tmp_path / "ids.tif", **settings))
        assert "\n" not in str(caught.value)
        assert list(tmp_path.iterdir()) == []

    def test_other_wrong_calls(self, predictor, scores, tmp_path):
        with pytest.raises(InputError, match="`path` must end in .tif or .tiff"):
            GeoTIFF("ids.png")
        with pytest.raises(InputError, match="`nodata` must be None for scores"):
            scores.predict(IMAGE, GeoTIFF(tmp_path / "a.tif", nodata=255))
        colors = np.zeros((3, 3), "uint8")
        for call, dtype in ((scores, "float32"), (predictor, "int32")):
            with pytest.raises(InputError, match=f"`colors` must be None in a file of {dtype}: color tables"):
                call.predict(IMAGE, GeoTIFF(tmp_path / "a.tif", colors=colors), dtype=dtype)
        for call, dtype in ((scores, "float16"), (predictor, "uint64")):
            with pytest.raises(InputError, match="`dtype` must be one that GeoTIFF has"):
                call.predict(IMAGE, tmp_path / "a.tif", dtype=dtype)
        with pytest.raises(InputError, match="`dtype` must be an integer that holds class ids up to 300"):
            predictor.predict(IMAGE, GeoTIFF(tmp_path / "a.tif", nodata=300), dtype="uint8")
        assert list(tmp_path.iterdir()) == []

    def test_without_rasterio(self, predictor, tmp_path, monkeypatch):
        path = write(tmp_path / "a.tif", IMAGE)
        monkeypatch.setitem(sys.modules, "rasterio", None)
        for image, out in ((path, None), (IMAGE, tmp_path / "ids.tif")):
            with pytest.raises(ImportError, match=r'A GeoTIFF needs rasterio: pip install "keras-seg\[geo\]"'):
                predictor.predict(image, out)
        assert [item.name for item in tmp_path.iterdir()] == ["a.tif"]


def test_the_report_on_seams(net, tmp_path):
    path = write(tmp_path / "a.tif", IMAGE)
    assert ks.inference.seam_report(net, path, tile=128) == ks.inference.seam_report(net, IMAGE, tile=128)


def test_the_report_on_seams_compares_no_pixels_without_data(tmp_path):
    image = IMAGE[:60, :70].copy()
    image[10:30, 20:50] = 255
    path = write(tmp_path / "a.tif", image, nodata=255)
    report = ks.inference.seam_report(identity(), path, tile=32, overlap=0.5)
    assert report.whole.pixels == report.near_seams.pixels + report.far_from_seams.pixels == 60 * 70 - 20 * 30
    assert report.whole.class_disagreement == 0 and report.whole.max_abs_difference < 1e-3
    assert report.whole.mean_abs_difference < 1e-3
