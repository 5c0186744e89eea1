"""A learning rate that follows the progress of a run, counted in steps or in minutes."""

import time
from typing import cast

import keras

from keras_seg import _validation


class ProgressSchedule(keras.callbacks.Callback):
    """Warms the learning rate up, lowers it to zero over the run, and ends the run there.

    With p in [0, 1] the completed share of the run, the rate is `peak * p / warmup` up to `warmup`, and
    `peak * ((1 - p) / (1 - warmup)) ** power` after it. A run limited by time thus ends with a learning rate of zero,
    like a run limited by steps, on fast and on slow machines.

    Args:
        peak: float. The highest learning rate.
        steps: int or None. Optimizer steps of the whole run. Give either `steps` or `seconds`. Defaults to None.
        seconds: float or None. Length of the whole run. Defaults to None.
        first_step: int. Steps done before a resumption. Defaults to 0.
        first_seconds: float. Seconds spent before a resumption. Defaults to 0.
        warmup: float in [0, 0.99]. Share of the run in which the rate rises. Defaults to 0.05.
        power: float. 1 gives a straight line. Defaults to 0.9, as in DeepLab.

    Raises:
        InputError: an argument is not as above.

    Reference: polynomial decay as in Chen et al., "DeepLab" (2017), section 4.1.2.
    """

    def __init__(
        self,
        peak: float,
        *,
        steps: int | None = None,
        seconds: float | None = None,
        first_step: int = 0,
        first_seconds: float = 0.0,
        warmup: float = 0.05,
        power: float = 0.9,
    ) -> None:
        super().__init__()
        if (steps is None) == (seconds is None):
            _validation.fail("steps", "or `seconds` must be given, and not both", steps)
        if seconds is None and first_seconds:
            _validation.fail("first_seconds", "has no effect with `steps`", first_seconds, "Pass first_step.")
        if steps is None and first_step:
            _validation.fail("first_step", "has no effect with `seconds`", first_step, "Pass first_seconds.")
        self.peak = _validation.number("peak", peak, 0)
        self.steps = steps
        self.seconds = seconds
        self.step = first_step
        self.first_seconds = first_seconds
        self.warmup = _validation.number("warmup", warmup, 0, 0.99)
        self.power = _validation.number("power", power, 0)

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Start the clock."""
        self._start = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds of the run so far, including those before a resumption."""
        return self.first_seconds + time.monotonic() - self._start

    @property
    def progress(self) -> float:
        """Completed share of the run, in [0, 1]."""
        done = self.step / self.steps if self.steps is not None else self.elapsed / cast(float, self.seconds)
        return min(1.0, done)

    def rate(self, progress: float) -> float:
        """The learning rate at a progress in [0, 1]."""
        if progress < self.warmup:
            return self.peak * progress / self.warmup
        return self.peak * ((1 - progress) / (1 - self.warmup)) ** self.power

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Set the rate of the next step."""
        model = cast(keras.Model, self.model)
        if keras.backend.backend() == "jax":
            # Keras' fit on JAX keeps the variables outside of the model; this writes them back.
            model.jax_state_sync()
        # Progress at the middle of the step: at its start, the first rate would be zero and the step wasted.
        progress = self.progress if self.steps is None else (self.step + 0.5) / self.steps
        model.optimizer.learning_rate.assign(self.rate(progress))

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Count the step, put the progress into the logs for later callbacks, and end the run when it is complete."""
        self.step += 1
        progress = self.progress
        if logs is not None:
            logs["progress"] = progress
        if progress >= 1.0:
            cast(keras.Model, self.model).stop_training = True
