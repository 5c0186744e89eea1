"""The choice between keras and tf.keras, which are one package now."""

from keras_seg import _validation


def set_framework(name: str) -> None:
    """Accept the names of old scripts: Keras 3 is both.

    Args:
        name: str. "keras" or "tf.keras", in any case.
    """
    _validation.one_of("name", name.lower() if isinstance(name, str) else name, ("keras", "tf.keras"))


def framework() -> str:
    """The framework's name, "keras"."""
    return "keras"
