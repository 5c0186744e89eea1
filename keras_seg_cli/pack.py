"""keras-seg pack."""

from typing import Any

import click

from keras_seg_cli import console
from keras_seg_cli.interruption import Stopped
from keras_seg_cli.options import class_mask_options, data_arguments, overwrite
from keras_seg_cli.start import keras_ready


@click.command()
@click.argument("data", type=click.Path(exists=True))
@click.argument("out", type=click.Path())
@click.option("--shard-mb", type=float, help="About the size of a shard, in 10^6 bytes. Default: 256.")
@click.option("--shard-samples", type=int, help="Samples per shard, instead of a size.")
@click.option("--split", multiple=True, help="Split to pack; may be given several times. Default: all of DATA.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the order in the shards.")
@class_mask_options
@overwrite
def pack(
    data: str,
    out: str,
    *,
    shard_mb: float | None,
    shard_samples: int | None,
    split: tuple[str, ...],
    seed: int,
    overwrite: bool,
    **options: Any,
) -> None:
    """Pack the folder DATA into shards for `from_shards`.

    Shards are tar archives, which are read as streams: from a disk, or from storage that is far away. OUT is the folder
    to write them to. A command that was stopped goes on where it was when it is given again.
    """
    keras_ready()
    from keras_seg import data as ks_data

    with console.progress_bar() as bar:
        row = bar.add_task("packing", total=None)

        def report(done: int, total: int | None) -> None:
            bar.update(row, completed=done, total=total)

        try:
            index = ks_data.write_shards(
                data,
                out,
                split=split or None,
                shard_mb=shard_mb,
                shard_samples=shard_samples,
                seed=seed,
                overwrite=overwrite,
                progress=report,
                **data_arguments(**options),
            )
        except KeyboardInterrupt as error:
            text = "The shards that are complete are kept. Give the same command again to continue."
            raise Stopped(error, text) from error
    console.notices(index.notices)
    size = sum(shard.bytes or 0 for shards in index.splits.values() for shard in shards)
    rows = [
        (name, f"{index.samples(name):,} samples in {len(shards):,} shard{'s' if len(shards) > 1 else ''}")
        for name, shards in index.splits.items()
    ]
    console.print_facts(
        *rows, ("classes", ", ".join(index.class_names)), ("written to", f"{out} ({size / 1e6:,.1f} MB)")
    )
