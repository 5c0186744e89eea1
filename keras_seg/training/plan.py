"""The choices of a run, each with the rule it was made by and the facts the rule looked at."""

import dataclasses
import math

from keras_seg import _validation
from keras_seg.data import class_weights
from keras_seg.training.tasks.seams import FEWEST_SEAMS

# Working memory a decoded cache may take, as a share of the machine's.
_CACHE_SHARE = 0.25
# An "epoch" is what lies between two lines of the log; on a handful of images one pass would be too little for that.
_FEWEST_STEPS = 50
# Crops smaller than the image give every epoch other pictures, and small images are too small to lose context.
_CROP_MULTIPLE, _LARGEST_CROP, _CROP_SHARE, _WHOLE = 32, 512, 0.9, 256

_COUNTS = ("batch_size", "steps_per_epoch", "decoder_stride", "decoder_convolutions", "epochs", "border_width")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choice:
    """One decision of a plan.

    Attributes:
        value: what was chosen, JSON-ready.
        rule: str, how, in a sentence.
        inputs: dict of the facts the rule looked at.
    """

    value: object
    rule: str
    inputs: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Plan:
    """All decisions of a training run: `plan["crop"]` is a value, `plan.choices["crop"].rule` says why.

    Attributes:
        fingerprint: dict, the facts it was made from.
        choices: dict of `Choice` by name.
    """

    fingerprint: dict
    choices: dict

    def __getitem__(self, name):
        return self.choices[name].value

    @property
    def task(self):
        """str, what is trained; plans from before there were several are semantic."""
        return self.choices["task"].value if "task" in self.choices else "semantic"

    def to_dict(self):
        """The plan as a JSON-ready dict."""
        choices = {name: dataclasses.asdict(choice) for name, choice in self.choices.items()}
        return {"fingerprint": self.fingerprint, "choices": choices}

    @classmethod
    def from_dict(cls, content):
        """The plan that `to_dict` wrote."""
        return cls(content["fingerprint"], {name: Choice(**choice) for name, choice in content["choices"].items()})


