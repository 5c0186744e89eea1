"""keras-seg export."""

import importlib.util
import os
import pathlib
import subprocess
import sys
import tempfile

import click

from keras_seg_cli import console
from keras_seg_cli.open_run import open_run
from keras_seg_cli.options import IntList, overwrite
from keras_seg_cli.tta import augmented, tta

_DEFAULT_NAMES = {
    "tflite": "model.tflite",
    "saved_model": "saved_model",
    "onnx": "model.onnx",
    "openvino": "model.xml",
}


class _Size(IntList):
    """HxW, or any."""

    def __init__(self):
        super().__init__(sides=2)
        self.name = "HxW|any"

    def convert(self, value, param, ctx):
        """(height, width), None for any."""
        return (None, None) if value == "any" else super().convert(value, param, ctx)


# As many as change nothing any more in the ranges of a small net.
_REPRESENTATIVE = 100


@click.command()
@click.argument("run", type=click.Path())
@click.option("--format", "format_", type=click.Choice(list(_DEFAULT_NAMES)), default="tflite", show_default=True)
@click.option("--out", type=click.Path(), help="Default: model.tflite, saved_model, ... in the run folder.")
@click.option(
    "--size",
    type=_Size(),
    help="Input size, or any; default: the training images' median for TFLite, any for the others.",
)
@click.option(
    "--input", "input_", type=click.Choice(["float32", "uint8", "int8"]), default="float32", show_default=True
)
@click.option(
    "--output",
    type=click.Choice(["probabilities", "class_ids", "both"]),
    default="probabilities",
    show_default=True,
)
@click.option(
    "--quantize",
    type=click.Choice(["float16", "dynamic", "int8", "int16x8"]),
    help="Of a TFLite file; default: float32.",
)
@click.option(
    "--representative",
    type=click.Path(exists=True),
    help="Folder whose images int8 and int16x8 are measured on: a hundred in which every class occurs.",
)
@click.option(
    "--reference",
    type=click.Path(),
    help="File of ks.export.reference, made where the model was trained: the model must predict the same here.",
)
@tta
@overwrite
def export(run, format_, out, *, size, input_, output, quantize, representative, reference, tta, overwrite):
    """Export the model of RUN, load the result back and compare it with Keras."""

    if format_ != "tflite" and (quantize or representative):
        raise click.UsageError("--quantize and --representative are for --format tflite. Drop them, or the format.")
    run = open_run(run)
    path = pathlib.Path(out) if out else run.path / _DEFAULT_NAMES[format_]
    if path.exists() and not overwrite:
        raise click.UsageError(f"{path}: exists already. Choose another --out, or add --overwrite.")
    import keras

    if keras.backend.backend() != "tensorflow":
        _on_tensorflow(run)
    if size is None and format_ == "tflite":
        size = tuple(run.load_plan().fingerprint["median_size"])
    labels = run.load_labels()
    ignored = tuple(labels["ignore_class"]) or None
    options = {"input": input_, "output": output, "class_names": labels["names"], "ignore_class": ignored}
    if format_ == "tflite":
        images = None if representative is None else _representative(run, representative)
        options |= {"quantize": quantize, "representative": images}
    model = run.load_model()
    if reference is not None:
        _check_reference(model, reference)
    export_model(augmented(model, tta), format_, path, size=size, overwrite=overwrite, **options)


def _check_reference(model, path):
    """Fail unless the model predicts what it predicted on the backend it was trained on."""
    from keras_seg import export as ks_export

    try:
        difference = ks_export.check_reference(model, path)
    except RuntimeError as error:
        raise click.UsageError(str(error)) from error
    console.console.print(f"Same predictions as where it was trained, largest difference {difference:.1e}.")


def _on_tensorflow(run):
    """End with the same command in a process on TensorFlow, told what the model predicts here."""
    import keras

    from keras_seg import export as ks_export

    if importlib.util.find_spec("tensorflow") is None:
        raise click.UsageError(
            'Exporting needs tensorflow beside the other backend: pip install "keras-seg[tensorflow]"'
        )
    context = click.get_current_context()
    words = _words(context)
    with tempfile.TemporaryDirectory() as folder:
        if context.params["reference"] is None:
            console.console.print(f"Predicting on {keras.backend.backend()}, then exporting on TensorFlow.")
            words += ["--reference", str(ks_export.reference(run.load_model(), pathlib.Path(folder) / "predicted.npz"))]
        command = [sys.executable, "-m", "keras_seg", "export", *words]
        done = subprocess.run(command, env={**os.environ, "KERAS_BACKEND": "tensorflow"})
    context.exit(done.returncode)


def _words(context):
    """What a command was called with, as on the command line."""
    words = []
    for parameter in context.command.params:
        value = context.params[parameter.name]
        if value is None or value is False:
            continue
        if not isinstance(parameter, click.Argument):
            words.append(parameter.opts[-1])
        if isinstance(value, tuple):
            value = "any" if None in value else "x".join(map(str, value))
        if value is not True:
            words.append(str(value))
    return words


def _representative(run, folder):
    """The images of a folder that quantization is measured on, one after the other."""
    from keras_seg import data as ks_data
    from keras_seg.data.pipeline.decoded_store import DecodedStore
    from keras_seg.training import find_task

    plan = run.load_plan()
    task = find_task(plan.task)
    split = "train" if "train" in task.splits(folder) else None
    index = task.scan_again(folder, split, run.load_labels(), plan.fingerprint["channels"])
    store, counts = DecodedStore(index), getattr(index, "pixel_counts", None)
    if counts is None:
        counts = index.object_counts[:, None]
    return (store.get(position)[0] for position in ks_data.stratified_positions(counts, _REPRESENTATIVE))


def export_model(model, format_, path, *, size=None, overwrite=False, **options):
    """Export, compare and print the proof."""
    from keras_seg import export as ks_export
    from keras_seg_cli.start import silenced_stderr

    try:
        with console.console.status(f"Writing {path}"), silenced_stderr():
            write = getattr(ks_export, format_)
            report = write(model, path, input_size=size, overwrite=overwrite, **options)
    except (RuntimeError, ImportError) as error:
        raise click.UsageError(str(error)) from error
    console.console.print(str(report), markup=False, soft_wrap=True)
    return report
