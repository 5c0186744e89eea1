"""Arguments that say how far a change may go."""

from keras_seg import _validation


def interval(name, value, minimum=None, maximum=None):
    """(smallest, largest) from two ordered numbers, or from one that fixes both."""
    ends = value if isinstance(value, (tuple, list)) else (value, value)
    if len(ends) != 2:
        _validation.fail(name, "must be one number or a pair (smallest, largest)", value)
    ends = tuple(_validation.number(name, end, minimum, maximum) for end in ends)
    if ends[0] > ends[1]:
        _validation.fail(name, "must be given as (smallest, largest)", value)
    return ends


def symmetric(name, value, maximum):
    """(smallest, largest) from two ordered numbers, or from one that is meant to both sides."""
    if isinstance(value, (tuple, list)):
        return interval(name, value, -maximum, maximum)
    value = _validation.number(name, value, 0.0, maximum)
    return (-value, value)


def up_to(name, value, minimum=0.0, maximum=None):
    """(smallest, largest) from two ordered numbers, or (`minimum`, value) from one."""
    if isinstance(value, (tuple, list)):
        return interval(name, value, minimum, maximum)
    return (minimum, _validation.number(name, value, minimum, maximum))


def between(span, draw):
    """The number that a uniform `draw` in [0, 1) picks from `span`."""
    return span[0] + draw * (span[1] - span[0])
