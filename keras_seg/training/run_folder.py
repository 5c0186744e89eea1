"""The folder that holds everything about one training run."""

import csv
import json
import pathlib
import shutil
from collections.abc import Mapping
from typing import cast

import keras

from keras_seg import _files
from keras_seg._export_report import REPORT_FILE
from keras_seg._types import PathLike
from keras_seg._validation import InputError, first_line
from keras_seg.report.model_card import emptied_card, is_card
from keras_seg.training.choices import Plan
from keras_seg.training.plan import check_plan

_ENSEMBLE = "ensemble.keras"


class RunFolder:
    """Paths and files of a run: plan.json, labels.json, checkpoints/, log.csv, metrics.json, predictions.png,
    report.html, model.keras, and decoding.json: thresholds or postprocessing, chosen on validation images.

    A run of folds holds a run per fold, fold1/, fold2/, ..., and folds.json; its model is ensemble.keras.

    Every file is written aside and renamed, so a run that is killed leaves whole files, and beside them at most
    temporary folders, which the next run here removes.

    Args:
        path: str or path. The folder, or the file ensemble.keras in it.
    """

    def __init__(self, path: PathLike) -> None:
        self.path = pathlib.Path(path)
        if self.path.name == _ENSEMBLE and (self.path.parent / "folds.json").exists():
            self.path = self.path.parent
        self.folds_file = self.path / "folds.json"
        self.plan_file = self.path / "plan.json"
        self.labels_file = self.path / "labels.json"
        self.log_file = self.path / "log.csv"
        self.metrics_file = self.path / "metrics.json"
        self.panel_file = self.path / "predictions.png"
        self.report_file = self.path / "report.html"
        self.decoding_file = self.path / "decoding.json"
        self.checkpoints = self.path / "checkpoints"
        self.state_file = self.checkpoints / "state.json"
        # There while a run begins, so that a folder without a plan is known to be ours.
        self._begun = self.path / ".begun"

    @property
    def is_folds(self) -> bool:
        """bool. Whether the run is one of folds."""
        return self.folds_file.exists()

    @property
    def model_file(self) -> pathlib.Path:
        """Path of the trained model: model.keras, or ensemble.keras of folds."""
        return self.path / (_ENSEMBLE if self.is_folds else "model.keras")

    @property
    def finished(self) -> bool:
        """bool. Whether the run is trained and evaluated: its report is written last."""
        return self.model_file.exists() and self.report_file.exists()

    def check_startable(self, *, resume: bool = False, overwrite: bool = False) -> None:
        """Fail, before anything is computed, if `fit` could not start or resume a run here.

        Args:
            resume: bool. Whether an interrupted run is to be resumed. Defaults to False.
            overwrite: bool. Whether a run that is here may be replaced. Defaults to False.

        Raises:
            InputError: the folder holds a run, other files, or nothing to resume, or is an address; or both arguments
                are True.
        """
        if resume and overwrite:
            raise InputError(
                "`resume=True` and `overwrite=True` exclude each other: the first continues a run, the second starts a "
                "new one. Drop one of them."
            )
        if resume:
            if self._begun.exists() and not self.plan_file.exists():
                raise InputError(
                    f"{self.path}: was interrupted before training began, nothing can be resumed. Start a new run."
                )
            try:
                check_plan(self.load_plan())
            except InputError as error:
                if str(self.path) in str(error):
                    raise
                raise InputError(f"{self.plan_file}: {error}") from error
            if self.finished:
                raise InputError(
                    f"{self.path}: its training has ended. Use its model, or start a new run with `overwrite=True`."
                )
            return
        _files.check_on_disk(self.path)
        if not self.path.exists():
            existing = next(parent for parent in self.path.absolute().parents if parent.exists())
            if not existing.is_dir():
                raise InputError(f"{self.path}: {existing} is a file, not a folder. Choose another folder.")
            return
        if not self.path.is_dir():
            raise InputError(f"{self.path}: is a file, not a folder. Choose another folder.")
        if not any(self.path.iterdir()):
            return
        if not self.plan_file.exists() and self._begun.exists():
            return  # Its start was interrupted.
        if not self.plan_file.exists():
            raise InputError(
                f"{self.path}: holds files that do not belong to a run, and is left alone. Choose another folder."
            )
        if not overwrite:
            raise InputError(
                f"{self.path}: holds a run already. Continue it with `resume=True`, or replace it with "
                "`overwrite=True`."
            )

    def _create(self, plan: Plan, labels: Mapping, *, folds: Mapping | None = None) -> None:
        """Remove the files of an older run, and write the plan and the labels of a new one."""
        try:
            _files.make_folder(self.path)
            self._begun.touch()
            self._clear()
            _files.write_json(self.labels_file, labels)
            if folds is not None:
                _files.write_json(self.folds_file, folds)
            # The plan makes it a run, so it comes last.
            _files.write_json(self.plan_file, plan.to_dict())
            self._begun.unlink()
        except OSError as error:
            raise _files.not_writable(self.path, error) from error

    def _items(self) -> tuple[pathlib.Path, ...]:
        """The files that a run writes. Other files in the folder are not ours and stay."""
        return (
            self.labels_file, self.log_file, self.metrics_file, self.panel_file, self.report_file, self.decoding_file,
            self.path / "model.keras", self.path / _ENSEMBLE, self.checkpoints, self.folds_file, self.plan_file,
            # Exported files stay, but they are not of the new model, as the report would claim.
            self.path / REPORT_FILE,
            *(self.path / name for name in ("tensorboard", "wandb", "mlflow.db", "mlartifacts")),
        )  # fmt: skip

    def fold(self, number: int) -> "RunFolder":
        """The run of a fold.

        Args:
            number: int >= 1.
        """
        return RunFolder(self.path / f"fold{number}")

    def _clear(self) -> None:
        """Remove the files of an older run, and of the folds of one."""
        self.plan_file.unlink(missing_ok=True)  # It makes the folder a run, so it goes first.
        if self.is_folds:
            for number in range(1, int(self.load_folds()["folds"]) + 1):
                fold = self.fold(number)
                fold._clear()
                fold._begun.unlink(missing_ok=True)
                if fold.path.is_dir() and not any(fold.path.iterdir()):
                    fold.path.rmdir()
        for item in self._items():
            shutil.rmtree(item) if item.is_dir() else item.unlink(missing_ok=True)
        self._empty_cards()
        self._sweep()

    def _empty_cards(self) -> None:
        """Remove what model cards say about the older run; what people wrote in them stays."""
        name = self.path.absolute().name
        # README.md, or beside one of something else a card named after an exported file.
        for file in sorted(self.path.glob("*.md")):
            try:
                text = file.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError):
                continue  # It is no card.
            if is_card(text, name):
                _files.write_text(file, emptied_card(text, name))

    def _sweep(self) -> None:
        """Remove what a killed process left of files that it was writing."""
        if self.plan_file.exists():
            self._begun.unlink(missing_ok=True)
        names = {item.name for item in self._items()}
        for folder in (self.path, self.checkpoints):
            for item in list(folder.iterdir()) if folder.is_dir() else ():
                name = _files.written_for(item)
                if name is not None and (name in names or folder == self.checkpoints):
                    shutil.rmtree(item)

    def load_plan(self) -> Plan:
        """The plan of the run."""
        try:
            return Plan.from_dict(self._read(self.plan_file))
        except (KeyError, TypeError, AttributeError) as error:
            fix = "Undo what was edited in it, or train again."
            raise InputError(f"{self.plan_file}: is not a plan ({type(error).__name__}: {error}). {fix}") from error

    def load_labels(self) -> dict:
        """The content of labels.json: names of the model's channels, and how masks are read."""
        return self._read(self.labels_file)

    def load_folds(self) -> dict:
        """The content of folds.json: how many folds, the choices that were given, notices of the scan, all plans."""
        return self._read(self.folds_file)

    def load_log(self) -> list[dict[str, str]]:
        """The rows of log.csv; empty if there is none."""
        if not self.log_file.exists():
            return []
        with self.log_file.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def load_metrics(self) -> dict:
        """The content of metrics.json: the final evaluation and the data it was made on."""
        return self._read(self.metrics_file)

    def load_decoding(self) -> dict:
        """The decoding settings of the run, thresholds or postprocessing; empty if there are none."""
        return self._read(self.decoding_file) if self.decoding_file.exists() else {}

    def check_trained(self) -> None:
        """Fail if there is no trained model.

        Raises:
            InputError: the folder is not a run, or its training has not ended.
        """
        if not self.model_file.exists():
            raise InputError(
                f"{self.path}: holds no {self.model_file.name}, its training has not ended. Continue training with "
                "`resume=True`."
            )

    def load_model(self) -> keras.Model:
        """The trained model.

        Raises:
            InputError: there is no trained model, or it cannot be loaded.
        """
        self.check_trained()
        try:
            return cast(keras.Model, keras.saving.load_model(self.model_file))
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise InputError(f"{self.model_file}: cannot be loaded ({first_line(error)}). Train again.") from error

    def _read(self, path: pathlib.Path) -> dict:
        if not self.path.is_dir():
            raise InputError(f"{self.path}: no such run folder. Check the path, or train a model first.")
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise InputError(f"{self.path}: is not a run folder, it has no {path.name}.") from error
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: cannot be read ({error}). Train again.") from error


def trained_folder(run: RunFolder | PathLike) -> RunFolder:
    """The folder of a run, or of its path; refused unless its training has ended."""
    run = run if isinstance(run, RunFolder) else RunFolder(run)
    run.check_trained()
    return run
