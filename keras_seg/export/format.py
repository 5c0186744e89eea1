"""A file format as the exporter sees it."""

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from keras_seg import _validation
from keras_seg._files import size_on_disk

if TYPE_CHECKING:
    import keras
    import numpy as np
    import tensorflow as tf

    from keras_seg.export.delegates.report import DelegateCheck
    from keras_seg.export.request import Request

# Threads that a file is timed with: a phone's two fast cores, and what the build machines have.
THREADS = 2
# Files that Windows writes into folders that are looked into.
_HIDDEN_BY_WINDOWS = ("thumbs.db", "desktop.ini")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Loaded:
    """An exported file in its own runtime.

    Attributes:
        run: callable. Takes a batch, float32 or uint8 as the file does, and returns a dict of arrays by name.
        input_shape: tuple. (batch, height, width, channels) of the input, None where it may be any.
        ops: tuple of str. The distinct operators, sorted.
        threads: int. How many `run` computes with. Defaults to `THREADS`.
    """

    run: Callable[["np.ndarray"], dict[str, Any]]
    input_shape: tuple[int | None, ...]
    ops: tuple[str, ...]
    threads: int = THREADS


@dataclasses.dataclass(frozen=True, kw_only=True)
class Format:
    """How a model is written in one format, and how the file is run.

    Attributes:
        name: str. As in the report, such as "tflite".
        title: str. As in errors, such as "TFLite".
        write: callable of a `traced_module`, of the path to write to, and of the `Request`.
        load: callable of that path that returns `Loaded`.
        requires: tuple of (module, extra). The packages that writing and loading need.
        runtime: tuple of (module, extra). Those of them that loading needs.
        subpixel: bool or "deep". The form of upsampling that the runtime computes fastest, as `inference_graph` takes
            it. Defaults to "deep".
        delegates: callable of the path that returns the `DelegateCheck` of each delegate of phones, or of each other
            reader. Defaults to none.
        for_gpu: bool. Whether files that compute in floats are written for the GPUs of phones, without selections, as
            OpenCV needs them too. Defaults to False.
        adapted: callable of the `keras.Model` to write in such a file that returns the form that the runtime computes
            rightly. Defaults to the model itself.
        sidecar: bool. Whether the description is a JSON file beside the exported file. Defaults to True.
        inside: callable of the path that returns the description inside the file. Defaults to None, for none inside.
        folder_mark: str or None. Where the format is a folder, the file that shows that a folder is one of this format.
            Defaults to None, for a file.
        folder_parts: tuple of str. The names of what such a folder holds. Defaults to none, for a file.
        companion: str or None. The suffix of a second file, written beside the first. Defaults to None.
    """

    name: str
    title: str
    write: Callable[["tf.Module", pathlib.Path, "Request"], None]
    load: Callable[[pathlib.Path], Loaded]
    requires: tuple[tuple[str, str], ...]
    runtime: tuple[tuple[str, str], ...]
    subpixel: bool | Literal["deep"] = "deep"
    delegates: Callable[[pathlib.Path], tuple["DelegateCheck", ...]] = lambda path: ()
    for_gpu: bool = False
    adapted: Callable[["keras.Model"], "keras.Model"] = lambda model: model
    sidecar: bool = True
    inside: Callable[[pathlib.Path], dict[str, Any]] | None = None
    folder_mark: str | None = None
    folder_parts: tuple[str, ...] = ()
    companion: str | None = None

    def check_installed(self) -> None:
        """Fail unless the packages that the format needs are installed."""
        for module, extra in self.requires:
            _validation.optional_import(module, extra, f"Exporting to {self.title}")

    def check_runnable(self) -> None:
        """Fail unless the packages that run a file are installed."""
        for module, extra in self.runtime:
            _validation.optional_import(module, extra, f"Running {self.title}")

    def check_replaceable(self, path: pathlib.Path) -> None:
        """Fail where the export would replace what no export wrote, with overwriting too.

        That is a folder that this format did not write, or with more in it, the current folder, another file in the
        place of the description, or a second file without the first.
        """
        if path.is_dir() and pathlib.Path.cwd().is_relative_to(path.resolve()):
            fix = "Give the path of a new file or folder."
            _validation.fail("path", "is the current folder or holds it, and cannot be replaced", str(path), fix)
        beside = self.sidecar_of(path)
        if self.sidecar and beside.exists() and not _is_description(beside):
            rule = f"is described by {beside.name} beside it, which exists already and holds something else"
            _validation.fail("path", rule, str(path), "Choose another path, or move that file.")
        for part in self._parts(path)[1:]:
            if part.exists() and not path.exists():
                rule = (
                    f"exists already in part: {part.name} lies there without {path.name}, and may be another program's"
                )
                _validation.fail("path", rule, str(path), f"Choose another path, or move {part.name}.")
        if path.is_dir():
            self._check_folder(path)

    def _check_folder(self, path: pathlib.Path) -> None:
        """Fail where a folder holds anything else than one export: a folder is replaced with all that is in it."""
        if self.folder_mark is None:
            _validation.fail("path", "is a folder", str(path), "Name a file in it.")
        held = {item.name for item in path.iterdir()}
        if held and self.folder_mark not in held:
            rule = f"is a folder that holds no {self.title}"
            _validation.fail("path", rule, str(path), "Choose another path.")
        if others := sorted(held.difference(self.folder_parts)):
            rule = f"is a folder that holds {others[0]} besides the {self.title}"
            _validation.fail("path", rule, str(path), f"Choose another path, or move {others[0]}.")

    def check_complete(self, path: pathlib.Path) -> None:
        """Fail where the second file of a format of two is not beside the first."""
        for part in self._parts(path):
            if not part.exists():
                raise _validation.InputError(
                    f"{path}: keeps its weights in {part.name}, which is not beside it. Copy both into one folder."
                )

    def size(self, path: pathlib.Path) -> int:
        """Bytes on disk of what is at `path`, a second file included."""
        return sum(size_on_disk(file) for file in self._parts(path))

    def digest(self, path: pathlib.Path) -> str:
        """A text that is equal for equal contents of what is at `path`, a second file included.

        Files that systems leave in folders, such as .DS_Store, do not count.
        """
        found = hashlib.sha256()
        for part in self._parts(path):
            for file in [part] if part.is_file() else _files_within(part):
                found.update(file.read_bytes())
        return found.hexdigest()[:32]

    def sidecar_of(self, path: pathlib.Path) -> pathlib.Path:
        """Where the description is, if it is beside the file."""
        # "." has no name, and the name of ".." is not that of the folder.
        path = path.resolve() if path.name in ("", "..") else path
        return path.with_name(f"{path.name}.json")

    def _parts(self, path: pathlib.Path) -> list[pathlib.Path]:
        return [path] if self.companion is None else [path, path.with_suffix(self.companion)]


def _files_within(folder: pathlib.Path) -> list[pathlib.Path]:
    """The files of a folder, sorted, without hidden ones: no format writes such."""
    found = (item for item in folder.rglob("*") if item.is_file())
    return sorted(item for item in found if not _is_hidden(item.relative_to(folder)))


def _is_hidden(path: pathlib.Path) -> bool:
    """Whether a system hides a file: by a leading dot, or as Windows does."""
    return any(part.startswith(".") for part in path.parts) or path.name.lower() in _HIDDEN_BY_WINDOWS


def _is_description(path: pathlib.Path) -> bool:
    """Whether a file is a description that an export wrote beside another file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and "keras_seg_version" in content
