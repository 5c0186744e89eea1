"""AdamW that decays kernels only."""

import keras


@keras.saving.register_keras_serializable("keras_seg")
class KernelDecayAdamW(keras.optimizers.AdamW):
    """AdamW without weight decay of biases and normalization parameters.

    Decaying a scale or an offset shifts the activations' statistics and regularizes nothing. Keras'
    `exclude_from_weight_decay` selects variables by their paths, which are lost when a model is saved; here the rule is
    the variable's rank and its own name, which a resumed run keeps.

    Arguments: see `keras.optimizers.AdamW`.

    Reference: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019; He et al., "Bag of Tricks", 2019,
        section 3.1 ("no bias decay").
    """

    def _use_weight_decay(self, variable: keras.Variable) -> bool:
        # Those of attention have a row per head.
        is_bias = len(variable.shape) < 2 or variable.name == "bias"
        return not is_bias and super()._use_weight_decay(variable)
