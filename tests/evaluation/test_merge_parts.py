"""Evaluations of parts, merged: the numbers of an evaluation at once."""

import functools
import types

import keras
import numpy as np
import pytest
from PIL import Image

import keras_seg as ks
from keras_seg._validation import InputError
from keras_seg.evaluation import batching
from keras_seg.evaluation.merge_parts import merge_parts

pytestmark = pytest.mark.tensorflow_only


def model(channels):
    layer = keras.layers.Conv2D(channels, 3, padding="same", activation="softmax")
    return keras.Sequential([keras.Input((None, None, 3)), layer])


@pytest.fixture
def folder(tmp_path):
    """Nine images of two sizes; objects are squares."""
    generator = np.random.default_rng(1)
    for kind in ("images", "masks"):
        (tmp_path / "data" / kind).mkdir(parents=True)
    for number in range(9):
        size = (20, 24 + 8 * (number % 2))
        Image.fromarray(generator.integers(0, 256, (*size, 3), dtype="uint8")).save(
            tmp_path / "data" / "images" / f"{number}.png"
        )
        mask = np.zeros(size, "uint8")
        mask[2:7, 2:7], mask[10:16, 9:14] = 1, 2
        Image.fromarray(mask).save(tmp_path / "data" / "masks" / f"{number}.png")
    return tmp_path / "data"


@pytest.mark.parametrize("task", ["semantic", "ignored class", "boundary", "instances"])
def test_parts_in_any_order_give_the_whole(folder, task):
    pytest.importorskip("skimage", reason='scikit-image is missing: pip install "keras-seg[instances]"')
    keras.utils.set_random_seed(0)
    scan, evaluate, channels = {
        "semantic": (ks.data.scan_folder, ks.evaluation.evaluate, 3),
        "ignored class": (
            functools.partial(ks.data.scan_folder, num_classes=3, ignore_class=0),
            ks.evaluation.evaluate,
            3,
        ),
        "boundary": (ks.data.scan_folder, ks.evaluation.evaluate_boundaries, 2),
        "instances": (ks.data.scan_instances, ks.evaluation.evaluate_instances, 3),
    }[task]
    index, judged = scan(folder), model(channels)
    whole = evaluate(judged, index)
    parts = [(positions, evaluate(judged, index.subset(positions))) for positions in batching.positions_together(index)]
    assert len(parts) == 3  # Five and four images of a size, at most four together.
    merged = merge_parts(parts[::-1])
    assert merged.to_dict() == whole.to_dict()
    if task == "ignored class":
        assert merged.ignore_class == whole.ignore_class == (0,) and np.isnan(merged.iou[0])
    for name, value in vars(whole).items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(getattr(merged, name), value)


def test_an_image_that_is_missing_or_doubled_is_refused():
    part = types.SimpleNamespace(counts=np.zeros((2, 1)))
    for positions in ([0, 0], [0, 2], []):
        with pytest.raises(InputError, match="must hold every image once"):
            merge_parts([(positions, part)])
