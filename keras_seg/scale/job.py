"""A job that many workers do item by item, and the loop that hands its items out."""

import abc
import contextlib
import itertools
import logging
import pickle
import socket
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from keras_seg._validation import InputError
from keras_seg._version import __version__
from keras_seg.scale.cluster import Workers

# A worker that dies is started again, and its items are done again: this often at most, as they may be what kills it.
_TRIES = 3


class Job(abc.ABC):
    """What each worker opens once, and then does for each item. It is sent to the workers by pickle."""

    @abc.abstractmethod
    def open(self) -> Callable[[Any], Any]:
        """The function of an item, with all that it needs ready; an InputError that it raises ends the job."""


class Ended(NamedTuple):
    """The line of an error that ends the job."""

    line: str


class Worker:
    """A process that does a job: a callable class, as Ray Data keeps them.

    Args:
        version: str. The version of the process that hands the items out.
        job: bytes. The pickled `Job`, which another version may be unable to load.
    """

    def __init__(self, version: str, job: bytes) -> None:
        self._ended: Ended | None = None
        try:
            if version != __version__:
                raise InputError(
                    f"The worker on {socket.gethostname()} has keras_seg {__version__}, and this process {version}. "
                    "Install the same version on all machines."
                )
            self._do = pickle.loads(job).open()
        except (InputError, ImportError) as error:
            self._ended = Ended(str(error))

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[bytes]]:
        """The results of packed lists of items, packed."""
        return {"packed": [pickle.dumps([self._result(item) for item in pickle.loads(one)]) for one in batch["packed"]]}

    def _result(self, item: Any) -> Any:
        if self._ended is None:
            try:
                return self._do(item)
            except InputError as error:
                self._ended = Ended(str(error))
        return self._ended


def each_result(
    job: Job, items: Iterable[Any], *, workers: Workers, together: int = 1, held: int | None = None
) -> Iterator[Any]:
    """The result of each item, in the order in which they are ready.

    The items are read by one of the workers' machines as they are needed, so `items` is sent there by pickle. The
    results of a worker that dies are neither lost nor doubled: it is started again, and does its items again.

    Args:
        job: `Job`.
        items: iterable that can be pickled, and gives the same items in the same order each time.
        workers: `Workers` of the cluster that runs.
        together: int >= 1. Items that are handed out together.
        held: int >= 1. How many of what is handed out a worker holds at once: 1 for items that take minutes, of which
            none must wait for a busy worker while another is free. Defaults to None, for as many as Ray chooses.

    Raises:
        InputError: a worker could not do its job.
    """
    import ray.data
    from ray.exceptions import RayError

    arguments = {"version": __version__, "job": pickle.dumps(job)}
    with _settings(ray.data), contextlib.ExitStack() as stack:
        source = ray.data.read_datasource(_source(items, together), num_cpus=0, override_num_blocks=1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # The last two have no other name yet.
            done = source.map_batches(
                Worker,
                batch_size=1,
                fn_constructor_kwargs=arguments,
                compute=ray.data.ActorPoolStrategy(size=workers.count, max_tasks_in_flight_per_actor=held),
                num_cpus=workers.cpus,
                num_gpus=workers.gpus or None,
                runtime_env={"env_vars": workers.environment},
                max_restarts=-1,
                max_task_retries=_TRIES,
            )
        rows = done.iter_rows()
        stack.callback(getattr(rows, "close", lambda: None))
        try:
            for row in rows:
                for result in pickle.loads(row["packed"]):
                    if isinstance(result, Ended):
                        raise InputError(result.line)
                    yield result
        except (RayError, RuntimeError) as error:
            raise InputError(f"The workers could not go on: {_cause(error)}. What is finished is kept.") from error


@contextlib.contextmanager
def _settings(data: Any) -> Iterator[None]:
    """Ray Data without its own bars and messages, and with blocks of one row."""
    context, loggers = data.DataContext.get_current(), [logging.getLogger(name) for name in ("ray.data", "ray")]
    wanted = {
        "enable_progress_bars": False,
        "print_on_execution_start": False,
        # Otherwise names are gathered to megabytes, which one worker gets.
        "target_max_block_size": 1,
        "target_min_block_size": 1,
    }
    before = {name: getattr(context, name) for name in wanted if hasattr(context, name)}
    levels = [logger.level for logger in loggers]
    try:
        for name in before:
            setattr(context, name, wanted[name])
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        yield
    finally:
        for name, value in before.items():
            setattr(context, name, value)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _source(items: Iterable[Any], together: int) -> Any:
    """The items as a source of Ray Data that one task reads: a row holds a packed list of them."""
    import ray.data
    from ray.data.block import BlockMetadata

    class Items(ray.data.Datasource):
        def estimate_inmemory_data_size(self) -> None:
            return None

        def get_read_tasks(self, parallelism: int, *args: Any, **kwargs: Any) -> list[Any]:
            nothing = BlockMetadata(num_rows=None, size_bytes=None, input_files=None, exec_stats=None)
            return [ray.data.ReadTask(lambda: _packed(items, together), nothing)]

    return Items()


def _packed(items: Iterable[Any], together: int) -> Iterator[Any]:
    """Tables of one row with a packed list of items."""
    import pyarrow as pa

    iterator = iter(items)
    while part := list(itertools.islice(iterator, together)):
        yield pa.table({"packed": [pickle.dumps(part)]})


def _cause(error: BaseException) -> str:
    """The first line of the innermost error that Ray tells of."""
    inner = getattr(error, "cause", None) or error.__cause__ or error
    lines = [line.strip() for line in str(inner).splitlines() if line.strip()]
    return (lines[-1] if lines else type(inner).__name__)[:300].rstrip(".")
