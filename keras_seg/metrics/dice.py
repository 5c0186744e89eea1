"""Dice coefficient, the F1 score of each class."""

from typing import Any

import keras

from keras_seg._types import Tensor
from keras_seg.metrics import scores
from keras_seg.metrics.class_score import MatrixClassScore


@keras.saving.register_keras_serializable("keras_seg")
class Dice(MatrixClassScore):
    """Dice coefficient of all pixels seen so far: the mean over the classes, or each of them.

    `D_c = 2 TP_c / (2 TP_c + FP_c + FN_c)`, the F1 score of the class. It equals `2 IoU_c / (1 + IoU_c)`: a monotonic
    function of the IoU that is never lower. One matrix for the whole data set, never a mean of batches. A class that is
    neither present nor predicted gets NaN and is excluded from the mean, as are ignored classes.

    Args:
        num_classes: int >= 2.
        per_class: bool. Return the score of each class by name, as {"dice_" + class name: score}, instead of their
            mean. Defaults to False.

    Other arguments, call arguments and errors: those of `ConfusionMatrix`. `name` defaults to "dice" and comes
    before the class names, so that the logs of `fit` keep several metrics apart.

    Returns:
        `result()`: a scalar tensor; with `per_class` a dict from name to scalar tensor.

    Examples:
        >>> import numpy as np
        >>> metric = Dice(num_classes=2, class_names=("road", "sky"), per_class=True)
        >>> metric.update_state(np.array([[[0, 0, 0, 1]]]), np.array([[[0, 0, 1, 1]]]))
        >>> {name: round(float(value), 4) for name, value in metric.result().items()}
        {'dice_road': 0.8, 'dice_sky': 0.6667}

    Reference:
        - [Dice, 1945](https://doi.org/10.2307/1932409).
    """

    _default_name = "dice"

    def _class_scores(self, matrix: Tensor, xp: Any) -> Tensor:
        return scores.dice_per_class(matrix, ignore_class=self.ignore_class, xp=xp)
