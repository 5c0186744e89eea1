"""keras-seg demo."""

import pathlib
import shutil
import time

import click

from keras_seg_cli import console
from keras_seg_cli.export import export_model
from keras_seg_cli.options import overwrite
from keras_seg_cli.predict import image_files, prediction_targets, write_predictions
from keras_seg_cli.start import STARTED, keras_ready
from keras_seg_cli.train import run_training

_MARK = "made-by-keras-seg-demo"


@click.command()
@click.option("--out", type=click.Path(), default="keras_seg_demo", show_default=True, help="Folder of the demo.")
@click.option("--minutes", type=float, default=2.0, show_default=True, help="How long to train.")
@click.option("--seed", type=int, default=0, show_default=True)
@overwrite
def demo(out, minutes, seed, overwrite):
    """See the whole way in three minutes: data, training, judging, predicting, a TFLite file.

    The data is generated: textured shapes that hide one another, in noise.
    """
    keras_ready()
    from keras_seg import _files
    from keras_seg.data import write_shapes
    from keras_seg.data.index.reading import read_image

    out = pathlib.Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        if not overwrite:
            raise click.UsageError(
                f"{out}: exists already. Add --overwrite to make the demo anew, or choose another --out."
            )
        if not (out / _MARK).exists():
            raise click.UsageError(f"{out}: was not made by the demo, and is left alone. Choose another --out.")
        shutil.rmtree(out)
    _files.write_text(out / _MARK, "keras-seg demo --overwrite may replace this folder.\n")

    data, run, predictions = out / "data", out / "run", out / "predictions"
    _step(1, "Generating 400 scenes to train on and 60 to judge on")
    write_shapes(data, train=400, val=60, seed=seed)
    _step(2, f"keras-seg train {data} --out {run} --minutes {minutes:g}")
    model, evaluation = run_training(
        data, run, None, data_options={}, given={"minutes": minutes, "seed": seed}, started=time.monotonic()
    )
    _step(3, f"keras-seg predict {run} {data / 'val' / 'images'} --out {predictions}")
    files = image_files([data / "val" / "images"])
    targets, names = prediction_targets(files, predictions, False), evaluation.class_names
    write_predictions(model, files, targets, names=names, channels=3, task="semantic", settings={})
    _step(4, f"keras-seg export {run} --format tflite")
    images = [read_image(file) for file in files[:4]]
    export_model(model, "tflite", run / "model.tflite", size=images[0].shape[:2], images=images)

    console.console.rule()
    console.console.print(
        f"Done in {time.monotonic() - STARTED:.0f} seconds: "
        f"mean IoU {100 * evaluation.mean_iou:.1f} on scenes never seen.\n\n"
        f"Look at   {run / 'predictions.png'}\n"
        f"          {predictions / 'overlays'}\n"
        f"Ship      {run / 'model.tflite'}\n\n"
        "For your own data, a folder with images/ and masks/ of the same names:\n\n"
        "  keras-seg train DATA --out RUN --minutes 15\n",
        soft_wrap=True,
    )


def _step(number, text):
    console.console.rule(f"[bold]{number}. {text}", align="left")
