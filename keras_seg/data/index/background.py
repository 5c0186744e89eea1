"""The class of pixels that belong to none of the others."""

BACKGROUND = "background"


def is_background(name: str) -> bool:
    """Whether a class of this name is the background."""
    return name.strip().strip("_").lower() == BACKGROUND
