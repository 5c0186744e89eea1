"""What each worker does with an image of a big folder."""

import contextlib
import dataclasses
import os
import pathlib
import tempfile
from collections.abc import Callable, Iterator
from typing import NamedTuple

from keras_seg._decoding.geo_raster import GEOTIFFS
from keras_seg._remote_files import RemoteFiles, UnreachableError, is_remote
from keras_seg._validation import InputError
from keras_seg.inference.tiling.run_journal import RunJournal
from keras_seg.inference.tiling.written_rows import is_interrupted, journal_of, remove_partial
from keras_seg.scale.image_names import ImageName
from keras_seg.scale.job import Job
from keras_seg.scale.opened_model import OpenedModel
from keras_seg.scale.output_folder import OutputFolder
from keras_seg.training.file_predictor import FilePredictor, NotPredictedError
from keras_seg.training.prediction_file import PredictionFile, prediction_file
from keras_seg.training.prediction_notices import Seen


class Outcome(NamedTuple):
    """What became of an image.

    Attributes:
        path: str. The path or address of the image.
        kept: bool. Whether its predictions were there already.
        seen: what was seen of an image that was predicted; None for others.
        failure: str. Why it could not be predicted; "" for others.
        bytes_read: int. The size of its file.
    """

    path: str
    kept: bool = False
    seen: Seen | None = None
    failure: str = ""
    bytes_read: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class PredictionJob(Job):
    """Predict images into an output folder, one by one: batches of several can differ in the last bits.

    Args:
        model: how the model is opened.
        out: str. The output folder.
        tile: pair of ints or None, as for `predict_files`.
        overlap: float or None, as for `predict_files`.
        overwrite: bool. Whether to predict images again whose predictions are there, and to replace these. Without it,
            of a mask and its overlay only the missing one is written.
    """

    model: OpenedModel
    out: str
    tile: tuple[int, int] | None
    overlap: float | None
    overwrite: bool

    def open(self) -> Callable[[ImageName], Outcome]:
        """The function that predicts an image with the model, which is loaded once."""
        run, model = self.model.load()
        predictor = FilePredictor(run, model, tile=self.tile, overlap=self.overlap, overwrite=True)
        kinds = {"folders": run.task.overlapping, "maps": run.task.class_id_masks}
        return _PlacedPredictor(predictor, OutputFolder(self.out), kinds=kinds, overwrite=self.overwrite)


class _PlacedPredictor:
    """Predicts images into a staging folder, from which complete predictions are moved to their place."""

    def __init__(self, predictor: FilePredictor, out: OutputFolder, *, kinds: dict[str, bool], overwrite: bool) -> None:
        self._predictor, self._out, self._root = predictor, out, pathlib.Path(out.path)
        self._kinds, self._overwrite = kinds, overwrite

    def __call__(self, image: ImageName) -> Outcome:
        # Whether a TIFF becomes a map is seen in the file; for all others, the name tells where predictions go.
        unseen = is_remote(image.path) and os.path.splitext(image.path)[1].lower() in GEOTIFFS
        if not unseen and self._finished(self._placed(image, image.path)):
            return Outcome(image.path, kept=True)
        try:
            with self._out.staging() as staging, _here(image.path) as local:
                if unseen and self._finished(self._placed(image, local)):
                    return Outcome(image.path, kept=True)
                return self._predict(image, local, staging)
        except (NotPredictedError, _NotReadError) as error:
            return Outcome(image.path, failure=str(error))

    def _predict(self, image: ImageName, local: str, staging: pathlib.Path) -> Outcome:
        final = self._placed(image, local)
        # The same names in another folder.
        file = prediction_file(pathlib.Path(local), pathlib.PurePath(), staging, **self._kinds)
        try:
            seen = self._predictor.predict(file)
        except NotPredictedError as error:
            # The error names the copy of a remote file.
            raise NotPredictedError(str(error).replace(local, image.path)) from error
        interrupted = self._is_interrupted(final)
        move = self._out.put if self._overwrite or interrupted else self._out.add
        # The overlay comes last: where it is, the mask is complete.
        for written, target in zip(file.targets, final.targets, strict=True):
            move(written, self._name(target))
        if interrupted:
            _give_up(final.mask)
        return Outcome(image.path, seen=seen, bytes_read=_size(local))

    def _placed(self, image: ImageName, path: str) -> PredictionFile:
        """Where the predictions of an image go."""
        return prediction_file(pathlib.Path(path), pathlib.PurePath(image.folder), self._root, **self._kinds)

    def _name(self, target: pathlib.Path) -> str:
        """The path of a prediction below the output folder."""
        return target.relative_to(self._root).as_posix()

    def _finished(self, file: PredictionFile) -> bool:
        if self._overwrite or self._is_interrupted(file):
            return False
        return all(self._out.exists(self._name(target)) for target in reversed(file.targets))

    def _is_interrupted(self, file: PredictionFile) -> bool:
        """Whether a raster was begun by a single process, so that its mask is an older one, which would be replaced."""
        return file.overlay is None and not self._out.remote and is_interrupted(file.mask)


def _give_up(mask: pathlib.Path) -> None:
    """Remove what an interrupted run has written of a mask that is complete now."""
    RunJournal(journal_of(mask), {}).remove()
    remove_partial(mask)


class _NotReadError(InputError):
    """A file that the store does not give. Others may be given."""


@contextlib.contextmanager
def _here(path: str) -> Iterator[str]:
    """The path of a file on this machine: that of a copy, for a file of a store."""
    if not is_remote(path):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        local = pathlib.Path(folder, path.rpartition("/")[2])
        try:
            RemoteFiles(path).fetch(path, local)
        except UnreachableError:
            raise
        except InputError as error:
            raise _NotReadError(str(error)) from error
        yield str(local)


def _size(path: str) -> int:
    return os.path.getsize(path) if os.path.isfile(path) else 0
