"""The picture of docs/architecture.md: which package imports which, read from the code.

`python docs/figures/imports.py` writes docs/images/imports.svg; tests/test_architecture.py checks it is up to date.
"""

import ast
import itertools
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "docs" / "images" / "imports.svg"
WIDTH, ROW, BOX, LINE = 1080, 96, 34, 26


def imports(root=ROOT / "keras_seg"):
    """{package: the packages of ours that its files import}."""
    graph = {}
    for path in root.rglob("*.py"):
        parts = path.relative_to(root).parts
        if parts in (("__init__.py",), ("__main__.py",)):
            continue
        own = parts[0].removesuffix(".py")
        graph.setdefault(own, set())
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "keras_seg":
                graph[own].update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("keras_seg."):
                graph[own].add(node.module.split(".")[1])
        graph[own].discard(own)
    return {name: sorted(graph[name]) for name in sorted(graph)}


def below(graph, name):
    """All packages that a package imports, directly or indirectly."""
    return set(graph[name]).union(*(below(graph, other) for other in graph[name]))


def level(graph, name):
    """The longest chain of imports below it."""
    return max((level(graph, other) + 1 for other in graph[name]), default=0)


def rows(graph):
    """(rows of names from the lowest, lines between neighboring rows): an import that another implies has no line.

    A line that crosses a row has a place in it, (package, imported, row), so that it passes between the boxes.
    """
    levels = {name: level(graph, name) for name in graph}
    placed = [[name for name in graph if levels[name] == row] for row in range(max(levels.values()) + 1)]
    lines = []
    for name in graph:
        implied = set().union(*(below(graph, other) for other in graph[name]))
        for other in (other for other in graph[name] if other not in implied):
            between = [(name, other, row) for row in range(levels[other] + 1, levels[name])]
            for place in between:
                placed[place[2]].append(place)
            lines.append((other, *between, name))
    return placed, lines


def untangled(placed, lines):
    """The rows ordered by the mean position of their neighbors, swept up and down; the best order is kept."""
    pairs = [pair for line in lines for pair in itertools.pairwise(line)]
    best, fewest = placed, crossings(placed, pairs)
    for sweep in range(40):
        placed = [list(row) for row in placed]
        order = range(1, len(placed)) if sweep % 2 == 0 else range(len(placed) - 2, -1, -1)
        for row in order:
            other = placed[row - 1 if sweep % 2 == 0 else row + 1]
            position = {name: index / max(len(other) - 1, 1) for index, name in enumerate(other)}
            here = {name: index / max(len(placed[row]) - 1, 1) for index, name in enumerate(placed[row])}

            def middle(name, position=position, here=here):
                near = [position[b if a == name else a] for a, b in pairs if name in (a, b) and {a, b} & set(position)]
                return sum(near) / len(near) if near else here[name]

            placed[row].sort(key=middle)
        if (found := crossings(placed, pairs)) < fewest:
            best, fewest = placed, found
    return best


def crossings(placed, pairs):
    """The number of crossings of lines."""
    position = {name: (row, index) for row, names in enumerate(placed) for index, name in enumerate(names)}
    ends = sorted((position[a][0], position[a][1], position[b][1]) for a, b in pairs)
    return sum(a[0] == b[0] and (a[1] - b[1]) * (a[2] - b[2]) < 0 for a, b in itertools.combinations(ends, 2))


def svg(graph):
    """The picture, as text."""
    placed, lines = rows(graph)
    placed = untangled(placed, lines)
    height = ROW * len(placed)
    width = {name: LINE if isinstance(name, tuple) else 8.4 * len(name) + 24 for row in placed for name in row}
    at = {}
    for row, names in enumerate(placed):
        gap = (WIDTH - sum(width[name] for name in names)) / (len(names) + 1)
        left = gap
        for name in names:
            at[name] = (left + width[name] / 2, height - ROW * (row + 0.5))
            left += width[name] + gap
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="monospace" '
        'font-size="14" text-anchor="middle">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    for line in lines:
        (x, y), *others = (at[name] for name in line)
        path = f"M{x:.0f},{y - BOX / 2:.0f}"
        y -= BOX / 2
        for index, (right, up) in enumerate(others, start=1):
            end = up + BOX / 2 if index == len(others) else up
            path += f"C{x:.0f},{y - ROW / 2.5:.0f} {right:.0f},{end + ROW / 2.5:.0f} {right:.0f},{end:.0f}"
            x, y = right, end
        parts.append(f'<path d="{path}" fill="none" stroke="#7a8a99" stroke-width="1.3"/>')
    for name in (name for row in placed for name in row if not isinstance(name, tuple)):
        x, y = at[name]
        fill, text = ("#eceff1", "#455a64") if name.startswith("_") else ("#00796b", "#ffffff")
        parts.append(
            f'<rect x="{x - width[name] / 2:.0f}" y="{y - BOX / 2:.0f}" width="{width[name]:.0f}" height="{BOX}" '
            f'rx="6" fill="{fill}"/><text x="{x:.0f}" y="{y + 5:.0f}" fill="{text}">{name}</text>'
        )
    return "\n".join([*parts, "</svg>"]) + "\n"


if __name__ == "__main__":
    OUT.write_text(svg(imports()), encoding="utf-8")
