"""Draws the lecture's figures when the site is built: those whose script, data or package has changed since.

The pictures land in docs/images/lecture, which git ignores; `.drawn.json` beside them says what each was drawn from.
"""

import ast
import hashlib
import json
import logging
import pathlib
import subprocess
import sys

from mkdocs.exceptions import PluginError

DOCS = pathlib.Path(__file__).parents[1]
SCRIPTS = DOCS / "figures" / "lecture"
PICTURES = DOCS / "images" / "lecture"
DRAWN = PICTURES / ".drawn.json"
SHARED = ("canvas.py", "make.py", "nets.py")

log = logging.getLogger("mkdocs.hooks.lecture_figures")


def on_pre_build(config):
    """Draw what is missing or was drawn from something else."""
    wanted = fingerprints()
    drawn = json.loads(DRAWN.read_text()) if DRAWN.exists() else {}
    stale = [name for name in wanted if drawn.get(name) != wanted[name] or not (PICTURES / f"{name}.png").exists()]
    for stray in set(PICTURES.glob("*.png")) - {PICTURES / f"{name}.png" for name in wanted}:
        stray.unlink()
    if not stale:
        return
    log.info("Drawing %d figures of the lecture with the package; takes up to a minute", len(stale))
    command = [sys.executable, SCRIPTS / "make.py", PICTURES, *stale]
    done = subprocess.run(command, cwd=DOCS.parent, capture_output=True, text=True)
    if done.returncode:
        raise PluginError(f"The lecture's figures could not be drawn: {done.stderr[-3000:]}")
    DRAWN.write_text(json.dumps(wanted, indent=1))


def fingerprints():
    """What each figure is drawn from, as a hash: its script, what all share, measured numbers, and the package."""
    common = hashlib.sha256()
    sources = [SCRIPTS / name for name in SHARED]
    sources += sorted((DOCS.parent / "keras_seg").rglob("*.py")) + sorted(DOCS.glob("*.json"))
    for source in sources:
        common.update(source.read_bytes())
    return {
        name: hashlib.sha256(common.digest() + (SCRIPTS / f"{name}.py").read_bytes()).hexdigest() for name in figures()
    }


def figures():
    """The names in make.py, read without running it: it is not to start TensorFlow in this process."""
    for node in ast.parse((SCRIPTS / "make.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "FIGURES":
            return ast.literal_eval(node.value)
    raise PluginError("docs/figures/lecture/make.py has no FIGURES")
