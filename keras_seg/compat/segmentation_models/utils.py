"""The helpers of segmentation_models 1.0.1: unfreezing, and regularizers for all layers."""

from typing import Any

import keras


def set_trainable(model: keras.Model, recompile: bool = True) -> None:
    """Make all layers trainable.

    Args:
        model: keras.Model.
        recompile: bool. Compile the model again with the same optimizer, loss and metrics, which Keras needs for the
            change to take effect in training. Defaults to True.

    Examples:
        >>> import keras_seg.compat.segmentation_models as sm
        >>> model = sm.Unet("resnet18", encoder_weights=None, encoder_freeze=True)
        >>> sm.utils.set_trainable(model, recompile=False)
        >>> all(layer.trainable for layer in model.layers)
        True
    """
    for layer in model.layers:
        layer.trainable = True
    if not recompile or not model.compiled:
        return
    # An optimizer has slots for the weights that were trainable; one of the same settings has none yet.
    optimizer = type(model.optimizer).from_config(model.optimizer.get_config())
    # Keras has no public name for what `compile` was given.
    given = getattr(model, "_compile_config").config  # noqa: B009
    model.compile(**given | {"optimizer": optimizer})


def set_regularization(
    model: keras.Model,
    kernel_regularizer: Any = None,
    bias_regularizer: Any = None,
    activity_regularizer: Any = None,
    beta_regularizer: Any = None,
    gamma_regularizer: Any = None,
) -> keras.Model:
    """A copy of the model with regularizers in all layers that can have them.

    Args:
        model: keras.Model. It gets the regularizers too, but they take effect in the copy only.
        kernel_regularizer, bias_regularizer, activity_regularizer: keras.regularizers.Regularizer. Defaults to None,
            which leaves those that are there.
        beta_regularizer, gamma_regularizer: the same for BatchNormalization.

    Returns:
        The copy, with the weights of `model`, not compiled.
    """
    regularizers = {
        "kernel_regularizer": kernel_regularizer,
        "bias_regularizer": bias_regularizer,
        "activity_regularizer": activity_regularizer,
        "beta_regularizer": beta_regularizer,
        "gamma_regularizer": gamma_regularizer,
    }
    for layer in model.layers:
        for name, regularizer in regularizers.items():
            if regularizer is not None and hasattr(layer, name):
                setattr(layer, name, regularizer)
    copy = keras.models.model_from_json(model.to_json())
    copy.set_weights(model.get_weights())
    return copy
