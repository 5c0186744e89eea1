"""Which classes are so rare that a part of the crops lie around them."""

from collections.abc import Mapping
from typing import Any

from keras_seg import _validation
from keras_seg._types import Size

# Where a crop shows little of an image, most crops would not hold a rare class.
_RARE_SHARE, _RARE_CROP = 0.05, 0.5


def rare_classes_rule(facts: Mapping, crop: Size) -> tuple[Any, ...]:
    """(rule, ids of the classes around which a third of the crops lie, names of the facts that the rule used).

    Args:
        facts: dict, as `fingerprint` returns it.
        crop: int or pair of ints. Size of a crop.
    """
    height, width = (crop, crop) if isinstance(crop, int) else crop
    shown = height * width / max(1, facts["median_size"][0] * facts["median_size"][1])
    rare = [
        place
        for place, share in enumerate(facts["class_share"].values())
        if 0 < share < _RARE_SHARE and place not in facts["ignore_class"]
    ]
    rule = (
        f"a third of the crops lie around a class of under {_RARE_SHARE:.0%} of the pixels, if a crop shows under "
        f"{_RARE_CROP:.0%} of the median image"
    )
    return rule, rare if shown < _RARE_CROP else [], "class_share", "median_size"


def check_rare_classes(value: Any, facts: Mapping) -> None:
    """Fail unless these are ids of classes of the data: crops around others would lie anywhere, without a word.

    Args:
        value: sequence of int; empty for none.
        facts: dict, as `fingerprint` returns it.

    Raises:
        InputError: there is no such class, or it is ignored.
    """
    given = () if value in ([], ()) else _validation.integers("rare_classes", value, 0)
    ignored, number = facts["ignore_class"], facts["num_classes"]
    if any(id_ >= number or id_ in ignored for id_ in given):
        rule = f"must be ids of classes, 0 to {number - 1}" + (", that are not ignored" if ignored else "")
        _validation.fail("rare_classes", rule, value, "Name others, or give [] for none.")
