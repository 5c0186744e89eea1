"""The picture of docs/how-to/report.md: the top of a report, in headless Chromium.

    python docs/figures/report.py RUN

RUN is the output folder of `keras-seg train`: see "CamVid from scratch in fifteen minutes" in docs/benchmarks.md.
"""

import argparse
import pathlib
import shutil
import subprocess
import tempfile

from PIL import Image

OUT = pathlib.Path(__file__).parents[1] / "images" / "report.png"
WIDTH, HEIGHT = 1000, 860


def screenshot(page, out, *, width, height):
    """A picture of the top of a page."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with tempfile.TemporaryDirectory() as profile:
        options = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={profile}")
        size = (f"--window-size={width},{height}", f"--screenshot={out}")
        subprocess.run([browser, *options, *size, page.resolve().as_uri()], check=True, capture_output=True)


def main():
    """Take the picture, and write it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=pathlib.Path)
    run = parser.parse_args().run
    if not (run / "report.html").exists():
        parser.error(f"{run} has no report.html: run keras-seg report {run}")
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "page.png"
        screenshot(run / "report.html", file, width=WIDTH, height=HEIGHT)
        with Image.open(file) as picture:
            picture.convert("RGB").save(OUT, optimize=True)


if __name__ == "__main__":
    main()
