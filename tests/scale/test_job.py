"""Items that workers do: each exactly once, streamed, and errors in one line."""

import os
import pickle
import signal

import pytest
from clusters import two_cores
from counting_jobs import Numbers, Squares

from keras_seg import _version
from keras_seg._validation import InputError
from keras_seg.scale import cluster, job

pytestmark = pytest.mark.tensorflow_only


@pytest.fixture(scope="module")
def workers():
    with two_cores(), cluster.started(2, None) as room:
        yield room


@pytest.mark.slow
def test_every_item_is_done_once_and_none_is_read_long_before(workers, tmp_path):
    items, seen, ahead = Numbers(400, tmp_path / "read"), [], 0
    for number, square, _ in job.each_result(Squares(seconds=0.01), items, workers=workers, together=4):
        assert square == number**2
        seen.append(number)
        ahead = max(ahead, int((tmp_path / "read").read_text() or 0) - len(seen))
    assert sorted(seen) == list(range(400))
    assert ahead < 200


@pytest.mark.slow
def test_a_worker_that_is_killed_loses_and_doubles_nothing(workers, tmp_path):
    seen, processes = [], []
    for number, _, process in job.each_result(
        Squares(seconds=0.02), Numbers(300, tmp_path / "read"), workers=workers, together=4
    ):
        seen.append(number)
        processes.append(process)
        if len(seen) == 100:
            os.kill(process, signal.SIGKILL)
    assert sorted(seen) == list(range(300))
    assert len(set(processes)) >= 2


@pytest.mark.slow
@pytest.mark.parametrize(("refused", "line"), [("open", "the run: no such run folder"), (7, "7: cannot be written")])
def test_an_error_of_a_worker_ends_the_job_in_one_line(workers, tmp_path, refused, line):
    with pytest.raises(InputError, match=line):
        list(job.each_result(Squares(refused=refused), Numbers(20, tmp_path / "read"), workers=workers))


def test_another_version_is_refused_before_the_job_is_read():
    worker = job.Worker("0.0.0", b"not a pickle")
    (packed,) = worker({"packed": [pickle.dumps(["a"])]})["packed"]
    (result,) = pickle.loads(packed)
    assert f"has keras_seg {_version.__version__}, and this process 0.0.0. Install the same version" in result.line
    assert "\n" not in result.line
