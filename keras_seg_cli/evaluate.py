"""keras-seg evaluate."""

import pathlib

import click

from keras_seg_cli import console
from keras_seg_cli.open_run import open_run
from keras_seg_cli.tta import augmented, tta


@click.command()
@click.argument("run", type=click.Path())
@click.argument("data", type=click.Path(exists=True))
@click.option("--split", help="train, val or test; default: val where DATA has one.")
@click.option("--json", "json_file", type=click.Path(), help="Write the results to this file too.")
@tta
def evaluate(run, data, split, *, json_file, tta):
    """Judge the model of the run folder RUN on the images and masks of DATA."""

    run = open_run(run)
    labels = run.load_labels()
    plan = run.load_plan()
    model = augmented(run.load_model(), tta)

    from keras_seg import InputError, _files
    from keras_seg.training import find_task

    task = find_task(plan.task)
    try:
        splits = task.splits(data)
        if split is None and splits:
            split = "val" if "val" in splits else splits[0]
        index = task.scan_again(data, split, labels, plan.fingerprint["channels"])
    except InputError as error:
        if pathlib.Path(data).is_dir():
            # The masks may be right for another task: the message alone would lead astray.
            raise click.UsageError(
                f"{error} RUN is of --task {task.name}, which is judged on {task.expects}."
            ) from error
        raise
    for text in index.notices:
        console.notice(text)
    settings = run.load_decoding()
    evaluation = console.evaluate_with_bar(task, model, index, settings)
    console.console.print(
        console.table_of(evaluation, f"{len(index)} images of {index.path}{f', {split}' if split else ''}")
    )
    if json_file is not None:
        _files.write_json(json_file, {"data": index.path, "split": split, "tta": tta, **evaluation.to_dict()})
        console.fact_sheet(("Results", json_file))
