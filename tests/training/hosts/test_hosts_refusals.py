"""What goes wrong at the start of `keras-seg train --hosts`: one line each."""

import socket
import subprocess
import sys

import hosts_commands
import made_data
import pytest
from hosts_commands import Job, errors
from shell import command

import keras_seg as ks
from keras_seg.training.fold_runs import FoldRuns

pytestmark = pytest.mark.tensorflow_only


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return made_data.shapes(tmp_path_factory, train=4, val=2, image_size=(32, 40))


def started(*words, **variables):
    """Status and output of one process."""
    ended = subprocess.run(
        [sys.executable, "-m", "keras_seg_cli", "train", *map(str, words)],
        env=hosts_commands.environment(**variables),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return ended.returncode, ended.stdout + ended.stderr


def test_a_process_that_is_left_alone_says_so(data, tmp_path):
    job = Job(tmp_path, data, tmp_path / "run", "--connect-timeout", 2, absent=(1,))
    [status], [output] = job.finished(120)
    assert status == 2
    assert output.splitlines()[0].startswith("Process 0 of 2, coordinator localhost:")
    assert output.splitlines()[1:] == errors(output)
    assert "Not all processes came in time" in output
    assert not (tmp_path / "run").exists()


def test_folds_are_not_resumed_by_several_processes(data, tmp_path):
    run = tmp_path / "run"
    FoldRuns(ks.data.scan_folder(data, split="train"), run=run, folds=2, choices={"epochs": 1})
    status, output = started(
        data, "--out", run, "--resume", "--hosts", 2, "--process", 0, "--coordinator", "localhost:1"
    )
    assert status == 2
    [line] = errors(output)
    assert "folds are trained one after the other in one process. Drop --hosts." in line


def test_a_port_that_is_taken(data, tmp_path):
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        place = f"localhost:{taken.getsockname()[1]}"
        status, output = started(
            *(data, "--out", tmp_path / "run", "--hosts", 2, "--process", 0, "--coordinator", place)
        )
    assert status == 2
    [line] = errors(output)
    assert place in line
    assert "port" in line
    assert "Choose another port" in line


def test_a_host_that_is_unknown(data, tmp_path):
    place = "nowhere.invalid:1234"
    status, output = started(*(data, "--out", tmp_path / "run", "--hosts", 2, "--process", 1, "--coordinator", place))
    assert status == 2
    [line] = errors(output)
    assert "--coordinator" in line
    assert "nowhere.invalid" in line


def test_the_environment_contradicts(data, tmp_path):
    status, output = started(
        *(data, "--out", tmp_path / "run", "--hosts", 2),
        SLURM_PROCID="0", SLURM_NTASKS="3", SLURM_JOB_NODELIST="localhost",
    )  # fmt: skip
    assert status == 2
    assert errors(output) == ["Error: --hosts 2: Slurm started 3 processes. Give --hosts 3."]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--process", 0), "--process applies to --hosts only"),
        (("--coordinator", "a:1"), "--coordinator applies to --hosts only"),
        (("--hosts", 2, "--folds", 2), "--folds are trained one after the other"),
        (("--hosts", 2, "--probe"), "--probe measures each machine"),
        (("--hosts", 0), "--hosts"),
    ],
)
def test_options_that_do_not_go_together(data, tmp_path, capsys, monkeypatch, words, text):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert command("train", data, "--out", tmp_path / "run", *words) == 2
    assert text in capsys.readouterr().err


def test_another_backend(data, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    assert command("train", data, "--out", tmp_path / "run", "--hosts", 2) == 2
    assert "Set KERAS_BACKEND=jax" in capsys.readouterr().err
