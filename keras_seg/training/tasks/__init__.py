"""The tasks that can be trained: semantic segmentation, instances, boundaries, classes that overlap."""

from keras_seg import _validation
from keras_seg.training.tasks.boundary import BoundaryTask
from keras_seg.training.tasks.instances import InstancesTask
from keras_seg.training.tasks.multilabel import MultiLabelTask
from keras_seg.training.tasks.semantic import SemanticTask
from keras_seg.training.tasks.task import Task

TASKS: dict[str, Task] = {
    task.name: task for task in (SemanticTask(), MultiLabelTask(), InstancesTask(), BoundaryTask())
}

__all__ = ["TASKS", "BoundaryTask", "InstancesTask", "MultiLabelTask", "SemanticTask", "Task", "find_task"]


def find_task(name: str) -> Task:
    """The task of a name.

    Raises:
        InputError: there is no such task.
    """
    return TASKS[_validation.one_of("task", name, TASKS)]
