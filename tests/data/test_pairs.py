import pathlib

import pytest

import keras_seg as ks
from keras_seg._validation import InputError
from keras_seg.data import find_pairs, find_splits

# NumPy, Pillow and tf.data only: the same code runs whatever the backend.
pytestmark = pytest.mark.tensorflow_only


def touch(root, *names):
    for name in names:
        file = pathlib.Path(root, name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


def one_line(error):
    text = str(error.value)
    assert "\n" not in text
    return text


def names(pairs):
    return [(pair.image.name, pair.mask.name) for pair in pairs]


def test_pairs_by_stem_sorted(tmp_path):
    touch(
        tmp_path, "images/b.jpg", "images/a.JPG", "masks/a.png", "masks/b.png", "images/.hidden.jpg", "images/notes.txt"
    )
    assert names(find_pairs(tmp_path)) == [("a.JPG", "a.png"), ("b.jpg", "b.png")]


@pytest.mark.parametrize("suffix", ["_mask", "_label", "_L", "_gt", "-mask", "_MASK"])
def test_mask_suffix(tmp_path, suffix):
    touch(tmp_path, "images/a.jpg", f"masks/a{suffix}.png")
    assert names(find_pairs(tmp_path)) == [("a.jpg", f"a{suffix}.png")]


def test_suffix_that_belongs_to_the_image_is_kept(tmp_path):
    touch(tmp_path, "images/cat_mask.jpg", "masks/cat_mask.png", "images/cat.jpg", "masks/cat.png")
    assert names(find_pairs(tmp_path)) == [("cat.jpg", "cat.png"), ("cat_mask.jpg", "cat_mask.png")]


@pytest.mark.parametrize(("images", "masks"), [("image", "mask"), ("imgs", "labels"), ("Img", "Annotations")])
def test_folder_names(tmp_path, images, masks):
    touch(tmp_path, f"{images}/a.webp", f"{masks}/a.tif")
    assert names(find_pairs(tmp_path)) == [("a.webp", "a.tif")]


def test_splits(tmp_path):
    touch(tmp_path, "train/images/a.png", "train/masks/a.png", "valid/images/b.png", "valid/masks/b.png")
    assert find_splits(tmp_path) == ("train", "val")
    assert names(find_pairs(tmp_path, split="val")) == [("b.png", "b.png")]
    with pytest.raises(InputError) as error:
        find_pairs(tmp_path)
    assert "split='train'" in one_line(error)
    with pytest.raises(InputError) as error:
        find_pairs(tmp_path, split="test")
    assert "'test'" in one_line(error) and "train, val" in one_line(error)


def test_flat_folder_has_no_splits(tmp_path):
    touch(tmp_path, "images/a.png", "masks/a.png")
    assert find_splits(tmp_path) == ()


def test_text_files_keep_their_order_and_their_folder(tmp_path):
    touch(tmp_path, "x/2.jpg", "x/1.jpg", "y/two.png", "y/one.png")
    (tmp_path / "images.txt").write_text("x/2.jpg\nx/1.jpg\n\n")
    (tmp_path / "masks.txt").write_text("y/two.png\ny/one.png\n")
    pairs = find_pairs((tmp_path / "images.txt", tmp_path / "masks.txt"))
    assert names(pairs) == [("2.jpg", "two.png"), ("1.jpg", "one.png")]
    assert all(path.is_file() for pair in pairs for path in pair)


@pytest.mark.parametrize(
    ("images", "masks", "said"),
    [
        ("x/1.jpg\n", "y/1.png\ny/2.png\n", ["masks.txt", "2 masks", "1 images"]),
        ("x/1.jpg\nx/gone.jpg\n", "y/1.png\ny/2.png\n", ["images.txt, line 2", "gone.jpg"]),
        ("\n", "\n", ["images.txt", "no files"]),
    ],
)
def test_bad_text_files(tmp_path, images, masks, said):
    touch(tmp_path, "x/1.jpg", "y/1.png", "y/2.png")
    (tmp_path / "images.txt").write_text(images)
    (tmp_path / "masks.txt").write_text(masks)
    with pytest.raises(InputError) as error:
        find_pairs((tmp_path / "images.txt", tmp_path / "masks.txt"))
    assert all(part in one_line(error) for part in said)


def test_text_file_missing(tmp_path):
    with pytest.raises(InputError, match=r"images\.txt: there is no such text file"):
        find_pairs((tmp_path / "images.txt", tmp_path / "masks.txt"))


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([], ["no folder images/", "images/ and masks/"]),
        (["images/a.png"], ["no folder masks/", "images"]),
        (["images/a.txt", "masks/a.txt"], ["no image has a mask", "0 images"]),
        (["images/a.png", "masks/b.png"], ["no image has a mask", "1 image, 1 mask"]),
        (
            [f"images/{n}.png" for n in range(6)] + ["masks/0.png"],
            ["5 of 6 images have no mask", "1.png, 2.png, 3.png and 2 more", "Add the missing"],
        ),
        (["images/a.png", "masks/a.png", "masks/z.png"], ["1 of 2 masks have no image", "z.png"]),
        (["images/a.png", "images/a.jpg", "masks/a.png"], ["a.png", "a.jpg", "same stem"]),
        (
            ["images/a.png", "masks/a.png", "masks/a_mask.png"],
            ["a.png has 2 masks: a.png, a_mask.png"],
        ),
    ],
)
def test_bad_folders(tmp_path, files, said):
    touch(tmp_path, *files)
    with pytest.raises(InputError) as error:
        find_pairs(tmp_path)
    assert all(part in one_line(error) for part in said), one_line(error)


def test_orphans_can_be_left_out(tmp_path):
    touch(tmp_path, "images/a.png", "images/b.png", "masks/b.png", "masks/c.png")
    assert names(find_pairs(tmp_path, allow_orphans=True)) == [("b.png", "b.png")]


@pytest.mark.parametrize("options", [{"split": "train"}, {"allow_orphans": True}])
def test_options_of_folders_are_refused_for_text_files(options):
    with pytest.raises(InputError, match=f"`{next(iter(options))}` applies to folders") as error:
        find_pairs(("images.txt", "masks.txt"), **options)
    one_line(error)


def test_no_such_folder(tmp_path):
    with pytest.raises(InputError, match="nowhere: there is no such folder"):
        find_pairs(tmp_path / "nowhere")
    touch(tmp_path, "file.txt")
    with pytest.raises(InputError, match=r"file\.txt: is a file, not a folder"):
        find_pairs(tmp_path / "file.txt")


@pytest.mark.parametrize("read", ["find_pairs", "find_splits", "from_folder", "scan_folder", "scan_instances"])
@pytest.mark.parametrize("kind", ["ShardIndex", "NoneType"])
def test_what_is_no_path_is_refused(read, kind):
    encoding = ks.data.LabelEncoding(num_classes=2)
    given = ks.data.ShardIndex(path="packed", encoding=encoding, splits={}, sizes={}) if kind == "ShardIndex" else None
    with pytest.raises(InputError, match="`path` must be the path of a data folder") as error:
        getattr(ks.data, read)(given)
    assert f"path='{kind}'" in one_line(error) and "read by from_shards" in one_line(error)
