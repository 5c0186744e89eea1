"""The bands of a raster that workers predict independently of each other."""

# First and last row, which is not included.
Band = tuple[int, int]

# Bands per worker: with more, workers wait less at the end, and more tiles are predicted twice.
_PER_WORKER = 4
# The least height of a band, in tiles: at an overlap of a half, of 8 rows of tiles one or two are predicted twice.
_LEAST_TILES = 4


def raster_bands(height: int, *, tile: int, workers: int, rows: int) -> tuple[Band, ...]:
    """Bands from the first row to the last, which begin at multiples of `rows`.

    Args:
        height: int, rows of the raster.
        tile: int, rows of a tile.
        workers: int. There is a band for each of them at least, if the raster has enough rows.
        rows: int, the rows of a chunk of the output, so that no two bands share a chunk.
    """
    wanted = min(max(height / (_PER_WORKER * workers), _LEAST_TILES * tile), height / workers)
    step = max(1, round(wanted / rows)) * rows
    return tuple((top, min(top + step, height)) for top in range(0, height, step))
