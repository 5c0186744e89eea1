"""A learning rate that follows the progress of a run, whether that is counted in steps or in minutes."""

import time

import keras

from keras_seg import _validation


class ProgressSchedule(keras.callbacks.Callback):
    """Warms the learning rate up, lets it fall to zero at the end, and ends the run there.

    With p in [0, 1] the share of the run that is done, the rate is `peak * p / warmup` up to `warmup`, and
    `peak * ((1 - p) / (1 - warmup)) ** power` after it. A run limited by time thus ends with a learning rate of zero
    like one limited by steps, on a fast machine and on a slow one: it is never cut off half-way.

    Args:
        peak: float, the highest learning rate.
        steps: int or None, the optimizer steps of the whole run.
        seconds: float or None, the length of the whole run. Exactly one of the two limits must be given.
        first_step: int, steps done before, for a resumed run. Defaults to 0.
        first_seconds: float, seconds spent before. Defaults to 0.
        warmup: float in [0, 1), share of the run. Defaults to 0.05.
        power: float, 1 falls in a straight line. Defaults to 0.9, that of DeepLab.

    Raises:
        ValueError: if an argument is not as above.

    Reference: the polynomial fall is that of Chen et al., "DeepLab" (2017), section 4.1.2.
    """

    def __init__(self, peak, *, steps=None, seconds=None, first_step=0, first_seconds=0.0, warmup=0.05, power=0.9):
        super().__init__()
        if (steps is None) == (seconds is None):
            _validation.fail("steps", "or `seconds` must be given, and not both", steps)
        self.peak = _validation.number("peak", peak, 0)
        self.steps = steps
        self.seconds = seconds
        self.step = first_step
        self.first_seconds = first_seconds
        self.warmup = _validation.number("warmup", warmup, 0, 0.99)
        self.power = _validation.number("power", power, 0)

    def on_train_begin(self, logs=None):
        """Start the clock."""
        self._start = time.monotonic()

    @property
    def elapsed(self):
        """Seconds of the run so far, those before a resumption included."""
        return self.first_seconds + time.monotonic() - self._start

    @property
    def progress(self):
        """Share of the run that is done, in [0, 1]."""
        done = self.step / self.steps if self.seconds is None else self.elapsed / self.seconds
        return min(1.0, done)

    def rate(self, progress):
        """The learning rate at a progress in [0, 1]."""
        if progress < self.warmup:
            return self.peak * progress / self.warmup
        return self.peak * ((1 - progress) / (1 - self.warmup)) ** self.power

    def on_train_batch_begin(self, batch, logs=None):
        """Set the rate of the step that follows."""
        if keras.backend.backend() == "jax":
            # In JAX's fit the variables live outside the model between callbacks; this brings them back to be assigned.
            self.model.jax_state_sync()
        # A step at rate zero would be wasted: the middle of the step counts, not its start.
        progress = self.progress if self.steps is None else (self.step + 0.5) / self.steps
        self.model.optimizer.learning_rate.assign(self.rate(progress))

    def on_train_batch_end(self, batch, logs=None):
        """Count the step, tell the callbacks that follow how far the run is, and end it when it is time."""
        self.step += 1
        progress = self.progress
        if logs is not None:
            logs["progress"] = progress
        if progress >= 1.0:
            self.model.stop_training = True
