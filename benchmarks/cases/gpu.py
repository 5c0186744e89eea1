"""U-Nets on a GPU in bfloat16: ours on JAX, smp on PyTorch. `benchmarks/gpu.py` calls them."""

import functools
import itertools
import os
import time

from cases.twins import ours, pixels, smp_twin

NETS = ("ResNet50Torchvision", "EfficientNetB0")
SYSTEMS = ("keras_seg on JAX", "smp", "smp compiled")
CALLS, SLOWEST = 7, 8


def prepare(system, case):
    """A call that returns the milliseconds of a step; after `CALLS` of them, memory and slowest kernels."""
    task, net, size, batch, steps = case.split(", ")
    make = on_jax if system == "keras_seg on JAX" else functools.partial(on_torch, compiled=system == "smp compiled")
    step, report = make(task, net, *pixels(int(batch), int(size)))
    numbers = itertools.count()

    def call():
        if next(numbers) == CALLS:
            return report()
        start = time.perf_counter()
        for number in range(int(steps)):
            step(wait=number == int(steps) - 1)
        return 1000 * (time.perf_counter() - start) / int(steps)

    return call, {"returns_milliseconds": True}


def on_jax(task, net, images, labels):
    os.environ["KERAS_BACKEND"] = "jax"
    # Both libraries are in memory at once.
    os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
    import jax
    import keras

    import keras_seg as ks

    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    model = ours(net)
    images, labels = jax.device_put(images), jax.device_put(labels)
    if task == "training":
        model.compile(keras.optimizers.AdamW(1e-3), loss=ks.losses.Crossentropy(from_logits=True))
        run = functools.partial(model.train_on_batch, images, labels)
    else:
        predict = jax.jit(functools.partial(model.stateless_call, training=False))
        weights = ([v.value for v in of] for of in (model.trainable_variables, model.non_trainable_variables))
        run = functools.partial(predict, *weights, images)

    def step(*, wait):
        result = run()
        if wait:
            jax.block_until_ready(result)

    def report():
        stats = jax.devices()[0].memory_stats() or {}
        return {"MiB": stats.get("peak_bytes_in_use", 0) // 2**20, "slowest": slowest_on_jax(step)}

    return step, report


def slowest_on_jax(step):
    """[name, milliseconds] of the operations that take most of one step."""
    import pathlib
    import tempfile

    import jax

    folder = tempfile.mkdtemp(prefix="profile-")
    with jax.profiler.trace(folder):
        step(wait=True)
    file = next(pathlib.Path(folder).rglob("*.xplane.pb"))
    times = {}
    for plane in jax.profiler.ProfileData.from_file(str(file)).planes:
        # Streams of the GPU; on a CPU, the threads of XLA.
        for line in plane.lines:
            if (plane.name.startswith("/device:GPU") and "Stream" in line.name) or "XLA" in line.name:
                for event in line.events:
                    times[event.name] = times.get(event.name, 0.0) + event.duration_ns / 1e6
    return sorted(([name, round(ms, 3)] for name, ms in times.items()), key=lambda pair: -pair[1])[:SLOWEST]


def on_torch(task, net, images, labels, *, compiled):
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cudnn.benchmark = True
    model = smp_twin(net).to(device).train(task == "training")
    forward = torch.compile(model) if compiled else model
    x = torch.from_numpy(images).movedim(-1, 1).contiguous(memory_format=torch.channels_last).to(device)
    y = torch.from_numpy(labels).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)

    def train():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device, torch.bfloat16):
            logits = forward(x / 127.5 - 1)
        torch.nn.functional.cross_entropy(logits.float(), y).backward()
        optimizer.step()

    def predict():
        with torch.inference_mode(), torch.autocast(device, torch.bfloat16):
            forward(x / 127.5 - 1)

    def step(*, wait):
        train() if task == "training" else predict()
        if wait and device == "cuda":
            torch.cuda.synchronize()

    def report():
        peak = torch.cuda.max_memory_allocated() if device == "cuda" else 0
        kinds = [torch.profiler.ProfilerActivity.CUDA if device == "cuda" else torch.profiler.ProfilerActivity.CPU]
        with torch.profiler.profile(activities=kinds) as profile:
            step(wait=True)
        own = "self_device_time_total" if device == "cuda" else "self_cpu_time_total"
        times = [[event.key, round(getattr(event, own) / 1e3, 3)] for event in profile.key_averages()]
        return {"MiB": peak // 2**20, "slowest": sorted(times, key=lambda pair: -pair[1])[:SLOWEST]}

    return step, report
