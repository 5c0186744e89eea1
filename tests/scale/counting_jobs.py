"""Jobs without a model, which workers import."""

import os
import pathlib
import time

from keras_seg._validation import InputError
from keras_seg.scale.job import Job


class Squares(Job):
    """The square of a number, and the process that computed it."""

    def __init__(self, seconds=0.0, refused=None):
        self.seconds, self.refused = seconds, refused

    def open(self):
        if self.refused == "open":
            raise InputError("the run: no such run folder. Check the path, or train a model first.")
        return self._square

    def _square(self, number):
        time.sleep(self.seconds)
        if number == self.refused:
            raise InputError(f"{number}: cannot be written.")
        return number, number**2, os.getpid()


class Numbers:
    """0, 1, 2, ... up to a count; how far they were read stands in a file."""

    def __init__(self, count, file):
        self.count, self.file = count, str(file)

    def __iter__(self):
        for number in range(self.count):
            pathlib.Path(self.file).write_text(str(number))
            yield number
