"""What every process but the first does in a training of several."""

from typing import Any

import keras

from keras_seg.models import without_aux
from keras_seg.training.build_model import build_model
from keras_seg.training.checkpoint import load_checkpoint
from keras_seg.training.fit_model import fit_model
from keras_seg.training.hosts.agreement import check_agreement, run_facts
from keras_seg.training.hosts.group import Group
from keras_seg.training.plan import Plan
from keras_seg.training.run_folder import RunFolder
from keras_seg.training.tasks import find_task


def train_share(plan: Plan, *, train: Any, validation: Any, run: RunFolder, resume: bool = False) -> None:
    """Train this process' share of the batches, while the first process calls `training.fit` with the same arguments.

    Nothing is written; the function returns when the training has ended, before the model is evaluated.

    Args:
        plan: `Plan`. The same as in the first process.
        train, validation: indices of the same data, as for `training.fit`.
        run: `RunFolder`. To resume, it must be readable here too.
        resume: bool. Whether to continue an interrupted run from its last checkpoint. Defaults to False.

    Raises:
        InputError: the processes differ in versions, data or plan, or another process ended.
    """
    if resume and run.model_file.exists():
        return  # The first process has only the evaluation left to do.
    group = Group.current()
    task = find_task(plan.task)
    keras.utils.set_random_seed(plan["seed"])
    checkpoint = load_checkpoint(run) if resume else None
    epoch = None if checkpoint is None else checkpoint.epoch
    check_agreement(group, run_facts(plan, train, validation, epoch=epoch))
    model = build_model(plan) if checkpoint is None else checkpoint.model
    fit_model(
        model,
        scored=without_aux(model),
        plan=plan,
        task=task,
        run=run,
        indices=(train, validation),
        checkpoint=checkpoint,
        group=group,
    )
    group.leave()
