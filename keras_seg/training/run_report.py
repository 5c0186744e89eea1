"""The report of a run: report.html."""

import pathlib
from collections.abc import Callable
from typing import Any

import keras

from keras_seg import _files, _validation
from keras_seg._export_report import exports_of
from keras_seg._types import PathLike
from keras_seg.report import run_page
from keras_seg.training.folds_report import write_folds_page
from keras_seg.training.run_data import data_of_run
from keras_seg.training.run_folder import RunFolder, trained_folder
from keras_seg.training.tasks import Task, find_task


def write_report(
    run: RunFolder | PathLike,
    *,
    data: PathLike | None = None,
    validation: PathLike | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> pathlib.Path:
    """Write the report of a finished run again, for example after an export: `RUN/report.html`.

    `fit` writes it too. The model is examined on at most 200 of its validation images. The report of a run of folds
    shows the scores of its training again.

    Args:
        run: `RunFolder`, or its path.
        data: path of the data folder. Defaults to None: where it was in training.
        validation: path of the folder it was validated on, if that was another. Defaults to None.
        progress: callable (images done, images), or None. Defaults to None.

    Returns:
        The path of the report.

    Raises:
        InputError: the training of the run has not ended, or the data is not that of the run.

    Examples:

    ```python
    ks.export.tflite(model, "run/model.tflite", input_size=(256, 320))
    ks.training.write_report("run")
    ```
    """
    run = trained_folder(run)
    if run.is_folds:
        for name, value in (("data", data), ("validation", validation)):
            if value is not None:
                rule = f"has no effect on the report of the folds of {run.path}, which holds no new predictions"
                _validation.fail(name, rule, value, "Leave it out.")
        return write_folds_page(run)
    indices = data_of_run(run, data, validation=validation)
    return write_page(run, find_task(run.load_plan().task), model=run.load_model(), indices=indices, progress=progress)


def write_page(
    run: RunFolder,
    task: Task,
    *,
    model: keras.Model,
    indices: tuple[Any, Any],
    progress: Callable[[int, int | None], None] | None,
) -> pathlib.Path:
    """Examine the model of a run, and write its report.

    Args:
        run: `RunFolder` that holds everything else.
        task: `Task` of the run.
        model: keras.Model of the run.
        indices: (train, validation). The data of the run.
        progress: callable (images done, images), or None.
    """
    train, validation = indices
    examination = task.examine(model, validation, settings=run.load_decoding(), progress=progress)
    notices = [*train.notices, *(f"Validation: {text}" for text in validation.notices if text not in train.notices)]
    html = run_page(
        examination,
        name=str(run.path),
        data=train.path,
        plan=run.load_plan().to_dict(),
        log=run.load_log(),
        score=task.score_label,
        exports=exports_of(run.path),
        notices=notices,
    )
    _files.write_text(run.report_file, html)
    return run.report_file
