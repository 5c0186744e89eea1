"""The model of a plan."""

from typing import Any

import keras

from keras_seg import _validation, backbones, losses, models
from keras_seg.models import registry
from keras_seg.optimizers import KernelDecayAdamW
from keras_seg.training.aux_heads import losses_of
from keras_seg.training.choices import GIVEN
from keras_seg.training.mixed_precision import dtype_policy, keep_depthwise_in_float32
from keras_seg.training.plan import Plan
from keras_seg.training.tasks import find_task


def build_model(plan: Plan) -> keras.Model:
    """The untrained, compiled model of a plan.

    With `aux` in the plan it has several outputs by name, and takes a target for each. `models.without_aux` leaves the
    first one.

    Args:
        plan: `Plan`.

    Returns:
        A compiled `keras.Model`.

    Raises:
        InputError: the model cannot be built, or does not predict a class for every pixel.
    """
    facts = plan.fingerprint
    head = find_task(plan.task).head(plan)
    with dtype_policy(plan.get("dtype_policy")):
        model = models.build(
            plan["model"],
            num_classes=head.channels,
            input_shape=(None, None, facts["channels"]),
            **({} if head.activation == "softmax" else {"activation": head.activation}),
            **_model_arguments(plan),
        )
    if facts["device"] == "cpu":
        keep_depthwise_in_float32(model)
    _check_output(models.without_aux(model), plan)
    if plan.get("train_from", "all") != "all":
        models.unfreeze(model, from_level=plan["train_from"])
    ignore_class = facts["ignore_class"] or None
    loss = losses.Crossentropy(ignore_class=ignore_class, class_weights=plan["class_weights"], mode=head.mode)
    model.compile(
        KernelDecayAdamW(
            plan["learning_rate"],
            weight_decay=plan["weight_decay"],
            global_clipnorm=5.0,
            use_ema=bool(plan.get("ema")),
            ema_momentum=plan.get("ema") or 0.99,
        ),
        **losses_of(
            model,
            plan["model"],
            loss + plan["soft_iou_weight"] * losses.SoftIoU(ignore_class=ignore_class, mode=head.mode),
        ),
    )
    # Left to the first step, it makes TensorFlow trace the whole step twice: once with the variables' creation.
    model.optimizer.build(model.trainable_variables)
    return model


def _check_output(model: keras.Model, plan: Plan) -> None:
    """Refuse a model of patches, and one of unpadded convolutions, whose output is smaller than its image."""
    if len(model.output_shape) != 4:
        fix = "This one classifies whole patches. Choose another model."
        _validation.fail("model", "must predict a class for every pixel", plan["model"], fix)
    crop = plan["crop"]
    height, width = (crop, crop) if isinstance(crop, int) else crop
    fix = "Choose another model, such as UNet."
    try:
        shape: Any = model.compute_output_shape((1, height, width, plan.fingerprint["channels"]))
    except ValueError as error:
        if isinstance(error, _validation.InputError):
            raise
        _validation.fail("model", f"does not take crops of {height}x{width}", plan["model"], fix)
    if None not in shape[1:3] and tuple(shape[1:3]) != (height, width):
        rule = f"must predict every pixel of its image; of {height}x{width} it predicts {shape[1]}x{shape[2]}"
        _validation.fail("model", rule, plan["model"], fix)


def _model_arguments(plan: Plan) -> dict[str, Any]:
    """The choices that the plan's model takes. A given choice is always passed on, so that the model can refuse it."""
    taken = registry.arguments(plan["model"]) if plan["model"] in models.names() else ()
    values = {
        "backbone": ("backbone", None if plan["backbone"] == "none" else plan["backbone"]),
        "weights": ("weights", plan["weights"]),
        "backbone_trainable": ("freeze", not plan["freeze"]),
        "decoder_filters": ("decoder_filters", plan["decoder_filters"]),
        "decoder_convolutions": ("decoder_convolutions", plan["decoder_convolutions"]),
        "decoder_stride": ("decoder_stride", plan["decoder_stride"]),
        **({"aux": ("aux", plan["aux"])} if "aux" in plan.choices else {}),
    }
    arguments = {
        argument: value
        for argument, (choice, value) in values.items()
        if argument in taken or plan.choices[choice].rule == GIVEN
    }
    backbone = arguments.get("backbone")
    if plan.get("skips", "wide") == "wide":
        return arguments
    if backbone is None:
        _validation.fail("skips", 'must be "wide" for a model without a backbone', plan["skips"], "Drop `skips`.")
    # Which maps a backbone gives is decided where it is built.
    built = backbones.build(
        backbone,
        input_shape=(None, None, plan.fingerprint["channels"]),
        weights=arguments.pop("weights", None),
        trainable=arguments.pop("backbone_trainable", True),
        skips=plan["skips"],
    )
    return {**arguments, "backbone": built}
