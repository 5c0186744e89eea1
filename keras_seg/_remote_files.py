"""Files of object stores and other machines, by the addresses of fsspec: s3://bucket/folder, gs://bucket/folder."""

import contextlib
import pathlib
import posixpath
import re
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from keras_seg._types import PathLike
from keras_seg._validation import InputError, first_line, optional_import

_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+)://.*", re.IGNORECASE)
# Stores in which a file appears when it is complete. Elsewhere it is written under another name and moved.
_WHOLE_OR_NOTHING = ("s3", "s3a", "gs", "gcs", "abfs", "abfss", "az")
# Seconds without an answer, and how often a request is sent, before a store of the S3 kind counts as unreachable.
_TIMEOUTS = {"connect_timeout": 10, "read_timeout": 20, "retries": {"max_attempts": 2}}


class UnreachableError(InputError):
    """A store that does not answer, so that all further requests would wait in vain as well."""


def is_remote(path: PathLike) -> bool:
    """Whether a path is an address that fsspec opens."""
    return _ADDRESS.fullmatch(str(path)) is not None


def joined(folder: PathLike, *parts: str) -> str:
    """The path or address of a file in a folder."""
    if not is_remote(folder):
        return str(pathlib.Path(folder, *parts))
    return posixpath.join(str(folder).rstrip("/"), *(part for part in parts if part not in (".", "")))


def before_wildcards(pattern: str) -> str:
    """The start of an address up to the last slash before its first wildcard."""
    start = pattern[: min(pattern.find(sign) for sign in "*?[" if sign in pattern)]
    return start[: start.rindex("/") + 1]


class RemoteFiles:
    """The file system of an address.

    Args:
        address: str, such as "s3://bucket/folder".

    Raises:
        InputError: fsspec knows no such file system, or its package is missing.
        ImportError: fsspec is missing.
    """

    def __init__(self, address: str) -> None:
        fsspec = optional_import("fsspec", "scale", f"Opening {address}")
        found = _ADDRESS.fullmatch(address)
        self._protocol = found[1].lower() if found else "file"
        with one_line(address):
            self._fs: Any = fsspec.filesystem(self._protocol, **storage_options(address))
        if hasattr(self._fs, "retries"):
            self._fs.retries = 1  # The requests below are sent again already.

    def is_file(self, address: str) -> bool:
        """Whether there is a file at an address."""
        with one_line(address):
            return bool(self._fs.isfile(address))

    def exists(self, address: str) -> bool:
        """Whether there is a file or folder at an address."""
        with one_line(address):
            return bool(self._fs.exists(address))

    def matches(self, pattern: str) -> list[str]:
        """What matches a pattern, sorted: the places below the part of it `before_wildcards`."""
        with one_line(pattern):
            root = self._fs._strip_protocol(before_wildcards(pattern)).rstrip("/")
            return [path[len(root) :].lstrip("/") for path in sorted(self._fs.glob(pattern))]

    def walk(self, address: str, depth: int | None) -> Iterator[tuple[str, list[str], list[str]]]:
        """(folder below the address, names of its folders, and of its files) of each folder down to a depth.

        A depth of 1 is the address alone, None is all that there are.
        """
        with one_line(address):
            root = self._fs._strip_protocol(address).rstrip("/")
            waiting = [(root, depth)]
            while waiting:
                folder, left = waiting.pop()
                # One folder at a time: below the first, fsspec leaves out those that it cannot list.
                for _, folders, files in self._fs.walk(folder, maxdepth=1, on_error="raise"):
                    # The mark of an empty folder has its name.
                    yield posixpath.relpath(folder, root), sorted(folders), sorted(name for name in files if name)
                    if left is None or left > 1:
                        below = None if left is None else left - 1
                        waiting += [(f"{folder}/{name}", below) for name in sorted(folders, reverse=True)]

    def open(self, address: str) -> BinaryIO:
        """A stream of a file."""
        with one_line(address):
            return self._fs.open(address, "rb")

    def read(self, address: str) -> bytes:
        """The content of a small file."""
        with one_line(address):
            return self._fs.cat_file(address)

    def fetch(self, address: str, path: pathlib.Path) -> None:
        """Copy a file to this machine."""
        with one_line(address):
            self._fs.get_file(address, str(path))

    def store(self, path: pathlib.Path, address: str) -> None:
        """Copy a file, or a folder of files, to an address: each file appears there when it is complete."""
        if path.is_dir():
            for item in sorted(path.iterdir()):
                self.store(item, joined(address, item.name))
            return
        with one_line(address):
            if self._protocol in _WHOLE_OR_NOTHING:
                self._fs.put_file(str(path), address)
                return
            folder, name = posixpath.split(address)
            self._fs.makedirs(folder, exist_ok=True)
            aside = joined(folder, f".{name}-{path.parent.name}")
            self._fs.put_file(str(path), aside)
            self._fs.mv(aside, address)

    def remove(self, address: str) -> None:
        """Delete a file, if it is there."""
        with one_line(address):
            if self._fs.exists(address):
                self._fs.rm_file(address)

    def remove_folder(self, address: str) -> None:
        """Delete a folder with all that it holds, if it is there."""
        with one_line(address):
            if self._fs.exists(address):
                self._fs.rm(address, recursive=True)

    def move_folder(self, address: str, target: str, *, last: Sequence[str] = ()) -> None:
        """Move a folder: each of its files is copied, and deleted when all are there.

        Args:
            address: str.
            target: str. Where nothing is yet.
            last: sequence of str. The names of files that are copied when all others are there.
        """
        with one_line(address):
            root, place = (self._fs._strip_protocol(folder).rstrip("/") for folder in (address, target))
            found = sorted(self._fs.find(root))
            marks = [path for path in found if posixpath.basename(path) in last]
            others = [path for path in found if posixpath.basename(path) not in last]
            for paths in (others, marks):
                copies = [place + path[len(root) :] for path in paths]
                if self._protocol not in _WHOLE_OR_NOTHING:
                    for folder in sorted({posixpath.dirname(path) for path in copies}):
                        self._fs.makedirs(folder, exist_ok=True)
                if paths:
                    self._fs.copy(paths, copies)
            self._fs.rm(root, recursive=True)


