"""Random changes of images together with all that belongs to their pixels."""

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, Self

import keras
import numpy as np

from keras_seg import _ops, _validation
from keras_seg._types import IgnoreClass, Size, Tensor
from keras_seg.augmentation.compiled_by_jax import JaxOps, compiled_on_cpu
from keras_seg.augmentation.geometry.step import GeometricStep
from keras_seg.augmentation.inputs import KEYS, TYPES, batched, check_shapes, checked_seed, namespace_for, unbatched
from keras_seg.augmentation.namespace import Namespace
from keras_seg.augmentation.numpy_ops import ops_on_numpy
from keras_seg.augmentation.photometric.step import LinearStep, Normal, Stage, has_eight_bits
from keras_seg.augmentation.random_crop import RandomCrop
from keras_seg.augmentation.recolor import recolor_and_mix
from keras_seg.augmentation.resample import check_frame, resample
from keras_seg.augmentation.tensorflow_ops import ops_on_tensorflow
from keras_seg.augmentation.transform import Transform

# Pixels of the result. Below, operations are so short that compiling takes longer than it saves in thousands of images.
_WORTH_COMPILING = 64 * 64
FILLS = ("mean", "reflect", "border")
Fill = float | Literal["mean", "reflect", "border"] | None
Interpolation = Literal["bilinear", "bicubic"]


