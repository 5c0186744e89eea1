"""Which programs that read ONNX files take what `export.onnx` writes."""
