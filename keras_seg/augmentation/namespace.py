"""The operations that an augmentation computes with."""

from collections.abc import Callable
from typing import Any

from keras_seg._types import Tensor


class Namespace:
    """A namespace like `keras.ops`, and the few operations that differ between a model and `tf.data`.

    `tf.data` runs TensorFlow, also where the model is trained by JAX or PyTorch, while `keras.ops` works for the one
    backend it was imported with. Augmentation is written once, over a namespace that is either `KerasOps` or
    `TensorFlowOps`.
    """

    reads_by_axes = False
    """Whether rows and columns of an image are best read one after the other; its tensors are arrays then."""

    def __getattr__(self, name: str) -> Any:
        """An operation of the same name and arguments as in `keras.ops`."""
        raise AttributeError(f"{type(self).__name__} has no operation {name!r}")

    def random(self, seed: Any, count: Any, width: int) -> tuple[Tensor, Callable[[Any], Tensor]]:
        """Uniform draws (count, width), and a function that gives normal numbers of a shape, for a seed."""
        raise NotImplementedError

    def choose(self, active: Tensor, changed: Callable[[], Tensor], image: Tensor) -> Tensor:
        """The result of `changed` for the images that are `active`, bool (batch,), and `image` for the others."""
        return self.where(active[:, None, None, None], changed(), image)

    def filled(self, image: Tensor, across: Tensor, down: Tensor, fill: Any) -> Tensor:
        """An image that is 0 outside its frame, with the color `fill` there: where `across` or `down` is 0, not 1."""
        return image + fill * (1.0 - across * down)

    def colors_times(self, image: Tensor, matrix: Tensor) -> Tensor:
        """The colors of images (batch, height, width, channels) times matrices (batch or 1, channels, channels).

        Returns:
            The products, in the order of the pixels and in any shape.
        """
        batch, height, width, channels = self.shape(image)
        if isinstance(batch, int) and batch == 1:
            # A third faster for XLA than a batch of one.
            return self.matmul(self.reshape(image, (height * width, channels)), matrix[0])
        return self.matmul(self.reshape(image, (batch, height * width, channels)), matrix)

    def compiles(self, tensors: tuple[Tensor, ...]) -> bool:
        """Whether `compiled` compiles a computation over these tensors."""
        return False

    def compiled(self, stage: Callable[[], Any]) -> Any:
        """The result of a function without arguments, compiled where that is possible."""
        return stage()
