"""A finished run in use: evaluation, prediction and calibration data."""

import pathlib
from collections.abc import Iterator

import keras
import numpy as np

from keras_seg import data
from keras_seg._types import PathLike
from keras_seg.data.pipeline.decoded_store import DecodedStore
from keras_seg.training.model_facts import ModelFacts, mark_of
from keras_seg.training.run_folder import RunFolder
from keras_seg.training.usable_model import UsableModel


class TrainedRun(UsableModel):
    """A finished run: its model's task, and how its data is read.

    Args:
        folder: `RunFolder`, or its path.
        postprocessing: bool. Whether predictions are postprocessed as was chosen for the run. Defaults to True.

    Raises:
        InputError: the folder is not a run, its training has not ended, or False is given for a task whose predictions
            are not postprocessed.
    """

    def __init__(self, folder: RunFolder | PathLike, *, postprocessing: bool = True) -> None:
        self.folder = folder if isinstance(folder, RunFolder) else RunFolder(folder)
        self.plan = self.folder.load_plan()
        self.folder.check_trained()
        facts = ModelFacts(
            task=self.plan.task,
            labels=self.folder.load_labels(),
            channels=self.plan.fingerprint["channels"],
            decoding=self.folder.load_decoding(),
            trained_on=self._trained_on(),
        )
        super().__init__(self.folder.path, facts=facts, postprocessing=postprocessing)

    @property
    def _decoding_file(self) -> pathlib.Path:
        return self.folder.decoding_file

    def load_model(self) -> keras.Model:
        """The trained model; see `RunFolder.load_model`."""
        return self.folder.load_model()

    @property
    def other_scores(self) -> str:
        """Where the scores on images that were not trained on are."""
        kept = "out of fold" if self.folder.is_folds else "of its validation images"
        return f"Those {kept} are in {self.folder.metrics_file}."

    @property
    def typical_size(self) -> tuple[int, int]:
        """(height, width). Median size of the training images."""
        height, width = self.plan.fingerprint["median_size"]
        return height, width

    def representative_images(self, path: PathLike, count: int) -> tuple[Iterator[np.ndarray], tuple[str, ...]]:
        """Images of a data folder in which every class occurs, to calibrate a quantized model with, one by one.

        Args:
            path: path of a data folder with masks; its split "train" if it has one.
            count: int. Images at most.

        Returns:
            The images, and what the scan found, such as another scale of values than that of training.

        Raises:
            InputError: as for `scan`.
        """
        index, _ = self.scan(path, split="train" if "train" in self.task.splits(path) else None)
        store = DecodedStore(index)
        positions = data.stratified_positions(self.task.example_counts(index), count)
        return (store.get(position)[0] for position in positions), index.notices

    def _trained_on(self) -> str | None:
        if not self.folder.metrics_file.exists():
            return None
        metrics = self.folder.load_metrics()
        return mark_of(metrics.get("train_data", metrics["data"]))
