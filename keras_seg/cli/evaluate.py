"""keras-seg evaluate."""

import click

from keras_seg.cli import console
from keras_seg.cli.open_run import open_run
from keras_seg.cli.tta import augmented, tta


@click.command()
@click.argument("run", type=click.Path())
@click.argument("data", type=click.Path(exists=True))
@click.option("--split", help="train, val or test; default: val where DATA has one.")
@click.option("--json", "json_file", type=click.Path(), help="Write the results to this file too.")
@tta
def evaluate(run, data, split, json_file, tta):
    """Judge the model of the run folder RUN on the images and masks of DATA."""

    run = open_run(run)
    labels = run.load_labels()
    plan = run.load_plan()
    model = augmented(run.load_model(), tta)

    from keras_seg import _files
    from keras_seg import data as ks_data

    splits = ks_data.find_splits(data)
    if split is None and splits:
        split = "val" if "val" in splits else splits[0]
    index = ks_data.scan_folder(
        data,
        split,
        num_classes=len(labels["names"]),
        ignore_class=tuple(labels["ignore_class"]) or None,
        class_names=labels["names"],
        channels=plan.fingerprint["channels"],
    )
    for text in index.notices:
        console.notice(text)
    evaluation = console.evaluate_with_bar(model, index)
    console.console.print(
        console.score_table(evaluation, f"{len(index)} images of {index.path}{f', {split}' if split else ''}")
    )
    if json_file is not None:
        _files.write_json(json_file, {"data": index.path, "split": split, "tta": tta, **evaluation.to_dict()})
        console.fact_sheet(("Results", json_file))
