import numpy as np
import pytest

from keras_seg._validation import InputError
from keras_seg.data import PixelCounts, class_weights, count_pixels, scan_folder, write_shapes
from keras_seg.losses import Crossentropy

pytestmark = pytest.mark.tensorflow_only


def test_by_hand():
    # 0.8 and 0.2: 1/sqrt = 1.1180, 2.2361; mean over pixels 0.8 * 1.118 + 0.2 * 2.2361 = 1.3416; ratio 2.
    assert class_weights([0.8, 0.2], rule="square_root") == pytest.approx([1.118034 / 1.341641, 2.236068 / 1.341641])
    assert class_weights([0.8, 0.2]) == pytest.approx([0.625, 2.5])
    # Frequencies 160 / 200 = 0.8 and 40 / 100 = 0.4, median 0.6; with 100 void pixels in the first image 160 / 300 and
    # 40 / 200, median (0.5333 + 0.2) / 2.
    counts = [[60, 40], [100, 0]]
    assert class_weights(counts, rule="median_frequency") == pytest.approx([0.75, 1.5])
    with_void = class_weights(PixelCounts(np.array(counts), np.array([100, 0])), rule="median_frequency")
    assert with_void == pytest.approx([0.3666667 / 0.5333333, 0.3666667 / 0.2])


@pytest.mark.parametrize("rule", ["balanced", "square_root", "median_frequency"])
def test_classes_without_pixels_weigh_as_the_rarest(rule):
    weights = class_weights([[90, 10, 0]], rule=rule)
    assert weights[2] == weights[1] > weights[0]
    assert class_weights([[0, 0]], rule=rule) == [1.0, 1.0]


def test_balanced_is_scikit_learns():
    from sklearn.utils.class_weight import compute_class_weight

    ids = np.random.default_rng(0).choice(4, 500, p=[0.6, 0.25, 0.1, 0.05])
    theirs = compute_class_weight("balanced", classes=np.arange(4), y=ids)
    np.testing.assert_allclose(class_weights(np.bincount(ids)), theirs)


@pytest.mark.slow
def test_median_frequencies_of_camvid(camvid):
    """By Eigen's definition on the train masks, void pixels in the denominator; of the published weights none can be
    reproduced."""
    index = scan_folder(camvid, split="train", num_classes=11, ignore_class=11, check_images=False)
    golden = [0.2793, 0.2017, 4.7865, 0.1490, 1.0, 0.4217, 3.8467, 1.9736, 0.7889, 6.3747, 8.8587]
    np.testing.assert_allclose(class_weights(index, rule="median_frequency"), golden, atol=5e-5)
    loss = Crossentropy(ignore_class=11, class_weights="median_frequency").adapt(index)
    np.testing.assert_allclose(loss.class_weights, golden, atol=5e-5)


def test_counting_a_dataset_is_scanning_its_folder(tmp_path):
    from keras_seg.data import from_folder

    write_shapes(tmp_path, train=3, val=1, image_size=(48, 64))
    index = scan_folder(tmp_path, split="train")
    dataset = from_folder(index, batch_size=2)
    counts = count_pixels(dataset, index.num_classes, ignore_class=index.ignore_class or None)
    np.testing.assert_array_equal(counts.pixel_counts, index.pixel_counts)
    np.testing.assert_array_equal(counts.ignored_counts, index.ignored_counts)
    assert class_weights(counts, rule="median_frequency") == class_weights(index, rule="median_frequency")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: class_weights([1, 2], rule="balance"), "Did you mean 'balanced'"),
        (
            lambda: class_weights([1, 2], rule="median_frequency"),
            r"must hold the pixels of each image, \(images, classes\)",
        ),
        (lambda: class_weights([1, -2]), "`source` must be a FolderIndex"),
        (lambda: class_weights([1, np.nan]), "`source` must be"),
        (lambda: class_weights("camvid"), "count_pixels"),
        (lambda: count_pixels([(None, np.zeros((2, 3)))], 2), r"must give masks of ids \(batch, height, width\)"),
        (lambda: count_pixels([(None, np.full((1, 2, 3), 5))], 2), r"neither a class, 0 to 1.*\[5\].*ignore_class"),
        (lambda: count_pixels([], 1), "`num_classes` must be an integer of at least 2"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(InputError, match=message):
        call()
