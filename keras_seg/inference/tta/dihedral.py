"""The eight orientations of an image: the dihedral group of the square, and its subgroups by name."""

from collections.abc import Iterable

from keras import ops

from keras_seg._types import Tensor

# An element is (transposed, flipped rows, flipped columns): the image is transposed first and flipped then. Every
# product of flips and quarter turns is exactly one of these, which is how duplicates are found.
Element = tuple[bool, bool, bool]
IDENTITY: Element = (False, False, False)
_HFLIP, _VFLIP, _TRANSPOSE = (False, False, True), (False, True, False), (True, False, False)
_ROT90 = (True, True, False)  # numpy.rot90: transposed, then rows flipped.

GENERATORS = {
    "identity": (),
    "hflip": (_HFLIP,),
    "vflip": (_VFLIP,),
    "rot180": ((False, True, True),),
    "c2": ((False, True, True),),
    "transpose": (_TRANSPOSE,),
    "flips": (_HFLIP, _VFLIP),
    "d2": (_HFLIP, _VFLIP),
    "rot90": (_ROT90,),
    "c4": (_ROT90,),
    "d4": (_HFLIP, _ROT90),
}


def then(first: Element, second: Element) -> Element:
    """The element that is `first` followed by `second`."""
    # The first flips change places when they are moved behind the second transposition.
    rows, columns = (first[2], first[1]) if second[0] else (first[1], first[2])
    return (first[0] != second[0], rows != second[1], columns != second[2])


def generated(generators: Iterable[Element]) -> list[Element]:
    """All elements that products of `generators` give, sorted; the identity is the first."""
    group = {IDENTITY}
    while True:
        larger = group | {then(element, generator) for element in group for generator in generators}
        if larger == group:
            return sorted(group)
        group = larger


def orient(element: Element, images: Tensor) -> Tensor:
    """Images (batch, height, width, channels) in the orientation of an element."""
    transposed, rows, columns = element
    images = ops.transpose(images, (0, 2, 1, 3)) if transposed else images
    return _flipped(images, rows=rows, columns=columns)


def orient_back(element: Element, maps: Tensor) -> Tensor:
    """The inverse of `orient`."""
    transposed, rows, columns = element
    maps = _flipped(maps, rows=rows, columns=columns)
    return ops.transpose(maps, (0, 2, 1, 3)) if transposed else maps


def _flipped(x: Tensor, *, rows: bool, columns: bool) -> Tensor:
    axes = [axis for axis, flipped in ((1, rows), (2, columns)) if flipped]
    return ops.flip(x, axis=axes) if axes else x
