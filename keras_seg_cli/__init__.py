"""The command line, `keras-seg`.

A separate package: importing `keras_seg` imports Keras and a backend, which takes seconds, and `--help` should answer
at once. The commands import `keras_seg` when they run.
"""

from keras_seg_cli.main import main

__all__ = ["main"]
