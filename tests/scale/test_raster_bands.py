"""How a raster is divided among workers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_seg.scale.raster_bands import raster_bands

pytestmark = pytest.mark.tensorflow_only


@given(st.integers(1, 10**6), st.integers(1, 4096), st.integers(1, 200), st.integers(1, 512))
def test_bands_cover_the_raster_and_share_no_chunk(height, tile, workers, rows):
    bands = raster_bands(height, tile=tile, workers=workers, rows=min(rows, height))
    assert [top for top, _ in bands] == [0, *(stop for _, stop in bands[:-1])]
    assert bands[-1][1] == height and all(top < stop for top, stop in bands)
    assert all(top % min(rows, height) == 0 for top, _ in bands)


@pytest.mark.parametrize(
    ("height", "workers", "step", "count"),
    [
        # Four bands per worker, rounded to chunks of 512: 100,000 / (4 * 8) = 3125, and 6 * 512 = 3072.
        (100_000, 8, 3072, 33),
        # 100,000 / (4 * 100) = 250, and four tiles of 512 at least, unless workers were without work: 1000 is 2 * 512.
        (100_000, 100, 1024, 98),
        (20_000, 2, 2560, 8),
        # Fewer chunks than workers.
        (1100, 8, 512, 3),
        (512, 2, 512, 1),
    ],
)
def test_by_hand(height, workers, step, count):
    bands = raster_bands(height, tile=512, workers=workers, rows=512)
    assert len(bands) == count and bands[0] == (0, min(step, height))
