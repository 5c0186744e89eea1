"""What quantization does to the layers of a model."""

import dataclasses

from keras_seg.export.tflite.layer_error import LayerError

_SHOWN = 20
_NAME = 26


@dataclasses.dataclass(frozen=True, kw_only=True)
class LayerErrorReport:
    """The error of each layer of a quantized file; printed as a table of 80 columns, worst first.

    Attributes:
        layers: tuple of `LayerError` in the order of computation.
        quantize: str, as `export.tflite` takes it.
        images: int, how many were compared.
        agreement: float in [0, 1], the share of pixels of the same class as in float32.
    """

    layers: tuple[LayerError, ...]
    quantize: str
    images: int
    agreement: float

    def __getitem__(self, name):
        """The `LayerError` of a Keras layer, also of one that was fused into another; KeyError if there is none."""
        for error in self.layers:
            if name == error.layer or name in error.fused:
                return error
        raise KeyError(f"{name!r} has no operator of its own in the file. It has: {', '.join(self.names)}.")

    @property
    def names(self):
        """The layers that have an operator, in the order of computation."""
        return tuple(error.layer for error in self.layers)

    def worst(self, count=None, own=False):
        """Layers by their signal to noise, the noisiest first.

        Args:
            count: int, how many; all by default.
            own: bool. Whether only what a layer adds by itself counts; layers that were not compared by themselves
                are left out then. Defaults to False.
        """
        if own:
            found = sorted((e for e in self.layers if e.own_error is not None), key=lambda error: error.own_sqnr)
        else:
            found = sorted(self.layers, key=lambda error: error.sqnr)
        return tuple(found[:count])

    def to_dict(self):
        """The report as a JSON-ready dict."""
        values = {name: getattr(self, name) for name in ("quantize", "images", "agreement")}
        return {**values, "layers": [error.to_dict() for error in self.layers]}

    def __str__(self):
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


def _line(error):
    name = error.layer if len(error.layer) <= _NAME else f"{error.layer[: _NAME - 2]}.."
    span = "" if error.range is None else f"{error.range[0]:.3g}..{error.range[1]:.3g}"
    ratio = f"{error.sqnr:.1f}" if error.changed is None else f"{error.changed:.1%}*"
    own = "" if error.own_sqnr is None else f"{error.own_sqnr:.1f}"
    op = error.op.lower()[:14]
    return (name, op, span, f"{error.scale:.2g}" if error.scale else error.dtype, f"{error.error:.2g}", ratio, own)
