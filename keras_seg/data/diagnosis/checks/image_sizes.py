"""Images of unusual size."""

from collections.abc import Iterator

from keras_seg.data.diagnosis.checks.indices import Indices, short
from keras_seg.data.diagnosis.finding import Finding, files, found

_SMALL, _LARGE = 32, 50_000_000
_TIMES = 20


def unusual_sizes(indices: Indices) -> Iterator[Finding]:
    """Images that are very small, very large, or of very different sizes."""
    sized = [
        (size, pair.image) for index in indices.values() for size, pair in zip(index.sizes, index.pairs, strict=True)
    ]
    small = [short(image, indices) for size, image in sized if min(size) < _SMALL]
    large = [short(image, indices) for (height, width), image in sized if height * width > _LARGE]
    if small:
        message = f"{files(len(small), 'image')} with a side under {_SMALL} pixels, the stride of most models."
        fix = "Check that these are not thumbnails or icons; remove them together with their masks."
        yield found("warning", "small-images", small, message, fix=fix)
    if large:
        fix = "Cut them into tiles, or see docs/how-to/big-images.md."
        message = f"{files(len(large), 'image')} of more than 50 megapixels: slow to read in every epoch."
        yield found("note", "large-images", large, message, fix=fix)
    if sized:
        (least, first), *_, (most, last) = sorted((h * w, image) for (h, w), image in [*sized, *sized[:1]])
        if most > _TIMES * least:
            message = f"The largest image has more than {_TIMES} times as many pixels as the smallest."
            names = [short(first, indices), short(last, indices)]
            fix = "Check that objects have a similar size in pixels in all images."
            yield found("note", "unlike-images", names, message, fix=fix)
