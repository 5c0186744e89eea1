"""What a client must know of an artifact besides its numbers."""

from keras_seg import _validation
from keras_seg.visualization import palette


def described(channels, request):
    """A JSON-ready dict: names and colors of the classes, and what goes in and comes out.

    Args:
        channels: int, of the model's output; one channel is one class against the rest.
        request: the `Request` of the export.
    """
    count = max(2, channels)
    names = _validation.class_names(request.class_names, count)
    colors = palette(count).tolist() if request.colors is None else _colors(request.colors, count)
    return {
        "class_names": list(names),
        "colors": colors,
        "ignore_class": list(_validation.ignored_classes(request.ignore_class)),
        "input": {
            "name": "image",
            "type": request.input,
            "range": [-128, 127] if request.input == "int8" else [0, 255],
            "batch_size": request.batch_size,
            "size": list(request.size),
        },
        "output": request.output,
    }


def _colors(value, count):
    """`colors` as lists of ints, one (red, green, blue) a class."""
    colors = [list(_validation.integers("colors", color, 0)) for color in value]
    if len(colors) != count or any(len(color) != 3 or max(color) > 255 for color in colors):
        _validation.fail("colors", f"must hold {count} colors (red, green, blue) of 0 to 255", value)
    return colors
