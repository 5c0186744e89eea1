"""kill -9 at random moments of `keras-seg train`, then --resume: the run that nothing interrupted, to the bit."""

import multiprocessing
import os
import random
import signal
import time

import made_data
import pytest
from same_runs import assert_same_runs
from shell import main

from keras_seg.training import RunFolder

pytestmark = pytest.mark.tensorflow_only

# Processes are forked from one that has imported everything and computed nothing: a start takes no seconds.
processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["keras_seg_cli.train", "keras_seg.training"])


def run_command(words, log):
    """`keras-seg WORDS`, with its output in a file."""
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    main(words)


def started(*words, log):
    process = processes.Process(target=run_command, args=([str(word) for word in words], log))
    process.start()
    return process


@pytest.mark.slow
@pytest.mark.parametrize("moments", [50])
def test_killed_at_random_moments(tmp_path, tmp_path_factory, moments):
    data, log = made_data.shapes(tmp_path_factory, train=8, val=4, image_size=(48, 56)), tmp_path / "log.txt"
    options = ("--epochs", 6, "--batch-size", 2, "--crop", "32x32")
    whole = RunFolder(tmp_path / "whole")
    for _ in range(2):  # The first one starts the server.
        began = time.monotonic()
        process = started("train", data, "--out", whole.path, *options, "--overwrite", log=log)
        process.join()
        assert process.exitcode == 0, log.read_text()
        length = time.monotonic() - began
    draw, kills, chains = random.Random(0), 0, 0
    while kills < moments:
        run, chains = RunFolder(tmp_path / f"run{chains}"), chains + 1
        while not run.finished:
            how = ("--resume",) if run.plan_file.exists() else options
            process = started("train", data, "--out", run.path, *how, log=log)
            process.join(draw.uniform(0, length) if kills < moments else None)
            if process.exitcode is None:
                os.kill(process.pid, signal.SIGKILL)
                process.join()
                kills += 1
            assert process.exitcode in (0, -signal.SIGKILL), log.read_text()
        assert_same_runs(run, whole)
