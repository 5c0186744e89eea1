"""Golden files, made anew where the originals are installed."""

import importlib

import numpy as np
import pytest


def check_again(module, golden, packages, *, tmp_path, monkeypatch):
    """Run the script `module` with its output in `tmp_path`, and compare what it writes with `golden`."""
    for package in packages:
        pytest.importorskip(package)
    script = importlib.import_module(module)
    monkeypatch.setattr(script, "__file__", str(tmp_path / f"{module}.py"))
    script.main()
    again = np.load(tmp_path / f"{module}.npz")
    for key in golden:
        if golden[key].dtype.kind == "f":
            np.testing.assert_allclose(again[key], golden[key], atol=1e-4 * max(1, np.abs(golden[key]).max()))
        elif key != "versions":
            np.testing.assert_array_equal(again[key], golden[key])
