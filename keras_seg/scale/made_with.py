"""What the predictions of a folder were made with, so that a rerun keeps only those of the same model."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg._version import __version__
from keras_seg.inference.tiling.run_journal import model_mark
from keras_seg.scale.output_folder import OutputFolder
from keras_seg.training.trained_run import TrainedRun
from keras_seg.training.usable_model import UsableModel

_FILE = "made_with.json"


class MadeWith:
    """What decides about predictions, as text: the model, how it is decoded, the version, and options.

    Args:
        facts: dict from names to texts.
    """

    def __init__(self, facts: Mapping[str, str]) -> None:
        self._facts = dict(facts)

    @classmethod
    def of(cls, run: UsableModel, options: Mapping[str, Any]) -> "MadeWith":
        """What a model and options make predictions with."""
        digest = hashlib.sha256(json.dumps([run.task.name, run.labels, run.decoding], default=str).encode())
        digest.update(_model_digest(run).encode())
        given = {name: repr(value) for name, value in options.items()}
        return cls({"model": digest.hexdigest(), "keras_seg": __version__, **given})

    @classmethod
    def of_images(
        cls,
        run: UsableModel,
        *,
        tile: tuple[int, int] | None,
        overlap: float | None,
        tta: Sequence[Any] | None,
        postprocessing: bool,
    ) -> "MadeWith":
        """What the predictions of a folder of images are made with."""
        return cls.of(run, {"tile": tile, "overlap": overlap, "tta": tta, "postprocessing": postprocessing})

    @property
    def facts(self) -> dict[str, str]:
        """All facts, from names to texts."""
        return dict(self._facts)

    def others(self, found: Any) -> str:
        """The names of the facts that others differ in, joined by "and"; "program" where these are no facts at all."""
        given = found if isinstance(found, dict) else {}
        return " and ".join(name for name, text in self._facts.items() if given.get(name) != text) or "program"

    def check(self, out: OutputFolder, *, resume: bool, overwrite: bool) -> bool:
        """Fail where a folder holds predictions that were made with something else, before anything is computed.

        Predictions that are replaced lose their file first: if this is interrupted, the folder holds both kinds.

        Args:
            out: `OutputFolder`.
            resume: bool. Whether predictions about which nothing is known are kept.
            overwrite: bool. Whether predictions are replaced.

        Returns:
            Whether the folder holds predictions that were made with something else, or that nothing is known about,
            which are replaced as far as their images are named.

        Raises:
            InputError: the folder holds such predictions, or cannot be written.
        """
        if overwrite:
            others = out.exists("masks") and self._found(out) != self._facts
            out.remove(_FILE)
            return others
        there = out.exists("masks")
        found = out.read_json(_FILE) if there else None
        if there and found is None and not resume:
            raise InputError(
                f"{out.path}: holds predictions already. Choose another folder, keep them with `resume=True`, or "
                "replace them with `overwrite=True`."
            )
        if found not in (None, self._facts):
            raise InputError(
                f"{out.path}: its predictions were made with another {self.others(found)}. Choose another folder, or "
                "replace them with `overwrite=True`."
            )
        self.write(out)
        return False

    @staticmethod
    def _found(out: OutputFolder) -> Any:
        """The facts in a folder; None if there are none, or none that can be read."""
        try:
            return out.read_json(_FILE)
        except InputError:
            return None

    def write(self, out: OutputFolder) -> None:
        """Write the file about the predictions of a folder."""
        out.write_json(_FILE, self._facts)


def forget_if_mixed(
    out: PathLike,
    run: UsableModel,
    *,
    tile: tuple[int, int] | None,
    overlap: float | None,
    tta: Sequence[Any] | None,
    postprocessing: bool,
) -> None:
    """Remove the file about the predictions of a folder before others are added that are made with something else.

    It would vouch for them too, and a rerun would keep them.

    Args:
        out: path of the folder.
        run: `UsableModel` of the predictions to come.
        tile: pair of ints or None, as for `predict_with_ray`, as are the other options.
        overlap: float or None.
        tta: sequence of transforms or None.
        postprocessing: bool.

    Raises:
        InputError: the file cannot be read.
    """
    folder = OutputFolder(out)
    found = folder.read_json(_FILE)
    if found is None:
        return
    made = MadeWith.of_images(run, tile=tile, overlap=overlap, tta=tta, postprocessing=postprocessing)
    if found != made.facts:
        folder.remove(_FILE)


def _model_digest(run: UsableModel) -> str:
    """A text that is equal for equal files of a model."""
    if not isinstance(run, TrainedRun):
        return model_mark(run.load_model())  # It is open, and knows all of its files, such as the two of OpenVINO.
    with run.folder.model_file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
