"""What a step of training takes on this machine, measured before the plan is made."""

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from keras_seg._validation import InputError
from keras_seg.training.activation_memory import activation_megabytes
from keras_seg.training.aux_heads import random_targets
from keras_seg.training.build_model import build_model
from keras_seg.training.choices import Choice, Plan
from keras_seg.training.fit_model import check_batch
from keras_seg.training.hosts.group import Group
from keras_seg.training.mixed_precision import BFLOAT16, FLOAT32, POLICIES
from keras_seg.training.out_of_memory import memory_named, out_of_memory
from keras_seg.training.plan import make_plan, narrowest_class
from keras_seg.training.tasks import find_task

# A finer decoder must still see the images this often: below, a coarse one that has learned more is better.
_PASSES = 40
# A probe costs seconds, which a run of fewer minutes lacks.
_LEAST_MINUTES = 5
_STEPS = 3
# Of a step in float32: what bfloat16 may take at most to be chosen. Less is noise.
_GAIN = 0.95
NOT_NEEDED = (
    f"Nothing was measured: that needs at least {_LEAST_MINUTES} `minutes`, and a class narrower than the decoder "
    "stride or a processor with bfloat16."
)


def probed_plan(
    facts: Mapping,
    *,
    choices: Mapping[str, Any] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Plan:
    """A plan as `make_plan` makes it, with the decoder stride and the dtype policy measured where there is a choice.

    If a class is narrower than the stride, a few steps of both strides are timed, which takes some seconds. The finer
    one is chosen if the run has the time to see its images 40 times with it. On a GPU, and on a processor that
    multiplies bfloat16, a few steps in float32 and in bfloat16 are timed, and the shorter ones are chosen. What was
    measured is `Plan.probe`.

    Args:
        facts: dict, as `fingerprint` returns it.
        choices: dict of arguments of `make_plan`. What is given is not measured, and nothing is without `minutes` or
            with under 5 of them. Defaults to None.
        clock: function without arguments that returns seconds. Defaults to `time.perf_counter`.

    Returns:
        A `Plan`.

    Raises:
        InputError: as for `make_plan`, or a batch that is timed cannot be divided among the devices, or does not fit
            into their memory.

    Examples:

    ```python
    plan = ks.training.probed_plan(ks.training.fingerprint(train, val), choices={"minutes": 15})
    print(plan["decoder_stride"], plan.probe)
    ```
    """
    given = dict(choices or {})
    plan = make_plan(facts, **given)
    if plan["minutes"] is None or plan["minutes"] < _LEAST_MINUTES:
        return plan
    if given.get("decoder_stride") is None:
        plan = _with_stride(plan, given, clock)
    return plan if given.get("dtype_policy") is not None else _with_policy(plan, clock)


def _with_stride(plan: Plan, given: Mapping[str, Any], clock: Callable[[], float]) -> Plan:
    """The plan, or one with half of its decoder stride."""
    facts, stride, minutes = plan.fingerprint, plan["decoder_stride"], plan["minutes"]
    thinnest = narrowest_class(facts)
    if thinnest is None or stride in (None, 1) or thinnest[1] >= stride or plan["backbone"] != "Compact":
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
    return dataclasses.replace(_with_choice(chosen, "decoder_stride", choice), probe=tuple(trials))


def _with_policy(plan: Plan, clock: Callable[[], float]) -> Plan:
    """The plan with the dtype policy whose steps are shorter."""
    facts = plan.fingerprint
    emulated = facts["device"] == "cpu" and not facts.get("bfloat16", False)
    if emulated or facts.get("dtype_policy") is not None:
        return plan
    trials = list(plan.probe)
    seconds = {}
    for policy in POLICIES:
        candidate = _with_choice(plan, "dtype_policy", Choice(value=policy, rule=""))
        known = [t for t in trials if all(t[name] == candidate[name] for name in ("decoder_stride", "dtype_policy"))]
        if not known:
            known = [measure_step(candidate, clock=clock)]
            trials += known
        seconds[policy] = known[0]["step_seconds"]
    chosen = BFLOAT16 if seconds[BFLOAT16] <= _GAIN * seconds[FLOAT32] else FLOAT32
    rule = f"measured: a step takes {seconds[FLOAT32]:.2g} seconds in float32 and {seconds[BFLOAT16]:.2g} in {BFLOAT16}"
    choice = Choice(value=chosen, rule=rule, inputs={"step_seconds": list(seconds.values())})
    return dataclasses.replace(_with_choice(plan, "dtype_policy", choice), probe=tuple(trials))


def _with_choice(plan: Plan, name: str, choice: Choice) -> Plan:
    return dataclasses.replace(plan, choices={**plan.choices, name: choice})


def measure_step(plan: Plan, *, clock: Callable[[], float] = time.perf_counter) -> dict:
    """The time and memory of a training step of a plan.

    Args:
        plan: `Plan`.
        clock: function without arguments that returns seconds. Defaults to `time.perf_counter`.

    Returns:
        A dict: `crop`, `batch_size`, `decoder_stride` and `dtype_policy` of the plan, `step_seconds`, the shortest of
        three steps after the first one, which compiles, and `activation_megabytes`, what the layers give for a batch as
        float32, which must be kept until the gradients are known.

    Raises:
        InputError: the device has not enough memory for a batch, or several devices cannot share one.
    """
    check_batch(plan, Group.current())
    crop, facts = plan["crop"], plan.fingerprint
    height, width = (crop, crop) if isinstance(crop, int) else crop
    model, head = build_model(plan), find_task(plan.task).head(plan)
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (plan["batch_size"], height, width, facts["channels"])).astype("float32")
    shape = (*images.shape[:3], head.channels) if head.mode == "multilabel" else images.shape[:3]
    labels = random.integers(0, 2 if head.activation == "sigmoid" else head.channels, shape).astype("int32")
    targets = random_targets(model, labels)
    lacking, times = out_of_memory(plan), []
    with memory_named(InputError(f"{lacking} Give a lower `{lacking.choice}`.")):
        for _ in range(_STEPS + 1):
            began = clock()
            model.train_on_batch(images, targets)
            times.append(clock() - began)
    # No `clear_session` here: it would forget the distribution, the dtype policy and the seed of the process as well.
    return {
        "crop": [height, width],
        **{name: plan[name] for name in ("batch_size", "decoder_stride", "dtype_policy")},
        "step_seconds": round(min(times[1:]), 4),
        "activation_megabytes": activation_megabytes(model, height, width) * plan["batch_size"],
    }
