"""Processes in network namespaces of their own, as on two machines, between which the cable is cut."""

import shutil
import subprocess

import hosts_commands
import made_data
import pytest
from hosts_commands import TRAIN, Job, errors

from keras_seg.training import RunFolder

pytestmark = [pytest.mark.tensorflow_only, pytest.mark.slow]

ADDRESSES = ("10.77.0.1", "10.77.0.2")


def run(*words):
    subprocess.run([str(word) for word in words], check=True, capture_output=True)


def inside(holder):
    """The words that start a command in the namespaces of a process."""
    return ("nsenter", f"--net=/proc/{holder.pid}/ns/net", f"--uts=/proc/{holder.pid}/ns/uts")


@pytest.fixture
def machines():
    """The words that start a command on each of two machines, which a cable joins."""
    if not all(map(shutil.which, ("ip", "nsenter", "unshare"))):
        pytest.skip("needs ip, nsenter and unshare, of Linux")
    # The name of a machine is its address, so that each finds its own without a name server.
    holders = [
        subprocess.Popen(
            ["unshare", "--net", "--uts", "sh", "-c", f"hostname {address} && echo ready && exec sleep 3600"],
            stdout=subprocess.PIPE,
        )
        for address in ADDRESSES
    ]
    try:
        if any(holder.stdout.readline() != b"ready\n" for holder in holders):
            pytest.skip("needs the right to make network namespaces")
        first, second = holders
        cable = ("ip", "link", "add", "cable", "netns", first.pid, "type", "veth")
        try:
            run(*cable, "peer", "name", "cable", "netns", second.pid)
        except subprocess.CalledProcessError as error:
            pytest.skip(f"needs virtual network cables: {error.stderr.decode().strip()}")
        for holder, address in zip(holders, ADDRESSES, strict=True):
            run(*inside(holder), "ip", "address", "add", f"{address}/24", "dev", "cable")
            for device in ("lo", "cable"):
                run(*inside(holder), "ip", "link", "set", device, "up")
        yield [inside(holder) for holder in holders]
    finally:
        for holder in holders:
            holder.kill()
            holder.wait()
            holder.stdout.close()


def test_a_network_that_is_lost_ends_all_and_the_run_resumes(tmp_path, tmp_path_factory, machines):
    data = made_data.shapes(tmp_path_factory, train=24, val=7, image_size=(48, 48))
    run_folder = RunFolder(tmp_path / "run")
    place = {"coordinator": f"{ADDRESSES[0]}:{hosts_commands.free_port()}", "within": dict(enumerate(machines))}
    job = Job(tmp_path, data, run_folder.path, *TRAIN, "--epochs", 50, **place)
    job.wait_for(run_folder.state_file.exists)
    run(*machines[1], "ip", "link", "set", "cable", "down")
    statuses, outputs = job.finished(120)
    assert statuses == [2, 2], outputs
    for output in outputs:
        [line] = errors(output)
        assert "The connection to the other processes broke" in line and "--resume" in line

    kept = len(run_folder.load_log())
    run(*machines[1], "ip", "link", "set", "cable", "up")
    job = Job(tmp_path, data, run_folder.path, "--resume", **place)
    job.wait_for(lambda: len(run_folder.load_log()) > kept)
    job.kill()
