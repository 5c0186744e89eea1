"""Layers that a user made of a known one: nothing that knows the kind alone may fold, replace or remove them."""

import inspect


def own(kind):
    """A subclass of a layer that computes something else, at inference too."""

    takes_training = "training" in inspect.signature(kind.call).parameters

    class Own(kind):
        def call(self, inputs, training=None):
            return 0.5 - super().call(inputs, **({"training": training} if takes_training else {}))

    return Own
