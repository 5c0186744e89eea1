"""Counts of pixels and what follows from them."""
