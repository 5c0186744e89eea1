import functools
import pathlib

import numpy as np
import pytest
import refusals

from keras_seg._validation import InputError
from keras_seg.augmentation import standard
from keras_seg.data import from_tfds
from keras_seg.data.pipeline.unwrap_error import unwrap_error

tf = pytest.importorskip("tensorflow")
tfds = pytest.importorskip("tensorflow_datasets")

# NumPy, Pillow and tf.data only: the same code runs whatever the backend.
pytestmark = pytest.mark.tensorflow_only


class TinySegmentation(tfds.core.GeneratorBasedBuilder):
    """Seven images of 12x16 pixels with trimaps 1..3, as in oxford_iiit_pet: image n has the value 10 n."""

    VERSION = tfds.core.Version("1.0.0")
    # Where a README of the dataset would be looked for; a test module is no package to look in.
    pkg_dir_path = pathlib.Path(__file__).parent

    def _info(self):
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(None, None, 3)),
                    "square": tfds.features.Image(shape=(12, 16, 3), encoding_format="png"),
                    "segmentation_mask": tfds.features.Image(
                        shape=(None, None, 1), use_colormap=True, encoding_format="png"
                    ),
                    "depth": tfds.features.Tensor(shape=(2, 2), dtype=np.float32),
                    "label": tfds.features.ClassLabel(num_classes=2),
                }
            )
        )

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(7), "test": self._generate_examples(2)}

    def _generate_examples(self, count):
        for n in range(count):
            mask = np.ones((12, 16, 1), "uint8")
            mask[:, 8:] = 2 + n % 2
            image = np.full((12, 16, 3), 10 * n, "uint8")
            yield (
                n,
                {
                    "image": image,
                    "square": image,
                    "segmentation_mask": mask,
                    "depth": np.zeros((2, 2), "float32"),
                    "label": 0,
                },
            )


TRIMAP = {1: 0, 2: 1, 3: 2}


@pytest.fixture(scope="module")
def builder(tmp_path_factory):
    builder = TinySegmentation(data_dir=tmp_path_factory.mktemp("tfds"))
    builder.download_and_prepare()
    return builder


def numbers(dataset, take=None):
    dataset = dataset if take is None else dataset.take(take)
    return [round(float(image[0, 0, 0]) / 10) for images, _ in dataset for image in images]


refused = functools.partial(refusals.refused, from_tfds)


def test_reads_images_and_masks(builder):
    dataset = from_tfds(builder, "train", image_key="square", batch_size=4, label_map=TRIMAP, num_classes=3)
    assert dataset.element_spec[0].shape == (None, 12, 16, 3) and int(dataset.cardinality()) == 2
    assert sorted(numbers(dataset)) == list(range(7))
    for images, masks in dataset:
        assert images.dtype == tf.float32 and masks.dtype == tf.int32
        for image, mask in zip(images.numpy(), masks.numpy(), strict=True):
            n = round(float(image[0, 0, 0]) / 10)
            np.testing.assert_array_equal(mask, [[0] * 8 + [1 + n % 2] * 8] * 12)


def test_slice_of_a_split(builder):
    assert len(numbers(from_tfds(builder, "train[:3]", image_size=8))) == 3


def test_crop_and_determinism(builder):
    arguments = {"augment": standard(crop=(8, 8)), "batch_size": 3, "label_map": TRIMAP, "num_classes": 3}
    first, again = (list(from_tfds(builder, "train", **arguments)) for _ in range(2))
    for one, two in zip(first, again, strict=True):
        assert one[0].shape[1:] == (8, 8, 3)
        np.testing.assert_array_equal(one[0], two[0])
        np.testing.assert_array_equal(one[1], two[1])


