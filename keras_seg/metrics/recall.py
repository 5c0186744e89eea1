"""Share of each class that was found."""

import keras

from keras_seg.metrics import scores
from keras_seg.metrics.class_score import ClassScore


@keras.saving.register_keras_serializable("keras_seg")
class Recall(ClassScore):
    """Share of each class that was found, of all pixels seen so far: the mean over the classes, or each of them.

    `R_c = TP_c / (TP_c + FN_c)`; the mean is `MeanAccuracy`. NaN, and left out of the mean, is a class not in the
    truth: where it was predicted, `Precision` has it as 0. Ignored classes are left out.

    Args:
        num_classes: int >= 2.
        ignore_class: None, int or sequence of int, labels of pixels to leave out. Defaults to None.
        class_names: None or a sequence of `num_classes` names. Defaults to None, for "class_0" and so on.
        out_of_range: str, "raise" or "count", as for `ConfusionMatrix`. Defaults to "raise".
        name: str, name of the metric. Defaults to "recall".
        dtype: dtype of the result. Defaults to None, for `keras.config.floatx()`.
        threshold: float in (0, 1), as for `ConfusionMatrix`. Defaults to 0.5.
        per_class: bool, give the score of each class by name instead of their mean. Defaults to False.
        from_logits: bool, as for `ConfusionMatrix`. Defaults to False.

    Call arguments:
        y_true, y_pred, sample_weight: as for `ConfusionMatrix`.

    Returns:
        `result()`: a scalar tensor; with `per_class` a dict from "recall_" + class name to scalar tensor, with
        the name of the metric in front so that the logs of `fit` keep several apart.

    Raises:
        InputError: for arguments, shapes, labels or weights that do not fit.

    Examples:
        >>> import numpy as np
        >>> metric = Recall(num_classes=2, class_names=("road", "sky"), per_class=True)
        >>> metric.update_state(np.array([[[0, 0, 0, 1]]]), np.array([[[0, 0, 1, 1]]]))
        >>> {name: round(float(value), 4) for name, value in metric.result().items()}
        {'recall_road': 0.6667, 'recall_sky': 1.0}

    Reference:
        - [Van Rijsbergen, 1979](http://www.dcs.gla.ac.uk/Keith/Preface.html), chapter 7.
    """

    def __init__(
        self,
        num_classes,
        *,
        ignore_class=None,
        class_names=None,
        out_of_range="raise",
        name="recall",
        dtype=None,
        threshold=0.5,
        per_class=False,
        from_logits=False,
    ):
        super().__init__(
            num_classes,
            ignore_class=ignore_class,
            class_names=class_names,
            out_of_range=out_of_range,
            name=name,
            dtype=dtype,
            threshold=threshold,
            per_class=per_class,
            from_logits=from_logits,
        )

    def _class_scores(self, matrix, xp):
        return scores.class_recalls(matrix, self.ignore_class, xp)
