"""Training on all devices of one machine."""

import keras


def use_all_devices() -> None:
    """Divide every batch among the devices of this machine from now on, if there are several and the backend is JAX.

    On TensorFlow and PyTorch, Keras trains on one device.
    """
    if keras.backend.backend() != "jax" or keras.distribution.distribution() is not None:
        return
    if len(keras.distribution.list_devices()) > 1:
        keras.distribution.set_distribution(keras.distribution.DataParallel())
