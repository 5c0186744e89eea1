"""Random changes of images together with all that belongs to their pixels."""

import functools
import itertools

import keras

from keras_seg import _ops, _validation
from keras_seg.augmentation.draws import checked_seed, uniform_and_normal
from keras_seg.augmentation.geometry import sampling
from keras_seg.augmentation.geometry.elastic import Elastic
from keras_seg.augmentation.geometry.field import plan_field, sampling_points
from keras_seg.augmentation.geometry.step import GeometricStep
from keras_seg.augmentation.inputs import KEYS, TYPES, batched, check, namespace, unbatched
from keras_seg.augmentation.mixing.cutout import Cutout
from keras_seg.augmentation.mixing.step import MixingStep
from keras_seg.augmentation.photometric import step as photometric
from keras_seg.augmentation.photometric.step import LinearStep, PhotometricStep
from keras_seg.augmentation.random_crop import RandomCrop, centered
from keras_seg.augmentation.tensorflow_ops import ops_on_tensorflow
from keras_seg.augmentation.transform import Transform

# Pixels of the result. Below, operations are so short that compiling takes longer than it saves in thousands of images.
_WORTH_COMPILING = 64 * 64
FILLS = ("mean", "reflect", "border")


@keras.saving.register_keras_serializable("keras_seg")
class Augmentation:
    """Random changes of an image together with its mask, weight map and instance ids.

    All geometry, wherever it stands in the list, is composed to one field of sampling points, and every pixel of the
    result is read once: images bilinear or bicubic, masks and ids nearest. Weights are read nearest too: a weight
    belongs to its pixel's label, and interpolation would give pixels of one class the weights of its neighbor, and
    weight to pixels that have 0. The other transforms follow in the order of the list. What images, masks, weights and
    ids show stays aligned to the pixel, and no mask ever holds an id that it did not hold before, except the first
    `ignore_class`.

    Calling it is a pure function of images and seed, for `tf.data` pipelines and NumPy. For batches inside a model, on
    every backend, wrap it in an `AugmentationLayer`.

    Args:
        transforms: list of transforms, such as `[Flip(), Rotate(15), Brightness(0.2)]`.
        crop: a `RandomCrop`, (height, width) or one int in pixels, or None for results of the size of the images.
        ignore_class: label or labels that mark pixels without a class. The first (smallest) one fills what leaves the
            frame; weights and instance ids are 0 there. With None masks and ids show there what `fill` shows of the
            image.
        fill: what the image shows outside its frame: "mean" (its mean color), a number in 0..255, "reflect" (mirrored)
            or "border" (repeated). By default "mean" with an `ignore_class` and "reflect" without, when only "reflect"
            and "border" can be had: masks must show something too.
        interpolation: "bilinear" (the default) or "bicubic" (Keys, a = -0.5; sharper, four times the reads), for
            images.

    Raises:
        InputError: an argument is out of its range; in use, shapes that do not fit, a crop larger than the image
            without an `ignore_class`, and what the transforms refuse.

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
        Ronneberger, Fischer, Brox: U-Net, 2015, section 3.1, for why deformation matters where images are few.
    """

    def __init__(self, transforms=(), *, crop=None, ignore_class=None, fill=None, interpolation="bilinear"):
        if isinstance(transforms, Transform) or not isinstance(transforms, (list, tuple)):
            _validation.fail("transforms", "must be a list of transforms", transforms, "Put it in brackets: [Flip()].")
        self.transforms = tuple(
            keras.saving.deserialize_keras_object(t) if isinstance(t, dict) else t for t in transforms
        )
        for item in self.transforms:
            if isinstance(item, RandomCrop):
                _validation.fail("transforms", "cannot hold a RandomCrop", item, "Pass it as crop=RandomCrop(...).")
            if not isinstance(item, Transform):
                _validation.fail("transforms", "must hold transforms, such as Flip()", item)
        if isinstance(crop, dict):
            crop = keras.saving.deserialize_keras_object(crop)
        if crop is not None and not isinstance(crop, RandomCrop):
            crop = RandomCrop(_validation.pair("crop", crop))
        self.random_crop = crop
        self.ignore_class = _validation.ignored_classes(ignore_class)
        if fill is not None and fill not in FILLS:
            if isinstance(fill, str):
                _validation.one_of("fill", fill, FILLS)
            fill = _validation.number("fill", fill, 0.0, 255.0)
        self.fill = fill
        self.interpolation = _validation.one_of("interpolation", interpolation, ("bilinear", "bicubic"))
        self._compiled = None

    @property
    def crop(self):
        """(height, width) of the results, or None."""
        return self.random_crop and self.random_crop.size

    def __call__(self, image, mask=None, seed=None, weight=None, instances=None):
        """Augment one image or a batch.

        Args:
            image: tensor or array (height, width, channels) or (batch, height, width, channels), values 0..255; or a
                dict of "image" and any of "mask", "weight", "instances".
            mask: integer (height, width), with the batch axis of the image; a last axis of 1 is kept. Or None.
            seed: an int, or a pair of ints. The same seed gives the same result. Images of a batch differ.
            weight: weights of the pixels, shaped as the mask, or None.
            instances: ids of objects, 0 for none, shaped as the mask, or None.

        Returns:
            A dict if one was given; otherwise the image, or a tuple of all that was given, in the order of the
            arguments image, mask, weight, instances. Images and weights are float32, masks and instances int32.
        """
        if isinstance(image, dict):
            return self._augment(image, seed)
        given = zip(KEYS, (image, mask, weight, instances), strict=True)
        results = tuple(self._augment({key: value for key, value in given if value is not None}, seed).values())
        return results if len(results) > 1 else results[0]

    def of_batch(self, image, mask, seeds):
        """Augment a batch on TensorFlow in which every image has its own seed.

        Each image gets what it would get by itself, in less time: `dataset.batch(8).map(augment.of_batch)`.

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
        if check(given):
            _validation.fail("image", "must be a batch", tuple(image.shape), "Add an axis: image[None].")
        unfit = [item for item in self.transforms if not isinstance(item, (GeometricStep, LinearStep))]
        if unfit:
            _validation.fail(
                "transforms",
                "of a batch with a seed for each image can be geometry and linear colors",
                unfit[0],
                "Augment image by image.",
            )
        seeds, count = ops.convert_to_tensor(seeds), given["image"].shape[0]
        if count is None or seeds.shape.rank not in (1, 2) or seeds.shape[0] != count:
            _validation.fail("seeds", f"must be one seed an image, known to be {count}", tuple(seeds.shape))
        # Drawn image by image, so that each has the numbers it would have by itself.
        draws = ops.concatenate(
            [uniform_and_normal(ops, seed, 1, self.draws)[0] for seed in ops.tf.unstack(seeds)], axis=0
        )
        results = self._run(ops, given, draws, None, False)
        return results["image"], results["mask"]

    def gains_by_batches(self, image, mask):
        """Whether `of_batch` can be used and is worth it for images and masks of these specs, one image each.

        A batch of inputs is a copy of them, which costs more than it spares where the crop is a small part of them,
        and steps that change few images would change all. Without XLA nothing is gained.
        """
        if not self.crop or not image.shape.is_fully_defined() or not mask.shape.is_fully_defined():
            return False
        read, made = image.shape[0] * image.shape[1] * image.dtype.size, self.crop[0] * self.crop[1]
        linear = all(isinstance(item, (GeometricStep, LinearStep)) for item in self.transforms)
        return linear and made >= _WORTH_COMPILING and read <= 4 * made and _ops.xla_works()

    def _augment(self, given, seed):
        """The dict of results for a dict of arguments."""
        seed = checked_seed(seed)
        ops = namespace(given.values())
        given = {key: ops.convert_to_tensor(value) for key, value in given.items()}
        single = check(given)
        count = 1 if single else ops.shape(given["image"])[0]
        draws, random = uniform_and_normal(ops, seed, count, self.draws)
        return self._run(ops, given, draws, random, single)

    def _run(self, ops, given, draws, random, single):
        """The dict of results for tensors and their draws."""
        batch = {key: ops.reshape(value, batched(ops, key, value, single)) for key, value in given.items()}
        self.check(batch)
        results = self.apply(ops, batch, draws, random, self._stage(ops, (*batch.values(), draws)))
        return {key: ops.reshape(x, unbatched(ops, x, given[key], single)) for key, x in results.items()}

    def _stage(self, ops, tensors):
        """How a stage of `apply` is run: compiled by XLA in a TensorFlow graph, such as that of `tf.data`.

        Compiled, a stage is one pass over memory instead of dozens. Only where sizes are known: compiling again for
        each size would take far longer. Stages are compiled one by one, as XLA would fuse a later one into all that
        reads its result, and compute the earlier one again for each.
        """
        if not hasattr(ops, "tf") or not ops.tf.inside_function() or not _ops.xla_works():
            return run
        if not all(x.shape.is_fully_defined() for x in tensors):
            return run
        height, width = self.crop or tensors[0].shape[1:3]
        if height * width < _WORTH_COMPILING:
            return run
        return lambda stage: ops.tf.function(stage, jit_compile=True, autograph=False)()

    @functools.cached_property
    def draws(self):
        """Uniform numbers for one image."""
        return sum(1 + item.draws for item in self._all()) or 1

    def _all(self):
        return (*self.transforms, *([self.random_crop] if self.random_crop else []))

    def steps(self, channels):
        """The transforms that are applied to images of so many channels."""
        return self.transforms

    def check(self, batch):
        """Refuse, as far as shapes are known, what the transforms cannot do with this batch."""
        _, height, width, channels = batch["image"].shape
        if channels is None:
            _validation.fail("image", "must have a known number of channels", tuple(batch["image"].shape))
        steps = self.steps(channels)
        for item in steps:
            if isinstance(item, PhotometricStep):
                item.check(channels)
            if isinstance(item, Cutout) and batch.keys() & {"mask", "weight", "instances"}:
                item.check(self.ignore_class)
        if self.ignore_class or len(batch) == 1:
            return
        geometry = [item for item in steps if isinstance(item, GeometricStep)]
        if all(item.stays_inside for item in geometry):
            fits = any(getattr(item, "fit", False) for item in geometry)
            smaller = self.crop and not fits and (self.crop[0] > (height or 1e9) or self.crop[1] > (width or 1e9))
            if smaller and self.fill not in ("reflect", "border"):
                _validation.fail(
                    "crop",
                    f"is larger than the image, {height}x{width}, and no ignore_class stands for what lies outside",
                    self.crop,
                    'Pass ignore_class, a smaller crop, or fill="reflect".',
                )
        elif self.fill not in (None, "reflect", "border"):
            _validation.fail(
                "fill",
                "leaves the mask without a label outside the frame where ignore_class is None",
                self.fill,
                'Pass ignore_class, or fill="reflect".',
            )

    def apply(self, ops, batch, draws, random, stage=None):
        """The augmentation as a pure function.

        Args:
            ops: the namespace to compute with: `keras.ops` or `ops_on_tensorflow()`.
            batch: dict of "image" (batch, height, width, channels) and any of "mask", "weight", "instances" (batch,
                height, width, 1).
            draws: float32 (batch, self.draws), uniform in [0, 1).
            random: `random(shape)` gives normal numbers.
            stage: runs a function without arguments, one for each stage of the computation, or None to call it.

        Returns:
            A dict of the same keys: image and weight float32, mask and instances int32.
        """
        steps = self.steps(batch["image"].shape[-1])
        own, start = {}, 0
        for item in self._all():
            own[id(item), start] = draws[:, start : start + 1 + item.draws]
            start += 1 + item.draws
        # By position and not by object alone: the same transform may stand in the list twice.
        parts = [(item, own[key]) for item, key in zip(self._all(), own, strict=True)]
        crop_draws = parts.pop()[1] if self.random_crop else None
        parts = [(item, part) for item, part in parts if item in steps]
        stage = stage or run
        geometry = [p for p in parts if isinstance(p[0], GeometricStep)]
        changes = [p for p in parts if not isinstance(p[0], GeometricStep)]
        mean = None
        if geometry or self.random_crop:
            batch, mean = self._move(ops, batch, geometry, crop_draws, draws[:, 0], stage)
        batch = {key: ops.cast(x, TYPES[key]) for key, x in batch.items()}
        return self._change(ops, batch, changes, mean, random, stage)

    def _move(self, ops, batch, parts, crop_draws, one, stage):
        """The geometry, and the mean color of the images before it."""
        steps = [step for step, _ in parts]
        size = ops.shape(batch["image"])[1:3]
        fill = self.fill or ("mean" if self.ignore_class else "reflect")
        exact = all(step.whole_pixels for step in steps)
        mask = ops.cast(batch["mask"][..., 0], "int32") if "mask" in batch else None
        field = functools.partial(self._field, ops, steps, [own for _, own in parts], crop_draws, one, size, mask)
        # A field that is costly to compute is computed once, and not for each map that is read there.
        way = stage(field) if any(isinstance(step, Elastic) for step in steps) else None

        def read():
            points = sampling.Points.at(ops, *(way or field()), size, reflect=fill == "reflect")
            mean = photometric.mean_color(ops, batch["image"])
            moved = self._read_labels(ops, {key: x for key, x in batch.items() if key != "image"}, points)
            return {"image": self._read_image(ops, batch["image"], points, fill, mean, exact), **moved}, mean

        return stage(read)

    def _field(self, ops, steps, draws, crop_draws, one, size, mask):
        """Where each pixel of the result is read."""
        target = self.crop or size
        way, frame = plan_field(ops, steps, draws, one=one, size=size, target=target)
        if self.random_crop:
            corner = self.random_crop.corner(ops, crop_draws, frame, way, mask)
        else:
            room = (frame.width - ops.cast(target[1], "float32"), frame.height - ops.cast(target[0], "float32"))
            corner = tuple(centered(ops, side) for side in room)
        return sampling_points(ops, way, any(step.projective for step in steps), frame=frame, corner=corner, size=size)

    def _read_image(self, ops, image, points, fill, mean, exact):
        """The images at the points; `exact` where these are pixel centers."""
        filled = fill not in ("reflect", "border")
        across, down = (known[..., None] for known in points.inside(ops))
        if self.interpolation == "bilinear" and not exact:
            result = sampling.linear(ops, image, points, points.inside(ops) if filled else None)
        else:
            result = sampling.nearest(ops, image, points) if exact else sampling.cubic(ops, image, points)
            result = ops.clip(ops.cast(result, "float32"), 0.0, 255.0)
            result = result * (across * down) if filled else result
        if not filled:
            return result
        return result + (mean[:, None, None] if fill == "mean" else fill) * (1.0 - across * down)

    def _read_labels(self, ops, labels, points):
        """The maps that belong to the image at the points."""
        moved = {key: ops.cast(sampling.nearest(ops, x, points), TYPES[key]) for key, x in labels.items()}
        if not self.ignore_class:
            return moved
        outside = points.outside(ops)[..., None]
        voids = {"mask": self.ignore_class[0], "weight": 0.0, "instances": 0}
        return {key: ops.where(outside, voids[key], x) for key, x in moved.items()}

    def _change(self, ops, batch, parts, mean, random, stage):
        """Colors and mixing, in the order of the list."""
        for linear, group in itertools.groupby(parts, lambda part: isinstance(part[0], LinearStep)):
            steps, draws = zip(*group, strict=True)
            if linear:
                colors = functools.partial(photometric.compose, ops, steps, draws, batch["image"], mean)
                batch = {**batch, "image": stage(colors)}
                mean = None
                continue
            mean = None  # Not known any more.
            for step, own in zip(steps, draws, strict=True):
                if isinstance(step, PhotometricStep):
                    batch = {**batch, "image": step.run(ops, batch["image"], own, random, stage)}
                else:
                    batch = stage(functools.partial(step.apply, ops, batch, own, self))
        return batch

    @property
    def mixes(self):
        """Whether images of a batch are mixed."""
        return any(isinstance(item, MixingStep) for item in self.transforms)

    def get_config(self):
        """The constructor's arguments, as JSON types."""
        return {
            "transforms": [keras.saving.serialize_keras_object(item) for item in self.transforms],
            "crop": self.random_crop and keras.saving.serialize_keras_object(self.random_crop),
            "ignore_class": list(self.ignore_class) or None,
            "fill": self.fill,
            "interpolation": self.interpolation,
        }

    @classmethod
    def from_config(cls, config):
        """The augmentation that `get_config` described."""
        return cls(**config)


def run(stage):
    """The result of a function without arguments."""
    return stage()
