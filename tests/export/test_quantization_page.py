"""What docs/quantization.md says of quantization holds in what was measured."""

import json
import pathlib
import sys

import keras
import pytest

import keras_seg as ks

pytestmark = [
    pytest.mark.tensorflow_only,
    pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the benchmark runs on TensorFlow"),
]
ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def rows():
    return {row["model"]: row for row in json.loads((ROOT / "docs" / "quantization.json").read_text(encoding="utf-8"))}


def test_every_model_is_measured():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    import quantization

    assert {name for name, *_ in quantization.ROWS.values()} == set(ks.models.names())


def test_what_is_promised(rows):
    """At most a point of mean IoU in int8, as the page says, and a tenth of one in float16.

    The table shows how many pixels have the same class.
    """
    unpooling = ("SegNet", "SegNetBasic", "DeconvNet")
    for row in rows.values():
        least = 0.997 if row["model"] in unpooling else 0.998
        assert row["float16"]["agreement"] >= least, row["model"]
        assert row["float16"]["mean_iou"] >= row["float32"]["mean_iou"] - 0.001, row["model"]
        for kind in ("int8", "int16x8", "dynamic"):
            loses = row["float32"]["mean_iou"] - row[kind]["mean_iou"]
            assert loses <= 0.01, (row["model"], kind)


def test_what_comparisons_cost():
    found = json.loads((ROOT / "docs" / "int8_comparisons.json").read_text(encoding="utf-8"))[0]
    text = (ROOT / "docs" / "quantization.md").read_text(encoding="utf-8")
    assert f"{100 * found['int8']:.0f} % of the pixels" in text
    assert f"on {100 * found['float32']:.0f} % with" in text
