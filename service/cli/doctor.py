"""`attune doctor`: what this machine has, what can be trained and served here, and the command that mends what is missing."""

from collections.abc import Sequence

import rich_click as click
from click.exceptions import Exit
from rich.console import Console
from rich.table import Table
from rich.text import Text

from service.cli.doctor_checks import Check, State, check_machine, check_personas, check_providers, check_service
from service.cli.engine_address import with_engine
from service.cli.output import as_json, settings, show_json

_STYLES = {State.ok: "green", State.note: "yellow", State.broken: "red"}


@click.command()
@as_json
def doctor(as_json: bool) -> None:
    """Look at this machine, its libraries, keys, providers, database and personas, and say what to do about what is wrong.

    The exit code is 1 when something is broken, 5 when the only trouble is a provider that a persona needs and that cannot be reached.
    """
    ours = with_engine(settings())
    checks = [*check_machine(ours), *check_service(ours), *check_providers(ours), *check_personas(ours)]
    if as_json:
        show_json(
            [{"about": each.about, "name": each.name, "state": each.state.value, "words": each.words, "fix": each.fix} for each in checks]
        )
    else:
        _show(checks)
    broken = [check for check in checks if check.state == State.broken]
    if broken:
        raise Exit(5 if all(check.about == "provider" for check in broken) else 1)


def _show(checks: Sequence[Check]) -> None:
    table = Table("", "what", "how it is", "what to do", box=None, header_style="bold", pad_edge=False)
    for check in checks:
        table.add_row(
            Text(check.state.value, style=_STYLES[check.state]), f"{check.about}: {check.name}", Text(check.words), Text(check.fix)
        )
    Console().print(table)
