"""What the presets of a plan change."""

import dataclasses

from keras_seg import _validation

_COARSEST = 8


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preset:
    """The choices that a preset makes differently.

    Args:
        name: str.
        stride_factor: float. What the decoder stride is multiplied by.
        decoder_convolutions: int, or None for the rule of the backbone.
        epochs: int.
        ema: float. Momentum of the average of the weights; 0 for none.
    """

    name: str
    stride_factor: float = 1
    decoder_convolutions: int | None = None
    epochs: int = 50
    ema: float = 0.0

    def stride(self, stride: int) -> int:
        """The decoder stride that replaces the one of the rules."""
        return max(1, min(_COARSEST, int(stride * self.stride_factor))) if self.stride_factor != 1 else stride

    def because(self, field: str) -> str:
        """The end of a rule that this preset changes; "" if it does not."""
        reason = _REASONS.get((self.name, field))
        return f"; preset {self.name}: {reason}" if reason else ""

    @property
    def ema_rule(self) -> str:
        """Why there is an average of the weights, or none."""
        if self.ema:
            steps = round(1 / (1 - self.ema))
            return f"preset {self.name}: the mean over about {steps} steps is less noisy than the last weights"
        return "none: the learning rate falls to zero, which averages the last steps already"


_REASONS = {
    ("fast", "decoder_stride"): "twice that, at a fraction of the cost",
    ("fast", "decoder_convolutions"): "one",
    ("fast", "epochs"): "half of 50",
    ("best", "decoder_stride"): "half of that, for thin objects and exact outlines",
    ("best", "decoder_convolutions"): "two",
    ("best", "epochs"): "three times 50",
    ("best", "train_from"): "all layers are trained",
}

PRESETS = {
    preset.name: preset
    for preset in (
        Preset(name="fast", stride_factor=2, decoder_convolutions=1, epochs=25),
        Preset(name="balanced"),
        Preset(name="best", stride_factor=0.5, decoder_convolutions=2, epochs=150, ema=0.99),
    )
}


def find_preset(name: str) -> Preset:
    """The preset of a name.

    Raises:
        InputError: there is no such preset.
    """
    return PRESETS[_validation.one_of("preset", name, PRESETS)]
