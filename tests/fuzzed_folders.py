"""Data folders whose truth is known, and changes that people and broken disks make to them.

The independent reader is Pillow, tifffile and NumPy on their own, with none of the package's rules.
"""

import dataclasses
import pathlib
import shutil

import numpy as np
import tifffile
from PIL import Image

SIZE = (10, 14)
COLORS = [(0, 0, 0), (200, 30, 60), (20, 180, 90)]
COUNT = 4
LAYOUTS = {
    "plain": ("images/{}", "masks/{}"),
    "split": ("train/images/{}", "train/masks/{}"),
    "other names": ("Training_Images/{}", "Ground_Truth/{}_annotation"),
    "one folder": ("{}", "{}_mask"),
    "deeper": ("set/images/{}", "set/masks/{}"),
}
PARTS = ("car", "road")
# A folder of files per image: the names of the files say nothing.
OBJECT_LAYOUTS = {
    "folders of objects": ("images/{}", "masks/{}/{name}"),
    "a folder per image": ("{0}/images/{0}", "{}/masks/{name}"),
    "objects by split": ("train/images/{}", "train/masks/{}/{name}"),
}
CLASS_LAYOUTS = {
    "folders of classes": ("images/{}", "masks/{name}/{}"),
    "classes in names": ("images/{}", "masks/{}_{name}"),
    "classes by split": ("train/images/{}", "train/masks/{name}/{}"),
}
PART_MASKS = ("white", "unit", "bits", "palette")
MASKS = ("ids", "16 bits", "palette", "white", "unit", "bits", "colors", "npy", "tiff", "void")
IMAGES = (".png", ".jpg", ".tif", ".npy", ".bmp")


@dataclasses.dataclass
class Folder:
    """A data folder. `damaged` holds the files whose content is no longer what was drawn."""

    root: pathlib.Path
    masks: str
    images: list[pathlib.Path]
    mask_files: list[pathlib.Path]
    truth: list[np.ndarray]
    damaged: set[pathlib.Path] = dataclasses.field(default_factory=set)
    relabeled: bool = False

    @property
    def files(self):
        return [file for file in [*self.images, *self.mask_files] if file.exists()]


def drawn(number, classes):
    """The ids of an image, all classes in each, different for every number."""
    ids = np.zeros(SIZE, "uint8")
    ids[1 : 3 + number, 2:9] = 1
    if classes > 2:
        ids[6:9, 3 : 8 + number] = 2
    return ids


def save_mask(path, ids, kind):
    if kind == "npy":
        np.save(path, ids)
    elif kind == "tiff":
        tifffile.imwrite(path, ids)
    elif kind == "16 bits":
        Image.fromarray(ids.astype("uint16")).save(path)
    elif kind == "palette":
        image = Image.frombytes("P", ids.shape[::-1], ids.tobytes())
        image.putpalette([value for color in COLORS for value in color])
        image.save(path)
    elif kind == "colors":
        Image.fromarray(np.array(COLORS, "uint8")[ids]).save(path)
    elif kind == "bits":
        Image.fromarray(ids.astype(bool)).save(path)
    else:
        Image.fromarray(ids * np.uint8(255) if kind == "white" else ids).save(path)


def save_image(path, number):
    values = np.zeros((*SIZE, 3), "uint8") + np.uint8(40 * number + 60)
    values[:, ::2] += np.uint8(9)
    if path.suffix == ".npy":
        np.save(path, values)
    else:
        Image.fromarray(values).save(path)


def write_folder(root, layout, masks, images):
    classes = 2 if masks in ("white", "unit", "bits") else 3
    folder = Folder(root=root, masks=masks, images=[], mask_files=[], truth=[])
    ending = {"npy": ".npy", "tiff": ".tif"}.get(masks, ".png")
    if layout == "one folder" and ending == images and masks == "npy":
        images = ".png"
    for number in range(COUNT):
        ids = drawn(number, classes)
        if masks == "void":
            ids[0, 0] = 255
        image, mask = (root / pattern.format(f"scan_{number}") for pattern in LAYOUTS[layout])
        image, mask = image.with_name(image.name + images), mask.with_name(mask.name + ending)
        for file in (image, mask):
            file.parent.mkdir(parents=True, exist_ok=True)
        save_image(image, number)
        save_mask(mask, ids, masks)
        folder.images.append(image)
        folder.mask_files.append(mask)
        folder.truth.append(ids)
    return folder


