"""A release of Open Images in small: its tables and files as they are unpacked, with images of 24x32 pixels."""

import csv
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from keras_seg._validation import InputError
from keras_seg.data import from_open_images, read_mask, scan_folder, write_open_images

# NumPy, Pillow and tf.data only: the same code runs whatever the backend.
pytestmark = pytest.mark.tensorflow_only

PERSON, MAN, DOG, HAIR = "/m/01g317", "/m/04yx4", "/m/0bt9lr", "/m/03q69"
HEADER = ["MaskPath", "ImageID", "LabelName", "BoxID", "BoxXMin", "BoxXMax", "BoxYMin", "BoxYMax"]
HEADER += ["PredictedIoU", "Clicks"]
CLICKS = "0.15808 0.26206 1;0.90333 0.41076 0"
A, B, C = "0a3df0c2a1b4e6f7", "9f00aa11bb22cc33", "f1e2d3c4b5a69788"
# ImageID, label, box, size of the mask, and the object in thirds and quarters of it: (rows, columns).
OBJECTS = [
    (A, DOG, "00000001", (48, 64), (slice(1, 2), slice(1, 2))),
    (A, PERSON, "00000002", (48, 64), (slice(0, 3), slice(0, 2))),
    (B, MAN, "00000003", (12, 16), (slice(0, 1), slice(0, 4))),
    (B, HAIR, "00000004", (12, 16), (slice(0, 1), slice(0, 1))),
    (C, HAIR, "00000005", (24, 32), (slice(0, 1), slice(0, 1))),
]


def mask_name(image, label, box):
    return f"{image}_{label.replace('/', '')}_{box}.png"


def in_cells(size, cells):
    rows, columns = size[0] // 3, size[1] // 4
    inside = np.zeros(size, bool)
    inside[cells[0].start * rows : cells[0].stop * rows, cells[1].start * columns : cells[1].stop * columns] = True
    return inside


def write_table(path, rows):
    with open(path, "w", newline="") as stream:
        csv.writer(stream).writerows(rows)


@pytest.fixture
def release(tmp_path):
    folder = tmp_path / "oid"
    (folder / "validation").mkdir(parents=True)
    rows = [HEADER]
    for number, (image, label, box, size, cells) in enumerate(OBJECTS):
        name = mask_name(image, label, box)
        shard = folder / "masks" / "validation" / image[0]
        shard.mkdir(parents=True, exist_ok=True)
        inside = in_cells(size, cells)
        # The release has masks of 1 bit; tools that copy it save 8.
        (Image.fromarray(inside) if number % 2 else Image.fromarray(inside.astype("uint8") * 255)).save(shard / name)
        rows.append([name, image, label, box, 0, 1, 0, 1, "0.7" if number else "", CLICKS])
    # An image that was not downloaded, and neither were its masks.
    rows.append(["0123_m0bt9lr_1.png", "0123456789abcdef", DOG, "1", 0, 1, 0, 1, "", ""])
    for value, image in enumerate((A, B, C)):
        Image.new("RGB", (32, 24), (10 * value,) * 3).save(folder / "validation" / f"{image}.jpg")
    write_table(folder / "validation-annotations-object-segmentation.csv", rows)
    table = [[PERSON, "Person"], [MAN, "Man"], [DOG, "Dog"], [HAIR, "Human hair"], ["/m/011k07", "Tortoise"]]
    write_table(folder / "oidv7-class-descriptions-boxable.csv", [["LabelName", "DisplayName"], *table])
    (folder / "classes-segmentation.txt").write_text("".join(f"{label}\n" for label in (HAIR, PERSON, MAN, DOG)))
    return folder


def painted(release, classes=None, **options):
    options = {"destination": release.parent / "out", "split": "val", "progress": False, **options}
    folder = write_open_images(release, classes=classes, **options)
    return {file.stem: read_mask(file) for file in sorted((folder / "validation" / "masks").iterdir())}


def refused(*arguments, call=write_open_images, **options):
    with pytest.raises(InputError) as error:
        call(*arguments, **{"progress": False, **options})
    text = str(error.value)
    assert "\n" not in text
    return text


def expected(*layers):
    mask = np.zeros((24, 32), int)
    for cells, id_ in layers:
        mask[in_cells((24, 32), cells)] = id_
    return mask


def test_masks_of_another_size_are_painted_with_the_smaller_object_on_top(release):
    masks = painted(release, ("Person", "Dog"))
    assert list(masks) == [A]
    # The dog's row stands first in the table, and the person is larger.
    np.testing.assert_array_equal(masks[A], expected((OBJECTS[1][4], 1), (OBJECTS[0][4], 2)))


def test_the_result_is_a_data_folder_with_names(release):
    folder = write_open_images(
        release, destination=release.parent / "out", split="validation", classes=("Dog", PERSON), progress=False
    )
    index = scan_folder(folder, split="val")
    assert index.class_names == ("background", "Dog", "Person")
    assert index.ignore_class == (255,)
    assert index.class_pixels.tolist() == [384, 64, 320]
    # The images take no room twice.
    assert (folder / "validation" / "images" / f"{A}.jpg").samefile(release / "validation" / f"{A}.jpg")


