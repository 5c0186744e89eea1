"""Facts about data and machine, as `training.fingerprint` gives them, for tests of plans."""

FACTS = {
    "train_images": 367, "validation_images": 101, "median_size": [360, 480], "smallest_size": [360, 480],
    "same_size": True, "channels": 3, "num_classes": 2, "ignore_class": [2], "class_names": ["a", "b"],
    "class_share": {"a": 0.8, "b": 0.2}, "decoded_megabytes": 242, "backend": "tensorflow", "device": "cpu",
    "cores": 2, "memory_megabytes": 24000,
}  # fmt: skip


def installed(monkeypatch, *names):
    """Let exactly these backbones have a package with pretrained weights."""
    for module in ("plan", "pretrained"):
        monkeypatch.setattr(f"keras_seg.training.{module}.is_installed", lambda name: name in names)
