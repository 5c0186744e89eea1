"""What quantization does to one layer."""

import dataclasses
import math


@dataclasses.dataclass(frozen=True, kw_only=True)
class LayerError:
    """How far what a layer computes in a quantized file is from float32.

    Attributes:
        layer: str, the Keras layer.
        fused: tuple of str, further layers that the file computes in the same operator, such as its activation.
        op: str, the operator, such as "CONV_2D".
        dtype: str, what the operator gives, such as "int8".
        range: (lowest, highest) that it can give, fixed when the ranges were measured; None for floats.
        scale: float, the step between two values it can give; 0.0 for floats.
        signal: float, the root of the mean square of the float32 values.
        error: float, the root of the mean square of the differences from them, all that came before included.
        own_error: float, of the differences that the layer makes by itself, when float32 is computed on the very
            values that it was given; None where the operator was not compared.
        changed: float in [0, 1], the share of values that are others, where they are whole numbers such as the places
            of maxima; None elsewhere.
    """

    layer: str
    fused: tuple
    op: str
    dtype: str
    range: tuple | None
    scale: float
    signal: float
    error: float
    own_error: float | None = None
    changed: float | None = None

    @property
    def sqnr(self):
        """Signal to quantization noise in dB: 20 is an error of a tenth, 40 of a hundredth."""
        return _decibel(self.signal, self.error)

    @property
    def own_sqnr(self):
        """The same of `own_error`; None without it."""
        return None if self.own_error is None else _decibel(self.signal, self.own_error)

    def to_dict(self):
        """The attributes and ratios as a JSON-ready dict; ratios without an error are None."""
        ratios = {"sqnr": self.sqnr, "own_sqnr": self.own_sqnr}
        finite = {name: value if value is not None and math.isfinite(value) else None for name, value in ratios.items()}
        return {**dataclasses.asdict(self), **finite}


def _decibel(signal, error):
    if error == 0:
        return math.inf
    return 20 * math.log10(signal / error) if signal else -math.inf
