"""Opening a run folder for the commands that use a trained model."""

from keras_seg_cli.start import keras_ready


def open_run(path):
    """The `RunFolder` at a path, which must hold a finished run, with Keras ready to load its model."""
    keras_ready()
    from keras_seg.training import RunFolder

    run = RunFolder(path)
    run.load_plan()
    run.check_trained()
    return run
