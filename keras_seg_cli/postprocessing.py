"""The option that switches the postprocessing of a run off, and the line that says what is done."""

from typing import TYPE_CHECKING

import click

from keras_seg_cli import console

if TYPE_CHECKING:
    from keras_seg.training.usable_model import UsableModel

postprocessing = click.option(
    "--postprocessing/--no-postprocessing",
    default=True,
    help="Whether to remove components and fill holes as was chosen for RUN on its validation images. Default: yes, "
    "where a gain was shown.",
)


def print_postprocessing(trained: "UsableModel") -> None:
    """Say what is done to the predictions of a run, if anything is."""
    if trained.postprocessing:
        text = trained.postprocessing.describe(trained.labels["names"])
        console.print_facts(("Postprocessing", f"{text} (predict and evaluate leave it out with --no-postprocessing)"))
