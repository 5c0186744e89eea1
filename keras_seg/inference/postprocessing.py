"""Maps of class ids cleaned by connected components."""

import dataclasses
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, Self

import numpy as np

from keras_seg import _validation
from keras_seg._labels.pair_counts import pair_counts
from keras_seg._types import ArrayLike

# Corners connect: a thin diagonal line is one component. Holes are then enclosed edge to edge.
_CORNERS = np.ones((3, 3), bool)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Postprocessing:
    """Removes components of some classes from a predicted map, and fills holes.

    Components are the regions of one class, connected at edges or corners. A removed component gets the class that it
    shares the longest edge with (of equally long ones the lowest id), so no class has to be the background; a component
    without neighbors, which fills the image, stays. A filled hole is a region that a class encloses completely: all of
    its pixels get that class, whatever they were.

    Components are removed first, then holes are filled, each class by class in the order of the ids.
    `evaluation.choose_postprocessing` finds out what helps.

    Args:
        keep_largest: sequence of int. Classes of which only the largest component of an image is kept. Defaults to ().
        min_sizes: dict from class to pixels. Smaller components of the class are removed. Defaults to {}.
        fill_holes: sequence of int. Classes whose holes are filled. Defaults to ().

    Raises:
        InputError: a class is not an integer of at least 0, or a size not one of at least 1.

    Examples:
        >>> clean = Postprocessing(min_sizes={1: 2}, fill_holes=[1])
        >>> clean([[0, 0, 0, 0, 1], [1, 1, 1, 0, 0], [1, 0, 1, 0, 0], [1, 1, 1, 0, 0]]).tolist()
        [[0, 0, 0, 0, 0], [1, 1, 1, 0, 0], [1, 1, 1, 0, 0], [1, 1, 1, 0, 0]]

    Reference:
        - [Isensee et al., 2021](https://doi.org/10.1038/s41592-020-01008-z), nnU-Net: components are removed where
          cross-validation shows a gain. There, removed pixels become background.
    """

    keep_largest: Sequence[int] = ()
    min_sizes: Mapping[int, int] = dataclasses.field(default_factory=dict)
    fill_holes: Sequence[int] = ()

    def __post_init__(self) -> None:
        for name in ("keep_largest", "fill_holes"):
            value = getattr(self, name)
            if isinstance(value, str) or not hasattr(value, "__iter__"):
                _validation.fail(name, "must be a sequence of class ids", value)
            object.__setattr__(self, name, tuple(sorted({_validation.integer(name, item, 0) for item in value})))
        if not isinstance(self.min_sizes, Mapping):
            _validation.fail("min_sizes", "must be a dict from class id to pixels", self.min_sizes, "Such as {1: 64}.")
        sizes = {
            _validation.integer("min_sizes", class_, 0): _validation.integer("min_sizes", size)
            for class_, size in self.min_sizes.items()
        }
        object.__setattr__(self, "min_sizes", dict(sorted(sizes.items())))

    def __hash__(self) -> int:
        return hash((self.keep_largest, tuple(self.min_sizes.items()), self.fill_holes))

    def __bool__(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.keep_largest or self.min_sizes or self.fill_holes)

    @property
    def classes(self) -> tuple[int, ...]:
        """The classes that are changed, in order."""
        return tuple(sorted({*self.keep_largest, *self.min_sizes, *self.fill_holes}))

    def __call__(self, class_ids: ArrayLike) -> np.ndarray:
        """The cleaned map.

        Args:
            class_ids: integer array (height, width) or (images, height, width). Each image is cleaned by itself.

        Returns:
            An array of the same shape and type; the argument is not changed.

        Raises:
            InputError: the array has another shape or type.
            ImportError: if SciPy is missing: `pip install "keras-seg[boundary]"`.
        """
        ids = np.array(class_ids)
        if ids.dtype.kind not in "iu" or ids.ndim not in (2, 3):
            rule = "must be an integer array (height, width) or (images, height, width)"
            fix = "Pass scores.argmax(-1)." if ids.dtype.kind == "f" else ""
            _validation.fail("class_ids", rule, (ids.shape, str(ids.dtype)), fix)
        if not self:
            return ids
        ndimage = _validation.optional_import("scipy.ndimage", "boundary", "`Postprocessing`")
        for image in ids if ids.ndim == 3 else ids[None]:
            self._clean(image, ndimage)
        return ids

    def _clean(self, ids: np.ndarray, ndimage: ModuleType) -> None:
        """Clean one map in place."""
        for class_ in sorted({*self.keep_largest, *self.min_sizes}):
            regions, count = ndimage.label(ids == class_, structure=_CORNERS)
            if not count:
                continue
            sizes = np.bincount(regions.ravel(), minlength=count + 1)
            sizes[0] = 0  # The other classes.
            kept = sizes >= self.min_sizes.get(class_, 1)
            if class_ in self.keep_largest:
                kept &= np.arange(count + 1) == np.argmax(sizes)
            regions[kept[regions]] = 0
            _replace(ids, regions)
        for class_ in self.fill_holes:
            ids[ndimage.binary_fill_holes(ids == class_)] = class_

    def describe(self, class_names: Sequence[str] | None = None) -> str:
        """What is done, in words, such as "car, bus: components under 64 pixels are removed".

        Args:
            class_names: sequence of str. Defaults to None, for "class_0" and so on.
        """
        names: dict[str, list[str]] = {}
        for class_ in self.classes:
            steps = []
            if class_ in self.keep_largest:
                steps.append("only the largest component is kept")
            if class_ in self.min_sizes:
                steps.append(f"components under {self.min_sizes[class_]} pixels are removed")
            if class_ in self.fill_holes:
                steps.append("holes are filled")
            known = class_names is not None and class_ < len(class_names)
            name = class_names[class_] if class_names is not None and known else f"class_{class_}"
            names.setdefault(", ".join(steps), []).append(name)
        return "; ".join(f"{', '.join(alike)}: {steps}" for steps, alike in names.items())

    def to_dict(self) -> dict[str, Any]:
        """The arguments as a JSON-ready dict."""
        sizes = {str(class_): size for class_, size in self.min_sizes.items()}
        return {"keep_largest": list(self.keep_largest), "min_sizes": sizes, "fill_holes": list(self.fill_holes)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """The postprocessing of a dict that `to_dict` returned, and that may have been a JSON file since.

        Args:
            content: dict.

        Raises:
            InputError: the dict holds other keys, or values that are not valid.
        """
        names = [field.name for field in dataclasses.fields(cls)]
        if not isinstance(content, Mapping):
            _validation.fail("content", f"must be a dict of {', '.join(names)}", content)
        for name in content:
            _validation.one_of("content", name, names)
        arguments: dict[str, Any] = dict(content)
        sizes = arguments.get("min_sizes")
        if isinstance(sizes, Mapping):
            arguments["min_sizes"] = {_class_of_key(key): size for key, size in sizes.items()}
        return cls(**arguments)


def _class_of_key(key: Any) -> Any:
    """A class id that JSON has made text of."""
    return int(key) if isinstance(key, str) and key.isdecimal() else key


def _replace(ids: np.ndarray, regions: np.ndarray) -> None:
    """Give each numbered region the class that it shares the longest edge with. Region 0 stays."""
    if not regions.any():
        return
    touched, others = [], []
    for near, far in (
        (np.s_[:-1, :], np.s_[1:, :]),
        (np.s_[1:, :], np.s_[:-1, :]),
        (np.s_[:, :-1], np.s_[:, 1:]),
        (np.s_[:, 1:], np.s_[:, :-1]),
    ):
        at_edge = (regions[near] > 0) & (ids[near] != ids[far])
        touched.append(regions[near][at_edge])
        others.append(ids[far][at_edge])
    touched, others, lengths = pair_counts(np.concatenate(touched), np.concatenate(others))
    if not len(lengths):
        return  # One component fills the image.
    # The last pair of a region has the longest edge, and of those the lowest class.
    order = np.lexsort((-np.arange(len(lengths)), lengths, touched))
    winners = np.zeros(regions.max() + 1, ids.dtype)
    winners[touched[order]] = others[order]
    removed = regions > 0
    ids[removed] = winners[regions[removed]]
