"""The model card beside the exports of a run."""

import pathlib

from keras_seg import _files
from keras_seg._export_report import exports_of
from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.export.exported_model import facts_of
from keras_seg.report.model_card import is_card, model_card
from keras_seg.training.model_facts import digest_of
from keras_seg.training.run_folder import RunFolder, trained_folder


def write_model_card(run: RunFolder | PathLike, *, export: PathLike | None = None) -> pathlib.Path:
    """Write the model card of a run, `README.md`: scores, how to use the files, data, plan, and a license to fill in.

    The export of a run in the shell writes it too. Only the lines between the two marks of a card are written again:
    the license and whatever else is added outside of them stay. A new run in the same folder empties these lines.
    Beside a README.md of something else, the card is named after the exported file, such as `model.tflite.md`.

    Args:
        run: `RunFolder`, or its path.
        export: path of an exported file, beside which the card is written. It shows this file, and those in its folder
            that the shell exported from the same model. Defaults to None: the card goes into the run folder, and shows
            all exports there.

    Returns:
        The path of the card.

    Raises:
        InputError: the training of the run has not ended, or the file is not an export.

    Examples:

    ```python
    ks.export.tflite(model, "run/model.tflite", input_size=(256, 320))
    ks.training.write_model_card("run")
    ```
    """
    run = trained_folder(run)
    folder = run.path if export is None else pathlib.Path(export).absolute().parent
    exports = exports_of(folder)
    if export is not None and folder != run.path.absolute():
        # Other files there may be exports of other runs.
        given, digest = pathlib.Path(export).name, digest_of(run.model_file)
        exports = {
            name: report
            for name, report in exports.items()
            if name == given or facts_of(folder / name).get("model_file") == digest
        }
        if given not in exports:
            raise InputError(f"{export}: was not written by an export. Export the model first.")
    name = run.path.absolute().name
    file = folder / "README.md"
    if not _is_free(file, name) and export is not None:
        file = folder / f"{pathlib.Path(export).name}.md"
    if not _is_free(file, name):
        raise InputError(f"{file}: is not the card of {run.path}, and is left alone. Move it, or export elsewhere.")
    card = model_card(
        name,
        plan=run.load_plan().to_dict(),
        log=run.load_log(),
        metrics=run.load_metrics(),
        model_file=run.model_file.name,
        exports=exports,
        text=file.read_text(encoding="utf-8") if file.exists() else None,
    )
    _files.write_text(file, card)
    return file


def _is_free(file: pathlib.Path, name: str) -> bool:
    """Whether a card can be written to a file: there is none, or it is the card of the same run."""
    if not file.exists():
        return True
    try:
        return is_card(file.read_text(encoding="utf-8"), name)
    except (OSError, UnicodeDecodeError):
        return False
