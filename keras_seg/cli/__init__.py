"""The command line, `keras-seg`."""

from keras_seg.cli.main import main

__all__ = ["main"]
