"""Evaluation by workers: the numbers of one process."""

import json

import made_data
import pytest
from clusters import two_cores
from shell import MARKS, TRAIN, command, refusal, trained_by_command, untraced_epochs

import keras_seg as ks

pytestmark = MARKS
few_steps = untraced_epochs(2)


@pytest.mark.slow
@pytest.mark.parametrize("task", ["semantic", "instances"])
def test_two_workers_find_the_numbers_of_one_process(tmp_path, tmp_path_factory, capsys, task):
    pytest.importorskip("skimage", reason='scikit-image is missing: pip install "keras-seg[instances]"')
    if task == "semantic":
        data = made_data.shapes(tmp_path_factory, train=4, val=9, image_size=(48, 56))
        run = trained_by_command(tmp_path_factory, data, *TRAIN)
    else:
        data = made_data.cells(tmp_path_factory, train=6, val=2, image_size=(48, 56))
        run = trained_by_command(tmp_path_factory, data, "--task", "instances", *TRAIN)
    assert command("evaluate", run, data, "--json", tmp_path / "one.json") == 0
    with two_cores():
        assert command("evaluate", run, data, "--engine", "ray", "--workers", 2, "--json", tmp_path / "two.json") == 0
    one, two = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("one", "two"))
    assert one == two
    assert "evaluating" in capsys.readouterr().out


def test_options_that_do_not_apply_are_refused(tmp_path, capsys):
    assert "--workers is for --engine ray" in refusal(capsys, "evaluate", tmp_path, tmp_path, "--workers", 2)


def test_workers_get_absolute_paths(tmp_path, capsys, monkeypatch):
    """Those of a cluster that runs already have another working directory."""

    class Run:
        postprocessing = None

        def scan(self, path, split):
            raise ks.InputError(f"scanned {path}")

        def load_model(self):
            return None

    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("keras_seg_cli.evaluate.open_model", lambda path, **options: Run())
    for words, path in (((), "data"), (("--engine", "ray"), tmp_path / "data")):
        assert command("evaluate", "run", "data", *words) == 2
        assert f"scanned {path}" in " ".join(capsys.readouterr().err.split())
