"""Batches on tf.data."""
