"""Files without content, where only names matter."""


def make(root, *names):
    """Make empty files in a folder, with the folders in between."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
