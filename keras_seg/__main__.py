"""`python -m keras_seg` is `keras-seg`."""

from keras_seg.cli import main

main()
