"""One module per format: how it is recognized, and how it is read."""
