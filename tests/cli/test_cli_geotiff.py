"""`keras-seg predict` of georeferenced TIFFs: masks that lie where the images do."""

import csv
import json
import sys

import made_data
import numpy as np
import pytest
from made_maps import NO_PLACE, PLACE, rasterio, read, write
from PIL import Image
from shell import MARKS, TRAIN, command, refusal, trained_by_command, untraced_epochs

import keras_seg as ks

pytestmark = MARKS
untraced = untraced_epochs(4)


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    size = (48, 56)
    return made_data.shapes(tmp_path_factory, train=4, val=2, image_size=size)


@pytest.fixture(scope="module")
def image(shapes):
    return ks.data.read_image(sorted((shapes / "val" / "images").iterdir())[0])


@pytest.fixture(scope="module")
def finished(shapes, tmp_path_factory):
    return trained_by_command(tmp_path_factory, shapes, *TRAIN)


def test_the_mask_lies_where_the_image_does(finished, image, tmp_path, capsys):
    map_ = np.clip(image, 1, None)
    map_[:10] = 0
    write(tmp_path / "a.tif", map_, nodata=0)
    write(tmp_path / "plain.tif", image, **NO_PLACE)
    out = tmp_path / "out"
    options = ("--out", out, "--tile", "32x32", "--overlap", "0")
    assert command("predict", finished, tmp_path / "a.tif", tmp_path / "plain.tif", *options) == 0
    assert sorted(path.name for path in (out / "masks").iterdir()) == ["a.tif", "plain.png"]
    assert [path.name for path in (out / "overlays").iterdir()] == ["plain.png"]
    names = json.loads((finished / "labels.json").read_text())["names"]
    with rasterio.open(out / "masks" / "a.tif") as file:
        assert file.crs.to_epsg() == 32633 and file.transform == PLACE["transform"] and file.nodata == 255
        assert json.loads(file.tags(1)["class_names"]) == names
        ids = file.read(1)
    assert (ids[:10] == 255).all() and ids[10:].max() < len(names)
    rows = list(csv.DictReader((out / "areas.csv").open()))
    counted = [int(row["pixels"]) for row in rows if row["image"] == "a.tif"]
    assert counted == np.bincount(ids[10:].ravel(), minlength=len(names)).tolist()
    assert sum(float(row["share"]) for row in rows if row["image"] == "a.tif") == pytest.approx(1, abs=1e-5)
    # Nothing is overwritten; what is finished is kept.
    capsys.readouterr()
    assert command("predict", finished, tmp_path / "a.tif", *options) == 2
    assert "a.tif: exists already" in capsys.readouterr().err
    before = (out / "masks" / "a.tif").stat()
    assert command("predict", finished, tmp_path / "a.tif", *options, "--resume") == 0
    assert (out / "masks" / "a.tif").stat() == before


def test_polygons_lie_where_the_image_does(finished, image, tmp_path, capsys):
    pytest.importorskip("pyogrio")
    write(tmp_path / "a.tif", image)
    options = ("--out", tmp_path / "out", "--polygons")
    assert command("predict", finished, tmp_path / "a.tif", *options, "geojson") == 0
    assert "No polygons" not in capsys.readouterr().out
    content = json.loads((tmp_path / "out" / "polygons" / "a.geojson").read_text())
    assert content["crs"]["properties"]["name"].endswith("32633")
    ids = read(tmp_path / "out" / "masks" / "a.tif")
    assert sum(one["properties"]["pixels"] for one in content["features"]) == (ids > 0).sum() > 0
    assert "background" not in {one["properties"]["class"] for one in content["features"]}
    x, y = np.concatenate([one["geometry"]["coordinates"][0] for one in content["features"]]).T
    assert x.min() >= 500_000 and x.max() <= 500_560
    assert y.min() >= 5_399_520 and y.max() <= 5_400_000
    assert command("predict", finished, tmp_path / "a.tif", *options, "coco", "--resume") == 0
    assert "No polygons of 1 rasters" in " ".join(capsys.readouterr().out.split())


def test_polygons_that_cannot_be_written_are_refused_before_the_work(finished, image, tmp_path, capsys, monkeypatch):
    pytest.importorskip("pyogrio")
    points = [rasterio.control.GroundControlPoint(row, row, 5e5 + row, 5e6 - row**2) for row in (0, 20, 47)]
    write(tmp_path / "a.tif", image, gcps=points, transform=None)
    write(tmp_path / "b.tif", image)
    options = ("--out", tmp_path / "out", "--polygons", "geojson")
    said = refusal(capsys, "predict", finished, tmp_path / "b.tif", tmp_path / "a.tif", *options)
    assert "a.tif: has control points in the place of a transform" in said
    monkeypatch.setitem(sys.modules, "pyogrio", None)
    assert "Writing polygons needs pyogrio" in refusal(capsys, "predict", finished, tmp_path / "b.tif", *options)
    assert not (tmp_path / "out").exists()


def test_a_broken_map_does_not_stop_the_others(finished, image, tmp_path, capsys):
    for name in ("a", "b", "c"):
        write(tmp_path / f"{name}.tif", image, tiled=True, blockxsize=16, blockysize=16)
    (tmp_path / "b.tif").write_bytes((tmp_path / "b.tif").read_bytes()[:-2000])
    write(tmp_path / "c.tif", np.zeros((48, 56, 5), "uint8"))
    images = [tmp_path / f"{name}.tif" for name in ("a", "b", "c")]
    assert command("predict", finished, *images, "--out", tmp_path / "out") == 1
    said = capsys.readouterr().err
    assert "b.tif: cannot be read (it is truncated)" in said and "c.tif: has 5 bands, and 3 are needed" in said
    assert [path.name for path in (tmp_path / "out" / "masks").iterdir()] == ["a.tif"]


def test_a_mosaic(finished, image, tmp_path):
    from rasterio import shutil

    write(tmp_path / "a.tif", image)
    shutil.copy(tmp_path / "a.tif", tmp_path / "both.vrt", driver="VRT")
    assert command("predict", finished, tmp_path / "both.vrt", tmp_path / "a.tif", "--out", tmp_path / "out") == 0
    masks = tmp_path / "out" / "masks"
    np.testing.assert_array_equal(read(masks / "both.tif"), read(masks / "a.tif"))


def test_without_rasterio(finished, image, tmp_path, monkeypatch, capsys):
    """The mask is a picture, as that of any TIFF, and a line says what is lost."""
    write(tmp_path / "a.tif", image)
    monkeypatch.setitem(sys.modules, "rasterio", None)
    assert command("predict", finished, tmp_path / "a.tif", "--out", tmp_path / "out") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert 'a.tif: georeferenced, and the mask is not. For a GeoTIFF: pip install "keras-seg[geo]".' in said
    with Image.open(tmp_path / "out" / "masks" / "a.png") as mask:
        assert mask.size == (56, 48)
