"""The pixels of an image file as channels in 0..255."""

import numpy as np
from PIL import Image

from keras_seg._decoding.arrays import is_array
from keras_seg._decoding.file_facts import Pixels
from keras_seg._decoding.value_range import to_255
from keras_seg._types import PathLike
from keras_seg._validation import InputError

# ITU-R 601, as in Pillow.
_GRAY = np.array([299, 587, 114], np.float32) / 1000
_WITH_ALPHA = ("LA", "PA", "RGBA", "La", "RGBa")


def image_values(path: PathLike, pixels: Pixels, channels: int) -> np.ndarray:
    """The pixels as stored, (height, width, channels): uint8, or float32 for 16 bits and floats."""
    if is_array(path):
        found = pixels.facts.channels
        if found != channels:
            raise InputError(f"{path}: has {found} channels, not {channels}. Pass channels={found}.")
        return to_255(path, pixels.values)
    colors, alpha = _colors_and_alpha(path, pixels)
    found = colors.shape[-1] + (alpha is not None and pixels.facts.mode in _WITH_ALPHA)
    if channels not in (1, 3) and found == channels and not pixels.facts.palette:
        return colors if alpha is None or found == colors.shape[-1] else np.concatenate([colors, alpha[..., None]], -1)
    is_color = pixels.facts.palette or not pixels.facts.mode.endswith("bands")
    convertible = colors.shape[-1] in (1, 3) if is_color else colors.shape[-1] in (1, channels)
    if channels not in (1, 3) or not convertible:
        fix = f"Pass channels={found}" if found not in (2,) or not is_color else "Pass channels=1"
        raise InputError(
            f"{path}: has {found} channel{'s' if found > 1 else ''} ({pixels.facts.mode}), not {channels}. {fix}, or "
            "save other channels as TIFF or as .npy."
        )
    if alpha is not None:
        colors = _over_white(colors, alpha, premultiplied=pixels.premultiplied)
    if colors.shape[-1] == channels:
        return colors
    if channels == 3:
        return np.repeat(colors, 3, axis=-1)
    if colors.dtype == np.uint8:
        return np.array(Image.fromarray(colors).convert("L"))[..., None]
    return (colors @ _GRAY)[..., None]


def opacity(path: PathLike, pixels: Pixels, channels: int) -> float:
    """The mean opacity, 0..1, of an image whose transparent pixels `image_values` blends with white; 1 without any."""
    if channels not in (1, 3) or not pixels.facts.alpha or is_array(path):
        return 1.0
    _, alpha = _colors_and_alpha(path, pixels)
    return 1.0 if alpha is None else float(alpha.mean()) / 255


def _colors_and_alpha(path: PathLike, pixels: Pixels) -> tuple[np.ndarray, np.ndarray | None]:
    """Channels in 0..255 and, for files with transparency, alpha in 0..255."""
    values = pixels.values
    if pixels.palette is not None:
        table = pixels.painted
        alpha = values[..., 1] if values.shape[-1] == 2 else table[..., 3]
        return table[..., :3], None if alpha.min(initial=255) == 255 else alpha
    seen = np.ones(values.shape[:2], bool)
    if pixels.transparent is not None:
        seen = (values != np.asarray(pixels.transparent, values.dtype)).any(-1)
    if values.dtype == bool:
        values = values.astype(np.uint8) * np.uint8(255)
    elif pixels.full_scale is not None:
        scaled = values * np.float32(255 / pixels.full_scale)
        values = np.rint(scaled).astype(np.uint8) if values.dtype == np.uint8 else scaled
    else:
        values = to_255(path, values)
    if pixels.inverted and pixels.facts.kind == "u":
        values = (255 - values).astype(values.dtype)
    if pixels.facts.mode in _WITH_ALPHA:
        return values[..., :-1], values[..., -1]
    if not seen.all():
        return values, np.where(seen, 255, 0).astype(values.dtype)
    return values, None


def _over_white(colors: np.ndarray, alpha: np.ndarray, *, premultiplied: bool) -> np.ndarray:
    if colors.dtype == np.uint8 and not premultiplied:
        rgb = np.repeat(colors, 3, axis=-1) if colors.shape[-1] == 1 else colors
        picture = Image.fromarray(np.concatenate([rgb, alpha[..., None]], -1).astype(np.uint8))
        white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
        return np.array(Image.alpha_composite(white, picture))[..., : colors.shape[-1]]
    opacity = alpha[..., None].astype(np.float32)
    shown = colors if premultiplied else colors * (opacity / 255)
    result = np.clip(shown + (255 - opacity), 0, 255)
    return np.rint(result).astype(np.uint8) if colors.dtype == np.uint8 else result.astype(np.float32)
