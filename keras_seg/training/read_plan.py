"""A plan from a file that may have been edited."""

import json
import pathlib
from collections.abc import Mapping
from typing import Any

from keras_seg import _validation
from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.training.choices import GIVEN, Choice, Plan
from keras_seg.training.plan import make_plan

# Choices whose file may say null where the rules choose a value: no weights, the model's own decoder.
_OPTIONAL = ("weights", "class_weights", "decoder_filters")
# What a choice decides: of another model or backbone, of other weights, or of a decoder that ends elsewhere.
_OF_DECODER = ("decoder_stride", "decoder_convolutions", "decoder_filters")
_OF_WEIGHTS = ("train_from", "learning_rate")
_OF_MODEL = ("weights", "skips", "batch_size", "steps_per_epoch", *_OF_WEIGHTS, *_OF_DECODER)
_DECIDES = {
    "decoder_stride": ("decoder_filters",),
    "weights": _OF_WEIGHTS,
    "freeze": ("train_from",),
    "backbone": _OF_MODEL,
    "model": ("backbone", "aux", *_OF_MODEL),
    "patience": ("keep",),
}


def read_plan(path: PathLike, facts: Mapping, *, choices: Mapping[str, Any] | None = None) -> Plan:
    """The plan of a file such as plan.json of a run, for other facts, in which any value may have been changed.

    Every value is that of the file. One that the rules would not have chosen beside the others gets the rule "given". A
    choice that the file lacks is made by its rule.

    Args:
        path: path of a file with the content of `Plan.to_dict`.
        facts: dict, as `fingerprint` returns it, of the data to train on.
        choices: dict of arguments of `make_plan` that replace those of the file. Defaults to None.

    Returns:
        A `Plan` of these facts.

    Raises:
        InputError: the file is no plan, its task is not that of the facts, or a value is out of range.

    Examples:

    ```python
    facts = ks.training.fingerprint(train_index, val_index)
    plan = ks.training.read_plan("edited/plan.json", facts, choices={"minutes": 30})
    ```
    """
    found = _choices(pathlib.Path(path))
    given = {name: value for name, value in (choices or {}).items() if value is not None}
    _check_preset(found, given)
    of_file = {name: choice for name, choice in found.items() if name not in given}
    if "minutes" in given or "epochs" in given:
        of_file = {name: choice for name, choice in of_file.items() if name not in ("minutes", "epochs")}
    values = {name: choice["value"] for name, choice in of_file.items()}
    whole = {name: choice["value"] for name, choice in found.items()}
    for name in _decided_by(given) & values.keys():
        if _by_rule(facts, whole, name) == values[name]:
            del of_file[name], values[name]
    try:
        plan = make_plan(facts, **{**{name: _as_given(name, value) for name, value in values.items()}, **given})
    except TypeError as error:
        names = [name for name in values if f"'{name}'" in str(error)]
        raise InputError(f"{path}: has no choice {', '.join(names) or error}. Remove it from `choices`.") from error
    except InputError as error:
        if any(f"`{name}`" in str(error) for name in values):
            raise InputError(f"{path}: {error}") from error
        raise
    kept = dict(plan.choices)
    for name, choice in of_file.items():
        if choice["value"] is None:
            # The rules take None for a choice that is not given.
            if plan[name] is not None and name not in _OPTIONAL:
                fix = "Give it one, or remove it from `choices`."
                raise InputError(f"{path}: `{name}` must have a value. {fix}")
            kept[name] = Choice(value=None, rule=choice["rule"], inputs=choice.get("inputs", {}))
        elif _by_rule(facts, {**values, **given}, name) == choice["value"]:
            kept[name] = Choice(**choice)
    return Plan(dict(facts), kept)


def _check_preset(found: Mapping[str, dict], given: Mapping[str, Any]) -> None:
    """Refuse another preset than that of the file, whose choices it would not change."""
    if "preset" in given and "preset" in found and given["preset"] != found["preset"]["value"]:
        rule = f"must be that of the file, {found['preset']['value']!r}, whose choices are followed"
        _validation.fail("preset", rule, given["preset"], "Drop one of the two.")


def _decided_by(given: Mapping[str, Any]) -> set[str]:
    """The choices that the rules make again beside what is given, unless the file sets them otherwise than they do."""
    return {name for choice in given for name in _DECIDES.get(choice, ())}


def task_of_plan(path: PathLike) -> str:
    """The task of the plan in a file."""
    return _choices(pathlib.Path(path)).get("task", {"value": "semantic"})["value"]


def _by_rule(facts: Mapping, values: Mapping[str, Any], name: str) -> Any:
    """What the rules choose for one choice beside the others."""
    others = {key: _as_given(key, value) for key, value in values.items() if key != name}
    try:
        return make_plan(facts, **others)[name]
    except (InputError, TypeError):
        return GIVEN


def _as_given(name: str, value: Any) -> Any:
    return "none" if name == "weights" and value is None else value


def _choices(path: pathlib.Path) -> dict[str, dict]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        found = {name: dict(choice) for name, choice in content["choices"].items()}
        for choice in found.values():
            _validation.one_of("choices", "value", choice)
            choice.setdefault("rule", GIVEN)
            choice.setdefault("inputs", {})
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}). Check the path.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        fix = "Write one with `Plan.to_dict`, or take plan.json of a run."
        raise InputError(f"{path}: is not a plan. {fix}") from error
    return {name: {key: choice[key] for key in ("value", "rule", "inputs")} for name, choice in found.items()}
