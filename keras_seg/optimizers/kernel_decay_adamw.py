"""AdamW that decays kernels only."""

import keras


@keras.saving.register_keras_serializable("keras_seg")
class KernelDecayAdamW(keras.optimizers.AdamW):
    """AdamW without weight decay of biases and normalization parameters.

    Decaying a scale or an offset shifts the activations' statistics and regularizes nothing. Keras'
    `exclude_from_weight_decay` selects variables by name, and the names are lost when a model is saved; here the rule
    is the variable's rank, which a resumed run keeps.

    Arguments: see `keras.optimizers.AdamW`.

    Reference: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019; He et al., "Bag of Tricks", 2019,
        section 3.1 ("no bias decay").
    """

    def _use_weight_decay(self, variable: keras.Variable) -> bool:
        return len(variable.shape) > 1 and super()._use_weight_decay(variable)
