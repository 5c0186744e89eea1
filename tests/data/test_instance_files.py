"""Objects from every layout and file, and every way to get it wrong."""

import numpy as np
import pytest
from PIL import Image

from keras_seg._validation import InputError
from keras_seg.augmentation import standard
from keras_seg.data import (
    diagnose,
    find_instance_pairs,
    find_instance_splits,
    from_folder,
    read_instances,
    scan_instances,
    split_index,
    write_shapes,
)
from keras_seg.data.pipeline.decoded_store import DecodedStore

pytestmark = pytest.mark.tensorflow_only

IDS = np.zeros((6, 9), int)
IDS[:3, :4], IDS[3:, 2:5], IDS[4:, 7:] = 1, 2, 3


def save(path, array):
    """An array as PNG, TIFF or .npy, in folders made on the way."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, array)
    else:
        Image.fromarray(array).save(path)


def picture(path, size=IDS.shape):
    save(path, np.full((*size, 3), 90, "uint8"))


def objects(folder, ids=IDS, white=255):
    """A folder of one mask for each object."""
    for number in np.unique(ids[ids > 0]):
        save(folder / f"{number}.png", np.where(ids == number, white, 0).astype("uint8"))


def same_objects(one, other):
    """Whether two maps hold the same objects, whatever their numbers."""
    pairs = np.unique(np.stack([one.ravel(), other.ravel()]), axis=1)
    return len(np.unique(pairs[0])) == len(np.unique(pairs[1])) == pairs.shape[1] and ((one == 0) == (other == 0)).all()


@pytest.mark.parametrize(
    ("name", "dtype"),
    [("a.png", "uint8"), ("a.png", "uint16"), ("a.tif", "uint16"), ("a.tif", "int32"), ("a.npy", "int64")],
)
def test_maps_of_numbers(tmp_path, name, dtype):
    scale = 80 if dtype == "uint8" else 300
    save(tmp_path / name, (IDS * scale).astype(dtype))
    ids = read_instances(tmp_path / name)
    assert ids.dtype == np.int32
    np.testing.assert_array_equal(ids, IDS * scale)


def test_a_palette_gives_numbers_and_not_colors(tmp_path):
    image = Image.fromarray(IDS.astype("uint8")).convert("P")
    image.putpalette([0, 200, 100] * 256)
    image.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_instances(tmp_path / "a.png"), IDS)


@pytest.mark.parametrize("white", [255, 1, 7])
def test_a_folder_of_objects(tmp_path, white):
    objects(tmp_path / "a", white=white)
    assert same_objects(read_instances(tmp_path / "a"), IDS)


def test_the_smaller_object_lies_on_top_whatever_the_files_are_called(tmp_path):
    large, small = np.zeros((6, 6), bool), np.zeros((6, 6), bool)
    large[:5, :5], small[3:, 3:] = True, True
    for folder, names in (("a", ("0", "1")), ("b", ("1", "0"))):
        for name, mask in zip(names, (large, small), strict=True):
            save(tmp_path / folder / f"{name}.png", mask.astype("uint8") * 255)
    expected = np.where(small, 2, np.where(large, 1, 0))
    for folder in "ab":
        assert same_objects(read_instances(tmp_path / folder), expected)
    # Of two equal ones the first file's stays whole.
    for name, columns in (("0", slice(0, 3)), ("1", slice(2, 5))):
        mask = np.zeros((2, 5), "uint8")
        mask[:, columns] = 255
        save(tmp_path / "c" / f"{name}.png", mask)
    assert read_instances(tmp_path / "c")[0].tolist() == [1, 1, 1, 2, 2]


def test_an_image_without_objects(tmp_path):
    save(tmp_path / "a" / "0.png", np.zeros((4, 5), "uint8"))
    assert not read_instances(tmp_path / "a").any()
    save(tmp_path / "a.png", np.zeros((4, 5), "uint8"))
    assert not read_instances(tmp_path / "a.png").any()


def test_components_touch_at_edges_only(tmp_path):
    white = np.array([[1, 0, 0, 1, 1], [0, 1, 0, 0, 1]], "uint8") * 255
    save(tmp_path / "a.png", white)
    assert read_instances(tmp_path / "a.png", components=True).tolist() == [[1, 0, 0, 2, 2], [0, 3, 0, 0, 2]]


def test_ignored_numbers(tmp_path):
    save(tmp_path / "a.npy", np.array([[0, 4, 65535], [-1, 4, 0]]))
    assert read_instances(tmp_path / "a.npy", ignore_class=(65535, -1)).tolist() == [[0, 4, -1], [-1, 4, 0]]


def test_no_label_of_void_is_taken_for_an_object(tmp_path):
    """Pixels outside of an image were an object of the number 255, with a body and borders."""
    picture(tmp_path / "images" / "a.png")
    save(tmp_path / "masks" / "a.png", IDS.astype("uint8"))
    index = scan_instances(tmp_path, components=False)
    with pytest.raises(InputError, match=r"`augment` must not mark .* InstanceIndex.*Give it ignore_class=-1"):
        from_folder(index, augment=standard(crop=12, ignore_class=255))
    for label in (-1, 0):
        dataset = from_folder(index, augment=standard(crop=12, scale=1.0, ignore_class=label))
        assert set(np.unique(next(iter(dataset))[1])) == {label, 0, 1, 2, 3}


class TestLayouts:
    def flat(self, root):
        for name in "ab":
            picture(root / "images" / f"{name}.png")
            save(root / "instances" / f"{name}.npy", IDS)

    def nested(self, root):
        for name in "ab":
            picture(root / "images" / f"{name}.png")
            objects(root / "masks" / name)

    def bowl(self, root):
        for name in "ab":
            picture(root / name / "images" / f"{name}.png")
            objects(root / name / "masks")

    @pytest.mark.parametrize("layout", ["flat", "nested", "bowl"])
    @pytest.mark.parametrize("split", [None, "train"])
    def test_each(self, tmp_path, layout, split):
        getattr(self, layout)(tmp_path / "training" if split else tmp_path)
        assert find_instance_splits(tmp_path) == (("train",) if split else ())
        pairs = find_instance_pairs(tmp_path, split=split)
        assert [pair.image.stem for pair in pairs] == ["a", "b"]
        index = scan_instances(tmp_path, split=split)
        assert index.object_counts.tolist() == [3, 3]
        assert same_objects(index.read_labels(1), IDS)
        if split:
            with pytest.raises(InputError, match="is divided into train. Pass split='train'"):
                find_instance_pairs(tmp_path)
            with pytest.raises(InputError, match="there is no split 'val'. It has: train"):
                find_instance_pairs(tmp_path, split="val")

    def test_batches(self, tmp_path):
        self.nested(tmp_path)
        index = scan_instances(tmp_path)
        images, ids = next(iter(from_folder(index, batch_size=2)))
        assert images.shape == (2, *IDS.shape, 3) and ids.dtype == "int32"
        assert same_objects(ids[0].numpy(), IDS)
        with pytest.raises(InputError, match="`num_classes` cannot change a InstanceIndex.*scan_instances"):
            from_folder(index, num_classes=3)

    def test_a_cache_in_files_sees_a_changed_object(self, tmp_path):
        self.nested(tmp_path / "data")
        index = scan_instances(tmp_path / "data")
        store = DecodedStore(index, cache=tmp_path / "cache")
        before = store.get(0)[1].max()
        (tmp_path / "data" / "masks" / "a" / "3.png").unlink()
        assert (before, store.get(0)[1].max()) == (3, 2)

    def test_dividing(self, tmp_path):
        self.bowl(tmp_path)
        train, val = split_index(scan_instances(tmp_path), validation_split=0.5)
        assert (len(train), len(val)) == (1, 1)
        assert train.object_counts.tolist() == [3]

    def test_orphans(self, tmp_path):
        self.nested(tmp_path)
        picture(tmp_path / "images" / "c.png")
        with pytest.raises(InputError, match="1 images have no folder of masks: c. Add the missing files"):
            find_instance_pairs(tmp_path)
        assert len(find_instance_pairs(tmp_path, allow_orphans=True)) == 2

    def test_folders_and_files_together(self, tmp_path):
        self.nested(tmp_path)
        save(tmp_path / "masks" / "a.png", IDS.astype("uint8"))
        with pytest.raises(InputError, match="holds folders .* and files .*Keep either"):
            find_instance_pairs(tmp_path)

    def test_no_image_of_a_name(self, tmp_path):
        picture(tmp_path / "images" / "a.png")
        objects(tmp_path / "masks" / "z")
        with pytest.raises(InputError, match="no image has a folder of masks"):
            find_instance_pairs(tmp_path)

    def test_a_folder_an_image_without_masks(self, tmp_path):
        self.bowl(tmp_path)
        picture(tmp_path / "c" / "images" / "c.png")
        with pytest.raises(InputError, match="must hold images/ with one image and masks/"):
            find_instance_pairs(tmp_path)
        assert len(find_instance_pairs(tmp_path, allow_orphans=True)) == 2

    def test_nothing_there(self, tmp_path):
        with pytest.raises(InputError, match="there is no folder images/. It holds no folders"):
            find_instance_pairs(tmp_path)
        with pytest.raises(InputError, match="there is no such folder"):
            find_instance_pairs(tmp_path / "nowhere")


class TestWhatMasksMean:
    def masks(self, root, *maps):
        for number, array in enumerate(maps):
            picture(root / "images" / f"{number}.png", array.shape)
            save(root / "masks" / f"{number}.png", array.astype("uint8"))
        return root

    def test_black_and_white_is_found_out(self, tmp_path):
        root = self.masks(tmp_path, (IDS > 0) * 255, np.zeros_like(IDS))
        index = scan_instances(root)
        assert index.components
        # The first two objects touch: in black and white they are one.
        assert index.object_counts.tolist() == [2, 0]
        assert "Masks are black and white" in index.notices[0]
        assert index.notices[1] == "1 image holds no object."
        assert same_objects(index.read_labels(0), np.where(IDS == 2, 1, IDS))
        assert not scan_instances(root, components=False).components

    def test_one_object_in_one_piece_is_a_number(self, tmp_path):
        root = self.masks(tmp_path, IDS == 1, (IDS == 2) * 1)
        assert not scan_instances(root).components

    def test_masks_of_classes_are_refused(self, tmp_path):
        classes = np.where(np.indices((8, 12)).sum(0) % 4 < 2, 1, 2) * (np.indices((8, 12))[1] % 3 > 0)
        root = self.masks(tmp_path, classes)
        with pytest.raises(InputError, match="objects are in several pieces, as the classes of a semantic mask are"):
            scan_instances(root)
        assert scan_instances(root, components=False).object_counts.tolist() == [2]

    def test_named_classes_are_refused(self, tmp_path):
        write_shapes(tmp_path, train=1, val=1, image_size=40)
        with pytest.raises(InputError, match="labels.json: names classes"):
            scan_instances(tmp_path, split="train")

    def test_numbers_are_not_black_and_white(self, tmp_path):
        root = self.masks(tmp_path, IDS)
        with pytest.raises(InputError, match="holds 4 values and is not a black and white mask. Pass components=False"):
            scan_instances(root, components=True)

    def test_folders_have_no_components(self, tmp_path):
        picture(tmp_path / "images" / "a.png")
        objects(tmp_path / "masks" / "a")
        with pytest.raises(InputError, match="is a folder of masks. Remove components=True"):
            read_instances(tmp_path / "masks" / "a", components=True)
        with pytest.raises(InputError, match="`components` applies to files"):
            scan_instances(tmp_path, components=True)

    def test_no_object_anywhere(self, tmp_path):
        root = self.masks(tmp_path, np.zeros_like(IDS))
        with pytest.raises(InputError, match="no image holds an object"):
            scan_instances(root)


class TestBadFiles:
    @pytest.mark.parametrize(
        ("array", "message"),
        [
            (np.zeros((6, 9)), r"a.npy: holds float64 of shape \(6, 9\). Save one integer per pixel.*astype"),
            (np.zeros((6, 9, 1), int), "a.npy: holds int64 of shape"),
            (IDS - 1, r"a.npy: holds -1, but objects are numbered from 1 .*ignore_class=-1"),
            (IDS * 2**31, "a.npy: holds 6442450944, but objects are numbered from 1"),
            (IDS[:, :4], r"the map is 6x4 \(height x width\), but its image a.png is 6x9. Resize"),
        ],
    )
    def test_maps(self, tmp_path, array, message):
        picture(tmp_path / "images" / "a.png")
        save(tmp_path / "masks" / "a.npy", array)
        with pytest.raises(InputError, match=message) as caught:
            scan_instances(tmp_path)
        assert "\n" not in str(caught.value)

    def test_a_tiff_of_fractions(self, tmp_path):
        picture(tmp_path / "images" / "a.png")
        save(tmp_path / "masks" / "a.tif", IDS.astype("float32"))
        with pytest.raises(InputError, match="a mask of type F holds no ids"):
            scan_instances(tmp_path)

    def test_bytes_that_are_no_array(self, tmp_path):
        picture(tmp_path / "images" / "a.png")
        (tmp_path / "masks").mkdir()
        (tmp_path / "masks" / "a.npy").write_bytes(b"no array")
        with pytest.raises(InputError, match="a.npy: cannot be read as an array .*numpy.save"):
            scan_instances(tmp_path)

    def test_an_empty_folder_of_masks(self, tmp_path):
        picture(tmp_path / "images" / "a.png")
        (tmp_path / "masks" / "a").mkdir(parents=True)
        with pytest.raises(InputError, match="a: holds no masks. Save one file per object, .* one file of zeros"):
            scan_instances(tmp_path)
        (tmp_path / "masks" / "a").rmdir()
        with pytest.raises(InputError, match=r"no image has a mask \(1 image, 0 masks\)"):
            scan_instances(tmp_path)

    def test_an_object_of_another_size(self, tmp_path):
        picture(tmp_path / "images" / "a.png")
        objects(tmp_path / "masks" / "a")
        save(tmp_path / "masks" / "a" / "9.png", np.zeros((4, 4), "uint8"))
        with pytest.raises(InputError, match=r"9.png: the mask is 4x4 .*but the others in its folder are 6x9"):
            scan_instances(tmp_path)

    @pytest.mark.parametrize("arguments", [{"channels": 0}, {"components": 1}, {"ignore_class": 0.5}, {"workers": -1}])
    def test_arguments(self, tmp_path, arguments):
        with pytest.raises(InputError, match=f"`{next(iter(arguments))}`"):
            scan_instances(tmp_path, **arguments)


def test_membrane_is_black_and_white(membrane):
    index = scan_instances(membrane)
    assert index.components
    assert len(index) == 30
    assert index.object_counts.min() > 60


@pytest.mark.parametrize("nested", [False, True])
def test_maps_drawn_on_the_stored_pixels_of_a_turned_photo(tmp_path, nested):
    exif = Image.Exif()
    exif[0x0112] = 6
    ids = np.zeros((6, 9), "uint8")
    ids[1:3, 1:8] = 1
    (tmp_path / "images").mkdir()
    pixels = np.dstack([ids * 200] * 3)
    Image.fromarray(pixels).save(tmp_path / "images" / "a.png", exif=exif)
    target = tmp_path / "masks" / "a" / "1.png" if nested else tmp_path / "masks" / "a.png"
    target.parent.mkdir(parents=True)
    Image.fromarray(ids).save(target)
    index = scan_instances(tmp_path, components=None if nested else False)
    assert index.exif_orientation == "ignore" and index.sizes == ((6, 9),)
    assert index.read_labels(0).tolist() == ids.tolist()
    image, _ = next(iter(from_folder(index, batch_size=1)))
    np.testing.assert_array_equal(image[0], pixels)


class TestDoubtfulObjects:
    """Objects that share pixels, and files that seem to be black on white."""

    def folder(self, tmp_path):
        for name in "ab":
            picture(tmp_path / "images" / f"{name}.png")
            objects(tmp_path / "masks" / name)
        return tmp_path

    def test_a_plain_folder_has_no_notice(self, tmp_path):
        assert scan_instances(self.folder(tmp_path)).notices == ()

    def test_overlaps_are_counted(self, tmp_path):
        root = self.folder(tmp_path)
        save(root / "masks" / "a" / "9.png", ((IDS == 1) * 255).astype("uint8"))
        save(root / "masks" / "b" / "9.png", ((IDS > 1) * 255).astype("uint8"))
        index = scan_instances(root)
        assert index.notices == (
            "5 objects in 2 images overlap, such as in masks/a/: the smaller one lies on top. "
            "2 objects are covered completely, and lost.",
        )
        assert index.object_counts.tolist() == [3, 3]
        assert "overlapping-objects" in {finding.code for finding in diagnose(root).findings}

    def test_inverted_files_are_named(self, tmp_path):
        root = self.folder(tmp_path)
        save(root / "masks" / "b" / "2.png", ((IDS != 2) * 255).astype("uint8"))
        assert any(
            "1 mask file is white in all corners" in x and "masks/b/2.png" in x for x in scan_instances(root).notices
        )
        assert "inverted-objects" in {finding.code for finding in diagnose(root).findings}

    def test_an_inverted_map(self, tmp_path):
        picture(tmp_path / "images" / "a.png")
        hole = np.full(IDS.shape, 255, "uint8")
        hole[2, 2:5] = 0
        save(tmp_path / "masks" / "a.png", hole)
        assert any("white in all corners" in line and "a.png" in line for line in scan_instances(tmp_path).notices)

    @pytest.mark.parametrize("values", [(1, 2), (100, 255), (3, 7)])
    def test_two_values_of_which_none_is_black(self, tmp_path, values):
        root = self.folder(tmp_path)
        save(root / "masks" / "a" / "1.png", np.where(IDS == 1, *values).astype("uint8"))
        with pytest.raises(InputError, match="holds 2 values, but one of several masks"):
            scan_instances(root)

    def test_void_is_not_white(self, tmp_path):
        """255 was the object, and the object was background."""
        root = self.folder(tmp_path)
        save(root / "masks" / "a" / "1.png", np.where(IDS == 3, 255, IDS == 1).astype("uint8"))
        with pytest.raises(InputError, match="holds 3 values, but one of several masks"):
            scan_instances(root)

    def test_nearly_black_is_black(self, tmp_path):
        root = self.folder(tmp_path)
        save(root / "masks" / "a" / "1.png", np.where(IDS == 1, 254, 2).astype("uint8"))
        assert same_objects(scan_instances(root).read_labels(0), IDS)

    def test_colors(self, tmp_path):
        root = self.folder(tmp_path)
        save(root / "masks" / "a" / "1.png", np.dstack([(IDS == 1) * 255, IDS * 0, IDS * 0]).astype("uint8"))
        with pytest.raises(InputError, match=r"1.png: the mask is painted in colors. Save the objects of an image as"):
            scan_instances(root)
