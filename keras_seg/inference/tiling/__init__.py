"""Predicting images too large for one pass: tiles, how they are joined, and how far they disagree."""

from keras_seg.inference.tiling.tiled_predictor import TiledPredictor

__all__ = ["TiledPredictor"]
