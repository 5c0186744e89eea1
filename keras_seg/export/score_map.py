"""The score map that a model outputs, and what its numbers are."""

import dataclasses
from typing import Any

import keras

from keras_seg import _validation
from keras_seg.inference.output_kind import last_activation, single_output, sole_output, tensor_kind

_MEANINGS = {
    "probabilities": "Probability of each class at each pixel.",
    "logits": "Logit of each class at each pixel.",
    "scores": "Score of each class at each pixel.",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScoreMap:
    """The score map of a model, under the name it has in an exported file.

    Attributes:
        name: str. "probabilities", "logits", or "scores" where the last layers of the model do not show which.
        channels: int. One channel is one class against the rest.
        overlapping: bool. Whether a pixel has each class whose score exceeds the threshold, several or none. Otherwise
            it has the one with the highest score.
    """

    name: str
    channels: int
    overlapping: bool = False

    @property
    def threshold(self) -> float:
        """The score above which a pixel has the class of a channel: the probability 0.5, which is the logit 0."""
        return 0.0 if self.name == "logits" else 0.5

    @property
    def meaning(self) -> str:
        """One sentence for people who read the file."""
        return _MEANINGS[self.name]

    def named(self, predicted: Any) -> dict[str, Any]:
        """The output of the model, by name."""
        return {self.name: sole_output(predicted)}


def score_map(model: keras.Model, output: str = "scores") -> ScoreMap:
    """The `ScoreMap` of a model with one output.

    Args:
        model: keras.Model.
        output: str. "probabilities" is a claim: it decides where the last layers do not show what they output, and is
            refused for logits. Defaults to "scores".
    """
    tensor = single_output(model)
    kind = "unknown" if tensor is None else tensor_kind(tensor)
    if kind == "logits" and output == "probabilities":
        fix = 'Pass output="scores", or add a softmax or sigmoid to the model.'
        _validation.fail("output", "must not call logits probabilities", output, fix)
    claimed = "probabilities" if output == "probabilities" else "scores"
    shape = model.output_shape if tensor is None else tensor.shape
    return ScoreMap(
        name=claimed if kind == "unknown" else kind,
        channels=shape[-1],
        overlapping=tensor is not None and shape[-1] > 1 and last_activation(tensor) == "sigmoid",
    )
