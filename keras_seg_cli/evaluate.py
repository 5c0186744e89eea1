"""keras-seg evaluate."""

import os

import click

from keras_seg_cli import console
from keras_seg_cli.engine import engine_options, is_ray, with_workers
from keras_seg_cli.options import WrittenFile
from keras_seg_cli.postprocessing import postprocessing, print_postprocessing
from keras_seg_cli.start import open_model
from keras_seg_cli.tta import augmented, transforms_of, tta


@click.command()
@click.argument("run", type=click.Path())
@click.argument("data", type=click.Path(exists=True))
@click.option("--split", help="train, val or test. Default: val if DATA has it.")
@click.option("--json", "json_file", type=WrittenFile(), help="Also write the results to this file.")
@postprocessing
@tta
@engine_options
def evaluate(
    run: str,
    data: str,
    split: str | None,
    *,
    json_file: str | None,
    postprocessing: bool,
    tta: str | None,
    engine: str,
    workers: int | None,
    ray_address: str | None,
) -> None:
    """Evaluate the model of the run folder RUN on the images and masks of DATA.

    RUN may also be an exported file: .tflite, .onnx, OpenVINO's .xml, or the folder of a SavedModel. It is evaluated as
    its run is, with the same classes, thresholds and postprocessing.

    --engine ray evaluates by many processes; the numbers are the same.
    """
    many = is_ray(engine, workers, ray_address)
    trained = open_model(run, postprocessing=postprocessing)
    print_postprocessing(trained)
    model = None if many else augmented(trained.load_model(), tta)
    # Workers of a cluster that runs already have another working directory.
    index, split = trained.scan(os.path.abspath(data) if many else data, split=split)
    console.notices([*index.notices, *trained.warnings_of(index.path, split, name="the model")])
    if model is None:
        from keras_seg import scale

        options = {"workers": workers, "ray_address": ray_address, "postprocessing": postprocessing}
        transforms = None if tta is None else transforms_of(tta)
        evaluation = with_workers(
            "evaluating",
            lambda progress: scale.evaluate_with_ray(trained.path, index, tta=transforms, progress=progress, **options),
        )
    else:
        with console.progress_bar() as bar:
            row = bar.add_task("evaluating", total=len(index))
            evaluation = trained.evaluate(model, index, progress=lambda done, total: bar.update(row, completed=done))
    title = f"{len(index)} images of {index.path}{f', {split}' if split else ''}"
    console.print_scores(trained.task.table(evaluation), title)
    if json_file is not None:
        from keras_seg import _files

        facts = {"data": index.path, "split": split, "tta": tta, "postprocessing": trained.postprocessing.to_dict()}
        _files.write_json(json_file, {**facts, **evaluation.to_dict()})
        console.print_facts(("Results", json_file))
