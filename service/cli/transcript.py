"""`attune transcript`: scripts of plays and films as training material."""

from pathlib import Path

import rich_click as click
from click.exceptions import Exit

from service.cli.output import as_json, database, settings, show_json, show_rows
from service.curation.imports import dialogue, storage
from service.curation.imports.text import digest_of
from service.curation.transcripts.cast import Cast, read_cast, rename
from service.curation.transcripts.chunks import Chunk, chunks
from service.curation.transcripts.directions import Directions
from service.curation.transcripts.pairs import Dialogue, pairs, unanswered
from service.curation.transcripts.scenes import Script
from service.curation.transcripts.script import Form, read_script
from service.db.engine import transaction
from service.db.tables import Import
from service.errors import Invalid
from service.personas.persona import Persona
from service.personas.shelf import survey

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_SHOWN = 3
_BEGINNING = 400
_EMPTY = 6
_REASONS = {
    "opens_scene": "begin a scene, so nothing was said to them",
    "follows_left_out": "follow somebody whom the cast leaves out",
    "no_words": "hold no words beside their stage directions",
}

form_option = click.option(
    "--form",
    type=click.Choice(["auto", "colon", "play", "screenplay", "html"]),
    default="auto",
    show_default=True,
    help="How the script is written: 'NAME: line' (colon), 'NAME.' above or before the speech (play), ...",
)


@click.group()
def transcript() -> None:
    """Scripts of plays and films, as training material."""


@transcript.command("cast")
@click.argument("file", type=_FILE)
@form_option
@as_json
def show_cast(file: Path, form: Form, as_json: bool) -> None:
    """List who speaks in the script FILE, and how often."""
    script = _read(file, form)
    if as_json:
        show_json([{"part": part, "speeches": count} for part, count in script.cast.items()])
    else:
        show_rows(("part", "speeches"), list(script.cast.items()), "")
        click.echo(_summary(script), err=True)


@transcript.command("import")
@click.argument("file", type=_FILE)
@click.option("--as", "persona", required=True, help="The persona that is to learn from it.")
@click.option(
    "--cast", "cast_map", multiple=True, help="Who becomes whom: ANNA|MISS LEE=assistant,BEN=user; others with =none are left out."
)
@click.option("--mode", type=click.Choice(["pairs", "chunks"]), default="pairs", show_default=True, help="Exchanges, or plain dialogue.")
@click.option("--context", default=3, show_default=True, type=click.IntRange(0, 100), help="Speeches kept before the one that is answered.")
@click.option("--directions", type=click.Choice(["keep", "strip", "action"]), default="strip", show_default=True, help="Stage directions.")
@click.option("--longest", default=2000, show_default=True, type=click.IntRange(100, 100_000), help="Characters of a chunk.")
@form_option
@click.option("--dry-run", is_flag=True, help="Show what it would make, and keep nothing.")
@click.option("--limit", type=click.IntRange(1), help="How many of them to show.")
@as_json
def import_transcript(
    file: Path,
    persona: str,
    cast_map: tuple[str, ...],
    mode: str,
    context: int,
    directions: Directions,
    longest: int,
    form: Form,
    dry_run: bool,
    limit: int | None,
    as_json: bool,
) -> None:
    """Make exchanges or pieces of dialogue of the script FILE, and keep them for the persona to learn from.

    In the cast, a part that is not named is the user, or once a user is named, left out. The exit code is 6 when nothing came of it.
    """
    learner = survey(settings().personas).require(persona)
    script = _read(file, form)
    if mode == "pairs" and not cast_map:
        raise Invalid('Say who becomes the persona: --cast "NAME=assistant". Who speaks says: attune transcript cast FILE', param="cast")
    cast = read_cast(cast_map, script) if cast_map else None
    for alias in cast.unknown if cast else ():
        click.echo(f"note: nobody speaks under the name '{alias}'", err=True)
    made: list[Dialogue] | list[Chunk]
    if mode == "pairs" and cast:
        made = pairs(script, cast, context=context, directions=directions)
    else:
        made = chunks(rename(script, cast) if cast else script, directions=directions, longest=longest)
    if dry_run and as_json:
        show_json([_document(one) for one in made[:limit]])
    elif dry_run:
        _show(script, cast, made[: limit or _SHOWN])
    click.echo(_summary(script), err=True)
    _tell(script, cast, directions, len(made), mode)
    if not dry_run:
        bound = str(context if mode == "pairs" else longest)
        kept = _store(learner, file, digest_of(file, "transcript", script.form, mode, directions, bound, *cast_map), made)
        click.echo(f"Kept for {learner.name}. To take it back: attune exchanges withdraw-import {kept.id}", err=True)
        if as_json:
            show_json({"id": kept.id, "persona": kept.persona, "source": kept.source, "form": kept.form, "counts": kept.counts})


def _store(persona: Persona, file: Path, digest: str, made: list[Dialogue] | list[Chunk]) -> Import:
    """Keep all of it or nothing; raise `Conflict` when the same was kept before."""
    conversations = [dialogue.Dialogue(messages=one.messages, line=one.line, title=one.scene) for one in made if isinstance(one, Dialogue)]
    with database() as engine, transaction(engine) as session:
        if conversations:
            kept = storage.store_dialogues(session, persona, file.name, "transcript", digest, conversations)
        else:
            kept = storage.store_passages(
                session, persona, file.name, "transcript", digest, [one for one in made if isinstance(one, Chunk)]
            )
    return kept


def _read(file: Path, form: Form) -> Script:
    try:
        return read_script(file.read_bytes(), form=form)
    except Invalid as error:
        raise Invalid(f"{file}: {error.message}", param="file") from None


def _document(one: Dialogue | Chunk) -> dict[str, object]:
    return {"text": one.text} if isinstance(one, Chunk) else {"messages": one.messages}


def _show(script: Script, cast: Cast | None, made: list[Dialogue] | list[Chunk]) -> None:
    """The parts, and some of what was made."""
    roles = [(part, count, cast.role(part) if cast else "") for part, count in script.cast.items()]
    show_rows(("part", "speeches", "becomes"), roles, "")
    click.echo()
    rows: list[tuple[object, ...]] = []
    for one in made:
        if isinstance(one, Chunk):
            rows.append((one.line, one.scene, f"{len(one.text):,}", one.text[:_BEGINNING]))
        else:
            rows += [(one.line, one.scene, message.role, message.content[:_BEGINNING]) for message in one.messages]
    show_rows(("line", "scene", "characters" if made and isinstance(made[0], Chunk) else "role", "text"), rows, "")


def _summary(script: Script) -> str:
    speeches, scenes = sum(script.cast.values()), len(script.scenes)
    return f"Read as {script.form}: {speeches:,} speeches of {len(script.cast):,} parts in {scenes:,} scene{'s' * (scenes != 1)}."


def _tell(script: Script, cast: Cast | None, directions: Directions, count: int, mode: str) -> None:
    """How many were made, and of which of the persona's speeches none was; ends with exit code 6 if there are none."""
    reasons = unanswered(script, cast, directions=directions) if cast and mode == "pairs" else {}
    why = "; ".join(f"{number:,} {_REASONS[reason]}" for reason, number in reasons.items())
    click.echo(f"{count:,} {mode[:-1] if count == 1 else mode}." + (f" Of the persona's speeches {why}." if why else ""), err=True)
    if not count:
        raise Exit(_EMPTY)
