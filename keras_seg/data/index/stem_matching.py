"""Which mask file belongs to which image file, by their names."""

import collections
import dataclasses
import pathlib
import re
from collections.abc import Callable, Mapping, Sequence

from keras_seg._text import counted
from keras_seg._validation import InputError
from keras_seg.data.index.file_listing import EXTENSIONS, some_of
from keras_seg.data.index.folder_roles import is_image_word, is_mask_word
from keras_seg.data.index.refusals import SeveralMasksError
from keras_seg.data.index.unicode_names import nfc

MASK_SUFFIXES = ("_mask", "_label", "_labels", "_seg", "_gt", "_l", "-mask", "-label")
# Words that say which kind of mask a file holds, beside those for any mask.
_KIND_WORDS = frozenset(("labelids", "labeltrainids", "trainids", "ids", "semantic"))
_FURTHER = re.compile(r"[\s._-]*[A-Za-z]*[\s._-]*\d*")
_PARTS = re.compile(r"[^\W_]+")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Matches:
    """Images with their masks, and those without a partner.

    Args:
        pairs: (image, mask), sorted by the image's stem.
        lone_images: images without a mask.
        lone_masks: masks without an image.
        rule: how the names were matched, for a notice; "" if by equal names or a usual suffix.
    """

    pairs: tuple[tuple[pathlib.Path, pathlib.Path], ...]
    lone_images: tuple[pathlib.Path, ...]
    lone_masks: tuple[pathlib.Path, ...]
    rule: str = ""


def match_stems(
    images: Sequence[pathlib.Path], masks: Sequence[pathlib.Path], *, allow_orphans: bool = False
) -> Matches:
    """Match by equal stems or a usual suffix first, then by the words in the names, then by the longest common parts.

    Raises:
        InputError: Two files have the same stem, or an image has several masks.
    """
    image_of, mask_of = by_stem(images), by_stem(masks)
    found: dict[str, str] = {}  # From the stem of a mask to that of its image.
    for stem in mask_of:
        image = next((name for name in _usual_names(stem) if name in image_of), None)
        if image is not None:
            found[stem] = image
    rule = ""
    for key in (str.casefold, _words_key):
        lone_images, lone_masks = _lone(image_of, mask_of, found)
        found |= _equal(lone_images, lone_masks, key)
    lone_images, lone_masks = _lone(image_of, mask_of, found)
    if not found:
        found, rule = _by_common_parts(lone_images, lone_masks)
        lone_images, lone_masks = _lone(image_of, mask_of, found)
    _refuse_several(image_of, mask_of, found, lone_masks, allow_orphans=allow_orphans)
    return Matches(
        pairs=tuple(sorted(((image_of[i], mask_of[m]) for m, i in found.items()), key=lambda pair: pair[0].stem)),
        lone_images=tuple(image_of[stem] for stem in lone_images),
        lone_masks=tuple(mask_of[stem] for stem in lone_masks),
        rule=rule,
    )


def divided_by_names(files: Sequence[pathlib.Path]) -> tuple[list[pathlib.Path], list[pathlib.Path]] | None:
    """(images, masks) of a folder that holds both, told apart by their names; None if the names do not tell."""
    divisions = []
    for place in (-1, 0):
        masks = [file for file in files if _is_mask_name(file.stem, place)]
        taken = set(masks)
        images = [file for file in files if file not in taken]
        if masks and images:
            divisions.append((images, masks))
    even = [(images, masks) for images, masks in divisions if len(images) == len(masks)]
    if divisions:
        return (even or divisions)[0]
    # a.jpg beside a.png: the lossy file is the image.
    lossy = [file for file in files if file.suffix.lower() in (".jpg", ".jpeg", ".jpe", ".jfif")]
    others = [file for file in files if file not in set(lossy)]
    if lossy and {file.stem for file in lossy} == {file.stem for file in others}:
        return lossy, others
    return None


def _is_mask_name(stem: str, place: int) -> bool:
    """Whether the last (-1) or first (0) word of a name is one for masks: x_mask, x_mask_1; mask_001."""
    words = [word.casefold() for word in _PARTS.findall(stem)]
    while len(words) > 1 and words[-1].isdigit():
        words.pop()
    if not words:
        return False
    word = re.sub(r"(?<=\D)\d+$", "", words[place])
    return is_mask_word(word) or word in _KIND_WORDS or (word == "l" and place == -1 and len(words) > 1)


def _usual_names(stem: str) -> list[str]:
    """Stems of the image of a mask, the likeliest first: a_mask for a_mask.png, a; a for a.jpg.png."""
    suffix = next((end for end in MASK_SUFFIXES if stem.lower().endswith(end)), "")
    names = [stem, stem[: len(stem) - len(suffix)]]
    extension = pathlib.PurePath(names[1]).suffix
    return [*names, names[1][: -len(extension)]] if extension.lower() in EXTENSIONS else names


def by_stem(files: Sequence[pathlib.Path]) -> dict[str, pathlib.Path]:
    """Files by stem, in one form of Unicode: macOS and Linux may write the same name in two."""
    stems: dict[str, pathlib.Path] = {}
    for file in files:
        stem = nfc(file.stem)
        if stem in stems:
            raise InputError(
                f"{file}: another file has the same stem: {stems[stem].name}. "
                "Keep one of the two, or rename one together with its partner."
            )
        stems[stem] = file
    return stems


