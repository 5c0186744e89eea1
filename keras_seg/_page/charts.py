"""Charts as SVG. Colors come from the style of the page, so that they follow light and dark.

The pictures are 360 wide, about the width of a phone, so that their text stays readable there.
"""

import math
import zlib
from collections.abc import Sequence

from markupsafe import Markup, escape

_WIDTH, _HEIGHT = 360, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 16, 42, 42
_STYLES = (("first", ""), ("second", "6 3"))


def line_chart(
    series: Sequence[tuple[str, Sequence[tuple[float, float]]]],
    *,
    title: str,
    x_label: str,
    description: str,
    limits: tuple[float, float] | None = None,
    diagonal: bool = False,
    dots: bool = False,
) -> Markup:
    """Lines through (x, y) points.

    Args:
        series: sequence of (name, points), at most two.
        title: str. What y is.
        x_label: str.
        description: str. What one sees, for those who do not.
        limits: pair of floats. The range of both axes, or None to fit the data. Defaults to None.
        diagonal: bool. Whether to draw the line y = x. Defaults to False.
        dots: bool. Whether to mark the points. Defaults to False.
    """
    points = [point for _, line in series for point in line]
    if limits is not None:
        x_ticks = y_ticks = ticks(*limits)
    else:
        x_ticks = ticks(0, max(x for x, _ in points))
        y_ticks = ticks(min(0, *(y for _, y in points)), max(y for _, y in points))
    across, up = _scale(x_ticks, _LEFT, _WIDTH - _RIGHT), _scale(y_ticks, _HEIGHT - _BOTTOM, _TOP)
    parts = [_axes(x_ticks, y_ticks, across, up, x_label=x_label)]
    if diagonal:
        low, high = x_ticks[0], x_ticks[-1]
        parts.append(
            f'<path class="diagonal" stroke-dasharray="3 3" d="M{across(low):.1f} {up(low):.1f}'
            f'L{across(high):.1f} {up(high):.1f}"/>'
        )
    for (_, line), (style, dashes) in zip(series, _STYLES, strict=False):
        where = [(across(x), up(y)) for x, y in line]
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in where)
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        parts.append(f'<path class="line {style}"{dashed} d="{path}"/>')
        if dots or len(where) == 1:
            parts += [f'<circle class="dots {style}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in where]
    if len(series) > 1:
        parts.append(_legend([name for name, _ in series]))
    return _svg(parts, title, description)


def bar_chart(
    bars: Sequence[tuple[str, float]],
    *,
    title: str,
    x_label: str,
    description: str,
    highest: float | None = None,
    value_format: str = "{:.0f}",
) -> Markup:
    """Upright bars with their values on top.

    Args:
        bars: sequence of (name, height); a height of NaN has no bar.
        highest: float. The upper end of the axis, or None to fit the data. Defaults to None.
        value_format: str. Of the values on the bars. Defaults to whole numbers.
    """
    heights = [height for _, height in bars if math.isfinite(height)]
    y_ticks = ticks(0, max([*heights, 1e-9]) if highest is None else highest)
    up = _scale(y_ticks, _HEIGHT - _BOTTOM, _TOP)
    step = (_WIDTH - _LEFT - _RIGHT) / max(1, len(bars))
    parts = [_axes((), y_ticks, None, up, x_label=x_label)]
    for place, (name, height) in enumerate(bars):
        x = _LEFT + step * place
        middle = x + step / 2
        if math.isfinite(height):
            y = up(height)
            parts.append(
                f'<rect class="bars" x="{x + step * 0.15:.1f}" y="{y:.1f}" width="{step * 0.7:.1f}" '
                f'height="{max(0.0, _HEIGHT - _BOTTOM - y):.1f}"/>'
                f'<text x="{middle:.1f}" y="{y - 4:.1f}" text-anchor="middle">{value_format.format(height)}</text>'
            )
        parts.append(
            f'<text class="soft" x="{middle:.1f}" y="{_HEIGHT - _BOTTOM + 15}" text-anchor="middle">'
            f"{escape(name)}</text>"
        )
    return _svg(parts, title, description)


def scatter_chart(
    points: Sequence[tuple[str, float, float, bool]],
    *,
    title: str,
    x_label: str,
    description: str,
) -> Markup:
    """Named points, those of the front in another color with a line through them.

    The x-axis is logarithmic where the largest x is ten times the smallest: the small ones would lie on one another.

    Args:
        points: sequence of (short name, x, y, whether it belongs to the front).
        title: str. What y is.
        x_label: str.
        description: str. What one sees, for those who do not.
    """
    xs = [x for _, x, _, _ in points]
    y_ticks = ticks(min(y for _, _, y, _ in points), max(y for _, _, y, _ in points))
    up = _scale(y_ticks, _HEIGHT - _BOTTOM, _TOP)
    if logarithmic := 0 < 10 * min(xs) <= max(xs):
        x_ticks = log_ticks(min(xs), max(xs))
        place = _scale([math.log(x) for x in x_ticks], _LEFT, _WIDTH - _RIGHT)
    else:
        x_ticks = ticks(0, max(xs))
        place = _scale(x_ticks, _LEFT, _WIDTH - _RIGHT)

    def across(x: float) -> float:
        return place(math.log(x) if logarithmic else x)

    x_label = f"{x_label}, logarithmic" if logarithmic else x_label
    parts = [_axes(x_ticks, y_ticks, across, up, x_label=x_label)]
    front = sorted((across(x), up(y)) for _, x, y, is_front in points if is_front)
    if front:
        parts.append('<path class="line second" d="M' + "L".join(f"{x:.1f} {y:.1f}" for x, y in front) + '"/>')
    for name, x, y, is_front in points:
        style = "second" if is_front else "first"
        left = across(x) < (_LEFT + _WIDTH - _RIGHT) / 2
        where = f'x="{across(x) + (6 if left else -6):.1f}" text-anchor="{"start" if left else "end"}"'
        parts.append(
            f'<circle class="dots {style}" cx="{across(x):.1f}" cy="{up(y):.1f}" r="4"/>'
            f'<text {where} y="{up(y) - 5:.1f}">{escape(name)}</text>'
        )
    return _svg(parts, title, description)


def standalone(chart: str) -> str:
    """A chart as a file of its own, with the colors of a light page."""
    style = (
        "text{fill:#1b1f23;font:12px sans-serif}.soft{fill:#57606a}.grid{stroke:#d0d7de}.diagonal{stroke:#57606a}"
        ".line{fill:none;stroke-width:2}.first{stroke:#1f5fa8}.second{stroke:#b35900}.bars{fill:#1f5fa8}"
        ".dots{stroke:none}.dots.first{fill:#1f5fa8}.dots.second{fill:#b35900}"
    )
    head, body = str(chart).split(">", 1)  # Plain text: Markup would escape what is put in.
    size = f'width="{2 * _WIDTH}" height="{2 * _HEIGHT}"'
    head = head.replace("<svg ", f'<svg xmlns="http://www.w3.org/2000/svg" {size} ', 1)
    return f'{head}><style>{style}</style><rect width="100%" height="100%" fill="#fff"/>{body}\n'


def ticks(low: float, high: float) -> list[float]:
    """About five round numbers that hold [low, high] between them."""
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        high = low + (abs(low) or 1.0) if math.isfinite(low) else 1.0
        low = low if math.isfinite(low) else 0.0
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(factor for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [step * number for number in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Numbers such as 1, 2, 5 and 10 that hold [low, high] between them, and powers of ten alone where these are many.

    Args:
        low: float > 0.
        high: float > `low`.
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1, 2, 5), (1,)):
        found = [factor * 10.0**power for power in powers for factor in factors]
        first = max(place for place, value in enumerate(found) if value <= low * 1.000001)
        last = min(place for place, value in enumerate(found) if value >= high * 0.999999)
        if last - first < 8:
            break
    return found[first : last + 1]


def _scale(values: Sequence[float], start: float, end: float):
    low, high = values[0], values[-1]
    return lambda value: start + (value - low) / (high - low) * (end - start)


def _axes(x_ticks: Sequence[float], y_ticks: Sequence[float], across, up, *, x_label: str) -> str:
    parts = []
    for value in y_ticks:
        y = up(value)
        parts.append(f'<path class="grid" d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}"/>')
        parts.append(f'<text class="soft" x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_number(value)}</text>')
    for value in x_ticks:
        parts.append(
            f'<text class="soft" x="{across(value):.1f}" y="{_HEIGHT - _BOTTOM + 15}" text-anchor="middle">'
            f"{_number(value)}</text>"
        )
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(f'<text class="soft" x="{middle}" y="{_HEIGHT - 8}" text-anchor="middle">{escape(x_label)}</text>')
    return "".join(parts)


def _legend(names: Sequence[str]) -> str:
    parts, x = [], _WIDTH - _RIGHT
    # From the right, since the title stands on the left.
    for name, (style, dashes) in reversed(list(zip(names, _STYLES, strict=False))):
        x -= 6.6 * len(name)
        parts.append(f'<text x="{x:.0f}" y="16">{escape(name)}</text>')
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        parts.append(f'<path class="line {style}"{dashed} d="M{x - 24:.0f} 12H{x - 4:.0f}"/>')
        x -= 34
    return "".join(parts)


def _number(value: float) -> str:
    return f"{value:.6g}" if abs(value) < 1e5 else f"{value / 1000:.6g}k"


def _svg(parts: Sequence[str], title: str, description: str) -> Markup:
    # The same chart has the same name every time, and others have another one.
    name = f"chart-{zlib.crc32(f'{title} {description}'.encode()):x}"
    head = (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-labelledby="{name}-t {name}-d">'
        f'<title id="{name}-t">{escape(title)}</title><desc id="{name}-d">{escape(description)}</desc>'
        f'<text x="4" y="16" font-weight="bold">{escape(title)}</text>'
    )
    return Markup(head + "".join(parts) + "</svg>")  # All text in it is escaped.
