"""The pixels of a mask file as integer ids."""

from collections.abc import Mapping

import numpy as np

from keras_seg._decoding.arrays import is_array
from keras_seg._decoding.file_facts import Pixels
from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.data.index.refusals import PaintedMaskError, UnknownColorError

_WITH_ALPHA = ("LA", "PA", "RGBA", "La", "RGBa")
_ID_MODES = ("1", "L", "LA", "La", "P", "PA", "I", "RGB", "RGBA", "RGBa", "RGBX")
Rgb = tuple[int, int, int]
_INT32 = np.iinfo("int32")


def lossy_ids(path: PathLike) -> InputError:
    """The error for class ids or colors in a lossy file."""
    return InputError(
        f"{path}: is compressed with loss (JPEG or lossy WebP), which blurs ids and colors into values that no class "
        "has. Export the masks again as PNG from the tool that drew them; converting this file cannot restore them."
    )


def mask_ids(path: PathLike, pixels: Pixels, colors: Mapping[Rgb, int] | None) -> np.ndarray:
    """The ids as stored, (height, width): uint8, or int32 for more than 8 bits."""
    if is_array(path):
        if colors is not None:
            raise InputError(f"{path}: a .npy mask holds ids, not colors. Remove `colors`, here or from labels.json.")
        return _bounded(path, pixels.values[..., 0])
    if colors is not None:
        return _ids_of_colors(path, packed_colors(path, pixels), colors, lossy=pixels.facts.lossy)
    values = _plain_values(path, pixels)
    if _is_painted(values):
        if pixels.facts.lossy:
            raise lossy_ids(path)
        raise PaintedMaskError(
            f"{path}: the mask is painted in colors. "
            'Pass colors={(red, green, blue): id, ...}, write "colors": [[red, green, blue], ...] into labels.json, '
            "or save it with one id per pixel."
        )
    return _bounded(path, values[..., 0])


def is_painted(path: PathLike, pixels: Pixels) -> bool:
    """Whether pixels have colors instead of ids."""
    return not is_array(path) and _is_painted(_plain_values(path, pixels))


def packed_colors(path: PathLike, pixels: Pixels) -> np.ndarray:
    """The colors of a mask, int32 (height, width): 65536 red + 256 green + blue."""
    colors = _rgb(path, pixels, _plain_values(path, pixels)).astype(np.int32)
    return (colors << np.array([16, 8, 0], np.int32)).sum(-1, dtype=np.int32)


def unpacked(color: int) -> Rgb:
    """(red, green, blue) of a color as a number."""
    return color >> 16, color >> 8 & 255, color & 255


def _is_painted(values: np.ndarray) -> bool:
    return values.shape[-1] == 3 and not (values == values[..., :1]).all()


def _plain_values(path: PathLike, pixels: Pixels) -> np.ndarray:
    """The values without alpha, (height, width, 1 or 3), of a file that can hold ids or colors."""
    facts, values = pixels.facts, pixels.values
    if facts.mode.endswith("bands"):
        raise InputError(
            f"{path}: the mask has {facts.channels} channels, and one is needed. Save one id per pixel; from one "
            "channel per class: ids = channels.argmax(-1).astype('uint8')."
        )
    if not (facts.mode in _ID_MODES or facts.mode.startswith("I;16")) or values.dtype.kind == "f":
        raise InputError(f"{path}: a mask of type {facts.mode} holds no ids. Save it as PNG with one id per pixel.")
    if facts.mode in _WITH_ALPHA:
        values = _without_alpha(path, values)
    if pixels.inverted:
        if values.dtype != bool:
            raise InputError(
                f"{path}: white is stored as 0 (MinIsWhite), so an id could be the stored value or the shade. Save the "
                "mask as PNG, or as TIFF with photometric MinIsBlack."
            )
        values = ~values
    return values


def _bounded(path: PathLike, ids: np.ndarray) -> np.ndarray:
    if ids.dtype in (bool, np.uint8):
        return np.ascontiguousarray(ids, np.uint8)  # Not copied, if these are the pixels of a gray file.
    if ids.size and not (_INT32.min <= int(ids.min()) and int(ids.max()) <= _INT32.max):
        raise InputError(f"{path}: holds ids beyond 2^31. Number the classes from 0.")
    return ids.astype(np.int32)


def _without_alpha(path: PathLike, values: np.ndarray) -> np.ndarray:
    """The values without their last channel, if that merges no pixels that differ."""
    shown, alpha = values[..., :-1], values[..., -1]
    if alpha.size and alpha.min() != alpha.max():
        flat = shown.reshape(-1, shown.shape[-1]).astype(np.int64)
        keys = (flat << (16 * np.arange(flat.shape[1]))).sum(-1)
        _, first, group = np.unique(keys, return_index=True, return_inverse=True)
        level = alpha.reshape(-1)
        if (level[first][group.reshape(-1)] != level).any():
            raise InputError(
                f"{path}: pixels of one color differ in their transparency, so it is not clear which of the two holds "
                "the ids. Save the mask without alpha, or the alpha channel alone, as PNG with one id per pixel."
            )
    return shown


def _rgb(path: PathLike, pixels: Pixels, values: np.ndarray) -> np.ndarray:
    """The colors of a mask, uint8 (height, width, 3)."""
    if pixels.palette is not None:
        if values[..., 0].max(initial=0) >= len(pixels.palette):
            raise InputError(
                f"{path}: holds the index {values[..., 0].max()}, but its palette lists {len(pixels.palette)} colors. "
                "Save it with all colors, or remove `colors` if the indices are the ids."
            )
        return pixels.painted[..., :3]
    if values.dtype == bool:
        values = values.astype(np.uint8) * np.uint8(255)
    elif values.dtype != np.uint8:
        if (values % 257).any() or values.min(initial=0) < 0 or values.max(initial=0) > 65535:
            raise InputError(f"{path}: holds colors of more than 8 bits, and `colors` lists 8-bit ones. Save 8 bits.")
        values = (values // 257).astype(np.uint8)
    elif pixels.full_scale is not None:
        values = (values * (255 // pixels.full_scale)).astype(np.uint8)
    return np.broadcast_to(values, (*values.shape[:2], 3))


def _ids_of_colors(path: PathLike, packed: np.ndarray, colors: Mapping[Rgb, int], *, lossy: bool) -> np.ndarray:
    keys = {(int(red) << 16) + (int(green) << 8) + int(blue): int(id_) for (red, green, blue), id_ in colors.items()}
    found, inverse = np.unique(packed, return_inverse=True)
    for key in found.tolist():
        if key not in keys:
            if lossy:
                raise lossy_ids(path)
            raise UnknownColorError(
                f"{path}: the color {unpacked(key)} is not in `colors`. Add it, with an id or with the label of "
                "`ignore_class`.",
                unpacked(key),
            )
    ids = np.array([keys[key] for key in found.tolist()], np.int32)
    return ids[inverse].reshape(packed.shape)
