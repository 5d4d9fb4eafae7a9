"""What the prompt bench prints: replies side by side with their figures, one JSON document, or a line of CSV per reply."""

import csv
import sys
from collections.abc import Sequence
from typing import Any

import msgspec
import rich_click as click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from service.cli.output import show_json
from service.cli.persona_bench import Answer, Column, figures
from service.cli.persona_talks import Talk
from service.personas.persona import fingerprint

_NARROWEST = 24
"""Characters of a column below which nobody reads it: the replies then stand below each other."""

_WORDS = {
    "passed": "passed",
    "words": "words per reply",
    "questions": "end in a question",
    "unsound": "unfinished or in circles",
    "empty": "empty",
    "failed": "failed",
    "first_seconds": "seconds to first word",
    "seconds": "seconds per reply",
    "prompt_tokens": "tokens of the prompt",
    "completion_tokens": "tokens of the reply",
}
_SHARES = {"passed", "questions", "unsound", "empty", "failed"}


def show_side_by_side(columns: Sequence[Column], talks: Sequence[Talk]) -> None:
    """Print a table with a row per conversation, and one of the figures below it."""
    console = Console()
    show = _show_table if console.width // (len(columns) + 1) >= _NARROWEST else _show_stack
    show(console, columns, talks)
    table = Table("", box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(Text(column.label), overflow="fold")
    counted = [figures(column, talks) for column in columns]
    for name, words in _WORDS.items():
        values = [_figure(name, each[name]) for each in counted]
        if any(values):
            table.add_row(words, *values)
    console.print(table)
    for column in columns:
        if column.error:
            click.echo(f"{column.label}: {error_of(column)}", err=True)


def show_document(name: str, columns: Sequence[Column], talks: Sequence[Talk]) -> None:
    """Print all of it as one JSON document."""
    show_json(
        {
            "persona": name,
            "columns": [
                {
                    "label": column.label,
                    "variant": column.persona.name,
                    "revision": column.persona.revision,
                    "fingerprint": fingerprint(column.persona.prompt()),
                    "model": column.model,
                    "error": error_of(column),
                    "figures": figures(column, talks),
                }
                for column in columns
            ],
            "rows": [
                {
                    "messages": talk.turns,
                    "replies": [
                        {"column": place, "sample": answer.sample, "failed": answer.failed, **msgspec.structs.asdict(answer.tried)}
                        for place, column in enumerate(columns)
                        for answer in column.answers
                        if answer.talk == number
                    ],
                }
                for number, talk in enumerate(talks)
            ],
        }
    )


def show_csv(columns: Sequence[Column], talks: Sequence[Talk]) -> None:
    """Print a line per reply."""
    told = ("reply", "error", "code", "finish_reason", "first_seconds", "seconds", "prompt_tokens", "completion_tokens", "seed")
    lines = csv.writer(sys.stdout)
    lines.writerow(("variant", "model", "sample", "message", *told, "failed"))
    for column in columns:
        for answer in column.answers:
            values = msgspec.structs.asdict(answer.tried)
            message = talks[answer.talk].turns[-1].content
            failed = "" if answer.failed is None else " ".join(answer.failed)
            lines.writerow((column.persona.name, column.model, answer.sample, message, *(values[name] for name in told), failed))


def error_of(column: Column) -> str | None:
    """Why the column has no replies, with the way out where we know one."""
    if column.error and column.model.startswith("local:"):
        return f"{column.error} Models of this machine need the embedded engine: attune up"
    return column.error


def _show_table(console: Console, columns: Sequence[Column], talks: Sequence[Talk]) -> None:
    table = Table(show_lines=True, header_style="bold")
    table.add_column("message", ratio=2, overflow="fold")
    for column in columns:
        table.add_column(Text(column.label), ratio=3, overflow="fold")
    for number, talk in enumerate(talks):
        table.add_row(_plain(talk.turns[-1].content), *(_cell(column, number) for column in columns))
    console.print(table)


def _show_stack(console: Console, columns: Sequence[Column], talks: Sequence[Talk]) -> None:
    for number, talk in enumerate(talks):
        console.print(Text(_plain(talk.turns[-1].content), style="bold"))
        for column in columns:
            console.print(Text.assemble((f"  {column.label}: ", "cyan"), _cell(column, number)))
        console.print()


def _cell(column: Column, number: int) -> Text:
    cell = Text("\n\n").join(_reply(answer) for answer in column.answers if answer.talk == number)
    return cell if cell.plain else Text("not asked", style="dim")


def _reply(answer: Answer) -> Text:
    tried = answer.tried
    text = Text(_plain(tried.reply))
    if tried.error:
        text.append(f"{' ' if tried.reply else ''}[{tried.error}]", style="red")
    if answer.failed:
        text.append(f" [{', '.join(answer.failed)}]", style="yellow")
    return text


def _figure(name: str, value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.0%}" if name in _SHARES else f"{value:g}"


def _plain(words: str) -> str:
    """Words as a terminal may show them: what a model says may hold what would steer it."""
    return "".join(character if character.isprintable() or character == "\n" else " " for character in words)
