"""What a file says about itself, and its pixels as they are stored."""

import dataclasses
from typing import Any

import numpy as np

QUARTER_TURNS = (5, 6, 7, 8)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class FileFacts:
    """What one image, mask or array file says about itself.

    Args:
        format: str. "PNG", "JPEG", "TIFF", "NPY", "ZARR", ...
        size: (height, width) of the stored pixels, before any EXIF orientation.
        mode: str. Pillow's name: "1", "L", "P", "RGB", "CMYK", "I;16", ...; "N bands" for other numbers of channels.
        channels: int. Values per pixel, alpha included; 1 for palettes.
        bits: int. Bits per value in the file.
        kind: str. "u", "i", "f" or "b", as in NumPy's dtypes.
        frames: int. Pages of a TIFF without thumbnails and overviews, or frames of an animation. Defaults to 1.
        palette: bool. Whether the values are positions in a table of colors. Defaults to False.
        alpha: bool. Whether the file holds transparency. Defaults to False.
        lossy: bool. Whether the compression changes values. Defaults to False.
        orientation: int. EXIF orientation, 1 to 8. Defaults to 1.
    """

    format: str
    size: tuple[int, int]
    mode: str
    channels: int
    bits: int
    kind: str
    frames: int = 1
    palette: bool = False
    alpha: bool = False
    lossy: bool = False
    orientation: int = 1

    @property
    def turned_size(self) -> tuple[int, int]:
        """The (height, width) after the EXIF orientation is applied."""
        height, width = self.size
        return (width, height) if self.orientation in QUARTER_TURNS else (height, width)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Pixels:
    """The decoded pixels of a file, as stored.

    Args:
        facts: `FileFacts`.
        values: array (height, width, channels) in the file's dtype; positions for palettes; RGB for color spaces that a
            mask cannot have (CMYK, YCbCr, Lab).
        palette: uint8 array (entries, 4) of RGBA, with the entries that the file lists. Defaults to None.
        transparent: the value, or tuple of values, of pixels that are transparent. Defaults to None.
        premultiplied: bool. Whether colors are already multiplied by alpha. Defaults to False.
        inverted: bool. Whether 0 is white (TIFF's MinIsWhite). Defaults to False.
        full_scale: int. The stored value of white, if it is not the dtype's largest. Defaults to None.
        place: (row, column) of the first value, where `values` is only the smallest rectangle that holds everything
            other than 0. Defaults to (0, 0).
    """

    facts: FileFacts
    values: np.ndarray
    palette: np.ndarray | None = None
    transparent: Any = None
    premultiplied: bool = False
    inverted: bool = False
    full_scale: int | None = None
    place: tuple[int, int] = (0, 0)

    @property
    def painted(self) -> np.ndarray:
        """The colors of a file with a palette, uint8 RGBA (height, width, 4); black beyond the palette."""
        assert self.palette is not None
        table = np.zeros((max(len(self.palette), int(self.values[..., 0].max(initial=0)) + 1), 4), np.uint8)
        table[:, 3] = 255
        table[: len(self.palette)] = self.palette
        return table[self.values[..., 0]]