def test_a_dict_joins_classes(release):
    masks = painted(release, {"person": ("Person", "Man"), "hair": "human hair"})
    assert list(masks) == [A, B, C]
    np.testing.assert_array_equal(masks[A], expected((OBJECTS[1][4], 1)))
    np.testing.assert_array_equal(masks[B], expected((OBJECTS[2][4], 1), (OBJECTS[3][4], 2)))


def test_all_classes_come_from_the_list(release):
    masks = painted(release)
    names = json.loads((release.parent / "out" / "labels.json").read_text())["names"]
    assert names == ["background", "Human hair", "Person", "Man", "Dog"]
    np.testing.assert_array_equal(masks[A], expected((OBJECTS[1][4], 2), (OBJECTS[0][4], 4)))
    (release / "classes-segmentation.txt").unlink()
    assert "classes-segmentation.txt" in refused(release)


def test_tables_of_v5_have_no_header_and_masks_may_lie_flat(release):
    (release / "oidv7-class-descriptions-boxable.csv").unlink()
    write_table(release / "class-descriptions-boxable.csv", [[DOG, "Dog"], [PERSON, "Person"], [HAIR, "Human hair"]])
    for file in list((release / "masks" / "validation").glob("*/*.png")):
        shutil.move(file, release / "masks" / file.name)
    shutil.rmtree(release / "masks" / "validation")
    (release / "tables").mkdir()
    for file in release.glob("*.csv"):
        file.rename(release / "tables" / file.name)
    assert list(painted(release, "Dog")) == [A]


def test_ignore_keeps_background_only_where_no_class_can_be_missing(release):
    everything = {A: (PERSON, DOG), B: (), C: ()}
    classes = ("Dog", "Human hair")
    masks = painted(release, classes, unlabeled="ignore")
    # Each image has one of the classes, and nobody said that the other is absent.
    for image in everything:
        assert 255 in masks[image] and 0 not in masks[image]
    shutil.rmtree(release.parent / "out")
    labels = [(A, "verification", HAIR, 0), (B, "verification", DOG, 1), (C, "crowdsource-verification", DOG, "0.0")]
    header = ["ImageID", "Source", "LabelName", "Confidence"]
    write_table(release / "validation-annotations-human-imagelabels-boxable.csv", [header, *labels])
    masks = painted(release, classes, unlabeled="ignore")
    assert {image: 255 in mask for image, mask in masks.items()} == {A: False, B: True, C: False}
    assert {image: 0 in mask for image, mask in masks.items()} == {A: True, B: False, C: True}


def test_ignore_takes_a_joined_class_for_there_by_any_of_its_labels(release):
    assert 255 not in painted(release, {"person": ("Person", "Man")}, unlabeled="ignore")[B]


def test_another_call_goes_on_where_the_first_stopped(release):
    before = painted(release)
    masks = release.parent / "out" / "validation" / "masks"
    (masks / f"{B}.png").unlink()
    kept = (masks / f"{A}.png").stat().st_mtime_ns
    after = painted(release)
    assert before.keys() == after.keys()
    np.testing.assert_array_equal(before[B], after[B])
    assert (masks / f"{A}.png").stat().st_mtime_ns == kept


def test_max_images_takes_the_first(release):
    assert list(painted(release, max_images=2)) == [A, B]


def test_more_than_254_classes_need_16_bits(release):
    labels = [f"/m/x{number}" for number in range(300)] + [DOG]
    write_table(release / "oidv7-class-descriptions-boxable.csv", [[label, label[3:]] for label in labels])
    (release / "classes-segmentation.txt").write_text("\n".join(labels))
    mask = painted(release, unlabeled="ignore")[A]
    assert np.unique(mask).tolist() == [301, 65535]
    index = scan_folder(release.parent / "out", split="val")
    assert index.num_classes == 302 and index.ignore_class == (65535,)


def test_open_images_gives_batches_and_paints_once(release):
    def options():
        return {"split": "validation", "classes": ("Dog", "Human hair"), "batch_size": 3, "progress": False}

    [(images, masks)] = list(from_open_images(release, **options()))
    assert images.shape == (3, 24, 32, 3) and masks.shape == (3, 24, 32)
    assert images.dtype == "float32" and masks.dtype == "int32"
    assert [round(float(image.numpy().mean()) / 10) for image in images] == [0, 1, 2]
    np.testing.assert_array_equal(masks[0], expected((OBJECTS[0][4], 1)))
    shutil.rmtree(release / "masks" / "validation" / "9")
    # Masks that are gone are named, though they are painted already.
    assert "lack masks" in refused(release, call=from_open_images, **options())
    with pytest.warns(UserWarning, match=f"1 images are skipped: {B}"):
        from_open_images(release, allow_orphans=True, **options())


