"""The pictures and numbers of docs/phone.md, made by the page's own code, at its full length.

python docs/figures/phone.py  (trains for minutes; rewrites docs/images/phone/, docs/phone.json and the page's table)

Needs `npm ci` in examples/web, and Chromium.
"""

import json
import os
import pathlib
import sys
import tempfile
import time

import numpy as np
from PIL import Image

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
DOCS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(DOCS.parent), *(str(DOCS.parent / "tests" / folder) for folder in ("docs", "clients"))]

import page_code  # noqa: E402  How the tests run a page, and how they open the web page.
import web_page  # noqa: E402

PAGE, NUMBERS, OUT = DOCS / "phone.md", DOCS / "phone.json", DOCS / "images" / "phone"
START, END = "<!-- from docs/phone.json -->\n", "<!-- end -->"


def run_page():
    """The page's Python in the working directory, without the shortcuts of the tests; its variables at the end."""
    text = PAGE.read_text(encoding="utf-8")
    shown = pathlib.Path("page.md")
    shown.write_text("".join(line for line in text.splitlines(True) if not line.startswith("<!-- instead:")))
    names = {"__name__": "__main__"}
    for block in page_code.read(shown).blocks:
        if block.kind == "python":
            print(f"line {block.line} ...", flush=True)
            exec(compile(block.text, f"{PAGE}:{block.line}", "exec"), names)
    return names


def in_the_browser(names):
    """Screenshots, and the number of validation pixels whose class differs between the browser and Keras."""
    site = pathlib.Path("site").resolve()
    site.mkdir()
    web_page.lay(site)
    (site / "model.tflite").write_bytes(pathlib.Path("shapes.tflite").read_bytes())
    photo = {"do": "give", "file": str(pathlib.Path("photo.png").resolve()), "type": "image/png"}
    steps = {"open": {"do": "open"}}
    # At a size that the page does not resize, so that every pixel enters the model unchanged.
    images = names["images"][:20]
    for number, image in enumerate(images):
        Image.fromarray(image.astype("uint8")).save(site / f"{number}.png")
        steps[number] = {**photo, "file": str(site / f"{number}.png")}
    steps["photo"] = photo
    for name, width, height in (("browser", 1000, 620), ("browser_phone", 390, 700)):
        steps[name] = {"do": "screenshot", "file": str(site / f"{name}.png"), "width": width, "height": height}
    told = web_page.visit(site, steps)
    for name in ("browser", "browser_phone"):
        _save(Image.open(site / f"{name}.png"), name)
    expected = names["ks"].inference.predict_classes(names["model"], images)
    found = np.array([told[number]["classes"] for number in range(len(images))]).reshape(expected.shape)
    return {
        "images": len(images),
        "agreement": float((found == expected).mean()),
        "milliseconds": float(np.median([told[number]["milliseconds"] for number in range(len(images))])),
        "model": told["open"]["model"],
    }


def table(numbers):
    """The page's table."""
    rows = ["| | size | mean IoU | same class as Keras | per image |", "|---|---|---|---|---|"]
    rows.append(f"| Keras | | {numbers['keras']['mean_iou']:.3f} | | |")
    for name in ("float32", "int8"):
        each = numbers[name]
        rows.append(
            f"| `.tflite`, {name} | {each['size_bytes'] / 1e6:.2f} MB | {each['mean_iou']:.3f} | "
            f"{100 * each['agreement']:.2f} % | {each['milliseconds']:.1f} ms |"
        )
    web = numbers["browser"]
    rows.append(f"| float32 in Chromium | | | {100 * web['agreement']:.2f} % | {web['milliseconds']:.1f} ms |")
    return "\n".join(rows) + "\n"


def _save(image, name):
    image.convert("RGB").save(OUT / f"{name}.jpg", quality=88)


def main():
    """Run the page, take the pictures, write the numbers."""
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        started = time.monotonic()
        names = run_page()
        both = [np.asarray(Image.open(f"{name}.png").convert("RGB")) for name in ("photo", "mediapipe")]
        gap = np.full((both[0].shape[0], 12, 3), 255, "uint8")
        _save(Image.fromarray(np.concatenate([both[0], gap, both[1]], axis=1)), "mediapipe")
        kept = ("size_bytes", "mean_iou", "agreement", "max_abs_difference", "milliseconds", "threads", "images")
        numbers = {
            "command": "python docs/figures/phone.py",
            "keras": {"mean_iou": names["judged"].mean_iou, "interval": list(names["judged"].mean_iou_interval())},
            "float32": {key: names["report"].to_dict()[key] for key in kept},
            "int8": {key: names["small"].to_dict()[key] for key in kept},
            "mediapipe_agreement": float(names["same"].mean()),
            "browser": in_the_browser(names),
            "seconds": round(time.monotonic() - started),
        }
        os.chdir(DOCS)
    NUMBERS.write_text(json.dumps(numbers, indent=2) + "\n")
    before, rest = PAGE.read_text(encoding="utf-8").split(START)
    PAGE.write_text(before + START + table(numbers) + END + rest.split(END, 1)[1], encoding="utf-8")
    print(json.dumps(numbers, indent=2))


if __name__ == "__main__":
    main()
