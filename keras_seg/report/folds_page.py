"""The page about a run of folds."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from keras_seg._page.blocks import Block, Cell, Code, Notes, Page, Section, Table, Text
from keras_seg._text import counted
from keras_seg._version import __version__
from keras_seg.evaluation.postprocessing_choice import chosen_postprocessing
from keras_seg.report.examination import points
from keras_seg.report.postprocessing import cleaned_words, postprocessing_blocks
from keras_seg.report.run_page import export_blocks, train_command


def folds_page(
    metrics: Mapping[str, Any],
    *,
    name: str,
    plan: Mapping[str, Any],
    given: Mapping[str, Any],
    settings: Mapping[str, Any],
    exports: Mapping[str, Mapping[str, Any]],
) -> str:
    """The HTML of the report on a run of folds, a page without any other file.

    Args:
        metrics: dict. The content of metrics.json.
        name: str. The path of the run.
        plan: dict. The content of plan.json.
        given: dict. The content of folds.json.
        settings: dict. The content of decoding.json.
        exports: dict from a file's name to its report.

    Returns:
        str. HTML, to be written to a file.
    """
    folds, test, names = given["folds"], metrics["test"], list(metrics["iou"])
    notices = given.get("notices", ())
    clean = chosen_postprocessing(settings)
    groups = " and their groups" if plan["fingerprint"].get("group_by") else ""
    lead = (
        f"Mean IoU is {points(metrics['mean_iou'])} on {counted(metrics['images'], 'image')}"
        f"{_ends(metrics['mean_iou_interval'])}, each predicted by the model of the fold that was not trained on it."
    )
    facts = [(points(metrics["mean_iou"]), "mean IoU out of fold"), (str(folds), "folds")]
    if test is not None:
        lead += f" The ensemble has {points(test['mean_iou'])} on {counted(test['images'], 'test image')}"
        lead += f"{_ends(test['mean_iou_interval'])}."
        facts.insert(1, (points(test["mean_iou"]), "mean IoU of the ensemble, test images"))
    sections = [
        Section(title="Classes", blocks=_classes(metrics, names, groups)),
        Section(title="Folds", blocks=_folds(metrics, name)),
        Section(title="Ensemble", blocks=_ensemble(metrics, name)),
        Section(title="Data", blocks=(Notes(items=tuple(("note", text) for text in notices)),) if notices else ()),
        Section(title="Postprocessing", blocks=tuple(postprocessing_blocks(settings, names))),
        Section(title="Exports", blocks=tuple(export_blocks(exports, name))),
        Section(title="Reproduce", blocks=_reproduce(metrics, plan, name, folds)),
    ]
    return Page(
        title=f"Report on {name}",
        lead=lead + cleaned_words(clean, names),
        facts=tuple(facts),
        sections=tuple(section for section in sections if section.blocks),
        footer=f"Written by keras_seg {__version__}.",
    ).html()


def _ends(interval: Sequence[float] | None) -> str:
    return "" if interval is None else f" (95 % interval {points(interval[0])} to {points(interval[1])})"


def _classes(metrics: Mapping[str, Any], names: Sequence[str], groups: str) -> tuple[Block, ...]:
    test, rows = metrics["test"], []
    for name in names:
        value, interval = metrics["iou"][name], metrics["iou_intervals"][name]
        bar = Cell(
            text="" if interval is None else f"{points(interval[0])} to {points(interval[1])}",
            bar=value,
            ends=None if interval is None else (interval[0], interval[1]),
        )
        of_test = () if test is None else (points(test["iou"].get(name)),)
        rows.append((name, Cell(text=points(value), bold=True), bar, *of_test))
    headings = ("class", "IoU", "95 % interval", *(() if test is None else ("ensemble, test images",)))
    text = (
        f"The interval holds the IoU of 95 % of 1,000 samples, drawn from the images{groups} with replacement: what to "
        "expect on other images of the same kind."
    )
    return (
        Table(caption="IoU of each class out of fold, in percent", headings=headings, rows=tuple(rows), numbers=(1, 3)),
        Text(text=text, soft=True),
    )


def _folds(metrics: Mapping[str, Any], name: str) -> tuple[Block, ...]:
    rows = tuple(
        (f"fold{number}", f"{metrics['images'] - fold['images']:,}", f"{fold['images']:,}", points(fold["mean_iou"]))
        for number, fold in enumerate(metrics["folds"], start=1)
    )
    headings = ("fold", "images to train on", "to validate on", "mean IoU")
    text = (
        f"Each fold is a run of its own with its own report, such as {name}/fold1/report.html. Their scores differ by "
        "their images and by chance; the score of all images together is the one to quote."
    )
    table = Table(caption="Mean IoU of each fold, in percent", headings=headings, rows=rows, numbers=(1, 2, 3))
    return table, Text(text=text, soft=True)


def _ensemble(metrics: Mapping[str, Any], name: str) -> tuple[Block, ...]:
    text = f"{name}/ensemble.keras averages the probabilities of the {len(metrics['folds'])} models. "
    if metrics["test"] is None:
        text += (
            "Its members were trained on all images, so no score of it is given here: expect about the score out of "
            "fold, or a little more. Evaluate it on images of a test folder."
        )
    else:
        text += f"It was evaluated on {metrics['test']['data']}, whose images are in no fold."
    return (Text(text=text),)


def _reproduce(metrics: Mapping[str, Any], plan: Mapping[str, Any], name: str, folds: int) -> tuple[Block, ...]:
    run, data = shlex.quote(name), shlex.quote(metrics["data"])
    commands = [
        f"pip install keras-seg=={__version__}",
        train_command(plan, data, folds=folds),
        f"keras-seg predict {run} IMAGES --out PREDICTIONS   # with the ensemble",
        f"keras-seg export {run} --format tflite",
    ]
    text = "Add the options that say how the masks are read, if you gave any; labels.json holds the result."
    return Code(text="\n".join(commands)), Text(text=text, soft=True)
