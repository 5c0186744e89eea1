"""Evaluation of big data sets by many workers."""

import dataclasses
import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.evaluation.batching import positions_together
from keras_seg.evaluation.merge_parts import merge_parts
from keras_seg.inference.tta.view import read_transforms
from keras_seg.scale import cluster
from keras_seg.scale.job import Job, each_result
from keras_seg.scale.opened_model import OpenedModel

# A batch of images that are predicted together, as a single process does it: (positions, their index).
_Part = tuple[list[int], Any]


def evaluate_with_ray(
    run: PathLike,
    index: Any,
    *,
    workers: int | None = None,
    ray_address: str | None = None,
    postprocessing: bool = True,
    tta: Sequence[Any] | None = None,
    progress: Callable[[int, int, float], None] | None = None,
) -> Any:
    """Evaluate a run on the images of an index, by workers of a Ray cluster that each hold the model.

    The numbers are those of a single process: each worker counts per image, in the same batches, and the counts are
    added up here.

    Args:
        run: path of a run folder, or of an exported file.
        index: the index of a data folder, such as a `data.FolderIndex`, whose masks are read as the run reads them.
            Its files must be at the same paths on every machine. For a cluster that runs already, scan the absolute
            path of the folder: its workers have another working directory.
        workers: int >= 1, or None, as for `predict_with_ray`. Defaults to None.
        ray_address: str or None, as for `predict_with_ray`. Defaults to None.
        postprocessing: bool. Whether predictions are postprocessed as was chosen for the run. Defaults to True.
        tta: None or a sequence of transforms, as for `inference.TestTimeAugmentation`. Defaults to None.
        progress: function of (images done, images, images per second), or None. Defaults to None.

    Returns:
        The evaluation of the run's task, such as an `evaluation.Evaluation`.

    Raises:
        InputError: an argument does not apply, or an image cannot be read.
        ImportError: Ray is missing: `pip install "keras-seg[scale]"`.

    Examples:

    ```python
    index = ks.data.scan_folder("my_data", split="test")
    print(ks.scale.evaluate_with_ray("run", index, workers=8).mean_iou)
    ```
    """
    if tta is not None:
        read_transforms(tta)
    cluster.check_installed()
    model = OpenedModel(run=os.path.abspath(run), postprocessing=postprocessing, tta=tta)
    parts, done, started = [], 0, 0.0
    with cluster.started(workers, ray_address) as room:
        for part in each_result(_EvaluationJob(model), _Parts(index), workers=room):
            started = started or time.perf_counter()
            parts.append(part)
            done += len(part[0])
            if progress is not None:
                progress(done, len(index), done / max(time.perf_counter() - started, 1e-3))
    if done != len(index):
        raise InputError(f"{len(index) - done} of {len(index)} images were not evaluated. Run again.")
    return merge_parts(parts)


class _Parts:
    """The batches of an index."""

    def __init__(self, index: Any) -> None:
        self._index = index

    def __iter__(self) -> Iterator[_Part]:
        for positions in positions_together(self._index):
            yield positions, self._index.subset(positions)


@dataclasses.dataclass(frozen=True)
class _EvaluationJob(Job):
    """Evaluate a model on batches of images."""

    model: OpenedModel

    def open(self) -> Callable[[_Part], _Part]:
        run, model = self.model.load()
        return lambda part: (part[0], run.evaluate(model, part[1]))
