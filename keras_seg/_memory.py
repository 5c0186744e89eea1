"""The memory of this machine."""

import os


def installed_memory() -> int | None:
    """Bytes of physical memory; None on systems that do not report it (Windows)."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
