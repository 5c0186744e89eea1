"""Prediction of big folders by many workers."""

import dataclasses
import os
import pathlib
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.inference.tta.view import read_transforms
from keras_seg.scale import cluster
from keras_seg.scale.image_names import ImageNames
from keras_seg.scale.job import each_result
from keras_seg.scale.made_with import MadeWith
from keras_seg.scale.opened_model import OpenedModel
from keras_seg.scale.output_folder import OutputFolder
from keras_seg.scale.prediction_job import Outcome, PredictionJob
from keras_seg.training.open_model import open_model
from keras_seg.training.prediction_files import Failure
from keras_seg.training.prediction_notices import PredictionNotices

# Names that are handed out together: more would leave workers without work at the end of a small folder.
_TOGETHER, _SHARES_PER_WORKER = 16, 8


@dataclasses.dataclass(frozen=True, kw_only=True)
class PredictedFolder:
    """What became of the images of a big folder.

    Attributes:
        images: int. Number of images.
        predicted: int. Images that were predicted now.
        kept: int. Images whose predictions were there already.
        seconds: float. Time from the first result to the last, without the start of the workers.
        bytes_read: int. Bytes of the files that were predicted.
        failures: tuple of (image, reason). Images that could not be predicted, by name.
        notices: tuple of str. Lines about the images, such as those on another scale than the training images.
    """

    images: int
    predicted: int
    kept: int
    seconds: float
    bytes_read: int
    failures: tuple[Failure, ...]
    notices: tuple[str, ...]

    @property
    def images_per_second(self) -> float:
        """Images predicted per second; 0 where none was."""
        return self.predicted / self.seconds if self.seconds else 0.0


def predict_with_ray(
    run: PathLike,
    images: Iterable[PathLike] | PathLike,
    *,
    out: PathLike,
    workers: int | None = None,
    ray_address: str | None = None,
    recursive: bool = False,
    tile: tuple[int, int] | None = None,
    overlap: float | None = None,
    postprocessing: bool = True,
    tta: Sequence[Any] | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Callable[[int, int, float], None] | None = None,
) -> PredictedFolder:
    """Predict the images of a big folder into files, by workers of a Ray cluster that each hold the model.

    The files are those of a single process, byte for byte. Each appears when it is complete, so a run that was
    interrupted, or whose workers died, is continued by the same call: images whose predictions are there are left
    alone. An image that cannot be read does not stop the others.

    Images and outputs may lie in a store: "s3://bucket/folder", or another address that fsspec opens. On several
    machines, all other paths must lead to the same files on each of them.

    Args:
        run: path of a run folder, or of an exported file.
        images: path or address, or a sequence of them: files, folders, patterns, and lists of files (.txt).
        out: path or address of the folder for masks/ and overlays/.
        workers: int >= 1. Defaults to None: one per GPU, or one per four processor cores without a GPU.
        ray_address: str. Address of a running cluster, such as "auto". Defaults to None, for workers on this machine.
        recursive: bool. Whether to take the images in subfolders too. Defaults to False.
        tile: pair of ints (height, width). Size of the tiles to predict in. Defaults to None: images are predicted
            whole, and rasters in tiles of 512x512.
        overlap: float in [0, 1). Share of a tile that its neighbors cover too. Defaults to None: 0.5.
        postprocessing: bool. Whether predictions are postprocessed as was chosen for the run. Defaults to True.
        tta: None or a sequence of transforms, as for `inference.TestTimeAugmentation`. Defaults to None.
        resume: bool. Whether to keep predictions that another program has written. Those of an earlier call with the
            same model and the same options are kept anyway. Defaults to False.
        overwrite: bool. Whether to replace the predictions of these images that are there. Defaults to False.
        progress: function of (images done, images, images per second), or None. Defaults to None.

    Returns:
        A `PredictedFolder`.

    Raises:
        InputError: an argument does not apply, there are no images, a folder cannot be read or written, or the folder
            holds predictions of another model.
        ImportError: Ray is missing: `pip install "keras-seg[scale]"`.

    Examples:

    ```python
    done = ks.scale.predict_with_ray("run", "s3://bucket/images", out="s3://bucket/predictions", workers=8)
    print(done.predicted, done.kept, done.failures)
    ```
    """
    if resume and overwrite:
        raise InputError("`resume=True` and `overwrite=True` exclude each other. Drop one of them.")
    if overlap is not None and tile is None:
        raise InputError("`overlap` applies to tiles only. Give `tile` too.")
    if tta is not None:
        read_transforms(tta)
    cluster.check_installed()
    given = [images] if isinstance(images, (str, os.PathLike)) else list(images)
    opened, folder = open_model(run, postprocessing=postprocessing), OutputFolder(out)
    model = OpenedModel(run=os.path.abspath(run), postprocessing=postprocessing, tta=tta)
    job = PredictionJob(model=model, out=folder.path, tile=tile, overlap=overlap, overwrite=overwrite)
    names = ImageNames(given, recursive=recursive, exclude=folder.path, folders=opened.task.overlapping)
    survey = names.survey()
    made = MadeWith.of_images(opened, tile=tile, overlap=overlap, tta=tta, postprocessing=postprocessing)
    others = made.check(folder, resume=resume, overwrite=overwrite)
    folder.sweep()
    tally = _Tally(survey.images, PredictionNotices(opened.image_range), progress)
    try:
        with cluster.started(workers, ray_address) as room:
            share = survey.images // (room.count * _SHARES_PER_WORKER)
            for outcome in each_result(job, names, workers=room, together=min(_TOGETHER, max(1, share))):
                tally.add(outcome)
    finally:
        folder.sweep()
    if tally.done < survey.images:
        raise InputError(
            f"{survey.images - tally.done} of {survey.images} images were not reported: files were removed, or a "
            "machine sees others. Run again: what is finished is kept."
        )
    # It vouches for all masks of the folder, also for those of images that were not named.
    if not others or folder.count_masks(folders=opened.task.overlapping) <= tally.predicted:
        made.write(folder)
    return tally.result(survey.notices)


class _Tally:
    """Counts what becomes of the images."""

    def __init__(
        self, images: int, notices: PredictionNotices, progress: Callable[[int, int, float], None] | None
    ) -> None:
        self.done = self.predicted = 0
        self._images, self._notices, self._progress = images, notices, progress
        self._kept = self._bytes = 0
        self._failures: list[Failure] = []
        self._started = self._last = 0.0

    def add(self, outcome: Outcome) -> None:
        """Count an image."""
        self._last = time.perf_counter()
        self._started = self._started or self._last
        self.done += 1
        self._bytes += outcome.bytes_read
        if outcome.failure:
            self._failures.append(Failure(pathlib.Path(outcome.path), outcome.failure))
        elif outcome.kept:
            self._kept += 1
        else:
            self.predicted += 1
        if outcome.seen is not None:
            self._notices.add(pathlib.Path(outcome.path), outcome.seen)
        if self._progress is not None:
            self._progress(self.done, self._images, self.done / max(self._last - self._started, 1e-3))

    def result(self, notices: Sequence[str]) -> PredictedFolder:
        """The counts, and the lines about the images."""
        return PredictedFolder(
            images=self._images,
            predicted=self.predicted,
            kept=self._kept,
            failures=tuple(sorted(self._failures)),
            notices=(*notices, *self._notices.lines(self._images)),
            seconds=self._last - self._started,
            bytes_read=self._bytes,
        )
