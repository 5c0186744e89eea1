"""Folders of images and masks as an index: pairs, facts about the files, and the meaning of mask values."""
