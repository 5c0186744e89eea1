"""Sliding windows: the literal form, shift-and-stitch, and their difference."""
