"""The finished part of a long run, so that another process can go on with it."""

import dataclasses
import hashlib
import json
import pathlib
from typing import Any

import keras
import numpy as np

from keras_seg import _files
from keras_seg._validation import InputError
from keras_seg.inference.tiling.raster_source import RasterSource

# Entries of a layer's config that may differ from one process to the next and change no prediction.
_NO_SETTINGS = ("name", "trainable", "seed")


@dataclasses.dataclass(frozen=True, kw_only=True)
class FinishedRows:
    """How far a run is.

    Attributes:
        tile_rows: int, how many rows of tiles are finished.
        sums: float32 array (rows, columns, classes) that the next tiles add to, or None.
    """

    tile_rows: int = 0
    sums: np.ndarray | None = None


class RunJournal:
    """A small JSON file beside an output: the settings, the number of finished tile rows, and whether a file beside it
    holds the sums of the output's unfinished rows.

    Args:
        path: pathlib.Path of the JSON file; None keeps no journal.
        settings: dict that must be equal in the run that goes on with this one.
    """

    def __init__(self, path: pathlib.Path | None, settings: dict[str, Any]) -> None:
        self.path = path
        self.settings = json.loads(json.dumps(settings))

    def load(self) -> FinishedRows:
        """The finished rows of the run before; none without a journal.

        Raises:
            InputError: if the journal is of other settings or cannot be read.
        """
        if self.path is None or not self.path.exists():
            return FinishedRows()
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
            rows, before = int(content["tile_rows"]), dict(content["settings"])
            sums = np.load(_sums_path(self.path, rows)) if content["sums"] else None
        except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
            fix = "Pass overwrite=True without resume=True to start again."
            raise InputError(f"{self.path}: is broken, so the run cannot go on. {fix}") from error
        names = [name for name in {**before, **self.settings} if before.get(name) != self.settings.get(name)]
        if names:
            changes = ", ".join(
                "another model" if name == "model" else f"{name} {before.get(name)}, now {self.settings.get(name)}"
                for name in names
            )
            fix = "Use those settings, or pass overwrite=True without resume=True to start again."
            raise InputError(f"{self.path}: the interrupted run had other settings: {changes}. {fix}")
        return FinishedRows(tile_rows=rows, sums=sums)

    def record(self, done: FinishedRows) -> None:
        """Note which tile rows are finished."""
        if self.path is None:
            return
        place = _sums_path(self.path, done.tile_rows)
        kept = done.sums is not None and len(done.sums) > 0
        if done.sums is not None and kept:
            with place.open("wb") as file:
                np.save(file, done.sums)
        _files.write_json(self.path, {"settings": self.settings, "tile_rows": done.tile_rows, "sums": kept})
        _remove_sums(self.path, keep=place)

    def remove(self) -> None:
        """Remove the journal of a run that is complete or was given up."""
        if self.path is not None and self.path.parent.is_dir():
            self.path.unlink(missing_ok=True)
            _remove_sums(self.path)


def _sums_path(journal: pathlib.Path, tile_rows: int) -> pathlib.Path:
    return journal.with_name(f"{journal.name}.{tile_rows}.npy")


def _remove_sums(journal: pathlib.Path, keep: pathlib.Path | None = None) -> None:
    for path in journal.parent.iterdir():
        if path.name.startswith(journal.name + ".") and path.suffix == ".npy" and path != keep:
            path.unlink()


def model_mark(model: keras.Model) -> str:
    """A short text that is equal for two models with the same layers and weights, whatever their names."""
    mark = hashlib.sha256()
    for layer in model._flatten_layers():
        mark.update(f"{type(layer).__name__}{_settings_of(layer)}".encode())
    for variable in model.weights:
        array = np.ascontiguousarray(keras.ops.convert_to_numpy(variable))
        mark.update(f"{array.shape}{array.dtype}".encode())
        mark.update(array.tobytes())
    return mark.hexdigest()[:32]


def _settings_of(layer: keras.layers.Layer) -> str:
    """The part of a layer's config that predictions depend on, such as a dilation or the views of an augmentation."""
    if isinstance(layer, keras.Model):
        return ""  # Its layers are marked one by one.
    try:
        config = layer.get_config()
    except NotImplementedError:
        return ""
    # Nested configs are those of dtypes, initializers and layers, whose names change with each layer that is made.
    kept = {key: value for key, value in config.items() if key not in _NO_SETTINGS and not isinstance(value, dict)}
    return json.dumps(kept, sort_keys=True, default=lambda value: type(value).__name__)


def image_mark(source: RasterSource) -> list[Any]:
    """Shape and dtype, the attributes used to detect another image."""
    return [*source.shape, None if source.dtype is None else source.dtype.name]
