"""Gain and cost of test-time augmentation on CamVid, from docs/tta.json."""

import json
import pathlib

from canvas import BLUE, ORANGE, VERMILION, canvas, ink

MEASURED = pathlib.Path(__file__).parents[2] / "tta.json"
SHADES = {"helps": BLUE, "unclear": ORANGE, "harms": VERMILION}


def draw():
    """Gains with their intervals, with the cost beside them; quarter turns are off the scale."""
    report = json.loads(MEASURED.read_text())
    rows = [*report["alone"], report["recommended_gain"]]
    figure, axes = canvas(1, 1, 3.9)
    axes = axes[0, 0]
    for place, row in enumerate(rows[::-1]):
        gain, low, high = (100 * row["mean_iou"][key] for key in ("gain", "low", "high"))
        color = ink(SHADES[row["verdict"]])
        if gain < -3:
            axes.annotate("", (-2.2, place), (-1.2, place), arrowprops={"arrowstyle": "->", "color": color})
            axes.text(-1.1, place, f"{gain:+.1f}", va="center", fontsize=8)
        else:
            axes.errorbar(
                gain, place, xerr=[[gain - low], [high - gain]], fmt="o", color=color, capsize=3, markersize=5
            )
        axes.text(4.3, place, f"x {row['time_ratio']:.1f}", va="center", fontsize=8)
    axes.axvline(0, color="0.5", linewidth=0.8)
    names = [row["name"].replace(" x Scale", "\nx Scale") for row in rows]
    axes.set_yticks(range(len(rows)), names[::-1])
    axes.text(4.3, len(rows) - 0.3, "time", fontsize=8)
    axes.set(xlim=(-2.4, 5.2), ylim=(-0.6, len(rows) + 0.1), xticks=(-2, -1, 0, 1, 2, 3, 4))
    axes.set_xlabel("gain in mean IoU, points, with 95 % interval")
    return figure
