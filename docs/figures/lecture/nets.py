"""Small models that several figures share, trained for seconds on generated images of cells."""

import functools
import itertools

import keras
import numpy as np

import keras_seg as ks

SIDE = 96
TRAIN, TEST = range(1000, 1040), range(2000, 2012)  # Seeds of the images.
BATCH, CROP = 8, 64


@functools.cache
def cells(seeds):
    """Images of touching cells and their target classes: 0 background, 1 body, 2 border between two cells."""
    scenes = [ks.data.cells_scene(seed, image_size=(SIDE, SIDE)) for seed in seeds]
    classes = [ks.data.instance_targets(ids, border_width=2).classes for _, ids in scenes]
    return np.stack([image for image, _ in scenes]).astype("float32"), np.stack(classes).astype("int32")


def class_weights(classes):
    """One over the square root of each class's share."""
    return tuple(float(w) for w in ks.data.class_weights(np.bincount(classes.ravel()), rule="square_root"))


@functools.cache
def patch_classifier(steps=250, size=32):
    """LeNet, trained to predict the class of the center pixel of a patch; classes alternate."""
    keras.utils.set_random_seed(1)
    images, classes = cells(TRAIN)
    half, rng = size // 2, np.random.default_rng(0)
    inner = classes[:, half : SIDE - half, half : SIDE - half]
    places = [np.argwhere(inner == number) for number in range(3)]
    drawn = [places[n % 3][rng.integers(len(places[n % 3]))] for n in range(64 * steps)]
    patches = np.stack([images[i, row : row + size, column : column + size] for i, row, column in drawn])
    model = ks.models.PatchClassifier(num_classes=3, input_shape=(size, size, 3))
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy")
    model.fit(patches, np.arange(len(drawn)) % 3, batch_size=64, epochs=1, verbose=0)
    return model


@functools.cache
def unet(skips=True, steps=160):
    """A U-Net with three pooling layers on cells, or the same network without its skip connections."""
    keras.utils.set_random_seed(2)
    model = ks.models.UNet(num_classes=3, filters=8, depth=3) if skips else without_skips()
    images, classes = (pixels[:, :CROP, :CROP] for pixels in cells(TRAIN))
    loss = ks.losses.Crossentropy(class_weights=class_weights(classes))
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(5e-3, steps)), loss, jit_compile=False)
    order = itertools.chain.from_iterable(np.random.default_rng(epoch).permutation(len(images)) for epoch in range(999))
    chosen = np.fromiter(itertools.islice(order, steps * BATCH), int)
    model.fit(images[chosen], classes[chosen], batch_size=BATCH, shuffle=False, verbose=0)
    return model


def without_skips(filters=(8, 16, 32, 64)):
    """Encoder and decoder of the same widths; detail lost in pooling is not recovered."""
    image = keras.Input((None, None, 3))
    x = keras.layers.Rescaling(1 / 127.5, -1)(image)
    for width in filters:
        if width != filters[0]:
            x = keras.layers.MaxPooling2D()(x)
        for _ in range(2):
            x = keras.layers.Conv2D(width, 3, padding="same", use_bias=False)(x)
            x = keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.95)(x))
    for width in filters[-2::-1]:
        x = ks.layers.UpsampleConv(width)(x)
        x = keras.layers.Conv2D(width, 3, padding="same", use_bias=False)(x)
        x = keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.95)(x))
    return keras.Model(image, keras.layers.Conv2D(3, 1, activation="softmax")(x))
