"""What the exports of a folder wrote about their files."""

import json
import pathlib
from typing import Any

from keras_seg._types import PathLike

# One file describes all exports of a folder.
REPORT_FILE = "export_report.json"


def exports_of(folder: PathLike) -> dict[str, dict[str, Any]]:
    """The reports on the exported files of a folder that are still there, by file name.

    Args:
        folder: path.
    """
    folder = pathlib.Path(folder)
    try:
        content = json.loads((folder / REPORT_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {name: report for name, report in content.items() if (folder / name).exists()}
