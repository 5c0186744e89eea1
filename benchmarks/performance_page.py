"""The tables of docs/performance.md, from what performance.py measured."""

import importlib
import json

GROUPS = ("training", "inference", "unpooling", "losses", "metrics", "prediction", "augmentation", "start_up")
HEAD = ["case", "ours", "ms", "fastest peer", "ms", "ratio", "wanted", "of the limit"]


def measured_groups(path):
    """The groups that the JSON has."""
    content = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"groups": {}}
    return [name for name in GROUPS if name in content["groups"]]


def lines_of(name, content):
    """The cells of the table of a group, its head first."""
    group = importlib.import_module(f"cases.{name}")
    cases = content["groups"][name]["cases"]
    if hasattr(group, "WANTED"):
        return start_lines(group, cases)
    head = [*HEAD, "memory"] if group.MEMORY else HEAD
    lines = []
    for case, found in cases.items():
        fastest = min((peer for peer in group.PEERS if peer in found), key=lambda peer: found[peer]["milliseconds"])
        for system in (name for name in group.OURS if name in found):
            result, peer = found[system], found[fastest]
            target = wanted(group, system, case)
            ratio = result["milliseconds"] / peer["milliseconds"]
            shown = f"{system} ({result['is']})" if "is" in result else system
            cells = [case, shown, with_spread(result), fastest, with_spread(peer)]
            cells += [marked(ratio, target), "" if target is None else f"{target:.2f}"]
            cells.append("" if result["limit"] is None else f"{100 * result['limit'] / result['milliseconds']:.0f} %")
            if group.MEMORY:
                least = min(found[peer]["memory"] for peer in group.PEERS if peer in found)
                cells.append(f"{result['memory']:,} / {least:,} MiB, {marked(result['memory'] / least, group.MEMORY)}")
            lines.append(cells)
    return [head, *lines]


def wanted(group, system, case):
    """The highest ratio that is wanted; it may depend on the end of the case's name."""
    target = group.OURS[system]
    return next(ratio for end, ratio in target.items() if case.endswith(end)) if isinstance(target, dict) else target


def with_spread(result):
    return f"{result['milliseconds']:,.1f} ± {result['spread']:,.1f}"


def marked(ratio, target):
    """The ratio, bold where it is as wanted."""
    return f"**{ratio:.2f}**" if target is not None and ratio <= target else f"{ratio:.2f}"


def start_lines(group, cases):
    """Seconds of each case."""
    lines = []
    for case, target in group.WANTED.items():
        result = cases[case]["keras_seg"]
        shown = f"{result['milliseconds'] / 1000:.2f} ± {result['spread'] / 1000:.2f}"
        lines.append([case, f"**{shown}**" if result["milliseconds"] <= target else shown, f"{target / 1000:.2f}"])
    return [["", "seconds", "wanted"], *lines]


def machine_of(name, content):
    """One line on when and where a group was measured."""
    facts = content["groups"][name]
    rates = facts["rates"]
    half = f" and {rates['bfloat16'] / 1e9:.0f} in bfloat16" if "bfloat16" in rates else ", have no units for bfloat16"
    versions = ", ".join(f"{package} {version}" for package, version in facts["versions"].items())
    return (
        f"{facts['date']}, {facts['threads']} cores of {facts['processor']}, which multiply matrices with "
        f"{rates['float32'] / 1e9:.0f} billion multiply-adds per second in float32{half}, and copy "
        f"{rates['bytes'] / 1e9:.0f} GB/s. Medians of {facts['rounds']} ± half of the distance between the quartiles. "
        f"{versions}."
    )