@pytest.mark.parametrize("cache", [False, "memory", "file"])
def test_epochs_are_shuffled_anew_and_can_be_resumed(builder, tmp_path, cache):
    arguments = {"image_size": 8, "batch_size": 7, "shuffle": True, "repeat": True}
    arguments["cache"] = str(tmp_path / "cache") if cache == "file" else cache
    whole = numbers(from_tfds(builder, "train", **arguments), take=4)
    epochs = [whole[7 * k : 7 * k + 7] for k in range(4)]
    assert all(sorted(epoch) == list(range(7)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) >= 3
    tf.random.set_seed(77)  # Somebody else's seed is not ours.
    resumed = numbers(from_tfds(builder, "train", first_epoch=2, **arguments), take=2)
    assert resumed == whole[14:]


def test_each_split_and_feature_has_a_cache_of_its_own(builder, tmp_path):
    """What a file holds is read whatever the data: the split that came second had the examples of the first."""
    arguments = {"image_size": 8, "shuffle": True, "cache": tmp_path / "made" / "cache"}
    for keys in ({}, {"image_key": "square"}):
        first, rest = (numbers(from_tfds(builder, split, **keys, **arguments)) for split in ("train[:3]", "train[3:]"))
        assert len(first) == 3 and sorted(first + rest) == list(range(7))
    assert all(file.name.startswith("cache-") for file in (tmp_path / "made").iterdir())


@pytest.mark.parametrize("options", [{}, {"repeat": True}])
def test_a_cache_of_examples_in_their_order_is_kept(builder, tmp_path, options):
    """The last example was never followed by a request for more, and TensorFlow deleted the file as incomplete."""
    arguments = {"image_size": 8, "batch_size": 7, "shuffle": False, "cache": tmp_path / "cache", **options}
    first, again = (numbers(from_tfds(builder, "train", **arguments), take=3) for _ in range(2))
    assert first == again and len(first) == (21 if options else 7)
    assert ".index" in {file.suffix for file in tmp_path.iterdir()}


def test_a_cache_that_cannot_be_written(builder, tmp_path):
    (tmp_path / "file").touch()
    assert "cannot be written" in refused(builder, "train", image_size=8, cache=tmp_path / "file" / "cache")
    assert "`cache` must be False, True" in refused(builder, "train", image_size=8, cache=5)


def test_finite_iterations_differ(builder):
    dataset = from_tfds(builder, "train", image_size=8, shuffle=True)
    epochs = [numbers(dataset) for _ in range(4)]
    assert all(sorted(epoch) == list(range(7)) for epoch in epochs) and len({tuple(e) for e in epochs}) >= 3


def test_differing_sizes_cannot_be_batched(builder):
    assert "image_size=(height, width)" in refused(builder, "train", batch_size=2)
    assert len(numbers(from_tfds(builder, "test", batch_size=1))) == 2


def test_label_outside_stops_with_one_line(builder):
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        list(from_tfds(builder, "train", image_size=8, num_classes=3))
    text = str(unwrap_error(error.value))
    assert "\n" not in text and "holds label 3, outside the 3 classes" in text and "label_map={...}" in text
    assert "tiny_segmentation" in text and text.endswith("without a class.")
    list(from_tfds(builder, "train", image_size=8, num_classes=3, ignore_class=3))


def test_wrong_names_are_answered_with_those_found(builder):
    assert "train" in (text := refused(builder, "validation")) and "test" in text and "'validation'" in text
    text = refused(builder, "train", mask_key="mask")
    assert "'mask'" in text and "segmentation_mask (None, None, 1)" in text and "mask_key" in text
    assert "is not an image" in refused(builder, "train", image_key="label")
    assert "is not a mask" in refused(builder, "train", mask_key="depth")
    assert "oxford_iiit_pet" in refused("oxford_iit_pet", "train")
    assert "`builder`" in refused(3, "train")


def test_a_version_that_does_not_exist(tmp_path):
    text = refused("oxford_iiit_pet:1.0.0", "train", data_dir=tmp_path)
    assert text.startswith("oxford_iiit_pet:1.0.0: cannot be opened by TensorFlow Datasets (")
    assert "cannot be loaded at version 1.0.0, only: " in text and text.endswith("configuration and version.")


def test_arguments_without_effect_are_refused(builder):
    assert "`shuffle_buffer` has no effect without shuffling" in refused(builder, "train", shuffle_buffer=8)
    assert "`data_dir` applies to a `builder` given by name" in refused(builder, "train", data_dir="tfds")


def test_unprepared(tmp_path):
    builder = TinySegmentation(data_dir=tmp_path)
    text = refused(builder, "train", download=False)
    assert "is not prepared" in text and str(tmp_path) in text and "download=True" in text

    def fail(*_):
        raise OSError("no route to host\nand more")

    builder._split_generators = fail
    text = refused(builder, "train")
    assert "no route to host and more" in text and "data_dir" in text


def test_prepares_what_is_not_there(tmp_path):
    assert len(numbers(from_tfds(TinySegmentation(data_dir=tmp_path), "test", image_size=8))) == 2


@pytest.mark.parametrize(
    "options", [{"label_map": {1: 0, 2: 1}}, {"label_map": {1: 0, 2: 1}, "num_classes": 9}], ids=str
)
def test_a_value_that_the_map_leaves_out_is_refused(builder, options):
    with pytest.raises(Exception, match="holds value 3, which label_map does not list") as error:
        list(from_tfds(builder, "train", image_key="square", batch_size=7, **options))
    assert "InputError" in str(error.value) or isinstance(error.value, InputError)


def test_zero_and_ignored_values_need_not_be_listed(builder):
    dataset = from_tfds(builder, "train", image_key="square", label_map={1: 2, 2: 1}, ignore_class=3, batch_size=7)
    assert set(np.unique(next(iter(dataset))[1])) == {1, 2, 3}
