"""Geometric transforms, and the field they are composed to."""
