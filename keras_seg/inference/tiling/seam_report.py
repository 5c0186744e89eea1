"""The disagreement of tiles where they overlap."""

import dataclasses
from typing import Any

import keras
import numpy as np

from keras_seg import _validation
from keras_seg._types import Size
from keras_seg.inference.output_kind import check_finite, class_ids, output_kind, sole_output
from keras_seg.inference.tiling.raster_source import RasterSource
from keras_seg.inference.tiling.tile_grid import TileAxis
from keras_seg.inference.tiling.tile_stream import tile_scores
from keras_seg.inference.tiling.tiled_predictor import TiledPredictor

# Upper ends of the bins of distance, in pixels; one more bin is open.
_DISTANCES = (4, 8, 16, 32, 64)
_NEAR = 8


@dataclasses.dataclass(frozen=True, kw_only=True)
class Disagreement:
    """Two predictions of the same pixels.

    Attributes:
        pixels: int, the number of compared pixels. The other attributes are None if it is 0.
        mean_abs_difference: float, of the scores.
        max_abs_difference: float, of a score.
        class_disagreement: float in [0, 1], the share of pixels whose best class differs.
    """

    pixels: int
    mean_abs_difference: float | None
    max_abs_difference: float | None
    class_disagreement: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class SeamReport:
    """The result of `seam_report`.

    Attributes:
        tiles: (rows, columns), the number of tiles.
        tile: (height, width) of a tile's output, pixels.
        overlap: (rows, columns), the smallest overlap of neighbors in pixels; 0 along an axis with a single tile.
        neighbors: `Disagreement` of neighboring tiles where they overlap.
        by_distance: tuple of (distance, `Disagreement`), the same by distance from the nearer tile's border: up to 4,
            8, 16, 32 and 64 pixels, and beyond (infinity). The distance at which tiles begin to agree is the margin
            that the model needs.
        whole: `Disagreement` of the blended tiles with the prediction of the whole image, or None if there is none.
            Pixels that hold no data in a GeoTIFF are not compared.
        near_seams: the same within 8 pixels of where one tile gives way to the next.
        far_from_seams: the same for all other pixels.
    """

    tiles: tuple[int, int]
    tile: tuple[int, int]
    overlap: tuple[int, int]
    neighbors: Disagreement
    by_distance: tuple[tuple[float, Disagreement], ...]
    whole: Disagreement | None = None
    near_seams: Disagreement | None = None
    far_from_seams: Disagreement | None = None

    def to_dict(self) -> dict[str, Any]:
        """All results as a JSON-ready dict; the open end of the distances is None."""
        report = dataclasses.asdict(self)
        report["by_distance"] = [
            {"below": None if distance == np.inf else distance, **dataclasses.asdict(found)}
            for distance, found in self.by_distance
        ]
        return report

    def __str__(self) -> str:
        rows = [("neighboring tiles", self.neighbors)]
        start = 0
        for distance, found in self.by_distance:
            name = f"from {start} px" if distance == np.inf else f"{start} to {distance} px"
            rows.append((f"  {name} from a border", found))
            start = distance
        rows += [
            (name, found)
            for name, found in (
                ("tiled and whole image", self.whole),
                (f"  within {_NEAR} px of a seam", self.near_seams),
                ("  elsewhere", self.far_from_seams),
            )
            if found is not None
        ]
        head = f"{self.tiles[0]} x {self.tiles[1]} tiles of {self.tile[0]}x{self.tile[1]}, sharing at least "
        lines = [f"{head}{self.overlap[0]} and {self.overlap[1]} pixels"]
        lines.append(f"{'':32}{'mean':>10}{'largest':>10}{'other class':>13}")
        for name, found in rows:
            if found.pixels:
                mean, largest = f"{found.mean_abs_difference:.2g}", f"{found.max_abs_difference:.2g}"
                lines.append(f"{name:32}{mean:>10}{largest:>10}{found.class_disagreement:>12.2%} ")
            else:
                lines.append(f"{name:32}{'no such pixels':>33}")
        return "\n".join(line.rstrip() for line in lines)


