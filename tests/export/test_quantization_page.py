"""What docs/quantization.md says was measured: the table is that of the JSON, and the JSON keeps what is promised."""

import importlib.util
import json
import pathlib

import keras
import pytest

import keras_seg as ks

pytestmark = [
    pytest.mark.tensorflow_only,
    pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the benchmark runs on TensorFlow"),
]
ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("quantization_benchmark", ROOT / "benchmarks" / "quantization.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def rows():
    return {row["model"]: row for row in json.loads((ROOT / "docs" / "quantization.json").read_text(encoding="utf-8"))}


def test_the_table_is_of_the_json(benchmark, rows):
    page = (ROOT / "docs" / "quantization.md").read_text(encoding="utf-8")
    shown = page.split(benchmark.BEGIN)[1].split(benchmark.END)[0].strip()
    assert shown == benchmark.table(list(rows.values())).strip()
    assert "\n".join(rows[benchmark.SHOWN]["report"]) in page


def test_every_model_has_a_row(benchmark):
    assert {name for name, *_ in benchmark.ROWS.values()} == set(ks.models.names())


def test_what_is_promised(rows):
    """At most a point of mean IoU in int8, and float16 as good as float32."""
    unet = rows["UNet, MobileNetV2"]
    assert unet["int8"]["mean_iou"] >= unet["float32"]["mean_iou"] - 0.01
    for row in rows.values():
        assert row["float16"]["agreement"] >= 0.999, row["model"]


@pytest.mark.parametrize("page", ["export.md", "quantization.md"])
def test_what_comparisons_cost(page):
    found = json.loads((ROOT / "docs" / "int8_comparisons.json").read_text(encoding="utf-8"))[0]
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert f"{100 * found['int8']:.0f} % of the pixels" in text
    assert f"on {100 * found['float32']:.0f} % with" in text
