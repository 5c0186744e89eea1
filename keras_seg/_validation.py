"""Argument checks and their wording, shared by every public constructor and the command line.

The wording is one line: the argument in backticks, the rule, ``Received: name=value`` and, where there is one, the fix.
"""

import difflib
import importlib
import numbers


class InputError(ValueError):
    """What the user gave cannot be used. The message is one line that names the argument or file and the fix.

    A subclass of `ValueError`, so library callers need not know it; the command line prints it without a traceback.
    """

    # Keras wraps what is raised inside a layer's call in lines about its arguments, unless this says it has been done.
    _keras_call_info_injected = True


def fail(name, rule, value, fix=""):
    """Raise an `InputError` about the argument `name`."""
    fix = f" {fix}" if fix else ""
    raise InputError(f"`{name}` {rule}. Received: {name}={value!r}.{fix}")


def nearest(value, allowed):
    """A "Did you mean ...?" sentence for a misspelled option, or the list of options when nothing is close."""
    allowed = [str(option) for option in allowed]
    folded = {option.lower(): option for option in allowed}
    close = difflib.get_close_matches(str(value).lower(), folded, n=1)
    if close:
        return f"Did you mean {folded[close[0]]!r}?"
    return f"Choose one of: {', '.join(allowed)}."


def one_of(name, value, allowed):
    """`value`, when it is one of `allowed`; otherwise an error that suggests the nearest option."""
    if value not in tuple(allowed):
        fail(name, "is not a known option", value, nearest(value, allowed))
    return value


def integer(name, value, minimum=1):
    """`value` as an int, when it is a whole number of at least `minimum`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < minimum:
        fail(name, f"must be an integer of at least {minimum}", value)
    return int(value)


def boolean(name, value):
    """`value`, when it is True or False."""
    if value is not True and value is not False:
        fail(name, "must be True or False", value)
    return value


def number(name, value, minimum=None, maximum=None):
    """`value` as a float, when it is a finite real number inside [minimum, maximum]."""
    low = "-inf" if minimum is None else minimum
    high = "inf" if maximum is None else maximum
    ok = isinstance(value, numbers.Real) and not isinstance(value, bool) and float(low) <= value <= float(high)
    if not ok or value in (float("inf"), float("-inf")):
        fail(name, f"must be a finite number in [{low}, {high}]", value)
    return float(value)


def open_share(name, value):
    """`value` as a float, when it lies between 0 and 1, both excluded."""
    value = number(name, value)
    if not 0 < value < 1:
        fail(name, "must lie between 0 and 1, both excluded", value)
    return value


def pair(name, value, minimum=1):
    """`value` as (height, width), from one integer or two."""
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        value = (value, value)
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        fail(name, "must be one integer or a pair (height, width)", value)
    return tuple(integer(name, side, minimum) for side in value)


def image_shape(name, value):
    """`value` as (height, width, channels) of an image, where height and width may be None."""
    import keras  # Here because the command line checks arguments before it imports Keras.

    if keras.config.image_data_format() != "channels_last":
        fix = 'Call keras.config.set_image_data_format("channels_last").'
        fail("image_data_format", "must be channels_last", keras.config.image_data_format(), fix)
    if not isinstance(value, (tuple, list)) or len(value) != 3 or value[2] is None:
        fail(name, "must be (height, width, channels), height and width may be None", value)
    return tuple(None if side is None else integer(name, side) for side in value)


def channels_last(value):
    """`data_format` as "channels_last", the one layout of the package's layers; None for the setting of Keras."""
    if value is None:
        import keras  # Here because the command line checks arguments before it imports Keras.

        value = keras.config.image_data_format()
    if one_of("data_format", value, ("channels_last", "channels_first")) == "channels_first":
        fail(
            "data_format",
            'must be "channels_last"; maps are (batch, height, width, channels) here',
            value,
            'Transpose before with keras.layers.Permute((2, 3, 1)) and pass data_format="channels_last".',
        )
    return value


def integers(name, value, minimum=1):
    """`value` as a non-empty tuple of ints of at least `minimum`."""
    if isinstance(value, str) or not hasattr(value, "__iter__") or len(value := tuple(value)) == 0:
        fail(name, "must be a non-empty sequence of integers", value)
    return tuple(integer(name, item, minimum) for item in value)


def ignored_classes(value, name="ignore_class"):
    """`ignore_class` in its one normal form: a sorted tuple of distinct ints, empty for None.

    An int or a sequence of ints is taken. Negative ids such as -1 are allowed: they are labels, not classes.
    """
    if value is None:
        return ()
    several = hasattr(value, "__iter__") and not isinstance(value, (str, dict)) and getattr(value, "ndim", 1) == 1
    items = tuple(value) if several else (value,)
    for item in items:
        if isinstance(item, bool) or not isinstance(item, numbers.Integral):
            fail(name, "must be None, an integer or a sequence of integers", value)
        if not -(2**31) <= item < 2**31:
            fail(name, "must hold labels from -2^31 to 2^31 - 1, as labels are read as int32", item)
    return tuple(sorted({int(item) for item in items}))


def class_names(value, num_classes, name="class_names"):
    """`class_names` as a tuple of distinct strings, one a class; ("class_0", ...) for None."""
    if value is None:
        return tuple(f"class_{index}" for index in range(num_classes))
    value = tuple(str(item) for item in value)
    if len(value) != num_classes:
        fail(name, f"must hold {num_classes} names, one for each class", value)
    if len(set(value)) != len(value):
        fail(name, "must not repeat a name", value)
    return value


def optional_import(module, extra, purpose):
    """Import an optional dependency, or say which extra brings it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.split(".")[0]
        if error.name is not None and error.name.split(".")[0] != package:
            raise  # The package is there and broken: its own message helps more than ours.
        raise ImportError(f'{purpose} needs {package}: pip install "keras-seg[{extra}]"') from error