def seam_report(
    model: keras.Model | TiledPredictor,
    image: Any,
    *,
    tile: Size | None = None,
    overlap: float | None = None,
    blend: str | None = None,
    batch_size: int | None = None,
    margin: Size | str | None = None,
    stride: Size | None = None,
    whole: bool | None = None,
    shape: tuple[int, int, int] | None = None,
) -> SeamReport:
    """Measure how much neighboring tiles disagree where they overlap, and how much tiles differ from the whole image.

    Neighbors cover the same pixels with different surroundings: where they disagree, the prediction depends on the
    positions of the tiles. Tiles without overlap can only be compared with the whole image.

    Args:
        model: keras.Model or `TiledPredictor`.
        image: as for `TiledPredictor.predict`. Two rows of tiles are in memory at a time, and the whole image if it is
            predicted.
        whole: bool. Whether the whole image is predicted too, in one pass, mirrored to the area of the tiles. Defaults
            to None: if it has at most 2^20 pixels and the model takes any size.
        shape: (height, width, channels) of a reader. Defaults to None.

    Other arguments: those of `TiledPredictor`, for a keras.Model only. They default to None: its defaults.

    Returns:
        A `SeamReport`: `print` shows it and `to_dict()` is ready for JSON.

    Raises:
        InputError: as `TiledPredictor` and its `predict`, if its settings are given for a predictor, if there is a
            single tile and nothing to compare it with, or if `whole` is True for a model that takes one size only.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> model = ks.models.UNet(num_classes=3, filters=4, depth=2)
        >>> report = ks.inference.seam_report(model, np.zeros((64, 96, 3)), tile=(32, 32), overlap=0.5)
        >>> report.tiles, report.overlap
        ((3, 5), (16, 16))
    """
    settings = {
        "tile": tile,
        "overlap": overlap,
        "blend": blend,
        "batch_size": batch_size,
        "margin": margin,
        "stride": stride,
    }
    predictor = _predictor(model, {name: value for name, value in settings.items() if value is not None})
    source = RasterSource(image, shape, predictor.geometry.channels)
    source.check_scale(predictor.model)
    size = source.shape[:2]
    rows, columns = predictor.grid(size)
    if whole is not None:
        _validation.boolean("whole", whole)
    if whole and not predictor.geometry.any_size:
        fix = "Build it with input_shape=(None, None, channels)."
        _validation.fail("whole", "must be False for a model that takes images of one size only", whole, fix)
    if whole is None:
        whole = predictor.geometry.any_size and size[0] * size[1] <= 2**20
    if len(rows.starts) == len(columns.starts) == 1 and not whole:
        fix = "Pass smaller tiles, or whole=True."
        _validation.fail("image", "must be larger than a tile for tiles to meet", source.shape, fix)
    kind = output_kind(predictor.model)
    neighbors, distances = _Comparison(kind), [_Comparison(kind) for _ in (*_DISTANCES, np.inf)]
    _compare_neighbors(predictor, source, rows, columns=columns, neighbors=neighbors, distances=distances)
    found = _compare_whole(predictor, source, kind, rows=rows, columns=columns) if whole else {}
    return SeamReport(
        tiles=(len(rows.starts), len(columns.starts)),
        tile=predictor.geometry.output,
        overlap=(_least_shared(rows), _least_shared(columns)),
        neighbors=neighbors.result(),
        by_distance=tuple(zip((*_DISTANCES, np.inf), (part.result() for part in distances), strict=True)),
        **found,
    )


def _predictor(model: keras.Model | TiledPredictor, settings: dict[str, Any]) -> TiledPredictor:
    if not isinstance(model, TiledPredictor):
        return TiledPredictor(model, **settings)
    if settings:
        fix = "Make another TiledPredictor with them."
        _validation.fail("model", f"must be a keras.Model where {', '.join(settings)} is given", model, fix)
    return model


