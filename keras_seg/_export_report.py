"""What the exports of a folder wrote about their files."""

import json
import pathlib
from typing import Any

from keras_seg._types import PathLike

# One file describes all exports of a folder.
REPORT_FILE = "export_report.json"


def reports_in(folder: PathLike) -> dict[str, Any]:
    """All that the report file of a folder holds, by file name; nothing where it is missing or no such file.

    Args:
        folder: path.
    """
    try:
        content = json.loads((pathlib.Path(folder) / REPORT_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def exports_of(folder: PathLike) -> dict[str, dict[str, Any]]:
    """The reports on the exported files of a folder that are still there, by file name.

    Args:
        folder: path.
    """
    found = reports_in(folder).items()
    return {
        name: report for name, report in found if isinstance(report, dict) and (pathlib.Path(folder) / name).exists()
    }
