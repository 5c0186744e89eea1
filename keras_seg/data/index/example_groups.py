"""Examples that stay together when an index is divided, and what they hold."""

import pathlib
import re
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from keras_seg import _validation
from keras_seg.data.index.data_index import DataIndex


def group_members(index: DataIndex, groups: Sequence[Hashable] | str | None) -> list[list[int]]:
    """The positions in each group, in the order of the folder."""
    members: dict[Any, list[int]] = {}
    for position, key in enumerate(group_keys(index, groups)):
        members.setdefault(key, []).append(position)
    return list(members.values())


def group_keys(index: DataIndex, groups: Sequence[Hashable] | str | None) -> list[Any]:
    """The group of each example: its position for None."""
    if isinstance(groups, str):
        return [_key(groups, pair.image) for pair in index.pairs]
    keys = list(range(len(index)) if groups is None else groups)
    if len(keys) != len(index):
        _validation.fail("groups", f"must hold one key for each of the {len(index)} examples", f"{len(keys)} keys")
    return keys


def _key(pattern: str, image: pathlib.Path) -> str:
    try:
        match = re.search(pattern, image.name)
    except re.error as error:
        fix = r"For example '^(\w+?)_' for the part before the first underscore."
        _validation.fail("groups", f"is not a regular expression ({error})", pattern, fix)
    if match is None or (match.re.groups and match[1] is None):
        fix = "Write a pattern that finds the group in every name."
        _validation.fail("groups", f"finds no group in the name {image.name}", pattern, fix)
    return match[1] if match.re.groups else match[0]


def class_presence(index: DataIndex) -> np.ndarray:
    """bool array (examples, classes): which classes each example holds; whether it holds objects at all."""
    presence = getattr(index, "presence", None)
    return index.object_counts[:, None] > 0 if presence is None else presence  # pyright: ignore[reportAttributeAccessIssue]
