"""Work on big folders and huge rasters by many processes and machines, with Ray."""

from keras_seg.scale.evaluate_with_ray import evaluate_with_ray
from keras_seg.scale.predict_raster_with_ray import PredictedRaster, predict_raster_with_ray
from keras_seg.scale.predict_with_ray import PredictedFolder, predict_with_ray

__all__ = ["PredictedFolder", "PredictedRaster", "evaluate_with_ray", "predict_raster_with_ray", "predict_with_ray"]
