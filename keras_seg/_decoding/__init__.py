"""Image, mask and array files as NumPy arrays that keep every bit."""
