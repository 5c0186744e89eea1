"""A model that predicts several views of an image and merges their score maps."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_seg import _validation
from keras_seg._graph import image_graph
from keras_seg.inference.output_kind import last_activation, single_output
from keras_seg.inference.tta.merge_views import MERGES, UNCERTAINTIES, MergeViews, fail_unaligned
from keras_seg.inference.tta.view import View, read_transforms, views_of
from keras_seg.inference.tta.view_images import ViewImages

# The size at which the output of models of any size is tried: a multiple of every stride in use.
_TRIAL = (640, 576)


@keras.saving.register_keras_serializable("keras_seg")
class TestTimeAugmentation(keras.Model):
    """A model that predicts several views of each image, maps the score maps back and merges them.

    `f_TTA(x) = merge over views t of t^-1(f(t(x)))`

    It is a functional model of `model` and two layers of its own: it saves and loads with its weights, can be part of
    another model, be augmented again, and be exported as `model` can. Images may have any size that `model` takes; the
    output has exactly the size of its image.

    The product of the transforms is taken, each pass once. Flips and turns become the group that they generate:
    `["hflip", "vflip", "rot90"]` is `"d4"`, 8 passes and not 16. The plain image is always the first pass. In each pass
    the image is flipped and turned first, then brightened, scaled and shifted, in this order for every sequence;
    flips, turns and shifts are undone exactly.

    | transform | passes |
    |---|---|
    | `"identity"` | 1 |
    | `"hflip"`, `"vflip"`, `"rot180"` (`"c2"`), `"transpose"` | 2 |
    | `"flips"` (`"d2"`), `"rot90"` (`"c4"`) | 4 |
    | `"d4"` | 8 |
    | `Scale(0.75, 1.25)`, `Brightness(0.9, 1.1)` | 3 |
    | `Shift(8)` | 4 |

    | merge | of probabilities p_1 ... p_n |
    |---|---|
    | `"mean"` | their mean |
    | `"geometric_mean"` | `exp(mean(log(p)))`, p at least 1e-7, divided by its sum over the classes |
    | `"max"` | the largest, divided by its sum |
    | `"tsharpen"` | mean of square roots, divided by its sum; ttach does not divide |

    The results are probabilities again. A sigmoid channel is taken as the two classes p and 1 - p. Logits are
    merged by `"mean"` or `"max"`; the softmax of their mean is the geometric mean of the probabilities.

    Args:
        model: functional `keras.Model` from `(batch, height, width, channels)` to `(batch, height, width, classes)`.
        transforms: one of the transforms above, or a sequence of them. Defaults to `"d4"`.
        merge: `"mean"`, `"geometric_mean"` (or `"gmean"`), `"max"` or `"tsharpen"`. Defaults to `"mean"`.
        merge_on: `"probabilities"` or `"logits"`, which are merged and output; None for those that the model outputs,
            as read from its last activation, or probabilities if that is not known. With `"probabilities"` the logits
            of a model are turned into probabilities first, by a softmax (by a sigmoid for one channel). Defaults to
            None.
        uncertainty: None, or the kind of a second output (batch, height, width, 1): `"entropy"` of the merged
            probabilities, in nats; `"variance"` of the scores over the views, mean over the classes;
            `"disagreement"`, the share of views whose class differs from that of the merged map. Defaults to None.
        views_as: `"batch"` (views of equal size are predicted together, in one larger batch) or `"loop"` (one after the
            other, which needs the memory of one); the numbers are the same. Defaults to `"batch"`.
        name: str. Defaults to `"test_time_augmentation"`.

    Input shape: that of `model`.

    Output shape: `(batch, height, width, classes)`, float32; with `uncertainty` a list of that and `(batch, height,
        width, 1)`.

    Raises:
        InputError: if an argument is not as above, the model's map has another size than its image, or a model of
            fixed size is to be turned, scaled or shifted.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> model = ks.models.UNet(num_classes=3, filters=4, depth=2)
        >>> tta = ks.inference.TestTimeAugmentation(model, transforms=["hflip", ks.inference.Scale(0.75)])
        >>> tta.passes
        4
        >>> tta.predict(np.zeros((1, 21, 30, 3)), verbose=0).shape
        (1, 21, 30, 3)

    Reference: Krizhevsky, Sutskever and Hinton, "ImageNet Classification with Deep Convolutional Neural Networks",
        2012, section 4.1; Chen et al., "DeepLab", 2017, section 4.1.2, for scales; the
        [ttach](https://github.com/qubvel/ttach) library for the names of the merges.
    """

    __test__ = False  # Pytest would collect a class of this name.

    def __init__(
        self,
        model: keras.Model,
        transforms: Any = "d4",
        *,
        merge: str = "mean",
        merge_on: str | None = None,
        uncertainty: str | None = None,
        views_as: str = "batch",
        name: str = "test_time_augmentation",
    ) -> None:
        graph = _checked_graph(model)
        transforms = read_transforms(transforms)
        merge = _validation.one_of("merge", "geometric_mean" if merge == "gmean" else merge, MERGES)
        if uncertainty is not None:
            _validation.one_of("uncertainty", uncertainty, UNCERTAINTIES)
        _validation.one_of("views_as", views_as, ("batch", "loop"))
        kind, activation = _kind(graph, merge_on, merge)
        views = views_of(transforms)
        batch, *size, channels = graph.inputs[0].shape
        _check_views(views, size)
        groups = _groups(views, size, views_as)
        if batch is not None and max(map(len, groups)) > 1:
            fix = 'Pass views_as="loop", or build it without a batch size.'
            _validation.fail("views_as", "needs a model of any batch size", f"a model of {batch} images", fix)

        image = keras.Input(batch_shape=(batch, *size, channels), name="image")
        maps = []
        for number, group in enumerate(groups, start=1):
            source = [image, maps[-1]] if views_as == "loop" and maps else image
            seen = ViewImages(group, dtype="float32", name=f"views{number}")(source)
            # The one input may be wanted in a dict, and the one output may come in one.
            if model is graph:
                seen = keras.tree.pack_sequence_as(graph._inputs_struct, [seen])
            maps += keras.tree.flatten(model(seen))
        order = [views.index(view) for group in groups for view in group]
        merged = MergeViews(
            groups,
            order,
            kind,
            merge=merge,
            uncertainty=uncertainty,
            activation=activation,
            assumed=merge_on is None and last_activation(graph.outputs[0]) is None,
            dtype="float32",
            name="merge",
        )
        outputs = merged([image, *maps])
        super().__init__(inputs=image, outputs=outputs if uncertainty is None else list(outputs), name=name)
        # Images that do not fit are refused in one line, as by every model of the package.
        self.input_spec = keras.layers.InputSpec(shape=tuple(image.shape), name="image")
        self.run_eagerly = model.run_eagerly  # As exported files must be.
        self.model = model
        self.transforms = transforms
        self.merge = merge
        self.merge_on = merge_on
        self.uncertainty = uncertainty
        self.views_as = views_as
        self.passes = len(views)

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "model": keras.saving.serialize_keras_object(self.model),
            "transforms": [
                item if isinstance(item, str) else keras.saving.serialize_keras_object(item) for item in self.transforms
            ],
            "merge": self.merge,
            "merge_on": self.merge_on,
            "uncertainty": self.uncertainty,
            "views_as": self.views_as,
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> "TestTimeAugmentation":
        """The model of a config."""
        read = keras.saving.deserialize_keras_object
        transforms = [item if isinstance(item, str) else read(item) for item in config["transforms"]]
        return cls(**{**config, "model": read(config["model"], custom_objects), "transforms": transforms})


def _checked_graph(model: keras.Model) -> keras.Model:
    """The graph of a model with one output map of the size of its image."""
    graph = image_graph(model)
    single_output(model)
    shape = tuple(graph.outputs[0].shape)
    if len(shape) != 4:
        fix = "It gives no map of the image; build a model of keras_seg.models other than PatchClassifier."
        _validation.fail("model", "must have one output (batch, height, width, classes)", shape, fix)
    size = graph.inputs[0].shape[1:3]
    if 0 in size:
        _validation.fail("model", "must take images of at least one pixel", tuple(graph.inputs[0].shape))
    have = graph.outputs[0].shape[1:3]
    if None in size:
        size = tuple(n or trial for n, trial in zip(size, _TRIAL, strict=True))
        try:
            have = graph.compute_output_shape((1, *size, graph.inputs[0].shape[-1]))
        except Exception:  # The exception of a model that takes other sizes only is not documented by Keras.
            return graph
        # One output may come in a list.
        have = tuple(keras.tree.flatten(have))[1:3]
    if None not in have and tuple(have) != tuple(size):
        fail_unaligned(size, have)
    return graph


def _kind(graph: keras.Model, merge_on: str | None, merge: str) -> tuple[str, str | None]:
    """(kind, activation) for `MergeViews`."""
    if merge_on is not None:
        _validation.one_of("merge_on", merge_on, ("probabilities", "logits"))
    found = last_activation(graph.outputs[0])
    several = "softmax" if graph.outputs[0].shape[-1] != 1 else "sigmoid"
    if merge_on == "logits" and found in ("softmax", "sigmoid"):
        fix = 'Build it with activation=None, or pass merge="geometric_mean", which is the mean of logits.'
        _validation.fail("merge_on", f"needs a model that gives logits and this one ends in {found}", merge_on, fix)
    if merge_on == "logits" or (merge_on is None and found == "logits"):
        if merge not in ("mean", "max"):
            fix = 'Pass merge_on="probabilities", or merge="mean": the softmax of mean logits is their geometric mean.'
            _validation.fail("merge", "needs probabilities, and the model gives logits", merge, fix)
        return "logits", None
    if found == "logits":
        return several, several
    return found or several, None


def _check_views(views: Sequence[View], size: Sequence[int | None]) -> None:
    """Refuse views of another size than a model of fixed size takes."""
    for view in views:
        seen = view.size(tuple(size))
        if any(have is not None and have != n for have, n in zip(size, seen, strict=True)):
            _validation.fail(
                "transforms",
                f"must keep the size of the images that the model takes, {size[0]}x{size[1]}",
                f"a view of {seen[0]}x{seen[1]}",
                'Build the model with input_shape=(None, None, channels), or keep to "flips" and Brightness.',
            )


def _groups(views: Sequence[View], size: Sequence[int | None], views_as: str) -> list[list[View]]:
    """The views that are predicted together."""
    if views_as == "loop":
        return [[view] for view in views]
    groups = {}
    for view in views:
        groups.setdefault(view.shape_key(tuple(size)), []).append(view)
    return list(groups.values())
