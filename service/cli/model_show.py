"""`attune model show` and `lineage`: what a version was proved by, what it came from, and where a person's words went."""

from typing import Any

import rich_click as click
from sqlmodel import Session

from service import registry
from service.cli.dataset_show import show_markdown
from service.cli.output import as_json, database, settings, show_json, show_record, show_rows
from service.db.engine import reading, transaction
from service.db.tables import Night, Person, Version
from service.errors import Invalid, NotFound
from service.personas.shelf import read_personas
from service.proof.lineage import versions_with
from service.proof.page import write_page
from service.proof.record import record_of


@click.command()
@click.argument("persona")
@click.argument("version", default="champion")
@click.option("--markdown", is_flag=True, help="Print the page as Markdown, on a terminal too.")
@as_json
def show(persona: str, version: str, markdown: bool, as_json: bool) -> None:
    """Show the proof page of VERSION (v1, v2 ...; by default the one that serves) of PERSONA.

    What went in and what was left out, how it was trained, every score with its interval, the decision, and how people liked it.
    """
    record = _record(persona, version)
    if as_json:
        show_json(record)
    elif markdown:
        click.echo(write_page(record), nl=False)
    else:
        show_markdown(write_page(record))


@click.command()
@click.argument("persona", required=False)
@click.argument("version", default="champion")
@click.option("--person", metavar="ID", help="The other way round: the versions that learned from what this person said or rated.")
@as_json
def lineage(persona: str | None, version: str, person: str | None, as_json: bool) -> None:
    """Show what VERSION of PERSONA came from: its night, training run, dataset, and of how many samples, exchanges and people that is."""
    if (persona is None) == (person is None):
        raise Invalid("Name a persona and a version, as in attune model lineage friend v3, or a person: --person ID.")
    if person is not None:
        _show_person(person, as_json)
        return
    record = _record(persona or "", version)
    training, data = record["training"] or {}, record["data"] or {}
    came = {
        "persona": record["persona"],
        "version": record["version"]["name"],
        "base": record["version"]["base"],
        "night": (record["night"] or {}).get("id"),
        "run": training.get("id"),
        "trainer": training.get("trainer"),
        "dataset": data.get("hash"),
        "samples": sum(row["rows"] for row in data.get("origins", ())),
        "exchanges": data.get("exchanges", 0),
        "imports": data.get("imports", 0),
        "people": data.get("people", 0),
        "origins": data.get("origins", []),
    }
    if as_json:
        show_json(came)
        return
    show_record([(name, value) for name, value in came.items() if name != "origins" and value is not None], ("from", "which"))
    click.echo()
    columns = ("side", "form", "origin", "rows")
    show_rows(columns, [tuple(row[name] for name in columns) for row in came["origins"]], "It was not trained on any sample.")


def _record(persona: str, version: str) -> dict[str, Any]:
    """The record of a version, also of one that may not serve."""
    name = read_personas(settings().personas).get(persona).name
    with database() as engine:
        with transaction(engine) as session:
            registry.champion(session, name)  # a persona that was never asked begins here
        with reading(engine) as session:
            found = _find(session, name, version)
            night = session.get(Night, found.night_id) if found.night_id else None
            return record_of(session, settings().artifact_folder, night, found)


def _find(session: Session, persona: str, version: str) -> Version:
    for found in registry.list_versions(session, persona):
        if version == found.name or (version == "champion" and found.stage.value == "champion"):
            return found
    raise NotFound(f"{persona} has no version '{version[:80]}'. See: attune model list {persona}", code="version_not_found")


def _show_person(person: str, as_json: bool) -> None:
    with database() as engine, reading(engine) as session:
        if session.get(Person, person) is None:
            raise NotFound(f"There is no person '{person[:80]}'. Ids are shown by: attune dataset show --lineage", code="person_not_found")
        found = versions_with(session, person)
    if as_json:
        show_json(found)
        return
    columns = ("persona", "version", "stage", "train", "holdout")
    show_rows(columns, [tuple(row[name] for name in columns) for row in found], "No version learned from what they said or rated.")
