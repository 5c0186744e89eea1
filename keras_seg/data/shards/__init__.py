"""Shards: archives of samples that are read as streams."""
