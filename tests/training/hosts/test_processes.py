"""Which process of a job this one is."""

import keras
import pytest

import keras_seg as ks
from keras_seg.training.hosts.connect import connect
from keras_seg.training.hosts.processes import Processes

pytestmark = pytest.mark.tensorflow_only

SLURM = {
    "SLURM_PROCID": "3",
    "SLURM_NTASKS": "4",
    "SLURM_JOB_ID": "77",
    "SLURM_STEP_NODELIST": "gpu[07-09,12],cpu1",
}


@pytest.mark.parametrize(
    ("given", "environment", "expected"),
    [
        ({"process": 1, "coordinator": "node:99"}, {}, (1, "node:99", "given")),
        ({"process": 1, "coordinator": "node"}, {}, (1, "node:12345", "given")),
        # What was given comes before what is found.
        ({"process": 0, "coordinator": "node:1"}, SLURM, (0, "node:1", "given")),
        ({}, SLURM, (3, "gpu07:49229", "Slurm")),
        ({}, {**SLURM, "SLURM_STEP_NODELIST": "a1,a2"}, (3, "a1:49229", "Slurm")),
        ({}, {**SLURM, "SLURM_STEP_NODELIST": "n[3,5]-ib"}, (3, "n3-ib:49229", "Slurm")),
        ({"coordinator": "other:5"}, SLURM, (3, "other:5", "Slurm")),
        ({"coordinator": "job-0.svc:5"}, {"JOB_COMPLETION_INDEX": "2"}, (2, "job-0.svc:5", "Kubernetes")),
        ({}, {"JOB_COMPLETION_INDEX": "2", "MASTER_ADDR": "job-0"}, (2, "job-0:12345", "Kubernetes")),
        (
            {},
            {"RANK": "1", "WORLD_SIZE": "4", "MASTER_ADDR": "10.0.0.1", "MASTER_PORT": "29500"},
            (1, "10.0.0.1:29500", "environment"),
        ),
    ],
)
def test_found(given, environment, expected):
    found = Processes.find(4, environment=environment, **given)
    assert (found.process, found.coordinator, found.source) == expected
    assert found.count == 4


@pytest.mark.parametrize(
    ("count", "given", "environment", "text"),
    [
        (2, {}, {}, "Give `process`"),
        (2, {"process": 0}, {}, "give `coordinator`"),
        (2, {"process": 2, "coordinator": "a:1"}, {}, "out of range"),
        (2, {}, SLURM, "Slurm started 4 processes. Give `hosts=4`"),
        (2, {}, {"RANK": "0", "WORLD_SIZE": "3", "MASTER_ADDR": "a"}, "started 3 processes"),
        (2, {}, {"RANK": "x", "MASTER_ADDR": "a"}, "whole number"),
        (2, {"process": 0, "coordinator": "a:port"}, {}, "HOST:PORT"),
        (2, {"process": 0, "coordinator": "a:70000"}, {}, "HOST:PORT"),
        (2, {}, {"JOB_COMPLETION_INDEX": "1"}, "give `coordinator`"),
        (0, {"process": 0, "coordinator": "a:1"}, {}, "hosts"),
    ],
)
def test_refused_in_one_line(count, given, environment, text):
    with pytest.raises(ks.InputError, match=text) as caught:
        Processes.find(count, environment=environment, **given)
    assert "\n" not in str(caught.value)


def test_the_line_says_what_was_found():
    text = str(Processes.find(4, environment=SLURM))
    assert text == "Process 3 of 4 (Slurm), coordinator gpu07:49229"


@pytest.mark.parametrize(
    ("environment", "shared"),
    [
        ({}, False),
        ({"SLURM_TASKS_PER_NODE": "1(x4)"}, False),
        ({"SLURM_STEP_TASKS_PER_NODE": "1(x4)", "SLURM_TASKS_PER_NODE": "8(x4)"}, False),
        ({"SLURM_STEP_TASKS_PER_NODE": "2(x2)"}, True),
        ({"SLURM_STEP_TASKS_PER_NODE": "1,3"}, True),
        ({"OMPI_COMM_WORLD_LOCAL_SIZE": "1"}, False),
        ({"OMPI_COMM_WORLD_LOCAL_SIZE": "4"}, True),
    ],
)
def test_processes_that_share_a_machine(environment, shared):
    assert Processes.find(4, environment={**SLURM, **environment}).shares_machine is shared


@pytest.mark.parametrize(("tasks", "method"), [("1(x4)", "deactivate"), ("2(x2)", None)])
def test_a_process_alone_on_its_machine_uses_all_devices(monkeypatch, tasks, method):
    """Under Slurm, JAX would show each process the one device of its number on its machine."""
    jax = pytest.importorskip("jax")
    given = {}

    def initialize(coordinator_address, num_processes, process_id, cluster_detection_method=None):
        given.update(place=(coordinator_address, num_processes, process_id), method=cluster_detection_method)

    monkeypatch.setattr(jax.distributed, "initialize", initialize)
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    monkeypatch.setattr(keras.distribution, "DataParallel", lambda **options: None)
    monkeypatch.setattr(keras.distribution, "set_distribution", lambda distribution: None)
    environment = {**SLURM, "SLURM_STEP_TASKS_PER_NODE": tasks}
    connect(Processes.find(4, coordinator="localhost:99", environment=environment))
    assert given == {"place": ("localhost:99", 4, 3), "method": method}
