"""Crops from rasters: where they come from, what they hold, how classes are balanced, and what is refused."""

import pathlib
import sys

import numpy as np
import pytest
from made_maps import NO_PLACE, PLACE, rasterio, write
from rasterio.transform import from_origin

import keras_seg as ks
from keras_seg._validation import InputError
from keras_seg.data import from_raster

pytestmark = pytest.mark.tensorflow_only
SIZE = (200, 300)
# Every pixel is known by its values: row, column (up to 300, in two bands).
ROWS, COLUMNS = np.indices(SIZE)
PLACED = np.stack([ROWS, COLUMNS // 2, COLUMNS % 2], axis=-1).astype("uint8")
# Class 2 has 10 x 10 pixels of 60,000.
LABELS = np.zeros(SIZE, "uint8")
LABELS[:, 150:] = 1
LABELS[40:50, 60:70] = 2


@pytest.fixture
def pair(tmp_path):
    return write(tmp_path / "image.tif", PLACED), write(tmp_path / "labels.tif", LABELS)


def crops(dataset, batches=None):
    """Images and masks of the first batches, all of them for None."""
    taken = dataset if batches is None else dataset.take(batches)
    images, masks = zip(*((image.numpy(), mask.numpy()) for image, mask in taken), strict=True)
    return np.concatenate(images), np.concatenate(masks)


def corner(image):
    """Row and column of the first pixel of a crop of `PLACED`."""
    return int(image[0, 0, 0]), int(image[0, 0, 1] * 2 + image[0, 0, 2])


def shifted(rows, columns, scale=1.0):
    return from_origin(500_000 + 10 * columns, 5_400_000 - 10 * rows, 10 * scale, 10 * scale)


class TestCrops:
    def test_hold_what_the_rasters_hold(self, pair):
        dataset = from_raster(*pair, crop=(24, 40), batch_size=4, steps_per_epoch=5)
        assert dataset.element_spec[0].shape == (4, 24, 40, 3) and dataset.element_spec[1].shape == (4, 24, 40)
        images, masks = crops(dataset)
        assert images.dtype == "float32" and masks.dtype == "int32" and len(images) == 20
        for image, mask in zip(images, masks, strict=True):
            row, column = corner(image)
            np.testing.assert_array_equal(image, PLACED[row : row + 24, column : column + 40])
            np.testing.assert_array_equal(mask, LABELS[row : row + 24, column : column + 40])

    def test_cover_the_labeled_area_once(self, pair):
        """60,000 pixels are 14.6 crops of 64 x 64, 3.7 batches of four."""
        dataset = from_raster(*pair, crop=64, batch_size=4)
        assert int(dataset.cardinality()) == 4 and len(crops(dataset)[0]) == 16

    def test_come_from_everywhere(self, pair):
        images, _ = crops(from_raster(*pair, crop=50, batch_size=50, steps_per_epoch=20))
        corners = np.array([corner(image) for image in images])
        assert corners.min(axis=0).tolist() == [0, 0] and corners.max(axis=0).tolist() == [150, 250]
        inside = corners[(corners > 0).all(axis=1) & (corners < [150, 250]).all(axis=1)]
        # Uniform between the ends: means of 75 and 125, with standard errors below 2 and 3.
        np.testing.assert_allclose(inside.mean(axis=0), [75, 125], atol=8)

    def test_are_a_function_of_seed_epoch_and_position(self, pair):
        def first(batches=4, **options):
            options = {"crop": 16, "batch_size": 2, "steps_per_epoch": 2, "repeat": True, **options}
            return crops(from_raster(*pair, **options), batches)[0]

        expected = first()
        np.testing.assert_array_equal(first(workers=1), expected)
        np.testing.assert_array_equal(first(2, first_epoch=1), expected[4:])
        assert not np.array_equal(first(seed=1), expected) and not np.array_equal(expected[:4], expected[4:])

    def test_are_augmented_as_those_of_folders(self, pair):
        augment = ks.augmentation.standard(crop=(16, 16), ignore_class=255)
        images, masks = crops(from_raster(*pair, crop=32, batch_size=4, augment=augment, steps_per_epoch=2))
        assert images.shape == (8, 16, 16, 3) and masks.shape == (8, 16, 16)
        again, _ = crops(from_raster(*pair, crop=32, batch_size=4, augment=augment, steps_per_epoch=2))
        np.testing.assert_array_equal(images, again)

    def test_of_several_rasters(self, pair, tmp_path):
        other = write(tmp_path / "other.tif", np.full((*SIZE, 3), 77, "uint8"), crs="EPSG:32634")
        labels = write(tmp_path / "other_labels.tif", LABELS, crs="EPSG:32634")
        dataset = from_raster([pair[0], other], [pair[1], labels], crop=16, batch_size=20, steps_per_epoch=5)
        images, _ = crops(dataset)
        assert 30 < (images == 77).all(axis=(1, 2, 3)).sum() < 70

    def test_train_a_model(self, pair):
        dataset = from_raster(*pair, crop=16, batch_size=2, repeat=True, steps_per_epoch=2)
        model = ks.models.UNet(num_classes=3, filters=4, depth=2)
        model.compile("sgd", loss=ks.losses.Crossentropy(ignore_class=255))
        assert np.isfinite(model.fit(dataset, steps_per_epoch=2, verbose=0).history["loss"]).all()


class TestBalance:
    def test_classes_take_turns(self, pair):
        _, masks = crops(from_raster(*pair, crop=16, batch_size=3, steps_per_epoch=20, balanced=True))
        assert ((masks[2::3] == 2).any(axis=(1, 2))).all()
        assert ((masks[1::3] == 1).any(axis=(1, 2))).all()
        _, plain = crops(from_raster(*pair, crop=16, batch_size=3, steps_per_epoch=20))
        # A crop sees class 2 from 25 x 25 of 185 x 285 places: 0.7 of 60.
        assert (plain == 2).any(axis=(1, 2)).sum() < 10

    def test_a_rare_pixel_is_anywhere_in_its_crop(self, tmp_path):
        labels = np.zeros(SIZE, "uint8")
        labels[100, 140] = 1
        files = write(tmp_path / "a.tif", PLACED), write(tmp_path / "b.tif", labels)
        _, masks = crops(from_raster(*files, crop=16, batch_size=2, steps_per_epoch=200, balanced=True))
        places = np.argwhere(masks[1::2] == 1)[:, 1:]
        assert len(places) == 200 and len(np.unique(places, axis=0)) > 100


class TestPlace:
    def test_labels_of_another_extent(self, pair, tmp_path):
        """They begin 30 rows above and 20 columns into the image, and end within it."""
        labels = np.random.default_rng(0).integers(0, 3, (150, 200)).astype("uint8")
        write(tmp_path / "part.tif", labels, transform=shifted(-30, 20))
        images, masks = crops(from_raster(pair[0], tmp_path / "part.tif", crop=16, batch_size=50, steps_per_epoch=4))
        corners = np.array([corner(image) for image in images])
        assert corners.min(axis=0).tolist() == [0, 20] and corners.max() <= 204 and corners[:, 0].max() == 104
        for (row, column), mask in zip(corners, masks, strict=True):
            np.testing.assert_array_equal(mask, labels[row + 30 : row + 46, column - 20 : column - 4])

    def test_bounds(self, pair):
        """Columns 100 to 160 and rows 20 to 80, of which pixels that lie in part outside are left out."""
        left, top = 500_000 + 10 * 100 - 4, 5_400_000 - 10 * 20 + 4
        bounds = (left, top - 600 - 8, left + 600 + 8, top)
        images, _ = crops(from_raster(*pair, crop=16, batch_size=50, steps_per_epoch=10, bounds=bounds))
        corners = np.array([corner(image) for image in images])
        assert corners.min(axis=0).tolist() == [20, 100] and corners.max(axis=0).tolist() == [64, 144]

    def test_rasters_without_a_place(self, tmp_path):
        files = write(tmp_path / "a.tif", PLACED, **NO_PLACE), write(tmp_path / "b.tif", LABELS, **NO_PLACE)
        image, mask = (part[0] for part in crops(from_raster(*files, crop=16, batch_size=1), 1))
        row, column = corner(image)
        np.testing.assert_array_equal(mask, LABELS[row : row + 16, column : column + 16])

    def test_rotated_rasters_on_one_grid(self, tmp_path):
        turned = PLACE["transform"] @ rasterio.Affine.rotation(30)
        part = turned @ rasterio.Affine.translation(20, 10)
        write(tmp_path / "a.tif", PLACED, transform=turned)
        write(tmp_path / "b.tif", LABELS[10:, 20:], transform=part)
        images, masks = crops(from_raster(tmp_path / "a.tif", tmp_path / "b.tif", crop=16, batch_size=8), 2)
        for image, mask in zip(images, masks, strict=True):
            row, column = corner(image)
            np.testing.assert_array_equal(mask, LABELS[row : row + 16, column : column + 16])
        with pytest.raises(InputError, match="a.tif: is rotated, so that `bounds`"):
            from_raster(tmp_path / "a.tif", tmp_path / "b.tif", crop=16, bounds=(5e5, 5e6, 6e5, 6e6))


class TestValues:
    def test_pixels_without_data_are_ignored(self, tmp_path):
        image, labels = np.maximum(PLACED, 1), LABELS + 1
        image[:, 100:120] = 0
        labels[80:90] = 9
        write(tmp_path / "a.tif", image, nodata=0)
        write(tmp_path / "b.tif", labels, nodata=9)
        dataset = from_raster(tmp_path / "a.tif", tmp_path / "b.tif", crop=16, batch_size=50, ignore_class=(200, 0))
        images, masks = crops(dataset, 5)
        hole = (images == 0).all(axis=-1)
        assert hole.any() and (masks[hole] == 200).all() and set(np.unique(masks)) == {1, 2, 3, 200}
        with pytest.raises(InputError, match="a.tif: marks pixels without data, which need a label.*`ignore_class`"):
            from_raster(tmp_path / "a.tif", tmp_path / "b.tif", crop=16, ignore_class=None)

    def test_sixteen_bits_and_bands(self, pair, tmp_path):
        deep = np.concatenate([PLACED, PLACED[..., :2]], axis=-1).astype("uint16") * 257
        write(tmp_path / "deep.tif", deep)
        images, _ = crops(from_raster(tmp_path / "deep.tif", pair[1], crop=16, batch_size=4, channels=5), 1)
        plain, _ = crops(from_raster(*pair, crop=16, batch_size=4), 1)
        assert images.shape == (4, 16, 16, 5)
        np.testing.assert_allclose(images[..., :3], plain, rtol=1e-6)

    def test_a_label_map(self, pair, tmp_path):
        write(tmp_path / "b.tif", np.choose(LABELS, [10, 20, 255]).astype("uint8"))
        label_map = {10: 0, 20: 1, 255: 2}
        mapped = crops(from_raster(pair[0], tmp_path / "b.tif", crop=32, batch_size=4, label_map=label_map), 2)
        for found, expected in zip(mapped, crops(from_raster(*pair, crop=32, batch_size=4), 2), strict=True):
            np.testing.assert_array_equal(found, expected)
        with pytest.raises(
            InputError, match=r"b.tif: holds the labels 20, and ids are 0 to 2. Add them to .*label_map"
        ):
            from_raster(pair[0], tmp_path / "b.tif", crop=32, label_map={10: 0, 255: 2})


class TestRefusals:
    @pytest.mark.parametrize(
        ("labels", "options", "match"),
        [
            (
                LABELS,
                {"crs": None},
                r"labels.tif: has no CRS, and .*image.tif has EPSG:32633.*rio edit-info --crs EPSG",
            ),
            (LABELS, {"crs": "EPSG:32634"}, r"labels.tif: is in EPSG:32634, and .*image.tif in EPSG:32633.*rio warp"),
            (
                LABELS,
                {"transform": shifted(0, 0, 2)},
                r"labels.tif: has pixels of 20 x -20, and .* of 10 x -10.*--like",
            ),
            (LABELS, {"transform": shifted(0, 0, 1.001)}, "labels.tif: has pixels of 10.01"),
            (
                LABELS,
                {"transform": shifted(0.25, 3.5)},
                r"labels.tif: its pixels lie between.*0.50 .*right and 0.25 down",
            ),
            (LABELS, {"transform": shifted(500, 0)}, "labels.tif: does not overlap .*image.tif"),
            (LABELS, {"transform": shifted(190, 0)}, "image.tif: the part with labels.*10x300 pixels, and crops 16x16"),
            (np.dstack([LABELS, LABELS]), {}, r"labels.tif: has 2 bands, and labels are one.*gdal_translate -b 1"),
            (LABELS.astype("float32"), {}, "labels.tif: holds float32, and labels are integers"),
            (LABELS.astype("int16") - 1, {}, "labels.tif: holds the labels -1, and ids are 0 and more"),
            (np.full(SIZE, 255, "uint8"), {}, "labels.tif: no pixel of any class has an image"),
            ((LABELS > 0) * np.uint8(255), {}, r"labels.tif: no class but 0 has pixels.*label_map=\{0: 0, 255: 1\}"),
            (
                LABELS,
                {"transform": PLACE["transform"] @ rasterio.Affine.rotation(1)},
                "labels.tif: has pixels.*rotated",
            ),
        ],
    )
    def test_labels(self, pair, tmp_path, labels, options, match):
        write(tmp_path / "labels.tif", labels, **options)
        with pytest.raises(InputError, match=match) as caught:
            from_raster(*pair, crop=16)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize(("dtype", "stray"), [("uint16", 65535), ("uint32", 2**32 - 1), ("uint8", 200)])
    def test_labels_that_do_not_count_up(self, pair, dtype, stray):
        """No data that the file does not declare was a class of its own, beside thousands without pixels."""
        labels = LABELS.astype(dtype)
        labels[:20] = stray
        write(pair[1], labels)
        said = (
            rf"labels.tif: holds the label {stray}, and all labels are 0, 1, 2, {stray}, .*--nodata {stray} labels.tif"
        )
        with pytest.raises(InputError, match=said):
            from_raster(*pair, crop=16)
        write(pair[1], labels, nodata=stray)
        _, masks = crops(from_raster(*pair, crop=16, batch_size=50), 2)
        assert {0, 1} <= set(np.unique(masks)) <= {0, 1, 2, 255}

    def test_images(self, pair, tmp_path):
        for image, options, match in [
            (PLACED, {"crs": None}, r"image.tif: has no CRS, and .*labels.tif has EPSG:32633"),
            (PLACED[..., :2], {}, "image.tif: has 2 bands, and 3 are needed"),
            (PLACED.astype("int16"), {}, "image.tif: holds int16, whose scale is unknown"),
        ]:
            write(tmp_path / "image.tif", image, **options)
            with pytest.raises(InputError, match=match):
                from_raster(*pair, crop=16)

    def test_control_points(self, pair):
        """They may differ between the two, and are no grid."""
        points = [rasterio.control.GroundControlPoint(row, row, 5e5 + row, 5e6 - row**2) for row in (0, 50, 90)]
        write(pair[1], LABELS, gcps=points, transform=None)
        with pytest.raises(InputError, match="labels.tif: has control points .* gdalwarp"):
            from_raster(*pair, crop=16)

    def test_sizes_without_a_place(self, tmp_path):
        files = write(tmp_path / "a.tif", PLACED, **NO_PLACE), write(tmp_path / "b.tif", LABELS[:99], **NO_PLACE)
        with pytest.raises(InputError, match=r"b.tif: has 99x300 pixels, .*a.tif 200x300, and neither has a place"):
            from_raster(*files, crop=16)

    def test_damaged_files(self, pair, tmp_path):
        for path in pair:
            whole = path.read_bytes()
            path.write_bytes(whole[:-1000])
            with pytest.raises(InputError, match=f"{path.name}: cannot be read .it is truncated"):
                from_raster(*pair, crop=16)
            path.unlink()
            with pytest.raises(InputError, match=f"{path.name}: there is no such file"):
                from_raster(*pair, crop=16)
            path.write_bytes(whole)

    @pytest.mark.parametrize(
        ("arguments", "match"),
        [
            ({"crop": 0}, "`crop` must be an integer of at least 1"),
            ({"num_classes": 1}, "`num_classes` must be an integer of at least 2"),
            ({"num_classes": 2}, "labels.tif: holds the labels 2, and ids are 0 to 1"),
            ({"balanced": 1}, "`balanced` must be True or False"),
            ({"bounds": (1, 2, 3)}, "`bounds` must be None or"),
            ({"bounds": (5, 2, 3, 4)}, "`bounds` must be .left, bottom, right, top., with left < right"),
            ({"bounds": (0, 0, 1, 1)}, "`bounds` must overlap .*image.tif"),
            ({"batch_size": 0}, "`batch_size` must be an integer"),
            ({"first_epoch": 1}, "`first_epoch` needs repeat=True"),
            ({"repeat": 5}, "`repeat` must be True or False"),
            ({"channels": 0}, "`channels` must be an integer"),
            ({"augment": 3}, "`augment` must be None or a callable"),
            ({"ignore_class": "void"}, "`ignore_class` must be None, an integer"),
        ],
    )
    def test_arguments(self, pair, arguments, match):
        with pytest.raises(InputError, match=match):
            from_raster(*pair, **{"crop": 16, **arguments})

    def test_lists(self, pair, tmp_path):
        image, labels = pair
        for images, masks, match in [
            ([image, image], labels, "`labels` must name one file for each of the 2 images"),
            ([], [], "`images` must name at least one file"),
            (3, labels, "`images` must be a path or a sequence of paths"),
            (image, [3], "`labels` must be a path or a sequence of paths"),
        ]:
            with pytest.raises(InputError, match=match):
                from_raster(images, masks, crop=16)
        other = write(tmp_path / "o.tif", PLACED, crs="EPSG:32634"), write(tmp_path / "p.tif", LABELS, crs="EPSG:32634")
        bounds = (5e5, 5.398e6, 5.03e5, 5.4e6)
        with pytest.raises(InputError, match=r"o.tif: is in another CRS than .*image.tif, so that `bounds`"):
            from_raster([image, other[0]], [labels, other[1]], crop=16, bounds=bounds)

    def test_without_rasterio(self, pair, monkeypatch):
        monkeypatch.setitem(sys.modules, "rasterio", None)
        with pytest.raises(ImportError, match=r'A GeoTIFF needs rasterio: pip install "keras-seg\[geo\]"'):
            from_raster(*pair, crop=16)

    def test_a_file_that_is_damaged_later(self, pair, tmp_path):
        """The line is found in the error of TensorFlow."""
        from keras_seg.data.pipeline.unwrap_error import unwrap_error

        path = write(tmp_path / "image.tif", PLACED, compress="deflate")
        dataset = from_raster(path, pair[1], crop=16, batch_size=1)
        data = pathlib.Path(path).read_bytes()
        path.write_bytes(data[:300] + bytes(len(data) - 300))
        with pytest.raises(Exception, match="cannot be read") as caught:
            crops(dataset, 3)
        assert "image.tif: cannot be read" in str(unwrap_error(caught.value))
