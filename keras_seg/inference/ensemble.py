"""A model whose probabilities are the mean of those of several models."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_seg import _validation
from keras_seg._graph import image_graph
from keras_seg.inference.output_kind import last_activation, single_output


@keras.saving.register_keras_serializable("keras_seg")
class Ensemble(keras.Model):
    """A model whose probabilities are the mean of those of several models, such as one per fold or seed.

    It is a functional model: it saves and loads with its weights, `TestTimeAugmentation` takes it, and it exports as
    one file. Logits are turned into probabilities first, by a softmax (by a sigmoid for one channel).

    Args:
        models: sequence of at least two functional `keras.Model`s from `(batch, height, width, channels)` to `(batch,
            height, width, classes)`, with the same channels and classes. Sizes that a model leaves open are those of
            the others.
        name: str. Defaults to `"ensemble"`.

    Input shape: that of the models.

    Output shape: `(batch, height, width, classes)`, float32.

    Raises:
        InputError: if there are fewer than two models, one occurs twice, they take images or give classes of different
            shapes, or it is not known from the last layer what a model outputs.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> models = [ks.models.UNet(num_classes=3, filters=4, depth=2) for _ in range(3)]
        >>> ensemble = ks.inference.Ensemble(models)
        >>> ensemble.predict(np.zeros((1, 20, 32, 3)), verbose=0).shape
        (1, 20, 32, 3)

    Reference: Lakshminarayanan, Pritzel and Blundell, "Simple and Scalable Predictive Uncertainty Estimation using Deep
        Ensembles", NeurIPS 2017, section 2.4.
    """

    def __init__(self, models: Sequence[keras.Model], *, name: str = "ensemble") -> None:
        models = _several(models)
        graphs = [image_graph(model, f"models[{number}]") for number, model in enumerate(models)]
        kinds = [_kind(model, graph, number) for number, (model, graph) in enumerate(zip(models, graphs, strict=True))]
        if len(set(kinds)) > 1:
            received = ", ".join(f"models[{number}]: {kind}" for number, kind in enumerate(kinds))
            fix = "A softmax makes the classes exclude one another, a sigmoid does not: end all models alike."
            _validation.fail("models", "must give the same kind of probabilities", received, fix)
        image = keras.Input(batch_shape=_common_shape([graph.inputs[0].shape for graph in graphs], "images"))
        _common_shape([graph.outputs[0].shape for graph in graphs], "scores")
        maps = []
        for number, graph in enumerate(graphs, start=1):
            # Models of one architecture have one name, and Keras wants different ones within a model.
            scores = keras.Model(graph.inputs[0], graph.outputs[0], name=f"model{number}")(image)
            if last_activation(graph.outputs[0]) == "logits":
                scores = keras.layers.Activation(kinds[0], dtype="float32", name=f"probabilities{number}")(scores)
            maps.append(scores)
        super().__init__(image, keras.layers.Average(dtype="float32", name="mean")(maps), name=name)
        self.run_eagerly = any(model.run_eagerly for model in models)  # As exported files must be.
        self.models = models

    def get_config(self) -> dict[str, Any]:
        return {"models": [keras.saving.serialize_keras_object(model) for model in self.models], "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> "Ensemble":
        """The ensemble of a config."""
        models = [keras.saving.deserialize_keras_object(model, custom_objects) for model in config["models"]]
        return cls(models, name=config["name"])


def _several(models: Any) -> list[keras.Model]:
    if not isinstance(models, (list, tuple)):
        _validation.fail("models", "must be a list of models", type(models).__name__)
    if len(models) < 2:
        _validation.fail("models", "must be at least two models", len(models), "One model needs no ensemble.")
    if len({id(model) for model in models}) < len(models):
        fix = "Load or build each by itself: their weights must differ."
        _validation.fail("models", "must be different models", "the same object several times", fix)
    return list(models)


def _kind(model: keras.Model, graph: keras.Model, number: int) -> str:
    """The activation, "softmax" or "sigmoid", that a model ends in or whose logits it gives."""
    output = single_output(model)
    assert output is not None  # `image_graph` has refused models without a graph.
    if len(output.shape) != 4:
        _validation.fail(f"models[{number}]", "must give a map (batch, height, width, classes)", tuple(output.shape))
    found = last_activation(graph.outputs[0])
    if found is None:
        fix = 'End it in keras.layers.Activation("softmax"), or "sigmoid".'
        _validation.fail(f"models[{number}]", "must show whether it gives probabilities or logits", model.name, fix)
    if found == "logits":
        return "sigmoid" if output.shape[-1] == 1 else "softmax"
    return found


def _common_shape(shapes: Sequence[Sequence[int | None]], what: str) -> tuple[int | None, ...]:
    """The shape that suits all models: each side is that of the models that fix it."""
    common = []
    for sides in zip(*shapes, strict=True):
        fixed = {side for side in sides if side is not None}
        if len(fixed) > 1:
            received = " and ".join(str(tuple(shape)) for shape in dict.fromkeys(map(tuple, shapes)))
            _validation.fail("models", f"must have {what} of one shape", received)
        common.append(fixed.pop() if fixed else None)
    return tuple(common)
