"""What an export says: on the terminal, and in the page's table."""

import json
import pathlib
import sys

import pytest

from keras_seg.export import ExportReport

pytestmark = pytest.mark.tensorflow_only
ROOT = pathlib.Path(__file__).parent.parent.parent

REPORT = ExportReport(
    format="tflite",
    path="runs/street/model.tflite",
    input_shape=(1, 360, 480, 3),
    input="uint8",
    output="both",
    outputs=("probabilities", "class_ids"),
    quantize="int8",
    ops=("ADD", "ARG_MAX", "CONV_2D", "DEPTHWISE_CONV_2D", "MUL", "QUANTIZE", "SOFTMAX", "TRANSPOSE_CONV"),
    size_bytes=3 * 2**20,
    images=2,
    max_abs_difference=0.0312,
    agreement=0.99999,
    share_apart=0.5,
    milliseconds=12.345,
    threads=2,
    worst_images=((1, 0.98), (0, 1.0)),
    keras_iou=(0.9, None, 0.5),
    iou=(0.91, None, 0.45),
    class_names=("sky", "bicyclist", "a name that is longer than any column for names can be"),
)

PRINTED = """\
Exported      runs/street/model.tflite
Format        tflite, int8, 3.00 MiB
Input         image, uint8, 0..255; compared at 360 x 480 x 3, batch 1
Output        probabilities and class_ids
Operators     8 kinds: ADD, ARG_MAX, CONV_2D, DEPTHWISE_CONV_2D, MUL, QUANTIZE,
              SOFTMAX, TRANSPOSE_CONV
Compared      2 images with Keras, largest difference 3.1e-02
Same class    over 99.99 % of pixels
Worst images  1 (98.00 %)
Latency       12.3 ms per call (median), batch 1, 2 threads

IoU                                        Keras    file  change
sky                                         90.0    91.0    +1.0
bicyclist                                 absent  absent
a name that is longer than any colum...     50.0    45.0    -5.0
mean                                        70.0    68.0    -2.0"""


def test_the_table_of_80_columns():
    assert str(REPORT) == PRINTED
    assert max(map(len, PRINTED.splitlines())) <= 80


def test_without_labels_and_with_a_long_path():
    path = "/a/" + 12 * "long-folder/" + "model.tflite"
    text = str(ExportReport(**{**vars(REPORT), "path": path, "iou": None, "keras_iou": None, "worst_images": ()}))
    assert path in text
    assert "IoU" not in text
    assert "Worst" not in text


@pytest.fixture
def table(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import export_table

    yield export_table
    del sys.modules["export_table"]


def test_every_cell_was_made(table):
    """None is missing, and none is there because a process died."""
    cells = json.loads(table.STORED.read_text(encoding="utf-8"))["cells"]
    for label in table.ROWS:
        for key in table.FORMATS:
            assert "refused" not in cells[label].get(key, {"refused": ""}), (label, key)


def test_phones_take_every_model(table):
    """The GPU every node of each float file; NPUs every node of each int8 file, except for models that unpool."""
    found = json.loads(table.STORED.read_text(encoding="utf-8"))["delegates"]
    assert list(found) == list(table.ROWS)
    for label, row in found.items():
        for delegate in ("gpu", "npu"):
            if delegate == "gpu" or label not in ("DeconvNet", "SegNet", "SegNetBasic"):
                check = row[delegate]
                assert (check["accepted"], check["partitions"]) == (check["nodes"], 1), (label, delegate)
        device = row["device"]
        # What is not run in software says why.
        assert device["error"] or (device["complete"] and device["agreement"] > 0.999), label


def test_every_model_has_a_row(table):
    from keras_seg import models

    assert {name for name, *_ in table.ROWS.values()} == set(models.names())


def test_no_cell_without_a_word(table):
    """A cell that could not be made has a note that says why; one that is missing says so."""
    import export_table_page

    assert list(export_table_page.HEADINGS) == list(table.FORMATS)
    one = {"size_bytes": 2**20, "ops": ["ADD"], "difference": 1e-6, "agreement": 1.0, "share_apart": 0.0}
    one |= {"milliseconds": 3.21, "threads": 2}
    row = dict.fromkeys(table.FORMATS, one) | {"any_size": {"refused": "A net of fixed size has no other."}}
    del row["int8"]
    text = "\n".join(export_table_page.lines({"latencies": "quiet", "cells": {"FPN": row}}))
    assert text.count("| [1](#export-notes) |") == text.count("| [2](#export-notes) |") == 5
    assert "1. A net of fixed size has no other.\n2. Not exported yet." in text
    assert "| FPN | 1.0 | 1.0 | 1.0 | 1.0 | [1]" in text
