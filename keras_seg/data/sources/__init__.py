"""Data that does not come from a folder of pairs: TFDS, Open Images, generated scenes."""
