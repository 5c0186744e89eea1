"""Which choices of a run's plan may be edited once an epoch is saved."""

import json
from typing import Any

from keras_seg._validation import InputError
from keras_seg.training.checkpoint import Checkpoint
from keras_seg.training.choices import Plan
from keras_seg.training.run_folder import RunFolder

# All others are in the model, its loss and its optimizer, which a checkpoint holds as they were.
_FOLLOWED = (
    "learning_rate", "batch_size", "crop", "scale", "rare_classes", "steps_per_epoch", "epochs", "minutes", "keep",
    "patience", "cache", "seed",
)  # fmt: skip


def check_followed(plan: Plan, checkpoint: Checkpoint, run: RunFolder) -> None:
    """Fail if a plan was edited where a run that is resumed would not follow it.

    Args:
        plan: `Plan`, as it is now.
        checkpoint: `Checkpoint` to resume from.
        run: `RunFolder`, for the error.

    Raises:
        InputError: names the choice, what it was and what it is.
    """
    for name, value in (checkpoint.choices or {}).items():
        now = _as_read(plan.get(name))
        if name not in _FOLLOWED and now != value:
            raise InputError(
                f"{run.plan_file}: `{name}` cannot change once an epoch is saved: it was {json.dumps(value)} and is "
                f"{json.dumps(now)}. Set it back, or start a new run with `overwrite=True`."
            )


def _as_read(value: Any) -> Any:
    """A value as it would be read from a file: tuples become lists."""
    return json.loads(json.dumps(value))
