"""One protocol and one table for many models."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from keras_seg._types import PathLike
from keras_seg.training.leaderboard_result import Leaderboard
from keras_seg.training.leaderboard_runs import LeaderboardRun, LeaderboardRuns


def leaderboard(
    train: Any,
    validation: Any,
    *,
    out: PathLike,
    models: Sequence[str] | None = None,
    backbones: Sequence[str] | None = None,
    seeds: int | None = None,
    format: str | None = None,
    choices: Mapping[str, Any] | None = None,
    resume: bool = False,
    started: Callable[[LeaderboardRun], None] | None = None,
    progress: Callable[[str, int, int | None], None] | None = None,
) -> Leaderboard:
    """Train models under one protocol, evaluate them on the same images, and rank them.

    Each model has the same budget, and its plan comes from the same rules. With the same seed, all models see the same
    images in the same order. The folder holds a run per model and seed in `runs`, each as `fit` writes it, and for all
    together `leaderboard.json`, `leaderboard.md` (a table) and `leaderboard.svg` (score against latency). A model that
    fails is listed with the reason, and the others go on. When a leaderboard is resumed, finished runs are skipped,
    interrupted ones continue, and those that failed are tried again.

    Args:
        train: `data.FolderIndex` to train on; a `data.InstanceIndex` for the task "instances", a `data.MultiLabelIndex`
            for "multilabel".
        validation: index of the same kind with at least two images, on which all models are evaluated.
        out: path of the folder. Made if it does not exist; must be empty.
        models: sequence of names of `models.names()`. Needed for a new leaderboard.
        backbones: sequence of names of `backbones.names()`. Each model is trained with each of them; models with an
            encoder of their own are trained once. Defaults to None: the backbone that the plan chooses.
        seeds: int >= 1. How many times each model is trained, with the seeds 0, 1, ... Defaults to None, for 1.
        format: "tflite", "saved_model" or "keras". What is timed and measured, for one image of median size. Defaults
            to None: "tflite" on TensorFlow, and otherwise "keras".
        choices: dict of other arguments of `make_plan` that all models share, such as `minutes` or `epochs` of each
            run. Those about backbones are left out for models without one. Defaults to None, for none.
        resume: bool. Whether to continue an interrupted leaderboard, as it was begun and on the same data. Defaults to
            False.
        started: callable (run), called before each run that is trained, or None. A run has `name`, `seed`, `plan` and
            `run`. Defaults to None.
        progress: callable (run, images done, images) of the evaluation, or None. Defaults to None.

    Returns:
        A `Leaderboard`.

    Raises:
        InputError: a name is unknown, a number is out of range, the folder cannot be used, the data to resume on is
            other data, or no model could be trained.

    Examples:

    ```python
    train = ks.data.scan_folder("camvid", split="train")
    val = ks.data.scan_folder("camvid", split="val", encoding=train.encoding)
    print(ks.training.leaderboard(train, val, out="board", models=["UNet", "FPN"], seeds=3, choices={"minutes": 15}))
    ```
    """
    given: dict[str, Any] = {"models": models, "backbones": backbones, "seeds": seeds, "format": format}
    runs = LeaderboardRuns(train, validation, out=out, resume=resume, choices=choices, **given)
    for one in runs.unfinished:
        if started is not None:
            started(one)
        with runs.noted(one):
            runs.train(one)
    return runs.finish(progress)
