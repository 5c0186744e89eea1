"""The uncertainty of a model: mean and variance of its output under dropout."""

import contextlib
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np

from keras_seg import _validation
from keras_seg._graph import functional_graph, replay_opened
from keras_seg._types import ArrayLike, Tensor
from keras_seg.inference.output_kind import check_finite, single_output

_DROPOUTS = (
    keras.layers.Dropout,
    keras.layers.SpatialDropout2D,
    keras.layers.AlphaDropout,
    keras.layers.GaussianDropout,
)


def mc_dropout(
    model: keras.Model, images: ArrayLike, *, samples: int = 50, seed: int = 0, batch_size: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Monte Carlo dropout: predict each image many times with units dropped at random.

    Only dropout layers run as in training, also those inside of other layers such as `keras.layers.MultiHeadAttention`.
    All others, including BatchNormalization, run as in inference.

    `mean = 1/T sum_t p_t`, `variance = 1/T sum_t (p_t - mean)^2`

    over the T samples, for each pixel and class. Both are updated sample by sample (Welford), so memory does not grow
    with the samples. The model is not changed.

    Args:
        model: functional keras.Model with one output and dropout layers of a rate above 0, such as
            `models.SegNet(dropout=0.5)`. The results are of its output: of logits if it was built with
            `activation=None`.
        images: float array (batch, height, width, channels), in the range that the model takes: 0..255 for models with
            preprocessing.
        samples: int of at least 2. The paper takes 50. Defaults to 50.
        seed: int. The same seed gives the same result on one backend with one batch size. Defaults to 0.
        batch_size: int. Images predicted together. Defaults to 1.

    Returns:
        Pair of float32 arrays (batch, height, width, classes): the mean, and the variance.

    Raises:
        InputError: if an argument is not as above, the model has no such layer or several outputs, or its output is
            not finite.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> model = ks.models.SegNetBasic(num_classes=3, filters=4, dropout=0.5)
        >>> mean, variance = ks.inference.mc_dropout(model, np.zeros((1, 20, 30, 3)), samples=3)
        >>> mean.shape, variance.shape
        ((1, 20, 30, 3), (1, 20, 30, 3))

    Reference: Kendall, Badrinarayanan and Cipolla, "Bayesian SegNet", 2015, section 4; Gal and Ghahramani, "Dropout as
        a Bayesian Approximation", ICML 2016, section 3; Welford, "Note on a Method for Calculating Corrected Sums of
        Squares and Products", Technometrics 1962.
    """
    samples = _validation.integer("samples", samples, minimum=2)
    seed = _validation.integer("seed", seed, minimum=0)
    batch_size = _validation.integer("batch_size", batch_size)
    sampler = _Sampler(model)
    images = np.asarray(images, "float32")
    if images.ndim != 4 or len(images) == 0:
        _validation.fail("images", "must be an array (batch, height, width, channels)", images.shape)
    channels = sampler.graph.inputs[0].shape[-1]
    if channels not in (None, images.shape[-1]):
        _validation.fail("images", f"must have the {channels} channels that the model takes", images.shape)
    with sampler.seeded(seed):
        batches = [images[start : start + batch_size] for start in range(0, len(images), batch_size)]
        moments = [_moments(sampler, batch, samples) for batch in batches]
    mean, variance = (np.concatenate(parts).astype("float32") for parts in zip(*moments, strict=True))
    return mean, variance


def _moments(sampler: "_Sampler", batch: np.ndarray, samples: int) -> tuple[np.ndarray, np.ndarray]:
    """(mean, variance) over samples of one batch."""
    mean = squares = np.zeros(())
    for count in range(1, samples + 1):
        sample = np.asarray(sampler.predict_on_batch(batch), "float64")
        check_finite(sample, "The scores of `model`")
        difference = sample - mean
        mean = mean + difference / count
        squares = squares + difference * (sample - mean)
    return mean, squares / samples


class _Sampler(keras.Model):
    """A model with only its dropout layers in training mode."""

    def __init__(self, model: keras.Model) -> None:
        super().__init__(name="mc_dropout", dtype="float32")  # A half-precision policy would round raw pixels.
        self.graph = functional_graph(model)
        single_output(model)
        self.dropouts = [layer for layer in self.graph._flatten_layers() if isinstance(layer, _DROPOUTS)]
        # Transformers hold such layers at a rate of 0, which would give a variance of 0 everywhere.
        if not any(layer.rate for layer in self.dropouts):
            fix = "Build it with dropout, for example dropout=0.5."
            _validation.fail("model", "must have dropout layers of a rate above 0", model.name, fix)

    def call(self, inputs: Any) -> Tensor:
        def call(operation: Any, *args: Any, **kwargs: Any) -> Any:
            if isinstance(operation, keras.layers.Layer) and operation._call_has_training_arg:
                kwargs["training"] = False
            return operation(*args, **kwargs)

        with _dropping(self.dropouts):
            values = replay_opened(self.graph, inputs, call)
        return values[id(self.graph.outputs[0])]

    @contextlib.contextmanager
    def seeded(self, seed: int) -> Iterator[None]:
        """Inside, the dropout layers draw from `seed`; afterwards they continue from their earlier states."""
        # A layer whose rate is 0 draws no numbers.
        states = [layer.seed_generator.state for layer in self.dropouts if hasattr(layer, "seed_generator")]
        before = [np.asarray(keras.ops.convert_to_numpy(state)) for state in states]
        for state, number in zip(states, np.random.SeedSequence(seed).generate_state(len(states)), strict=True):
            # 31 bits: the state is a signed integer on some backends.
            state.assign(np.array([int(number) >> 1, 0]).astype(before[0].dtype))
        try:
            with _seeded_torch(seed):
                yield
        finally:
            for state, value in zip(states, before, strict=True):
                state.assign(value)


@contextlib.contextmanager
def _dropping(dropouts: Sequence[keras.layers.Layer]) -> Iterator[None]:
    """Inside, dropout layers run as in training, whichever layer calls them.

    A layer made of others cannot be told to train its dropout alone: its normalization would train too.
    """
    # Others, such as a subclass that always drops, have no two ways to run.
    changed = [layer for layer in dropouts if layer._call_has_training_arg]
    for layer in changed:
        # Not by `setattr`, in which Keras looks for variables.
        vars(layer)["call"] = _in_training(layer.call)
    try:
        yield
    finally:
        for layer in changed:
            del vars(layer)["call"]


def _in_training(call: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(call)

    def called(*args: Any, **kwargs: Any) -> Any:
        given = signature.bind(*args, **kwargs)
        given.arguments["training"] = True  # By position or by name.
        return call(*given.args, **given.kwargs)

    return called


@contextlib.contextmanager
def _seeded_torch(seed: int) -> Iterator[None]:
    """On PyTorch, dropout layers without a seed draw from the global generator."""
    if keras.backend.backend() != "torch":
        yield
        return
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield
