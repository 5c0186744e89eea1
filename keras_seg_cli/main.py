"""The entry point: the group of commands, and errors in one line."""

import importlib.metadata
import io
import sys
from collections.abc import Sequence
from typing import Any

import click

from keras_seg_cli.hosts import leave
from keras_seg_cli.interruption import INTERRUPTED, Stopped, sigterm_raised
from keras_seg_cli.option_names import in_options


class _Commands(click.Group):
    """Turns the input errors of the package into errors that name options."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise Stopped(error) from error
        except (ValueError, ImportError) as error:
            from keras_seg import InputError  # Imported late, like all of keras_seg: see `keras_seg_cli`.

            if not isinstance(error, (InputError, ImportError)):
                raise
            command = self.commands[str(ctx.invoked_subcommand)]
            raise click.ClickException(in_options(str(error), command, self.commands.values())) from error


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(importlib.metadata.version("keras-seg"), prog_name="keras-seg")
def cli() -> None:
    """Train, evaluate and export semantic segmentation models.

    Start with `keras-seg demo`, or with a folder that holds images/ and masks/:

        keras-seg train DATA --out RUN
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit.

    The status is 0, 2 for an error that the user can fix, 130 after Ctrl+C, and 143 after SIGTERM.
    """
    for stream in (sys.stdout, sys.stderr):
        # Bars and spinners have characters that not every terminal or file has.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    from keras_seg_cli.benchmark import benchmark
    from keras_seg_cli.compare import compare
    from keras_seg_cli.convert import convert
    from keras_seg_cli.demo import demo
    from keras_seg_cli.doctor import doctor
    from keras_seg_cli.evaluate import evaluate
    from keras_seg_cli.export import export
    from keras_seg_cli.leaderboard import leaderboard
    from keras_seg_cli.pack import pack
    from keras_seg_cli.plan import plan
    from keras_seg_cli.predict import predict
    from keras_seg_cli.report import report
    from keras_seg_cli.train import train

    commands = (
        demo, doctor, convert, pack, train, evaluate, predict, export, report, compare, benchmark, leaderboard, plan,
    )  # fmt: skip
    for command in commands:
        cli.add_command(command)
    try:
        with sigterm_raised():
            # The object says whether the program is this command, not a script that calls it.
            status = cli.main(arguments, prog_name="keras-seg", standalone_mode=False, obj=arguments is None)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "")
        status = 0
    except Stopped as error:
        click.echo(error.format_message(), err=True)
        status = error.status
    except click.ClickException as error:
        status = _complain(error.format_message())
    except OSError as error:
        status = _complain(f"{error.filename}: {error.strerror}." if error.filename else str(error))
    except (KeyboardInterrupt, click.Abort):
        click.echo("Stopped.", err=True)
        status = INTERRUPTED
    leave(status or 0)
    sys.exit(status or 0)


def _complain(message: str) -> int:
    click.echo(f"Error: {' '.join(message.split())}", err=True)
    return 2
