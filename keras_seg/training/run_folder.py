"""The folder that holds everything about one training run."""

import json
import pathlib
import shutil

import keras

from keras_seg import _files
from keras_seg._validation import InputError
from keras_seg.training.plan import Plan


class RunFolder:
    """Paths and files of a run: plan.json, labels.json, checkpoints/, log.csv, metrics.json, predictions.png,
    model.keras, and decoding.json for tasks whose output is decoded.

    Every file is written aside and renamed, so a run that is killed leaves whole files only.

    Args:
        path: str or path.
    """

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.plan_file = self.path / "plan.json"
        self.labels_file = self.path / "labels.json"
        self.log_file = self.path / "log.csv"
        self.metrics_file = self.path / "metrics.json"
        self.panel_file = self.path / "predictions.png"
        self.decoding_file = self.path / "decoding.json"
        self.model_file = self.path / "model.keras"
        self.checkpoints = self.path / "checkpoints"
        self.state_file = self.checkpoints / "state.json"

    def check_free(self, overwrite):
        """Fail, before anything is computed, when a new run cannot start here."""
        if not self.path.exists():
            existing = next(parent for parent in self.path.absolute().parents if parent.exists())
            if not existing.is_dir():
                raise InputError(f"{self.path}: {existing} is a file, not a folder. Choose another --out.")
            return
        if not self.path.is_dir():
            raise InputError(f"{self.path}: is a file, not a folder. Choose another --out.")
        if not any(self.path.iterdir()):
            return
        if not self.plan_file.exists():
            raise InputError(
                f"{self.path}: holds files that are not of a run, and is left alone. Choose another --out."
            )
        if not overwrite:
            raise InputError(f"{self.path}: holds a run already. Add --resume to go on, or --overwrite to start anew.")

    def create(self, plan, labels):
        """Start a new run: what an older run left here is removed, and the plan is written."""
        try:
            if self.path.exists():
                for item in self._own_items():
                    shutil.rmtree(item) if item.is_dir() else item.unlink()
            self.path.mkdir(parents=True, exist_ok=True)
            _files.write_json(self.labels_file, labels)
            _files.write_json(self.plan_file, plan.to_dict())
        except OSError as error:
            raise _files.not_writable(self.path, error) from error

    def _own_items(self):
        """What `create` and the training wrote; anything else in the folder is somebody else's and stays."""
        named = (
            self.labels_file, self.log_file, self.metrics_file, self.panel_file, self.decoding_file, self.model_file,
            self.checkpoints, self.plan_file,
        )  # fmt: skip
        return [item for item in named if item.exists()]

    def load_plan(self):
        """The plan of the run."""
        return Plan.from_dict(self._read(self.plan_file))

    def load_labels(self):
        """The `labels.json` of the run, a dict."""
        return self._read(self.labels_file)

    def load_decoding(self):
        """The settings of the decoding of the run, a dict: empty where its task has none."""
        return self._read(self.decoding_file) if self.decoding_file.exists() else {}

    def check_trained(self):
        """Fail when there is no trained model."""
        if not self.model_file.exists():
            raise InputError(
                f"{self.path}: holds no model.keras, its training has not ended. Go on with train --resume."
            )

    def load_model(self):
        """The trained model."""
        self.check_trained()
        try:
            return keras.saving.load_model(self.model_file)
        except (OSError, ValueError, TypeError, KeyError) as error:
            first_line = str(error).strip().split("\n")[0][:200]
            raise InputError(f"{self.model_file}: cannot be loaded ({first_line}). Train again.") from error

    def _read(self, path):
        if not self.path.is_dir():
            raise InputError(f"{self.path}: no such run folder. Make one with: keras-seg train DATA --out {self.path}")
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise InputError(f"{self.path}: is not a run folder, it has no {path.name}.") from error
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: cannot be read ({error}). Train again.") from error
