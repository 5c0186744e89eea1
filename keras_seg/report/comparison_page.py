"""The page about a comparison of models."""

import numpy as np

from keras_seg._page.blocks import Cell, Notes, Page, Section, Table, Text
from keras_seg._text import counted
from keras_seg._version import __version__
from keras_seg.evaluation import Comparison
from keras_seg.report.examination import points


def comparison_page(comparison: Comparison, *, data: str) -> str:
    """The HTML of a comparison, a page without any other file.

    Args:
        comparison: `evaluation.Comparison`.
        data: str. The path of the images.

    Returns:
        str. HTML, to be written to a file.
    """
    level, name_of_score = f"{100 * comparison.scores[0].level:g} %", comparison.score_name
    first = comparison.names[0]
    rows = []
    for row, score in zip(comparison.rows, comparison.scores, strict=True):
        bar = Cell(text=row[2], bar=score.value, ends=(score.low, score.high)) if np.isfinite(score.low) else row[2]
        rows.append((row[0], Cell(text=row[1], bold=True), bar, *row[3:]))
    classes = []
    for place, name in enumerate(comparison.class_names):
        values = comparison.iou[:, place]
        best = np.nanmax(values) if np.isfinite(values).any() else np.nan
        # A comparison knows that there is no score, and not whether the class is ignored or occurs nowhere.
        shown = ["none" if np.isnan(value) else points(value) for value in values]
        cells = zip(shown, values, strict=True)
        classes.append((name, *(Cell(text=text, bold=bool(value == best)) for text, value in cells)))
    verdicts = list(zip(comparison.names[1:], comparison.verdicts, strict=True))
    texts = {"better": f"is better than {first}", "worse": f"is worse than {first}"}
    words = [f"{name} {texts.get(verdict, f'is not shown to differ from {first}')}" for name, verdict in verdicts]
    explained = (
        f"Differences are those of the {name_of_score}, in points; their {level} interval comes from samples of the "
        "images, the same for both models. A difference whose interval holds 0 may come from the choice of images."
    )
    models = Table(
        caption=f"{name_of_score[0].upper()}{name_of_score[1:]} in percent",
        headings=("model", name_of_score, level, "difference", level, ""),
        rows=tuple(rows),
        numbers=(1, 3, 4),
    )
    per_class = Table(
        caption="IoU per class in percent; the highest is bold, and a class that is ignored or occurs nowhere has none",
        headings=("class", *comparison.names),
        rows=tuple(classes),
        numbers=tuple(range(1, len(comparison.names) + 1)),
    )
    kinds = ("warning" if text.startswith("Warning:") else "note" for text in comparison.notices)
    notices = Notes(items=tuple(zip(kinds, comparison.notices, strict=True)))
    return Page(
        title=f"{counted(len(comparison.names), 'model')} compared",
        lead=f"On {counted(comparison.images, 'image')} of {data}: {'; '.join(words)}.",
        facts=(),
        sections=(
            Section(title="Models", blocks=(models, Text(text=explained, soft=True), notices)),
            *((Section(title="Classes", blocks=(per_class,)),) if classes else ()),
        ),
        footer=f"Written by keras_seg {__version__}.",
    ).html()
