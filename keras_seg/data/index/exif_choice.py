"""Whether the masks of a data set were drawn on turned or on stored images: decided once for all of them."""

from collections.abc import Sequence

from keras_seg import _validation
from keras_seg._decoding.file_facts import FileFacts
from keras_seg._decoding.orientation import APPLY, CHOICES, IGNORE
from keras_seg._validation import InputError
from keras_seg.data.index.pairs import Pair
from keras_seg.data.index.thread_map import checked_map

_Example = tuple[Pair, FileFacts, FileFacts]


def exif_choice(examples: Sequence[_Example], given: str | None) -> tuple[str, list[str]]:
    """ "apply" or "ignore", and a notice if it was detected.

    An image whose EXIF orientation differs from its mask's is evidence where only one reading gives both one size.

    Args:
        examples: sequence of (pair, facts of the image, facts of the mask).
        given: the choice of the user, or None.

    Raises:
        InputError: Examples contradict each other, or sizes do not tell.
    """
    if given is not None:
        return _validation.one_of("exif_orientation", given, CHOICES), []
    evidence: dict[str, Pair] = {}
    open_question = None
    for pair, image, mask in examples:
        if image.orientation == mask.orientation:
            continue
        applied, ignored = image.turned_size == mask.turned_size, image.size == mask.size
        if applied and ignored:
            open_question = open_question or (pair, image, mask)
        elif applied or ignored:
            evidence.setdefault(APPLY if applied else IGNORE, pair)
    if len(evidence) == 2:
        raise InputError(
            f"{evidence[APPLY].mask}: fits its image turned by the EXIF orientation, but "
            f"{evidence[IGNORE].mask} fits the stored pixels of its image. Turn one of the two kinds of masks, so that "
            "all masks fit in the same way."
        )
    if evidence:
        [(choice, pair)] = evidence.items()
        fits = "turned by its EXIF orientation" if choice == APPLY else "without its EXIF orientation"
        return choice, [f'{pair.mask.name} fits its image {fits}: exif_orientation="{choice}" for all files.']
    if open_question is not None:
        pair, image, mask = open_question
        raise InputError(
            f"{pair.image}: has EXIF orientation {image.orientation}, its mask {mask.orientation}, and their sizes do "
            'not tell whether the mask fits the image as viewers show it (exif_orientation="apply") or its stored '
            'pixels ("ignore"). Pass one of the two to the scan, or write "exif_orientation": "apply" or "ignore" into '
            "labels.json."
        )
    return APPLY, []


def checked_choice(examples: Sequence[_Example], given: str | None, *, word: str = "mask") -> tuple[str, list[str]]:
    """`exif_choice`, refused where it leaves masks of another size than their images; all of these in one error."""
    choice, notices = exif_choice(examples, given)

    def check_size(example: _Example) -> None:
        common_size(*example, choice, word=word)

    checked_map(check_size, examples, workers=1)
    return choice, notices


def check_fits(pair: Pair, image: FileFacts, mask: FileFacts, *, word: str = "mask") -> None:
    """Refuse a mask whose size fits its image neither turned nor as stored."""
    if image.size != mask.size:
        common_size(pair, image, mask, APPLY, word=word)


def common_size(pair: Pair, image: FileFacts, mask: FileFacts, choice: str, *, word: str = "mask") -> tuple[int, int]:
    """The (height, width) that image and mask share; refused if they differ."""
    size, other = (image.turned_size, mask.turned_size) if choice == APPLY else (image.size, mask.size)
    if size != other:
        turned = " (turn the {word} as the photo's EXIF orientation says)" if other == size[::-1] else ""
        raise InputError(
            f"{pair.mask}: the {word} is {other[0]}x{other[1]} (height x width), but its image "
            f"{pair.image.name} is {size[0]}x{size[1]}. Resize the {word} to its image with nearest neighbor{turned}."
        )
    return size
