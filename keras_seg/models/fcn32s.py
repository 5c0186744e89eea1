"""FCN-32s: a classifier made fully convolutional, its scores enlarged 32 times."""

from keras_seg.models.fcn import fcn


def FCN32s(
    num_classes,
    *,
    input_shape=(None, None, 3),
    padding="same",
    filters=(64, 128, 256, 512, 512),
    fc_filters=4096,
    dropout=0.5,
    deconvolution="per_channel",
    deconvolution_trainable=False,
    activation="softmax",
    include_preprocessing=True,
    name="fcn32s",
):
    """FCN-32s: VGG16 with its dense layers turned into convolutions, scored and enlarged 32 times at once.

    The score layer starts at zero, and only it: give the others weights of VGG16 with `transfer_weights`.

    Args:
        num_classes: int. Channels of the output.
        input_shape: (height, width, channels), where height and width may be None. Defaults to (None, None, 3).
        padding: `"same"`, where all maps are exactly aligned, after reflecting the image up to a multiple of 32; or
            `"valid"`, the authors' geometry: 100 pixels of zeros around the image, a "valid" fc6, and crops at offset
            19. Either takes any size and returns it. Defaults to `"same"`.
        filters: five ints, of VGG16's blocks. Defaults to (64, 128, 256, 512, 512).
        fc_filters: int, of fc6 and fc7. Defaults to 4096.
        dropout: float in [0, 1), after fc6 and fc7. Defaults to 0.5.
        deconvolution: `"per_channel"`, where each class is enlarged by itself; or `"dense"`, the authors' full kernels
            from all classes to all classes, zero at first but for the diagonal. Neither has a bias. Defaults to
            `"per_channel"`.
        deconvolution_trainable: bool. False keeps
            the enlargement bilinear. Frozen per-channel deconvolutions have no weights. Defaults to False.
        activation: `"softmax"`, `"sigmoid"`, or None for logits. Defaults to `"softmax"`.
        include_preprocessing: bool. True takes raw RGB in 0..255 and normalizes inside, as VGG16 was trained (BGR minus
            the mean color). Defaults to True.
        name: str. Defaults to "fcn32s".

    Returns:
        A functional `keras.Model` from `(batch, height, width, channels)` to `(batch, height, width,
        num_classes)`, float32. With 21 classes it has 134,346,581 parameters, and 136,152,917 with dense
        deconvolutions.

    Raises:
        ValueError: if an argument is not as above.

    Examples:
        >>> import keras_seg as ks
        >>> model = ks.models.FCN32s(num_classes=21, filters=(4, 8, 8, 8, 8), fc_filters=16)
        >>> model.output_shape
        (None, None, None, 21)

    Reference: Long, Shelhamer and Darrell, "Fully Convolutional Networks for Semantic Segmentation", CVPR 2015,
        sections 3.1, 3.3 and 4.1.
    """
    return fcn(
        32,
        num_classes,
        input_shape,
        padding=padding,
        filters=filters,
        fc_filters=fc_filters,
        dropout=dropout,
        at_once=False,
        deconvolution=deconvolution,
        deconvolution_trainable=deconvolution_trainable,
        activation=activation,
        include_preprocessing=include_preprocessing,
        name=name,
    )
