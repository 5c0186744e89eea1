"""Which files belong together: a table of layouts, each with its pairs or the line that asks."""

import pathlib
import unicodedata

import numpy as np
import pytest
from PIL import Image

from keras_seg._validation import InputError
from keras_seg.data import find_instance_pairs, find_instance_splits, find_pairs, find_splits, scan_folder
from keras_seg.data.index.pairs import pair_files
from keras_seg.data.index.thread_map import checked_map

pytestmark = pytest.mark.tensorflow_only

PHOTO = np.random.default_rng(0).integers(0, 256, (16, 24, 3)).astype("uint8")
MASK = np.zeros((16, 24), "uint8")
MASK[4:9] = 1


def make(root, text):
    """Write files: a path alone is an empty file, i:PATH a photo, m:PATH a mask, c:PATH a mask painted in colors."""
    for word in text.split():
        kind, _, name = word.rpartition(":")
        file = pathlib.Path(root, name)
        file.parent.mkdir(parents=True, exist_ok=True)
        if kind:
            Image.fromarray({"i": PHOTO, "m": MASK, "c": np.dstack([MASK * 99] * 3)}[kind]).save(file)
        else:
            file.touch()


def found(root, pairs):
    return " ".join(">".join(str(path.relative_to(root)) for path in pair) for pair in pairs)


