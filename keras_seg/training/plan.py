"""From facts to a plan: the rules of all choices that are not given."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from keras_seg import _validation, models
from keras_seg._types import Size
from keras_seg.augmentation.intervals import interval
from keras_seg.backbones.imagenet_packages import is_installed
from keras_seg.backbones.pyramid import LEVELS, SKIPS
from keras_seg.models import registry
from keras_seg.training.aux_heads import aux_rule, has_border
from keras_seg.training.batch_rule import batch_rule, learning_rate_rule
from keras_seg.training.choices import GIVEN, Choice, Plan, json_ready
from keras_seg.training.mixed_precision import BFLOAT16, FLOAT32, POLICIES
from keras_seg.training.model_rule import model_rule
from keras_seg.training.presets import Preset, find_preset
from keras_seg.training.pretrained import SMALL, weights_rule
from keras_seg.training.rare_classes import check_rare_classes, rare_classes_rule
from keras_seg.training.tasks import Task, find_task

# Working memory that the decoded images may take, as a share of the machine's.
_CACHE_SHARE = 0.25
# The log has one line per epoch; one pass over a handful of images would be too short for that.
_FEWEST_STEPS = 50
# Crops smaller than the image show other pictures in every epoch; small images have no context to lose.
_CROP_MULTIPLE, _CROP_SHARE, _WHOLE = 32, 0.9, 256
_COUNTED_SHARE = 0.0005

# Filters of the decoder's stages, deepest first, of the backbones with which a CPU trains in minutes.
_LIGHT_FILTERS = {"Compact": [96, 64, 32, 24, 16], SMALL: [128, 96, 64, 32, 16]}
_LIGHT = f"Compact, and with {SMALL} on a CPU"

_CPU_LEVEL = "P3"

# Choices that no rule leaves without a value.
_NEEDED = (
    "seed", "model", "backbone", "skips", "freeze", "train_from", "aux", "crop", "scale", "batch_size",
    "steps_per_epoch", "keep", "learning_rate", "weight_decay", "ema", "dtype_policy", "soft_iou_weight", "cache",
)  # fmt: skip

# What the augmentation takes as the ends of a zoom, and NumPy as a seed.
_SCALES, _LARGEST_SEED = (0.01, 100.0), 2**32 - 1

_COUNTS = (
    "batch_size", "steps_per_epoch", "decoder_stride", "decoder_convolutions", "epochs", "patience", "border_width",
)  # fmt: skip


def make_plan(
    facts: Mapping,
    *,
    task: str | None = None,
    preset: str | None = None,
    model: str | None = None,
    backbone: str | None = None,
    weights: str | None = None,
    skips: str | None = None,
    freeze: bool | None = None,
    aux: bool | None = None,
    train_from: str | None = None,
    decoder_stride: int | None = None,
    decoder_convolutions: int | None = None,
    decoder_filters: Sequence[int] | None = None,
    crop: Size | None = None,
    scale: Sequence[float] | None = None,
    rare_classes: Sequence[int] | None = None,
    batch_size: int | None = None,
    steps_per_epoch: int | None = None,
    epochs: int | None = None,
    minutes: float | None = None,
    keep: str | None = None,
    patience: int | None = None,
    learning_rate: float | None = None,
    weight_decay: float | None = None,
    ema: float | None = None,
    dtype_policy: str | None = None,
    class_weights: Sequence[float] | None = None,
    soft_iou_weight: float | None = None,
    binary: bool | None = None,
    border_width: int | None = None,
    outlines: bool | None = None,
    cache: bool | None = None,
    seed: int | None = None,
) -> Plan:
    """Choose everything a run needs that is not given. Every argument except for `facts` defaults to None: not given.

    Args:
        facts: dict, as `fingerprint` returns it.
        task: str. Must be the task of the facts.
        preset: str. "fast" for a first result, "balanced", or "best" where time does not matter. "balanced" by rule.
        model: str. A name of `models.names()`.
        backbone: str. A name of `backbones.names()`, or "none" for the model's own encoder.
        weights: str. "imagenet", a weights file of the backbone, or "none" for initial weights.
        skips: str. "wide" or "narrow", as in `backbones.build`.
        freeze: bool. Whether the backbone's weights stay as they are.
        aux: bool. Whether a model that has auxiliary heads (deep supervision) is trained with them. The finished model
            lacks them.
        train_from: str. Level of a pretrained backbone, such as "P3": the layers before it stay as they are. "all"
            trains the whole backbone.
        decoder_stride: int. Stride at which the decoder ends.
        decoder_convolutions: int. Convolutions per decoder stage.
        decoder_filters: sequence of int. Filters per decoder stage.
        crop: int or pair of ints (height, width). Size of the training crops.
        scale: pair of floats. Range of the random zoom.
        rare_classes: sequence of int. Ids of classes around which a third of the crops lie; for the task "semantic".
        batch_size: int. Crops per step.
        steps_per_epoch: int. Steps between two lines of the log.
        epochs: int. Length of the run; excludes `minutes`.
        minutes: float. Length of the run; excludes `epochs`.
        keep: "last" or "best". Which epoch's weights are kept: with "best", every epoch is validated.
        patience: int. Epochs without a better validation score after which the run ends; excludes `minutes`.
        learning_rate: float. The highest learning rate.
        weight_decay: float. Decay of the kernels.
        ema: float in [0, 1). Momentum of an average of the weights that replaces them at the end; 0 for none.
        dtype_policy: "float32", or "mixed_bfloat16" to compute most layers in bfloat16 while training. Weights, the
            loss and the finished model are float32 in both.
        class_weights: sequence of float. One weight per class.
        soft_iou_weight: float. Weight of the soft IoU in the loss.
        binary: bool. Whether the model of two classes has one channel, for the second; for the task "semantic".
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
    # A plan is written when an older run is gone already: what cannot be must not get into it.
    given = {name: json_ready(value) for name, value in locals().items() if name != "facts" and value is not None}
    _check(given, facts)
    if weights == "none":
        given["weights"] = None
    kind = find_task(facts.get("task", "semantic"))
    if given.get("task", kind.name) != kind.name:
        fix = "Pass it to `fingerprint`."
        _validation.fail("task", f"must be that of the facts, {kind.name!r}", task, fix)
    choices: dict[str, Choice] = {}

    def choose(name: str, rule: str, value: Any, *looked_at: str) -> Any:
        if name in given:
            value, rule, looked_at = given.pop(name), GIVEN, ()
        choices[name] = Choice(value=value, rule=rule, inputs={key: facts[key] for key in looked_at})
        return value

    choose("task", "semantic unless given", kind.name)
    for name, rule, value, looked_at in kind.plan_choices(facts):
        choose(name, rule, value, *looked_at)
    choose("seed", "0 unless given", 0)
    settings = find_preset(choose("preset", "balanced unless given", "balanced"))
    whole = not _takes(given.get("model"), "backbone")
    rule = f"from scratch: {given.get('model')} takes no backbone"
    wanted = (rule, None) if whole else weights_rule(facts, given.get("backbone"), quick=settings.name == "fast")
    source = choose("weights", *wanted)
    if whole:
        pyramid = choose("backbone", f"none: {given['model']} has an encoder of its own", "none")
    elif source == "imagenet" and is_installed(SMALL):
        pyramid = choose("backbone", f"{SMALL}: small, runs on phones, and its pretrained weights are installed", SMALL)
    elif source is None and facts["device"] == "cpu":
        rule = "on a CPU without pretrained weights, the cheapest backbone sees the most images"
        pyramid = choose("backbone", rule, "Compact", "device")
    else:
        pyramid = choose("backbone", "MobileNetV2: small, pretrained, runs on phones", "MobileNetV2", "device")
    # On a CPU, a decoder that ends early and has few channels lets the model see several times as many images.
    light = pyramid in _LIGHT_FILTERS and (pyramid == "Compact" or facts["device"] == "cpu")
    ending = _stride_rule(facts, kind, settings, light=light)
    model_name = choose("model", *model_rule(given, backbone=pyramid, weights=source, light=light, ending=ending))
    rule = f"narrow with {SMALL} on a CPU: a sixth of the channels, for the decoder to see more images"
    choose("skips", rule, "narrow" if light and pyramid == SMALL else "wide", "device")
    frozen = choose("freeze", "no: pretrained weights are trained too", False)
    if frozen and source is None:
        fix = "Drop it, or give `weights`."
        _validation.fail("freeze", "needs pretrained weights, or the backbone stays as it was drawn", freeze, fix)
    pretrained = source is not None and not frozen
    # The maps of a vision transformer come from one layer, and keras-hub's backbones may be some.
    in_levels = pretrained and not pyramid.startswith("hub:")
    choose("train_from", *_train_from_rule(facts, settings, pretrained=in_levels))
    if choices["train_from"].value != "all" and not pretrained:
        fix = "Drop it, or train a backbone with pretrained weights."
        _validation.fail("train_from", "needs pretrained weights that are trained", train_from, fix)
    if choose("aux", *aux_rule(model_name, kind)) and has_border(model_name) and not kind.class_id_masks:
        rule = f"finds the borders between classes in {model_name}, which `task={kind.name!r}` lacks"
        _validation.fail("aux", rule, aux, "Drop it.")

    def choose_decoder(name: str, rule: str, value: Any, *looked_at: str) -> Any:
        if _takes(model_name, name):
            return choose(name, rule, value, *looked_at)
        return choose(name, f"none: {model_name} does not take it", None)

    stride = choose_decoder("decoder_stride", *ending)
    choose_decoder(
        "decoder_convolutions",
        f"one per stage with {_LIGHT}, two with other backbones{settings.because('decoder_convolutions')}",
        settings.decoder_convolutions or (1 if light else 2),
    )
    choose_decoder(
        "decoder_filters",
        f"about as many as the encoder's level has with {_LIGHT}, the model's own with other backbones",
        _LIGHT_FILTERS[pyramid][: 5 - int(math.log2(stride or 1))] if light else None,
    )
    choose(
        "crop",
        f"{_CROP_SHARE:.0%} of the median image, rounded down to a multiple of {_CROP_MULTIPLE}, at most "
        f"{kind.largest_crop}; sides up to {_WHOLE} pixels are kept whole" + _because(kind.crop_reason),
        [_crop_side(side, kind.largest_crop) for side in facts["median_size"]],
        "median_size",
    )
    if kind.class_id_masks:
        check_rare_classes(choose("rare_classes", *rare_classes_rule(facts, choices["crop"].value)), facts)
    devices = facts.get("devices", 1)
    rule, by_rule, *looked_at = batch_rule(facts, choices["crop"].value, model=model_name, backbone=pyramid)
    size = choose("batch_size", rule, by_rule, *looked_at)
    choose(
        "steps_per_epoch",
        f"one pass over the images, at least {_FEWEST_STEPS} steps",
        max(_FEWEST_STEPS, math.ceil(facts["train_images"] / size)),
        "train_images",
    )
    limit = choose("minutes", "no limit unless given", None)
    choose(
        "epochs",
        f"{settings.epochs} unless minutes are given{settings.because('epochs')}",
        None if limit is not None else settings.epochs,
    )
    choose("patience", "runs do not end early unless given", None)
    ends_early = choices["patience"].value is not None
    choose("keep", "the best epoch if the run may end early, otherwise the last", "best" if ends_early else "last")
    rule, rate, *looked_at = learning_rate_rule(facts, size, by_rule // devices, scratch=source is None)
    choose("learning_rate", rule, rate, *looked_at)
    choose("weight_decay", "0.01, on kernels only", 0.01)
    choose("ema", settings.ema_rule, settings.ema)
    choose("dtype_policy", *_dtype_policy_rule(facts))
    choose("scale", "zoom of the random crops", [0.75, 1.5])
    rule, balanced, looked_at = kind.class_weights(facts)
    choose("class_weights", rule, balanced, *looked_at)
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
    plan = Plan(dict(facts), choices)
    kind.head(plan)  # Fails where what was given does not fit the classes.
    return plan


def _takes(model: str | None, argument: str) -> bool:
    """Whether a model takes an argument; one of another name may, until it is built."""
    return model not in models.names() or argument in registry.arguments(model)


def narrowest_class(facts: Mapping) -> tuple[str, float] | None:
    """(name, mean width in pixels) of the class with the thinnest parts; None if widths are not known.

    A class of hardly any pixels does not count: its width is that of a few specks.
    """
    widths, shares = facts.get("class_width", {}), facts["class_share"]
    known = {name: width for name, width in widths.items() if width is not None and shares[name] >= _COUNTED_SHARE}
    return min(known.items(), key=lambda item: item[1]) if known else None


def _train_from_rule(facts: Mapping, settings: Preset, *, pretrained: bool) -> tuple[Any, ...]:
    """(rule, level from which the backbone is trained or "all", facts that the rule used)."""
    rule = (
        f"{_CPU_LEVEL} with pretrained weights for three channels on a CPU: the layers up to stride 4 see edges and "
        f"textures, and leaving them as they are makes a step a quarter shorter{settings.because('train_from')}"
    )
    early = pretrained and facts["channels"] == 3 and facts["device"] == "cpu" and settings.name != "best"
    return rule, _CPU_LEVEL if early else "all", "device", "channels"


def _dtype_policy_rule(facts: Mapping) -> tuple[Any, ...]:
    """(rule, dtype policy of the layers while training, facts that the rule used)."""
    if facts.get("dtype_policy") is not None:
        return "that of this process", facts["dtype_policy"], "dtype_policy"
    known = [fact for fact in ("device", "bfloat16") if fact in facts]
    rule = f"{BFLOAT16} on a CPU that multiplies bfloat16: steps are shorter, measured by 8 to 40 %"
    faster = facts["device"] == "cpu" and facts.get("bfloat16", False)
    return rule, BFLOAT16 if faster else FLOAT32, *known


def _stride_rule(facts: Mapping, kind: Task, settings: Preset, *, light: bool) -> tuple[Any, ...]:
    """(rule, decoder stride, facts that the rule used)."""
    if not light:
        return f"1 with other backbones than {_LIGHT}", settings.stride(1)
    coarse, fine = kind.light_strides
    stride = coarse if min(facts["median_size"]) >= _WHOLE else fine
    rule = f"with {_LIGHT}, {coarse} for images from {_WHOLE} pixels and {fine} for smaller ones"
    rule += _because(kind.stride_reason) + settings.because("decoder_stride")
    return rule, settings.stride(stride), "median_size"


def _because(reason: str) -> str:
    return f"; {reason}" if reason else ""


def _crop_side(side: int, largest: int) -> int:
    if side <= _WHOLE:
        return math.ceil(side / _CROP_MULTIPLE) * _CROP_MULTIPLE
    return min(largest, int(side * _CROP_SHARE) // _CROP_MULTIPLE * _CROP_MULTIPLE)


def check_plan(plan: Plan) -> None:
    """Check the ranges of a plan that may have been edited.

    Args:
        plan: `Plan`.

    Raises:
        InputError: names the choice.
    """
    given = {name: choice.value for name, choice in plan.choices.items() if choice.value is not None}
    if "epochs" not in given and "minutes" not in given:
        _validation.fail("epochs", "or `minutes` must be given", None, "Give one of the two.")
    for name in _NEEDED:
        if name in plan.choices and name not in given:
            _validation.fail(name, "must have a value", None)
    if given.get("dtype_policy") == plan.fingerprint.get("dtype_policy"):
        given.pop("dtype_policy", None)  # That of a process, which may be any.
    _check(given, plan.fingerprint)
    if "rare_classes" in given:
        check_rare_classes(given["rare_classes"], plan.fingerprint)


def _check(given: Mapping, facts: Mapping) -> None:
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
            _check_seed(value)
        elif name == "skips":
            _validation.one_of(name, value, SKIPS)
        elif name == "train_from":
            _validation.one_of(name, value, ("all", *LEVELS))
        elif name == "dtype_policy":
            _validation.one_of(name, value, POLICIES)
        elif name == "keep":
            _validation.one_of(name, value, ("last", "best"))
        elif name == "crop":
            _validation.pair(name, value)
        elif name == "scale":
            _check_scale(value)
        elif name == "class_weights":
            _check_class_weights(value, facts.get("num_classes"))
        elif name == "minutes":
            _validation.number(name, value, 0.001)
        elif name in ("binary", "freeze", "aux", "outlines", "cache"):
            _validation.boolean(name, value)
        elif name == "ema":
            _validation.number(name, value, 0, 0.9999)
        elif name in ("learning_rate", "weight_decay", "soft_iou_weight"):
            _validation.number(name, value, 0)


def _check_seed(seed: Any) -> None:
    if _validation.integer("seed", seed, 0) > _LARGEST_SEED:
        _validation.fail("seed", "must be below 2^32, as NumPy takes no larger one", seed)


def _check_scale(scale: Any) -> None:
    if not isinstance(scale, (tuple, list)) or len(scale) != 2:
        _validation.fail("scale", "must be a pair (smallest, largest)", scale)
    interval("scale", scale, *_SCALES)


def _check_class_weights(weights: Any, classes: int | None) -> None:
    """The loss checks them too, but their number only where it meets the first scores."""
    if not isinstance(weights, (tuple, list)) or len(weights) != classes:
        fix = "Leave them out for those that follow from the pixels of each class."
        _validation.fail("class_weights", f"must hold {classes} numbers, one for each class", weights, fix)
    for weight in weights:
        _validation.number("class_weights", weight, 0)
