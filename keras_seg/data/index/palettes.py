"""What palettes say about the values of masks: black and white ones by color, all others as ids."""

from collections.abc import Iterable, Mapping, Sequence

from keras_seg._validation import InputError
from keras_seg.data.index.mask_facts import MaskFacts

_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)
_Color = tuple[int, int, int]


def black_is_zero(palette: Mapping[int, _Color] | None) -> dict[int, int]:
    """The map to 0 for black and 1 for white, for a file whose used colors are these two with white first; else {}."""
    if palette is None or not _is_black_and_white([palette]) or _natural(palette):
        return {}
    return {index: int(color == _WHITE) for index, color in palette.items()}


def palette_maps(files: Sequence[MaskFacts], *, two_classes: bool) -> list[dict[int, int]]:
    """For every file the map of its indices to 0 (black) and 1 (white); empty where the indices are ids.

    The files whose palettes hold nothing but black and white where they are used are read by color, whatever the order
    of the two. Otherwise an index must have one color in all files, because files with palettes of their own number
    the same colors differently.

    Args:
        files: the facts of every file.
        two_classes: whether there may be two classes. If there are more, black and white are merely two of the colors,
            and the only ones that these files happen to hold.

    Raises:
        InputError: Two files give one index different colors, or one color different indices.
    """
    with_palette = [facts for facts in files if facts.palette is not None]
    if not with_palette:
        return [{} for _ in files]
    if two_classes and all(_is_black_and_white([facts.palette or {}]) for facts in with_palette):
        plain = [facts for facts in files if facts.palette is None]
        turned = next((facts for facts in with_palette if not _natural(facts.palette or {})), None)
        ids = next((facts for facts in plain if not set(facts.counts) <= {0, 1, 255}), None)
        if turned is not None and ids is not None:
            raise InputError(
                f"{turned.path}: is black and white by its palette, but {ids.path} holds ids. "
                "Save the masks in one form: without a palette, one id per pixel."
            )
        return [_by_color(facts.palette) for facts in files]
    _refuse_different(with_palette)
    return [{} for _ in files]


def _by_color(palette: Mapping[int, _Color] | None) -> dict[int, int]:
    if palette is None or _natural(palette):
        return {}
    return {index: int(color == _WHITE) for index, color in palette.items()}


def _is_black_and_white(palettes: Iterable[Mapping[int, _Color]]) -> bool:
    """Whether the used colors are black and white, each at one index."""
    for palette in palettes:
        colors = list(palette.values())
        if not set(colors) <= {_BLACK, _WHITE} or len(set(colors)) != len(colors):
            return False
    return True


def _natural(palette: Mapping[int, _Color]) -> bool:
    """Whether black is 0 and white is 1 or 255: the values say the same as the colors."""
    return all(
        index == 0 if color == _BLACK else index in (1, 255) if color == _WHITE else False
        for index, color in palette.items()
    )


def _refuse_different(files: Sequence[MaskFacts]) -> None:
    color_at: dict[int, tuple[_Color, MaskFacts]] = {}
    for facts in files:
        for index, color in (facts.palette or {}).items():
            first, file = color_at.setdefault(index, (color, facts))
            if first != color:
                values = sorted({value for item in files for value in item.counts})
                raise InputError(
                    f"{facts.path}: index {index} of its palette is the color {color}, but {first} in {file.path}. "
                    'Pass colors={(red, green, blue): id, ...}, or write "colors" into labels.json, to read the masks '
                    f"by color; or label_map={{{', '.join(f'{value}: {value}' for value in values[:4])}"
                    f"{', ...' if len(values) > 4 else ''}}} if the indices are right."
                )
