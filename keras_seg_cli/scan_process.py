"""What a process of a scan does: it looks at files without importing Keras, which takes longer than many scans."""

import importlib.util
import sys
from collections.abc import Callable, Iterable
from multiprocessing.connection import Connection
from typing import Any, NamedTuple, NoReturn

# Importing these would import everything.
_EMPTY = ("keras_seg", "keras_seg.data")


class Request(NamedTuple):
    """A scan of the images to train on.

    Attributes:
        path: str. The data folder.
        task: str. Name of the task.
        options: dict of arguments of the task's scan.
    """

    path: str
    task: str
    options: dict[str, Any]


class Share(NamedTuple):
    """What one of several processes found.

    Attributes:
        split: str or None. The split that was scanned.
        items: list. The files that were looked at, as the scan lists them.
        results: list. What was found in each.
    """

    split: str | None
    items: list[Any]
    results: list[Any]


def send_share(sender: Connection, request: Request, *, first: int, step: int) -> None:
    """Look at the files at places `first`, `first + step` and so on, send a `Share`, and end; or end if that fails."""
    _import_without_contents()
    from keras_seg.data.index.thread_map import mapped_by

    find, scan = _functions(request.task)
    try:
        split = "train" if find(request.path) else None

        def send(function: Callable[[Any], Any], items: Iterable[Any], *, workers: int) -> NoReturn:
            mine = list(items)[first::step]
            sender.send(Share(split, mine, [function(item) for item in mine]))
            raise SystemExit  # The rest of the scan is for the process that waits.

        with mapped_by(send):
            scan(request.path, split=split, **request.options)
    except Exception:
        # If nothing was sent, the process that waits scans alone, and shows the error.
        sender.close()


def _import_without_contents() -> None:
    """Let modules of the package be imported without what its `__init__` imports."""
    for name in _EMPTY:
        spec = importlib.util.find_spec(name)
        if spec is not None:
            sys.modules[name] = importlib.util.module_from_spec(spec)


def _functions(task: str) -> tuple[Callable[[str], Any], Callable[..., Any]]:
    """What finds the splits, and what scans: as in the tasks of the same names, which need Keras."""
    from keras_seg.data.index.folder_index import scan_folder
    from keras_seg.data.index.instance_index import scan_instances
    from keras_seg.data.index.instance_pairs import find_instance_splits
    from keras_seg.data.index.multilabel_index import scan_multilabel
    from keras_seg.data.index.pairs import find_splits

    scans = {"instances": scan_instances, "multilabel": scan_multilabel}
    return find_instance_splits if task == "instances" else find_splits, scans.get(task, scan_folder)
