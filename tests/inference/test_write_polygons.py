"""Polygons of class ids on a map, compared with `polygons` and read by pyogrio."""

import json
import sys

import numpy as np
import pytest
from made_maps import NO_PLACE, PLACE, rasterio, read, write
from rasterio.features import rasterize

from keras_seg._validation import InputError
from keras_seg.inference import polygons, write_polygons

pyogrio = pytest.importorskip("pyogrio")
pytestmark = pytest.mark.tensorflow_only
# Regions with holes, corners that touch, and one that spans the map.
IDS = np.random.default_rng(0).choice(4, (60, 80), p=[0.3, 0.5, 0.15, 0.05]).astype("uint8")
NAMES = ["ground", "field", "road", "Fluß"]


def features(path):
    return json.loads(path.read_text(encoding="utf-8"))["features"]


@pytest.fixture
def ids(tmp_path):
    return write(tmp_path / "ids.tif", IDS)


def test_they_are_the_regions(ids, tmp_path):
    """Each pixel is ten meters wide: x = 500000 + 10 column, y = 5400000 - 10 row."""
    path = write_polygons(ids, tmp_path / "a.geojson", class_names=NAMES)
    found = features(path)
    expected = polygons(IDS)
    assert len(found) == len(expected) > 100
    key = [(one["properties"]["class_id"], one["properties"]["pixels"]) for one in found]
    assert sorted(key) == sorted((one.label, one.pixels) for one in expected)
    for one in found:
        properties = one["properties"]
        assert properties["class"] == NAMES[properties["class_id"]]
        assert properties["area"] == 100 * properties["pixels"]
    drawn = rasterize(
        [(one["geometry"], one["properties"]["class_id"]) for one in found],
        out_shape=IDS.shape,
        transform=PLACE["transform"],
    )
    np.testing.assert_array_equal(drawn, IDS)
    assert json.loads(path.read_text())["crs"]["properties"]["name"] == "urn:ogc:def:crs:EPSG::32633"


def test_a_geopackage(ids, tmp_path):
    write_polygons(ids, tmp_path / "a.gpkg", class_names=NAMES)
    write_polygons(ids, tmp_path / "a.geojson", class_names=NAMES)
    package, text = (pyogrio.raw.read(tmp_path / name) for name in ("a.gpkg", "a.geojson"))
    assert package[0]["crs"] == text[0]["crs"] == "EPSG:32633"
    for mine, other in zip(package[3], text[3], strict=True):
        assert mine.tolist() == other.tolist()
    assert package[2].tolist() == text[2].tolist()


def test_what_is_left_out(tmp_path):
    ids = write(tmp_path / "ids.tif", IDS, nodata=3)
    found = features(write_polygons(ids, tmp_path / "a.geojson", ignore=(0, 2), min_pixels=5))
    expected = polygons(IDS, ignore=(0, 2, 3), min_pixels=5)
    assert sorted(one["properties"]["pixels"] for one in found) == sorted(one.pixels for one in expected)
    assert {one["properties"]["class"] for one in found} == {"class_1"}
    found = features(write_polygons(ids, tmp_path / "b.geojson", ignore=0))
    assert {one["properties"]["class_id"] for one in found} == {1, 2}


def test_names_are_those_of_the_file(tmp_path):
    ids = write(tmp_path / "ids.tif", IDS)
    with rasterio.open(ids, "r+") as file:
        file.update_tags(1, class_names=json.dumps(NAMES))
    found = features(write_polygons(ids, tmp_path / "a.geojson", ignore=()))
    assert {one["properties"]["class"] for one in found} == set(NAMES)


def test_areas(tmp_path):
    """In feet of 0.3048006 meters, turned by 30 degrees, they are square meters; in degrees and without a CRS none.

    Neither have maps of the whole earth, such as Web Mercator; the Swiss map is an oblique Mercator projection.
    """
    turned = PLACE["transform"] @ rasterio.Affine.rotation(30)
    for options, area in [
        ({"crs": "EPSG:2263"}, 100 * (1200 / 3937) ** 2),
        ({"transform": turned}, 100),
        ({"crs": "EPSG:4326", "transform": rasterio.Affine(1e-5, 0, 15, 0, -1e-5, 48)}, None),
        (NO_PLACE, None),
        ({"crs": "EPSG:2056"}, 100),
        ({"crs": "EPSG:3857"}, None),
        ({"crs": "EPSG:3395"}, None),
        ({"crs": "EPSG:4087"}, None),
    ]:
        write(tmp_path / "ids.tif", IDS, **options)
        found = features(write_polygons(tmp_path / "ids.tif", tmp_path / "a.geojson", overwrite=True))
        for one in found:
            assert one["properties"]["area"] == (area and pytest.approx(area * one["properties"]["pixels"], rel=1e-6))
        assert sum(one["properties"]["pixels"] for one in found) == (IDS > 0).sum()


def test_no_regions(tmp_path):
    ids = write(tmp_path / "ids.tif", np.zeros((8, 8), "uint8"))
    assert features(write_polygons(ids, tmp_path / "a.geojson")) == []


def test_what_is_refused(ids, tmp_path):
    (tmp_path / "there.gpkg").write_text("mine")
    (tmp_path / "folder.gpkg").mkdir()
    write(tmp_path / "scores.tif", IDS.astype("float32"))
    for raster, path, options, match in [
        ("ids.tif", "a.shp", {}, "`path` must end in .geojson or .gpkg"),
        ("none.tif", "there.gpkg", {}, "`path` exists already"),  # Before the raster is read.
        ("none.tif", "folder.gpkg", {"overwrite": True}, "folder.gpkg: is a folder, and a file is written"),
        ("ids.tif", "a.gpkg", {"ignore": "water"}, "`ignore` must be None, an integer or a sequence of integers"),
        ("ids.tif", "a.gpkg", {"min_pixels": 0}, "`min_pixels` must be an integer of at least 1"),
        ("ids.tif", "a.gpkg", {"class_names": ["a", "b"]}, "ids.tif: holds the id [23], and there are 2 class names"),
        ("scores.tif", "a.gpkg", {}, "scores.tif: holds 1 bands of float32, and a map of class ids"),
        ("none.tif", "a.gpkg", {}, "none.tif: there is no such file"),
    ]:
        with pytest.raises(InputError, match=match) as caught:
            write_polygons(tmp_path / raster, tmp_path / path, **options)
        assert "\n" not in str(caught.value)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["folder.gpkg", "ids.tif", "scores.tif", "there.gpkg"]
    assert (tmp_path / "there.gpkg").read_text() == "mine"
    np.testing.assert_array_equal(read(ids), IDS)


def test_control_points_are_no_grid(tmp_path):
    """As Sentinel-1 has them. The corners would be those of pixels, which programs read as degrees."""
    points = [rasterio.control.GroundControlPoint(row, row, 5e5 + row, 5e6 - row**2) for row in (0, 20, 50)]
    write(tmp_path / "ids.tif", IDS, gcps=points, transform=None)
    with pytest.raises(InputError, match="ids.tif: has control points .* gdalwarp -r near ids.tif"):
        write_polygons(tmp_path / "ids.tif", tmp_path / "a.geojson")
    assert not (tmp_path / "a.geojson").exists()


def test_without_pyogrio(ids, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyogrio", None)
    with pytest.raises(ImportError, match=r'Writing polygons needs pyogrio: pip install "keras-seg\[geo\]"'):
        write_polygons(ids, tmp_path / "a.gpkg")
