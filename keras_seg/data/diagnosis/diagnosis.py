"""The findings about a data folder, as text, JSON, a page, a picture and a repaired copy."""

import dataclasses
import pathlib
import textwrap
from typing import Any

from PIL import Image

from keras_seg import _files
from keras_seg._types import PathLike
from keras_seg.data.diagnosis.collected import Collected
from keras_seg.data.diagnosis.finding import SEVERITIES, Finding, one_line
from keras_seg.data.diagnosis.page import page
from keras_seg.data.diagnosis.picture import Picture, draw_picture
from keras_seg.data.diagnosis.repair import repaired_copy

_WIDTH = 80


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Diagnosis:
    """What `diagnose` found in a data folder. Printed, it is text of 80 columns.

    Args:
        path: str. The folder.
        splits: tuple of str. Its splits, or () if it is not divided.
        facts: dict. Numbers of pairs, sizes, mask kinds, and shares of the classes, as JSON types.
        findings: tuple of `Finding`, errors first.
    """

    path: str
    splits: tuple[str, ...]
    facts: dict[str, Any]
    findings: tuple[Finding, ...]
    _collected: Collected = dataclasses.field(repr=False)

    @property
    def status(self) -> int:
        """0 if there is nothing but notes, 1 with warnings, 2 with errors. The exit status of `keras-seg doctor`."""
        found = {finding.severity for finding in self.findings}
        return 2 if "error" in found else 1 if "warning" in found else 0

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON types."""
        return {
            "path": self.path,
            "status": self.status,
            "splits": list(self.splits),
            "facts": self.facts,
            "findings": [finding.to_dict() for finding in self.findings],
        }

    def write_json(self, path: PathLike) -> None:
        """Write `to_dict()` into a file.

        Args:
            path: path of the file.

        Raises:
            InputError: The file cannot be written.
        """
        _files.write_json(path, self.to_dict())

    def sheet(self) -> Image.Image | None:
        """A picture of up to 12 images with their masks over them, or None if no mask can be drawn."""
        picture = self._picture()
        return None if picture is None else picture.image

    def write_html(self, path: PathLike) -> None:
        """Write a page without other files: the findings, the facts and the picture.

        Args:
            path: path of the file.

        Raises:
            InputError: The file cannot be written.
        """
        _files.write_text(path, page(self.to_dict(), self._picture()))

    def repair(self, path: PathLike) -> dict[str, Any]:
        """Write a clean copy of the folder with everything repaired that can be. The folder itself is not changed.

        Images are copied unchanged, except for those with an EXIF orientation, which are turned: into PNG files, or
        into `.npy` files where PNG does not hold their bits. Masks become PNG files of ids, or one in black and white
        per class. Files without a partner, unreadable files, and pairs that cannot be repaired are not copied.
        `repairs.json` in the copy lists what was done to which file.

        Args:
            path: path of the copy: a new or empty folder outside of the data folder.

        Returns:
            dict, the content of `repairs.json`.

        Raises:
            InputError: The copy cannot be written there, no pair is left, or masks are painted in colors and the label
                file names classes without their colors.
        """
        return repaired_copy(self._collected, pathlib.Path(path))

    def _picture(self) -> Picture | None:
        return draw_picture(self._collected)

    def __str__(self) -> str:
        lines = [one_line(f"{self.path}: {summary(self)}")]
        for finding in self.findings:
            mark = " (repairable)" if finding.repairable else ""
            lines += ["", f"{finding.severity}: {finding.code}{mark}", finding.message]
            lines += [f"e.g. {', '.join(finding.examples)}"] * bool(finding.examples)
            lines += [f"Fix: {finding.fix}"] * bool(finding.fix)
        wrapped = (textwrap.wrap(line, _WIDTH, subsequent_indent="  ") or [""] for line in lines)
        return "\n".join(part for parts in wrapped for part in parts)


def summary(diagnosis: Diagnosis) -> str:
    """How many findings of which severity, in words."""
    counts = [sum(finding.severity == severity for finding in diagnosis.findings) for severity in SEVERITIES]
    named = [f"{n} {name}{'' if n == 1 else 's'}" for n, name in zip(counts, SEVERITIES, strict=True) if n]
    return ", ".join(named) or "nothing found"
