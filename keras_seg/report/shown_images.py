"""The best, the median and the worst images, as pictures that a page holds."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from keras_seg._page.blocks import Picture, PictureRow
from keras_seg._page.render import data_uri

# Longest side of a picture: larger ones would make the page slow to load.
_LONGEST = 512


def chosen(scores: Sequence[float] | np.ndarray) -> list[tuple[str, int]]:
    """(name, position) of the two best, the two median and the three worst of some scores, each once."""
    scores = np.asarray(scores, "float64")
    # Equal scores keep their order, so that the choice is the same every time.
    order = [int(place) for place in np.argsort(-scores, kind="stable") if np.isfinite(scores[place])]
    middle = max(0, len(order) // 2 - 1)
    groups = (("Best", order[:2]), ("Median", order[middle : middle + 2]), ("Worst", order[::-1][:3]))
    taken: dict[int, str] = {}
    for name in ("Worst", "Best", "Median"):
        for place in dict(groups)[name]:
            taken.setdefault(place, name)
    return [(name, place) for name, places in groups for place in places if taken[place] == name]


def picture(values: np.ndarray, *, title: str, alt: str, photo: bool) -> Picture:
    """A picture of the page from an RGB array.

    Args:
        values: uint8 array (height, width, 3).
        title: str.
        alt: str.
        photo: bool. Whether it is a photo; otherwise it holds areas of few colors, which keep their exact colors.
    """
    image = Image.fromarray(values)
    scale = _LONGEST / max(image.size)
    if scale < 1:
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(size, Image.Resampling.LANCZOS if photo else Image.Resampling.NEAREST)
    if not photo and (colors := image.getcolors(256)) is not None:
        image = image.quantize(max(2, len(colors)), dither=Image.Dither.NONE)
    return Picture(source=data_uri(image, photo=photo), title=title, alt=alt)


def photo_row(kind: str, file: str, drawn: Sequence[np.ndarray], *, titles: Sequence[str], score: str) -> PictureRow:
    """What was drawn of an image file, as photos with `titles`; `kind` is "Best" and the like, as in `chosen`."""
    pictures = tuple(
        picture(values, title=title, alt=f"{title} of {file}", photo=True)
        for title, values in zip(titles, drawn, strict=True)
    )
    return PictureRow(title=f"{kind}: {file}", text=f"{score}; select a picture to enlarge it.", pictures=pictures)
