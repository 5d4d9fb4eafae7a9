"""`attune persona try --gate`: another text of a persona has to get past the same gate as another version."""

import tempfile
from pathlib import Path
from typing import Any

import msgspec
import rich_click as click
from click.exceptions import Exit
from sqlmodel import Session

from service import registry
from service.cli.output import database, show_json
from service.curation.library import LATEST, dataset_folder, find_dataset
from service.db.engine import transaction
from service.errors import NotFound
from service.evaluation.gate import Decision, decide
from service.evaluation.scorecard import Scorecard, score
from service.examiner import Examiner, Paper
from service.personas.persona import Persona
from service.settings import Settings

_REFUSED = 6


def gate_variant(settings: Settings, persona: Persona, variant: Persona, as_json: bool) -> None:
    """Have the champion speak under the variant's prompt, against itself under the present one; exit with 6 when the gate refuses."""
    with database() as engine, transaction(engine) as session:
        champion = registry.champion(session, persona.name)
        dataset = _newest_dataset(session, settings, persona.name)
    click.echo(f"{persona.name} {champion.name} is asked under both texts; this takes a minute or two.", err=True)
    examiner = Examiner(settings, persona)
    now, then = examiner.contestant(champion, variant.prompt()), examiner.contestant(champion)
    with tempfile.TemporaryDirectory(prefix="attune-gate-") as work:
        card = score(examiner.examine(now, then, Paper(dataset or Path(work), Path(work))))
    decision = decide(card, persona.settings.gate)
    if as_json:
        show_json(_document(decision, card))
    else:
        click.echo(decision.reason.replace("The candidate", "The new text").replace("the candidate", "the new text"))
    if not decision.promote:
        raise Exit(_REFUSED)


def _newest_dataset(session: Session, settings: Settings, persona: str) -> Path | None:
    try:
        return dataset_folder(settings.artifact_folder, find_dataset(session, LATEST, persona).hash)
    except NotFound:
        return None


def _document(decision: Decision, card: Scorecard) -> dict[str, Any]:
    return {**msgspec.to_builtins(decision), "scorecard": card.as_dict()}
