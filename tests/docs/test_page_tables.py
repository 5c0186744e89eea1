"""The tables of the pages are what the JSON files beside them say."""

import sys

import page_code
import pytest

sys.path.insert(0, str(page_code.ROOT / "benchmarks"))

import page_tables

pytestmark = pytest.mark.tensorflow_only


def test_every_table_is_what_the_json_says():
    assert page_tables.stale_tables() == []


def test_a_table_of_other_numbers_is_stale(tmp_path, monkeypatch):
    (tmp_path / "page.md").write_text("<!-- table: a -->\n\n| x |\n|---|\n| 2 |\n\n<!-- end of table -->\n")
    content = {("page.md", "a"): lambda: "\n".join(page_tables.rows(["1"], head=["x"]))}
    monkeypatch.setattr(page_tables, "TABLES", content)
    monkeypatch.setattr(page_tables, "DOCS", tmp_path)
    assert page_tables.stale_tables() == [("page.md", "a")]
    page_tables.write_tables()
    assert page_tables.stale_tables() == []
    assert "| 1 |" in (tmp_path / "page.md").read_text()


def test_a_page_without_the_place_is_an_error():
    with pytest.raises(ValueError, match="no place, or several, for the table 'a'"):
        page_tables.with_table("# Title\n", "a", "| x |")
