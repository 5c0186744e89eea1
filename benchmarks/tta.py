"""What test-time augmentation gains and costs on CamVid: the table of docs/tta.md.

    python benchmarks/tta.py RUN/model.keras $KERAS_SEG_DATA/camvid

Each row is the plain model with that augmentation, on the 101 images of the val split at 360x480; gains with paired
bootstrap intervals over the images, time as the median over the images of the ratio to the plain model, in turns.
Writes docs/tta.json and the table between the marks in docs/tta.md; `--render` writes the table alone.
"""

import argparse
import datetime
import json
import os
import pathlib

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

import keras_seg as ks
from keras_seg.inference import Brightness, Scale, Shift

DOCS = pathlib.Path(__file__).parents[1] / "docs"
BEGIN, END = "<!-- table of benchmarks/tta.py -->\n", "<!-- end of the table -->"
TRANSFORMS = ("d4", Scale(0.75, 1.25, 1.5), Shift(4), Brightness(0.9, 1.1))
VERDICTS = {"helps": "helps", "harms": "harms", "unclear": "not shown to help"}


def measure(model, data, images):
    """The report as a dict: each transform alone, d4 and the usual flip with scales beside what is recommended."""
    index = ks.data.scan_folder(data, "val", num_classes=11, ignore_class=11, check_images=False)
    index = index.subset(range(images)) if images else index

    def told(done):
        if done % 10 == 0:
            print(f"{done} images", flush=True)

    first = ks.inference.tta_report(model, index, TRANSFORMS, on_batch=told)
    print(first, flush=True)
    groups = {}
    for name, transforms in {"d4": "d4", "usual": ("hflip", Scale(0.75, 1.25))}.items():
        report = ks.inference.tta_report(model, index, transforms, on_batch=told)
        print(report, flush=True)
        groups[name] = report.together.to_dict()
    return {**first.to_dict(), "groups": groups}


def table(result):
    """The rows of a result in Markdown."""
    plain = f"| none | 1 | 1 | {100 * result['mean_iou']:.2f} | {100 * result['boundary_iou']:.2f} | |"
    rows = [*result["alone"], *result["groups"].values()]
    lines = [
        "| transforms | passes | time | mean IoU | boundary IoU | |",
        "|---|---|---|---|---|---|",
        plain,
        *(row_of(row, f"`{row['name']}`") for row in rows),
    ]
    if best := result["recommended_gain"]:
        lines.append(row_of(best, f"**recommended: `{best['name']}`**"))
    return "\n".join(lines) + "\n"


def row_of(row, name):
    """One row: gains in points with their interval."""
    ends = (
        f"{100 * row[score]['gain']:+.2f} ({100 * row[score]['low']:+.2f} to {100 * row[score]['high']:+.2f})"
        for score in ("mean_iou", "boundary_iou")
    )
    return f"| {name} | {row['passes']} | {row['time_ratio']:.1f} | {' | '.join(ends)} | {VERDICTS[row['verdict']]} |"


def render(result):
    """Put the table into docs/tta.md."""
    page = (DOCS / "tta.md").read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    (DOCS / "tta.md").write_text(before + BEGIN + "\n" + table(result) + "\n" + END + after, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", nargs="?", type=pathlib.Path)
    parser.add_argument("data", nargs="?", type=pathlib.Path)
    parser.add_argument("--images", type=int, help="only the first images, to try it out; prints and writes nothing")
    parser.add_argument("--render", action="store_true", help="only write the table of docs/tta.json into docs/tta.md")
    arguments = parser.parse_args()
    if not arguments.render:
        if arguments.data is None:
            parser.error("MODEL and DATA are needed, unless --render")
        result = measure(keras.saving.load_model(arguments.model), arguments.data, arguments.images)
        result["date"] = datetime.date.today().isoformat()
        if arguments.images:
            print(table(result))
            return
        (DOCS / "tta.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    render(json.loads((DOCS / "tta.json").read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
