"""Tables and polygons of predicted masks, against SciPy, pycocotools and the reader of COCO files."""

import csv
import json
import sys

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

import keras_seg as ks
from keras_seg import InputError
from keras_seg.training.predicted_masks import PredictedMask, predicted_masks
from keras_seg.training.prediction_file import PredictionFile
from keras_seg.training.prediction_files import prediction_files
from keras_seg.training.prediction_inputs import find_images
from keras_seg.training.prediction_polygons import check_coco, check_geojson, write_polygons
from keras_seg.training.prediction_tables import check_tables, write_areas, write_objects

pytestmark = pytest.mark.tensorflow_only

NAMES = ("background", "cat", "dog, large")


def saved(folder, name, labels):
    path = folder / "masks" / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(labels).save(path)
    return PredictedMask(f"{name}.jpg", path)


def blobs(seed=0, size=(20, 30)):
    """Two classes in several regions, with holes."""
    labels = np.random.default_rng(seed).integers(0, 3, (5, 6), dtype=np.uint8).repeat(4, 0).repeat(5, 1)
    labels[1, 1] = labels[10:12, 6:9] = 0
    return labels[: size[0], : size[1]]


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_areas(tmp_path):
    masks = [saved(tmp_path, name, blobs(seed)) for seed, name in enumerate("ab")]
    table = rows(write_areas(masks, tmp_path, NAMES))
    assert [(row["image"], row["class"]) for row in table] == [(f"{i}.jpg", name) for i in "ab" for name in NAMES]
    for row, (seed, id_) in zip(table, [(s, i) for s in (0, 1) for i in range(3)], strict=True):
        expected = (blobs(seed) == id_).sum()
        assert int(row["pixels"]) == expected
        assert float(row["share"]) == pytest.approx(expected / 600, abs=1e-6)


def test_areas_of_a_raster_are_counted_in_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr("keras_seg.training.predicted_masks._ROWS", 3)
    np.save(tmp_path / "r.npy", blobs())
    table = rows(write_areas([PredictedMask("r.npy", tmp_path / "r.npy")], tmp_path, NAMES))
    assert [int(row["pixels"]) for row in table] == np.bincount(blobs().ravel()).tolist()


@pytest.mark.parametrize("label", [255, -1])
def test_labels_of_no_class_are_not_counted(tmp_path, label):
    """A mask that was kept may be a ground truth."""
    labels = blobs().astype("int16")
    labels[:2] = label
    np.save(tmp_path / "r.npy", labels)
    masks = [PredictedMask("r.npy", tmp_path / "r.npy")]
    if label > 0:
        masks.append(saved(tmp_path, "s", labels.astype("uint8")))
    table = rows(write_areas(masks, tmp_path, NAMES))
    expected = np.bincount(labels[2:].ravel(), minlength=3)
    assert [int(row["pixels"]) for row in table] == expected.tolist() * len(masks)
    assert sum(float(row["share"]) for row in table[:3]) == pytest.approx(1, abs=1e-5)


def test_other_images_of_an_earlier_table_are_kept(tmp_path):
    first, other = saved(tmp_path, "a", blobs(0)), saved(tmp_path, "b", blobs(1))
    write_areas([other], tmp_path, NAMES)
    write_areas([first], tmp_path, NAMES)
    again = saved(tmp_path, "b", blobs(2))
    table = rows(write_areas([again], tmp_path, NAMES))
    assert [row["image"] for row in table] == ["a.jpg"] * 3 + ["b.jpg"] * 3
    assert [int(row["pixels"]) for row in table[3:]] == np.bincount(blobs(2).ravel()).tolist()


def refused(said, *calls):
    for call in calls:
        with pytest.raises(InputError, match=said) as error:
            call()
        assert "\n" not in str(error.value)


def test_a_table_that_another_program_has_saved_is_added_to(tmp_path):
    """Excel writes a byte order mark, other ends of lines, and empty rows."""
    path = write_areas([saved(tmp_path, "b", blobs(1))], tmp_path, NAMES)
    before = rows(path)
    path.write_bytes(("\ufeff" + path.read_text().replace("\n", "\r\n") + "\r\n,,,,\r\n").encode())
    check_tables(tmp_path, NAMES)
    table = rows(write_areas([saved(tmp_path, "a", blobs(0))], tmp_path, NAMES))
    assert table[3:] == before and [row["image"] for row in table[:3]] == ["a.jpg"] * 3
    path.write_bytes(b"")
    assert len(rows(write_areas([saved(tmp_path, "a", blobs(0))], tmp_path, NAMES))) == 3


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            b"image,class_id,class,pixels,share,remark\na.jpg,1,cat,7,0.1,mine\n",
            "another table, .* image, class_id, cl",
        ),
        (b"image;class_id;class;pixels;share\n", "areas.csv: is another table"),
        (b"image,class_id,class,pixels,share\nStra\xdfe.jpg,1,cat,7,0.1\n", "areas.csv: is not UTF-8 text"),
        (b'image,class_id,class,pixels,share\n"' + b"x" * 200_000, "areas.csv: is no table"),
    ],
    ids=["one more column", "semicolons", "another encoding", "an open quote"],
)
def test_another_table_is_left_alone(tmp_path, content, said):
    (tmp_path / "areas.csv").write_bytes(content)
    mask = saved(tmp_path, "a", blobs())
    refused(said, lambda: check_tables(tmp_path, NAMES), lambda: write_areas([mask], tmp_path, NAMES))
    assert (tmp_path / "areas.csv").read_bytes() == content
    check_tables(tmp_path, None)
    (tmp_path / "areas.csv").rename(tmp_path / "objects.csv")
    said = said.replace("areas", "objects").replace("image, class_id, cl", "image, object")
    refused(said, lambda: check_tables(tmp_path, None), lambda: write_objects([mask], tmp_path))
    assert (tmp_path / "objects.csv").read_bytes() == content


