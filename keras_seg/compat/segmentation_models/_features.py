"""Layers of a backbone by name, by number or by their place among the layers of a kind."""

import re
from typing import NamedTuple

import keras
from keras import layers


class Nth(NamedTuple):
    """The layer of a kind with a number, in the order in which they were made.

    Keras numbers layers without names over all models of a process.

    Attributes:
        kind: str. Beginning of the name: "activation".
        number: int. From 0.
    """

    kind: str
    number: int


def automatic_number(name: str, kind: str) -> int | None:
    """The number at the end of a name that Keras gave, 0 without one; None for other names."""
    found = re.fullmatch(rf"{re.escape(kind)}(?:_(\d+))?", name)
    return None if found is None else int(found[1] or 0)


def feature(backbone: keras.Model, name: str | int | Nth):
    """The output of a layer."""
    if isinstance(name, Nth):
        numbered = [(automatic_number(layer.name, name.kind), layer) for layer in backbone.layers]
        in_order = sorted(((number, layer) for number, layer in numbered if number is not None), key=lambda p: p[0])
        return in_order[name.number][1].output
    if isinstance(name, str):
        return backbone.get_layer(name=name).output
    return backbone.get_layer(index=name).output


def freeze(backbone: keras.Model) -> None:
    """Freeze all layers except for BatchNormalization."""
    for layer in backbone.layers:
        if not isinstance(layer, layers.BatchNormalization):
            layer.trainable = False
