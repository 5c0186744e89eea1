"""The report of a run of folds, from what its folder holds."""

import pathlib

from keras_seg import _files
from keras_seg._export_report import exports_of
from keras_seg.report.folds_page import folds_page
from keras_seg.training.run_folder import RunFolder
from keras_seg.training.tasks import find_task


def write_folds_page(run: RunFolder) -> pathlib.Path:
    """Write report.html of a run of folds, without a new prediction.

    Args:
        run: `RunFolder` that holds everything else.
    """
    plan = run.load_plan()
    html = folds_page(
        run.load_metrics(),
        name=str(run.path),
        plan=plan.to_dict(),
        given=run.load_folds(),
        settings=run.load_decoding(),
        score=find_task(plan.task).score_label,
        exports=exports_of(run.path),
    )
    _files.write_text(run.report_file, html)
    return run.report_file