def shown(number, overlapping=False):
    """The two parts of an image, objects or classes, bool: the classes share pixels."""
    ids = drawn(number, 3)
    first, second = ids == 1, ids == 2
    if overlapping:
        second[2, 2:6] = True
    return first, second


def write_parts(root, layout, masks, images):
    """Images with several masks each: a file per object or per class. The truth of each is a dict by mask file."""
    folder = Folder(root=root, masks=masks, images=[], mask_files=[], truth=[])
    pattern, of_masks = {**OBJECT_LAYOUTS, **CLASS_LAYOUTS}[layout]
    for number in range(COUNT):
        image = root / pattern.format(f"scan_{number}")
        image = image.with_name(image.name + images)
        files = [root / (of_masks.format(f"scan_{number}", name=name) + ".png") for name in PARTS]
        for file in (image, *files):
            file.parent.mkdir(parents=True, exist_ok=True)
        save_image(image, number)
        for file, part in zip(files, shown(number, overlapping=layout in CLASS_LAYOUTS), strict=True):
            save_mask(file, part.astype("uint8"), masks)
        folder.images.append(image)
        folder.mask_files += files
        folder.truth.append(files)
    return folder


def stored(path):
    """The stored values of a mask: what Pillow, tifffile and NumPy give."""
    if path.suffix.lower() == ".npy":
        return np.load(path)
    with open(path, "rb") as stream:
        start = stream.read(4)
    if start in (b"II*\0", b"MM\0*"):
        return tifffile.imread(path)
    with Image.open(path) as image:
        return np.array(image)


def plain(values):
    """One value per pixel of a mask as stored, or None if its channels differ."""
    if values.ndim == 3:
        values = values[..., :-1] if values.shape[-1] in (2, 4) else values
        values = values[..., 0] if (values == values[..., :1]).all() else None
    return None if values is None else values.astype("int64")


def number_of(path):
    """Which image a file holds, by its brightness."""
    values = stored(path)
    return round((float(np.median(values[1::2] if values.ndim == 2 else values[..., 1::2, 0])) - 60) / 40)


def _not_empty(folder, rng):
    """One of the files that an earlier change has not emptied."""
    return rng.choice([path for path in folder.files if path.stat().st_size])


def bytes_flipped(folder, rng):
    path = _not_empty(folder, rng)
    content = bytearray(path.read_bytes())
    for place in rng.integers(0, len(content), rng.integers(1, 6)):
        content[place] = rng.integers(256)
    path.write_bytes(content)
    folder.damaged.add(path)


def bytes_lost(folder, rng):
    path = _not_empty(folder, rng)
    content = path.read_bytes()
    path.write_bytes(content[: rng.integers(0, len(content))])
    folder.damaged.add(path)


def bytes_zeroed(folder, rng):
    path = _not_empty(folder, rng)
    content = bytearray(path.read_bytes())
    start = rng.integers(0, len(content))
    content[start : start + 40] = bytes(len(content[start : start + 40]))
    path.write_bytes(content)
    folder.damaged.add(path)


def renamed(folder, rng):
    path = rng.choice(folder.files)
    change = rng.integers(6)
    name = [
        path.stem.upper() + path.suffix,
        path.stem + path.suffix.upper(),
        path.stem + " copy" + path.suffix,
        path.stem + "[1]" + path.suffix,
        path.name + path.suffix,
        "." + path.name,
    ][change]
    move(folder, path, path.with_name(name))


def move(folder, path, target):
    if target.exists():
        return
    path.rename(target)
    for files in (folder.images, folder.mask_files):
        files[:] = [target if file == path else file for file in files]
    if path in folder.damaged:
        folder.damaged.add(target)


