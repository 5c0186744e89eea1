"""A model that predicts an image in several views and merges what it sees."""

import keras

from keras_seg import _validation
from keras_seg._graph import image_graph
from keras_seg.inference.output_kind import last_activation, single_output
from keras_seg.inference.tta.merge_views import MERGES, UNCERTAINTIES, MergeViews, fail_unaligned
from keras_seg.inference.tta.view import read_transforms, views_of
from keras_seg.inference.tta.view_images import ViewImages

# Where a model takes any size, the size that its output is tried at: a multiple of every stride in use.
_TRIAL = (640, 576)


@keras.saving.register_keras_serializable("keras_seg")
class TestTimeAugmentation(keras.Model):
    """A model that predicts each image in several views, brings the score maps back and merges them.

    `f_TTA(x) = merge over views t of t^-1(f(t(x)))`

    It is a functional model of `model` and two layers of its own: it saves and loads with its weights, can be part of
    another model, be augmented again, and be exported as `model` can. Images may have any size `model` takes; the
    output has exactly theirs.

    The product of the transforms is taken, each pass once. Flips and turns become the group that they generate:
    `["hflip", "vflip", "rot90"]` is `"d4"`, 8 passes and not 16. The plain image is always the first pass. In each pass
    the image is flipped and turned first, then brightened, scaled and shifted, whatever the order of the sequence;
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
    | `"tsharpen"` | mean of square roots, divided by its sum; ttach leaves out the division |

    So what comes out are probabilities again. A sigmoid channel is taken as the two classes p and 1 - p. Logits are
    merged by `"mean"` or `"max"`; the softmax of their mean is the geometric mean of the probabilities.

    Args:
        model: functional `keras.Model` from `(batch, height, width, channels)` to `(batch, height, width, classes)`.
        transforms: one of the transforms above, or a sequence of them. Defaults to `"d4"`.
        merge: `"mean"`, `"geometric_mean"` (or `"gmean"`), `"max"` or `"tsharpen"`. Defaults to `"mean"`.
        over: what is merged and comes out, `"probabilities"` or `"logits"`; None for what the model gives, which is
            read from its last activation, and is probabilities where that tells nothing. With `"probabilities"` a
            model that gives logits gets a softmax first (a sigmoid if it has one channel). Defaults to None.
        uncertainty: None, or a second output (batch, height, width, 1): `"entropy"` of the merged probabilities, in
            nats; `"variance"` over the passes of what is merged, mean over the classes; `"disagreement"`, the share of
            passes that call the pixel another class than the merged map does. Defaults to None.
        fold: `"batch"` (views of equal size are predicted together, in one larger batch) or `"loop"` (one after the
            other, which needs the memory of one); the numbers are the same. Defaults to `"batch"`.
        name: str. Defaults to `"test_time_augmentation"`.

    Input shape: that of `model`.

    Output shape: `(batch, height, width, classes)`, float32; with `uncertainty` a list of that and `(batch, height,
        width, 1)`.

    Raises:
        ValueError: if an argument is not as above, the model's map has another size than its image, or a model of
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

    __test__ = False  # Its name makes pytest take it for a class of tests.

    def __init__(
        self,
        model,
        transforms="d4",
        *,
        merge="mean",
        over=None,
        uncertainty=None,
        fold="batch",
        name="test_time_augmentation",
    ):
        graph = _checked_graph(model)
        transforms = read_transforms(transforms)
        merge = _validation.one_of("merge", "geometric_mean" if merge == "gmean" else merge, MERGES)
        if uncertainty is not None:
            _validation.one_of("uncertainty", uncertainty, UNCERTAINTIES)
        _validation.one_of("fold", fold, ("batch", "loop"))
        kind, activation = _kind(graph, over, merge)
        views = views_of(transforms)
        batch, *size, channels = graph.inputs[0].shape
        _check_views(views, size)
        groups = _groups(views, size, fold)
        if batch is not None and max(map(len, groups)) > 1:
            fix = 'Pass fold="loop", or build it without a batch size.'
            _validation.fail("fold", "needs a model of any batch size", f"a model of {batch} images", fix)

        image = keras.Input(batch_shape=(batch, *size, channels), name="image")
        maps = []
        for number, group in enumerate(groups, start=1):
            source = [image, maps[-1]] if fold == "loop" and maps else image
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
            dtype="float32",
            name="merge",
        )
        outputs = merged([image, *maps])
        super().__init__(inputs=image, outputs=outputs if uncertainty is None else list(outputs), name=name)
        # As of every model of the package: what does not fit is refused at once, in one line.
        self.input_spec = keras.layers.InputSpec(shape=tuple(image.shape), name="image")
        self.model = model
        self.transforms = transforms
        self.merge = merge
        self.over = over
        self.uncertainty = uncertainty
        self.fold = fold
        self.passes = len(views)

    def get_config(self):
        return {
            "name": self.name,
            "model": keras.saving.serialize_keras_object(self.model),
            "transforms": [
                item if isinstance(item, str) else keras.saving.serialize_keras_object(item) for item in self.transforms
            ],
            "merge": self.merge,
            "over": self.over,
            "uncertainty": self.uncertainty,
            "fold": self.fold,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """The model of a config."""
        read = keras.saving.deserialize_keras_object
        transforms = [item if isinstance(item, str) else read(item) for item in config["transforms"]]
        return cls(**{**config, "model": read(config["model"], custom_objects), "transforms": transforms})


def _checked_graph(model):
    """The graph of a model that gives one map of the size of its image."""
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
        except Exception:  # Keras does not say what a model that takes other sizes only will raise.
            return graph
        # One output may come in a list.
        have = tuple(keras.tree.flatten(have))[1:3]
    if None not in have and tuple(have) != tuple(size):
        fail_unaligned(size, have)
    return graph


def _kind(graph, over, merge):
    """(kind, activation) of what is merged; see `MergeViews`."""
    if over is not None:
        _validation.one_of("over", over, ("probabilities", "logits"))
    found = last_activation(graph.outputs[0])
    several = "softmax" if graph.outputs[0].shape[-1] != 1 else "sigmoid"
    if over == "logits" and found in ("softmax", "sigmoid"):
        fix = 'Build it with activation=None, or pass merge="geometric_mean", which is the mean of logits.'
        _validation.fail("over", f"needs a model that gives logits and this one ends in {found}", over, fix)
    if over == "logits" or (over is None and found == "logits"):
        if merge not in ("mean", "max"):
            fix = 'Pass over="probabilities", or merge="mean": the softmax of mean logits is their geometric mean.'
            _validation.fail("merge", "is of probabilities, and the model gives logits", merge, fix)
        return "logits", None
    if found == "logits":
        return several, several
    return found or several, None


def _check_views(views, size):
    """Fail where a view has another size than a model of fixed size takes."""
    for view in views:
        seen = view.size(tuple(size))
        if any(have is not None and have != n for have, n in zip(size, seen, strict=True)):
            _validation.fail(
                "transforms",
                f"must keep the size of the images that the model takes, {size[0]}x{size[1]}",
                f"a view of {seen[0]}x{seen[1]}",
                'Build the model with input_shape=(None, None, channels), or keep to "flips" and Brightness.',
            )


def _groups(views, size, fold):
    """The views that are predicted together."""
    if fold == "loop":
        return [[view] for view in views]
    groups = {}
    for view in views:
        groups.setdefault(view.shape_key(tuple(size)), []).append(view)
    return list(groups.values())
