"""docs/reference.md names every public object, and nothing else; CHANGELOG.md names what there is."""

import inspect
import pathlib
import re

import pytest
from test_public_api import public_members

pytestmark = pytest.mark.tensorflow_only

ROOT = pathlib.Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference.md"


def test_the_page_is_complete():
    shown = re.findall(r"^::: (\S+)$", PAGE.read_text(encoding="utf-8"), re.M)
    public = {name for name, value in public_members() if inspect.isclass(value) or inspect.isfunction(value)}
    assert not public - set(shown), "public, and not on the page"
    assert not set(shown) - public, "on the page, and not public"
    assert len(shown) == len(set(shown))


def test_what_the_changelog_adds_is_there():
    """In the newest version, before the changes, which name what was removed."""
    newest = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").split("\n## ")[1]
    public = {name.removeprefix("keras_seg.") for name, _ in public_members()}
    packages = {name.partition(".")[0] for name in public if "." in name}
    named = re.findall(r"`([a-z]+\.\w+)", newest.partition("\n### Changed")[0])
    added = {name for name in named if name.partition(".")[0] in packages} - {"report.html"}
    assert added, "the test finds no names"
    assert not added - public
