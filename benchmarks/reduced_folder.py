"""A data folder with images and masks of another size."""

from PIL import Image


def reduced_folder(data, target, size):
    """Write `train/` and `val/` of `data` below `target` in `size` (height, width), unless they are there; `target`."""
    for split in ("train", "val"):
        for kind, resampling in (("images", Image.Resampling.BOX), ("masks", Image.Resampling.NEAREST)):
            (target / split / kind).mkdir(parents=True, exist_ok=True)
            for file in sorted((data / split / kind).iterdir()):
                small = target / split / kind / f"{file.stem}.png"
                if not small.exists():
                    with Image.open(file) as picture:
                        picture.resize(size[::-1], resampling).save(small)
    return target
