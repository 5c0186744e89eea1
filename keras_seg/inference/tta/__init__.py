"""Test-time augmentation: views, their merging, and the model around them."""
