"""Images of unusual range or orientation."""

from collections.abc import Iterator

from keras_seg.data.diagnosis.collected import Collected
from keras_seg.data.diagnosis.finding import Finding, Severity, files, found
from keras_seg.data.index.image_facts import (
    ImageFacts,
    partly_transparent,
    range_notices,
    transparency_notices,
    transparent_everywhere,
)


def low_range(collected: Collected) -> Iterator[Finding]:
    """16-bit and float images whose values are far from those that models take."""
    images = [item for item in collected.examined if item.image is not None]
    wide = [collected.name(item.files.image) for item in images if item.image and item.image.dtype == "float32"]
    for line in range_notices([item.image for item in images if item.image]):
        fix = "Multiply all of them by the same factor, so that the brightest pixel is near the end of the range."
        yield found("warning", "low-range", wide, line, fix=fix)


def transparent_images(collected: Collected) -> Iterator[Finding]:
    """Images whose transparent pixels are blended with white."""
    images = [item.image for item in collected.examined if item.image is not None]
    fix = "Save these images without their alpha channel, or with the background that they should have."
    parts: tuple[tuple[Severity, list[ImageFacts]], ...] = (
        ("warning", transparent_everywhere(images)),
        ("note", partly_transparent(images)),
    )
    for severity, chosen in parts:
        names = [collected.name(image.path) for image in chosen]
        for line in transparency_notices(chosen):
            yield found(severity, "transparent-images", names, line, fix=fix)


def turned_images(collected: Collected) -> Iterator[Finding]:
    """Photos with an EXIF orientation."""
    turned = [f for f in collected.examined if f.image is not None and f.image.file.orientation != 1]
    choice, unclear = collected.exif
    if unclear:
        yield found("error", "exif-unclear", [collected.name(f.files.image) for f in turned], unclear)
    elif turned:
        read = "turned by it" if choice == "apply" else "as stored, which their masks fit"
        message = f"{files(len(turned), 'image')} with an EXIF orientation: read {read}."
        names = [collected.name(f.files.image) for f in turned]
        yield found("note", "exif-orientation*", names, message, fix="Check that their masks fit in the picture.")
