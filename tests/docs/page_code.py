"""The code of a documentation page: which blocks it has, and how they are run.

All Python blocks of a page run from top to bottom in one namespace, in the working directory; in console and bash
blocks the commands that begin with `keras-seg` or `python` run in a shell. Comments that nobody sees tune it:

    <!-- not run: REASON -->      the next block is not run
    <!-- instead: OLD -> NEW -->  the next block is run with NEW in the place of OLD, which must be there
    <!-- setup                    Python that is run and not shown, up to a line -->
    <!-- slow page -->            on the first line: left to `make test-all`
    <!-- needs: MODULE, ... -->   on the first line, too: skipped where one of these is not installed
"""

import dataclasses
import os
import pathlib
import re
import subprocess
import sys
import textwrap
import traceback

PYTHON, SHELL = ("python",), ("console", "bash", "sh", "shell")
FENCE = re.compile(r"( *)(`{3,})\s*\{?\.?([\w+-]*)")
ROOT = pathlib.Path(__file__).resolve().parents[2]


@dataclasses.dataclass
class Block:
    """Lines of a page that are run: `line` is the number of the first of them, counted from 1."""

    kind: str  # "python" or "shell"
    line: int
    text: str


@dataclasses.dataclass
class Page:
    """A page, read."""

    path: pathlib.Path
    blocks: list
    left_out: list  # (line, reason)


class PageError(Exception):
    """A page that cannot be read, or a block that failed; the message begins with page and line."""


def read(path):
    """The blocks of the page at `path`."""
    page, notes = Page(pathlib.Path(path), [], []), []
    lines = enumerate(page.path.read_text(encoding="utf-8").splitlines(), start=1)
    for number, line in lines:
        if line.strip() == "<!-- setup":
            text = _until(lines, lambda line: line.strip() == "-->", page, number)
            page.blocks.append(Block("python", number + 1, text))
        elif fence := FENCE.match(line):
            indent, ticks, language = fence.groups()
            text = _until(lines, lambda line, end=ticks: line.strip() == end, page, number)
            kind = "python" if language in PYTHON else "shell" if language in SHELL else None
            text = textwrap.dedent(text) if indent else text
            _add(page, kind, number + 1, text, notes)
            notes = []
        elif note := re.fullmatch(r"\s*<!-- (not run|instead):(.*)-->\s*", line):
            notes.append((number, note[1], note[2].strip()))
        elif line.strip() and notes:
            raise PageError(f"{page.path}:{notes[0][0]}: no block of code follows the comment")
    return page


def needs(path):
    """The modules that the first line of the page at `path` names."""
    first = pathlib.Path(path).read_text(encoding="utf-8").split("\n", 1)[0]
    found = re.search(r"<!-- needs: (.+?) -->", first)
    return found[1].split(", ") if found else []


def is_slow(path):
    """Whether the page at `path` says of itself that its code takes long."""
    return pathlib.Path(path).read_text(encoding="utf-8").startswith("<!-- slow page -->")


def run(page):
    """Run the blocks of a page in the working directory; a PageError says which failed."""
    names = {"__name__": "__main__"}
    for block in page.blocks:
        if block.kind == "python":
            _run_python(page, block, names)
        else:
            _run_shell(page, block)


def commands(block):
    """(line, command) for each command of a shell block that is run."""
    number, found = block.line, []
    lines = iter(block.text.splitlines())
    for line in lines:
        first, command = number, line.strip().removeprefix("$ ")
        while command.endswith("\\"):
            command = command[:-1] + next(lines, "").strip()
            number += 1
        number += 1
        if re.match(r"(?:\w+=\S* )*(keras-seg|python)( |$)", command):
            found.append((first, command))
    return found


def _until(lines, ends, page, start):
    text = []
    for _, line in lines:
        if ends(line):
            return "\n".join(text) + "\n"
        text.append(line)
    raise PageError(f"{page.path}:{start}: does not end")


def _add(page, kind, line, text, notes):
    for number, what, note in notes:
        if kind is None:
            raise PageError(
                f"{page.path}:{number}: a block that is not Python or console is never run; no comment needed"
            )
        if not note:
            raise PageError(f"{page.path}:{number}: say why the block is not run")
        if what == "not run":
            page.left_out.append((line, note))
            return
        old, arrow, new = note.partition(" -> ")
        if not arrow or old not in text:
            raise PageError(f"{page.path}:{number}: `{old}` is not in the block that follows")
        text = text.replace(old, new)
    if kind:
        page.blocks.append(Block(kind, line, text))


def _run_python(page, block, names):
    try:
        # With the page's own line numbers, so that a traceback shows the page.
        exec(compile("\n" * (block.line - 1) + block.text, str(page.path), "exec"), names)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        places = [
            frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(page.path)
        ]
        line = places[0] if places else getattr(error, "lineno", None) or block.line
        raise PageError(f"{page.path}:{line}: {''.join(traceback.format_exception(error))}") from error


def _run_shell(page, block):
    environment = {
        **os.environ,
        "PATH": os.pathsep.join((str(pathlib.Path(sys.executable).parent), os.environ.get("PATH", ""))),
        "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
    }
    for line, command in commands(block):
        done = subprocess.run(command, shell=True, capture_output=True, text=True, env=environment)
        if done.returncode:
            printed = (done.stdout + done.stderr)[-3000:]
            raise PageError(f"{page.path}:{line}: `{command}` ended with status {done.returncode}\n{printed}")
