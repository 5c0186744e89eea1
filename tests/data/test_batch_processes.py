"""Batches that other processes make."""

import gc
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from first_batches import taken
from processes import has_ended

import keras_seg as ks
from keras_seg._validation import InputError
from keras_seg.data.pipeline.batches import BatchSettings
from keras_seg.data.pipeline.shared_block import SharedBlock, fill, size_of

pytest.importorskip("loky")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return ks.data.write_shapes(tmp_path_factory.mktemp("shapes"), train=7, val=3, image_size=(40, 52))


def batches(folder, *, processes, **options):
    options = {"split": "train", "batch_size": 3, "shuffle": True, "seed": 5, "loader": "numpy", **options}
    return ks.data.from_folder(folder, use_multiprocessing=processes, workers=2, **options)


def check_equal(found, expected):
    assert len(found) == len(expected) > 0
    for ours, theirs in zip(found, expected, strict=True):
        for part, other in zip(ours, theirs, strict=True):
            assert part.dtype == other.dtype
            np.testing.assert_array_equal(part, other)


@pytest.mark.parametrize("cache", [False, True])
def test_they_are_those_of_threads(cache, folder):
    """In two epochs, with an augmentation, a size and targets."""
    options = {
        "augment": ks.augmentation.standard(crop=(32, 32), ignore_class=255), "image_size": (36, 44), "cache": cache,
        "repeat": True, "steps_per_epoch": 3, "batch_size": 2,
    }  # fmt: skip
    found, expected = (
        taken(ks.data.add_multilabel_targets(batches(folder, processes=processes, **options), 3), 6)
        for processes in (True, False)
    )
    check_equal(found, expected)


@pytest.mark.tensorflow_only
def test_shards_and_a_function_that_no_module_holds(folder, tmp_path):
    ks.data.write_shards(folder, tmp_path / "packed", shard_samples=3, progress=False)
    shift = 3

    def shifted(image, mask, seed):
        return image + np.float32(shift), np.roll(mask, seed[0] % shift, axis=1)

    options = {"split": "train", "batch_size": 3, "augment": shifted, "loader": "numpy", "workers": 1}
    found, expected = (
        taken(ks.data.from_shards(tmp_path / "packed", use_multiprocessing=processes, **options), 3)
        for processes in (True, False)
    )
    check_equal(found, expected)


