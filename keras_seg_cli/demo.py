"""keras-seg demo."""

import pathlib
import shutil
import time

import click

from keras_seg_cli import console, steps
from keras_seg_cli.onednn import use_onednn
from keras_seg_cli.options import overwrite
from keras_seg_cli.start import STARTED, keras_ready

_MARK = "made-by-keras-seg-demo"


@click.command()
@click.option("--out", type=click.Path(), default="keras_seg_demo", show_default=True, help="Folder of the demo.")
@click.option("--minutes", type=float, default=2.0, show_default=True, help="Length of the training.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the scenes and of the training.")
@overwrite
def demo(out: str, minutes: float, seed: int, *, overwrite: bool) -> None:
    """See the whole workflow in three minutes, from data to a TFLite file.

    The data is generated: textured shapes that overlap, with noise.
    """
    use_onednn({}, None)
    keras_ready()
    from keras_seg import data, training
    from keras_seg.training.prediction_files import prediction_files
    from keras_seg.training.prediction_inputs import find_images
    from keras_seg.training.trained_run import TrainedRun

    _check_choices(minutes=minutes, seed=seed)
    folder = _new_folder(pathlib.Path(out), overwrite=overwrite)
    scenes, predictions = folder / "data", folder / "predictions"
    run = training.RunFolder(folder / "run")
    _step(1, "Generating 400 scenes to train on and 60 to evaluate on")
    data.write_shapes(scenes, train=400, val=60, seed=seed)
    _step(2, f"keras-seg train {scenes} --out {run.path} --minutes {minutes:g}")
    started = time.monotonic()
    train, validation = steps.scan(str(scenes), validation=None)
    plan = training.make_plan(training.fingerprint(train, validation), minutes=minutes, seed=seed)
    result = steps.fit(plan, train=train, validation=validation, run=run, started=started)
    _step(3, f"keras-seg predict {run.path} {scenes / 'val' / 'images'} --out {predictions}")
    images = find_images([scenes / "val" / "images"])
    trained = TrainedRun(run)
    steps.predict(trained, result.model, prediction_files(images, predictions))
    _step(4, f"keras-seg export {run.path} --format tflite")
    examples = [data.read_image(image) for image, _ in images.files[:4]]
    size = tuple(examples[0].shape[:2])
    described = steps.described(trained)
    steps.export(result.model, "tflite", run.path / "model.tflite", input_size=size, images=examples, **described)
    training.write_report(run)  # With the file in it.
    training.write_model_card(run)

    console.console.rule()
    console.console.print(
        f"Done in {time.monotonic() - STARTED:.0f} seconds: "
        f"mean IoU {100 * result.evaluation.mean_iou:.1f} on new scenes.\n\n"
        f"Open      {run.report_file}\n"
        f"Look at   {run.panel_file}\n"
        f"          {predictions / 'overlays'}\n"
        f"Ship      {run.path / 'model.tflite'}\n\n"
        "For your own data, a folder with images/ and masks/ with the same file names:\n\n"
        "  keras-seg train DATA --out RUN --minutes 15\n",
        soft_wrap=True,
    )


def _check_choices(**given: float) -> None:
    """Fail for choices that no plan can have, before an older demo is removed."""
    from keras_seg.training import Plan
    from keras_seg.training.choices import GIVEN, Choice
    from keras_seg.training.plan import check_plan

    check_plan(Plan({}, {name: Choice(value=value, rule=GIVEN) for name, value in given.items()}))


def _new_folder(folder: pathlib.Path, *, overwrite: bool) -> pathlib.Path:
    """An empty folder with the mark of the demo, in place of what an earlier demo left."""
    from keras_seg import _files

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        if not overwrite:
            raise click.UsageError(
                f"{folder}: exists already. Add --overwrite to replace the demo, or choose another --out."
            )
        if not (folder / _MARK).exists():
            raise click.UsageError(f"{folder}: was not made by the demo; nothing was changed. Choose another --out.")
        shutil.rmtree(folder)
    _files.write_text(folder / _MARK, "keras-seg demo --overwrite may replace this folder.\n")
    return folder


def _step(number: int, text: str) -> None:
    console.rule(f"{number}. {text}")
