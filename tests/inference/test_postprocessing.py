"""Components removed and holes filled, against slow versions and maps worked out by hand."""

import json

import numpy as np
import pytest
from scipy import ndimage

import keras_seg as ks
from keras_seg import _validation
from keras_seg.inference import Postprocessing

pytestmark = pytest.mark.tensorflow_only

MAP = [
    [0, 0, 0, 0, 0, 0],
    [0, 1, 1, 1, 0, 1],
    [0, 1, 2, 1, 0, 0],
    [0, 1, 1, 1, 0, 0],
    [0, 0, 0, 0, 1, 0],
]


def test_the_largest_component_is_kept_and_corners_connect():
    cleaned = Postprocessing(keep_largest=[1])(MAP)
    # (4, 4) touches the ring at its corner (3, 3); (1, 5) touches nothing.
    expected = np.array(MAP)
    expected[1, 5] = 0
    np.testing.assert_array_equal(cleaned, expected)


def test_small_components_get_the_class_of_the_longest_edge():
    ids = np.array([[2, 2, 2, 2], [2, 1, 1, 3], [2, 3, 3, 3]], "uint8")
    before = ids.copy()
    cleaned = Postprocessing(min_sizes={1: 3})(ids)
    # Edges of the two pixels: with 2 above (2) and left (1), with 3 right (1) and below (2): equal, the lower class.
    np.testing.assert_array_equal(cleaned, [[2, 2, 2, 2], [2, 2, 2, 3], [2, 3, 3, 3]])
    assert cleaned.dtype == "uint8"
    np.testing.assert_array_equal(ids, before)
    # A component of exactly the size stays.
    np.testing.assert_array_equal(Postprocessing(min_sizes={1: 2})(ids), ids)


def test_holes_are_filled_with_whatever_is_in_them():
    cleaned = Postprocessing(fill_holes=[1])(MAP)
    assert cleaned[2, 2] == 1
    assert (cleaned != np.array(MAP)).sum() == 1
    # A way out over a corner is none: background connects at edges.
    diagonal = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]])
    assert Postprocessing(fill_holes=[1])(diagonal)[1, 1] == 1


def test_a_component_that_fills_the_image_stays():
    np.testing.assert_array_equal(Postprocessing(min_sizes={1: 99})(np.ones((3, 4), int)), np.ones((3, 4)))


def test_components_go_before_holes_are_filled():
    ids = np.zeros((7, 7), int)
    ids[1:6, 1:6], ids[2:5, 2:5], ids[3, 3] = 1, 0, 1
    cleaned = Postprocessing(min_sizes={1: 4}, fill_holes=[1])(ids)
    assert (cleaned[1:6, 1:6] == 1).all()


def slow(ids, keep_largest, min_sizes, fill_holes):
    """One component after the other, one pixel after the other."""
    ids = ids.copy()
    for class_ in sorted({*keep_largest, *min_sizes}):
        regions, count = ndimage.label(ids == class_, np.ones((3, 3)))
        pixels = [(regions == number).sum() for number in range(1, count + 1)]
        before = ids.copy()
        for number in range(1, count + 1):
            small = pixels[number - 1] < min_sizes.get(class_, 0)
            other = class_ in keep_largest and number - 1 != np.argmax(pixels)
            if not (small or other):
                continue
            edges = np.zeros(10, int)
            for row, column in np.argwhere(regions == number):
                for down, right in ((0, 1), (1, 0), (0, -1), (-1, 0)):
                    y, x = row + down, column + right
                    if 0 <= y < ids.shape[0] and 0 <= x < ids.shape[1] and before[y, x] != class_:
                        edges[before[y, x]] += 1
            if edges.any():
                ids[regions == number] = np.argmax(edges)
    for class_ in fill_holes:
        outside, _ = ndimage.label(np.pad(ids != class_, 1, constant_values=True))
        ids[outside[1:-1, 1:-1] != outside[0, 0]] = class_
    return ids


