"""Transforms that cover and mix images."""
