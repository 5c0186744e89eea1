"""What the tasks that learn borders have in common."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from keras_seg.training.tasks.task import Task

if TYPE_CHECKING:
    from keras_seg.training.plan import Plan


class BorderTask(Task):
    """A task whose targets hold thin borders; they need a finer resolution and less context than regions do."""

    light_strides = (2, 1)
    stride_reason = "half the strides of regions, because borders are thin"
    largest_crop = 256
    crop_reason = "borders need little context"

    def plan_choices(self, facts: Mapping) -> list[tuple[str, str, Any, tuple[str, ...]]]:
        """The width of the borders."""
        return [("border_width", "2 pixels on either side: thin, and wide enough to be learned", 2, ())]

    def can_tune(self) -> bool:
        """Yes: thresholds."""
        return True

    def shared_choices(self, plan: "Plan") -> dict[str, Any]:
        """Which pixels are borders."""
        return {name: plan[name] for name, *_ in self.plan_choices(plan.fingerprint)}
