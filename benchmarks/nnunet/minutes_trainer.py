"""nnU-Net's trainer for a number of minutes, found by its commands through `nnUNet_extTrainer`.

Network, loss, augmentation, optimizer and learning rate are nnU-Net's. It trains 1,000 epochs of 250 steps, and two CPU
cores do not finish one in ten minutes: here the rate falls with the time instead of with the epochs, and nothing is
validated in between.
"""

import json
import os
import pathlib
import time

import numpy as np
import torch
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer


class MinutesTrainer(nnUNetTrainer):
    """Trains for `TRAINER_MINUTES`, from `TRAINER_SEED`."""

    def initialize(self):
        seed = int(os.environ["TRAINER_SEED"])
        np.random.seed(seed)
        torch.manual_seed(seed)
        super().initialize()

    def run_training(self):
        self.on_train_start()
        self.network.train()
        start, step, budget = time.monotonic(), 0, 60 * float(os.environ["TRAINER_MINUTES"])
        while (progress := (time.monotonic() - start) / budget) < 1:
            for group in self.optimizer.param_groups:
                group["lr"] = self.initial_lr * (1 - progress) ** 0.9
            found = self.train_step(next(self.dataloader_train))
            step += 1
            self.print_to_log_file(f"step {step}, {time.monotonic() - start:.0f} s, loss {float(found['loss']):.3f}")
        noted = {
            "steps": step,
            "batch": "x".join(map(str, [self.batch_size, *self.configuration_manager.patch_size])),
            "parameters": sum(parameter.numel() for parameter in self.network.parameters()),
            "minutes": (time.monotonic() - start) / 60,
        }
        pathlib.Path(self.output_folder, "minutes.json").write_text(json.dumps(noted), encoding="utf-8")
        self.on_train_end()

    def perform_actual_validation(self, save_probabilities=False):
        """The validation images are predicted by nnUNetv2_predict."""
