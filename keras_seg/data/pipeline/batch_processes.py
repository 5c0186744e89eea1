"""Processes that make batches, side by side: of the threads of a process, one at a time runs Python."""

import os
import pickle
import queue
import signal
import threading
import time
import weakref
from collections.abc import Sequence
from typing import Any

import keras

from keras_seg import _philox, _validation
from keras_seg._validation import InputError
from keras_seg.data.pipeline.example_maker import Example, ExampleMaker, stacked
from keras_seg.data.pipeline.shared_block import Filled, Place, SharedBlock, fill, size_of

_SECONDS_BETWEEN_LOOKS = 2

# Of the process: what it makes examples with, as it was sent and as it is used.
_sent: bytes = b""
_maker: ExampleMaker | None = None


class BatchProcesses:
    """New processes on this machine, each of which makes one batch at a time.

    They import the package, which takes seconds, and see no GPU. They end with the object.

    Args:
        count: int >= 1. Processes.
        maker: `ExampleMaker`; its functions are sent to them.

    Raises:
        InputError: `maker` cannot be sent.
    """

    def __init__(self, count: int, maker: ExampleMaker) -> None:
        import loky

        self.lost = False  # Whether one was ended from outside, and with it all of them.
        self._error = loky.process_executor.TerminatedWorkerError
        # loky's processes do not run the main module again, so that a script needs no guard, and it sends functions
        # that a notebook defines.
        self._pool = loky.ProcessPoolExecutor(
            count, initializer=_begin, initargs=(_pickled(maker), os.getpid()), env=_environment()
        )
        # Made when the size of a batch is known, by the threads that wait for batches, each of which holds one.
        self._blocks: queue.SimpleQueue[SharedBlock] = queue.SimpleQueue()
        weakref.finalize(self, self._pool.shutdown, wait=False, kill_workers=True)

    def batch(self, sources: Sequence[Any], seeds: Sequence[_philox.Seed]) -> Example:
        """The augmented examples of a batch, made in one of the processes."""
        try:
            block: SharedBlock | None = self._blocks.get_nowait()
        except queue.Empty:
            block = None
        try:
            made = self._pool.submit(_make, sources, seeds, block and block.place).result()
        except self._error as error:
            self.lost = True
            raise InputError(
                "A process that reads the data was ended from outside, often because memory is full. Pass fewer "
                "`workers`, or use_multiprocessing=False."
            ) from error
        if isinstance(made, Filled):
            assert block is not None
            batch = block.arrays(made)
        else:
            batch, block = made, SharedBlock.made(size_of(*made))
        if block is not None:
            self._blocks.put(block)
        return batch


def _pickled(maker: ExampleMaker) -> bytes:
    import cloudpickle

    try:
        return cloudpickle.dumps(maker)
    except Exception as error:  # Whatever an object raises that cannot be pickled.
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        fix = "Define it as a function of a module, or pass use_multiprocessing=False."
        _validation.fail("augment", f"cannot be sent to another process ({text})", maker.augment, fix)


def _environment() -> dict[str, str]:
    """Of the processes: the backend of this one, on the CPU, and one thread each."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    hidden = {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
    log = {"TF_CPP_MIN_LOG_LEVEL": "3"}
    return {"KERAS_BACKEND": keras.backend.backend(), **threads, **hidden, **log}


def _begin(sent: bytes, parent: int) -> None:
    global _sent
    _sent = sent
    # Ctrl+C reaches all processes of a terminal, and the one that trains ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """End this process after the one that started it, which may be killed without a word."""
    while os.getppid() == parent:
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    os._exit(1)


def _make(sources: Sequence[Any], seeds: Sequence[_philox.Seed], place: Place | None) -> Example | Filled:
    """A batch, or where in the block it lies."""
    global _maker
    # Not as the process begins, so that an error is told as that of a job.
    maker: ExampleMaker = pickle.loads(_sent) if _maker is None else _maker
    _maker = maker
    examples = [maker.augmented(source, seed) for source, seed in zip(sources, seeds, strict=True)]
    filled = None if place is None else fill(place, *zip(*examples, strict=True))
    return filled or stacked(examples)
