"""A trained model in use: how data is read, evaluated and decoded for it."""

import abc
import contextlib
import pathlib
from typing import Any, ClassVar

import keras

from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.evaluation.postprocessing_choice import chosen_postprocessing
from keras_seg.training.model_facts import ModelFacts, mark_of
from keras_seg.training.out_of_memory import memory_named, whole_images
from keras_seg.training.range_notice import with_range_notice
from keras_seg.training.tasks import find_task
from keras_seg.training.tasks.task import Report


class UsableModel(abc.ABC):
    """A trained model, from a run or an exported file, with the task it was trained for.

    Args:
        path: path of the run, or of the file.
        facts: `ModelFacts`.
        postprocessing: bool. Whether predictions are postprocessed as was chosen for the model.

    Raises:
        InputError: the facts are of no known task or cannot be read, or `postprocessing` is False for a task whose
            predictions are not postprocessed.
    """

    # How errors name where the model comes from, and what to do about a broken one.
    _kind: ClassVar[str] = "run"
    _fix: ClassVar[str] = "Delete it, or train again."

    def __init__(self, path: PathLike, *, facts: ModelFacts, postprocessing: bool) -> None:
        self.path = pathlib.Path(path)
        self.facts = facts
        self.task = find_task(facts.task)
        self.labels = facts.labels
        self.channels = facts.channels
        self.decoding = facts.decoding
        if not postprocessing:
            if self.task.name != "semantic":
                raise InputError(
                    f"{self.path}: `postprocessing=False` does not apply to `task={self.task.name!r}`, whose "
                    "output is decoded by thresholds. Leave it out."
                )
            self.decoding = {name: value for name, value in self.decoding.items() if name != "postprocessing"}
        try:
            self.postprocessing = chosen_postprocessing(self.decoding)
        except (InputError, AttributeError) as error:
            raise InputError(f"{self._decoding_file}: cannot be read ({error}). {self._fix}") from error

    @abc.abstractmethod
    def load_model(self) -> keras.Model:
        """The model."""

    @property
    def _decoding_file(self) -> pathlib.Path:
        """Where the decoding settings are."""
        return self.path

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
            requirement = self.task.mask_requirement
            raise InputError(
                f"{error} The {self._kind} was trained with `task={self.task.name!r}` and needs {requirement}."
            ) from error

    def warnings_of(self, path: PathLike, split: str | None, *, name: str) -> tuple[str, ...]:
        """A warning if these images are those that were trained on, or that were divided into two or into folds.

        Args:
            path: path of the data folder.
            split: str or None. Of the folder, as `scan` returns it.
            name: str. What the model is called.
        """
        if split not in (None, "train") or self.facts.trained_on != mark_of(path):
            return ()
        text = f"Warning: {name} was trained on these images, or most of them, so the scores are too high."
        return (f"{text} {self.other_scores}".strip(),)

    @property
    def other_scores(self) -> str:
        """A sentence about scores on images that were not trained on; "" where none are kept."""
        return ""

    def evaluate(self, model: keras.Model, data: Any, *, progress: Report | None = None) -> Any:
        """The evaluation of this model, or of one derived from it, with the decoding settings.

        Args:
            model: keras.Model.
            data: an index, or what else the evaluation of the task takes.
            progress: callable (images done, images), or None. Defaults to None.

        Raises:
            InputError: an image of an index is too large for the memory of the device, or the evaluation of the task
                refuses the model or the data.
        """
        indexed = isinstance(data, self.task.index_type)
        with memory_named(whole_images(data)) if indexed else contextlib.nullcontext():
            return self.task.evaluate(model, data, settings=self.decoding, progress=progress)
