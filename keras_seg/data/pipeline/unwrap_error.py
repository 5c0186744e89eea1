"""The one-line error inside an exception that TensorFlow raised."""

import re

from keras_seg._validation import InputError

# tf.numpy_function prints "InputError: <line>", then the traceback; assertions in the graph print "[InputError:
# <line>]".
_LINE = re.compile(r"InputError: ?([^\n]+)")


def unwrap_error(error: BaseException) -> InputError | None:
    """The `InputError` behind an exception that a pipeline raised while a model was trained.

    A file that becomes unreadable after the scan is found in a thread of TensorFlow, and its one-line message arrives
    inside a `tf.errors.OpError` with a traceback.

    Args:
        error: the exception that `model.fit` or the iteration raised.

    Returns:
        An `InputError` with the line alone, or None if the exception has another cause.

    Examples:
        >>> unwrap_error(RuntimeError("{{function_node}} InputError: a.jpg: cannot be read.\\nTraceback ..."))
        InputError('a.jpg: cannot be read.')
        >>> unwrap_error(RuntimeError("out of memory"))
    """
    if isinstance(error, InputError):
        return error
    found = _LINE.search(str(error))
    return InputError(found.group(1).strip().rstrip("]")) if found else None
