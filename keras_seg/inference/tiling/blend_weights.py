"""The weight of each tile at each of its pixels; the weights of all tiles sum to one everywhere."""

import numpy as np

from keras_seg.inference.tiling.tile_grid import TileAxis

# Share of a tile's side, as in nnU-Net and MONAI: at the middle of an edge the weight is exp(-8) of the center's.
_SIGMA = 1 / 8


def blend_weights(axis: TileAxis, blend: str) -> np.ndarray:
    """The weights of the tiles along one axis.

    With these along both axes, multiplied, the weights of all tiles sum to one at every pixel: the sum over a grid of
    products is the product of the sums.

    Args:
        axis: a `TileAxis`.
        blend: "gaussian" weights a tile by exp(-d^2 / (2 (tile / 8)^2)) at distance d from its center, "constant" takes
            the mean of the tiles, and "crop" takes the tile whose center is closer.

    Returns:
        float32 array (tiles, pixels of a tile).

    Reference: Isensee et al., "nnU-Net", Nature Methods 2021, methods, "Inference", on the Gaussian; Ronneberger et
        al., "U-Net", MICCAI 2015, figure 2, on tiles that output only pixels with full context.
    """
    starts = np.array(axis.starts)
    places = starts[:, None] + np.arange(axis.tile)
    if blend == "crop":
        cuts = np.array(axis.cuts)
        return ((places >= cuts[:-1, None]) & (places < cuts[1:, None])).astype("float32")
    if blend == "constant":
        profile = np.ones(axis.tile)
    else:
        middle = (axis.tile - 1) / 2
        profile = np.exp(-0.5 * ((np.arange(axis.tile) - middle) / (_SIGMA * axis.tile)) ** 2)
    total = np.zeros(axis.covered)
    for start in starts:
        total[start : start + axis.tile] += profile
    return (profile / total[places]).astype("float32")
