"""What a function says when it refuses its arguments or files."""

import pytest

from keras_seg import InputError


def refused(function, *arguments, **options):
    """The one line of the error that the call must end in."""
    with pytest.raises(InputError) as error:
        function(*arguments, **options)
    text = str(error.value)
    assert "\n" not in text
    return text
