"""What a long run has finished, so that another process can go on with it."""

import hashlib
import json

import keras
import numpy as np

from keras_seg import _files
from keras_seg._validation import InputError

# Of a layer's config: they may differ from one process to the next and change no prediction.
_NO_SETTINGS = ("name", "trainable", "seed")


class RunJournal:
    """A small JSON file beside an output: the settings, the tile rows that are finished, and where the sums lie of the
    output's rows that are not.

    Args:
        path: pathlib.Path of the JSON file; None keeps no journal.
        settings: dict of what two runs must have in common to go on with each other.
    """

    def __init__(self, path, settings):
        self.path = path
        self.settings = json.loads(json.dumps(settings))

    def load(self):
        """(tile rows finished, sums of the rows after them or None), (0, None) without a journal.

        Fails where the journal is of other settings or cannot be read.
        """
        if self.path is None or not self.path.exists():
            return 0, None
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
            rows, before = int(content["tile_rows"]), dict(content["settings"])
            sums = np.load(self._sums(rows)) if content["sums"] else None
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
        return rows, sums

    def record(self, tile_rows, sums):
        """Note that so many tile rows are finished; `sums` is what the next ones add to, or None."""
        if self.path is None:
            return
        kept = sums is not None and len(sums) > 0
        if kept:
            with self._sums(tile_rows).open("wb") as file:
                np.save(file, sums)
        _files.write_json(self.path, {"settings": self.settings, "tile_rows": tile_rows, "sums": kept})
        self._remove_sums(but=self._sums(tile_rows))

    def remove(self):
        """Remove the journal, of a run that is whole or was given up."""
        if self.path is not None and self.path.parent.is_dir():
            self.path.unlink(missing_ok=True)
            self._remove_sums()

    def _sums(self, tile_rows):
        return self.path.with_name(f"{self.path.name}.{tile_rows}.npy")

    def _remove_sums(self, but=None):
        for path in self.path.parent.iterdir():
            if path.name.startswith(self.path.name + ".") and path.suffix == ".npy" and path != but:
                path.unlink()


def model_mark(model):
    """A short text that two models share when they have the same layers and weights, whatever they are called."""
    mark = hashlib.sha256()
    for layer in model._flatten_layers():
        mark.update(f"{type(layer).__name__}{_settings_of(layer)}".encode())
    for variable in model.weights:
        array = np.ascontiguousarray(keras.ops.convert_to_numpy(variable))
        mark.update(f"{array.shape}{array.dtype}".encode())
        mark.update(array.tobytes())
    return mark.hexdigest()[:32]


def _settings_of(layer):
    """What of a layer's config predictions depend on, such as a dilation or the views of a test-time augmentation."""
    if isinstance(layer, keras.Model):
        return ""  # Its layers are asked themselves.
    try:
        config = layer.get_config()
    except NotImplementedError:
        return ""
    # Nested configs are those of dtypes, initializers and layers, whose names change with each layer that is made.
    kept = {key: value for key, value in config.items() if key not in _NO_SETTINGS and not isinstance(value, dict)}
    return json.dumps(kept, sort_keys=True, default=lambda value: type(value).__name__)


def image_mark(source):
    """What is compared of an image: its shape and dtype."""
    return [*source.shape, None if source.dtype is None else source.dtype.name]