def _lone(
    images: Mapping[str, pathlib.Path], masks: Mapping[str, pathlib.Path], found: Mapping[str, str]
) -> tuple[list[str], list[str]]:
    taken = set(found.values())
    return sorted(images.keys() - taken), sorted(masks.keys() - found.keys())


def _equal(images: Sequence[str], masks: Sequence[str], key: Callable[[str], str]) -> dict[str, str]:
    """Masks with the key of one image; keys that occur twice on a side match nothing."""
    image_keys, mask_keys = _unique(images, key), _unique(masks, key)
    return {mask: image_keys[name] for name, mask in mask_keys.items() if name and name in image_keys}


def _unique(stems: Sequence[str], key: Callable[[str], str]) -> dict[str, str]:
    keys = {stem: key(stem) for stem in stems}
    counts = collections.Counter(keys.values())
    return {name: stem for stem, name in keys.items() if counts[name] == 1}


def _words_key(stem: str) -> str:
    """The name without the words that say what the file is: mask_001 and frame_001 are both 001."""
    words = [word.casefold() for word in _PARTS.findall(re.sub(r"(?<=[a-zA-Z])(?=\d+$)", "_", stem))]
    kept = [w for w in words if not (is_mask_word(w) or is_image_word(w) or w in _KIND_WORDS)]
    return "_".join(kept)


def _by_common_parts(images: Sequence[str], masks: Sequence[str]) -> tuple[dict[str, str], str]:
    """Masks that pair one-to-one with images once the beginning and the end that each side shares are removed."""
    if len(images) < 2 or len(images) != len(masks):
        return {}, ""
    sides = [_without_common_parts(stems) for stems in (images, masks)]
    image_keys, mask_keys = ({key: stem for stem, key in side.items()} for side in sides)
    if len(image_keys) != len(images) or image_keys.keys() != mask_keys.keys():
        return {}, ""
    found = {mask_keys[key]: image_keys[key] for key in mask_keys}
    mask, image = next(iter(sorted(found.items())))
    return found, f"names are matched by the part that differs: {image} with {mask}"


def _without_common_parts(stems: Sequence[str]) -> dict[str, str]:
    start = _beginning(stems)
    end = _beginning([stem[::-1] for stem in stems])[::-1]
    # Numbers and words stay whole: im10 and im11 differ in 10 and 11, not in 0 and 1.
    start = _whole(start, stems)
    end = _whole(end[::-1], [stem[::-1] for stem in stems])[::-1]
    return {stem: stem[len(start) : len(stem) - len(end)] for stem in stems}


def _beginning(stems: Sequence[str]) -> str:
    first, last = min(stems), max(stems)
    return first[: next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))]


def _whole(start: str, stems: Sequence[str]) -> str:
    """A common beginning, cut back to where no number or word of any name is divided."""

    def divides(length: int) -> bool:
        return any(
            length >= len(stem)
            or (stem[length - 1].isdigit() and stem[length].isdigit())
            or (stem[length - 1].isalpha() and stem[length].isalpha())
            for stem in stems
        )

    length = len(start)
    while length and divides(length):
        length -= 1
    return start[:length]


def _refuse_several(
    images: Mapping[str, pathlib.Path],
    masks: Mapping[str, pathlib.Path],
    found: Mapping[str, str],
    lone: Sequence[str],
    *,
    allow_orphans: bool,
) -> None:
    several: dict[str, list[str]] = collections.defaultdict(list)
    for mask, image in found.items():
        several[image].append(mask)
    for mask in lone:
        owner = _owner(mask, images, allow_numbers=not allow_orphans)
        if owner is not None:
            several[owner].append(mask)
    several = {image: names for image, names in several.items() if len(names) > 1}
    if several:
        image = min(several)
        names = [masks[name].name for name in sorted(several[image])]
        others = f" (and {counted(len(several) - 1, 'other image')})" if len(several) > 1 else ""
        raise SeveralMasksError(
            f"{masks[sorted(several[image])[0]].parent}: the image {images[image].name} has {len(names)} masks: "
            f"{some_of(names)}{others}.",
            fix="Merge them into one mask of class ids, or move all except one out of the folder.",
            objects=f"If each mask is one object, put them into a folder masks/{images[image].stem}/ and pass "
            "`task='instances'`, or use scan_instances.",
        )


def _owner(mask: str, images: Mapping[str, pathlib.Path], *, allow_numbers: bool) -> str | None:
    """The image whose name a further mask begins with: x for x_mask_1, x_color and, with numbers, x_2."""
    for length in range(len(mask) - 1, 0, -1):
        if mask[:length] in images and not (mask[length - 1].isalnum() and mask[length].isalnum()):
            match = _FURTHER.fullmatch(mask[length:])
            if match and allow_numbers:
                return mask[:length]
            words = [word.casefold() for word in _PARTS.findall(mask[length:])]
            return mask[:length] if any(is_mask_word(word) for word in words) else None
    return None
