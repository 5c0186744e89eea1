"""keras-seg export."""

import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, Any

import click

from keras_seg_cli import console, steps
from keras_seg_cli.options import IntList, overwrite
from keras_seg_cli.start import open_run
from keras_seg_cli.tta import augmented, tta

if TYPE_CHECKING:
    import keras

    from keras_seg.training.trained_run import TrainedRun

_DEFAULT_NAMES = {
    "tflite": "model.tflite",
    "saved_model": "saved_model",
    "onnx": "model.onnx",
    "openvino": "model.xml",
}
# By which `evaluate` and others know what a file is; a SavedModel is a folder.
_SUFFIXES = {"tflite": ".tflite", "onnx": ".onnx", "openvino": ".xml"}
# What --check takes: the processors of devices for TFLite, the programs that read ONNX.
_DELEGATES = ("gpu", "npu", "edgetpu")
_READERS = ("tensorrt", "opencv", "webgpu", "onnx2tf")


class _Size(IntList):
    """HxW, or any."""

    def __init__(self) -> None:
        super().__init__(sides=2)
        self.name = "HxW|any"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """(height, width), None for any."""
        return (None, None) if value == "any" else super().convert(value, param, ctx)


# More images no longer change the ranges of a small model.
_REPRESENTATIVE = 100


@click.command()
@click.argument("run", type=click.Path())
@click.option("--format", "format_", type=click.Choice(list(_DEFAULT_NAMES)), default="tflite", show_default=True)
@click.option("--out", type=click.Path(), help="Output path. Default: model.tflite, saved_model, ... in RUN.")
@click.option(
    "--size",
    type=_Size(),
    help="Input size, or any. Default: the median of the training images for TFLite, any for other formats.",
)
@click.option(
    "--input",
    "input_",
    type=click.Choice(["float32", "uint8", "int8"]),
    default="float32",
    show_default=True,
    help="Number format of the input.",
)
@click.option(
    "--output",
    type=click.Choice(["scores", "probabilities", "class_ids", "both"]),
    help="What the file outputs. Default: scores, the output of the model.",
)
@click.option(
    "--quantize",
    type=click.Choice(["float16", "dynamic", "int8", "int16x8"]),
    help="Number format of a TFLite file. Default: float32.",
)
@click.option(
    "--representative",
    type=click.Path(exists=True),
    help="Data folder to calibrate int8 and int16x8 on: a hundred of its images in which every class occurs.",
)
@click.option(
    "--reference",
    type=click.Path(),
    help="File of ks.export.write_reference, written where the model was trained, to compare predictions with.",
)
@click.option(
    "--check",
    type=click.Choice([*_DELEGATES, *_READERS]),
    multiple=True,
    help="Show what a phone's GPU, an NPU or the Edge TPU takes of a TFLite file, or what another program takes of an "
    "ONNX file; exit status 1 unless all of it.",
)
@tta
@overwrite
def export(
    run: str,
    format_: str,
    out: str | None,
    *,
    size: tuple[int, int] | None,
    input_: str,
    output: str | None,
    quantize: str | None,
    representative: str | None,
    reference: str | None,
    check: tuple[str, ...],
    tta: str | None,
    overwrite: bool,
) -> None:
    """Export the model of the run folder RUN, and compare the file with Keras."""
    if format_ != "tflite" and (quantize or representative):
        raise click.UsageError(
            "--quantize and --representative are for --format tflite. Drop them, or change the format."
        )
    suffix = _SUFFIXES.get(format_)
    if out and suffix and pathlib.Path(out).suffix.lower() != suffix:
        raise click.UsageError(f"--out must end in {suffix} with --format {format_}. Received: {out}.")
    checked = {"tflite": _DELEGATES, "onnx": _READERS}.get(format_, ())
    for target in check:
        if target not in checked:
            others = f"Choose from {', '.join(checked)}" if checked else "Drop it"
            raise click.UsageError(f"--check {target} is not for --format {format_}. {others}, or change the format.")
    trained = open_run(run)
    if trained.task.overlapping and output in ("class_ids", "both"):
        raise click.UsageError("--output class_ids needs classes that exclude one another. Use --output scores.")
    path = pathlib.Path(out) if out else trained.folder.path / _DEFAULT_NAMES[format_]
    if size is None and format_ == "tflite":
        size = trained.typical_size
    options = steps.described(trained)
    options["facts"]["tta"] = tta
    if path.exists() and not overwrite:
        asked: dict[str, Any] = {"input_": input_, "output": output or "scores", "quantize": quantize}
        again = not check or reference is not None
        if again or not _is_export(path, size=size or (None, None), **asked, facts=options["facts"]):
            raise click.UsageError(f"{path}: exists already. Choose another --out, or add --overwrite.")
        console.console.print(
            f"{path} was exported with these options before, and is checked as it is. Add --overwrite to export again.",
            soft_wrap=True,
        )
        raise click.exceptions.Exit(0 if steps.check_file(path, check) else 1)
    import keras

    if keras.backend.backend() != "tensorflow":
        _on_tensorflow(trained)
    if output is not None:
        options["output"] = output
    if format_ == "tflite":
        images = None
        if representative is not None:
            images, notices = trained.representative_images(representative, _REPRESENTATIVE)
            console.notices(notices)
        options |= {"quantize": quantize, "representative": images}
    if trained.postprocessing:
        text = trained.postprocessing.describe(trained.labels["names"])
        about = "not part of the file (predict and evaluate apply it to the file too)"
        console.print_facts(("Postprocessing", f"{about}: {text}"))
    model = trained.folder.load_model()
    if reference is not None:
        _check_reference(model, reference)
    steps.export(augmented(model, tta), format_, path, input_size=size, input=input_, overwrite=overwrite, **options)
    from keras_seg.training import write_model_card

    console.print_facts(("Model card", write_model_card(trained.folder, export=path)))
    if check and not steps.check_file(path, check):
        raise click.exceptions.Exit(1)