def storage_options(address: str) -> dict[str, Any]:
    """What the file system of an address is made with: listings are never kept, as other processes write as well."""
    fsspec = optional_import("fsspec", "scale", f"Opening {address}")
    found = _ADDRESS.fullmatch(address)
    if found is None or found[1].lower() not in ("s3", "s3a"):
        return {}
    given = fsspec.config.conf.get("s3", {}).get("config_kwargs", {})
    return {"use_listings_cache": False, "config_kwargs": {**_TIMEOUTS, **given}}


@contextlib.contextmanager
def one_line(address: str) -> Iterator[None]:
    """Turn the errors of a store into one line about an address.

    Raises:
        UnreachableError: the store does not answer.
        InputError: it refuses, or there is no such file.
    """
    try:
        yield
    except (InputError, GeneratorExit):
        raise
    except ImportError as error:
        raise InputError(
            f'{address}: cannot be opened ({first_line(error)}). pip install "keras-seg[scale]"'
        ) from error
    except PermissionError as error:
        advice = "Check the credentials and the permissions of the bucket."
        raise InputError(f"{address}: access is denied ({first_line(error)}). {advice}") from error
    except FileNotFoundError as error:
        raise InputError(f"{address}: no such file, folder or bucket. Check the address.") from error
    except Exception as error:
        kind = type(error).__name__
        if "Credentials" in kind:
            raise InputError(
                f"{address}: there are no credentials ({first_line(error)}). Set those of the store."
            ) from error
        waited = isinstance(error, (TimeoutError, ConnectionError)) or re.search("Timeout|Connect", kind)
        if waited or isinstance(error.__cause__, (TimeoutError, ConnectionError)):
            advice = "Check the network and the address of the store, then run again: what is finished is kept."
            raise UnreachableError(f"{address}: the store does not answer ({first_line(error)}). {advice}") from error
        raise InputError(f"{address}: cannot be used ({kind}: {first_line(error)}). Check the address.") from error
