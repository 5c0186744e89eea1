"""Links and pictures of the pages that the site's strict build does not see, and the text beside every picture."""

import re

import page_code
import pytest

pytestmark = pytest.mark.tensorflow_only

ROOT = page_code.ROOT
READ_ON_GITHUB = [
    path
    for pattern in ("*.md", "examples/**/*.md", "benchmarks/**/*.md", ".github/**/*.md")
    for path in sorted(ROOT.glob(pattern))
]
ALL = [*READ_ON_GITHUB, *sorted((ROOT / "docs").rglob("*.md"))]


def names(path):
    return path.relative_to(ROOT).as_posix()


def prose(path):
    """The text of a page without its code."""
    text = re.sub(r"^( *)(`{3,}).*?^\1\2\s*$", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    return re.sub(r"`[^`\n]+`", "code", text)


def anchors(path):
    """The names GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def broken_links(path):
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(path)):
        if re.match(r"https?:|mailto:", target):
            continue
        file, _, anchor = target.partition("#")
        page = (path.parent / file).resolve() if file else path
        if not page.exists() or (anchor and anchor not in anchors(page)):
            broken.append(target)
    return broken


@pytest.mark.parametrize("path", READ_ON_GITHUB, ids=names)
def test_relative_links_lead_somewhere(path):
    assert broken_links(path) == []


def test_broken_links_are_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A title: `x`\n[a](#a-title-x) [b](#b) [c](page.md#a-title-x) [d](none.md) [e](https://e.org)\n")
    assert broken_links(page) == ["#b", "none.md"]


@pytest.mark.parametrize("path", ALL, ids=names)
def test_pictures_say_what_is_seen(path):
    """At least a few words; what they leave out no machine can tell."""
    texts = [" ".join(text.split()) for text in re.findall(r"!\[(.*?)\]\(", prose(path), re.S)]
    texts += [(re.search(r'alt="([^"]*)"', tag) or ["", ""])[1] for tag in re.findall(r"<img[^>]*>", prose(path))]
    assert [text for text in texts if len(text.split()) < 3] == []


def test_pictures_are_small_and_used():
    pages = "\n".join(path.read_text(encoding="utf-8") for path in ALL)
    for picture in (ROOT / "docs" / "images").rglob("*.*"):
        assert picture.stat().st_size <= 200_000, picture
        assert picture.relative_to(ROOT / "docs" / "images").as_posix() in pages, f"no page shows {picture}"
