"""`attune model canary`: how the version on trial does, and ending its trial."""

from typing import Any

import msgspec
import rich_click as click
from sqlmodel import Session

from service.canary.trial import end_by_hand, standing, under_way
from service.canary.votes import people_in
from service.cli.output import as_json, database, on_one_line, settings, show_json, show_rows
from service.db.engine import reading, transaction
from service.db.tables import Canary, ReceiptKind, Version
from service.errors import NotFound
from service.evaluation.canary import MOST_VOTES
from service.personas.shelf import read_personas

_WIDTH = 30


@click.command()
@click.argument("persona")
@click.option("--people", is_flag=True, help="Who talked with it: name or source, conversations, replies.")
@click.option("--end", type=click.Choice(["promote", "rollback"]), help="End the canary now: serve its version, or quarantine it.")
@as_json
def canary(persona: str, people: bool, end: str | None, as_json: bool) -> None:
    """Show how the version of PERSONA that is being tried does beside the champion; or, after a promotion, the one being watched."""
    found = read_personas(settings().personas).get(persona)
    with database() as engine:
        if end is not None:
            with transaction(engine) as session:
                trial = end_by_hand(session, found, promote=end == "promote")
            if as_json:
                show_json({"outcome": trial.outcome, "reason": trial.reason})
            else:
                click.echo(trial.reason, err=True)
            return
        with reading(engine) as session:
            current = under_way(session, persona) or under_way(session, persona, ReceiptKind.watch)
            if current is None:
                raise NotFound(
                    f"No version of {persona} is being tried or watched. What earlier trials came to: attune receipts list {persona}"
                )
            shown = _as_dict(session, current)
            rows = [_person(row) for row in people_in(session, current)] if people else []
    if as_json:
        show_json({**shown, "people": rows} if people else shown)
        return
    for line in _lines(shown):
        click.echo(line)
    if people:
        columns = ("id", "who", "conversations", "replies")
        show_rows(columns, [tuple(row[name] for name in columns) for row in rows], "Nobody has talked with it yet.")


def _as_dict(session: Session, trial: Canary) -> dict[str, Any]:
    found = msgspec.to_builtins(standing(session, trial))
    return {
        "kind": trial.kind.value,
        "persona": trial.persona,
        "version": session.get_one(Version, trial.version_id).name,
        "against": session.get_one(Version, trial.champion_id).name,
        "share": trial.share,
        "started_at": trial.started_at.isoformat(),
        "ends_at": trial.ends_at.isoformat(),
        "most_votes": MOST_VOTES,
        "tally": found.pop("version"),
        **found,
    }


def _person(row: Any) -> dict[str, Any]:
    person_id, name, external, conversations, replies = row
    source = external.partition(":")[0]
    return {
        "id": person_id,
        "who": on_one_line(f"{name} ({source})" if name else source),
        "conversations": conversations,
        "replies": replies,
    }


def _lines(shown: dict[str, Any]) -> list[str]:
    """The trial in a few lines: how far it is, and what each side got."""
    version, beside = shown["tally"], shown["beside"]
    counted = min(version["votes"], MOST_VOTES)
    doing = f"is tried by {shown['share']:.0%} of new conversations" if shown["kind"] == ReceiptKind.canary else "is watched"
    lines = [
        f"{shown['persona']} {shown['version']} {doing}, against {shown['against']}, until {shown['ends_at'][:16].replace('T', ' ')} UTC",
        f"  ratings    [{'#' * round(_WIDTH * counted / MOST_VOTES):-<{_WIDTH}}] {counted} of {MOST_VOTES}",
        f"  {shown['version']:<10} {_side(version)}",
    ]
    if shown["kind"] == ReceiptKind.canary:
        lines.append(f"  {shown['against']:<10} {_side(beside)}, in the same time")
    past = "" if shown["past"] else "; times have changed since, and it does not count"
    lines.append(f"  {shown['against']:<10} {_side(shown['history'])}, in the four weeks before{past}")
    if shown["worse"]:
        lines.append(f"  It is going to be sent back: {shown['worse']}")
    elif shown["bound"] >= 0:
        lines.append(f"  It would be sent back with {shown['bound']} likes or fewer of {counted}.")
    else:
        lines.append("  So few ratings cannot send it back yet.")
    return lines


def _side(side: dict[str, Any]) -> str:
    liked = f"{side['ups']} of {side['votes']} liked ({side['ups'] / side['votes']:.0%})" if side["votes"] else "nothing rated"
    broken = f", {side['broken']} of {side['answers']} replies did not come" if side["broken"] else ""
    return f"{liked}, {side['complaints']} complaints, {side['people']} people{broken}"
