"""What must be known of a model to use it as its run does."""

import dataclasses
import hashlib
import pathlib
from collections.abc import Mapping
from typing import Any

from keras_seg._types import PathLike


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """What a run knows of its model; an exported file carries it along.

    Attributes:
        task: str. Name of the task.
        labels: the content of labels.json: names of the model's channels, and how masks are read.
        channels: int. Channels of the images.
        decoding: thresholds or postprocessing, chosen on validation images.
        trained_on: str or None. The `mark_of` the data folder; None where it is not known.
        tta: str or None. The test-time augmentation that is part of an exported file, as it was asked for.
    """

    task: str
    labels: Mapping[str, Any]
    channels: int
    decoding: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    trained_on: str | None = None
    tta: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The attributes as a JSON-ready dict."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> "ModelFacts":
        """The facts of a dict, whose other entries are left alone.

        Raises:
            KeyError: an entry is missing.
        """
        optional = {name: found[name] for name in ("decoding", "trained_on", "tta") if name in found}
        return cls(task=found["task"], labels=found["labels"], channels=found["channels"], **optional)


def mark_of(folder: PathLike) -> str:
    """A short text by which a folder is known again: files that are passed on should not hold its path."""
    return hashlib.sha256(str(pathlib.Path(folder).resolve()).encode()).hexdigest()[:16]


def digest_of(model_file: pathlib.Path) -> str:
    """A short text by which the file of a model is known again."""
    with model_file.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]
