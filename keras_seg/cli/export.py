"""keras-seg export."""

import pathlib

import click

from keras_seg._validation import InputError
from keras_seg.cli import console
from keras_seg.cli.open_run import open_run
from keras_seg.cli.options import IntList, overwrite
from keras_seg.cli.tta import augmented, tta

_DEFAULT_NAMES = {
    "tflite": "model.tflite",
    "saved_model": "saved_model",
    "onnx": "model.onnx",
    "openvino": "model.xml",
}


# As many as change nothing any more in the ranges of a small net.
_REPRESENTATIVE = 100


@click.command()
@click.argument("run", type=click.Path())
@click.option("--format", "format_", type=click.Choice(list(_DEFAULT_NAMES)), default="tflite", show_default=True)
@click.option("--out", type=click.Path(), help="Default: model.tflite, saved_model, ... in the run folder.")
@click.option(
    "--size",
    type=IntList(sides=2),
    help="Input size; default: the training images' median for TFLite, any size for the others.",
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
@tta
@overwrite
def export(run, format_, out, size, input_, output, quantize, representative, tta, overwrite):
    """Export the model of RUN, load the result back and compare it with Keras."""

    if format_ != "tflite" and (quantize or representative):
        raise InputError("--quantize and --representative are for --format tflite. Drop them, or the format.")
    run = open_run(run)
    path = pathlib.Path(out) if out else run.path / _DEFAULT_NAMES[format_]
    if path.exists() and not overwrite:
        raise InputError(f"{path}: exists already. Choose another --out, or add --overwrite.")
    if size is None and format_ == "tflite":
        size = tuple(run.load_plan().fingerprint["median_size"])
    labels = run.load_labels()
    ignored = tuple(labels["ignore_class"]) or None
    options = {"input": input_, "output": output, "class_names": labels["names"], "ignore_class": ignored}
    if format_ == "tflite":
        images = None if representative is None else _representative(run, representative)
        options |= {"quantize": quantize, "representative": images}
    export_model(augmented(run.load_model(), tta), format_, path, size, overwrite, **options)


def _representative(run, folder):
    """The images of a folder that quantization is measured on, one after the other."""
    from keras_seg import data as ks_data
    from keras_seg.data.decoded_store import DecodedStore
    from keras_seg.training import find_task

    plan = run.load_plan()
    task = find_task(plan.task)
    split = "train" if "train" in task.splits(folder) else None
    index = task.scan_again(folder, split, run.load_labels(), plan.fingerprint["channels"])
    store, counts = DecodedStore(index), getattr(index, "pixel_counts", None)
    if counts is None:
        counts = index.object_counts[:, None]
    return (store.get(position)[0] for position in ks_data.stratified_positions(counts, _REPRESENTATIVE))


def export_model(model, format_, path, size=None, overwrite=False, **options):
    """Export, compare and print the proof."""
    from keras_seg import export as ks_export
    from keras_seg.cli.start import silenced_stderr

    try:
        with console.console.status(f"Writing {path}"), silenced_stderr():
            write = getattr(ks_export, format_)
            report = write(model, path, input_size=size, overwrite=overwrite, **options)
    except (RuntimeError, ImportError) as error:
        raise InputError(str(error)) from error
    console.console.print(str(report), markup=False, soft_wrap=True)
    return report
