"""Work on big folders by many processes and machines, with Ray."""

from keras_seg.scale.predict_with_ray import PredictedFolder, predict_with_ray

__all__ = ["PredictedFolder", "predict_with_ray"]
