"""Geometric transforms, and the field they are composed into."""
