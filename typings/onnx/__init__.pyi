# An extra that need not be installed: everything of it is Any, so that the check is the same with it and without.
from typing import Any

def __getattr__(name: str) -> Any: ...
