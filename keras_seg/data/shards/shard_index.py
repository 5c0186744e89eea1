"""What a folder of shards holds: the file dataset.json."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from keras_seg._remote_files import joined
from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.data.index.label_encoding import LabelEncoding
from keras_seg.data.index.packed_folder import FILE, FORMAT, is_packed
from keras_seg.data.shards.shard_files import opened_file

VERSION = 1
_CODING = ("num_classes", "class_names", "ignore_class", "label_map")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shard:
    """One archive of samples.

    Args:
        path: str. The file, or its address.
        samples: int. Pairs of an image and a mask.
        bytes: int. Its size. Defaults to None, for unknown.
        sha256: str. Its SHA-256, in hexadecimal digits. Defaults to None, for unknown.
    """

    path: str
    samples: int
    bytes: int | None = None
    sha256: str | None = None


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class ShardIndex:
    """The shards of a packed data set and how they are read. `write_shards` makes it, and `from_shards` takes it.

    Args:
        path: str. The folder.
        encoding: the `LabelEncoding` of the masks in the shards.
        splits: dict from the name of a split to its tuple of `Shard`.
        sizes: dict from the name of a split to the (height, width) that all of its images share, or None.
        channels: int. Channels of the images. Defaults to 3.
        image_dtype: str. "uint8", or "float32" for images of more bits. Defaults to "uint8".
        exif_orientation: str. "apply" or "ignore": how the images are turned. Defaults to "apply".
        packing: dict of the settings that the shards were written with. Defaults to {}.
        notices: tuple of str. What was found out about the masks when they were packed. Defaults to ().
    """

    path: str
    encoding: LabelEncoding
    splits: Mapping[str, tuple[Shard, ...]]
    sizes: Mapping[str, tuple[int, int] | None]
    channels: int = 3
    image_dtype: str = "uint8"
    exif_orientation: str = "apply"
    packing: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    notices: tuple[str, ...] = ()

    # The function that makes the index, for error messages.
    _SCAN: ClassVar[str] = "write_shards"

    @property
    def ignore_class(self) -> tuple[int, ...]:
        """The labels of pixels without a class."""
        return self.encoding.ignore_class

    def samples(self, split: str) -> int:
        """The number of samples of a split.

        Args:
            split: str. Its name.
        """
        return sum(shard.samples for shard in self.splits[split])

    @property
    def class_names(self) -> tuple[str, ...]:
        """One name per class."""
        return self.encoding.class_names or ()

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return self.encoding.num_classes

    @property
    def _content(self) -> dict[str, Any]:
        """What dataset.json holds."""
        encoding = self.encoding.get_config()
        return {
            "format": FORMAT,
            "version": VERSION,
            **{name: encoding[name] for name in _CODING},
            "channels": self.channels,
            "image_dtype": self.image_dtype,
            "exif_orientation": self.exif_orientation,
            "packing": dict(self.packing),
            "splits": {
                name: {
                    "samples": self.samples(name),
                    "image_size": self.sizes[name],
                    "shards": [
                        {
                            "name": shard.path.replace("\\", "/").rpartition("/")[2],
                            "samples": shard.samples,
                            "bytes": shard.bytes,
                            "sha256": shard.sha256,
                        }
                        for shard in shards
                    ],
                }
                for name, shards in self.splits.items()
            },
        }

    @classmethod
    def _read(cls, folder: PathLike) -> Self:
        """The index of a folder, or of the folder at an address.

        Raises:
            InputError: There is no dataset.json, or it cannot be used.
        """
        file = joined(folder, FILE)
        with opened_file(file) as stream:
            text = stream.read()
        try:
            content = json.loads(text)
        except ValueError as error:
            raise InputError(f"{file}: is not JSON ({error}). Copy it again, or pack the data again.") from error
        if not is_packed(content):
            raise InputError(f"{file}: does not describe shards of keras_seg. Pass the list of the .tar files instead.")
        if content.get("version") != VERSION:
            raise InputError(
                f"{file}: has version {content.get('version')!r}, and {VERSION} is read. Update keras-seg."
            )
        try:
            if not content["splits"]:
                raise InputError("it lists no shards")
            return cls(
                path=str(folder),
                encoding=LabelEncoding(**{name: content[name] for name in _CODING}),
                splits={
                    name: tuple(Shard(**_with_path(shard, folder)) for shard in split["shards"])
                    for name, split in content["splits"].items()
                },
                sizes={
                    name: split["image_size"] and tuple(split["image_size"])
                    for name, split in content["splits"].items()
                },
                **{name: content[name] for name in ("channels", "image_dtype", "exif_orientation", "packing")},
            )
        except (KeyError, TypeError, AttributeError, InputError) as error:
            reason = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
            raise InputError(f"{file}: is damaged ({reason}). Copy it again, or pack the data again.") from error


def _with_path(shard: dict[str, Any], folder: PathLike) -> dict[str, Any]:
    rest = {name: value for name, value in shard.items() if name != "name"}
    return {"path": joined(folder, shard["name"]), **rest}
