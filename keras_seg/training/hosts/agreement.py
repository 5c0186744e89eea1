"""Whether all processes of a job have the same versions, data and plan."""

import hashlib
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_seg._validation import InputError
from keras_seg._version import __version__
from keras_seg.training.hosts.group import Group
from keras_seg.training.plan import Plan
from keras_seg.training.same_data import files_digest

_DIGEST, _SHOWN = 16, 100


def check_agreement(group: Group, facts: Mapping[str, str]) -> None:
    """Fail in every process if a fact is not the same in all.

    Args:
        group: `Group`.
        facts: dict of str by name. The same names in every process; otherwise the names are what differs.

    Raises:
        InputError: names what differs, and the values of two processes.
    """
    facts = {"names of the facts": ", ".join(facts), **facts}
    # The names first: with others, the arrays would have other shapes.
    names = group.gathered(_digests([facts["names of the facts"]]))
    if any((other != names[0]).any() for other in names):
        facts = {"names of the facts": facts["names of the facts"]}
    digests = group.gathered(_digests(list(facts.values())))
    for place, (name, value) in enumerate(facts.items()):
        differs = [number for number, other in enumerate(digests) if (other[place] != digests[0][place]).any()]
        if differs:
            shown = group.gathered(np.array(value[:_SHOWN].encode("utf-8")[:_SHOWN], f"S{_SHOWN}"))
            texts = [bytes(shown[number].item()).decode("utf-8", "replace") for number in (0, differs[0])]
            raise InputError(
                f"The processes differ in {name}: process 0 has {texts[0]}, and process {differs[0]} has {texts[1]}. "
                "Give all of them the same."
            )


def run_facts(plan: Plan, train: Any, validation: Any, *, epoch: int | None) -> dict[str, str]:
    """What must be the same in all processes that train one model.

    Args:
        plan: `Plan`.
        train, validation: indices of the data.
        epoch: int or None. The epoch of the checkpoint to resume from, None for none.
    """
    return {
        "the version of keras_seg": __version__,
        "the version of Keras": keras.__version__,
        "the images to train on": index_digest(train),
        "the images to validate on": index_digest(validation),
        **{f"`{name}` of the plan": repr(choice.value) for name, choice in plan.choices.items()},
        "the epoch to resume from": "none" if epoch is None else str(epoch),
    }


def index_digest(index: Any) -> str:
    """The number of images and a hash of their names, sizes, labels and contents, as the scan found them."""
    found = hashlib.sha256(files_digest(index).encode("utf-8") + repr(index.image_hashes).encode("utf-8"))
    return f"{len(index)} images with the hash {found.hexdigest()[:12]}"


def _digests(texts: list[str]) -> np.ndarray:
    """uint8 array (texts, _DIGEST)."""
    hashes = [hashlib.sha256(text.encode("utf-8")).digest()[:_DIGEST] for text in texts]
    return np.frombuffer(b"".join(hashes), "uint8").reshape(len(texts), _DIGEST)
