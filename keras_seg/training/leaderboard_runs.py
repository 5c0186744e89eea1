"""The runs of a leaderboard: which there are, and how they are trained and evaluated."""

import contextlib
import dataclasses
import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras

from keras_seg import _files, _validation, backbones, models
from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.evaluation.compare import compare_means
from keras_seg.models import registry
from keras_seg.report.leaderboard_picture import leaderboard_picture
from keras_seg.training.fingerprint import fingerprint
from keras_seg.training.fit import TrainingResult
from keras_seg.training.fit_or_resume import fit_or_resume
from keras_seg.training.given_choices import given_choices
from keras_seg.training.hosts.group import Group
from keras_seg.training.leaderboard_folder import LeaderboardFolder
from keras_seg.training.leaderboard_result import Leaderboard, LeaderboardRow, one_line, score_and_time, with_front
from keras_seg.training.model_speed import FORMATS, ModelSpeed, model_speed, usual_format
from keras_seg.training.plan import Plan, make_plan
from keras_seg.training.run_folder import RunFolder
from keras_seg.training.tasks import find_task
from keras_seg.training.trained_run import TrainedRun

# Choices about a backbone, and the argument that a model with one has for them.
_OF_BACKBONES = {"weights": "weights", "skips": "backbone", "freeze": "backbone_trainable", "train_from": "backbone"}
# All choices that some models have no argument for.
_OF_SOME = {**_OF_BACKBONES, "aux": "aux"}
_OWN = {"model": "models", "backbone": "backbones", "seed": "seeds"}
_ONE, _RESUMED = "Name each one once.", "Drop it: the leaderboard continues as it was begun."


@dataclasses.dataclass(frozen=True, kw_only=True)
class LeaderboardRun:
    """One model trained with one seed.

    Attributes:
        name: str. The model and its backbone, the same for all seeds.
        seed: int >= 0.
        plan: `Plan`.
        run: `RunFolder`.
    """

    name: str
    seed: int
    plan: Plan
    run: RunFolder

    @property
    def title(self) -> str:
        """str. The name and the seed."""
        return f"{self.name}, seed {self.seed}"


