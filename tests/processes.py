"""Processes of Linux that a test did not start itself."""

import pathlib


def has_ended(process):
    """Whether a process is gone, or only waits for someone to ask for its status."""
    try:
        state = pathlib.Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):  # Gone before it was opened, or before it was read.
        return True
    return state.split(")")[1].split()[0] == "Z"
