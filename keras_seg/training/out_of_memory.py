"""A batch, or a whole image, for which the device has not enough memory."""

import contextlib
import math
from collections.abc import Iterator, Sequence
from typing import Any

from keras_seg._memory import is_out_of_memory
from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.training.kept_state import ChangeNeededError
from keras_seg.training.plan import Plan


@contextlib.contextmanager
def memory_named(error: InputError) -> Iterator[None]:
    """Let a block for which the device has not enough memory end in an error of one line.

    Args:
        error: the `InputError`.
    """
    try:
        yield
    except Exception as found:
        if isinstance(found, InputError) or not is_out_of_memory(found):
            raise
        raise error from found


def whole_images(index: Any) -> InputError:
    """The error of images that are predicted whole, the largest of which do not fit into the memory of the device."""
    height, width = max(index.sizes, key=math.prod)
    return InputError(
        f"{index.path}: the device has not enough memory to predict whole images of {height}x{width} pixels. Use one "
        "with more memory, or divide the images into smaller ones."
    )


def one_image(path: PathLike, size: Sequence[int], *, tile: tuple[int, int] | None) -> InputError:
    """The error of an image, a frame of a video or a tile of a raster that does not fit into the memory of the device.

    Args:
        path: the file.
        size: (height, width) of the image, the frame or the tile.
        tile: (height, width) of the tiles in which the file is predicted, or None.
    """
    fix = "Predict it in tiles, with `tile=(512, 512)`." if tile is None else "Use smaller tiles."
    height, width = size
    return InputError(f"{path}: the device has not enough memory to predict {height}x{width} pixels. {fix}")


def out_of_memory(plan: Plan) -> ChangeNeededError:
    """The error of a run whose batches do not fit into the memory of its device."""
    crop, count = plan["crop"], plan["batch_size"]
    height, width = (crop, crop) if isinstance(crop, int) else crop
    crops = f"a crop of {height}x{width}" if count == 1 else f"batches of {count} crops of {height}x{width}"
    return ChangeNeededError(
        f"The device has not enough memory for {crops}.", choice="crop" if count == 1 else "batch_size"
    )
