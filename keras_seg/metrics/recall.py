"""Share of each class that was found."""

from typing import Any

import keras

from keras_seg._types import Tensor
from keras_seg.metrics import scores
from keras_seg.metrics.class_score import MatrixClassScore


@keras.saving.register_keras_serializable("keras_seg")
class Recall(MatrixClassScore):
    """Share of each class that was found, of all pixels seen so far: the mean over the classes, or each of them.

    `R_c = TP_c / (TP_c + FN_c)`; the mean is `MeanAccuracy`. A class not in the truth gets NaN and is excluded from the
    mean; where it was predicted, `Precision` gives it 0. Ignored classes are excluded.

    Args:
        num_classes: int >= 2.
        per_class: bool. Return the score of each class by name, as {"recall_" + class name: score}, instead of their
            mean. Defaults to False.

    Other arguments, call arguments and errors: those of `ConfusionMatrix`. `name` defaults to "recall" and comes
    before the class names, so that the logs of `fit` keep several metrics apart.

    Returns:
        `result()`: a scalar tensor; with `per_class` a dict from name to scalar tensor.

    Examples:
        >>> import numpy as np
        >>> metric = Recall(num_classes=2, class_names=("road", "sky"), per_class=True)
        >>> metric.update_state(np.array([[[0, 0, 0, 1]]]), np.array([[[0, 0, 1, 1]]]))
        >>> {name: round(float(value), 4) for name, value in metric.result().items()}
        {'recall_road': 0.6667, 'recall_sky': 1.0}

    Reference:
        - [Van Rijsbergen, 1979](http://www.dcs.gla.ac.uk/Keith/Preface.html), chapter 7.
    """

    _default_name = "recall"

    def _class_scores(self, matrix: Tensor, xp: Any) -> Tensor:
        return scores.recall_per_class(matrix, ignore_class=self.ignore_class, xp=xp)