@pytest.mark.parametrize("seed", range(20))
def test_equals_a_slow_version(seed):
    rng = np.random.default_rng(seed)
    blurred = ndimage.gaussian_filter(rng.normal(size=(4, 30, 24)), (0, 1, 1))
    ids = blurred.argmax(0)
    rules = {
        "keep_largest": rng.choice(4, 1).tolist(),
        "min_sizes": {int(class_): int(rng.integers(2, 30)) for class_ in rng.choice(4, 2, replace=False)},
        "fill_holes": sorted(rng.choice(4, 2, replace=False).tolist()),
    }
    np.testing.assert_array_equal(Postprocessing(**rules)(ids), slow(ids, **rules))


@pytest.mark.parametrize("values", [[-5, 1, 3, 10**15], [-(2**62), 1, 2, 2**62]])
def test_any_labels(values):
    """Only the order of the other labels matters."""
    ids = np.random.default_rng(0).integers(0, 4, (30, 40))
    clean = Postprocessing(min_sizes={1: 4})
    np.testing.assert_array_equal(clean(np.array(values)[ids]), np.array(values)[clean(ids)])


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint64"])
def test_the_type_is_kept(dtype):
    ids = np.random.default_rng(0).integers(0, 4, (30, 40))
    clean = Postprocessing(min_sizes={1: 4}, keep_largest=[2])
    assert clean(ids.astype(dtype)).dtype == dtype
    np.testing.assert_array_equal(clean(ids.astype(dtype)), clean(ids))


def test_images_of_a_batch_are_cleaned_alone():
    batch = np.stack([np.array(MAP), np.array(MAP)[::-1]])
    clean = Postprocessing(keep_largest=[1], fill_holes=[1])
    np.testing.assert_array_equal(clean(batch), np.stack([clean(ids) for ids in batch]))


def test_through_json_and_into_words():
    clean = Postprocessing(keep_largest=(2, 1), min_sizes={np.int64(1): 64}, fill_holes=[0])
    again = Postprocessing.from_dict(json.loads(json.dumps(clean.to_dict())))
    assert again == clean and hash(again) == hash(clean) and clean and not Postprocessing()
    assert clean.describe(["sky", "car"]) == (
        "sky: holes are filled; car: only the largest component is kept, components under 64 pixels are removed; "
        "class_2: only the largest component is kept"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"keep_largest": 1}, "`keep_largest` must be a sequence"),
        ({"keep_largest": "12"}, "`keep_largest` must be a sequence"),
        ({"fill_holes": [-1]}, "`fill_holes` must be an integer"),
        ({"fill_holes": [True]}, "`fill_holes` must be an integer"),
        ({"min_sizes": [1]}, "`min_sizes` must be a dict"),
        ({"min_sizes": {1: 0}}, "`min_sizes` must be an integer"),
        ({"min_sizes": {"car": 5}}, "`min_sizes` must be an integer"),
    ],
)
def test_wrong_arguments(arguments, said):
    with pytest.raises(_validation.InputError, match=said) as error:
        Postprocessing(**arguments)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "ids", [np.zeros((4, 4)), np.zeros(4, int), np.zeros((1, 4, 4, 3), int), np.zeros((4, 4), bool)]
)
def test_other_maps_are_refused(ids):
    with pytest.raises(_validation.InputError, match="`class_ids` must be an integer array"):
        Postprocessing(fill_holes=[1])(ids)


@pytest.mark.parametrize("content", [{"holes": [1]}, [1], {"min_sizes": {"x": 3}}])
def test_other_dicts_are_refused(content):
    with pytest.raises(_validation.InputError):
        Postprocessing.from_dict(content)


def test_evaluation_cleans_predictions():
    model = ks.models.UNet(num_classes=2, filters=4, depth=1)
    images = np.random.default_rng(0).uniform(0, 255, (2, 16, 20, 3))
    masks = np.zeros((2, 16, 20), int)
    clean = Postprocessing(min_sizes={1: 400})
    ids = clean(ks.inference.predict_classes(model, images))
    result = ks.evaluation.evaluate(model, [(images, masks)], postprocessing=clean)
    assert result.confusion[0, 1] == (ids == 1).sum()
    with pytest.raises(_validation.InputError, match=r"must name classes of the model, 0\.\.1"):
        ks.evaluation.evaluate(model, [(images, masks)], postprocessing=Postprocessing(fill_holes=[2]))
    with pytest.raises(_validation.InputError, match="must be a Postprocessing"):
        ks.evaluation.evaluate(model, [(images, masks)], postprocessing={"fill_holes": [1]})
