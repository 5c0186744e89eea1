"""Work on big folders by many processes and machines, with Ray."""

from keras_seg.scale.evaluate_with_ray import evaluate_with_ray
from keras_seg.scale.predict_with_ray import PredictedFolder, predict_with_ray

__all__ = ["PredictedFolder", "evaluate_with_ray", "predict_with_ray"]
