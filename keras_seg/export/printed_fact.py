"""A line of a report: a name and its value."""

import textwrap

# Columns of a terminal that printed reports keep to, and where values begin. Paths are never broken.
COLUMNS, INDENT = 80, 14


def printed_fact(name: str, value: str) -> list[str]:
    """A name and its value, which continues on indented lines where a line is full."""
    indent = " " * INDENT
    text = f"{name:{INDENT}}{value}"
    return textwrap.wrap(text, COLUMNS, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
