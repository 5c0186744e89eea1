"""`python -m keras_seg` is `keras-seg`."""

from keras_seg_cli import main

main()
