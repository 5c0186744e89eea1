"""The exponents, the limits and the picture of what growth.py measured."""

import json
import math
import pathlib

FILE = "growth.json"
DOCS = pathlib.Path(__file__).resolve().parent.parent / "docs"
HEAD = ["part", "grows with", "from", "to", "ms", "exponent", "MiB", "memory is full at"]
# MiB that the memory must grow by to count as growing.
LEAST = 64


def exponent(values, costs):
    """The slope of log cost over log value through the last three points: small ones pay for what is fixed."""
    x = [math.log(value) for value in values[-3:]]
    y = [math.log(max(cost, 1e-9)) for cost in costs[-3:]]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    return sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / sum((a - mean_x) ** 2 for a in x)


def full_at(axis, values, memory, room):
    """Where a line through the last two points reaches `room`, or None. Memory follows pixels, not sides."""
    if axis == "depth" or memory[-1] - memory[0] < LEAST:
        return None
    power = 2 if axis == "image side" else 1
    before, last = (value**power for value in values[-2:])
    slope = (memory[-1] - memory[-2]) / (last - before)
    return (last + (room - memory[-1]) / slope) ** (1 / power)


def lines(content):
    """The cells of the table, its head first."""
    found = [HEAD]
    for part, axes in content["parts"].items():
        for axis, points in axes.items():
            done = {int(value): point for value, point in points.items() if point}
            values, (times, memory) = list(done), zip(*done.values(), strict=True)
            full = full_at(axis, values, memory, content["memory"])
            found.append(
                [
                    part,
                    axis,
                    f"{values[0]:,}",
                    f"{values[-1]:,}",
                    f"{times[0]:,.1f} to {times[-1]:,.1f}",
                    f"{exponent(values, times):.2f}",
                    f"{memory[0]:,} to {memory[-1]:,}",
                    f"{full:,.0f}" if full else "",
                ]
            )
    return found


def draw():
    """docs/images/growth.svg: milliseconds over each size, a line per part."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "growth", "font.family": "sans-serif"}
    content = json.loads((DOCS / FILE).read_text(encoding="utf-8"))
    axes = list(dict.fromkeys(axis for own in content["parts"].values() for axis in own))
    figure, plots = plt.subplots(1, len(axes), figsize=(3.2 * len(axes), 3.6), sharey=True, layout="constrained")
    colors = {part: f"C{number}" for number, part in enumerate(content["parts"])}
    for plot, axis in zip(plots, axes, strict=True):
        for part, own in content["parts"].items():
            points = {int(value): point for value, point in own.get(axis, {}).items() if point}
            plot.plot(list(points), [time for time, _ in points.values()], "o-", color=colors[part], markersize=3)
        plot.set(xscale="log" if axis != "depth" else "linear", yscale="log", xlabel=axis)
        plot.grid(alpha=0.3)
    plots[0].set_ylabel("milliseconds")
    handles = [plt.Line2D([], [], color=color, label=part) for part, color in colors.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False)
    figure.savefig(DOCS / "images" / "growth.svg", metadata={"Date": None})
    plt.close(figure)
