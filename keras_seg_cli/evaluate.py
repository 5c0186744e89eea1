"""keras-seg evaluate."""

import pathlib
from typing import TYPE_CHECKING

import click

from keras_seg_cli import console
from keras_seg_cli.postprocessing import postprocessing, print_postprocessing
from keras_seg_cli.start import open_run
from keras_seg_cli.tta import augmented, tta

if TYPE_CHECKING:
    from keras_seg.training.trained_run import TrainedRun


@click.command()
@click.argument("run", type=click.Path())
@click.argument("data", type=click.Path(exists=True))
@click.option("--split", help="train, val or test. Default: val if DATA has it.")
@click.option("--json", "json_file", type=click.Path(), help="Also write the results to this file.")
@postprocessing
@tta
def evaluate(
    run: str, data: str, split: str | None, *, json_file: str | None, postprocessing: bool, tta: str | None
) -> None:
    """Evaluate the model of the run folder RUN on the images and masks of DATA."""
    trained = open_run(run, postprocessing=postprocessing)
    print_postprocessing(trained)
    model = augmented(trained.folder.load_model(), tta)
    index, split = trained.scan(data, split=split)
    console.notices(index.notices)
    if _trained_on(trained, index.path, split):
        text = "Warning: the model was trained on these images, or most of them, so the scores are too high. "
        kept = "Those out of fold" if trained.folder.is_folds else "Those of its validation images"
        console.notices([f"{text}{kept} are in {trained.folder.metrics_file}."])
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


def _trained_on(trained: "TrainedRun", path: str, split: str | None) -> bool:
    """Whether the images are those that the run was trained on, or that were divided into two or into folds."""
    if split not in (None, "train") or not trained.folder.metrics_file.exists():
        return False
    metrics = trained.folder.load_metrics()
    return pathlib.Path(path).resolve() == pathlib.Path(metrics.get("train_data", metrics["data"])).resolve()
