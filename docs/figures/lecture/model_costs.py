"""The cost per image of all models in one protocol, from docs/model_table.json."""

import json
import pathlib

from canvas import BLUE, ORANGE, canvas, ink

TABLE = pathlib.Path(__file__).parents[2] / "model_table.json"
VGG_SIZED = 10_000_000  # Parameters; larger models mostly consist of a VGG16.


def draw():
    """Milliseconds per image of 256x256, with the number of parameters beside each bar."""
    rows = sorted(json.loads(TABLE.read_text()), key=lambda row: row["latency_ms"])
    figure, axes = canvas(1, 1, 4.6)
    axes = axes[0, 0]
    for place, row in enumerate(rows):
        color = ORANGE if row["parameters"] > VGG_SIZED else BLUE
        axes.barh(place, row["latency_ms"], color=ink(color))
        millions = row["parameters"] / 1e6
        size = f"{millions:.1f} M" if millions < 10 else f"{millions:.0f} M"
        axes.text(row["latency_ms"] * 1.1, place, size, va="center", fontsize=8)
    axes.set_yticks(range(len(rows)), [row["model"].replace(", as published", "*") for row in rows])
    axes.set(xscale="log", xlim=(4, 6000))
    label = "ms per 256x256 image, two CPU cores, logarithmic;\nbeside the bars: millions of weights"
    figure.supxlabel(label, fontsize=9)
    axes.set_xticks([10, 100, 1000], ["10", "100", "1000"])
    return figure
