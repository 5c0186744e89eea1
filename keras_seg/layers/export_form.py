"""The form in which layers compute while a model is exported."""

import contextlib
import contextvars
from collections.abc import Iterator
from typing import Literal

# None outside of an export.
_choosing: contextvars.ContextVar[str | None] = contextvars.ContextVar("keras_seg_choosing", default=None)


@contextlib.contextmanager
def portable(*, choosing: Literal["selections", "products"] = "selections") -> Iterator[None]:
    """Functions traced inside use only operations that every runtime supports.

    Args:
        choosing: str. How one of two values is chosen: by "selections", or by "products" with 0 and 1, for the GPUs of
            phones, whose older runtimes have no selections. Products give the same finite numbers, but NaN does not
            pass through them as it should. Defaults to "selections".
    """
    token = _choosing.set(choosing)
    try:
        yield
    finally:
        _choosing.reset(token)


def choosing() -> str | None:
    """How `portable` was called; None outside of it."""
    return _choosing.get()


def for_gpu() -> bool:
    """Whether a file for the GPUs of phones is traced."""
    return _choosing.get() == "products"
