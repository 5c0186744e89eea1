"""nnU-Net's raw data: imagesTr, labelsTr, dataset.json."""

import pathlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from keras_seg._decoding.decode import file_facts
from keras_seg._validation import InputError
from keras_seg.data.conversion.formats import mask_folders
from keras_seg.data.conversion.formats.format import Format
from keras_seg.data.conversion.labeled_image import VOID, LabeledImage, LabeledImages
from keras_seg.data.conversion.source import Source, is_file
from keras_seg.data.index.unicode_names import nfc

# Behind the name of the case, the number of the channel.
_CHANNEL = re.compile(r"(.+)_(\d{4})", re.DOTALL)
_ENDINGS = (".png", ".tif", ".tiff", ".bmp")


def _recognize(source: Source) -> str | None:
    if source.file or not is_file(source.root / "dataset.json") or not (source.root / "labelsTr").is_dir():
        return None
    return "dataset.json and labelsTr/"


def _read(source: Source) -> LabeledImages:
    path = source.inside("dataset.json", source.root, source.shown)
    if not is_file(path):
        raise InputError(f"{source.shown}: has no dataset.json. Pass the folder DatasetXXX_Name.")
    content = source.json(path)
    labels = content.get("labels") if isinstance(content, dict) else None
    channels = content.get("channel_names") if isinstance(content, dict) else None
    if not isinstance(labels, dict) or not isinstance(channels, dict):
        raise InputError("dataset.json: must hold channel_names and labels. Correct it.")
    ending = content.get("file_ending")
    if ending not in _ENDINGS:
        raise InputError(
            f"dataset.json: file_ending is {ending!r}, and {', '.join(_ENDINGS)} are read. Save the slices as PNG."
        )
    channels = _channel_names(channels)
    names, classes = _classes(labels)
    found = LabeledImages(names=names, images=iter(()), has_objects=False)
    if (source.root / "imagesTs").is_dir():
        found.notices.append("imagesTs/ has no labels, and is left out.")

    stacked = (
        f"The {len(channels)} channels of an image ({', '.join(channels)}) are one .npy file: pass "
        f"channels={len(channels)} when the folder is read."
    )

    def images() -> Iterator[LabeledImage]:
        cases = _cases(source.files(source.root / "imagesTr", (ending,)))
        for mask in source.files(source.root / "labelsTr", (ending,)):
            where, own = source.name(mask), cases.pop(nfc(mask.stem), {})
            files = _files_of_case(source, mask.stem, own, channels)
            if len(files) > 1 and stacked not in found.notices:
                found.notices.append(stacked)
            yield LabeledImage(
                image=next(iter(files), None),
                channels=files if len(files) > 1 else (),
                name=mask.name,
                where=where,
                mask=lambda mask=mask, where=where: mask_folders.mapped_ids(mask, where, classes),
            )
        found.left_out += [source.name(file) for own in cases.values() for file in own.values()]

    found.images = images()
    return found


def _channel_names(channels: dict[str, Any]) -> tuple[str, ...]:
    """The names of the channels in order."""
    if sorted(channels) != sorted(map(str, range(len(channels)))):
        raise InputError(f"dataset.json: channel_names numbers {sorted(channels)}, not from 0 on. Correct it.")
    return tuple(str(channels[str(number)]) for number in range(len(channels)))


def _cases(files: Sequence[pathlib.Path]) -> dict[str, dict[int, pathlib.Path]]:
    """The files of each case by the number of the channel: case_0001 is channel 1 of case."""
    cases: dict[str, dict[int, pathlib.Path]] = {}
    for file in files:
        match = _CHANNEL.fullmatch(nfc(file.stem))
        name, number = (match[1], int(match[2])) if match else (nfc(file.stem), 0)
        cases.setdefault(name, {})[number] = file
    return cases


def _files_of_case(
    source: Source, case: str, own: Mapping[int, pathlib.Path], channels: Sequence[str]
) -> tuple[pathlib.Path, ...]:
    """The files of an image in the order of its channels: one per channel, or one that holds them all."""
    if sorted(own) == [0] and len(channels) > 1:
        facts = file_facts(own[0])
        found = 3 if facts.palette else facts.channels - facts.alpha
        if found != len(channels):
            raise InputError(
                f"{source.name(own[0])}: has {found} channel{'' if found == 1 else 's'}, but dataset.json names "
                f"{len(channels)} ({', '.join(channels)}). Add {case}_0001{own[0].suffix} and so on, or correct "
                "channel_names."
            )
    elif own and sorted(own) != list(range(len(channels))):
        missing = sorted(set(range(len(channels))) - own.keys())
        rest = f"{case}_{missing[0]:04d} is missing" if missing else f"{own[max(own)].name} is one more"
        raise InputError(
            f"imagesTr/: dataset.json names {len(channels)} channel{'' if len(channels) == 1 else 's'}, and {rest}. "
            "Add the file, or correct channel_names."
        )
    return tuple(own[number] for number in sorted(own))


def _classes(labels: dict[str, Any]) -> tuple[tuple[str, ...], dict[int, int]]:
    """(names, class by value)."""
    for name, value in labels.items():
        if isinstance(value, list):
            raise InputError(
                f"dataset.json: {name!r} is a region of several labels, {value}, and a mask holds one class per pixel. "
                "List the labels one by one under labels."
            )
        if type(value) is not int:
            raise InputError(f"dataset.json: the label of {name!r} is {value!r}, and must be a whole number.")
    ignored = labels.get("ignore")
    kept = {value: name for name, value in labels.items() if name != "ignore"}
    if sorted(kept) != list(range(len(kept))) or len(kept) < 2 or len(kept) + (ignored is not None) != len(labels):
        raise InputError(f"dataset.json: the labels {sorted(labels.values())} do not count up from 0. Correct them.")
    if ignored is not None and ignored in kept:
        raise InputError(f"dataset.json: the label {ignored} is ignored and a class too. Correct it.")
    classes = {value: value for value in kept}
    if ignored is not None:
        classes[ignored] = VOID
    return tuple(kept[value] for value in sorted(kept)), classes


FORMAT = Format(
    name="nnunet",
    signs="dataset.json with imagesTr/ and labelsTr/",
    recognize=_recognize,
    read=_read,
    misread=True,
)
