"""The runs of all folds, in the folder of one run."""

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from keras_seg import _files, _validation, evaluation
from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.data import split_folds
from keras_seg.evaluation.score_interval import ends_of, score_interval
from keras_seg.inference import Ensemble
from keras_seg.training.build_model import build_model
from keras_seg.training.fingerprint import check_alike, fingerprint
from keras_seg.training.fit import TrainingResult, check_time_is_left
from keras_seg.training.fit_model import check_divisible
from keras_seg.training.fit_or_resume import fit_or_resume
from keras_seg.training.folds_report import write_folds_page
from keras_seg.training.given_choices import given_choices
from keras_seg.training.hosts.group import Group
from keras_seg.training.out_of_memory import memory_named, whole_images
from keras_seg.training.plan import Plan, make_plan
from keras_seg.training.run_folder import RunFolder
from keras_seg.training.same_data import check_same_facts
from keras_seg.training.tasks import Task, find_task


@dataclasses.dataclass(frozen=True, kw_only=True)
class FoldsResult:
    """The finished folds of a run. The run folder holds the same.

    Attributes:
        model: `inference.Ensemble` of the models of all folds.
        folds: `evaluation.FoldsEvaluation`. Scores out of fold, with the postprocessing or the thresholds that were
            chosen on them.
        test: the evaluation of the ensemble on the test images, such as an `evaluation.Evaluation`, or None if there
            are none.
    """

    model: keras.Model
    folds: evaluation.FoldsEvaluation
    test: Any

    @property
    def score(self) -> float:
        """The score of all images out of fold that ranks models, such as the mean IoU."""
        return self.folds.score


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fold:
    """One fold.

    Attributes:
        number: int >= 1.
        train: index to train on.
        validation: index to validate on.
        run: `RunFolder` of the fold.
        plan: `Plan` of the fold.
    """

    number: int
    train: Any
    validation: Any
    run: RunFolder
    plan: Plan

    @property
    def finished(self) -> bool:
        """bool. Whether the fold is trained and evaluated."""
        return self.run.finished


