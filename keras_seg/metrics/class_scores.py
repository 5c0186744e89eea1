"""Metrics with one score per class: their result is the mean, or all scores by class name."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from keras_seg import _validation
from keras_seg._types import IgnoreClass, Tensor
from keras_seg.metrics import scores
from keras_seg.metrics.confusion_matrix import ConfusionMatrix
from keras_seg.metrics.counting_metric import CountingMetric
from keras_seg.metrics.ratios import mean_of_defined


class ClassScore(CountingMetric):
    """Base of the metrics whose result is the mean over the classes or, with `per_class`, a dict by class name.

    Higher is better. Arguments: those of `ConfusionMatrix`, and

    Args:
        per_class: bool. Return the score of each class by name, as {name + "_" + class name: score}, instead of their
            mean. The name of the metric comes first so that the logs of `fit` keep several metrics apart. Defaults to
            False.
    """

    # Read by Keras callbacks such as ModelCheckpoint(mode="auto").
    _direction = "up"

    def __init__(
        self,
        num_classes: int,
        *,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: IgnoreClass = None,
        from_logits: bool = False,
        threshold: Any = 0.5,
        class_names: Sequence[str] | None = None,
        per_class: bool = False,
        out_of_range: str = "raise",
    ) -> None:
        super().__init__(
            num_classes,
            name=name,
            dtype=dtype,
            ignore_class=ignore_class,
            from_logits=from_logits,
            threshold=threshold,
            class_names=class_names,
            out_of_range=out_of_range,
        )
        self.per_class = _validation.boolean("per_class", per_class)

    def get_config(self) -> dict[str, Any]:
        """The arguments, as the constructor takes them."""
        return {**super().get_config(), "per_class": self.per_class}

    def _mean_or_by_class(self, values: Tensor, xp: Any, *, mean: Tensor = None) -> Tensor | dict[str, Tensor]:
        """The result for the scores of the classes: their mean, unless `mean` is given, or the scores by name."""
        if self.per_class:
            return self._by_class(f"{self.name}_", values)
        mean = mean_of_defined(values, xp) if mean is None else mean
        return ops.convert_to_tensor(mean, dtype=self.dtype)


class MatrixClassScore(ClassScore, ConfusionMatrix):
    """Base of the metrics with one score per class that is read from the confusion matrix.

    A subclass names the function of the matrix that computes the scores, NaN for classes that have none.
    """

    _function: Callable[..., Tensor]

    def _score(self, matrix: Tensor, xp: Any) -> Tensor | dict[str, Tensor]:
        values = self._function(matrix, ignore_class=self.ignore_class, xp=xp)
        return self._mean_or_by_class(values, xp)


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
    _function = staticmethod(scores.dice_per_class)


@keras.saving.register_keras_serializable("keras_seg")
class Precision(MatrixClassScore):
    """Share of the pixels predicted as a class that belong to it, of all pixels seen so far: the mean, or each class.

    `P_c = TP_c / (TP_c + FP_c)`. A class that was never predicted gets NaN and is excluded from the mean; compare
    `Recall`, where such a class gets 0. Ignored classes are excluded.

    Arguments, call arguments, result and errors: those of `Dice`. `name` defaults to "precision".

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
    _function = staticmethod(scores.precision_per_class)


@keras.saving.register_keras_serializable("keras_seg")
class Recall(MatrixClassScore):
    """Share of each class that was found, of all pixels seen so far: the mean over the classes, or each of them.

    `R_c = TP_c / (TP_c + FN_c)`; the mean is `MeanAccuracy`. A class not in the truth gets NaN and is excluded from the
    mean; where it was predicted, `Precision` gives it 0. Ignored classes are excluded.

    Arguments, call arguments, result and errors: those of `Dice`. `name` defaults to "recall".

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
    _function = staticmethod(scores.recall_per_class)


@keras.saving.register_keras_serializable("keras_seg")
class PerClassIoU(ConfusionMatrix):
    """Intersection over union of each class over all pixels seen so far, by class name.

    `IoU_c = TP_c / (TP_c + FP_c + FN_c)`; NaN for a class neither in the truth nor predicted. Ignored classes are
    excluded. Keras puts each entry among the logs of `fit` and `evaluate(return_dict=True)` under its own key ("sky",
    "val_sky"), without the name of the metric: `prefix` keeps two such metrics, or two outputs, apart.

    Args:
        num_classes: int >= 2.
        prefix: str. Put before each class name in the result. Defaults to "".

    Other arguments, call arguments and errors: those of `ConfusionMatrix`. `name` defaults to "per_class_iou".

    Returns:
        `result()`: a dict from class name to scalar tensor.

    Raises:
        InputError: when a result would be called "loss".

    Examples:
        >>> import numpy as np
        >>> metric = PerClassIoU(num_classes=2, class_names=("road", "sky"), ignore_class=255)
        >>> metric.update_state(np.array([[[0, 0, 0, 1, 255]]]), np.array([[[0, 0, 1, 1, 1]]]))
        >>> {name: round(float(value), 4) for name, value in metric.result().items()}
        {'road': 0.6667, 'sky': 0.5}
    """

    _default_name = "per_class_iou"

    def __init__(
        self,
        num_classes: int,
        *,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: IgnoreClass = None,
        from_logits: bool = False,
        threshold: float = 0.5,
        class_names: Sequence[str] | None = None,
        prefix: str = "",
        out_of_range: str = "raise",
    ) -> None:
        super().__init__(
            num_classes,
            name=name,
            dtype=dtype,
            ignore_class=ignore_class,
            from_logits=from_logits,
            threshold=threshold,
            class_names=class_names,
            out_of_range=out_of_range,
        )
        if not isinstance(prefix, str):
            _validation.fail("prefix", "must be a string", prefix)
        self.prefix = prefix
        if "loss" in {prefix + item for item in self.class_names}:
            rule = "must not give a result the name of the loss in Keras logs"
            _validation.fail("class_names", rule, "loss", 'Pass prefix="iou_".')

    def get_config(self) -> dict[str, Any]:
        """The arguments, as the constructor takes them."""
        return {**super().get_config(), "prefix": self.prefix}

    def _score(self, matrix: Tensor, xp: Any) -> dict[str, Tensor]:
        return self._by_class(self.prefix, scores.iou_per_class(matrix, ignore_class=self.ignore_class, xp=xp))
