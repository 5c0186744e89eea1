"""Prediction of images too large for one pass: tiles, their blending and their disagreement."""

from keras_seg.inference.tiling.geotiff import GeoTIFF
from keras_seg.inference.tiling.seam_report import Disagreement, SeamReport, seam_report
from keras_seg.inference.tiling.tiled_predictor import TiledPredictor

__all__ = ["Disagreement", "GeoTIFF", "SeamReport", "TiledPredictor", "seam_report"]
