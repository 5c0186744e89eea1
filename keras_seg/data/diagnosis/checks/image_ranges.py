"""Images of unusual size, range or orientation."""

from collections.abc import Iterator

from keras_seg.data.diagnosis.collected import Collected
from keras_seg.data.diagnosis.finding import Finding, files, some
from keras_seg.data.diagnosis.pair_facts import ImageLook, PairFacts

_SMALL, _LARGE = 32, 50_000_000
_LOW = 0.1 * 255
_TIMES = 20


def _images(collected: Collected) -> list[tuple[PairFacts, ImageLook]]:
    return [(facts, facts.image_look) for facts in collected.facts if facts.image_look is not None]


def low_range(collected: Collected) -> Iterator[Finding]:
    """16-bit and float images that use a small part of their range."""
    wide = [(facts, look) for facts, look in _images(collected) if look.wide]
    if wide and (peak := max(look.peak for _, look in wide)) <= _LOW:
        yield Finding(
            severity="warning",
            code="low-range",
            message=f"{files(len(wide), 'image')} of 16 bits or floats use only {peak / 255:.1%} of their range: "
            "black to a model.",
            count=len(wide),
            examples=some(collected.name(facts.image) for facts, _ in wide),
            fix="Multiply all of them by the same factor, so that the brightest pixel is near the end of the range.",
        )


def turned_images(collected: Collected) -> Iterator[Finding]:
    """Photos with an EXIF orientation."""
    turned = [facts for facts, look in _images(collected) if look.orientation != 1]
    if turned:
        yield Finding(
            severity="note",
            code="exif-orientation",
            message=f"{files(len(turned), 'image')} with an EXIF orientation: read upright, unlike in some "
            "label tools.",
            count=len(turned),
            examples=some(collected.name(facts.image) for facts in turned),
            fix="Check that their masks are upright too.",
            repairable=True,
        )


def unusual_sizes(collected: Collected) -> Iterator[Finding]:
    """Images that are very small, very large, or of very different sizes."""
    images = _images(collected)
    small = [facts for facts, look in images if min(look.size) < _SMALL]
    if small:
        yield Finding(
            severity="warning",
            code="small-images",
            message=f"{files(len(small), 'image')} with a side under {_SMALL} pixels, the stride of most models.",
            count=len(small),
            examples=some(collected.name(facts.image) for facts in small),
            fix="Check that these are not thumbnails or icons; remove them together with their masks.",
        )
    large = [facts for facts, look in images if look.size[0] * look.size[1] > _LARGE]
    if large:
        yield Finding(
            severity="note",
            code="large-images",
            message=f"{files(len(large), 'image')} of more than 50 megapixels: slow to read in every epoch.",
            count=len(large),
            examples=some(collected.name(facts.image) for facts in large),
            fix="Cut them into tiles, or see docs/how-to/big-images.md.",
        )
    if images:
        sizes = sorted((look.size[0] * look.size[1], position) for position, (_, look) in enumerate(images))
        if sizes[-1][0] > _TIMES * sizes[0][0]:
            ends = [images[sizes[0][1]], images[sizes[-1][1]]]
            yield Finding(
                severity="note",
                code="unlike-images",
                message=f"The largest image has more than {_TIMES} times as many pixels as the smallest.",
                count=len(images),
                examples=some(collected.name(facts.image) for facts, _ in ends),
                fix="Check that objects have a similar size in pixels in all images.",
            )
