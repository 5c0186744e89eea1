"""SegNet and DeconvNet as torch would have them, with its MaxPool2d and MaxUnpool2d, and the parameters of ours."""

import itertools

from worker import THREADS

from cases.twins import CLASSES

WIDTHS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
FC_WIDTH = 4096


def torch_twin(name):
    """`name` is "SegNet" or "DeconvNet"."""
    import torch
    from torch import nn

    torch.set_num_threads(THREADS)
    deconv = name == "DeconvNet"
    inputs = (3, *(widths[-1] for widths in WIDTHS))
    # The last convolution of SegNet gives the scores.
    last = (WIDTHS[0][0],) if deconv else ()

    def stage(layer, *widths, size=3, padding=1):
        parts = []
        for before, width in itertools.pairwise(widths):
            parts += [layer(before, width, size, padding=padding), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
        return nn.Sequential(*parts)

    def dense():
        return nn.Sequential(
            stage(nn.Conv2d, WIDTHS[-1][-1], FC_WIDTH, size=7, padding=0),
            stage(nn.Conv2d, FC_WIDTH, FC_WIDTH, size=1, padding=0),
            stage(nn.ConvTranspose2d, FC_WIDTH, WIDTHS[-1][-1], size=7, padding=0),
        )

    class Unpooling(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.ModuleList(stage(nn.Conv2d, *pair) for pair in paths_down())
            self.dense = dense() if deconv else nn.Identity()
            way_up = nn.ConvTranspose2d if deconv else nn.Conv2d
            self.decoder = nn.ModuleList(stage(way_up, *widths) for widths in paths_up())
            self.head = nn.Conv2d(WIDTHS[0][0], CLASSES, 1 if deconv else 3, padding=0 if deconv else 1)
            self.pool, self.unpool = nn.MaxPool2d(2, return_indices=True), nn.MaxUnpool2d(2)

        def forward(self, x):
            switches = []
            for part in self.encoder:
                x, indices = self.pool(part(x))
                switches.append(indices)
            x = self.dense(x)
            for part, indices in zip(self.decoder, switches[::-1], strict=True):
                x = part(self.unpool(x, indices))
            return self.head(x)

    def paths_down():
        return [(inputs[level], *widths) for level, widths in enumerate(WIDTHS)]

    def paths_up():
        above = [last, *((inputs[level],) for level in range(1, len(WIDTHS)))]
        return [(*widths[::-1], *narrower) for widths, narrower in zip(WIDTHS, above, strict=True)][::-1]

    return Unpooling().to(memory_format=torch.channels_last)
