"""`keras-seg train --hosts`: the training of one process, and what happens when one of several is lost."""

import csv
import os
import signal
import subprocess
import sys
import time

import hosts_commands
import keras
import made_data
import numpy as np
import pytest
from hosts_commands import TRAIN, Job, errors, free_port
from processes import has_ended

from keras_seg.training import RunFolder

pytestmark = [pytest.mark.tensorflow_only, pytest.mark.slow]

# One of several processes. In float64 and by plain gradient descent, which do not enlarge rounding.
WORKER = """
import sys
import keras
keras.config.set_floatx("float64")
import keras_seg as ks
from keras_seg.training.hosts import connect, processes, train_share

process, count, port, data, out = int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:6]
if count > 1:
    connect.connect(processes.Processes(process=process, count=count, coordinator=f"localhost:{port}", source="given"))
module = sys.modules["keras_seg.training.build_model"]
module.KernelDecayAdamW = lambda rate, weight_decay, **options: keras.optimizers.SGD(rate, **options)
train, validation = (ks.data.scan_folder(data, split=split) for split in ("train", "val"))
plan = ks.training.make_plan(
    ks.training.fingerprint(train, validation), batch_size=8, crop=(32, 32), decoder_stride=8, backbone="Compact",
    weights="none", steps_per_epoch=10, epochs=5, learning_rate=0.003,
)
if process == 0:
    ks.training.fit(plan, train=train, validation=validation, run=out)
else:
    train_share.train_share(plan, train=train, validation=validation, run=ks.training.RunFolder(out))
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return made_data.shapes(tmp_path_factory, train=24, val=7, image_size=(48, 48))


def trained_together(folder, data, count):
    """The run of several processes."""
    (folder / "worker.py").write_text(WORKER)
    out, port = folder / f"run{count}", free_port()
    running = [
        subprocess.Popen(
            [sys.executable, "worker.py", *map(str, (process, count, port, data, out))],
            cwd=folder,
            env=hosts_commands.environment(JAX_ENABLE_X64="1"),
        )
        for process in range(count)
    ]
    assert [process.wait(900) for process in running] == [0] * count
    return RunFolder(out)


def test_several_processes_are_one(tmp_path, data):
    runs = [trained_together(tmp_path, data, count) for count in (1, 2, 4)]
    models = [keras.saving.load_model(run.model_file) for run in runs]
    metrics = [run.load_metrics() for run in runs]
    losses = [[float(row["loss"]) for row in run.load_log()] for run in runs]
    for other in (1, 2):
        for one, several in zip(models[0].weights, models[other].weights, strict=True):
            np.testing.assert_allclose(several.numpy(), one.numpy(), rtol=1e-5, atol=1e-5, err_msg=one.path)
        np.testing.assert_allclose(losses[other], losses[0], atol=1e-5)
        assert metrics[other]["confusion"] == metrics[0]["confusion"]
        # Validated in shares of 7 images.
        assert runs[other].load_log()[0]["val_mean_iou"] == runs[0].load_log()[0]["val_mean_iou"]


def rows_of(run):
    return list(csv.DictReader(run.log_file.open())) if run.log_file.exists() else []


def test_one_that_is_killed_ends_all_and_the_run_resumes_with_another_number(tmp_path, data):
    run = RunFolder(tmp_path / "run")
    job = Job(tmp_path, data, run.path, *TRAIN, "--epochs", 6)
    job.wait_for(lambda: run.state_file.exists())
    began = time.monotonic()
    os.kill(job.worker(1), signal.SIGKILL)
    statuses, outputs = job.finished(120)
    assert time.monotonic() - began < 30
    assert statuses == [2, 2]
    [line] = errors(outputs[0])
    assert "The connection to the other processes broke" in line
    assert "Kept: the state after epoch" in line
    assert "SIGKILL" in errors(outputs[1])[0]
    assert len(rows_of(run)) < 6
    statuses, outputs = Job(tmp_path, data, run.path, "--resume", count=1).finished()
    assert statuses == [0], outputs
    assert [int(row["epoch"]) for row in rows_of(run)] == [1, 2, 3, 4, 5, 6]
    assert run.finished


def test_one_that_stops_answering_ends_all(tmp_path, data):
    """As when the network between them is lost: nothing is closed."""
    run = RunFolder(tmp_path / "run")
    job = Job(tmp_path, data, run.path, *TRAIN, "--epochs", 50)
    job.wait_for(lambda: run.state_file.exists())
    os.kill(job.worker(1), signal.SIGSTOP)
    began = time.monotonic()
    assert job.processes[0].wait(120) == 2
    assert time.monotonic() - began < 60
    output = job.logs[0].read_text()
    job.kill()
    assert "The connection to the other processes broke" in errors(output)[0]


def test_the_process_that_watches_takes_the_other_along(tmp_path, data):
    run = RunFolder(tmp_path / "run")
    job = Job(tmp_path, data, run.path, *TRAIN, "--epochs", 50)
    job.wait_for(lambda: run.log_file.exists())
    worker = job.worker(1)
    job.processes[1].kill()
    job.processes[1].wait()
    assert job.processes[0].wait(60) == 2
    assert has_ended(worker)
    job.kill()


def test_different_data_is_found_at_the_start(tmp_path, data, tmp_path_factory):
    other = made_data.shapes(tmp_path_factory, train=23, val=7, image_size=(48, 48))
    statuses, outputs = Job(tmp_path, [data, other], tmp_path / "run", *TRAIN, "--epochs", 1).finished()
    assert statuses == [2, 2]
    for output in outputs:
        [line] = errors(output)
        assert "the images to train on" in line
    assert not (tmp_path / "run").exists()


def test_different_options_are_found_at_the_start(tmp_path, data):
    own = {1: ("--learning-rate", 0.5)}
    statuses, outputs = Job(tmp_path, data, tmp_path / "run", *TRAIN, "--epochs", 1, own=own).finished()
    assert statuses == [2, 2]
    for output in outputs:
        assert "learning" in errors(output)[0]
        assert "0.5" in errors(output)[0]


def test_minutes_end_at_the_same_step(tmp_path, data):
    run = RunFolder(tmp_path / "run")
    statuses, outputs = Job(tmp_path, data, run.path, *TRAIN, "--minutes", 1.5).finished()
    assert statuses == [0, 0], outputs
    assert float(rows_of(run)[-1]["learning_rate"]) < 1e-4
    assert errors(outputs[1]) == []


def test_fewer_images_than_processes(tmp_path, tmp_path_factory):
    few = made_data.shapes(tmp_path_factory, train=1, val=1, image_size=(32, 32))
    statuses, outputs = Job(tmp_path, few, tmp_path / "run", *TRAIN, "--epochs", 1).finished()
    assert statuses == [2, 2]
    assert "fewer than the 2 processes" in errors(outputs[0])[0]


@pytest.mark.parametrize("folds", [(), ("--folds", 2)])
def test_several_devices_of_one_machine(tmp_path, data, folds):
    """Without --hosts: the same command, and the batch of the plan divided."""
    out = tmp_path / "run"
    words = ["train", data, "--out", out, *TRAIN, "--epochs", 1, *folds]
    variables = {"XLA_FLAGS": "--xla_backend_optimization_level=0 --xla_force_host_platform_device_count=2"}
    subprocess.run(
        [sys.executable, "-m", "keras_seg_cli", *map(str, words)],
        env=hosts_commands.environment(**variables),
        check=True,
        timeout=600,
    )
    run = RunFolder(out)
    assert run.load_plan().fingerprint["devices"] == 2
    assert run.finished
    if folds:
        assert run.fold(2).load_plan().fingerprint["devices"] == 2
        assert run.load_metrics()["test"]["images"] == 7


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_that_is_asked_to_stop_ends_all(tmp_path, data, number):
    run = RunFolder(tmp_path / "run")
    job = Job(tmp_path, data, run.path, *TRAIN, "--epochs", 50)
    job.wait_for(lambda: run.state_file.exists())
    os.killpg(job.processes[0].pid, number)  # As a terminal and Slurm do: to all processes of the group.
    statuses, outputs = job.finished(60)
    assert statuses == [128 + number, 2]
    assert "Stopped." in outputs[0]
    assert "--resume" in outputs[0]
    assert "The connection to the other processes broke" in errors(outputs[1])[0]