class LeaderboardRuns:
    """The runs of a leaderboard, to be trained one by one and then finished.

    Arguments: those of `leaderboard`.

    Raises:
        InputError: as for `leaderboard`.
    """

    def __init__(
        self,
        train: Any,
        validation: Any,
        *,
        out: LeaderboardFolder | PathLike,
        resume: bool = False,
        choices: Mapping[str, Any] | None = None,
        models: Sequence[str] | None = None,
        backbones: Sequence[str] | None = None,
        seeds: int | None = None,
        format: str | None = None,
    ) -> None:
        self.train_index, self.validation_index = train, validation
        self.folder = out if isinstance(out, LeaderboardFolder) else LeaderboardFolder(out)
        self.folder.check_startable(resume=resume)
        given = {"models": models, "backbones": backbones, "seeds": seeds, "format": format, "choices": choices or None}
        if resume:
            for name, value in given.items():
                if value is not None:
                    _validation.fail(name, "cannot be given with `resume=True`", value, _RESUMED)
            settings, task = self.folder.load_settings(), self.folder.load_plan().task
        else:
            settings = _checked(**given)
            task = settings["choices"].get("task", "semantic")
        facts = fingerprint(train, validation, task=task)
        if resume:
            self.folder.check_same_data(facts, path=train.path)
            facts = self.folder.load_plan().fingerprint
        if len(validation) < 2:
            fix = "The scores of models are compared image by image: give more."
            _validation.fail("validation", "must hold at least two images", len(validation), fix)
        find_task(task).check_installed()
        self.format: str = settings["format"]
        self.runs = [
            LeaderboardRun(name=name, seed=seed, plan=plan, run=RunFolder(self.folder.runs / f"{name}-seed{seed}"))
            for name, seed, plan in _begun(settings) or _chosen(facts, settings)
        ]
        self.failures: dict[str, str] = {}
        if not resume:
            schema = find_task(task).label_schema(train)
            # A run that is begun later follows the choices of now, whatever is installed then.
            plans = [{"name": one.name, "seed": one.seed, "plan": one.plan.to_dict()} for one in self.runs]
            self.folder.begin(make_plan(facts, **settings["choices"]), schema, {**settings, "plans": plans})

    @property
    def unfinished(self) -> list[LeaderboardRun]:
        """list of `LeaderboardRun`. Those to train."""
        return [one for one in self.runs if not one.run.finished]

    @contextlib.contextmanager
    def noted(self, one: LeaderboardRun) -> Iterator[None]:
        """Keep the reason if a run fails, and go on.

        Args:
            one: `LeaderboardRun`.
        """
        try:
            yield
        except Exception as error:
            self.failures[one.title] = one_line(error)

    def train(self, one: LeaderboardRun, **options: Any) -> TrainingResult:
        """Train a run that is not finished, from where it was interrupted.

        Args:
            one: `LeaderboardRun`.
            **options: `log`, `callbacks` and `progress` of `fit`.
        """
        gc.collect()  # Models and their optimizers refer to one another, and stay in memory until then.
        return fit_or_resume(one.plan, run=one.run, train=self.train_index, validation=self.validation_index, **options)

    def finish(self, progress: Callable[[str, int, int | None], None] | None = None) -> Leaderboard:
        """Evaluate and measure all finished runs, and write the table and the picture.

        Args:
            progress: callable (run, images done, images), or None. Defaults to None.

        Raises:
            InputError: no run is finished.
        """
        # As at the end of each run: several devices cannot share a single image, and one is timed.
        with Group.current().alone():
            return self._finish(progress)

    def _finish(self, progress: Callable[[str, int, int | None], None] | None) -> Leaderboard:
        """`finish` on one device."""
        found: dict[str, dict[int, Any]] = {}
        kept: dict[str, tuple[Plan, int, ModelSpeed]] = {}
        for one in self.runs:
            if one.run.finished:
                with self.noted(one):
                    trained = TrainedRun(one.run)
                    model = trained.load_model()
                    report = None if progress is None else _of_run(progress, one.title)
                    scores = trained.evaluate(model, self.validation_index, progress=report)
                    if one.name not in kept:
                        kept[one.name] = (one.plan, model.count_params(), self._speed(trained, model, one))
                    found.setdefault(one.name, {})[one.seed] = scores
        if not found:
            reason = next(iter(self.failures.values()), "nothing was trained")
            raise InputError(f"{self.folder.path}: no model could be trained and evaluated. The first: {reason}")
        board = self._ranked(found, kept)
        _files.write_json(self.folder.results_file, board.to_dict())
        _files.write_text(self.folder.table_file, board.markdown())
        points = [
            (str(rank), place[1], 100 * place[0], row.on_front)
            for rank, row in enumerate(board.rows, start=1)
            if (place := score_and_time(row)) is not None
        ]
        if points:
            texts = {"score_name": board.score_name, "images": board.images}
            latency = f"ms per image, {self.format}"
            _files.write_text(self.folder.picture_file, leaderboard_picture(points, latency=latency, **texts))
        else:
            self.folder.picture_file.unlink(missing_ok=True)
        return board

    def _merged_failures(self) -> dict[str, str]:
        """The reasons, once for a model that fails alike with all seeds."""
        merged = dict(self.failures)
        for name in dict.fromkeys(one.name for one in self.runs):
            reasons = {one.title: self.failures.get(one.title) for one in self.runs if one.name == name}
            (reason, *others) = set(reasons.values())
            if reason is not None and not others:
                merged = {name: reason, **{title: text for title, text in merged.items() if title not in reasons}}
        return merged

    def _speed(self, trained: TrainedRun, model: keras.Model, one: LeaderboardRun) -> ModelSpeed:
        speed = model_speed(trained, model, format=self.format)
        if speed.reason is not None:
            self.failures[f"{one.name}, {self.format}"] = speed.reason
        return speed

    def _ranked(self, found: dict[str, dict[int, Any]], kept: dict[str, tuple[Plan, int, ModelSpeed]]) -> Leaderboard:
        means = {name: sum(one.score for one in of_seeds.values()) / len(of_seeds) for name, of_seeds in found.items()}
        best_first = sorted(found, key=lambda name: -means[name] if means[name] == means[name] else 1.0)
        compared = compare_means({name: list(found[name].values()) for name in best_first})
        rows = []
        for place, name in enumerate(best_first):
            plan, parameters, speed = kept[name]
            rows.append(
                LeaderboardRow(
                    name=name,
                    model=plan["model"],
                    backbone=plan["backbone"],
                    score=compared.scores[place],
                    seed_scores={seed: float(one.score) for seed, one in found[name].items()},
                    difference=compared.differences[place - 1] if place else None,
                    verdict=compared.verdicts[place - 1] if place else "best",
                    parameters=parameters,
                    milliseconds=speed.milliseconds,
                    size_bytes=speed.size_bytes,
                )
            )
        height, width = self.folder.load_plan().fingerprint["median_size"]
        return Leaderboard(
            rows=with_front(rows),
            failures=self._merged_failures(),
            score_name=compared.score_name,
            images=compared.images,
            format=self.format,
            input_size=(height, width),
        )


