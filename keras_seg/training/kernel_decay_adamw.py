"""AdamW that decays what should be decayed."""

import keras


@keras.saving.register_keras_serializable("keras_seg")
class KernelDecayAdamW(keras.optimizers.AdamW):
    """AdamW whose weight decay spares biases and normalization parameters.

    Decaying a scale or an offset pulls the activations' statistics and regularizes nothing. Keras' own
    `exclude_from_weight_decay` does the same by names, which are not kept when a model is saved; here the rule is the
    variable's rank, so a resumed run is the run it was.

    Arguments are those of `keras.optimizers.AdamW`.

    Reference: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019; He et al., "Bag of Tricks", 2019,
        section 3.1 ("no bias decay").
    """

    def _use_weight_decay(self, variable):
        return len(variable.shape) > 1 and super()._use_weight_decay(variable)