def swapped(folder, rng):
    files = [folder.images, folder.mask_files][rng.integers(2)]
    one, other = (files[place] for place in rng.choice(len(files), 2, replace=False))
    if one.exists() and other.exists() and one.suffix == other.suffix:
        first = one.read_bytes()
        one.write_bytes(other.read_bytes())
        other.write_bytes(first)
        folder.damaged |= {one, other}


def other_mode(folder, rng):
    """Saved again by a tool that changes the form and not the meaning."""
    places = [place for place, file in enumerate(folder.mask_files) if file.exists() and file not in folder.damaged]
    if not places or folder.masks == "npy":
        return
    path = folder.mask_files[rng.choice(places)]
    with Image.open(path) as opened:
        image = opened.copy()
    mode = ["L", "RGB", "RGBA", "LA", "P", "1", "I;16", "CMYK"][rng.integers(8)]
    if mode == "CMYK" and path.suffix == ".png":
        return
    try:
        image.convert(mode).save(path)
    except (OSError, ValueError):
        return
    folder.damaged.add(path)  # Its values may be others now; they are compared with the independent reader.


def other_size(folder, rng):
    path = rng.choice([file for file in folder.files if file.suffix != ".npy"] or folder.files)
    if path.suffix == ".npy" or path in folder.damaged:
        return
    with Image.open(path) as image:
        changed = image.resize((SIZE[1] + int(rng.integers(-2, 3)), SIZE[0]), Image.Resampling.NEAREST)
    changed.save(path)
    folder.damaged.add(path)


def other_scale(folder, rng):
    """Another bit depth, or ids on another scale."""
    path = rng.choice(folder.mask_files)
    if not path.exists() or path in folder.damaged or folder.masks in ("colors", "palette", "bits", "npy"):
        return
    values = stored(path)
    factor = [1, 255, 2, 100][rng.integers(4)]
    changed = values.astype(["uint8", "uint16"][rng.integers(2)]) * factor
    Image.fromarray(changed.astype("uint8") if changed.max() < 256 else changed.astype("uint16")).save(path)
    folder.damaged.add(path)


def other_palette(folder, rng):
    if folder.masks != "palette":
        return
    path = rng.choice(folder.mask_files)
    if path.exists() and path not in folder.damaged:
        with Image.open(path) as opened:
            image = opened.copy()
        image.putpalette(rng.integers(0, 256, 9).tolist())
        image.save(path)


def doubled(folder, rng):
    path = rng.choice(folder.files)
    place = rng.integers(4)
    name = [
        path.stem + "_2" + path.suffix,
        path.stem + ".gif",
        path.stem + "_mask" + path.suffix,
        "extra" + path.suffix,
    ]
    target = path.with_name(name[place])
    if not target.exists():
        shutil.copyfile(path, target)
        if path in folder.damaged:
            folder.damaged.add(target)


def removed(folder, rng):
    rng.choice(folder.files).unlink()


def junk(folder, rng):
    place = rng.choice(folder.files).parent
    name = ["Thumbs.db", ".DS_Store", "desktop.ini", "._scan_0.png", "notes.txt", "Thumbs.png"][rng.integers(6)]
    (place / name).write_bytes(rng.bytes(30))


def checkpoints(folder, rng):
    path = rng.choice(folder.files)
    (path.parent / ".ipynb_checkpoints").mkdir(exist_ok=True)
    shutil.copyfile(path, path.parent / ".ipynb_checkpoints" / f"{path.stem}-checkpoint{path.suffix}")


def label_file(folder, rng):
    texts = ['{"names": ["a", "b", "c"]}', '{"names": ["a"', "[]", '{"ignore_class": 255}', '{"label_map": {"1": 0}}']
    texts += ['{"names": ["a", "b"]}', "\ufeff{}", '{"colors": [[0, 0, 0], [200, 30, 60], [20, 180, 90]]}']
    (folder.root / "labels.json").write_text(texts[rng.integers(len(texts))], "utf-8")
    folder.relabeled = True


CHANGES = (
    bytes_flipped,
    bytes_lost,
    bytes_zeroed,
    renamed,
    swapped,
    other_mode,
    other_size,
    other_scale,
    other_palette,
    doubled,
    removed,
    junk,
    checkpoints,
    label_file,
)
