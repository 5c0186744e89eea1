"""Names that rich would read as markup or emoji are printed as they are."""

import io
import types

import numpy as np
import pytest

from keras_seg.evaluation import FoldsEvaluation, MultiLabelEvaluation
from keras_seg.evaluation.score_interval import iou_with_intervals, score_interval
from keras_seg.training.tasks import find_task
from keras_seg_cli import console, folds

pytestmark = pytest.mark.tensorflow_only
NAMES = ["ground [paved]", "ground [/x]", "car :car:", "[bold]", "\\[x]", "a[1]b"]


@pytest.fixture
def printed(monkeypatch):
    """What is printed to a terminal of 200 columns."""
    stream = io.StringIO()
    monkeypatch.setattr(console.console, "file", stream)
    monkeypatch.setattr(console.console, "width", 200)
    return stream


@pytest.mark.parametrize("name", NAMES)
def test_every_way_to_print(printed, name):
    console.notices([name])
    console.print_facts(("Classes", name))
    console.rule(name)
    console.console.print(name)
    with console.progress_bar() as bar:
        bar.add_task(name, total=1)
    with console.status(name):
        pass
    lines = [line for line in printed.getvalue().splitlines() if line.strip()]
    assert sum(name in line for line in lines) >= 4, lines


@pytest.mark.parametrize("name", NAMES)
def test_tables(printed, name):
    class Table:
        headings = ("class", "IoU", "pixels", "")
        details = ((name, "1.0", "2 %", "█"),)
        score = ("mean IoU", "1.0", "", "")
        others = ((name, "2.0", "", ""),)

    console.print_scores(Table(), f"images of {name}")
    assert printed.getvalue().count(name) == 3


def test_a_fold_without_a_score(printed):
    """As one of few images, none of which holds a class; the ensemble is evaluated on such images too."""

    def evaluation(*hits):
        counts = np.array([[[[100 - hit, 0], [0, hit]]] for hit in hits])
        return MultiLabelEvaluation(counts=counts, class_names=("bar",))

    whole = evaluation(0, 10, 20)
    found = FoldsEvaluation(
        evaluation=whole,
        folds=(evaluation(0), evaluation(10, 20)),
        interval=score_interval(whole),
        iou=iou_with_intervals(whole),
        choice=None,
    )
    folds._print(types.SimpleNamespace(folds=found, test=evaluation(0, 0)), find_task("multilabel"))
    said = " ".join(printed.getvalue().split())
    assert "fold1 1 none fold2 2 100.0" in said
    assert "mean IoU none on 2 test images" in said and "nan" not in said


def test_control_characters_stay_in_one_line(printed):
    console.notices(["a\nb\x1b[31m.png"])
    assert printed.getvalue() == "Note: a\\nb\\x1b[31m.png\n"