def test_a_name_that_is_not_utf8_is_escaped(tmp_path):
    """The table is UTF-8, to which the next command adds; of the same image, it replaces the rows."""
    mask = saved(tmp_path, "a", blobs())._replace(name="s/caf\udce9.png")
    for _ in range(2):
        areas, objects = write_areas([mask], tmp_path, NAMES), write_objects([mask], tmp_path)
        check_tables(tmp_path, NAMES)
        check_tables(tmp_path, None)
        assert [row["image"] for row in rows(areas)] == [r"s/caf\udce9.png"] * 3
        assert {row["image"] for row in rows(objects)} == {r"s/caf\udce9.png"} and len(rows(objects)) == 2


def test_masks_of_any_size_are_read(tmp_path, monkeypatch):
    """Pillow refuses more than 179 megapixels."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    mask = saved(tmp_path, "a", blobs())
    assert mask.class_pixels(NAMES)[0].tolist() == np.bincount(blobs().ravel()).tolist()
    (tmp_path / "masks" / "b").mkdir()
    for id_, name in enumerate(NAMES):
        Image.fromarray(blobs() == id_).save(tmp_path / "masks" / "b" / f"{name}.png")
    mask = PredictedMask("b.jpg", tmp_path / "masks" / "b")
    assert mask.class_pixels(NAMES)[0].tolist() == np.bincount(blobs().ravel()).tolist()


def test_objects_have_the_boxes_of_scipy(tmp_path):
    ids = ndimage.label(blobs() > 0)[0].astype("uint16") * 3
    table = rows(write_objects([saved(tmp_path, "a", ids), saved(tmp_path, "empty", ids * 0)], tmp_path))
    assert {row["image"] for row in table} == {"a.jpg"}
    for row in table:
        number = int(row["object"])
        ys, xs = ndimage.find_objects(ids)[number - 1]
        assert [int(row[key]) for key in ("left", "top", "width", "height", "pixels")] == [
            xs.start, ys.start, xs.stop - xs.start, ys.stop - ys.start, (ids == number).sum(),
        ]  # fmt: skip


def test_geojson_rings_are_closed_and_hold_the_pixels(tmp_path):
    labels = blobs()
    folder = write_polygons([saved(tmp_path, "sub/a", labels)], tmp_path, NAMES, format="geojson")
    content = json.loads((folder / "sub" / "a.geojson").read_text())
    assert content["type"] == "FeatureCollection"
    total = dict.fromkeys(NAMES, 0)
    for feature in content["features"]:
        rings = feature["geometry"]["coordinates"]
        assert all(ring[0] == ring[-1] for ring in rings)
        x, y = np.concatenate([np.asarray(ring)[:-1] for ring in rings]).T
        assert 0 <= x.min() <= x.max() <= 30
        assert 0 <= y.min() <= y.max() <= 20
        total[feature["properties"]["class"]] += feature["properties"]["pixels"]
    assert total == {"background": 0, "cat": (labels == 1).sum(), "dog, large": (labels == 2).sum()}


def test_coco_is_read_by_pycocotools(tmp_path):
    coco_tools = pytest.importorskip("pycocotools.coco")
    labels = blobs()
    path = write_polygons([saved(tmp_path, "a", labels)], tmp_path, NAMES, format="coco")
    path = write_polygons([saved(tmp_path, "b", blobs(1))], tmp_path, NAMES, format="coco")
    coco = coco_tools.COCO(path)
    assert {item["name"] for item in coco.loadCats(coco.getCatIds())} == {"cat", "dog, large"}
    for image, expected in zip(coco.loadImgs(sorted(coco.getImgIds())), (labels, blobs(1)), strict=True):
        found = np.zeros_like(expected)
        for annotation in coco.loadAnns(coco.getAnnIds(image["id"])):
            inside = coco.annToMask(annotation).astype(bool)
            assert inside.sum() == annotation["area"]
            left, top, width, height = annotation["bbox"]
            ys, xs = np.nonzero(inside)
            assert (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1) == (left, top, left + width, top + height)
            found[inside] = annotation["category_id"]
        np.testing.assert_array_equal(found, expected)


def test_coco_is_converted_back_to_the_masks(tmp_path):
    labels = blobs()
    write_polygons([saved(tmp_path / "out", "a", labels)], tmp_path / "out", NAMES, format="coco")
    source = tmp_path / "source"
    source.mkdir()
    (tmp_path / "out" / "coco.json").rename(source / "instances.json")
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(source / "a.jpg")
    ks.data.convert(source, tmp_path / "data")
    [mask] = (tmp_path / "data").rglob("a.png")
    np.testing.assert_array_equal(ks.data.read_mask(mask), labels)


def test_coco_keeps_what_is_said_about_the_whole(tmp_path):
    path = write_polygons([saved(tmp_path, "b", blobs(1))], tmp_path, NAMES, format="coco")
    before = json.loads(path.read_text()) | {"info": {"year": 2026}, "licenses": [{"id": 1, "name": "CC BY"}]}
    before["categories"][0]["supercategory"] = "animal"
    path.write_text("\ufeff" + json.dumps(before), encoding="utf-8")
    write_polygons([saved(tmp_path, "a", blobs(0))], tmp_path, NAMES, format="coco")
    after = json.loads(path.read_text(encoding="utf-8"))
    assert [image["file_name"] for image in after["images"]] == ["b.jpg", "a.jpg"]
    assert after["annotations"][: len(before["annotations"])] == before["annotations"]
    for key in ("info", "licenses", "categories"):
        assert after[key] == before[key]


def test_annotations_that_are_kept_keep_their_class(tmp_path):
    path = write_polygons([saved(tmp_path, "b", blobs(1))], tmp_path, NAMES, format="coco")
    before, others = path.read_text(), ("background", "dog, large", "cat")
    mask = saved(tmp_path, "a", blobs())
    refused(
        "coco.json: its annotations of other images have other categories",
        lambda: check_coco(tmp_path, ["a.jpg"], others),
        lambda: write_polygons([mask], tmp_path, others, format="coco"),
        lambda: check_coco(tmp_path, ["a.jpg"], None),
    )
    assert path.read_text() == before
    # Where no other image is there, nothing is kept.
    check_coco(tmp_path, ["b.jpg"], others)
    write_polygons([saved(tmp_path, "b", blobs())], tmp_path, others, format="coco")
    assert json.loads(path.read_text())["categories"] == [{"id": 1, "name": "dog, large"}, {"id": 2, "name": "cat"}]


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"images": []}',
        '{"images": 3, "annotations": [], "categories": []}',
        '{"images": [{"id": "1", "file_name": "b.jpg"}], "annotations": [], "categories": []}',
        '{"images": [{"id": 1, "file_name": "b.jpg"}], "annotations": ["image_id"], "categories": []}',
        '{"images": [], "annotations": [], "categories": ["cat"]}',
    ],
)
def test_a_file_that_is_no_coco_file_is_left_alone(tmp_path, text):
    (tmp_path / "coco.json").write_text(text)
    mask = saved(tmp_path, "a", blobs())
    refused(
        "coco.json: is no COCO file to which images can be added",
        lambda: check_coco(tmp_path, ["a.jpg"], NAMES),
        lambda: write_polygons([mask], tmp_path, NAMES, format="coco"),
    )
    assert (tmp_path / "coco.json").read_text() == text


def test_without_scipy_there_are_no_polygons(tmp_path, monkeypatch):
    """It is known before anything is predicted. Rasters have none."""
    monkeypatch.setitem(sys.modules, "scipy.ndimage", None)
    image, raster = (PredictionFile(tmp_path / "a", tmp_path / "b.npy", over) for over in (tmp_path / "c.png", None))
    for check in (lambda: check_coco(tmp_path, {"a.jpg"}, NAMES), lambda: check_geojson([raster, image])):
        with pytest.raises(ImportError, match=r'Writing polygons needs scipy: pip install "keras-seg\[boundary\]"'):
            check()
    check_coco(tmp_path, set(), NAMES)
    check_geojson([raster])


def test_objects_are_one_category(tmp_path):
    ids = np.zeros((6, 6), "uint16")
    ids[1:3, 1:3], ids[4:, 4:] = 7, 9
    mask = saved(tmp_path, "a", ids)
    content = json.loads(write_polygons([mask], tmp_path, None, format="coco").read_text())
    assert content["categories"] == [{"id": 1, "name": "object"}]
    assert [item["area"] for item in content["annotations"]] == [4, 4]
    folder = write_polygons([mask], tmp_path, None, format="geojson")
    features = json.loads((folder / "a.geojson").read_text())["features"]
    assert [item["properties"] for item in features] == [{"object": 7, "pixels": 4}, {"object": 9, "pixels": 4}]


def test_masks_are_named_like_their_images(tmp_path):
    for name in ("b.jpg", "sub/a.jpg"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "in" / name)
    files = prediction_files(find_images([tmp_path / "in"], recursive=True), tmp_path / "out")
    assert predicted_masks(files, tmp_path / "out") == []
    for file in files:
        file.mask.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((4, 4), np.uint8)).save(file.mask)
    assert [mask.name for mask in predicted_masks(files, tmp_path / "out")] == ["b.jpg", "sub/a.jpg"]
