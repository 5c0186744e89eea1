"""Predicting images too large for one pass: tiles, how they are joined, and how far they disagree."""

from keras_seg.inference.tiling.seam_report import Disagreement, SeamReport, seam_report
from keras_seg.inference.tiling.tiled_predictor import TiledPredictor

__all__ = ["Disagreement", "SeamReport", "TiledPredictor", "seam_report"]
