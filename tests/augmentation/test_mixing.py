"""CutMix, ClassMix and Cutout: where every pixel comes from, and that classes and instances stay whole."""

import numpy as np
import pytest
from augmenting import apply

from keras_seg._validation import InputError
from keras_seg.augmentation import Augmentation, ClassMix, CutMix, Cutout

# JAX compiles each operation of each case; test_tensorflow_and_the_backend_agree runs all of them there in one piece.
pytestmark = pytest.mark.slow_off_tensorflow

COUNT, SIZE = 4, 16


def batch():
    """Images whose values, weights and instances identify their image and pixel; stripes of classes."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    place = rows * SIZE + columns
    numbers = np.arange(COUNT)[:, None, None]
    mask = (columns // 4 + numbers) % 5  # Four of five classes in each image.
    return {
        "image": (np.stack([0 * numbers + rows, 0 * numbers + columns, 50 * numbers + 0 * place], -1)).astype(
            "float32"
        ),
        "mask": mask.astype("int32"),
        "weight": (1000 * numbers + place).astype("float32"),
        # Two instances per stripe; 0 is no instance.
        "instances": np.where(rows[None] < 2, 0, 1 + (columns // 4) * 2 + rows[None] // 8).astype("int32")
        + 0 * numbers,
    }


def sources(given, result):
    """For each pixel the image it comes from; all maps must agree on it, and nothing may move."""
    source = np.rint(result["image"][..., 2] / 50).astype(int)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    for key in ("image", "mask", "weight"):
        np.testing.assert_array_equal(result[key], given[key][source, rows, columns])
    return source


def check_instances(given, result, source):
    """Two pixels share an id exactly if they come from the same instance of the same image."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    old = given["instances"][source, rows, columns]
    np.testing.assert_array_equal(result["instances"] == 0, old == 0)
    for i in range(COUNT):
        pairs = set(zip(result["instances"][i].ravel(), (source[i] * 1000 + old[i]).ravel(), strict=True))
        pairs = [pair for pair in pairs if pair[0] != 0]
        assert len({new for new, _ in pairs}) == len(pairs) == len({before for _, before in pairs})


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_cutmix_takes_all_of_a_pixel_from_one_image(seed):
    given = batch()
    result = apply([CutMix((0.25, 0.25), probability=1.0)], given, seed=seed)
    source = sources(given, result)
    check_instances(given, result, source)
    for i in range(COUNT):
        others = source[i] != i
        assert len(np.unique(source[i][others])) == 1
        rows, columns = np.nonzero(others)
        # A full rectangle, of a quarter of the image as closely as whole pixels allow.
        assert others.sum() == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
        assert 40 <= others.sum() <= 90


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_classmix_pastes_half_of_the_classes_whole(seed):
    given = batch()
    result = apply([ClassMix(5, probability=1.0)], given, seed=seed)
    source = sources(given, result)
    check_instances(given, result, source)
    for i in range(COUNT):
        [other] = set(np.unique(source[i])) - {i}
        pasted = set(np.unique(given["mask"][other][source[i] == other]))
        assert len(pasted) == 2  # Half of the four that are there.
        np.testing.assert_array_equal(source[i] == other, np.isin(given["mask"][other], list(pasted)))


def test_classmix_never_pastes_ignored_pixels_and_rounds_up():
    given = batch()
    given["mask"][:, :4] = 255
    given["mask"][:, 4:6] = 4
    augment = Augmentation([ClassMix(5, fraction=0.1, probability=1.0)], ignore_class=(4, 255))
    result = apply(augment, given)
    source = np.rint(result["image"][..., 2] / 50).astype(int)
    changed = source != np.arange(COUNT)[:, None, None]
    assert not changed[:, :6].any()
    for i in range(COUNT):
        pasted = np.unique(result["mask"][i][changed[i]])
        assert len(pasted) == 1 and pasted[0] < 4


def test_probability_and_partner():
    given = batch()
    for step in (CutMix(probability=0.5), ClassMix(5, probability=0.5)):
        draws = np.full((COUNT, 1 + step._draws), 0.4, "float32")
        draws[1, 0] = 0.6
        result = apply([step], given, draws)
        source = np.rint(result["image"][..., 2] / 50).astype(int)
        assert (source[1] == 1).all() and (source[0] != 0).any() and (source[2] != 2).any()


@pytest.mark.parametrize("labels", ["ignore", "keep"])
def test_cutout_covers_rectangles(labels):
    given = batch()
    given["instances"] += 1
    given["weight"] += 1
    augment = Augmentation([Cutout((0.25, 0.5), count=2, fill=77, labels=labels, probability=1.0)], ignore_class=255)
    result = apply(augment, given)
    covered = (result["image"] == 77).all(-1)
    for i in range(COUNT):
        assert 16 <= covered[i].sum() <= 2 * 64  # Two rectangles of 4 to 8 pixels a side, perhaps overlapping.
    np.testing.assert_array_equal(result["image"][~covered], given["image"][~covered])
    for key, void in (("mask", 255), ("weight", 0), ("instances", 0)):
        expected = np.where(covered, void, given[key]) if labels == "ignore" else given[key]
        np.testing.assert_array_equal(result[key], expected)


@pytest.mark.tensorflow_only
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: CutMix(area=(0.5, 1.5)), "`area`"),
        (lambda: CutMix(probability=-1), "`probability`"),
        (lambda: ClassMix(num_classes=0), "`num_classes`"),
        (lambda: ClassMix(3, fraction=2), "`fraction`"),
        (lambda: Cutout(count=0), "`count`"),
        (lambda: Cutout(side=-0.1), "`side`"),
        (lambda: Cutout(labels="void"), "`labels`"),
        (lambda: Cutout(fill=300), "`fill`"),
        (lambda: Augmentation([CutMix()])(np.zeros((4, 4, 3)), seed=0), "must come in batches for CutMix"),
        (lambda: Augmentation([ClassMix(2)])(np.zeros((4, 4, 3)), np.zeros((4, 4), int), 0), "batches for ClassMix"),
        (lambda: Augmentation([ClassMix(2)])(np.zeros((2, 4, 4, 3)), seed=0), "`mask` is missing"),
        (lambda: Augmentation([Cutout()])(np.zeros((4, 4, 3)), np.zeros((4, 4), int), 0), "`ignore_class` is missing"),
    ],
)
def test_bad_arguments(make, said):
    with pytest.raises(InputError) as error:
        make()
    assert said in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("step", [CutMix(probability=1.0), ClassMix(5, probability=1.0)])
def test_a_batch_of_one_image_stays_as_it_is(step):
    """On JAX and PyTorch, whose batches have a known size, the last one of an epoch ended the training."""
    given = {key: x[:1] for key, x in batch().items()}
    result = apply([step], given)
    for key, x in given.items():
        np.testing.assert_array_equal(result[key], x)


@pytest.mark.tensorflow_only
def test_a_last_batch_of_one_image_stays_as_it_is():
    """Its size is not known when the graph is made; with itself as its partner, objects were cut in two."""
    import tensorflow as tf

    mix = Augmentation([CutMix((0.25, 0.25), probability=1.0)])
    ones = np.ones((3, 16, 16), "int32")
    examples = {"image": np.zeros((3, 16, 16, 3), "float32"), "mask": ones, "instances": ones}
    batches = tf.data.Dataset.from_tensor_slices(examples).batch(2).enumerate().map(lambda n, b: mix(b, seed=n))
    assert [np.unique(found["instances"]).tolist() for found in batches] == [[1, 2], [1]]
