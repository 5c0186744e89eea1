"""Test-time augmentation by a command's option."""

import re

import click

tta = click.option(
    "--tta",
    metavar="NAMES",
    help="Predict with test-time augmentation: names and numbers separated by commas, such as d4, hflip or "
    "hflip,scale:0.75:1.25,shift:4,brightness:0.9.",
)


def augmented(model, text):
    """The model of `--tta TEXT`; the model itself where the option was not given."""
    if text is None:
        return model
    from keras_seg import _validation, inference

    kinds = {"scale": inference.Scale, "shift": inference.Shift, "brightness": inference.Brightness}
    transforms = []
    for part in text.split(","):
        name, *values = part.strip().lower().split(":")
        if name not in kinds:
            transforms.append(part.strip())
            continue
        try:
            numbers = [int(value) if re.fullmatch(r"-?\d+", value) else float(value) for value in values]
        except ValueError:
            _validation.fail("--tta", f"must give numbers after {name}", part, f"For example {name}:2.")
        transforms.append(kinds[name](*numbers))
    return inference.TestTimeAugmentation(model, transforms)
