"""The exported files of a run side by side on its validation images, by the score of its task."""

from collections.abc import Iterator, Sequence

import keras
import numpy as np

from keras_seg import export
from keras_seg._types import PathLike
from keras_seg.evaluation.batching import Batch, LabeledImages
from keras_seg.training.run_data import data_of_run
from keras_seg.training.tasks.task import examples
from keras_seg.training.trained_run import TrainedRun


def benchmark_run(
    run: TrainedRun, *, images: int = 32, data: PathLike | None = None, validation: PathLike | None = None
) -> export.Benchmark:
    """Run all exported files in the folder of a run on the images that it was validated on; see `export.benchmark`.

    Args:
        run: `TrainedRun`.
        images: int >= 1. Images at most, evenly spread. Defaults to 32.
        data: path of the data folder. Defaults to None: where it was in training.
        validation: path of the folder it was validated on, if that was another. Defaults to None.

    Raises:
        InputError: the folder holds no exports, or the data is not that of the run.
    """
    index = data_of_run(run.folder, data, validation=validation)[1].sample(images)
    pictures, masks = examples(index, range(len(index)))

    def score(model: keras.Model, batches: Sequence[tuple[np.ndarray, np.ndarray]]) -> float:
        def numbered() -> Iterator[Batch]:
            for position, (image, mask) in enumerate(batches):
                yield (position,), image, mask

        labeled = LabeledImages(batches=numbered, count=len(batches), ignore_class=index.ignore_class)
        return run.evaluate(model, labeled).score

    # Of class ids, the files themselves are compared: what is done to their predictions is no part of them.
    return export.benchmark(
        run.load_model(),
        run.folder.path,
        images=pictures,
        masks=masks,
        ignore_class=run.ignore_class,
        score=None if run.task.class_id_masks else score,
        score_name=run.task.score_label,
    )
