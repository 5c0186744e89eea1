"""From facts about the data to a plan, and from a plan to a finished run folder."""

from keras_seg.training.build_model import build_model
from keras_seg.training.choices import Choice, Plan
from keras_seg.training.compare_runs import compare_runs
from keras_seg.training.fingerprint import fingerprint
from keras_seg.training.fit import TrainingResult, fit
from keras_seg.training.fit_folds import fit_folds
from keras_seg.training.fold_runs import FoldsResult
from keras_seg.training.leaderboard import leaderboard
from keras_seg.training.leaderboard_result import Leaderboard, LeaderboardRow
from keras_seg.training.plan import make_plan
from keras_seg.training.probe import probed_plan
from keras_seg.training.progress_schedule import ProgressSchedule
from keras_seg.training.read_plan import read_plan
from keras_seg.training.run_folder import RunFolder
from keras_seg.training.run_report import write_report
from keras_seg.training.write_model_card import write_model_card

__all__ = [
    "Choice",
    "FoldsResult",
    "Leaderboard",
    "LeaderboardRow",
    "Plan",
    "ProgressSchedule",
    "RunFolder",
    "TrainingResult",
    "build_model",
    "compare_runs",
    "fingerprint",
    "fit",
    "fit_folds",
    "leaderboard",
    "make_plan",
    "probed_plan",
    "read_plan",
    "write_model_card",
    "write_report",
]
