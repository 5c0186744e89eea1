"""Transforms of colours."""
