"""The model that each worker opens."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras

from keras_seg.inference import TestTimeAugmentation
from keras_seg.training.open_model import open_model
from keras_seg.training.usable_model import UsableModel


@dataclasses.dataclass(frozen=True, kw_only=True)
class OpenedModel:
    """How a model is opened on every machine.

    Args:
        run: str. The absolute path of the run folder or the exported file, on each machine.
        postprocessing: bool. Whether predictions are postprocessed as was chosen for the run.
        tta: transforms of `TestTimeAugmentation`, or None.
    """

    run: str
    postprocessing: bool
    tta: Sequence[Any] | None

    def load(self) -> tuple[UsableModel, keras.Model]:
        """The run, and its model with the transforms."""
        run = open_model(self.run, postprocessing=self.postprocessing)
        model = run.load_model()
        return run, model if self.tta is None else TestTimeAugmentation(model, self.tta)