def make_plan(facts, **given):
    """Choose everything a run needs that was not given.

    Args:
        facts: dict, from `fingerprint`.
        **given: choices already made, by name; None means not given. The names are those of the plan's choices:
            `task` (that of the facts), `model`, `backbone` ("none" is the plain net), `weights`, `freeze`, `crop`
            (height, width), `batch_size`, `epochs`, `minutes`, `steps_per_epoch`, `learning_rate`, `weight_decay`,
            `scale`, `class_weights`, `soft_iou_weight`, `decoder_stride`, `decoder_convolutions`, `decoder_filters`,
            `cache`, `seed`, and `border_width` for tasks other than "semantic".

    Returns:
        A `Plan`.

    Raises:
        ValueError: if a given choice is unknown or out of range, or both `epochs` and `minutes` are given.

    Examples:

    ```python
    plan = ks.training.make_plan(ks.training.fingerprint(train, val), minutes=15)
    print(plan["crop"], plan.choices["crop"].rule)
    ```
    """
    given = {name: value for name, value in given.items() if value is not None}
    _check(given)
    choices = {}

    def choose(name, rule, value, *looked_at):
        if name in given:
            value, rule, looked_at = given.pop(name), "given", ()
        choices[name] = Choice(value=value, rule=rule, inputs={key: facts[key] for key in looked_at})
        return value

    task = facts.get("task", "semantic")
    if given.get("task", task) != task:
        _validation.fail("task", f"must be that of the facts, {task!r}", given["task"], "Pass it to fingerprint.")
    choose("task", "semantic unless asked", task)
    if task != "semantic":
        choose("border_width", "2 pixels on either side: thin, and wide enough to be learned", 2)
    if task == "instances":
        choose(
            "outlines",
            f"borders are the seams of touching objects; all rims where seams are under {FEWEST_SEAMS:.1%} of pixels",
            facts["seam_share"] < FEWEST_SEAMS,
            "seam_share",
        )
    on_cpu = facts["device"] == "cpu"
    choose("seed", "0 unless given", 0)
    choose("model", "the U-Net is the strong baseline", "UNet")
    weights = choose("weights", "from scratch unless asked: nothing is downloaded by surprise", None)
    if weights is None and on_cpu:
        backbone = choose(
            "backbone", "without pretrained weights on a CPU the cheapest pyramid sees most images", "Compact", "device"
        )
    else:
        backbone = choose("backbone", "MobileNetV2: small, pretrained, exports to phones", "MobileNetV2", "device")
    choose("freeze", "pretrained or not, all weights are trained", False)
    shorter = min(facts["median_size"])
    large = shorter >= 256
    compact = backbone == "Compact"
    choose(
        "decoder_stride",
        "Compact decides at a quarter of the resolution from 256 pixels on and at half below"
        + ("; others at full" if task == "semantic" else ", twice as finely where borders are learned; others at full"),
        (4 if large else 2) // (1 if task == "semantic" else 2) if compact else 1,
        "median_size",
    )
    choose("decoder_convolutions", "one a stage with Compact, two with others", 1 if compact else 2)
    stages = 5 - int(math.log2(choices["decoder_stride"].value))
    choose(
        "decoder_filters",
        "as wide as the encoder's level with Compact, the model's own with others",
        [96, 64, 32, 24, 16][:stages] if compact else None,
    )
    largest = _LARGEST_CROP if task == "semantic" else _WHOLE
    choose(
        "crop",
        f"{_CROP_SHARE:.0%} of the median image, down to a multiple of {_CROP_MULTIPLE}, at most {largest}"
        + ("; " if task == "semantic" else ", as borders need no view of the whole; ")
        + f"images up to {_WHOLE} pixels are not cut",
        [_crop_side(side, largest) for side in facts["median_size"]],
        "median_size",
    )
    batch_size = choose(
        "batch_size", "8, or all images where there are fewer", min(8, facts["train_images"]), "train_images"
    )
    choose(
        "steps_per_epoch",
        f"one pass over the images, at least {_FEWEST_STEPS} steps",
        max(_FEWEST_STEPS, math.ceil(facts["train_images"] / batch_size)),
        "train_images",
    )
    choose("minutes", "no limit unless given", None)
    choose("epochs", "50 unless minutes are given", None if choices["minutes"].value is not None else 50)
    choose("learning_rate", "0.003 from scratch, 0.001 on pretrained weights", 0.003 if weights is None else 0.001)
    choose("weight_decay", "0.01, on kernels only", 0.01)
    choose("scale", "zoom of the random crops", [0.75, 1.5])
    choose(
        "class_weights",
        "one over the square root of the class's share, scaled so that an average pixel weighs 1",
        class_weights(list(facts["class_share"].values()), rule="square_root"),
        "class_share",
    )
    choose("soft_iou_weight", "cross-entropy + 0.5 soft IoU: the second term is the metric itself, made smooth", 0.5)
    room = facts["memory_megabytes"]
    choose(
        "cache",
        f"decoded images stay in memory when they take less than {_CACHE_SHARE:.0%} of it",
        room is not None and facts["decoded_megabytes"] < _CACHE_SHARE * room,
        "decoded_megabytes",
        "memory_megabytes",
    )
    for name, value in given.items():
        _validation.fail("given", f"holds an unknown choice {name!r}", value, _validation.nearest(name, choices))
    return Plan(facts, choices)


def _crop_side(side, largest):
    if side <= _WHOLE:
        return math.ceil(side / _CROP_MULTIPLE) * _CROP_MULTIPLE
    return min(largest, int(side * _CROP_SHARE) // _CROP_MULTIPLE * _CROP_MULTIPLE)


def _check(given):
    """The ranges of what was given; what was not is chosen in range."""
    if "epochs" in given and "minutes" in given:
        _validation.fail("minutes", "and `epochs` exclude each other", given["minutes"], "Give one of the two.")
    for name, value in given.items():
        if name in _COUNTS:
            _validation.integer(name, value)
        elif name == "seed":
            _validation.integer(name, value, 0)
        elif name == "crop":
            _validation.pair(name, value)
        elif name == "minutes":
            _validation.number(name, value, 0.001)
        elif name in ("learning_rate", "weight_decay", "soft_iou_weight"):
            _validation.number(name, value, 0)
