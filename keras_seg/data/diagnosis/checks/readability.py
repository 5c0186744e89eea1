"""Files that cannot be read."""

from collections.abc import Iterator

from keras_seg.data.diagnosis.collected import Collected
from keras_seg.data.diagnosis.finding import Finding, files, one_line, some


def unreadable_files(collected: Collected) -> Iterator[Finding]:
    """Images and masks that cannot be read."""
    for kind, partner in (("image", "mask"), ("mask", "image")):
        bad = [
            (getattr(facts, kind), getattr(facts, f"{kind}_error"))
            for facts in collected.facts
            if getattr(facts, f"{kind}_error")
        ]
        if bad:
            file, reason = bad[0]
            reason = one_line(reason.removeprefix(f"{file}: "))
            yield Finding(
                severity="error",
                code=f"unreadable-{kind}",
                message=f"{files(len(bad), kind)} cannot be read. The first: {reason}",
                count=len(bad),
                examples=some(collected.name(file) for file, _ in bad),
                fix=f"Replace these files, or remove each together with its {partner}.",
                repairable=True,
            )
