"""From facts to a plan, and from a plan to a trained model."""

from keras_seg.training.fingerprint import fingerprint
from keras_seg.training.fit import build_model, fit
from keras_seg.training.kernel_decay_adamw import KernelDecayAdamW
from keras_seg.training.plan import Choice, Plan, make_plan
from keras_seg.training.progress_schedule import ProgressSchedule
from keras_seg.training.run_folder import RunFolder
from keras_seg.training.tasks import Task, find_task

__all__ = [
    "Choice",
    "KernelDecayAdamW",
    "Plan",
    "ProgressSchedule",
    "RunFolder",
    "Task",
    "build_model",
    "find_task",
    "fingerprint",
    "fit",
    "make_plan",
]
