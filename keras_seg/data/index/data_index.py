"""What every index of a data folder can do, whatever its masks mean."""

import dataclasses

from keras_seg import _validation


class Examples:
    """Base of `FolderIndex` and `InstanceIndex`: dataclasses with `pairs`, `sizes` and others, one value an example.

    A subclass says with `read_labels(position)` what the mask of an example is, as an integer array (height, width) of
    `label_dtype`, with `ignore_class` which labels do not count, and with `reading`, a text, how files are read.
    """

    _PER_EXAMPLE = ("pairs", "sizes", "pixel_counts", "ignored_counts", "object_counts")

    def __len__(self):
        return len(self.pairs)

    @property
    def common_size(self):
        """The (height, width) that all images share, or None."""
        return self.sizes[0] if len(set(self.sizes)) == 1 else None

    def subset(self, indices):
        """The index of some of the examples.

        Args:
            indices: sequence of positions.

        Returns:
            An index with these examples in this order, and the same reading.

        Raises:
            InputError: no positions, or one that is out of range.
        """
        indices = [int(i) for i in indices]
        if not indices or min(indices) < 0 or max(indices) >= len(self):
            _validation.fail("indices", f"must hold at least one position, all in 0..{len(self) - 1}", indices)
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        taken = {
            name: tuple(value[i] for i in indices) if isinstance(value, tuple) else value[indices]
            for name, value in fields.items()
            if name in self._PER_EXAMPLE
        }
        return dataclasses.replace(self, **taken)
