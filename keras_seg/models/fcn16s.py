"""FCN-16s: FCN-32s with the scores of pool4 added before the last enlargement."""

from keras_seg.models.fcn import fcn


def FCN16s(
    num_classes,
    *,
    input_shape=(None, None, 3),
    padding="same",
    filters=(64, 128, 256, 512, 512),
    fc_filters=4096,
    dropout=0.5,
    at_once=False,
    deconvolution="per_channel",
    deconvolution_trainable=False,
    activation="softmax",
    include_preprocessing=True,
    name="fcn16s",
):
    """FCN-16s: the scores of fc7 enlarged twice, added to scores of pool4, and enlarged 16 times.

    The score layers start at zero, and only they: the others take the weights of a trained `FCN32s` with
    `transfer_weights`, and the net starts from what that predicts but for its enlargement.

    Args:
        num_classes: int. Channels of the output.
        input_shape: (height, width, channels), where height and width may be None. Defaults to (None, None, 3).
        padding: `"same"`, where all maps are exactly aligned, after reflecting the image up to a multiple of 32; or
            `"valid"`, the authors' geometry: 100 pixels of zeros around the image, a "valid" fc6, and crops at offsets
            5 and 27. Either takes any size and returns it. Defaults to `"same"`.
        filters: five ints, of VGG16's blocks. Defaults to (64, 128, 256, 512, 512).
        fc_filters: int, of fc6 and fc7. Defaults to 4096.
        dropout: float in [0, 1), after fc6 and fc7. Defaults to 0.5.
        at_once: bool. Scale pool4 by 0.01 before scoring, which lets the net be trained
            in one stage rather than from the coarser net's weights. Defaults to False.
        deconvolution: `"per_channel"`, where each class is enlarged by itself; or `"dense"`, the authors' full kernels
            from all classes to all classes, zero at first but for the diagonal. Neither has a bias. Defaults to
            `"per_channel"`.
        deconvolution_trainable: bool, or `"intermediate"` for the paper's choice: learn all but the last enlargement.
            False keeps the enlargements bilinear. Frozen per-channel deconvolutions have no weights. Defaults to False.
        activation: `"softmax"`, `"sigmoid"`, or None for logits. Defaults to `"softmax"`.
        include_preprocessing: bool. True takes raw RGB in 0..255 and normalizes inside, as VGG16 was trained (BGR minus
            the mean color). Defaults to True.
        name: str. Defaults to "fcn16s".

    Returns:
        A functional `keras.Model` from `(batch, height, width, channels)` to `(batch, height, width,
        num_classes)`, float32. With 21 classes it has 134,357,354 parameters, and 134,815,994 with dense
        deconvolutions.

    Raises:
        ValueError: if an argument is not as above.

    Examples:
        >>> import keras_seg as ks
        >>> model = ks.models.FCN16s(num_classes=21, filters=(4, 8, 8, 8, 8), fc_filters=16)
        >>> model.output_shape
        (None, None, None, 21)

    Reference: Long, Shelhamer and Darrell, "Fully Convolutional Networks for Semantic Segmentation", CVPR 2015, section
        4.2 and figure 3; the at-once variant is that of Shelhamer, Long and Darrell, PAMI 2017.
    """
    return fcn(
        16,
        num_classes,
        input_shape,
        padding=padding,
        filters=filters,
        fc_filters=fc_filters,
        dropout=dropout,
        at_once=at_once,
        deconvolution=deconvolution,
        deconvolution_trainable=deconvolution_trainable,
        activation=activation,
        include_preprocessing=include_preprocessing,
        name=name,
    )
