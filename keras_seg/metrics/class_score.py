"""What the scores have in common that there are one of for each class: the mean, or all of them by name."""

from keras import ops

from keras_seg import _validation
from keras_seg.metrics import scores
from keras_seg.metrics.confusion_matrix import ConfusionMatrix


class ClassScore(ConfusionMatrix):
    """Base of the metrics that are a mean over the classes or, with `per_class`, a dict by class name.

    A subclass gives the scores of the classes, NaN for those that have none, in `_class_scores`.
    """

    def __init__(
        self, num_classes, *, ignore_class, class_names, out_of_range, name, dtype, threshold, per_class, from_logits
    ):
        super().__init__(
            num_classes,
            ignore_class=ignore_class,
            class_names=class_names,
            out_of_range=out_of_range,
            name=name,
            dtype=dtype,
            threshold=threshold,
            from_logits=from_logits,
        )
        self.per_class = _validation.boolean("per_class", per_class)
        # What Keras callbacks such as ModelCheckpoint(mode="auto") look at.
        self._direction = "up"

    def get_config(self):
        """The arguments, as the constructor takes them."""
        return {**super().get_config(), "per_class": self.per_class}

    def _class_scores(self, matrix, xp):
        raise NotImplementedError

    def _score(self, matrix, xp):
        return mean_or_by_class(self, self._class_scores(matrix, xp), xp)


def mean_or_by_class(metric, values, xp, mean=None):
    """The result of a metric with `per_class`: its mean, by default that of `values`, or the values by class name."""
    if metric.per_class:
        return by_class(
            f"{metric.name}_", values, metric.class_names, ignore_class=metric.ignore_class, dtype=metric.dtype
        )
    mean = scores.mean_of_defined(values, xp) if mean is None else mean
    return ops.convert_to_tensor(mean, dtype=metric.dtype)


def by_class(prefix, values, class_names, *, ignore_class, dtype):
    """{prefix + class name: scalar tensor} of the classes that are not ignored."""
    return {
        prefix + name: ops.convert_to_tensor(values[index], dtype=dtype)
        for index, name in enumerate(class_names)
        if index not in ignore_class
    }
