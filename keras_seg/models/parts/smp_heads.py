"""What every state dict of segmentation_models_pytorch names alike: the parts that are not the encoder."""

PREFIXES = ("decoder.", "segmentation_head.", "classification_head.")
# A head for training that is not part of the models here.
UNUSED = ("classification_head.3",)
