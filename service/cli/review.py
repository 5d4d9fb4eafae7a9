"""`attune review`: what waits for the owner before it may be learned from."""

import sys

import rich_click as click
from sqlmodel import Session

from service.cli.output import as_json, database, settings, show_json, show_rows
from service.cli.review_cards import Card, card_of
from service.cli.review_round import go_through
from service.curation.reviews import KINDS, decide_all, decide_review, find_review, list_reviews
from service.db.engine import reading, transaction
from service.db.tables import Review
from service.errors import Invalid
from service.personas.shelf import read_personas

_NOTHING = "Nothing waits for you."
_HOW = "Decide: attune review approve ID, attune review refuse ID, or one by one: attune review PERSONA"
_of_persona = click.option("--persona", help="Only of this persona.")
_of_kind = click.option("--kind", type=click.Choice(KINDS), help="Everything that waits under this reason.")


class _Reviews(click.RichGroup):
    """What is no command is a persona to go through."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            return _through.name, _through, args
        return super().resolve_command(ctx, args)


@click.group(cls=_Reviews, options_metavar="[OPTIONS]", subcommand_metavar="PERSONA | COMMAND [ARGS]...")
def review() -> None:
    """What waits for you: people whose ratings came suspiciously, replies that the base finds very unlikely, and what was new to a version
    that was rolled back.

    `attune review friend` goes through them one by one, with a key for each decision. None of it is learned before you approve.
    """


@click.command("through", hidden=True)
@click.argument("persona")
def _through(persona: str) -> None:
    """Go through what waits of PERSONA."""
    if not sys.stdin.isatty():
        raise Invalid("To go through reviews takes a terminal. Elsewhere: attune review list, approve and refuse.")
    with database() as engine:
        with reading(engine) as session:
            waiting = [found.id for found in list_reviews(session, persona)]
        if not waiting:
            _check(persona)
            click.echo(_NOTHING, err=True)
            return
        go_through(engine, waiting)


@review.command("list")
@_of_persona
@_of_kind
@click.option("--all", "decided", is_flag=True, help="Also what you have decided.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
@as_json
def list_all(persona: str | None, kind: str | None, decided: bool, limit: int, as_json: bool) -> None:
    """List what waits, and why: sweeps, bursts, crowds and contrary people first."""
    with database() as engine, reading(engine) as session:
        found = list_reviews(session, persona, kind=kind, decided=decided)
        cards = [card_of(session, each, 1) for each in found[:limit]]
    if persona and not found:
        _check(persona)
    if as_json:
        show_json([card.document() for card in cards])
        return
    show_rows(("id", "persona", "kind", "why", "about", "state"), [_row(card) for card in cards], _NOTHING)
    if any(each.approved is None for each in found):
        click.echo(_HOW, err=True)
    if len(found) > limit:
        click.echo(f"And {len(found) - limit} more: --limit {len(found)}, or --kind for one reason.", err=True)


@review.command()
@click.argument("review_id", metavar="ID")
@as_json
def show(review_id: str, as_json: bool) -> None:
    """Show one review with what was said: the sample, or the newest exchanges that the person rated.

    ID is the whole id or its last letters, as the list has them.
    """
    with database() as engine, reading(engine) as session:
        card = card_of(session, find_review(session, review_id))
    if as_json:
        show_json(card.document())
    else:
        click.echo("\n".join(card.text()))


@review.command()
@click.argument("review_ids", metavar="[ID]...", nargs=-1)
@_of_kind
@_of_persona
@as_json
def approve(review_ids: tuple[str, ...], kind: str | None, persona: str | None, as_json: bool) -> None:
    """Approve: the sample may be learned, the person's ratings neither wait nor are capped. The next night heeds it.

    Give ids (or their last letters), or --kind. To undo it, refuse.
    """
    _decide(review_ids, kind, persona, True, as_json)


@review.command()
@click.argument("review_ids", metavar="[ID]...", nargs=-1)
@_of_kind
@_of_persona
@as_json
def refuse(review_ids: tuple[str, ...], kind: str | None, persona: str | None, as_json: bool) -> None:
    """Refuse: the sample, or whatever the person said and rated, is never learned. The next night heeds it.

    Give ids (or their last letters), or --kind. To undo it, approve.
    """
    _decide(review_ids, kind, persona, False, as_json)


def _decide(review_ids: tuple[str, ...], kind: str | None, persona: str | None, approve: bool, as_json: bool) -> None:
    if bool(review_ids) == bool(kind):
        raise Invalid("Say what to decide: either ids, or --kind. See what waits: attune review list")
    if persona and not kind:
        raise Invalid("--persona goes with --kind; an id names its review already.")
    with database() as engine, transaction(engine) as session:
        count = decide_all(session, kind, approve, persona) if kind else _decide_each(session, review_ids, approve)
    done = "approved" if approve else "refused"
    if as_json:
        show_json({done: count})
    else:
        click.echo(f"{count} {'review' if count == 1 else 'reviews'} {done}." if count else _NOTHING, err=True)


def _decide_each(session: Session, review_ids: tuple[str, ...], approve: bool) -> int:
    """Decide all of them or, when one is unknown, none."""
    found: dict[str, Review] = {}
    for name in review_ids:
        decided = decide_review(session, name, approve)
        found[decided.id] = decided
    return len(found)


def _row(card: Card) -> tuple[str, ...]:
    about = card.who or " -> ".join(text for line in card.lines for text in (line.message, line.correction or line.reply))
    return (card.short_id, card.review.persona, card.review.kind, card.why, about, card.state)


def _check(persona: str) -> None:
    read_personas(settings().personas).get(persona)
