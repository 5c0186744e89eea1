"""An image file, and where its predictions go."""

import pathlib
from typing import NamedTuple

from keras_seg._decoding.geo_raster import has_rasterio
from keras_seg._validation import InputError
from keras_seg.inference.tiling.written_rows import is_interrupted
from keras_seg.training.prediction_inputs import is_map, is_raster


class PredictionFile(NamedTuple):
    """An image file and where its predictions go: `overlay` is None for rasters, `mask` may be a folder.

    Georeferenced TIFFs are rasters too.
    """

    image: pathlib.Path
    mask: pathlib.Path
    overlay: pathlib.Path | None

    @property
    def targets(self) -> tuple[pathlib.Path, ...]:
        """The files or folders that are written, in this order."""
        return (self.mask,) if self.overlay is None else (self.mask, self.overlay)

    @property
    def finished(self) -> bool:
        """Whether all of them are there, and none is an old one that an interrupted run was about to replace."""
        return all(target.exists() and not is_interrupted(target) for target in self.targets)


def prediction_file(
    image: pathlib.Path, folder: pathlib.PurePath, out: pathlib.Path, *, folders: bool = False, maps: bool = True
) -> PredictionFile:
    """Where the predictions of one image go; `folder` is the one below the folder that was named.

    Other arguments: those of `prediction_files`.

    Raises:
        InputError: the image would be overwritten.
    """
    on_map = maps and is_map(image) and (has_rasterio() or is_raster(image))
    raster = is_raster(image) or on_map
    ending = ".tif" if on_map else image.suffix if raster else "" if folders else ".png"
    mask = out / "masks" / folder / f"{image.stem}{ending}"
    overlay = None if raster else out / "overlays" / folder / f"{image.stem}.png"
    file = PredictionFile(image, mask, overlay)
    if any(target.resolve() == image.resolve() for target in file.targets):
        raise InputError(f"{image}: would be overwritten by its own prediction. Choose another folder.")
    return file
