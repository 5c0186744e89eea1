"""Names that rich would read as markup or emoji are printed as they are."""

import io

import pytest

from keras_seg_cli import console

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


def test_control_characters_stay_in_one_line(printed):
    console.notices(["a\nb\x1b[31m.png"])
    assert printed.getvalue() == "Note: a\\nb\\x1b[31m.png\n"
