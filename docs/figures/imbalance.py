"""The picture of docs/how-to/imbalance.md: thin and rare classes of CamVid under five losses.

python docs/figures/imbalance.py  (reads docs/class_imbalance.json, rewrites docs/images/how-to/imbalance.png)
"""

import collections
import json
import pathlib

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

DOCS = pathlib.Path(__file__).parents[1]
OUT = DOCS / "images" / "how-to" / "imbalance.png"
CLASSES = ("pole", "sign", "fence", "pedestrian", "bicyclist")
COLORS = ("#777777", "#0072B2", "#E69F00", "#56B4E9", "#009E73")


def main():
    """Bars of the mean over seeds, with the range."""
    content = json.loads((DOCS / "class_imbalance.json").read_text())
    runs = collections.defaultdict(list)
    for run in content["runs"]:
        runs[run["loss"]].append([100 * run["iou"][name] for name in CLASSES])
    figure, axis = plt.subplots(figsize=(9, 3.8), layout="constrained")
    width = 0.8 / len(runs)
    for row, ((loss, values), color) in enumerate(zip(runs.items(), COLORS, strict=True)):
        values = np.array(values)
        mean, low, high = values.mean(0), values.min(0), values.max(0)
        places = np.arange(len(CLASSES)) - 0.4 + (row + 0.5) * width
        bars = {"color": color, "label": loss, "error_kw": {"elinewidth": 1}}
        axis.bar(places, mean, width, yerr=(mean - low, high - mean), **bars)
    shares = content["share"]
    axis.set_xticks(range(len(CLASSES)), [f"{name}\n{100 * shares[name]:.1f} % of the pixels" for name in CLASSES])
    axis.set_ylabel("IoU, %")
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, loc="upper left")
    OUT.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(OUT, dpi=100)


if __name__ == "__main__":
    main()
