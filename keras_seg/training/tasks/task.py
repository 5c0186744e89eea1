"""What a task of a run has to answer."""

import abc

from keras_seg._validation import InputError


class Task(abc.ABC):
    """What masks mean, what a net learns of them, how its output is read, judged and drawn.

    `fit`, the recorder and the commands ask a task, and know nothing else about it. An index is what `scan` gives: a
    `FolderIndex` or an `InstanceIndex`.

    Attributes:
        name: str, as of `--task`.
        scores: names of the scores that the log gets, of `evaluate(...).to_dict()`; the first says how good a net is.
        expects: str, what the masks of a data folder must be.
    """

    name: str
    scores: tuple
    expects: str

    def check_installed(self):
        """Fail, before hours of training, when something is missing that judging needs."""
        return

    @abc.abstractmethod
    def splits(self, path):
        """The splits of a data folder, as `data.find_splits`."""

    @abc.abstractmethod
    def scan(self, path, split=None, like=None, **options):
        """The index of a folder. `like` is an index whose reading of the masks is to be followed."""

    @abc.abstractmethod
    def scan_again(self, path, split, labels, channels):
        """The index of a folder, read as the labels.json of a run says."""

    @abc.abstractmethod
    def labels(self, index):
        """What labels.json of a run says: the names of the net's channels, and how masks are to be read."""

    @abc.abstractmethod
    def class_facts(self, index):
        """`num_classes`, `ignore_class`, `class_names` and `class_share` of what the net learns."""

    @abc.abstractmethod
    def targets(self, dataset, index, plan):
        """The dataset (image, mask) of `from_folder` as (image, what the net learns)."""

    def tune(self, model, index):
        """Settings of the decoding that suit a trained model, chosen on validation images; a JSON-ready dict."""
        return {}

    @abc.abstractmethod
    def evaluate(self, model, index, settings=None, progress=None):
        """How good a model is: an object with `to_dict()`."""

    def check_in(self, model, index):
        """Scores for the log, in mid-training: `evaluate(...).to_dict()` or what takes less time."""
        return self.evaluate(model, index).to_dict()

    @abc.abstractmethod
    def panel(self, model, index, positions, settings):
        """A picture of some examples: truth and prediction."""

    @abc.abstractmethod
    def draw(self, scores, image, settings, names):
        """The two files of a prediction, `PIL.Image.Image`s: the mask, and what it looks like over the image.

        `scores` is what the net says of the image, (height, width, channels).
        """

    def refuse(self, options, *names):
        """Fail when an option was given that has no meaning here."""
        for name in names:
            if options.get(name) is not None:
                option = name.replace("_", "-")
                raise InputError(f"--{option} has no meaning with --task {self.name}. Drop --{option}.")
        return {name: value for name, value in options.items() if name not in names}
