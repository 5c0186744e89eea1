"""keras-seg export."""

import pathlib

import click

from keras_seg._validation import InputError
from keras_seg.cli import console
from keras_seg.cli.open_run import open_run
from keras_seg.cli.options import IntList, overwrite
from keras_seg.cli.tta import augmented, tta

_DEFAULT_NAMES = {"tflite": "model.tflite", "saved_model": "saved_model"}


@click.command()
@click.argument("run", type=click.Path())
@click.option("--format", "format_", type=click.Choice(list(_DEFAULT_NAMES)), default="tflite", show_default=True)
@click.option("--out", type=click.Path(), help="Default: model.tflite or saved_model in the run folder.")
@click.option(
    "--size", type=IntList(sides=2), help="Input size of the TFLite file; default: the training images' median."
)
@tta
@overwrite
def export(run, format_, out, size, tta, overwrite):
    """Export the model of RUN, load the result back and compare it with Keras."""

    run = open_run(run)
    path = pathlib.Path(out) if out else run.path / _DEFAULT_NAMES[format_]
    if path.exists() and not overwrite:
        raise InputError(f"{path}: exists already. Choose another --out, or add --overwrite.")
    if size is None and format_ == "tflite":
        size = tuple(run.load_plan().fingerprint["median_size"])
    export_model(augmented(run.load_model(), tta), format_, path, size, overwrite)


def export_model(model, format_, path, size=None, overwrite=False, images=None):
    """Export, compare and print the proof."""
    from keras_seg import export as ks_export
    from keras_seg.cli.start import silenced_stderr

    try:
        with console.console.status(f"Writing {path}"), silenced_stderr():
            if format_ == "tflite":
                report = ks_export.tflite(model, path, input_size=size, images=images, overwrite=overwrite)
            else:
                report = ks_export.saved_model(model, path, images=images, overwrite=overwrite)
    except RuntimeError as error:
        raise InputError(str(error)) from error
    console.fact_sheet(
        ("Exported", report.path),
        ("Size", f"{report.size_bytes / 2**20:.2f} MiB"),
        ("Input", f"{' x '.join(map(str, report.input_shape))}, float32, 0..255"),
        ("Compared with Keras", f"{report.images} images, largest difference {report.max_abs_difference:.1e}"),
        ("Same class", f"{100 * report.agreement:.2f} % of pixels"),
        ("Operators", f"{len(report.ops)} kinds" + (", all built in" if format_ == "tflite" else "")),
    )
    return report
