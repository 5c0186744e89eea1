"""The seam report against numbers by hand and a slow comparison of all pairs of tiles."""

import itertools
import json

import keras
import numpy as np
import pytest
from keras import layers
from small_models import identity, photo, unet

from keras_seg._validation import InputError
from keras_seg.inference import TiledPredictor, seam_report
from keras_seg.layers import Preprocessing


@pytest.fixture(scope="module")
def net():
    return unet()


def test_tiles_that_see_alike_agree():
    report = seam_report(identity(), photo(40, 50), tile=16, overlap=0.5)
    assert report.neighbors.max_abs_difference == report.neighbors.class_disagreement == 0
    assert report.whole.class_disagreement == 0 and report.whole.max_abs_difference < 1e-4
    assert report.whole.pixels == 40 * 50
    assert report.near_seams.pixels + report.far_from_seams.pixels == 40 * 50


def test_by_hand():
    """A model that adds 1 to the second class of the tile's first column, and nothing else.

    Tiles of 8 at columns 0, 4, 8 of 16: each of the two pairs shares four columns of 8 rows, and differs in the first
    of them, column 0 of the right tile. There the class differs, as the first class has 0.5 everywhere.
    """

    class FirstColumn(layers.Layer):
        def call(self, inputs):
            ones = keras.ops.zeros_like(inputs[:, :, 1:, :1])
            second = keras.ops.concatenate([keras.ops.ones_like(inputs[:, :, :1, :1]), ones], axis=2)
            return keras.ops.concatenate([keras.ops.full_like(second, 0.5), second], axis=-1)

    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, FirstColumn()(inputs))
    report = seam_report(model, np.zeros((8, 16, 3)), tile=8, overlap=0.5, blend="crop", stride=1)
    assert (report.tiles, report.tile, report.overlap) == ((1, 3), (8, 8), (0, 4))
    assert report.neighbors.pixels == 2 * 8 * 4
    assert report.neighbors.max_abs_difference == 1
    assert report.neighbors.mean_abs_difference == pytest.approx(1 / 4 / 2)  # A column of four, a channel of two.
    assert report.neighbors.class_disagreement == pytest.approx(1 / 4)
    below, others = report.by_distance[0], report.by_distance[1:]
    assert below == (4, report.neighbors) and all(found.pixels == 0 for _, found in others)
    # Crops are cut at columns 6 and 10 and use no first column but the image's own: as the whole image.
    assert report.whole.max_abs_difference == 0
    # With overlap 0 the second tile begins at column 8, whose 8 pixels of 128 are wrong; they are near the seam.
    report = seam_report(model, np.zeros((8, 16, 3)), tile=8, overlap=0, stride=1)
    assert report.neighbors.pixels == 0 and report.neighbors.mean_abs_difference is None
    assert report.whole.class_disagreement == 8 / 128
    assert report.near_seams.pixels == 128


def test_against_all_pairs(net):
    predictor = TiledPredictor(net, tile=32, overlap=0.4, batch_size=2)
    image = photo(64, 76)
    report = seam_report(predictor, image)
    rows, columns = predictor.grid(image.shape[:2])
    tiles = {}
    for (i, top), (j, left) in itertools.product(enumerate(rows.starts), enumerate(columns.starts)):
        crop = image[None, top : top + 32, left : left + 32].astype("float32")
        tiles[i, j] = np.full((64, 76, 3), np.nan)
        tiles[i, j][top : top + 32, left : left + 32] = net.predict_on_batch(np.repeat(crop, 2, axis=0))[0]
    differences, others = [], []
    for (i, j), scores in tiles.items():
        for neighbor in ((i + 1, j), (i, j + 1)):
            if neighbor in tiles:
                shared = ~np.isnan(scores[..., 0] + tiles[neighbor][..., 0])
                differences.append(np.abs(scores - tiles[neighbor])[shared])
                others.append((scores.argmax(-1) != tiles[neighbor].argmax(-1))[shared])
    differences, others = np.concatenate(differences), np.concatenate(others)
    found = report.neighbors
    assert found.pixels == len(others)
    assert found.mean_abs_difference == pytest.approx(differences.mean(), rel=1e-4)
    assert found.max_abs_difference == pytest.approx(differences.max(), rel=1e-4)
    assert found.class_disagreement == pytest.approx(others.mean(), abs=2e-4)
    assert 0 < found.class_disagreement < 1
    bins = [part for _, part in report.by_distance]
    assert sum(part.pixels for part in bins) == found.pixels
    whole = net.predict_on_batch(image[None].astype("float32"))[0]
    difference = np.abs(predictor.predict(image) - whole)
    assert report.whole.mean_abs_difference == pytest.approx(difference.mean(), rel=1e-3)


