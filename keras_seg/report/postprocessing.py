"""What the report says about postprocessing."""

from collections.abc import Mapping, Sequence
from typing import Any

from keras_seg._page.blocks import Block, Cell, Table, Text
from keras_seg._text import counted
from keras_seg.evaluation.postprocessing_choice import chosen_postprocessing
from keras_seg.inference import Postprocessing
from keras_seg.report.examination import points

_MOST_ROWS = 20


def cleaned_words(clean: Postprocessing, class_names: Sequence[str]) -> str:
    """A sentence on what was done to the predictions; empty for nothing."""
    return f" Predictions are postprocessed ({clean.describe(class_names)})." if clean else ""


def postprocessing_blocks(settings: Mapping[str, Any] | None, class_names: Sequence[str]) -> list[Block]:
    """What was chosen, and what was tried; nothing where nothing was tried. The logits' adjustment comes first.

    Args:
        settings: dict, the decoding settings of a run, or None.
        class_names: sequence of str.
    """
    adjustment = (settings or {}).get("logit_adjustment")
    return [*_adjusted_blocks(adjustment), *_postprocessing_blocks(settings, class_names)]


def _adjusted_blocks(adjustment: Mapping[str, Any] | None) -> list[Block]:
    """How far the class weights of the loss were taken back."""
    if not adjustment:
        return []
    value, low, high = (f"{100 * number:+.2f}" for number in adjustment["gain"])
    text = (
        f"The model's logits take {adjustment['strength']:.0%} of the class weights of its loss back: weights help to "
        "learn rare classes, and then make a model predict too much of them. On validation images this changes the "
        f"mean IoU by {value} points ({low} to {high}). It is part of the model, and of all numbers on this page."
    )
    return [Text(text=text)]


def _postprocessing_blocks(settings: Mapping[str, Any] | None, class_names: Sequence[str]) -> list[Block]:
    choice = (settings or {}).get("postprocessing")
    if not choice:
        return []
    clean, trials = chosen_postprocessing(settings), choice["trials"]
    on = f"on {counted(choice['images'], 'validation image')}"
    if not trials:
        return [Text(text=f"No step that was tried changes a prediction {on}.")]
    if clean and choice["gain"] is not None:
        value, low, high = (f"{100 * number:+.2f}" for number in choice["gain"])
        text = (
            f"Chosen {on}: {clean.describe(class_names)}. It changes the mean IoU from {points(choice['mean_iou'])} by "
            f"{value} points (95 % interval {low} to {high}). All numbers on this page are with it."
        )
    else:
        text = f"Nothing is postprocessed: no step that was tried {on} shows a gain that excludes chance."
    level = f"{100 * choice['level']:.4g} %"
    shown = sorted(trials, key=lambda trial: (trial["verdict"] != "taken", -trial["mean_iou"][0]))[:_MOST_ROWS]
    rows = []
    for trial in shown:
        value, low, high = (f"{100 * number:+.2f}" for number in trial["mean_iou"])
        verdict = Cell(text=trial["verdict"], bold=trial["verdict"] == "taken")
        rows.append((trial["class"], trial["step"], str(trial["changed"]), value, f"{low} to {high}", verdict))
    table = Table(
        caption="Steps that were tried, each alone: the gain in mean IoU, in points",
        headings=("class", "step", "images changed", "gain", f"{level} interval", ""),
        rows=tuple(rows),
        numbers=(2, 3),
        folded=not clean,
    )
    hidden = f" {counted(len(trials) - len(shown), 'trial')} with less gain are in decoding.json." * (
        len(trials) > len(shown)
    )
    how = (
        f"The intervals are paired by images, and their level allows for {counted(len(trials), 'trial')}: a step is "
        f"taken only if its interval lies above 0 and it changes enough images.{hidden}"
    )
    return [Text(text=text), table, Text(text=how, soft=True)]
