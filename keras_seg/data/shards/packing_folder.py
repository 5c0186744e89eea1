"""The folder that shards are written to: complete or absent, and continued after an interruption."""

import contextlib
import json
import os
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any

from keras_seg import _files, _validation
from keras_seg._validation import InputError
from keras_seg.data.index.file_listing import is_junk, some_of
from keras_seg.data.index.packed_folder import FILE, is_packed

_UNFINISHED = "unfinished.json"


class PackingFolder:
    """The folder OUT.partial, which becomes OUT when all shards are written.

    Args:
        path: the folder OUT.partial.
        fingerprint: text that differs when other shards are written.
    """

    def __init__(self, path: pathlib.Path, fingerprint: str) -> None:
        self.path = path
        self._fingerprint = fingerprint
        # The facts of the shards that are complete, by their names.
        self.finished: dict[str, dict[str, Any]] = {}

    def begin(self) -> None:
        """Keep the shards of an interrupted call that wrote the same ones, and remove everything else."""
        found = _read(self.path / _UNFINISHED)
        if self.path.exists() and found is None and any(self.path.iterdir()):
            raise InputError(
                f"{self.path}: exists, and holds no interrupted packing. Remove it, or choose another place."
            )
        try:
            _files.make_folder(self.path)
        except OSError as error:
            raise _files.not_writable(self.path, error) from error
        if found is not None and found["fingerprint"] == self._fingerprint:
            self.finished = {
                name: facts
                for name, facts in found["shards"].items()
                if (self.path / name).is_file() and (self.path / name).stat().st_size == facts["bytes"]
            }
        for entry in self.path.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
            elif entry.name not in self.finished and entry.name != _UNFINISHED:
                entry.unlink()
        self._note()

    def finish(self, name: str, facts: dict[str, Any]) -> None:
        """Note that a shard is complete."""
        self.finished[name] = facts
        self._note()

    def _note(self) -> None:
        _files.write_json(self.path / _UNFINISHED, {"fingerprint": self._fingerprint, "shards": self.finished})


@contextlib.contextmanager
def packing_folder(out: pathlib.Path, fingerprint: str, *, overwrite: bool) -> Iterator[PackingFolder]:
    """The folder to write to. It replaces `out` when the block succeeds.

    It is removed when the block fails, and stays for the next call when the block is interrupted.

    Raises:
        InputError: `out` holds something, or is not to be replaced.
    """
    refuse_taken(out, overwrite=overwrite)
    folder = PackingFolder(out.with_name(out.name + ".partial"), fingerprint)
    folder.begin()
    try:
        yield folder
        (folder.path / _UNFINISHED).unlink()
        if out.exists() and not any(out.iterdir()):
            out.rmdir()
        if out.exists():
            _files.put_in_place(folder.path, out)
        else:
            os.replace(folder.path, out)
    except OSError as error:
        shutil.rmtree(folder.path, ignore_errors=True)
        raise _files.not_writable(out, error) from error
    except Exception:
        shutil.rmtree(folder.path, ignore_errors=True)
        raise


def refuse_taken(out: pathlib.Path, *, overwrite: bool) -> None:
    """Refuse the current folder, and a place that holds something other than shards which are to be replaced."""
    if not out.exists() and not out.is_symlink():
        return
    if out.is_symlink() or not out.is_dir():
        _validation.fail("out", "must be a folder that does not exist yet", str(out), "Choose another place.")
    if pathlib.Path.cwd().is_relative_to(out.resolve()):
        fix = "Give the path of a new folder."
        _validation.fail("out", "is the current folder or holds it, and cannot be replaced", str(out), fix)
    if not any(out.iterdir()):
        return
    content = _json(out / FILE)
    if not is_packed(content):
        _validation.fail("out", "holds something other than shards", str(out), "Choose another place.")
    # The whole folder is replaced.
    ours = {FILE, *_shard_names(content)}
    entries = [entry for entry in out.iterdir() if entry.is_dir() or not is_junk(entry.name)]
    if others := sorted(entry.name for entry in entries if entry.name not in ours):
        rule = f"holds something other than shards ({some_of(others)})"
        _validation.fail("out", rule, str(out), "Move it, or choose another place.")
    if not overwrite:
        _validation.fail("out", "holds shards already", str(out), "Choose another place, or pass `overwrite=True`.")


def _shard_names(content: dict[str, Any]) -> set[str]:
    """The names of the shards that a dataset.json lists; none if it is damaged."""
    try:
        return {str(shard["name"]) for split in content["splits"].values() for shard in split["shards"]}
    except (AttributeError, KeyError, TypeError):
        return set()


def _read(file: pathlib.Path) -> dict[str, Any] | None:
    """What an interrupted call noted."""
    found = _json(file)
    known = isinstance(found, dict) and isinstance(found.get("shards"), dict) and "fingerprint" in found
    return found if known else None


def _json(file: pathlib.Path) -> Any:
    try:
        return json.loads(file.read_bytes())
    except (OSError, ValueError):
        return None
