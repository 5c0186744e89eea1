"""Share of the pixels predicted as a class that belong to it."""

from typing import Any

import keras

from keras_seg._types import Tensor
from keras_seg.metrics import scores
from keras_seg.metrics.class_score import MatrixClassScore


@keras.saving.register_keras_serializable("keras_seg")
class Precision(MatrixClassScore):
    """Share of the pixels predicted as a class that belong to it, of all pixels seen so far: the mean, or each class.

    `P_c = TP_c / (TP_c + FP_c)`. A class that was never predicted gets NaN and is excluded from the mean; compare
    `Recall`, where such a class gets 0. Ignored classes are excluded.

    Args:
        num_classes: int >= 2.
        per_class: bool. Return the score of each class by name, as {"precision_" + class name: score}, instead of their
            mean. Defaults to False.

    Other arguments, call arguments and errors: those of `ConfusionMatrix`. `name` defaults to "precision" and comes
    before the class names, so that the logs of `fit` keep several metrics apart.

    Returns:
        `result()`: a scalar tensor; with `per_class` a dict from name to scalar tensor.

    Examples:
        >>> import numpy as np
        >>> metric = Precision(num_classes=2, class_names=("road", "sky"), per_class=True)
        >>> metric.update_state(np.array([[[0, 0, 0, 1]]]), np.array([[[0, 0, 1, 1]]]))
        >>> {name: round(float(value), 4) for name, value in metric.result().items()}
        {'precision_road': 1.0, 'precision_sky': 0.5}

    Reference:
        - [Van Rijsbergen, 1979](http://www.dcs.gla.ac.uk/Keith/Preface.html), chapter 7.
    """

    _default_name = "precision"

    def _class_scores(self, matrix: Tensor, xp: Any) -> Tensor:
        return scores.precision_per_class(matrix, ignore_class=self.ignore_class, xp=xp)
