"""The option for test-time augmentation."""

import re
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import keras

tta = click.option(
    "--tta",
    metavar="NAMES",
    help="Predict with test-time augmentation: names and numbers separated by commas, such as d4, hflip or "
    "hflip,scale:0.75:1.25,shift:4,brightness:0.9.",
)


def augmented(model: "keras.Model", text: str | None) -> "keras.Model":
    """The model with the transforms of `--tta TEXT`; the model itself if the option was not given."""
    if text is None:
        return model
    from keras_seg import inference

    return inference.TestTimeAugmentation(model, transforms_of(text))


def transforms_of(text: str) -> list:
    """The transforms that `--tta TEXT` names."""
    from keras_seg import inference

    kinds = {"scale": inference.Scale, "shift": inference.Shift, "brightness": inference.Brightness}
    transforms = []
    for part in text.split(","):
        name, *values = part.strip().lower().split(":")
        if name not in kinds:
            transforms.append(part.strip())
            continue
        try:
            numbers = [int(value) if re.fullmatch(r"-?\d+", value) else float(value) for value in values]
        except ValueError as error:
            message = f"--tta must give numbers after {name}. Received: {part}. For example {name}:2."
            raise click.UsageError(message) from error
        transforms.append(kinds[name](*numbers))
    return transforms
