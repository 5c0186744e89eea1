"""What is kept about one image and its mask: small, whatever their size."""

import dataclasses
import pathlib

Rgb = tuple[int, int, int]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ImageLook:
    """Facts about a decoded image.

    `size` is (height, width) as it is shown, `stored_size` before the EXIF orientation. `shape_hash` has 64 bits, and
    `thumbnail` 16x16 bytes; both are similar for similar images. `pixel_hash` is equal for equal pixels only.
    """

    size: tuple[int, int]
    channels: int
    orientation: int
    wide: bool
    peak: float
    pixel_hash: bytes
    shape_hash: int
    thumbnail: bytes

    @property
    def stored_size(self) -> tuple[int, int]:
        height, width = self.size
        return (width, height) if self.orientation in (5, 6, 7, 8) else self.size


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MaskLook:
    """Facts about a decoded mask.

    `values` counts the pixels per value, `colors` the pixels per color if the file is stored in colors. Only the first
    ones are kept if there are more than `CAP`, and then `many` is True. `gray` is False if the mask has no values, only
    colors.
    """

    size: tuple[int, int]
    jpeg: bool
    gray: bool
    values: dict[int, int]
    colors: dict[Rgb, int] | None
    many: bool
    specks: int


CAP = 512


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PairFacts:
    """An image, its mask, and what was found in them. A look is None if the file cannot be read; its error says why.

    `offset` is how far the mask must be moved (down, right) to fit the edges of the image best, or None if that cannot
    be told.
    """

    split: str | None
    image: pathlib.Path | None
    mask: pathlib.Path | None
    image_look: ImageLook | None = None
    mask_look: MaskLook | None = None
    image_error: str = ""
    mask_error: str = ""
    offset: tuple[int, int] | None = None

    @property
    def readable(self) -> bool:
        """Whether both files could be read."""
        return self.image_look is not None and self.mask_look is not None
