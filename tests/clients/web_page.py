"""The page of examples/web, served and driven in headless Chromium."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "examples" / "web"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def browser():
    """The browser's path, from the variable CHROMIUM or by its usual names; None where there is none."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)


def what_is_missing():
    """One line on what has to be installed to drive the page, or None."""
    if not (PAGE / "node_modules" / "playwright-core").is_dir():
        return "run `npm ci` in examples/web to test the page in a browser"
    if shutil.which("node") is None:
        return "there is no node to drive a browser with"
    if browser() is None:
        return "there is no Chromium: install it, or name one in the variable CHROMIUM"
    return None


def lay(folder):
    """Copy the page into a folder, to which models can be added."""
    for file in PAGE.iterdir():
        if file.suffix in (".html", ".css", ".js", ".py"):
            shutil.copy(file, folder)
    (folder / "node_modules").symlink_to(PAGE / "node_modules")
    shutil.copy(pathlib.Path(__file__).with_name("drive_web.mjs"), folder)


def visit(folder, steps):
    """What the page in `folder` says at each of the steps, by their names.

    Args:
        folder: where `lay` has laid the page.
        steps: dict from a name to what `drive_web.mjs` is to do.
    """
    (folder / "steps.json").write_text(json.dumps(list(steps.values())))
    server = subprocess.Popen(
        [sys.executable, folder / "serve.py", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        url = server.stdout.readline().strip() + "/"
        command = ["node", "drive_web.mjs", url, browser(), "steps.json"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    finally:
        server.terminate()
        server.wait()
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout)
    assert told["troubles"] == []
    assert told["elsewhere"] == [], "the page asked another host for something"
    return dict(zip(steps, told["told"], strict=True))
