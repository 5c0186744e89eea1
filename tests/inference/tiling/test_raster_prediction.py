"""Bands of a raster: the numbers of the whole one, bit for bit, wherever they begin and end."""

import itertools

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_models import photo, unet

from keras_seg.inference import TiledPredictor
from keras_seg.inference.tiling.raster_layout import raster_layout
from keras_seg.inference.tiling.raster_prediction import RasterPrediction
from keras_seg.inference.tiling.raster_source import RasterSource
from keras_seg.inference.tiling.whole_chunks import whole_chunks

pytestmark = pytest.mark.tensorflow_only
IMAGE = photo(150, 70)


@pytest.fixture(scope="module")
def net():
    return unet()


def band(predictor, image, top, stop):
    """The band, whose parts follow each other without a gap."""
    source = RasterSource(image)
    layout = raster_layout(source, predictor.geometry.classes, output=predictor.output)
    parts, row = [], top
    for at, values in RasterPrediction(predictor, source, layout).band(top, stop):
        assert at == row
        parts.append(values.copy())
        row += len(values)
    assert row == stop
    return np.concatenate(parts)


@pytest.mark.parametrize("output", ["scores", "class_ids"])
@pytest.mark.parametrize("blend", ["gaussian", "constant", "crop"])
@pytest.mark.parametrize("overlap", [0, 0.25, 0.5, 0.7])
def test_bands_are_those_of_the_whole(net, overlap, blend, output):
    predictor = TiledPredictor(net, tile=32, overlap=overlap, blend=blend, batch_size=3, output=output)
    whole = predictor.predict(IMAGE)
    # Ends of tiles and other rows; a single row; the whole.
    for top, stop in [(0, 32), (32, 64), (33, 97), (96, 150), (77, 78), (149, 150), (0, 150)]:
        np.testing.assert_array_equal(band(predictor, IMAGE, top, stop), whole[top:stop])


@pytest.mark.parametrize("size", [(20, 20), (33, 100), (150, 31)])
def test_images_smaller_than_a_tile_and_off_the_grid(net, size):
    predictor = TiledPredictor(net, tile=32, overlap=0.5, batch_size=3)
    whole = predictor.predict(IMAGE[: size[0], : size[1]])
    cuts = [0, size[0] // 3, size[0] // 2, size[0]]
    for top, stop in itertools.pairwise(cuts):
        np.testing.assert_array_equal(band(predictor, IMAGE[: size[0], : size[1]], top, stop), whole[top:stop])


def test_valid_convolutions_and_a_margin():
    """Tiles whose outputs are smaller than their inputs; more of a tile is left out where another one has it."""
    model = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(2, 5)])
    for settings_ in ({}, {"blend": "crop", "margin": 3}):
        predictor = TiledPredictor(model, tile=24, overlap=0.3, batch_size=2, **settings_)
        whole = predictor.predict(IMAGE)
        np.testing.assert_array_equal(band(predictor, IMAGE, 41, 90), whole[41:90])


def test_batches_are_those_of_the_whole(net, monkeypatch):
    """A tile is predicted at the same place of a batch of the same tiles, because rounding may depend on both."""
    batches, predict = [], net.predict_on_batch
    monkeypatch.setattr(net, "predict_on_batch", lambda batch: batches.append(batch.copy()) or predict(batch))
    predictor = TiledPredictor(net, tile=32, overlap=0.5, batch_size=3)
    rows, columns = predictor.grid((150, 70))
    assert len(columns.starts) % 3  # Batches reach into the next row of tiles.
    predictor.predict(IMAGE)
    every = [batch.tobytes() for batch in batches]
    batches.clear()
    band(predictor, IMAGE, 60, 90)
    few = [batch.tobytes() for batch in batches]
    (first,) = [place for place, batch in enumerate(every) if batch == few[0]]
    assert few == every[first : first + len(few)]
    # The rows of tiles that reach into 60..90, and at most a batch more at each end.
    needed = sum(start < 90 and start + 32 > 60 for start in rows.starts) * len(columns.starts)
    assert needed <= 3 * len(few) < needed + 2 * 3


@settings(deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1), st.integers(1, 12), st.integers(0, 20))
def test_rows_are_gathered_to_whole_chunks(lengths, rows, top):
    values = np.arange(sum(lengths) * 2).reshape(-1, 2)
    starts = np.cumsum([0, *lengths])
    parts = [(top + a, values[a:b]) for a, b in itertools.pairwise(starts)]
    found = [(start, piece.copy()) for start, piece in whole_chunks(parts, rows)]
    assert [start for start, _ in found] == list(range(top, top + len(values), rows))
    assert all(len(piece) == rows for _, piece in found[:-1])
    np.testing.assert_array_equal(np.concatenate([piece for _, piece in found]), values)