@keras.saving.register_keras_serializable("keras_seg")
class Augmentation:
    """Random changes of an image together with its mask, weight map and instance ids.

    All geometry, wherever it stands in the list, is composed into one field of sampling points, and every pixel of the
    result is read once: images bilinear or bicubic, masks and ids nearest. Weights are read nearest too: a weight
    belongs to its pixel's label, and interpolation would mix the weights of neighboring classes, and give pixels of
    weight 0 a positive weight. The other transforms follow in the order of the list. Images, masks, weights and ids
    stay aligned to the pixel, and a mask never gets an id that it did not contain before, except the first
    `ignore_class`.

    Colors stay in 0..255, or in the range of the image where that is wider: standardized images keep what is below 0.
    `Gamma` and `JPEG` are for values in 0..255 alone.

    Calling it is a pure function of images and seed, for `tf.data` pipelines and NumPy. For batches inside a model, on
    every backend, wrap it in an `AugmentationLayer`.

    Args:
        transforms: list of transforms, such as `[Flip(), Rotate(15), Brightness(0.2)]`. Each has a `probability` in
            0..1 of changing an image, and raises `InputError` for arguments out of range. Defaults to none.
        crop: a `RandomCrop`, (height, width) or one int in pixels, or None for results of the size of the images.
            Defaults to None.
        ignore_class: int or ints, labels of pixels without a class. The first (smallest) one fills the mask outside the
            frame; weights and instance ids are 0 there. With None, masks and ids are mirrored or repeated like the
            image. Defaults to None.
        fill: content of the image outside its frame: "mean" (its mean color), a float in 0..255, "reflect" (mirrored)
            or "border" (repeated). Defaults to None: "mean" with an `ignore_class` and "reflect" without, when only
            "reflect" and "border" are possible.
        interpolation: "bilinear" or "bicubic" (Keys, a = -0.5; sharper, four times the reads), for images. Defaults to
            "bilinear".

    Raises:
        InputError: an argument is out of its range; in use, shapes that do not fit, a crop larger than the image
            without an `ignore_class`, and images that a transform refuses.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> augment = ks.augmentation.Augmentation(
        ...     [ks.augmentation.Flip(), ks.augmentation.Rotate(15), ks.augmentation.Brightness(0.2)],
        ...     crop=(32, 48),
        ...     ignore_class=255,
        ... )
        >>> image, mask = augment(np.full((40, 60, 3), 100, "uint8"), np.ones((40, 60), "uint8"), seed=(0, 1))
        >>> tuple(image.shape), tuple(mask.shape)
        ((32, 48, 3), (32, 48))
        >>> augment({"image": np.zeros((2, 40, 60, 3)), "weight": np.ones((2, 40, 60))}, seed=3)["weight"].shape[1:3]
        TensorShape([32, 48])

    Reference:
        Ronneberger, Fischer, Brox: U-Net, 2015, section 3.1, for deformation where images are few.
    """

    def __init__(
        self,
        transforms: Sequence[Any] = (),
        *,
        crop: RandomCrop | Size | None = None,
        ignore_class: IgnoreClass = None,
        fill: Fill = None,
        interpolation: Interpolation = "bilinear",
    ) -> None:
        if isinstance(transforms, Transform) or not isinstance(transforms, (list, tuple)):
            _validation.fail("transforms", "must be a list of transforms", transforms, "Put it in brackets: [Flip()].")
        self.transforms: tuple[Transform, ...] = tuple(_loaded(item) for item in transforms)
        for item in self.transforms:
            if isinstance(item, RandomCrop):
                _validation.fail("transforms", "cannot hold a RandomCrop", item, "Pass it as crop=RandomCrop(...).")
            if not isinstance(item, Transform):
                _validation.fail("transforms", "must hold transforms, such as Flip()", item)
        self.random_crop = _checked_crop(_loaded(crop))
        self.ignore_class = _validation.ignored_classes(ignore_class)
        if fill is not None and fill not in FILLS:
            if isinstance(fill, str):
                _validation.one_of("fill", fill, FILLS)
            fill = _validation.number("fill", fill, 0.0, 255.0)
        self.fill = fill
        self.interpolation = _validation.one_of("interpolation", interpolation, ("bilinear", "bicubic"))
        # Uniform numbers per image.
        self._draws = sum(1 + item._draws for item in self._all()) or 1

    @property
    def crop(self) -> tuple[int, int] | None:
        """(height, width) of the results, or None."""
        random_crop: Any = self.random_crop
        return random_crop.size if random_crop else None

    def __call__(
        self,
        image: Any,
        mask: Tensor | None = None,
        seed: Any = None,
        *,
        weight: Tensor | None = None,
        instances: Tensor | None = None,
    ) -> Any:
        """Augment one image or a batch.

        Args:
            image: tensor or array (height, width, channels) or (batch, height, width, channels), values 0..255; or a
                dict of "image" and any of "mask", "weight", "instances", None for a map that is missing.
            mask: integer (height, width), with the batch axis of the image; a last axis of 1 is kept. Or None.
            seed: int, or pair of ints. The same seed gives the same result. Images of a batch differ.
            weight: weights of the pixels, shaped as the mask, or None.
            instances: ids of objects, 0 for none, shaped as the mask, or None.

        Returns:
            A dict if one was given; otherwise the image, or a tuple of all maps that were given, in the order image,
            mask, weight, instances. Images and weights are float32, masks and instances int32.

        Raises:
            InputError: see the class.
        """
        given = {key: x for key, x in zip(KEYS, (image, mask, weight, instances), strict=True) if x is not None}
        if isinstance(image, dict):
            if len(given) > 1:
                name = list(given)[1]
                rule = "must be in the dict where `image` is one"
                _validation.fail(name, rule, np.shape(given[name]), f'Pass {{"image": ..., "{name}": ...}}.')
            results = self._augment({key: x for key, x in image.items() if x is not None}, seed)
            return {key: results.get(key) for key in image}
        results = tuple(self._augment(given, seed).values())
        return results[0] if len(results) == 1 else results

    def of_batch(self, image: Tensor, mask: Tensor, seeds: Tensor) -> tuple[Tensor, Tensor]:
        """Augment a batch on TensorFlow in which every image has its own seed.

        Each image gets the result it would get alone, in less time: `dataset.batch(8).map(augment.of_batch)`.

        Args:
            image: tensor (batch, height, width, channels), values 0..255; the number of images must be known.
            mask: integer (batch, height, width).
            seeds: ints (batch,) or pairs of ints (batch, 2).

        Returns:
            Images as float32 and masks as int32.

        Raises:
            InputError: shapes that do not fit, and transforms that need normal numbers or mix images.
        """
        ops = ops_on_tensorflow()
        given = {"image": ops.convert_to_tensor(image), "mask": ops.convert_to_tensor(mask)}
        if check_shapes(given):
            _validation.fail("image", "must be a batch", tuple(image.shape), "Add an axis: image[None].")
        unfit = [item for item in self.transforms if not isinstance(item, (GeometricStep, LinearStep))]
        if unfit:
            rule = "may only contain geometric and linear color transforms when each image has its own seed"
            _validation.fail("transforms", rule, unfit[0], "Augment image by image.")
        seeds, count = ops.convert_to_tensor(seeds), given["image"].shape[0]
        if count is None:
            _validation.fail("image", "must be a batch of a known number of images", tuple(given["image"].shape))
        if seeds.shape.rank not in (1, 2) or seeds.shape[0] != count:
            _validation.fail("seeds", f"must hold one seed per image ({count})", tuple(seeds.shape))
        # Drawn image by image, so that each has the numbers it would have alone.
        drawn = [ops.random(seed, 1, self._draws) for seed in ops.tf.unstack(seeds)]
        draws = ops.concatenate([uniform for uniform, _ in drawn], axis=0)
        results = self._run(ops, given, draws, random=drawn[0][1], single=False)
        return results["image"], results["mask"]

    def gains_by_batches(self, image: Any, mask: Any) -> bool:
        """Whether `of_batch` is possible and pays off for images and masks of these specs, one image each.

        A batch of inputs is a copy of them, which costs more than it saves where the crop is a small part of them, and
        steps that change few images would be computed for all. Without XLA nothing is gained.
        """
        if not self.crop or not image.shape.is_fully_defined() or not mask.shape.is_fully_defined():
            return False
        height, width = image.shape[:2]
        return self._pays_in_batches(height, width, image.dtype.size) and _ops.xla_works()

    def gains_by_array_batches(self, size: tuple[int, int] | None, itemsize: int) -> bool:
        """Whether `of_array_batch` is possible and pays off for images of one size: JAX must be the backend.

        Args:
            size: (height, width) of all images, or None if they differ.
            itemsize: int. Bytes per value.
        """
        if keras.backend.backend() != "jax" or not self.crop or size is None:
            return False
        return self._pays_in_batches(*size, itemsize)

    def _pays_in_batches(self, height: int, width: int, itemsize: int) -> bool:
        assert self.crop is not None
        read, made = height * width * itemsize, self.crop[0] * self.crop[1]
        linear = all(isinstance(item, (GeometricStep, LinearStep)) for item in self.transforms)
        return linear and made >= _WORTH_COMPILING and read <= 4 * made

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as JSON types."""
        return {
            "transforms": [keras.saving.serialize_keras_object(item) for item in self.transforms],
            "crop": self.random_crop and keras.saving.serialize_keras_object(self.random_crop),
            "ignore_class": list(self.ignore_class) or None,
            "fill": self.fill,
            "interpolation": self.interpolation,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The augmentation that `get_config` described."""
        return cls(**config)

    def __getstate__(self) -> dict[str, Any]:
        """What is sent to another process: what was compiled belongs to this one."""
        return {name: value for name, value in vars(self).items() if name != "_compiled"}

    def of_arrays(self, image: np.ndarray, mask: np.ndarray, seed: Any) -> tuple[np.ndarray, np.ndarray]:
        """Augment one image in NumPy on every backend, with the draws of TensorFlow.

        Args:
            image: array (height, width, channels), values 0..255.
            mask: integer array (height, width).
            seed: int, or pair of ints.

        Returns:
            The image as float32 and the mask as int32.

        Raises:
            InputError: see the class.
        """
        found = self._augment({"image": image, "mask": mask}, seed, ops_on_numpy())
        return found["image"], found["mask"]

    def of_array_batch(
        self, image: np.ndarray, mask: np.ndarray, seeds: Sequence[Any]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Augment a batch by JAX on the CPU, each image as `of_arrays` would alone, in less time.

        Args:
            image: array (batch, height, width, channels), values 0..255.
            mask: integer array (batch, height, width).
            seeds: sequence of ints, or pairs of ints.

        Returns:
            Images as float32 and masks as int32.
        """
        ops = ops_on_numpy()
        draws = np.concatenate([ops.random(seed, 1, self._draws)[0] for seed in seeds])
        return self._compiled(image, mask, draws)

    @functools.cached_property
    def _compiled(self) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
        def run(image: Tensor, mask: Tensor, draws: Tensor) -> tuple[Tensor, Tensor]:
            given = {"image": image, "mask": mask}
            results = self._run(JaxOps(), given, draws, random=_no_normal, single=False)
            return results["image"], results["mask"]

        return compiled_on_cpu(run)

    def _augment(self, given: dict[str, Tensor], seed: Any, ops: Namespace | None = None) -> dict[str, Tensor]:
        """The dict of results for a dict of arguments, by the operations of their library unless others are given."""
        seed = checked_seed(seed)
        ops = ops or namespace_for(given.values())
        given = {key: ops.convert_to_tensor(value) for key, value in given.items()}
        single = check_shapes(given)
        count = 1 if single else ops.shape(given["image"])[0]
        draws, random = ops.random(seed, count, self._draws)
        return self._run(ops, given, draws, random=random, single=single)

    def _run(
        self, ops: Namespace, given: dict[str, Tensor], draws: Tensor, *, random: Normal, single: bool
    ) -> dict[str, Tensor]:
        """The dict of results for tensors and their draws."""
        batch = {key: ops.reshape(value, batched(ops, key, value, single=single)) for key, value in given.items()}
        self._check(batch)
        if single:
            self._check_mixing()
        # Stages are compiled one by one, as XLA would fuse a later one into all that reads its result, and compute the
        # earlier one again for each.
        stage = _call
        if ops.compiles((*batch.values(), draws)):
            height, width = self.crop or batch["image"].shape[1:3]
            stage = ops.compiled if height * width >= _WORTH_COMPILING else _call
        results = self._apply(ops, batch, draws, random=random, stage=stage)
        return {key: ops.reshape(x, unbatched(ops, x, given[key], single=single)) for key, x in results.items()}

    def _apply(
        self, ops: Namespace, batch: dict[str, Tensor], draws: Tensor, *, random: Normal, stage: Stage | None = None
    ) -> dict[str, Tensor]:
        """The augmentation as a pure function.

        Args:
            ops: the namespace to compute with: `ops_of_keras()` or `ops_on_tensorflow()`.
            batch: dict of "image" (batch, height, width, channels) and any of "mask", "weight", "instances" (batch,
                height, width, 1).
            draws: float32 (batch, self._draws), uniform in [0, 1).
            random: function of a shape that gives normal numbers.
            stage: runs a function without arguments, one per stage of the computation, or None to call it.

        Returns:
            A dict of the same keys: image and weight float32, mask and instances int32.
        """
        stage = stage or _call
        pairs, start = [], 0
        for item in self._all():
            pairs.append((item, draws[:, start : start + 1 + item._draws]))
            start += 1 + item._draws
        crop_draws = pairs.pop()[1] if self.random_crop else None
        used = self._steps(batch["image"].shape[-1])
        pairs = [(item, own) for item, own in pairs if item in used]
        geometry = [(item, own) for item, own in pairs if isinstance(item, GeometricStep)]
        others = [(item, own) for item, own in pairs if not isinstance(item, GeometricStep)]
        mean, eight_bits = None, has_eight_bits(batch["image"])
        if geometry or self.random_crop:
            batch, mean = resample(
                ops, batch, self, steps=geometry, crop_draws=crop_draws, one=draws[:, 0], stage=stage
            )
        batch = {key: ops.cast(x, TYPES[key]) for key, x in batch.items()}
        return recolor_and_mix(
            ops,
            batch,
            others,
            mean=mean,
            random=random,
            stage=stage,
            eight_bits=eight_bits,
            ignore_class=self.ignore_class,
        )

    def _all(self) -> Iterable[Any]:
        """All transforms that draw numbers, the crop last."""
        return (*self.transforms, *([self.random_crop] if self.random_crop else []))

    def _steps(self, channels: int) -> Sequence[Transform]:
        """The transforms that are applied to images with this number of channels."""
        return self.transforms

    def _check(self, batch: dict[str, Tensor]) -> None:
        """Refuse, as far as shapes are known, a batch that the transforms cannot change."""
        _, height, width, channels = batch["image"].shape
        if channels is None:
            _validation.fail("image", "must have a known number of channels", tuple(batch["image"].shape))
        steps = self._steps(channels)
        for item in steps:
            item._check(batch, self.ignore_class)
        if not self.ignore_class and len(batch) > 1:
            check_frame(self, [item for item in steps if isinstance(item, GeometricStep)], size=(height, width))

    def _check_mixing(self) -> None:
        """Refuse transforms that mix images where there is one image, and no batch."""
        for name in (type(item).__name__ for item in self.transforms if item._mixes_images):
            _validation.fail(
                "image",
                f"must come in batches for {name}, which mixes images",
                "one image",
                f"Augment after batching: dataset.batch(8).map(...), or leave {name} out.",
            )


def _checked_crop(crop: Any) -> RandomCrop | None:
    if crop is None or isinstance(crop, RandomCrop):
        return crop
    return RandomCrop(_validation.pair("crop", crop))


def _loaded(item: Any) -> Any:
    """The object that a config describes; other objects as they are."""
    return keras.saving.deserialize_keras_object(item) if isinstance(item, dict) else item


def _no_normal(shape: Any) -> Tensor:
    """Linear transforms draw no normal numbers."""
    raise NotImplementedError


def _call(stage: Any) -> Any:
    """The result of a function without arguments."""
    return stage()
