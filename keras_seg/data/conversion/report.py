"""What a conversion found and did."""

import dataclasses
import pathlib

from keras_seg.data.index.file_listing import some_of


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConversionReport:
    """What `convert` wrote, and all that it decided on the way.

    Args:
        path: path of the folder that was written.
        format: str. Name of the format, as `convert(format=...)` takes it.
        ignore_class: int or None. The label of ignored pixels, or None if there are none.
        class_names: tuple of str. One name per class, the background first.
        pixels: tuple of int. Pixels per class.
        images_per_class: tuple of int. Images that hold the class.
        objects: tuple of int. Objects per class, those that are not visible included; zeros for sources of masks.
        ignored_pixels: int. Their number.
        splits: dict from "train", "val" or "test" to its number of images; {"": number} if the source is not divided.
        unlabeled: tuple of str. Images that hold nothing but background, because the source has no labels of them.
        left_out: tuple of str. Images or labels that are not in the output, because their partner is missing.
        resized: tuple of str. Masks that were resized to their image with nearest neighbor.
        turned: tuple of str. Masks that were turned as the EXIF orientation turns their image.
        inverted: tuple of str. Black and white masks that are white in all corners and in over half of the image.
        overlapping: int. Objects that share pixels with another one.
        hidden: int. Objects that are covered completely by others.
        cut: int. Objects that lie partly outside of their image.
        outside: int. Objects that lie outside of it completely.
        empty: int. Objects that cover the center of no pixel.
        rule: str. Which object wins where objects overlap.
        notices: tuple of str. Further lines about the source.
    """

    path: pathlib.Path
    format: str
    ignore_class: int | None
    class_names: tuple[str, ...]
    pixels: tuple[int, ...]
    images_per_class: tuple[int, ...]
    objects: tuple[int, ...]
    ignored_pixels: int
    splits: dict[str, int]
    unlabeled: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    resized: tuple[str, ...] = ()
    turned: tuple[str, ...] = ()
    inverted: tuple[str, ...] = ()
    overlapping: int = 0
    hidden: int = 0
    cut: int = 0
    outside: int = 0
    empty: int = 0
    rule: str = ""
    notices: tuple[str, ...] = ()

    @property
    def facts(self) -> tuple[tuple[str, str], ...]:
        """(what, how many and which) of all that needs a look, and of nothing else."""
        total = sum(self.splits.values())
        rows = [
            ("images", f"{total}" + "".join(f", {count} {split}" for split, count in self.splits.items() if split)),
            ("images without labels, written as background", _counted(self.unlabeled)),
            ("left out: image or labels missing", _counted(self.left_out)),
            ("masks resized to their image (nearest neighbor)", _counted(self.resized)),
            ("masks turned with their image (EXIF)", _counted(self.turned)),
            ("masks that are mostly white: inverted?", _counted(self.inverted)),
            ("objects that overlap", f"{self.overlapping}: {self.rule}" if self.overlapping else ""),
            ("objects hidden by others", f"{self.hidden}" if self.hidden else ""),
            ("objects cut at the border of the image", f"{self.cut}" if self.cut else ""),
            ("objects outside of their image, left out", f"{self.outside}" if self.outside else ""),
            ("objects too small for a pixel, left out", f"{self.empty}" if self.empty else ""),
            ("ignored pixels", f"{self.ignored_pixels} ({self.ignore_class})" if self.ignored_pixels else ""),
        ]
        return tuple((name, value) for name, value in rows if value)


def _counted(names: tuple[str, ...]) -> str:
    return f"{len(names)}: {some_of(names)}" if names else ""
