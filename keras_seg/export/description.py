"""What a client must know of an exported file besides its numbers."""

from typing import TYPE_CHECKING, Any

from keras_seg import _validation
from keras_seg._version import __version__
from keras_seg.analysis import shift_stride
from keras_seg.inference.output_kind import last_activation, single_output
from keras_seg.visualization import palette

if TYPE_CHECKING:
    from keras_seg.export.request import Request


def describe(request: "Request") -> dict[str, Any]:
    """A JSON-ready dict: the names and colors of the classes, and the inputs and outputs of the file."""
    # One channel is one class against the rest, and the rest has a name and a color too.
    count = max(2, request.scores.channels)
    names = _validation.class_names(request.class_names, count)
    output = single_output(request.model)
    colors = palette(count).tolist() if request.colors is None else _colors(request.colors, count)
    meanings = {
        request.scores.name: request.scores.meaning,
        "class_ids": "The class with the highest score at each pixel.",
    }
    return {
        "model": request.model.name,
        "keras_seg_version": __version__,
        "class_names": list(names),
        "colors": colors,
        "ignore_class": list(_validation.ignored_classes(request.ignore_class)),
        "input": {
            "name": "image",
            "type": request.input,
            "range": [-128, 127] if request.input == "int8" else [0, 255],
            "layout": ["batch", "height", "width", "channels"],
            "preprocessing": "none",  # Values are passed as they are: the file scales them.
            "batch_size": request.batch_size,
            "size": list(request.size),
        },
        "output": request.output,
        "outputs": {name: meanings[name] for name in request.outputs},
        # Whether the classes exclude one another, which the name "probabilities" does not say.
        "activation": None if output is None else last_activation(output),
        "threshold": request.scores.threshold if request.scores.channels == 1 else None,
        "stride": list(shift_stride(request.model)),
        "facts": None if request.facts is None else dict(request.facts),
    }


def _colors(value: Any, count: int) -> list[list[int]]:
    """`colors` as lists of ints, one (red, green, blue) per class."""
    colors = [list(_validation.integers("colors", color, 0)) for color in value]
    if len(colors) != count or any(len(color) != 3 or max(color) > 255 for color in colors):
        _validation.fail("colors", f"must hold {count} colors (red, green, blue) of 0 to 255", value)
    return colors
