"""What an export is asked for, checked."""

import dataclasses
import functools
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_seg import _validation
from keras_seg._types import ArrayLike, IgnoreClass, PathLike
from keras_seg.export.class_agreement import check_labels
from keras_seg.export.comparison_images import check_compared
from keras_seg.export.description import describe
from keras_seg.export.score_map import ScoreMap, score_map

_INPUTS, _OUTPUTS = ("float32", "uint8"), ("scores", "class_ids", "both")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """The arguments of an export.

    Attributes:
        model: keras.Model that `check_exportable` accepts.
        path: str or path. Where the file is written.
        size: (height, width) of the input, either None where dynamic.
        batch_size: int, or None for any.
        input: str. "float32", "uint8", or "int8" of a quantized file.
        output: str. "scores", "class_ids" or "both", or "probabilities", which claims that the scores are such.
        quantize: str or None. How the file is quantized. Defaults to None, for float32.
        representative: list of images that ranges are measured on, or None. Defaults to None.
        float_layers: names or patterns of layers that an int8 file computes in float32. Defaults to none.
        images: array to compare on, or None for noise.
        masks: int array, the ground truth of `images`, or None.
        ignore_class: labels to leave out.
        class_names: a name for each class, or None.
        colors: (red, green, blue) for each class, or None for the package's palette.
        facts: JSON-ready dict to keep in the description, or None.
        overwrite: bool. Whether an existing file is replaced.
    """

    model: keras.Model
    path: PathLike
    size: tuple[int | None, int | None]
    batch_size: int | None
    input: str
    output: str
    quantize: str | None = None
    representative: Sequence[np.ndarray] | None = None
    float_layers: Sequence[str] = ()
    images: ArrayLike | None = None
    masks: ArrayLike | None = None
    ignore_class: IgnoreClass = None
    class_names: Sequence[str] | None = None
    colors: Any = None
    facts: Mapping[str, Any] | None = None
    overwrite: bool = False

    def __post_init__(self) -> None:
        _validation.boolean("overwrite", self.overwrite)
        if self.quantize is None:
            _validation.one_of("input", self.input, _INPUTS)
        check_compared(self.images, self.masks)
        if self.output != "probabilities":
            _validation.one_of("output", self.output, _OUTPUTS)
        if self.batch_size is not None:
            _validation.integer("batch_size", self.batch_size)
        _check_facts(self.facts)
        _ = self.description  # Which checks the names and colors of the classes.
        if self.masks is not None:
            check_labels(self.masks, max(2, self.scores.channels), self.ignore_class)

    @functools.cached_property
    def scores(self) -> ScoreMap:
        """The model's score map."""
        found = score_map(self.model, self.output)
        # Class ids, in the file or in the masks, are of classes that exclude one another.
        exclusive = self.output in ("class_ids", "both") or self.masks is not None
        return dataclasses.replace(found, overlapping=found.overlapping and not exclusive)

    @property
    def artifact(self) -> pathlib.Path:
        """`path` as a `pathlib.Path`."""
        return pathlib.Path(self.path)

    @property
    def served_input(self) -> str:
        """The type of the image in the graph that is converted; the converter makes an int8 file's own type of it."""
        return "float32" if self.quantize == "int8" else self.input

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the maps in the file."""
        scores = () if self.output == "class_ids" else (self.scores.name,)
        return (*scores, "class_ids") if self.output in ("class_ids", "both") else scores

    @functools.cached_property
    def description(self) -> dict[str, Any]:
        """What a client must know of the file besides its numbers, ready for JSON."""
        return describe(self)


def _check_facts(facts: Any) -> None:
    """Fail unless the facts are a dict that JSON can hold."""
    rule = "must be a dict that JSON can hold"
    if not (facts is None or isinstance(facts, Mapping)):
        _validation.fail("facts", rule, facts)
    try:
        json.dumps(None if facts is None else dict(facts))
    except (TypeError, ValueError) as error:
        _validation.fail("facts", rule, str(error))
