"""The root of the command line: commands are imported when they are used, and every error becomes a sentence and an exit code."""

from collections.abc import Sequence

import rich_click as click
from click.exceptions import Abort, ClickException

from service.cli.lazy import Commands
from service.errors import AttuneError

_COMMANDS = {
    "up": "service.cli.up:up",
    "serve": "service.web.serve:serve",
    "worker": "service.cli.worker:worker",
    "doctor": "service.cli.doctor:doctor",
    "nightly": "service.cli.nightly:nightly",
    "rehearse": "service.cli.rehearse:rehearse_persona",
    "persona": "service.cli.persona:persona",
    "dataset": "service.cli.dataset:dataset",
    "exchanges": "service.cli.exchanges:exchanges",
    "review": "service.cli.review:review",
    "transcript": "service.cli.transcript:transcript",
    "train": "service.cli.train:train",
    "model": "service.cli.model:model",
    "receipts": "service.cli.receipts:receipts",
    "artifacts": "service.cli.artifacts:artifacts",
    "keys": "service.cli.keys:keys",
    "db": "service.cli.db:db",
    "openapi": "service.web.describe:openapi",
    "version": "service.cli.version:version",
}


@click.group(cls=Commands, modules=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
def attune() -> None:
    """A chat persona that learns from its ratings overnight, and proves the new version better before it serves it.

    Exit codes: 0 ok, 1 failure, 2 usage, 3 not found, 4 not permitted, 5 unreachable, 6 gate or check failed, 7 conflict.
    """


def run(arguments: Sequence[str]) -> int:
    """Run a command; return its exit code."""
    try:
        code = attune.main(args=list(arguments), prog_name="attune", standalone_mode=False)
    except AttuneError as error:
        click.echo(f"attune: {error.message}", err=True)
        return error.exit_code
    except Abort:
        return 130
    except ClickException as error:
        error.show()
        return error.exit_code
    return code if isinstance(code, int) else 0