def test_tiles_cropped_by_their_field_have_no_seams(net):
    settings = {"tile": 64, "blend": "crop", "margin": "receptive_field", "batch_size": 2}
    report = seam_report(net, photo(128, 100), **settings)
    assert report.whole.max_abs_difference < 1e-5 and report.whole.class_disagreement < 1e-3
    far = dict(report.by_distance)[32]  # 16 to 32 pixels from a border, where the margin of 22 falls.
    assert far.max_abs_difference < report.neighbors.max_abs_difference


def test_what_it_says(net):
    report = seam_report(net, photo(64, 64), tile=32, overlap=0.5, batch_size=2)
    content = json.loads(json.dumps(report.to_dict()))
    assert content["tiles"] == [3, 3] and content["by_distance"][-1]["below"] is None
    assert content["whole"]["pixels"] == 64 * 64
    text = str(report)
    assert text.startswith("3 x 3 tiles of 32x32, sharing at least 16 and 16 pixels\n")
    assert f"{report.neighbors.class_disagreement:.2%}" in text and "within 8 px of a seam" in text


def test_class_ids_are_judged_by_their_scores(net):
    image = photo(40, 64)
    settings = {"tile": 32, "overlap": 0.5, "batch_size": 2}
    ids = TiledPredictor(net, output="class_ids", **settings)
    assert seam_report(ids, image) == seam_report(net, image, **settings)
    assert ids.output == "class_ids"


@pytest.mark.tensorflow_only
def test_bad_input(net):
    image = photo(40, 64)
    predictor = TiledPredictor(net, tile=32)
    for call, match in [
        (lambda: seam_report(predictor, image, tile=16), "`model` must be a keras.Model where tile is given"),
        (lambda: seam_report(net, image, overlap=1), "`overlap` must be"),
        (lambda: seam_report(net, image[..., :2], tile=32), "`image` must have the 3 channels"),
        (lambda: seam_report(predictor, image[:20, :30], whole=False), "`image` must be larger than a tile"),
        (lambda: seam_report(predictor, image, whole="yes"), "`whole` must be True or False"),
        (lambda: seam_report(identity_of_one_size(), image, tile=32, whole=True), "`whole` must be False for a model"),
    ]:
        with pytest.raises(InputError, match=match):
            call()
    assert seam_report(identity_of_one_size(), image, tile=32).whole is None
    assert seam_report(predictor, image, whole=False).whole is None


@pytest.mark.tensorflow_only
def test_files_on_another_scale_are_refused_as_in_predict(tmp_path):
    """Tiles of an image that is black to the model would agree everywhere."""
    image = photo(32, 48)
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, Preprocessing("tf")(inputs))
    np.save(tmp_path / "unit.npy", (image / 255).astype("float32"))
    np.save(tmp_path / "whole.npy", image)
    for call in (TiledPredictor(model, tile=16).predict, lambda path: seam_report(model, path, tile=16)):
        with pytest.raises(InputError, match="unit.npy: holds values .*, and the model takes 0..255"):
            call(tmp_path / "unit.npy")
    settings = {"tile": 16, "batch_size": 2}
    assert seam_report(model, tmp_path / "whole.npy", **settings) == seam_report(model, image, **settings)


def identity_of_one_size():
    return keras.Sequential([keras.Input((32, 32, 3)), layers.Activation("linear")])
