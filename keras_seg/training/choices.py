"""A plan: the choices of a training run, each with its rule and the facts that the rule used."""

import dataclasses
import os
from collections.abc import Mapping
from typing import Any, Self

import numpy as np

GIVEN = "given"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choice:
    """One choice of a plan.

    Args:
        value: JSON-ready. What was chosen.
        rule: str. How it was chosen, in a sentence.
        inputs: dict. The facts that the rule used.
    """

    value: Any
    rule: str
    inputs: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Plan:
    """All choices of a training run: `plan["crop"]` is a value, `plan.choices["crop"].rule` the reason for it.

    Args:
        fingerprint: dict. The facts that the plan was made from.
        choices: dict of `Choice` by name.
        probe: tuple of dicts. What was measured before the choice, one dict per candidate. Defaults to (), for nothing.
    """

    fingerprint: dict
    choices: dict[str, Choice]
    probe: tuple[dict, ...] = ()

    def __getitem__(self, name: str) -> Any:
        return self.choices[name].value

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a choice, or the default for plans written before there was this choice."""
        return self.choices[name].value if name in self.choices else default

    @property
    def task(self) -> str:
        """str. What is trained; plans written before there were several tasks are semantic."""
        return self.get("task", "semantic")

    def to_dict(self) -> dict:
        """The plan as a JSON-ready dict."""
        choices = {name: dataclasses.asdict(choice) for name, choice in self.choices.items()}
        measured = {"probe": list(self.probe)} if self.probe else {}
        return {"fingerprint": self.fingerprint, "choices": choices, **measured}

    @classmethod
    def from_dict(cls, content: Mapping) -> Self:
        """The plan of a dict that `to_dict` returned."""
        choices = {name: Choice(**{"rule": GIVEN, **choice}) for name, choice in content["choices"].items()}
        return cls(content["fingerprint"], choices, tuple(content.get("probe", ())))


def json_ready(value: Any) -> Any:
    """A value that JSON can hold: lists for arrays, Python's numbers for NumPy's, text for paths; others as they are.

    Args:
        value: what was given for a choice, or a list or tuple of such.
    """
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, (list, tuple)):
        return type(value)([json_ready(item) for item in value])
    return value
