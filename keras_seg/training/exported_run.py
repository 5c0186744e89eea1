"""An exported file in place of the run that it was made from."""

from collections.abc import Mapping

from keras_seg import export
from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.training.model_facts import ModelFacts
from keras_seg.training.usable_model import UsableModel

# By which the facts of a run are told from others that an export was given.
_OF_A_RUN = {"task", "labels", "channels"}


class ExportedRun(UsableModel):
    """An exported file in use: it evaluates and predicts as the run does that it was made from.

    A file that was not made from a run is taken for one of class ids per pixel, with the classes that it names.

    Args:
        path: path of a file that `export.load` takes.
        postprocessing: bool. Whether predictions are postprocessed as was chosen for the run. Defaults to True.

    Raises:
        InputError: as for `export.load`, or the file outputs class ids alone and its task decodes scores.
        ImportError: the runtime of the format is missing.
    """

    _kind, _fix = "file", "Export it again."

    def __init__(self, path: PathLike, *, postprocessing: bool = True) -> None:
        self._model = export.load(path)
        facts = _facts(self._model)
        super().__init__(self._model.file, facts=facts, postprocessing=postprocessing)
        if facts.channels != self._model.channels:
            raise InputError(
                f"{path}: takes images of {self._model.channels} channels, and its description says {facts.channels}. "
                "Export it again."
            )
        if not self._model.gives_scores and not self.task.class_id_masks:
            raise InputError(
                f"{path}: outputs class ids alone, and `task={self.task.name!r}` is decoded from scores. Export it "
                "with `output='scores'`."
            )

    def load_model(self) -> export.ExportedModel:
        """The file as a model."""
        return self._model


def _facts(model: export.ExportedModel) -> ModelFacts:
    description = model.description
    facts = description.get("facts")
    if isinstance(facts, Mapping) and facts.keys() >= _OF_A_RUN:
        return ModelFacts.from_dict(facts)
    labels = {"names": description["class_names"], "ignore_class": description["ignore_class"]}
    return ModelFacts(task="semantic", labels=labels, channels=model.channels)
