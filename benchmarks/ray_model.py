"""Images per second of any number of Ray workers, from the measured constants of docs/how-to/big-folders.md."""

WORKERS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000)


def modeled(found):
    """(workers, images per second, hours for ten million images, what limits) for each number of workers.

    Without the network and the store, whose limits are not those of the machine that was measured.

    Args:
        found: dict of numbers, as ray_scaling.py writes it.
    """
    start = found["seconds to the first image, 1 worker"]
    handing_out, listing = found["seconds per image, handing out"], found["seconds per name, first pass"]
    for workers in WORKERS:
        compute = found["seconds per image, 1 worker"] / workers
        slowest = max(compute, handing_out)
        hours = (start + 1e7 * (slowest + listing)) / 3600
        yield workers, 1 / slowest, hours, "predicting" if compute > handing_out else "handing out"
