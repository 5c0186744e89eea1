"""The classes of a source: the background first, each with a name of its own."""

from collections.abc import Sequence

from keras_seg._validation import InputError
from keras_seg.data.index.background import BACKGROUND, is_background


def class_ids(names: Sequence[str], where: object) -> tuple[tuple[str, ...], list[int]]:
    """The names of all classes with the background as class 0, and the id of each of `names`.

    A class that is itself called background is class 0.
    """
    plain = [str(name).strip() for name in names]
    empty = [name for name in plain if not name]
    twice = sorted({name for name in plain if plain.count(name) > 1})
    if empty or twice:
        wrong = f"the class name {twice[0]!r} occurs twice" if twice else "a class has no name"
        raise InputError(f"{where}: {wrong}. Give each class its own name in the label tool.")
    others = [name for name in plain if not is_background(name)]
    if not others:
        raise InputError(f"{where}: lists no classes. Export the labels together with their classes.")
    ids = [0 if is_background(name) else others.index(name) + 1 for name in plain]
    return (BACKGROUND, *others), ids