class _Comparison:
    """Sums over pairs of scores (..., classes) of the same pixels, of a model of an `output_kind`."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.pixels, self.values, self.sum, self.largest, self.other = 0, 0, 0.0, 0.0, 0

    def add(self, first: np.ndarray, second: np.ndarray) -> None:
        """Add two score maps (..., classes) of the same pixels."""
        if first.size:
            difference = np.abs(first - second)
            other = class_ids(first, self.kind) != class_ids(second, self.kind)
            self.pixels += other.size
            self.values += difference.size
            self.sum += float(difference.sum(dtype="float64"))
            self.largest = max(self.largest, float(difference.max()))
            self.other += int(other.sum())

    def result(self) -> Disagreement:
        if not self.pixels:
            return Disagreement(pixels=0, mean_abs_difference=None, max_abs_difference=None, class_disagreement=None)
        return Disagreement(
            pixels=self.pixels,
            mean_abs_difference=self.sum / self.values,
            max_abs_difference=self.largest,
            class_disagreement=self.other / self.pixels,
        )


def _compare_neighbors(
    predictor: TiledPredictor,
    source: RasterSource,
    rows: TileAxis,
    *,
    columns: TileAxis,
    neighbors: _Comparison,
    distances: list[_Comparison],
) -> None:
    """Compare every tile with its left and its upper neighbor."""
    above, current = {}, {}
    stream = tile_scores(predictor.model, source, rows, columns=columns, batch_size=predictor.batch_size)
    for row, column, scores in stream:
        if column == 0:
            above, current = current, {}
        current[column] = scores = scores.copy()
        if column:
            _compare_pair(
                columns, column, current[column - 1], after=scores, along=1, neighbors=neighbors, distances=distances
            )
        if row:
            _compare_pair(rows, row, above[column], after=scores, along=0, neighbors=neighbors, distances=distances)


def _compare_pair(
    axis: TileAxis,
    index: int,
    before: np.ndarray,
    *,
    after: np.ndarray,
    along: int,
    neighbors: _Comparison,
    distances: list[_Comparison],
) -> None:
    step = axis.starts[index] - axis.starts[index - 1]
    shared = axis.tile - step
    if shared <= 0:
        return
    before = np.moveaxis(before, along, 0)[step:]
    after = np.moveaxis(after, along, 0)[:shared]
    neighbors.add(after, before)
    place = np.arange(shared)
    distance = np.minimum(place, place[::-1])
    bins = np.searchsorted(_DISTANCES, distance, side="right")
    for number in np.unique(bins):
        distances[number].add(after[bins == number], before[bins == number])


def _compare_whole(
    predictor: TiledPredictor, source: RasterSource, kind: str, *, rows: TileAxis, columns: TileAxis
) -> dict[str, Disagreement]:
    """Compare the blended tiles with the whole image: everywhere, near seams and far from them."""
    mirrored = source.read_mirrored(rows.positions(), columns.positions()).astype("float32")
    expected = np.asarray(sole_output(predictor.model.predict_on_batch(mirrored[None]))[0], "float32")
    check_finite(expected, "The scores of the whole `image`")
    expected = expected[: rows.length, : columns.length]
    blended = predictor._predict(source, output="scores")
    near = _near_cuts(rows)[:, None] | _near_cuts(columns)
    valid = source.valid(0, rows.length)
    if valid is None:
        valid = np.ones_like(near)
    found = {}
    for name, chosen in (("whole", valid), ("near_seams", valid & near), ("far_from_seams", valid & ~near)):
        comparison = _Comparison(kind)
        # The blended scores of pixels without data are NaN.
        comparison.add(blended[chosen], expected[chosen])
        found[name] = comparison.result()
    return found


def _near_cuts(axis: TileAxis) -> np.ndarray:
    """Whether each pixel is near a cut between two tiles."""
    near = np.zeros(axis.length, bool)
    for cut in axis.cuts[1:-1]:
        near[max(cut - _NEAR, 0) : cut + _NEAR] = True
    return near


def _least_shared(axis: TileAxis) -> int:
    return min((axis.tile - step for step in np.diff(axis.starts).tolist()), default=0)