def _checked(
    *,
    models: Sequence[str] | None,
    backbones: Sequence[str] | None,
    seeds: int | None,
    format: str | None,
    choices: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """What is given for a new leaderboard, as it is kept."""
    for name in choices or {}:
        if name in _OWN and (choices or {})[name] is not None:
            _validation.fail("choices", f"cannot hold {name!r}", (choices or {})[name], f"Give `{_OWN[name]}`.")
    named, kept = _names("models", models, _models()), given_choices(choices)
    taken = {argument for model in named for argument in registry.arguments(model)}
    of_backbones = {"backbones": backbones, **{name: kept.get(name) for name in _OF_BACKBONES}}
    for name, value in of_backbones.items():
        if value is not None and _OF_BACKBONES.get(name, "backbone") not in taken:
            _validation.fail(name, "has no effect on these models, whose encoders are their own", value, "Drop it.")
    if kept.get("aux") is not None and "aux" not in taken:
        rule = "has no effect on these models, which have no auxiliary heads"
        _validation.fail("aux", rule, kept["aux"], "Drop it.")
    return {
        "models": named,
        "backbones": None if backbones is None else _names("backbones", backbones, _backbones()),
        "seeds": _validation.integer("seeds", 1 if seeds is None else seeds),
        "format": usual_format() if format is None else _validation.one_of("format", format, FORMATS),
        "choices": kept,
    }


def _models() -> list[str]:
    return models.names()


def _backbones() -> list[str]:
    return [*backbones.names(), "none"]


def _names(argument: str, names: Sequence[str] | None, allowed: Sequence[str]) -> list[str]:
    if not names or isinstance(names, str):
        _validation.fail(argument, "must name at least one, in a list", names, f"Such as [{allowed[0]!r}].")
    names = [_validation.one_of(argument, name, allowed) for name in names]
    if len(set(names)) < len(names):
        _validation.fail(argument, "must not repeat a name", names, _ONE)
    return names


def _begun(settings: Mapping[str, Any]) -> list[tuple[str, int, Plan]]:
    """The names, seeds and plans that a leaderboard was begun with; none for a new one, or one of earlier versions."""
    return [(one["name"], one["seed"], Plan.from_dict(one["plan"])) for one in settings.get("plans", ())]


def _chosen(facts: Mapping, settings: Mapping[str, Any]) -> list[tuple[str, int, Plan]]:
    """The names, seeds and plans of all runs, by the rules."""
    return [
        (name, seed, plan) for seed in range(settings["seeds"]) for name, plan in _plans(facts, settings, seed).items()
    ]


def _plans(facts: Mapping, settings: Mapping[str, Any], seed: int) -> dict[str, Plan]:
    """The plans of all models for a seed, by the names of the models."""
    plans = {}
    for model in settings["models"]:
        taken = registry.arguments(model)
        shared = {name: value for name, value in settings["choices"].items() if _OF_SOME.get(name, taken[0]) in taken}
        for backbone in (settings["backbones"] or [None]) if "backbone" in taken else [None]:
            plan = make_plan(facts, **shared, model=model, backbone=backbone, seed=seed)
            encoder = plan["backbone"]
            plans[model if encoder == "none" else f"{model}-{encoder}"] = plan
    return plans


def _of_run(progress: Callable[[str, int, int | None], None], name: str) -> Callable[[int, int | None], None]:
    return lambda done, total: progress(name, done, total)
