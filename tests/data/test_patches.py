"""Patches against crops by NumPy."""

import collections

import numpy as np
import pytest
from PIL import Image

import keras_seg as ks
from keras_seg import _validation

pytestmark = pytest.mark.tensorflow_only
SIZES = [(20, 26), (17, 23), (20, 26)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Class 0 nearly everywhere, a square of class 1, three pixels of class 2 in a corner of one, void (9) beside.

    Red holds the row, green the column and blue the number of the image, so that a patch says where it was cut.
    """
    path = tmp_path_factory.mktemp("patches")
    for kind in ("images", "masks"):
        (path / kind).mkdir()
    for n, (height, width) in enumerate(SIZES):
        rows, columns = np.mgrid[:height, :width]
        image = np.stack([rows, columns, np.full_like(rows, n)], axis=-1).astype("uint8")
        mask = np.zeros((height, width), "uint8")
        mask[8:12, 9:14] = 1
        mask[:, -2:] = 9
        if n == 1:
            mask[0, :3] = 2
        Image.fromarray(image).save(path / "images" / f"{n}.png")
        Image.fromarray(mask).save(path / "masks" / f"{n}.png")
    return path


@pytest.fixture(scope="module")
def index(folder):
    return ks.data.scan_folder(folder, num_classes=4, ignore_class=9)


def examples(index, **kwargs):
    """All patches and labels of an epoch."""
    batches = list(ks.data.patches_from_folder(index, **kwargs))
    return np.concatenate([x for x, _ in batches]), np.concatenate([y for _, y in batches])


@pytest.mark.parametrize("border", ["reflect", "inside"])
@pytest.mark.parametrize("size", [(9, 9), (8, 11)])
def test_patches_are_crops_and_labels_their_middle(index, size, border):
    """The middle is row P // 2: of 8 rows the fifth."""
    patches, labels = examples(index, patch_size=size, batch_size=8, steps_per_epoch=12, border=border)
    assert patches.shape == (96, *size, 3) and patches.dtype == "float32"
    assert labels.dtype == "int32"
    for patch, label in zip(patches, labels, strict=True):
        row, column, number = patch[size[0] // 2, size[1] // 2].astype(int)
        image = ks.data.read_image(index.pairs[number].image)
        assert label == ks.data.read_mask(index.pairs[number].mask)[row, column] != 9
        pads = [(side // 2, side - 1 - side // 2) for side in size]
        padded = np.pad(image, (*pads, (0, 0)), mode="reflect")
        np.testing.assert_array_equal(patch, padded[row : row + size[0], column : column + size[1]])
        if border == "inside":
            assert pads[0][0] <= row < image.shape[0] - pads[0][1]
            assert pads[1][0] <= column < image.shape[1] - pads[1][1]
    if border == "inside":
        assert set(labels) == {0, 1}  # Class 2 lies in a corner.


def test_classes_take_turns(index):
    """Class 2 has 3 of 1,300 pixels and a third of the patches; class 3 has none."""
    _, labels = examples(index, patch_size=5, batch_size=6, steps_per_epoch=10)
    assert collections.Counter(labels.tolist()) == {0: 20, 1: 20, 2: 20}


def test_all_pixels_of_a_class_are_drawn_alike(index):
    """60 pixels of class 1, 20 in each image: 600 draws are 10 a pixel; beyond 10 + 6 * sqrt(10) comes once in 10^6."""
    patches, labels = examples(index, patch_size=3, batch_size=100, steps_per_epoch=18)
    places = collections.Counter(map(tuple, patches[labels == 1][:, 1, 1].astype(int).tolist()))
    assert len(places) == 60
    assert max(places.values()) < 29
    assert sum(places.values()) == 600


def test_unbalanced_patches_are_like_the_pixels(index):
    """Class 1 has 60 of 1,314 labeled pixels, 4.6 %: of 2,000 draws 91, standard deviation 9.3."""
    _, labels = examples(index, patch_size=3, batch_size=200, steps_per_epoch=10, balanced=False)
    share = index.class_pixels[1] / index.class_pixels.sum()
    assert index.class_pixels[1] == 60
    assert abs((labels == 1).sum() - 2000 * share) < 5 * np.sqrt(2000 * share)


def test_the_seed_and_the_epoch_decide(index):
    def first(**kwargs):
        dataset = ks.data.patches_from_folder(index, patch_size=5, batch_size=6, steps_per_epoch=2, **kwargs)
        return [patches.numpy() for patches, _ in dataset.take(6)]

    endless = first(repeat=True)
    assert len(endless) == 6
    np.testing.assert_array_equal(endless, first(repeat=True, workers=1))
    np.testing.assert_array_equal(endless[2:4], first(repeat=True, first_epoch=1)[:2])
    assert not np.array_equal(endless[:2], endless[2:4])
    assert not np.array_equal(endless, first(repeat=True, seed=1))
    once = ks.data.patches_from_folder(index, patch_size=5, batch_size=6, steps_per_epoch=2)
    assert once.cardinality() == 2
    epochs = [[patches.numpy() for patches, _ in once] for _ in range(2)]
    np.testing.assert_array_equal(np.concatenate(epochs), endless[:4])


@pytest.mark.thorough
def test_a_classifier_learns_from_them(tmp_path):
    ks.data.write_shapes(tmp_path, train=6, val=1, image_size=(48, 48))
    data = ks.data.patches_from_folder(tmp_path, split="train", patch_size=16, batch_size=32, steps_per_epoch=15)
    model = ks.models.PatchClassifier(
        7, architecture="vgg", patch_size=16, filters=(8, 16), units=(16,), padding="same"
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    losses = model.fit(data, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize(
    "change, message",
    [
        ({"patch_size": 18}, "`patch_size` must be at most the size of the smallest image.*1.png has 17x23"),
        ({"patch_size": (5, 24)}, "`patch_size` must be at most"),
        ({"patch_size": 0}, "`patch_size` must be an integer of at least 1"),
        *[({name: 0}, f"`{name}` must be an integer of at least 1") for name in ("batch_size", "steps_per_epoch")],
        ({"batch_size": 1.5}, "`batch_size` must be an integer"),
        ({"balanced": "yes"}, "`balanced` must be True or False"),
        ({"border": "zero"}, "`border` is not a known option"),
        ({"seed": -1}, "`seed` must be an integer of at least 0"),
        ({"first_epoch": 1}, "`first_epoch` needs repeat=True"),
        ({"repeat": 5}, "`repeat` must be True or False"),
        ({"workers": 0}, "`workers` must be an integer"),
        ({"path": "nowhere"}, "nowhere"),
        ({"num_classes": 3}, "`num_classes` cannot change a FolderIndex"),
        ({"ignore_class": 0}, "`ignore_class` cannot change a FolderIndex"),
    ],
)
def test_bad_input(index, change, message):
    with pytest.raises(_validation.InputError, match=message) as caught:
        ks.data.patches_from_folder(**{"path": index, "patch_size": 5, **change})
    assert "\n" not in str(caught.value)


def test_nothing_to_draw(tmp_path):
    """Void everywhere but at the rim: nothing with border="inside"; and void everywhere: nothing at all."""
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
    mask = np.full((10, 10), 9, "uint8")
    Image.fromarray(np.zeros((10, 10, 3), "uint8")).save(tmp_path / "images" / "a.png")
    mask[0] = 1
    Image.fromarray(mask).save(tmp_path / "masks" / "a.png")
    index = ks.data.scan_folder(tmp_path, num_classes=2, ignore_class=9)
    with pytest.raises(_validation.InputError, match='holds no pixel of any class whose patch.*border="reflect"'):
        ks.data.patches_from_folder(index, patch_size=5, border="inside")
    assert set(examples(index, patch_size=5, batch_size=2, steps_per_epoch=1)[1]) == {1}
    mask[0] = 9
    Image.fromarray(mask).save(tmp_path / "masks" / "a.png")
    index = ks.data.scan_folder(tmp_path, num_classes=2, ignore_class=9)
    with pytest.raises(_validation.InputError, match="holds no pixel of any class. Check num_classes"):
        ks.data.patches_from_folder(index, patch_size=5)
