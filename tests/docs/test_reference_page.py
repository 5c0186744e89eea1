"""docs/reference.md names every public object, and nothing else."""

import inspect
import pathlib
import re

import pytest
from test_public_api import public_members

pytestmark = pytest.mark.tensorflow_only

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "reference.md"


def test_the_page_is_complete():
    shown = re.findall(r"^::: (\S+)$", PAGE.read_text(encoding="utf-8"), re.M)
    public = {name for name, value in public_members() if inspect.isclass(value) or inspect.isfunction(value)}
    assert not public - set(shown), "public, and not on the page"
    assert not set(shown) - public, "on the page, and not public"
    assert len(shown) == len(set(shown))
