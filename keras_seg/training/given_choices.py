"""Choices of a plan that were given for several runs."""

import inspect
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_seg import _validation
from keras_seg.training.choices import json_ready
from keras_seg.training.plan import make_plan


def given_choices(choices: Mapping[str, Any] | None) -> dict[str, Any]:
    """The choices that are not None, as they will be read from a file when the runs are resumed.

    Args:
        choices: dict of arguments of `make_plan`, or None for none.

    Raises:
        InputError: a name is not an argument of `make_plan`.
    """
    given = {name: json_ready(value) for name, value in (choices or {}).items() if value is not None}
    for name in given:
        _validation.one_of("choices", name, list(inspect.signature(make_plan).parameters)[1:])
    return json.loads(json.dumps(given, default=lambda value: np.asarray(value).tolist()))
