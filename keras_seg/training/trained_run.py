"""A finished run in use: evaluation, prediction and calibration data."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_seg import data
from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.data.pipeline.decoded_store import DecodedStore
from keras_seg.evaluation.postprocessing_choice import chosen_postprocessing
from keras_seg.training.range_notice import with_range_notice
from keras_seg.training.run_data import data_of_run
from keras_seg.training.run_folder import RunFolder
from keras_seg.training.tasks import find_task
from keras_seg.training.tasks.task import Report, examples


class TrainedRun:
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
        self.task = find_task(self.plan.task)
        self.labels = self.folder.load_labels()
        self.decoding = self.folder.load_decoding()
        if not postprocessing:
            if self.task.name != "semantic":
                raise InputError(
                    f"{self.folder.path}: `postprocessing=False` does not apply to `task={self.task.name!r}`, whose "
                    "output is decoded by thresholds. Leave it out."
                )
            self.decoding = {name: value for name, value in self.decoding.items() if name != "postprocessing"}
        try:
            self.postprocessing = chosen_postprocessing(self.decoding)
        except (InputError, AttributeError) as error:
            fix = "Delete it, or train again."
            raise InputError(f"{self.folder.decoding_file}: cannot be read ({error}). {fix}") from error

    @property
    def channels(self) -> int:
        """int. Channels of the images."""
        return self.plan.fingerprint["channels"]

    @property
    def typical_size(self) -> tuple[int, int]:
        """(height, width). Median size of the training images."""
        height, width = self.plan.fingerprint["median_size"]
        return height, width

    @property
    def ignore_class(self) -> tuple[int, ...] | None:
        """Tuple of the ignored labels, or None."""
        return tuple(self.labels["ignore_class"]) or None

    @property
    def exif_orientation(self) -> str:
        """ "apply" or "ignore": how the run turns image files; see `data.scan_folder`."""
        return self.labels.get("exif_orientation", "apply")

    @property
    def image_range(self) -> tuple[float, float] | None:
        """(smallest, largest) value in the training images, on the scale 0..255; None if the run did not keep it."""
        found = self.labels.get("image_range")
        return None if found is None else (found[0], found[1])

    def scan(self, path: PathLike, *, split: str | None = None) -> tuple[Any, str | None]:
        """The index of a data folder whose masks are read as the run reads them.

        Args:
            path: path of the data folder.
            split: str. Defaults to None: "val" if the folder has it, otherwise its first split.

        Returns:
            The index, and the split that was chosen; None for a folder that is not divided.

        Raises:
            InputError: the folder cannot be used for the task of the run.
        """
        try:
            splits = self.task.splits(path)
            if split is None and splits:
                split = "val" if "val" in splits else splits[0]
            index = self.task.rescan(path, self.labels, channels=self.channels, split=split)
            return with_range_notice(index, self.image_range), split
        except InputError as error:
            # The masks may be right for another task; then the message alone would be misleading.
            requirement = f"The run was trained with `task={self.task.name!r}` and needs {self.task.mask_requirement}."
            raise InputError(f"{error} {requirement}") from error

    def evaluate(self, model: keras.Model, index: Any, *, progress: Report | None = None) -> Any:
        """The evaluation of the run's model, or of one derived from it, with the run's decoding settings."""
        return self.task.evaluate(model, index, settings=self.decoding, progress=progress)

    def validation_examples(
        self, count: int, *, data: PathLike | None = None, validation: PathLike | None = None
    ) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
        """At most `count` images and masks that the run was validated on, evenly spread.

        Args:
            count: int >= 1.
            data: path of the data folder. Defaults to None: where it was in training.
            validation: path of the folder it was validated on, if that was another. Defaults to None.

        Raises:
            InputError: the masks hold no class ids, or the data is not that of the run.
        """
        if not self.task.class_id_masks:
            raise InputError(
                f'{self.folder.path}: was trained with task="{self.task.name}", whose masks hold no class ids. '
                "Pass a semantic run."
            )
        index = data_of_run(self.folder, data, validation=validation)[1].sample(count)
        return examples(index, range(len(index)))

    def representative_images(self, path: PathLike, count: int) -> Iterator[np.ndarray]:
        """Images of a data folder in which every class occurs, to calibrate a quantized model with, one by one.

        Args:
            path: path of a data folder with masks; its split "train" if it has one.
            count: int. Images at most.
        """
        split = "train" if "train" in self.task.splits(path) else None
        index = self.task.rescan(path, self.labels, channels=self.channels, split=split)
        store = DecodedStore(index)
        positions = data.stratified_positions(self.task.example_counts(index), count)
        return (store.get(position)[0] for position in positions)
