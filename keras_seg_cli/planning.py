"""The plan of a command: by rules, measured, or from a file."""

from typing import TYPE_CHECKING, Any

import click

from keras_seg_cli import console

if TYPE_CHECKING:
    from keras_seg import training

plan_file_option = click.option(
    "--plan",
    "plan_file",
    type=click.Path(exists=True, dir_okay=False),
    help="Follow the choices of this file, such as an edited plan.json of a run. Options replace them.",
)


probe_option = click.option(
    "--probe",
    is_flag=True,
    default=None,
    help="Time some training steps to choose the decoder stride, where classes are thin, and the dtype policy.",
)


def task_of(task: str | None, plan_file: str | None, *, probe: bool | None) -> str:
    """The task that was named, or that of the file, or semantic."""
    if probe and plan_file is not None:
        raise click.UsageError("--probe has no effect beside --plan, whose choices are followed. Drop one of them.")
    if task is not None or plan_file is None:
        return task or "semantic"
    from keras_seg.training.read_plan import task_of_plan

    return task_of_plan(plan_file)


def refuse_in_folds(given: dict[str, Any]) -> None:
    """Fail if an option was given that does not apply to folds, each of which has its own plan."""
    for option, value in given.items():
        if value is not None:
            raise click.UsageError(
                f"{option} does not apply to --folds, each of which has its own plan. Drop {option}."
            )


def refuse_on_resume(given: dict[str, Any], followed: str) -> None:
    """Fail if an option was given that a resumed command takes from what it follows."""
    for name, value in given.items():
        if value is not None:
            option = "--" + name.replace("_", "-")
            raise click.UsageError(f"{option} cannot be given with --resume, which follows {followed}. Drop {option}.")


def planned(
    indices: tuple[Any, Any], *, task: str, choices: dict[str, Any], plan_file: str | None, probe: bool | None
) -> "training.Plan":
    """The plan for the indices to train on and to validate on."""
    from keras_seg import training
    from keras_seg.training.probe import NOT_NEEDED

    facts = training.fingerprint(*indices, task=task)
    if plan_file is not None:
        return training.read_plan(plan_file, facts, choices=choices)
    if not probe:
        return training.make_plan(facts, **choices)
    with console.status("Planning"):
        plan = training.probed_plan(facts, choices=choices)
    if not plan.probe:
        console.notices([NOT_NEEDED])
    return plan
