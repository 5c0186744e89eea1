"""`python -m keras_seg_cli` is `keras-seg`."""

from keras_seg_cli.main import main

main()