def _is_export(
    path: pathlib.Path,
    *,
    size: tuple[int | None, int | None],
    input_: str,
    output: str,
    quantize: str | None,
    facts: dict[str, Any],
) -> bool:
    """Whether a file is an export with these options and facts, which name the model file, unchanged since."""
    from keras_seg import InputError
    from keras_seg import export as ks_export
    from keras_seg._export_report import reports_in

    try:
        found = ks_export.load(path).description
        report = reports_in(path.parent).get(path.name, {})
    except (InputError, ImportError):
        return False
    same = (tuple(found["input"].get("size", ())), found["input"]["type"], found["output"]) == (size, input_, output)
    same = same and report.get("quantize", "unknown") == quantize
    return same and found.get("facts") == json.loads(json.dumps(facts))  # A description has lists for tuples.


def _check_reference(model: "keras.Model", path: str) -> None:
    """Fail unless the model predicts what it predicted on the backend that it was trained on."""
    from keras_seg import export as ks_export

    try:
        difference = ks_export.check_reference(model, path)
    except RuntimeError as error:
        raise click.UsageError(str(error)) from error
    console.console.print(f"The predictions equal those of the reference; largest difference {difference:.1e}.")


def _on_tensorflow(run: "TrainedRun") -> None:
    """Run the same command on TensorFlow, where predictions are compared with those made here, and exit."""
    import keras

    from keras_seg import export as ks_export

    if importlib.util.find_spec("tensorflow") is None:
        raise click.UsageError(
            'Exporting needs tensorflow in addition to the other backend: pip install "keras-seg[tensorflow]"'
        )
    context = click.get_current_context()
    words = _words(context)
    with tempfile.TemporaryDirectory() as folder:
        if context.params["reference"] is None:
            console.console.print(f"Predicting on {keras.backend.backend()}, then exporting on TensorFlow.")
            file = ks_export.write_reference(run.folder.load_model(), pathlib.Path(folder) / "predicted.npz")
            words += ["--reference", str(file)]
        command = [sys.executable, "-m", "keras_seg_cli", "export", *words]
        done = subprocess.run(command, env={**os.environ, "KERAS_BACKEND": "tensorflow"})
    context.exit(done.returncode)


def _words(context: click.Context) -> list[str]:
    """The arguments of a command, as they are typed."""
    words = []
    for parameter in context.command.params:
        value = context.params[str(parameter.name)]
        if value is None or value is False:
            continue
        if getattr(parameter, "multiple", False):
            words += [word for one in value for word in (parameter.opts[-1], one)]
            continue
        if not isinstance(parameter, click.Argument):
            words.append(parameter.opts[-1])
        if isinstance(value, tuple):
            value = "any" if None in value else "x".join(map(str, value))
        if value is not True:
            words.append(str(value))
    return words
