"""What a step of training takes on this machine, measured before the plan is made."""

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from keras_seg.training.activation_memory import activation_megabytes
from keras_seg.training.aux_heads import random_targets
from keras_seg.training.build_model import build_model
from keras_seg.training.choices import Choice, Plan
from keras_seg.training.plan import make_plan, narrowest_class
from keras_seg.training.tasks import find_task

# A finer decoder must still see the images this often: below, a coarse one that has learned more is better.
_PASSES = 40
# A probe costs seconds, which a run of fewer minutes lacks.
_LEAST_MINUTES = 5
_STEPS = 3
NOT_NEEDED = (
    f"Nothing was measured: that needs a class narrower than the decoder stride, at least {_LEAST_MINUTES} `minutes`, "
    "and no `decoder_stride`."
)


def probed_plan(
    facts: Mapping,
    *,
    choices: Mapping[str, Any] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Plan:
    """A plan as `make_plan` makes it, with the decoder stride measured where thin objects ask for a finer one.

    If a class is narrower than the stride, a few steps of both strides are timed, which takes some seconds. The finer
    one is chosen if the run has the time to see its images 40 times with it. What was measured is `Plan.probe`.

    Args:
        facts: dict, as `fingerprint` returns it.
        choices: dict of arguments of `make_plan`. Without `minutes`, with under 5 of them, or with `decoder_stride`,
            nothing is measured. Defaults to None.
        clock: function without arguments that returns seconds. Defaults to `time.perf_counter`.

    Returns:
        A `Plan`.

    Raises:
        InputError: as for `make_plan`.

    Examples:

    ```python
    plan = ks.training.probed_plan(ks.training.fingerprint(train, val), choices={"minutes": 15})
    print(plan["decoder_stride"], plan.probe)
    ```
    """
    given = dict(choices or {})
    plan = make_plan(facts, **given)
    thinnest = narrowest_class(facts)
    stride, minutes = plan["decoder_stride"], plan["minutes"]
    if minutes is None or minutes < _LEAST_MINUTES or given.get("decoder_stride") is not None:
        return plan
    if thinnest is None or stride == 1 or thinnest[1] >= stride or plan["backbone"] != "Compact":
        return plan
    finer = make_plan(facts, **{**given, "decoder_stride": stride // 2})
    trials = [measure_step(candidate, clock=clock) for candidate in (plan, finer)]
    passes = 60 * minutes * plan["batch_size"] / (max(trials[1]["step_seconds"], 1e-4) * facts["train_images"])
    name, width = thinnest
    chosen, relation = (finer, "at least") if passes >= _PASSES else (plan, "under")
    rule = (
        f"measured: {name} is {width:g} pixels wide, and with stride {stride // 2} the images would be seen "
        f"{passes:.0f} times in {minutes:g} minutes, {relation} {_PASSES}"
    )
    inputs = {"class_width": facts["class_width"], "step_seconds": [trial["step_seconds"] for trial in trials]}
    choice = Choice(value=chosen["decoder_stride"], rule=rule, inputs=inputs)
    return dataclasses.replace(chosen, choices={**chosen.choices, "decoder_stride": choice}, probe=tuple(trials))


def measure_step(plan: Plan, *, clock: Callable[[], float] = time.perf_counter) -> dict:
    """The time and memory of a training step of a plan.

    Args:
        plan: `Plan`.
        clock: function without arguments that returns seconds. Defaults to `time.perf_counter`.

    Returns:
        A dict: `crop`, `batch_size` and `decoder_stride` of the plan, `step_seconds`, the shortest of three steps
        after the first one, which compiles, and `activation_megabytes`, what the layers give for a batch as float32,
        which must be kept until the gradients are known.
    """
    crop, facts = plan["crop"], plan.fingerprint
    height, width = (crop, crop) if isinstance(crop, int) else crop
    model, head = build_model(plan), find_task(plan.task).head(plan)
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (plan["batch_size"], height, width, facts["channels"])).astype("float32")
    shape = (*images.shape[:3], head.channels) if head.mode == "multilabel" else images.shape[:3]
    labels = random.integers(0, 2 if head.activation == "sigmoid" else head.channels, shape).astype("int32")
    targets = random_targets(model, labels)
    times = []
    for _ in range(_STEPS + 1):
        began = clock()
        model.train_on_batch(images, targets)
        times.append(clock() - began)
    found = {"crop": [height, width], "batch_size": plan["batch_size"], "decoder_stride": plan["decoder_stride"]}
    found |= {
        "step_seconds": round(min(times[1:]), 4),
        "activation_megabytes": activation_megabytes(model, height, width) * plan["batch_size"],
    }
    keras.utils.clear_session(free_memory=False)
    return found
