"""The tables of the pages are what the JSON files beside them say."""

import sys

import page_code
import pytest

sys.path.insert(0, str(page_code.ROOT / "benchmarks"))

import model_table
import page_tables

import keras_seg as ks

pytestmark = pytest.mark.tensorflow_only


def test_every_table_is_what_the_json_says():
    assert page_tables.stale_tables() == []


def test_no_model_lacks_a_row():
    """Each model has a row to measure, each of these was measured, and each model was exported."""
    assert {name for name, *_ in model_table.ROWS.values()} == set(ks.models.names())
    measured = page_tables.read("model_table.json")
    assert [row["model"] for row in measured] == list(model_table.ROWS)
    # Of "paper", most have none; "whole image" is a receptive field without a number.
    assert all(row[name] is not None for row in measured for name in row if name not in ("paper", "receptive_field"))
    exported = page_tables.read("export_table.json")
    for part in ("cells", "delegates"):
        assert {label.partition(",")[0] for label in exported[part]} == set(ks.models.names())


def test_figures_in_sentences_are_what_the_json_says():
    numbers = page_tables.read("benchmarks.json")
    choose, five = ((page_tables.DOCS / page).read_text() for page in ("choose.md", "five-minutes.md"))
    seeds = page_tables.read("camvid_seeds.json")["results"]["keras"]
    assert f"[{page_tables.percent([run['mean_iou'] for run in seeds])} on CamVid]" in choose
    assert f"mean IoU was about {numbers['demo']['mean_iou']:.0f}]" in five


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
    with pytest.raises(ValueError, match="exactly one place for the table 'a'"):
        page_tables.with_table("# Title\n", "a", "| x |")