PAIRS = {
    # Folders by name.
    "plain": ("images/a.jpg masks/a.png", None, "images/a.jpg>masks/a.png"),
    "training images, ground truth": (
        "Training_Images/a.jpg Ground_Truth/a.png",
        None,
        "Training_Images/a.jpg>Ground_Truth/a.png",
    ),
    "with its split": ("Training_Images/a.jpg Ground_Truth/a.png", "train", "Training_Images/a.jpg>Ground_Truth/a.png"),
    "joined words": ("Images/a.jpg GroundTruth/a.png", None, "Images/a.jpg>GroundTruth/a.png"),
    "img_dir": (
        "img_dir/train/a.jpg ann_dir/train/a.png img_dir/val/b.jpg ann_dir/val/b.png",
        "val",
        "img_dir/val/b.jpg>ann_dir/val/b.png",
    ),
    "voc": ("JPEGImages/a.jpg SegmentationClass/a.png", None, "JPEGImages/a.jpg>SegmentationClass/a.png"),
    "x and y": ("x/a.png y/a.png", None, "x/a.png>y/a.png"),
    "x_train": ("x_train/a.png y_train/a.png x_val/b.png y_val/b.png", "train", "x_train/a.png>y_train/a.png"),
    "numbered splits": (
        "images/train2017/a.jpg annotations/train2017/a.png",
        "train",
        "images/train2017/a.jpg>annotations/train2017/a.png",
    ),
    "transposed": (
        "images/train/a.jpg masks/train/a.png images/val/a.jpg masks/val/a.png",
        "train",
        "images/train/a.jpg>masks/train/a.png",
    ),
    "camvid": (
        "train/a.png trainannot/a.png val/b.png valannot/b.png",
        "val",
        "val/b.png>valannot/b.png",
    ),
    "camvid, underlined": ("train/a.png train_labels/a_L.png", "train", "train/a.png>train_labels/a_L.png"),
    "carvana": ("train/a_01.jpg train_masks/a_01_mask.gif", "train", "train/a_01.jpg>train_masks/a_01_mask.gif"),
    "dev": (
        "train/images/a.png train/masks/a.png dev/images/b.png dev/masks/b.png",
        "val",
        "dev/images/b.png>dev/masks/b.png",
    ),
    "validation": (
        "validation/Images/a.png validation/Labels/a.png",
        "val",
        "validation/Images/a.png>validation/Labels/a.png",
    ),
    "a split of another name": (
        "fold1/images/a.png fold1/masks/a.png",
        "fold1",
        "fold1/images/a.png>fold1/masks/a.png",
    ),
    "one folder of masks for all splits": (
        "images/train/a.png images/val/b.png masks/a.png masks/b.png",
        "val",
        "images/val/b.png>masks/b.png",
    ),
    "a folder around": ("set/images/a.png set/masks/a.png", None, "set/images/a.png>set/masks/a.png"),
    "tiles": (
        "Tile1/images/a.jpg Tile1/masks/a.png Tile2/images/a.jpg Tile2/masks/a.png",
        None,
        "Tile1/images/a.jpg>Tile1/masks/a.png Tile2/images/a.jpg>Tile2/masks/a.png",
    ),
    "subfolders": (
        "images/a.png masks/a.png images/s/b.png masks/s/b.png",
        None,
        "images/a.png>masks/a.png images/s/b.png>masks/s/b.png",
    ),
    "cityscapes": (
        "leftImg8bit/train/bern/b_0_leftImg8bit.png gtFine/train/bern/b_0_gtFine_labelIds.png",
        "train",
        "leftImg8bit/train/bern/b_0_leftImg8bit.png>gtFine/train/bern/b_0_gtFine_labelIds.png",
    ),
    "pets": (
        "images/a.jpg annotations/trimaps/a.png annotations/xmls/a.xml",
        None,
        "images/a.jpg>annotations/trimaps/a.png",
    ),
    "an empty folder of masks beside it": ("images/a.png masks/a.png labels/a.txt", None, "images/a.png>masks/a.png"),
    "an older copy inside": (
        "images/a.png masks/a.png old/images/a.png old/masks/a.png",
        None,
        "images/a.png>masks/a.png",
    ),
    "test tubes are no split": (
        "test_tubes/images/a.png test_tubes/masks/a.png",
        None,
        "test_tubes/images/a.png>test_tubes/masks/a.png",
    ),
    # Folders by content.
    "by content": ("i:one/a.png i:one/b.png m:two/a.png m:two/b.png", None, "one/a.png>two/a.png one/b.png>two/b.png"),
    "by content, colors": (
        "i:two/a.png i:two/b.png c:one/a.png c:one/b.png",
        None,
        "two/a.png>one/a.png two/b.png>one/b.png",
    ),
    "by loss": ("i:one/a.jpg i:one/b.jpg m:two/a.png m:two/b.png", None, "one/a.jpg>two/a.png one/b.jpg>two/b.png"),
    "only the masks are named": ("photographs/a.jpg masks/a.png", None, "photographs/a.jpg>masks/a.png"),
    "only the images are named": ("i:images/a.jpg m:outlines/a.png", None, "images/a.jpg>outlines/a.png"),
    # Names of files.
    "annotation": ("images/a.jpg masks/a_annotation.png", None, "images/a.jpg>masks/a_annotation.png"),
    "prefixes": ("images/frame_001.png masks/mask_001.png", None, "images/frame_001.png>masks/mask_001.png"),
    "prefixes without a line": ("images/img1.png masks/mask1.png", None, "images/img1.png>masks/mask1.png"),
    "inner words": ("images/p1_image_02.png masks/p1_mask_02.png", None, "images/p1_image_02.png>masks/p1_mask_02.png"),
    "other words": (
        "images/shot_1_day.jpg images/shot_2_day.jpg masks/fill-1.png masks/fill-2.png",
        None,
        "images/shot_1_day.jpg>masks/fill-1.png images/shot_2_day.jpg>masks/fill-2.png",
    ),
    "case": ("images/IMG_1.JPG masks/img_1.PNG", None, "images/IMG_1.JPG>masks/img_1.PNG"),
    "one mask in several numbers": (
        "images/x.png images/x_1.png masks/x_mask.png masks/x_mask_1.png",
        None,
        "images/x.png>masks/x_mask.png images/x_1.png>masks/x_mask_1.png",
    ),
    "two extensions": ("images/a.jpg masks/a.jpg.png", None, "images/a.jpg>masks/a.jpg.png"),
    # One folder.
    "one folder": ("a.jpg a_mask.png", None, "a.jpg>a_mask.png"),
    "one folder by prefix": ("frame_001.png mask_001.png", None, "frame_001.png>mask_001.png"),
    "one folder, misleading names": ("label_a.jpg label_a_mask.png", None, "label_a.jpg>label_a_mask.png"),
    "one folder by extension": ("a.jpg a.png b.jpg b.png", None, "a.jpg>a.png b.jpg>b.png"),
    "one folder, cityscapes": (
        "a_leftImg8bit.png a_gtFine_labelIds.png",
        None,
        "a_leftImg8bit.png>a_gtFine_labelIds.png",
    ),
    "one folder in a split": (
        "train/a.jpg train/a_mask.png valid/b.jpg valid/b_mask.png",
        "val",
        "valid/b.jpg>valid/b_mask.png",
    ),
    "one folder called images": ("images/a.jpg images/a_mask.png", None, "images/a.jpg>images/a_mask.png"),
    # Characters.
    "brackets": ("images/a[1].png masks/a[1].png", None, "images/a[1].png>masks/a[1].png"),
}