def test_arguments_are_refused_before_anything_is_painted(release):
    for name, value in (
        ("batch_size", 0),
        ("seed", -1),
        ("image_size", (0, 4)),
        ("max_images", 0),
        ("unlabeled", "void"),
    ):
        text = refused(release, split="val", classes="Dog", call=from_open_images, **{name: value})
        assert f"`{name}`" in text
    assert not (release / "painted").exists()
    assert "`split`" in refused(release, split="trian", classes="Dog")


@pytest.mark.parametrize(
    "pattern, address",
    [
        ("*-object-segmentation.csv", "v5/validation-annotations-object-segmentation.csv"),
        ("*class-descriptions*.csv", "class-descriptions-boxable.csv"),
    ],
)
def test_a_missing_table_is_named_with_its_address(release, pattern, address):
    for file in release.glob(pattern):
        file.unlink()
    text = refused(release, split="val", classes="Dog")
    assert "https://storage.googleapis.com/openimages/v" in text and address in text


def test_a_damaged_table_is_named(release):
    table = release / "validation-annotations-object-segmentation.csv"
    table.write_text(table.read_text()[:-45])
    assert "line 7 ends early" in refused(release, split="val", classes="Dog")
    table.write_text("MaskPath,ImageID\n")
    assert "no column LabelName" in refused(release, split="val", classes="Dog")
    table.write_bytes(b"\xff\xfe\x00\x01")
    assert "cannot be read as a table" in refused(release, split="val", classes="Dog")


def test_unknown_classes_are_refused_with_the_nearest(release):
    assert "Did you mean 'Person'?" in refused(release, split="val", classes=("Dog", "Persn"))
    assert "'Tortoise', which has no masks" in refused(release, split="val", classes="Tortoise")
    assert "'Car', which is not a class" in refused(release, split="val", classes={"car": ("Car",)})


@pytest.mark.parametrize(
    "classes",
    [(), {}, 3, ("Dog", 3), {"d": 3}, {"d": ()}, {"d": (3,)}, ("Dog", "Dog"), ("Dog", DOG), {"background": DOG}],
)
def test_classes_of_another_form_are_refused(release, classes):
    assert "`classes` must" in refused(release, split="val", classes=classes)


def test_missing_masks_are_named_with_their_archive(release):
    (release / "masks" / "validation" / "9" / mask_name(*OBJECTS[2][:3])).unlink()
    text = refused(release, split="val")
    assert mask_name(*OBJECTS[2][:3]) in text and "validation-masks-9.zip" in text and "1 of 3" in text
    assert not (release / "painted").exists()
    with pytest.warns(UserWarning, match=B):
        assert list(painted(release, allow_orphans=True)) == [A, C]


def test_masks_of_another_shape_or_broken_are_named(release):
    turned = release / "masks" / "validation" / "9" / mask_name(*OBJECTS[2][:3])
    Image.new("1", (12, 16)).save(turned)
    broken = release / "masks" / "validation" / "f" / mask_name(*OBJECTS[4][:3])
    broken.write_bytes(b"no picture")
    assert "16x12" in refused(release, split="val", classes="Man")
    assert broken.name in refused(release, split="val", classes="Human hair", workers=1)
    with pytest.warns(UserWarning, match="2 images are skipped"):
        assert list(painted(release, allow_orphans=True)) == [A]


def test_shapes_may_differ_by_rounding(release):
    # As 684x1024 and its masks of 1068x1600 in the release.
    Image.new("RGB", (1024, 684)).save(release / "validation" / f"{C}.jpg")
    Image.new("1", (1600, 1068), 1).save(release / "masks" / "validation" / "f" / mask_name(*OBJECTS[4][:3]))
    mask = painted(release, "Human hair")[C]
    assert mask.shape == (684, 1024) and (mask == 1).all()


def test_no_image_left_is_refused(release):
    for image in (A, B):
        (release / "validation" / f"{image}.jpg").unlink()
    assert "none of the 1 images" in refused(release, split="val", classes="Dog")
    (release / "validation" / f"{C}.jpg").unlink()
    assert "no images of the validation split" in refused(release, split="val", classes="Dog")
    assert "no such folder" in refused(release / "nowhere", split="val", classes="Dog")


def test_a_destination_with_something_else_is_refused(release):
    painted(release, ("Dog", "Person"))
    out = release.parent / "out"
    assert "other classes" in refused(release, destination=out, split="val", classes="Dog")
    # Ids follow the order, so another order is another data set.
    assert "other classes" in refused(release, destination=out, split="val", classes=("Person", "Dog"))
    (out / "open_images.json").write_text("{")
    assert "other classes" in refused(release, destination=out, split="val", classes=("Dog", "Person"))
    assert "not empty" in refused(release, destination=release, split="val", classes="Dog")


def test_progress_is_reported(release):
    calls = []
    painted(release, "Dog", progress=lambda *call: calls.append(call))
    assert calls == [(1, 1)]
    assert "`progress`" in refused(release, split="val", classes="Dog", progress="bar")
