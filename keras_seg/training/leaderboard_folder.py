"""The folder of a leaderboard."""

from collections.abc import Mapping
from typing import Any

from keras_seg import _files
from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.training.plan import Plan
from keras_seg.training.run_folder import RunFolder
from keras_seg.training.same_data import check_same_facts

_DATA = (
    "task", "train_images", "validation_images", "num_classes", "class_names", "ignore_class", "channels",
    "median_size", "train_files", "validation_files", "class_share",
)  # fmt: skip
_MACHINE = ("backend", "device")


class LeaderboardFolder(RunFolder):
    """Paths and files of a leaderboard: protocol.json (the plan that all models share, which models, how many seeds),
    labels.json, leaderboard.json, leaderboard.md, leaderboard.svg, and a run per model and seed in runs/.

    Its data is read as that of a run. It has no model of its own.

    Args:
        path: str or path. The folder.
    """

    def __init__(self, path: PathLike) -> None:
        super().__init__(path)
        self.plan_file = self.path / "protocol.json"
        self.results_file = self.path / "leaderboard.json"
        self.table_file = self.path / "leaderboard.md"
        self.picture_file = self.path / "leaderboard.svg"
        self.runs = self.path / "runs"

    @property
    def is_folds(self) -> bool:
        """bool. False."""
        return False

    def check_startable(self, *, resume: bool = False, overwrite: bool = False) -> None:
        """Fail, before anything is computed, if a leaderboard could not be started or resumed here.

        Args:
            resume: bool. Whether it is to be resumed. Defaults to False.
            overwrite: bool. Has no effect: hours of training are not deleted. Defaults to False.

        Raises:
            InputError: the folder holds a leaderboard, other files, or nothing to resume.
        """
        there = self.plan_file.exists()
        if resume and not there:
            raise InputError(
                f"{self.path}: holds no leaderboard to resume. Check the path, or start one without `resume=True`."
            )
        if there and not resume:
            raise InputError(
                f"{self.path}: holds a leaderboard already. Continue it with `resume=True`, or choose another folder."
            )
        if not resume and RunFolder(self.path).plan_file.exists():
            raise InputError(f"{self.path}: holds a run, and is left alone. Choose another folder.")
        if not resume:
            super().check_startable()

    def begin(self, plan: Plan, labels: Mapping, settings: Mapping) -> None:
        """Write the files of a new leaderboard.

        Args:
            plan: `Plan` that all models share.
            labels: dict. Content of labels.json.
            settings: dict. Which models are trained, and on which files.
        """
        try:
            _files.make_folder(self.path)
            self._begun.touch()
            _files.write_json(self.labels_file, labels)
            # The protocol makes it a leaderboard, so it comes last.
            _files.write_json(self.plan_file, {**plan.to_dict(), "leaderboard": dict(settings)})
            self._begun.unlink()
        except OSError as error:
            raise _files.not_writable(self.path, error) from error

    def load_settings(self) -> dict[str, Any]:
        """The models and seeds of the leaderboard, and what else was given for it."""
        content = self._read(self.plan_file)
        if "leaderboard" not in content:
            raise InputError(f"{self.plan_file}: is not the protocol of a leaderboard. Choose another folder.")
        return content["leaderboard"]

    def check_same_data(self, facts: Mapping, *, path: str) -> None:
        """Fail if a leaderboard would be resumed on other data, or on another kind of machine.

        Args:
            facts: dict. `fingerprint` of the data to resume on.
            path: str. Where the data is, for the error.
        """
        begun = self.load_plan().fingerprint
        known: dict[str, str] = {"path": path, "run": str(self.path)}
        fix = "Give the same data, or begin a new leaderboard in another folder."
        check_same_facts(facts, begun, names=_DATA, fix=fix, **known)
        for name in _MACHINE:
            check_same_facts(facts, begun, names=[name], fix=f"Continue it with the {name} {begun[name]}.", **known)