class FoldRuns:
    """The folds of a run, to be trained one by one and then finished.

    A new run begins with `plan.json`, `labels.json` and `folds.json`; the folds follow, and `ensemble.keras` is written
    last, so a run that was interrupted at any moment can be resumed.

    Args:
        index: index of all images to divide.
        began: float. The `time.monotonic()` from which the minutes of a new run count. Defaults to None: from the
            training on.

    Other arguments: those of `fit_folds`.

    Attributes:
        seconds_spent: float. Seconds of the minutes of all folds that were over when the run was created; 0 for one
            that is resumed.

    Raises:
        InputError: as for `fit_folds`, or the minutes are over before a new run is created.
    """

    def __init__(
        self,
        index: Any,
        *,
        run: RunFolder | PathLike,
        resume: bool = False,
        overwrite: bool = False,
        test: Any = None,
        folds: int | None = None,
        groups: str | None = None,
        choices: Mapping[str, Any] | None = None,
        began: float | None = None,
    ) -> None:
        self.index, self.test = index, test
        self.seconds_spent = 0.0
        self.run = run if isinstance(run, RunFolder) else RunFolder(run)
        self.run.check_startable(resume=resume, overwrite=overwrite)
        given = {} if resume else given_choices(choices)
        self.kind = find_task(self.run.load_plan().task if resume else given.get("task", "semantic"))
        self.kind.check_installed()
        _check_index("index", index, self.kind)
        if test is not None:
            _check_index("test", test, self.kind)
            check_alike(index, test, task=self.kind.name, name="test")
        plans: list[Plan] = []
        if resume:
            folds, groups, given = self._settings(folds, groups, choices)
            plans = [Plan.from_dict(one) for one in self.run.load_folds().get("plans", ())]
        folds = 5 if folds is None else folds
        groups = index.group_by if groups is None else groups
        if not isinstance(groups, (str, type(None))):
            _validation.fail(
                "groups", "must be a regular expression, which is kept with the run", type(groups).__name__
            )
        self.index = dataclasses.replace(index, group_by=groups)
        facts = fingerprint(self.index, index if test is None else test, task=self.kind.name)
        facts["validation_images"] = 0 if test is None else len(test)
        if resume:
            # After the numbers of images, whose errors say more.
            check_same_facts(facts, self.run.load_plan().fingerprint, path=index.path, run=str(self.run.path))
        parts = split_folds(self.index, folds=folds, groups=groups)
        plan = make_plan(facts, **given)
        minutes = plan["minutes"]
        given_of_fold = {**given, **({} if minutes is None else {"minutes": minutes / folds})}
        shared = self.kind.shared_choices(plan)
        self.folds = [
            Fold(
                number=number,
                train=train,
                validation=validation,
                run=self.run.fold(number),
                # A fold that is begun later follows the choices of the first, whatever machine it runs on.
                plan=plans[number - 1]
                if plans
                else _plan_of_fold(train, validation, given_of_fold, shared=shared, task=self.kind),
            )
            for number, (train, validation) in enumerate(parts, start=1)
        ]
        if not resume:
            # A batch that cannot be divided, or a model that cannot be built, fails here, before an older run is
            # replaced.
            for fold in self.folds:
                check_divisible(fold.plan, fold.train, Group.current())
            build_model(self.folds[0].plan)
            if minutes is not None and began is not None:
                self.seconds_spent = time.monotonic() - began
                check_time_is_left(plan, self.seconds_spent)
            settings = {"folds": folds, "choices": given, "notices": list(self.folds[0].train.notices)}
            self._create(plan, {**settings, "plans": [fold.plan.to_dict() for fold in self.folds]})

    @property
    def minutes_per_fold(self) -> float | None:
        """float. The time limit of each fold, or None."""
        return self.folds[0].plan["minutes"]

    @property
    def notices(self) -> tuple[str, ...]:
        """tuple of str. What the division into folds found, beside the notices of the index."""
        return tuple(text for text in self.folds[0].train.notices if text not in self.index.notices)

    def train(
        self,
        fold: Fold,
        *,
        seconds_spent: float = 0.0,
        log: Sequence[str] = (),
        callbacks: Sequence[keras.callbacks.Callback] = (),
        progress: Callable[[int, int | None], None] | None = None,
    ) -> TrainingResult:
        """Train a fold that is not finished, from where it was interrupted.

        Args:
            fold: `Fold`.

        Other arguments: those of `fit`.
        """
        return fit_or_resume(
            fold.plan,
            train=fold.train,
            validation=fold.validation,
            run=fold.run,
            seconds_spent=seconds_spent,
            log=log,
            callbacks=callbacks,
            progress=progress,
        )

    def finish(self, progress: Callable[[int, int | None], None] | None = None) -> FoldsResult:
        """Evaluate all folds, and write the results and the ensemble.

        Args:
            progress: callable (images done, images), or None. Defaults to None.

        Raises:
            InputError: an image is too large for the memory of the device.
        """
        # As at the end of each fold: several devices cannot share a single image.
        with Group.current().alone():
            return self._finish(progress)

    def _finish(self, progress: Callable[[int, int | None], None] | None) -> FoldsResult:
        """`finish` on one device."""
        models: list[keras.Model] = []

        def loaded() -> Any:
            for fold in self.folds:
                models.append(fold.run.load_model())
                yield models[-1]

        with memory_named(whole_images(self.index)):
            found = evaluation.evaluate_folds(
                loaded(),
                [fold.validation for fold in self.folds],
                task=self.kind.name,
                postprocessing=self.kind.can_tune(),
                progress=progress,
            )
        decoding = found.decoding
        if decoding:
            _files.write_json(self.run.decoding_file, decoding)
        else:
            self.run.decoding_file.unlink(missing_ok=True)  # Of an attempt that was interrupted.
        ensemble = Ensemble(models)
        test, of_test = None, None
        if self.test is not None:
            with memory_named(whole_images(self.test)):
                test = self.kind.evaluate(ensemble, self.test, settings=decoding)
            ends = {f"{self.kind.scores[0]}_interval": ends_of(score_interval(test))}
            of_test = {"data": self.test.path, **test.to_dict(), **ends}
        results = {
            "split": "out of fold",
            "data": self.index.path,
            "train_data": self.index.path,
            **found.to_dict(),
            "test": of_test,
            **({"decoding": decoding} if decoding else {}),
        }
        _files.write_json(self.run.metrics_file, results)
        write_folds_page(self.run)
        with _files.written_aside(self.run.model_file, overwrite=True) as aside:
            ensemble.save(aside)
        return FoldsResult(model=ensemble, folds=found, test=test)

    def _settings(self, folds: Any, groups: Any, choices: Any) -> tuple[int, str | None, dict[str, Any]]:
        """What the run was begun with; what is given beside it must be the same."""
        if not self.run.is_folds:
            raise InputError(f"{self.run.path}: is a run without folds. Continue it with `fit(resume=True)`.")
        if choices:
            _validation.fail("choices", "cannot be given with `resume=True`, which follows the run", list(choices))
        begun, facts = self.run.load_folds(), self.run.load_plan().fingerprint
        if folds not in (None, begun["folds"]):
            rule = f"must be that of the run, {begun['folds']}"
            _validation.fail("folds", rule, folds, "Drop it with `resume=True`.")
        if groups not in (None, facts.get("group_by")):
            rule = f"must be that of the run, {facts.get('group_by')!r}"
            _validation.fail("groups", rule, groups, "Drop it with `resume=True`.")
        if len(self.index) != facts["train_images"]:
            raise InputError(
                f"{self.index.path}: has {len(self.index)} images, and the run was begun with {facts['train_images']}. "
                "Give the same data, or start a new run with `overwrite=True`."
            )
        tested = 0 if self.test is None else len(self.test)
        if tested != facts["validation_images"]:
            raise InputError(
                f"{self.run.path}: was begun with {facts['validation_images']} test images; now there are {tested}. "
                "Give the same `validation` folder, or start a new run with `overwrite=True`."
            )
        return begun["folds"], facts.get("group_by"), begun["choices"]

    def _create(self, plan: Plan, settings: dict[str, Any]) -> None:
        """Replace an older run by the plan, the labels and the settings of this one."""
        for fold in self.folds:
            fold.run.check_startable(overwrite=True)
        self.run._create(plan, self.kind.label_schema(self.index), folds=settings)
        for fold in self.folds:
            if fold.run.path.exists():
                fold.run._clear()


def _check_index(name: str, index: Any, task: Task) -> None:
    """Fail for an index of another task."""
    if not isinstance(index, task.index_type):
        rule = f"must be the {task.index_type.__name__} that `task={task.name!r}` divides"
        fix = "Scan the folder for this task, or name another one in the choices."
        _validation.fail(name, rule, type(index).__name__, fix)


def _plan_of_fold(train: Any, validation: Any, given: dict[str, Any], *, shared: dict[str, Any], task: Task) -> Plan:
    """The plan of a fold, in which facts of the fold alone decide nothing that all folds must share."""
    facts = fingerprint(train, validation, task=task.name)
    plan = make_plan(facts, **given)
    others = {name: value for name, value in shared.items() if plan[name] != value}
    return make_plan(facts, **given, **others) if others else plan
