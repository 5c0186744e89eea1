"""Transforms of colors."""
