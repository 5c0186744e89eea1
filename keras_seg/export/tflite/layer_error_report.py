"""How far the layers of a quantized model are from float32."""

import dataclasses
import math
from typing import Any

_SHOWN = 20
_NAME = 26


@dataclasses.dataclass(frozen=True, kw_only=True)
class LayerError:
    """How far the output of a layer in a quantized file is from float32.

    Attributes:
        layer: str. The Keras layer.
        fused: tuple of str. Further layers that the file computes in the same operator, such as its activation.
        op: str. The operator, such as "CONV_2D".
        dtype: str. The type of its output, such as "int8".
        value_range: (lowest, highest) output that is possible, as the ranges were measured; None for floats.
        scale: float. The step between two possible outputs; 0.0 for floats.
        signal: float. The root mean square of the float32 values.
        error: float. The root mean square of the differences from them, with the errors of all layers before.
        own_error: float. The same of the layer alone, compared with float32 on the very inputs that it got; None where
            the operator was not compared.
        changed: float in [0, 1]. The share of values that differ, where they are whole numbers such as the places of
            maxima; None elsewhere.
    """

    layer: str
    fused: tuple[str, ...]
    op: str
    dtype: str
    value_range: tuple[float, float] | None
    scale: float
    signal: float
    error: float
    own_error: float | None = None
    changed: float | None = None

    @property
    def sqnr(self) -> float:
        """Signal to quantization noise in dB: 20 is an error of a tenth, 40 of a hundredth."""
        return _decibel(self.signal, self.error)

    @property
    def own_sqnr(self) -> float | None:
        """The same for `own_error`; None without it."""
        return None if self.own_error is None else _decibel(self.signal, self.own_error)

    def to_dict(self) -> dict[str, Any]:
        """The attributes and ratios as a JSON-ready dict; ratios without an error are None."""
        ratios = {"sqnr": self.sqnr, "own_sqnr": self.own_sqnr}
        finite = {name: value if value is not None and math.isfinite(value) else None for name, value in ratios.items()}
        return {**dataclasses.asdict(self), **finite}


@dataclasses.dataclass(frozen=True, kw_only=True)
class LayerErrorReport:
    """The error of each layer of a quantized file; printed as a table of 80 columns, worst first.

    Attributes:
        layers: tuple of `LayerError`, in the order of computation.
        quantize: str. As `export.tflite` takes it.
        images: int. How many were compared.
        agreement: float in [0, 1]. The share of pixels of the same class as in float32, or of the same classes where
            they overlap.
    """

    layers: tuple[LayerError, ...]
    quantize: str
    images: int
    agreement: float

    def __getitem__(self, name: str) -> LayerError:
        """The `LayerError` of a Keras layer, or of the one it was fused into; KeyError if there is none."""
        for error in self.layers:
            if name == error.layer or name in error.fused:
                return error
        raise KeyError(f"{name!r} has no separate operator in the file. It has: {', '.join(self.names)}.")

    @property
    def names(self) -> tuple[str, ...]:
        """The layers that have an operator, in the order of computation."""
        return tuple(error.layer for error in self.layers)

    def worst(self, count: int | None = None, *, own: bool = False) -> tuple[LayerError, ...]:
        """Layers by their signal to noise, the noisiest first.

        Args:
            count: int. How many. Defaults to None, for all.
            own: bool. Whether only the layer's own error counts; layers without one are excluded then. Defaults to
                False.
        """
        ratios = ((error.own_sqnr if own else error.sqnr, error) for error in self.layers)
        found = sorted(((ratio, error) for ratio, error in ratios if ratio is not None), key=lambda pair: pair[0])
        return tuple(error for _, error in found[:count])

    def to_dict(self) -> dict[str, Any]:
        """The report as a JSON-ready dict."""
        values = {name: getattr(self, name) for name in ("quantize", "images", "agreement")}
        return {**values, "layers": [error.to_dict() for error in self.layers]}

    def __str__(self) -> str:
        lines = [("layer", "operator", "range", "step", "error", "SQNR", "own")]
        lines += [_line(error) for error in self.worst(_SHOWN)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        rows = [
            "  ".join(t.ljust(w) if n < 2 else t.rjust(w) for n, (t, w) in enumerate(zip(line, widths, strict=True)))
            for line in lines
        ]
        if len(self.layers) > _SHOWN:
            rows.append(f"... and {len(self.layers) - _SHOWN} layers with less noise.")
        rows += [
            f"{self.quantize}, {self.images} images, {self.agreement:.2%} of the pixels in the same class.",
            "SQNR: signal to noise in dB, all that came before included; own: of the layer.",
        ]
        return "\n".join(row.rstrip() for row in rows)


def _line(error: LayerError) -> tuple[str, ...]:
    name = error.layer if len(error.layer) <= _NAME else f"{error.layer[: _NAME - 2]}.."
    span = "" if error.value_range is None else "{:.3g}..{:.3g}".format(*error.value_range)
    ratio = f"{error.sqnr:.1f}" if error.changed is None else f"{error.changed:.1%}*"
    own = "" if error.own_sqnr is None else f"{error.own_sqnr:.1f}"
    op = error.op.lower()[:14]
    return (name, op, span, f"{error.scale:.2g}" if error.scale else error.dtype, f"{error.error:.2g}", ratio, own)


def _decibel(signal: float, error: float) -> float:
    if error == 0:
        return math.inf
    return 20 * math.log10(signal / error) if signal else -math.inf
