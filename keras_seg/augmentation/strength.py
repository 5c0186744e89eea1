"""How strong a preset is."""

from keras_seg import _validation

_NAMED = {"light": 1 / 3, "medium": 2 / 3, "strong": 1.0}


def amount(strength):
    """A number in 0..1 from a name or a number."""
    if isinstance(strength, str):
        return _NAMED[_validation.one_of("strength", strength, _NAMED)]
    return _validation.number("strength", strength, 0.0, 1.0)
