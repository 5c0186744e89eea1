"""Draw the figures of the lecture: `python docs/figures/lecture/make.py FOLDER [NAME ...]`, by default all.

`mkdocs build` does so by itself, for those whose script or package has changed: see docs/hooks/lecture_figures.py. Each
figure is a script of its name beside this one with a function `draw` that returns a matplotlib figure.
"""

import importlib
import os
import pathlib
import sys
import time

FIGURES = (
    "three_tasks",
    "classifier_parts",
    "pixel_predictions",
    "sliding_window",
    "dense_to_convolution",
    "receptive_field",
    "fcn_strides",
    "unpooling",
    "dilation",
    "unet_sizes",
    "skips",
    "upsampling",
    "upsampling_picture",
    "model_costs",
    "how_sure",
    "loss_surfaces",
    "boundaries",
    "augmentation",
    "tta_views",
    "tta_gain",
)


def main(folder, *names):
    """Draw the named figures, or all, into `folder`."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    here = pathlib.Path(__file__).parent
    sys.path[:0] = [str(here), str(here.parents[2])]  # The modules beside this script, and the package of this tree.
    import keras
    from canvas import save

    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name in names or FIGURES:
        begun = time.perf_counter()
        keras.utils.set_random_seed(0)
        save(importlib.import_module(name).draw(), folder / f"{name}.png")
        print(f"{name}.png: {time.perf_counter() - begun:.1f} s", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