@pytest.mark.tensorflow_only
@pytest.mark.parametrize("memory", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_batches_whose_sizes_differ(folder, memory, monkeypatch):
    """Blocks of shared memory are exchanged for larger ones; without any, as on other systems, arrays are sent."""

    def cut(image, mask, seed):
        rows = 4 + int(image[0, 0, 0]) % 30
        return image[:rows].astype("float32"), mask[:rows]

    if not memory:
        monkeypatch.delattr(os, "memfd_create", raising=False)
    options = {"batch_size": 1, "augment": cut, "repeat": True, "steps_per_epoch": 7}
    found, expected = (taken(batches(folder, processes=processes, **options), 30) for processes in (True, False))
    assert len({images.shape for images, _ in expected}) > 3
    check_equal(found, expected)


def test_a_block_holds_a_batch_that_fits():
    if not hasattr(os, "memfd_create"):
        pytest.skip("there are blocks on Linux only")
    rng = np.random.default_rng(0)
    images, masks = rng.random((3, 4, 5, 2), "float32"), rng.integers(-(2**31), 2**31, (3, 4, 5), "int32")
    block = SharedBlock(size_of(images, masks))
    for count in (3, 1):
        filled = fill(block.place, images[:count], masks[:count])
        check_equal([block.arrays(filled)], [(images[:count], masks[:count])])
    assert fill(block.place, [*images, images[0]], [*masks, masks[0]]) is None
    assert fill(block.place._replace(path="/proc/self/fd/none", number=-1), images, masks) is None
    kept = block.arrays(fill(block.place, images, masks))
    fill(block.place, images[::-1], masks[::-1])
    check_equal([kept], [(images, masks)])


@pytest.mark.tensorflow_only
def test_a_file_that_breaks_is_named_and_may_be_mended(tmp_path):
    path = ks.data.write_shapes(tmp_path / "s", train=2, val=2, image_size=(40, 52))
    image = next((path / "train" / "images").iterdir())
    content = image.read_bytes()
    dataset = batches(path, processes=True, batch_size=2)
    image.write_bytes(b"broken")
    with pytest.raises(InputError, match=image.name):
        next(iter(dataset))
    image.write_bytes(content)
    assert len(taken(dataset, 1)) == 1


@pytest.mark.tensorflow_only
def test_a_killed_process_ends_in_one_line_and_the_next_attempt_works(folder, tmp_path):
    flag = tmp_path / "killed"

    def killed_once(image, mask, seed):
        if not flag.exists():
            flag.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return image, mask

    dataset = batches(folder, processes=True, augment=killed_once)
    with pytest.raises(InputError, match="was ended from outside.*`workers`"):
        next(iter(dataset))
    assert len(taken(dataset, 2)) == 2


needs_proc = pytest.mark.skipif(not pathlib.Path("/proc/self").exists(), reason="looks for processes as Linux does")


def wait_for_end(process):
    end = time.monotonic() + 60
    while not has_ended(process):
        assert time.monotonic() < end, "the process is still there"
        time.sleep(0.1)


@needs_proc
@pytest.mark.tensorflow_only
def test_they_end_with_the_dataset(folder):
    dataset = batches(folder, processes=True)
    iterator = iter(dataset)
    next(iterator)
    processes = list(dataset._processes._pool._processes)
    assert not any(has_ended(process) for process in processes)
    del iterator, dataset
    gc.collect()
    for process in processes:
        wait_for_end(process)


SCRIPT = """
import signal
import sys
import time
signal.signal(signal.SIGINT, signal.default_int_handler)  # Processes in the background may ignore it.
import keras_seg as ks
print("begins", flush=True)
half = lambda image, mask, seed: (image / 2, mask)
data = ks.data.from_folder(
    sys.argv[1], split="train", batch_size=7, augment=half, loader="numpy", workers=1, use_multiprocessing=True
)
print(next(iter(data))[0].shape, flush=True)
print(*data._processes._pool._processes, flush=True)
time.sleep(float(sys.argv[2]))
"""


def begun(tmp_path, folder, seconds):
    """The script, which goes on for some seconds after its first batch."""
    (tmp_path / "script.py").write_text(SCRIPT)
    return subprocess.Popen(
        [sys.executable, "script.py", folder, str(seconds)],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


@needs_proc
@pytest.mark.tensorflow_only
def test_a_script_needs_no_guard_and_leaves_nothing(folder, tmp_path):
    """New processes of Python's own run the main module again."""
    script = begun(tmp_path, folder, 0)
    output, errors = script.communicate(timeout=300)
    assert script.returncode == 0, errors
    assert "Traceback" not in errors and "leaked" not in errors
    first, shape, process = output.split("\n")[:3]
    assert (first, shape) == ("begins", "(7, 40, 52, 3)")
    wait_for_end(process)


@needs_proc
@pytest.mark.slow
@pytest.mark.tensorflow_only
def test_ctrl_c_and_kill_leave_nothing(folder, tmp_path):
    for stop in (signal.SIGINT, signal.SIGKILL):
        script = begun(tmp_path, folder, 600)
        process = [script.stdout.readline() for _ in range(3)][2].strip()
        os.killpg(script.pid, signal.SIGINT) if stop == signal.SIGINT else script.kill()
        _, errors = script.communicate(timeout=100)
        assert script.returncode != 0
        assert errors.count("Traceback") == (stop == signal.SIGINT)
        wait_for_end(process)


def test_what_cannot_be_sent_is_named(folder):
    lock = threading.Lock()

    def locked(image, mask, seed):
        with lock:
            return image, mask

    with pytest.raises(InputError, match=r"`augment` cannot be sent to another process \(.*lock.*\)") as caught:
        next(iter(batches(folder, processes=True, augment=locked)))
    assert "\n" not in str(caught.value)


def test_bad_arguments(folder, monkeypatch):
    with pytest.raises(InputError, match=r"`use_multiprocessing` must be True or False"):
        batches(folder, processes="yes")
    with pytest.raises(InputError, match="`workers`"):
        ks.data.from_folder(folder, split="train", loader="numpy", workers=0, use_multiprocessing=True)
    monkeypatch.setitem(sys.modules, "loky", None)
    with pytest.raises(ImportError, match=r"keras-seg\[workers\]"):
        batches(folder, processes=True)


@pytest.mark.tensorflow_only
def test_tf_data_takes_none(folder, tmp_path):
    pytest.importorskip("tensorflow")
    ks.data.write_shards(folder, tmp_path / "packed", progress=False)
    for path, load in ((folder, ks.data.from_folder), (tmp_path / "packed", ks.data.from_shards)):
        with pytest.raises(InputError, match='`use_multiprocessing` needs the loader in NumPy.*loader="numpy"'):
            load(path, split="train", loader="tensorflow", use_multiprocessing=True)


def test_as_many_as_cores_up_to_a_limit(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 96)
    assert BatchSettings().parallel == 96
    assert BatchSettings(use_multiprocessing=True).parallel == 16
    assert BatchSettings(use_multiprocessing=True, workers=40).parallel == 40
