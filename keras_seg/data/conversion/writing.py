"""The converted folder: images, masks, labels.json, and counts for the report."""

import contextlib
import os
import pathlib
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from keras_seg import _files
from keras_seg._decoding.decode import decode, file_facts
from keras_seg._decoding.file_facts import QUARTER_TURNS
from keras_seg._validation import InputError
from keras_seg.data.conversion.channel_files import stacked_channels
from keras_seg.data.conversion.labeled_image import VOID, LabeledImage, LabeledImages
from keras_seg.data.conversion.painting import Painted, paint
from keras_seg.data.conversion.report import ConversionReport
from keras_seg.data.conversion.source import place, printable
from keras_seg.data.index.file_listing import EXTENSIONS
from keras_seg.data.index.reading import image_size, read_image

# The label of ignored pixels in masks of 8 and 16 bits, and in maps of objects.
_VOID_8, _VOID_16 = 255, 65535
_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)
_SHAPE_TOLERANCE = 0.01
_ORIENTATION_TAG = 0x0112
_UNSAFE = re.compile(r'[<>:"/\\|?*]')
_LONGEST = 120


class FolderWriter:
    """Writes images and their masks into a folder, one by one.

    Args:
        folder: path. An existing, empty folder.
        labels: what is written.
        instances: bool. Whether maps of objects are written too.
        check_images: bool. Whether all images are decoded.
    """

    def __init__(self, folder: pathlib.Path, labels: LabeledImages, *, instances: bool, check_images: bool) -> None:
        self.folder = folder
        self._labels = labels
        self._instances = instances
        self._check_images = check_images
        count = len(labels.names)
        self._void = _VOID_8 if count <= _VOID_8 else _VOID_16
        if count > _VOID_16:
            raise InputError(f"The source has {count} classes, and a mask holds at most {_VOID_16}. Merge some.")
        self._palette = _palette(labels.colors)
        self._stems: dict[str | None, set[str]] = {}
        self._records: dict[pathlib.Path, str] = {}
        self._pixels = np.zeros(count, "int64")
        self._presence = np.zeros(count, "int64")
        self._objects = np.zeros(count, "int64")
        self._ignored = 0
        self._counts: Counter[str] = Counter()
        self._splits: Counter[str] = Counter()
        self._lists: dict[str, list[str]] = {"unlabeled": [], "resized": [], "turned": [], "left_out": []}

    def leave_out(self, item: LabeledImage) -> None:
        """Note labels without an image."""
        self._lists["left_out"].append(printable(item.name))

    def write(self, item: LabeledImage) -> None:
        """Write an image and its mask."""
        image = item.image
        if image is None:
            raise AssertionError("the caller leaves out labels without an image")
        self._refuse_second_labels(item, image)
        size = image_size(image)
        stacked = stacked_channels(item.channels) if item.channels else None
        if self._check_images and stacked is None:
            decode(image)  # A header can claim pixels that the file does not hold.
        mask, instances = self._maps(item, size)
        stem = self._stem(item)
        root = self.folder / (item.split or "")
        for kind in ("images", "masks", *(["instances"] if self._instances else [])):
            (root / kind).mkdir(parents=True, exist_ok=True)
        if stacked is None:
            _copy(image, root / "images" / stem)
        else:
            np.save(root / "images" / f"{stem}.npy", stacked)
        self._save_mask(mask, root / "masks" / f"{stem}.png")
        if self._instances:
            _save_instances(instances, root / "instances" / f"{stem}.png", item.where)
        self._splits[item.split or ""] += 1
        if not item.annotated:
            self._lists["unlabeled"].append(printable(item.name))

    def finish(self, path: pathlib.Path, name: str) -> ConversionReport:
        """Write labels.json. `path` is where the folder will lie, `name` the format."""
        if not self._splits:
            raise InputError("No image of the source has labels. Check that images and labels lie where they should.")
        ignored = self._void if self._ignored else None
        content: dict[str, Any] = {"names": list(self._labels.names)}
        if ignored is not None:
            content["ignore_class"] = ignored
        _files.write_json(self.folder / "labels.json", content)
        notices = list(self._labels.notices)
        if self._instances and self._ignored:
            notices.append(f"Maps of objects mark ignored pixels: pass `ignore_class={_VOID_16}` when they are read.")
        self._lists["left_out"] += [printable(name) for name in self._labels.left_out]
        return ConversionReport(
            path=path,
            format=name,
            class_names=self._labels.names,
            pixels=tuple(self._pixels.tolist()),
            images_per_class=tuple(self._presence.tolist()),
            objects=tuple(self._objects.tolist()),
            ignore_class=ignored,
            ignored_pixels=self._ignored,
            splits=dict(self._splits),
            rule=self._labels.rule,
            notices=tuple(printable(line) for line in notices),
            unlabeled=tuple(self._lists["unlabeled"]),
            left_out=tuple(self._lists["left_out"]),
            resized=tuple(self._lists["resized"]),
            turned=tuple(self._lists["turned"]),
            inverted=tuple(printable(name) for name in self._labels.inverted),
            overlapping=self._counts["overlapping"],
            hidden=self._counts["hidden"],
            cut=self._counts["cut"],
            outside=self._counts["outside"],
            empty=self._counts["empty"],
        )

    def _refuse_second_labels(self, item: LabeledImage, image: pathlib.Path) -> None:
        """Refuse labels of an image whose labels are written already.

        A label file may name images of several folders, of another computer or by former names. Another image of the
        same name is found in their place.
        """
        first = self._records.get(place(image))
        if first is not None:
            raise InputError(
                f"{item.where}: its image is {image.name}, which {first} labels already. Remove one of the two, or "
                "correct the name of its image."
            )
        self._records[place(image)] = item.where

    def _maps(self, item: LabeledImage, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """The mask and the map of objects at the size of the image."""
        instances = None
        if item.mask is None:
            height, width = item.size or size
            painted = paint(item.objects, height, width, large_first=self._labels.large_first)
            self._count(painted)
            mask, instances = painted.mask, painted.instances
        else:
            mask = item.mask()
            if self._instances and item.instances is not None:
                instances = item.instances()
        maps = [mask] if instances is None else [mask, instances]
        fitted = [self._fitted(one, item, size, first=place == 0) for place, one in enumerate(maps)]
        wrong = fitted[0][(fitted[0] < VOID) | (fitted[0] >= len(self._labels.names))]
        if wrong.size:
            raise InputError(
                f"{item.where}: the mask holds {int(wrong.flat[0])}, and there are {len(self._labels.names)} classes. "
                "Check the list of classes."
            )
        return fitted[0], fitted[-1] if instances is not None else np.zeros(size, "int32")

    def _count(self, painted: Painted) -> None:
        for key in ("overlapping", "hidden", "cut", "outside", "empty"):
            self._counts[key] += getattr(painted, key)
        if self._labels.has_objects:
            for id_ in painted.ids:
                self._objects[id_] += 1

    def _fitted(self, mask: np.ndarray, item: LabeledImage, size: tuple[int, int], *, first: bool) -> np.ndarray:
        """The mask turned or resized to its image where the two differ."""
        if mask.ndim != 2:
            raise InputError(f"{item.where}: the mask has the shape {mask.shape}. Save it as (height, width).")
        if mask.shape == size:
            return mask
        turn = _orientation(item.image)
        turned = ImageOps.exif_transpose(_tagged(mask, turn)) if turn in QUARTER_TURNS else None
        if turned is not None and (turned.height, turned.width) == size:
            if first:
                self._lists["turned"].append(printable(item.name))
            return np.array(turned)
        ours, its = mask.shape[0] * size[1], mask.shape[1] * size[0]
        # Equal products mean equal shapes; a side rounded by a pixel changes a product by another side.
        if abs(ours - its) > _SHAPE_TOLERANCE * max(ours, its) + max(*mask.shape, *size):
            raise InputError(
                f"{item.where}: the labels are of an image of {mask.shape[0]}x{mask.shape[1]} (height x width), but "
                f"the file {printable(item.image.name if item.image else '')} has {size[0]}x{size[1]}. "
                "Put the labeled image in its place."
            )
        if first:
            name = f"{printable(item.name)} ({mask.shape[0]}x{mask.shape[1]} to {size[0]}x{size[1]})"
            self._lists["resized"].append(name)
        small = Image.fromarray(mask.astype("int32"))
        return np.array(small.resize((size[1], size[0]), Image.Resampling.NEAREST))

    def _stem(self, item: LabeledImage) -> str:
        """A name that is safe on every system, and new in its split. Folders become a part of it."""
        name = item.name.replace("\\", "/")
        plain = pathlib.PurePosixPath(name)
        stem = str(plain.with_suffix("")) if plain.suffix.lower() in (*EXTENSIONS, ".ppm", ".gif", ".jp2") else name
        stem = "".join(c if c.isprintable() else "_" for c in stem)
        stem = _UNSAFE.sub("_", stem).strip(" .")
        while len(stem.encode()) > _LONGEST:
            stem = stem[1:]
        stem = stem.lstrip(" .") or "image"
        taken = self._stems.setdefault(item.split, set())
        number, new = 1, stem
        while new.casefold() in taken:  # Some file systems do not tell a.png from A.png.
            number += 1
            new = f"{stem}_{number}"
        taken.add(new.casefold())
        return new

    def _save_mask(self, mask: np.ndarray, path: pathlib.Path) -> None:
        ids = np.where(mask == VOID, self._void, mask)
        counts = np.bincount(ids.ravel(), minlength=self._void + 1)
        count = len(self._pixels)
        self._pixels += counts[:count]
        self._presence += counts[:count] > 0
        self._ignored += int(counts[self._void])
        if self._void == _VOID_16:
            Image.fromarray(ids.astype("uint16")).save(path)
            return
        saved = Image.fromarray(ids.astype("uint8"))
        if self._palette:
            saved.putpalette(self._palette)
        saved.save(path)


def _save_instances(instances: np.ndarray, path: pathlib.Path, where: str) -> None:
    # Numbers may be any in the source's maps; from 1 on they fit 16 bits.
    numbers = np.unique(instances[instances > 0])
    if len(numbers) >= _VOID_16:
        raise InputError(f"{where}: the image has {len(numbers)} objects, more than a map of 16 bits holds. Cut it.")
    compact = np.where(instances > 0, np.searchsorted(numbers, instances) + 1, 0)
    Image.fromarray(np.where(instances == VOID, _VOID_16, compact).astype("uint16")).save(path)


def _palette(colors: tuple[tuple[int, int, int], ...] | None) -> list[int] | None:
    """256 colors, white for ignored pixels; None where the colors would be taken for the classes."""
    if colors is None or len(colors) > _VOID_8:
        return None
    if len(colors) == 2 and (colors[0] == _WHITE or colors[1] == _BLACK):
        return None  # A scan reads two classes of black and white by color, black as class 0.
    flat = [value for color in colors for value in color]
    return flat + [0] * (3 * _VOID_8 - len(flat)) + [255] * 3


def _copy(image: pathlib.Path, target: pathlib.Path) -> None:
    """Link or copy the file, or save it as PNG if keras_seg does not take its extension."""
    extension = image.suffix.lower()
    if extension not in EXTENSIONS:
        pixels = read_image(image)
        if pixels.dtype != np.uint8:
            raise InputError(f"{image}: cannot be saved as PNG without loss. Save it as PNG or TIFF of 16 bits.")
        Image.fromarray(pixels).save(f"{target}.png")
        return
    shutil.copyfile(image, f"{target}{extension}")


def _orientation(image: pathlib.Path | None) -> int:
    return 1 if image is None else file_facts(image).orientation


def _tagged(mask: np.ndarray, orientation: int) -> Image.Image:
    image = Image.fromarray(mask.astype("int32"))
    image.getexif()[_ORIENTATION_TAG] = orientation
    return image


@contextlib.contextmanager
def finished_folder(out: pathlib.Path) -> Iterator[pathlib.Path]:
    """The folder OUT.partial to write to; it becomes OUT when the block succeeds, and is removed when it fails."""
    if out.is_symlink() or (out.exists() and (not out.is_dir() or any(out.iterdir()))):
        raise InputError(f"{printable(str(out))}: exists and is not an empty folder. Choose another place.")
    if out.exists() and out.samefile(pathlib.Path.cwd()):
        where = printable(str(out.resolve()))
        raise InputError(f"{where}: is the current folder, which cannot be replaced. Give the path of a new folder.")
    partial = out.with_name(out.name + ".partial")
    try:
        _files.check_on_disk(out)
        out.parent.mkdir(parents=True, exist_ok=True)
        partial.mkdir()
    except FileExistsError as error:
        raise InputError(
            f"{printable(str(partial))}: exists: a conversion is running, or was stopped. Remove it if none is running."
        ) from error
    except OSError as error:
        raise _files.not_writable(out, error) from error
    try:
        yield partial
        if out.exists():
            out.rmdir()
        os.replace(partial, out)
    except Exception as error:
        full = _files.disk_full(error)
        if full is None:
            raise
        raise _files.not_writable(out, full) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
