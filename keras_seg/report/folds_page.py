"""The page about a run of folds."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from keras_seg._page.blocks import Block, Cell, Code, Notes, Page, Section, Table, Text
from keras_seg._text import counted
from keras_seg._version import __version__
from keras_seg.evaluation.postprocessing_choice import chosen_postprocessing
from keras_seg.evaluation.score_interval import score_key
from keras_seg.evaluation.threshold_choice import threshold_sentence
from keras_seg.report.examination import points
from keras_seg.report.postprocessing import cleaned_words, postprocessing_blocks
from keras_seg.report.run_page import export_blocks, quoted_data, train_command
from keras_seg.report.score_rows import class_points, interval_text, score_rows


def folds_page(
    metrics: Mapping[str, Any],
    *,
    name: str,
    plan: Mapping[str, Any],
    given: Mapping[str, Any],
    settings: Mapping[str, Any],
    score: str,
    exports: Mapping[str, Mapping[str, Any]],
) -> str:
    """The HTML of the report on a run of folds, a page without any other file.

    Args:
        metrics: dict. The content of metrics.json.
        name: str. The path of the run.
        plan: dict. The content of plan.json.
        given: dict. The content of folds.json.
        settings: dict. The content of decoding.json.
        score: str. What the score that ranks models is called, such as "mean IoU".
        exports: dict from a file's name to its report.

    Returns:
        str. HTML, to be written to a file.
    """
    folds, test, names = given["folds"], metrics["test"], list(metrics.get("iou", ()))
    key = score_key(score)
    notices = given.get("notices", ())
    clean = chosen_postprocessing(settings)
    groups = " and their groups" if plan["fingerprint"].get("group_by") else ""
    lead = (
        f"{score[0].upper()}{score[1:]} is {points(metrics[key])} on {counted(metrics['images'], 'image')}"
        f"{_ends(metrics, key)}, each predicted by the model of the fold that was not trained on it."
    )
    facts = [(points(metrics[key]), f"{score} out of fold"), (str(folds), "folds")]
    if test is not None:
        lead += f" The ensemble has {points(test[key])} on {counted(test['images'], 'test image')}"
        lead += f"{_ends(test, key)}."
        facts.insert(1, (points(test[key]), f"{score} of the ensemble, test images"))
    sections = [
        Section(title="Classes", blocks=_classes(metrics, names, plan["fingerprint"]) if names else ()),
        Section(title="Scores", blocks=_scores(metrics, groups)),
        Section(title="Folds", blocks=_folds(metrics, name, score)),
        Section(title="Ensemble", blocks=_ensemble(metrics, name)),
        Section(title="Data", blocks=(Notes(items=tuple(("note", text) for text in notices)),) if notices else ()),
        Section(title="Postprocessing", blocks=tuple(postprocessing_blocks(settings, names))),
        Section(title="Thresholds", blocks=_thresholds(metrics)),
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


def _ends(results: Mapping[str, Any], key: str) -> str:
    """The interval of a score in brackets; "" for none."""
    ends = interval_text(results[f"{key}_interval"])
    return f" (95 % interval {ends})" if ends else ""


def _classes(metrics: Mapping[str, Any], names: Sequence[str], facts: Mapping[str, Any]) -> tuple[Block, ...]:
    test, rows = metrics["test"], []
    for name in names:
        value, interval = metrics["iou"][name], metrics["iou_intervals"][name]
        bar = Cell(
            text=interval_text(interval),
            bar=value,
            ends=None if interval is None else (interval[0], interval[1]),
        )
        of_test = () if test is None else (class_points(name, test["iou"].get(name), facts),)
        rows.append((name, Cell(text=class_points(name, value, facts), bold=True), bar, *of_test))
    headings = ("class", "IoU", "95 % interval", *(() if test is None else ("ensemble, test images",)))
    caption = "IoU of each class out of fold, in percent"
    return (Table(caption=caption, headings=headings, rows=tuple(rows), numbers=(1, 3)),)


def _scores(metrics: Mapping[str, Any], groups: str) -> tuple[Block, ...]:
    test, rows = metrics["test"], []
    for label, key, value in score_rows(metrics):
        of_test = () if test is None else (points(test.get(key)),)
        rows.append((label, Cell(text=value, bold=True), interval_text(metrics.get(f"{key}_interval")), *of_test))
    headings = ("score", "%", "95 % interval", *(() if test is None else ("ensemble, test images",)))
    table = Table(caption="Scores out of fold, in percent", headings=headings, rows=tuple(rows), numbers=(1, 3))
    text = (
        f"The interval holds the score of 95 % of 1,000 samples, drawn from the images{groups} with replacement: what "
        "to expect on other images of the same kind."
    )
    return table, Text(text=text, soft=True)


def _thresholds(metrics: Mapping[str, Any]) -> tuple[Block, ...]:
    found = metrics.get("thresholds")
    if found is None:
        return ()
    text = f"Taken: {threshold_sentence(found)} All numbers on this page are with what is taken."
    return (Text(text=text),)


def _folds(metrics: Mapping[str, Any], name: str, score: str) -> tuple[Block, ...]:
    key = score_key(score)
    rows = tuple(
        (f"fold{number}", f"{metrics['images'] - fold['images']:,}", f"{fold['images']:,}", points(fold[key]))
        for number, fold in enumerate(metrics["folds"], start=1)
    )
    headings = ("fold", "images to train on", "to validate on", score)
    text = (
        f"Each fold is a run of its own with its own report, such as {name}/fold1/report.html. Their scores differ by "
        "their images and by chance; the score of all images together is the one to quote."
    )
    table = Table(caption="The score of each fold, in percent", headings=headings, rows=rows, numbers=(1, 2, 3))
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
    run, test = shlex.quote(name), metrics["test"] or metrics
    data = quoted_data(metrics["data"], test["data"])
    commands = [
        f"pip install keras-seg=={__version__}",
        train_command(plan, data, folds=folds),
        f"keras-seg predict {run} IMAGES --out PREDICTIONS   # with the ensemble",
        f"keras-seg export {run} --format tflite",
    ]
    text = "Add the options that say how the masks are read, if you gave any; labels.json holds the result."
    return Code(text="\n".join(commands)), Text(text=text, soft=True)
