"""The lecture's pages: what they show exists, and what their comments say is printed is printed."""

import contextlib
import io
import pathlib
import re
import subprocess
import sys

import pytest

pytestmark = pytest.mark.tensorflow_only

DOCS = pathlib.Path(__file__).parents[1] / "docs"
PAGES = sorted((DOCS / "lecture").glob("*.md"))
DRAWING = DOCS / "figures" / "lecture"


@pytest.fixture(scope="module")
def figures():
    """The names in make.py."""
    found = re.search(r"FIGURES = \((.*?)\)", (DRAWING / "make.py").read_text(encoding="utf-8"), re.S)
    return re.findall(r'"(\w+)"', found.group(1))


def test_every_figure_is_shown_once_and_drawn(figures):
    shown = [name for page in PAGES for name in re.findall(r"images/lecture/(\w+)\.png", page.read_text("utf-8"))]
    assert sorted(shown) == sorted(figures)
    assert all((DRAWING / f"{name}.py").exists() for name in figures)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_figures_say_what_is_seen(page):
    for words in re.findall(r"!\[(.*?)\]\(", page.read_text("utf-8"), re.S):
        assert len(words.split()) > 15


@pytest.mark.parametrize("page", [page for page in PAGES if page.stem != "index"], ids=lambda page: page.stem)
def test_chapters_have_their_parts(page):
    text = page.read_text("utf-8")
    for part in ("```python", "**What to look at.**", "**Papers.**", "**Try next.**", "](../"):
        assert part in text


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_is_said_to_be_printed_is_printed(page, tmp_path, monkeypatch):
    """`print(...)  # TEXT` prints TEXT."""
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"(<!-- not run.*?-->\n)?```python\n(.*?)```", page.read_text("utf-8"), re.S)
    code = "\n".join(block for skipped, block in blocks if not skipped)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, page.name, "exec"), {})
    lines = iter(out.getvalue().splitlines())
    for said in re.findall(r"^print\(.*\)  # (.*)$", code, re.M):
        assert said in lines, f"{page.name}: {said}"  # And moves on in the iterator, so that the order counts.


@pytest.mark.parametrize("name", ["three_tasks", "upsampling", "tta_gain"])
def test_figures_are_drawn(name, tmp_path, monkeypatch):
    """Three that are quick; the site's build draws all."""
    matplotlib = pytest.importorskip("matplotlib")
    monkeypatch.syspath_prepend(DRAWING)
    figure = __import__(name).draw()
    try:
        assert figure.get_size_inches()[0] == pytest.approx(4.8)
        assert len(figure.axes) >= 1
    finally:
        matplotlib.pyplot.close(figure)


class TestHook:
    @pytest.fixture
    def hook(self, tmp_path, monkeypatch):
        pytest.importorskip("mkdocs")
        monkeypatch.syspath_prepend(DOCS / "hooks")
        import lecture_figures

        monkeypatch.setattr(lecture_figures, "PICTURES", tmp_path)
        monkeypatch.setattr(lecture_figures, "DRAWN", tmp_path / ".drawn.json")
        self.asked = []

        def run(command, **_):
            self.asked.append(command[3:])
            for name in command[3:]:
                (tmp_path / f"{name}.png").touch()
            return subprocess.CompletedProcess(command, 0)

        monkeypatch.setattr(lecture_figures.subprocess, "run", run)
        return lecture_figures

    def test_draws_what_is_missing_and_nothing_twice(self, hook, figures, tmp_path):
        (tmp_path / "no_longer_drawn.png").touch()
        hook.on_pre_build(None)
        hook.on_pre_build(None)
        assert self.asked == [figures]
        assert sorted(path.stem for path in tmp_path.glob("*.png")) == sorted(figures)
        (tmp_path / "skips.png").unlink()
        hook.on_pre_build(None)
        assert self.asked[1:] == [["skips"]]

    def test_draws_anew_what_has_changed(self, hook, monkeypatch):
        hook.on_pre_build(None)
        before = hook.fingerprints()
        monkeypatch.setattr(hook, "fingerprints", lambda: {**before, "skips": "another"})
        hook.on_pre_build(None)
        assert self.asked[1:] == [["skips"]]

    def test_says_why_a_figure_failed(self, hook, monkeypatch):
        def run(command, **_):
            return subprocess.CompletedProcess(command, 1, stderr="ValueError: no such cell")

        monkeypatch.setattr(hook.subprocess, "run", run)
        with pytest.raises(hook.PluginError, match="no such cell"):
            hook.on_pre_build(None)
        assert not hook.DRAWN.exists()


def test_make_draws_the_named_figures(tmp_path):
    pytest.importorskip("matplotlib")
    done = subprocess.run([sys.executable, DRAWING / "make.py", tmp_path, "upsampling"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "upsampling.png").read_bytes().startswith(b"\x89PNG")
