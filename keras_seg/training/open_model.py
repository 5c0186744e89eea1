"""A run or an exported file, whichever lies at a path."""

import pathlib

from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.export.exported_model import KNOWN_FILES, format_of
from keras_seg.training.exported_run import ExportedRun
from keras_seg.training.run_folder import RunFolder
from keras_seg.training.trained_run import TrainedRun
from keras_seg.training.usable_model import UsableModel


def open_model(path: PathLike, *, postprocessing: bool = True) -> UsableModel:
    """The finished run of a folder, or an exported file in its place.

    Args:
        path: path of a run folder, or of a file that `export.load` takes.
        postprocessing: bool. Whether predictions are postprocessed as was chosen for the run. Defaults to True.

    Raises:
        InputError: there is neither, or it cannot be used.
        ImportError: the runtime of the file's format is missing.
    """
    path = pathlib.Path(path)
    if format_of(path) is not None:
        return ExportedRun(path, postprocessing=postprocessing)
    if path.is_file() and RunFolder(path).path == path:
        raise InputError(f"{path}: is neither a run folder nor an exported file ({KNOWN_FILES}).")
    return TrainedRun(path, postprocessing=postprocessing)
