"""File names that are written alike: macOS and Linux may store the same letters in two forms of Unicode."""

import unicodedata


def nfc(name: str) -> str:
    """The name in the form in which names are compared."""
    return unicodedata.normalize("NFC", name)


def forms(name: str) -> tuple[str, ...]:
    """The names that a file of this name may have on a disk, the name itself first."""
    return tuple(dict.fromkeys((name, nfc(name), unicodedata.normalize("NFD", name))))