@pytest.mark.parametrize("name", PAIRS)
def test_pairs(tmp_path, name):
    files, split, expected = PAIRS[name]
    make(tmp_path, files)
    assert found(tmp_path, find_pairs(tmp_path, split=split)) == expected


REFUSED = {
    "several masks": (
        "images/x.png masks/x_mask.png masks/x_mask_1.png",
        ["x.png has 2 masks", "x_mask_1.png", "instances"],
    ),
    "several numbered masks": ("images/x.png masks/x_1.png masks/x_2.png", ["x.png has 2 masks: x_1.png, x_2.png"]),
    "several kinds": ("images/x.png masks/x_color.png masks/x_labelIds.png", ["x.png has 2 masks", "x_color.png"]),
    "a folder per image": ("images/a.png masks/a/1.png masks/a/2.png", ["holds a folder per image (a)", "instances"]),
    "the data science bowl": (
        "p/images/p.png p/masks/1.png p/masks/2.png q/images/q.png q/masks/1.png",
        ["no image has a mask", "instances"],
    ),
    "two folders of masks": (
        "images/a.png masks/a.png labels/a.png",
        ["labels/ and masks/ may both hold the masks", "(images, masks)"],
    ),
    "two folders of images": ("images/a.png rgb/a.png masks/a.png", ["images/ and rgb/ may both hold the images"]),
    "two scales": ("images_256/a.png images_512/a.png masks_256/a.png masks_512/a.png", ["may both hold"]),
    "twins": ("i:one/a.png i:two/a.png", ["(images, masks) may be (one/, two/) or (two/, one/)"]),
    "masks twice": ("m:one/a.png m:two/a.png", ["may be (one/, two/) or (two/, one/)"]),
    "divided": ("images/train/a.png masks/train/a.png", ["divided into train", "split='train'"]),
    "divided as CamVid": ("train/a.png trainannot/a.png val/b.png valannot/b.png", ["divided into train, val"]),
    "same stem": ("images/a.png images/a.jpg masks/a.png", ["same stem: a.jpg"]),
    "same stem, other case of the extension": ("images/a.png images/a.PNG masks/a.png", ["same stem"]),
    "numbers from 0 and from 1": (
        "images/im10.png images/im11.png masks/lb20.png masks/lb21.png",
        ["no image has a mask"],
    ),
    "only texts": ("images/a.heic masks/a.txt", ["no image has a mask", "1 .heic"]),
    "names of classes further down": (
        "set/images/a.png set/masks/a.png set/labels.json",
        ["set/labels.json: is not read from there"],
    ),
    "no masks": ("images/a.png images/b.png", ["there is no folder masks/"]),
    "nothing": ("readme.md", ["there is no folder images/"]),
    "one photo": ("a.jpg", ["there is no folder"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(tmp_path, name):
    files, said = REFUSED[name]
    make(tmp_path, files)
    with pytest.raises(InputError) as error:
        find_pairs(tmp_path)
    text = str(error.value)
    assert "\n" not in text and all(part in text for part in said), text


@pytest.mark.parametrize(
    ("files", "splits"),
    [
        ("train/images/a.png dev/images/a.png", ("train", "val")),
        ("images/train/a.png images/validation/a.png images/testing/a.png", ("train", "val", "test")),
        ("train/a.png trainannot/a.png test/a.png testannot/a.png", ("train", "test")),
        ("images/a.png masks/a.png", ()),
        ("Training_Images/a.png Ground_Truth/a.png", ()),
        ("Training_Images/a.png Test_Images/b.png Ground_Truth/a.png", ("train", "test")),
    ],
)
def test_splits(tmp_path, files, splits):
    make(tmp_path, files)
    assert find_splits(tmp_path) == splits


def test_a_folder_that_is_only_divided_is_not_to_be_converted(tmp_path):
    for split in ("train", "val"):
        for kind in ("images", "masks"):
            (tmp_path / kind / split).mkdir(parents=True)
            Image.fromarray(np.eye(8, dtype="uint8")).save(tmp_path / kind / split / "a.png")
    assert len(scan_folder(tmp_path, split="train")) == 1
    with pytest.raises(InputError, match=r"divided into train, val\. Pass split='train'"):
        scan_folder(tmp_path)


def test_two_folders_of_one_split_are_a_question(tmp_path):
    make(tmp_path, "val/images/a.png val/masks/a.png dev/images/b.png dev/masks/b.png")
    with pytest.raises(InputError, match="dev and val are both folders of the split 'val'"):
        find_pairs(tmp_path, split="val")


def test_names_shared_by_splits_with_shared_masks(tmp_path):
    make(tmp_path, "images/train/a.png images/val/a.png masks/a.png")
    with pytest.raises(InputError, match="an image of another split has the same name"):
        find_pairs(tmp_path, split="train")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ("images/a.png images/n.txt images/b.heic masks/a.png", "images/: files that are not read: 1 .heic, 1 .txt."),
        ("images/a.png images/.b.png masks/a.png", "images/: files that are not read: 1 hidden."),
        (
            "images/a.png images/s/b.png masks/a.png",
            "Not used, because no partner was found: images/s/ (1 image file).",
        ),
        ("images/a.png masks/a.png overlays/a.png", "overlays/ (1 image file)"),
        ("images/a.png masks/a.png train/images/a.png", "in a split: train/images/ (1 image file)"),
        ("a.heic a.jpg a_mask.png", "files that are not read: 1 .heic."),
        ("i:one/a.png m:two/a.png", "one/ is read as images, two/ as masks, by their content."),
        (
            "images/s_1_d.png images/s_2_d.png masks/f1.png masks/f2.png",
            "masks/: names are matched by the part that differs: s_1_d with f1.",
        ),
    ],
)
def test_what_is_not_used_is_named(tmp_path, files, said):
    make(tmp_path, files)
    assert any(said in notice for notice in pair_files(tmp_path).notices), pair_files(tmp_path).notices


def test_files_of_systems_are_not_named(tmp_path):
    make(tmp_path, "images/a.png images/.DS_Store images/Thumbs.db images/._a.png masks/a.png labels.json readme.md")
    assert pair_files(tmp_path).notices == ()


def test_orphans_that_are_skipped_are_named(tmp_path):
    make(tmp_path, "images/a.png images/b.png images/c.png masks/a.png masks/z.png")
    pairing = pair_files(tmp_path, allow_orphans=True)
    assert found(tmp_path, pairing.pairs) == "images/a.png>masks/a.png"
    assert pairing.notices == (
        "2 images have no mask, not used: b.png, c.png.",
        "1 mask has no image, not used: z.png.",
    )


def test_the_two_forms_of_unicode_are_one_name(tmp_path):
    composed, apart = (unicodedata.normalize(form, "größe") for form in ("NFC", "NFD"))
    make(tmp_path, f"images/{composed}.png masks/{apart}.png")
    assert len(find_pairs(tmp_path)) == 1


def test_two_folders_as_a_pair(tmp_path):
    make(tmp_path, "one/a.jpg one/b.jpg one/c.gif one/s/d.png two/a_mask.png two/b_mask.png two/c.png two/n.txt")
    folders = (tmp_path / "one", tmp_path / "two")
    pairing = pair_files(folders)
    assert len(pairing.pairs) == 3
    assert pairing.notices == ("one/: 1 image in subfolders not used.", "two/: files that are not read: 1 .txt.")
    with pytest.raises(InputError, match="`split` applies to one folder"):
        find_pairs(folders, split="train")
    with pytest.raises(InputError, match="is a file, not a folder"):
        find_pairs((tmp_path / "one", tmp_path / "two" / "n.txt"))
    with pytest.raises(InputError, match="must be a folder, or a pair"):
        find_pairs((*folders, tmp_path))


def test_one_folder_twice_is_refused(tmp_path):
    make(tmp_path, "one/a.jpg")
    with pytest.raises(InputError, match="is given twice"):
        find_pairs((tmp_path / "one", tmp_path / "one"))


@pytest.mark.parametrize(
    ("images", "masks", "said"),
    [
        (b"a.png\na.png\n", b"1.png\n2.png\n", "lists a.png with 2 masks, 1.png and 2.png"),
        ("ä.png\n".encode("latin-1"), b"1.png\n", "is not UTF-8 text"),
    ],
)
def test_text_files_that_are_refused(tmp_path, images, masks, said):
    make(tmp_path, "a.png 1.png 2.png")
    (tmp_path / "images.txt").write_bytes(images)
    (tmp_path / "masks.txt").write_bytes(masks)
    with pytest.raises(InputError, match=said):
        find_pairs((tmp_path / "images.txt", tmp_path / "masks.txt"))


def test_links_in_circles_end(tmp_path):
    make(tmp_path, "images/a.png masks/a.png")
    (tmp_path / "images" / "up").symlink_to(tmp_path)
    (tmp_path / "images" / "self.png").symlink_to(tmp_path / "images" / "self.png")
    (tmp_path / "images" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    pairing = pair_files(tmp_path)
    assert len(pairing.pairs) == 1
    assert "2 broken link, 1 link back to a folder above" in pairing.notices[0]


def test_control_characters_stay_in_one_line(tmp_path):
    make(tmp_path, "images/a.png masks/a.png")
    (tmp_path / "images" / "b\n\x1b[31m.png").touch()
    with pytest.raises(InputError) as error:
        find_pairs(tmp_path)
    assert str(error.value).isprintable() and r"b\n\x1b[31m.png" in str(error.value)


def test_all_broken_files_are_reported(tmp_path):
    for name in "abcdefg":
        make(tmp_path, f"i:images/{name}.png m:masks/{name}.png")
    for name in "bdefg":
        (tmp_path / "images" / f"{name}.png").write_bytes(b"broken")
    Image.fromarray(MASK[:5]).save(tmp_path / "masks" / "c.png")
    with pytest.raises(InputError) as error:
        scan_folder(tmp_path)
    text = str(error.value)
    assert "\n" not in text and "In all, 6 of 7 pairs cannot be used." in text
    assert "b.png: the image cannot be read" in text and "Also: d.png, e.png, f.png and 1 more." in text
    assert "c.png: the mask is 5x24" in text


def test_one_broken_file_keeps_its_own_line():
    def refuse(item):
        if item == 1:
            raise InputError("a.png: is broken. Replace it.")
        return item

    with pytest.raises(InputError, match=r"^a\.png: is broken\. Replace it\.$"):
        checked_map(refuse, range(3), workers=2)


INSTANCES = {
    "a folder per image in a transposed split": (
        "images/train/a.png masks/train/a/1.png masks/train/a/2.png",
        "train",
        "images/train/a.png>masks/train/a",
    ),
    "maps in a transposed split": (
        "images/train/a.png masks/train/a.png",
        "train",
        "images/train/a.png>masks/train/a.png",
    ),
    "instances before masks": ("images/a.png instances/a.png masks/a.png", None, "images/a.png>instances/a.png"),
    "dev": ("dev/images/a.png dev/masks/a/1.png", "val", "dev/images/a.png>dev/masks/a"),
    "other names": ("Photos/a.png Ground_Truth/a.png", None, "Photos/a.png>Ground_Truth/a.png"),
}


@pytest.mark.parametrize("name", INSTANCES)
def test_instances(tmp_path, name):
    files, split, expected = INSTANCES[name]
    make(tmp_path, files)
    assert found(tmp_path, find_instance_pairs(tmp_path, split=split)) == expected
    assert find_instance_splits(tmp_path) == (() if split is None else (split,))


def test_instances_in_two_folders(tmp_path):
    make(tmp_path, "one/a.png two/a/1.png two/a/2.png")
    pairs = find_instance_pairs((tmp_path / "one", tmp_path / "two"))
    assert found(tmp_path, pairs) == "one/a.png>two/a"
