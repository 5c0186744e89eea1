"""Runs whose training data is read by processes, as on a GPU without TensorFlow."""

import sys

import made_data
import numpy as np
import pytest

pytest.importorskip("loky")
# Modules that functions of the same name hide.
FOLDER, FIT = sys.modules["keras_seg.data.pipeline.from_folder"], sys.modules["keras_seg.training.fit_model"]


@pytest.mark.tensorflow_only
@pytest.mark.parametrize(
    ("changes", "cache", "expected"),
    [
        ({}, False, True),
        ({}, True, True),
        ({"backend": "jax"}, False, True),
        ({"backend": "jax"}, True, False),
        ({"loader": "tensorflow"}, False, False),
        ({"device": "cpu"}, False, False),
    ],
)
def test_where_they_pay(changes, cache, expected, monkeypatch):
    machine = {"backend": "torch", "loader": "numpy", "device": "gpu", **changes}
    monkeypatch.setattr(FIT.keras.backend, "backend", lambda: machine["backend"])
    monkeypatch.setattr(FIT, "chosen_loader", lambda _: machine["loader"])
    monkeypatch.setattr(FIT, "device", lambda: machine["device"])
    assert FIT._gains_by_processes({"cache": cache}) == expected


@pytest.mark.slow
def test_a_run_is_that_of_threads(tmp_path, tmp_path_factory, monkeypatch):
    indices = made_data.scanned(made_data.shapes(tmp_path_factory, train=6, val=2, image_size=(40, 48)))
    monkeypatch.setattr(FOLDER, "chosen_loader", lambda _: "numpy")
    losses = []
    for processes in (False, True):
        monkeypatch.setattr(FIT, "_gains_by_processes", lambda _, processes=processes: processes)
        run = made_data.trained(tmp_path / f"run-{processes}", *indices, epochs=2, cache=False)
        assert run.finished
        losses.append([float(row["loss"]) for row in run.load_log()])
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)
