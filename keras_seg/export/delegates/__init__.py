"""Whether a TFLite file runs on the GPU or the neural processor of a device."""
