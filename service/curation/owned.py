"""What the owner wrote or brought in, as samples and passages."""

from typing import NamedTuple

from sqlalchemy import Engine, select
from sqlmodel import Session, col

from service.curation.golden import golden_samples, known_exchanges
from service.curation.mix import EDGE, LOOK_ALIKE, UNSAFE, VOICE, samples_of
from service.curation.sample import Passage, Sample
from service.db import tables
from service.db.engine import reading
from service.personas.shelf import Personas


class Owned(NamedTuple):
    """The persona's seeds (its voice, and at its edges), the seeds about safety, and the golden rows, which are held out."""

    voice: list[Sample]
    edge: list[Sample]
    unsafe: list[Sample]
    look_alikes: list[Sample]
    golden: list[Sample]

    @property
    def seeds(self) -> list[Sample]:
        """All seeds of the persona."""
        return [*self.voice, *self.edge]


def read_owned(engine: Engine, shelf: Personas, persona_name: str, system_prompt: str) -> Owned:
    """Read the files beside the persona, under this system prompt (empty for none); raise `PersonaError` when one is wrong."""
    seeds, safety, golden = shelf.seeds(persona_name), shelf.safety_seeds(), shelf.golden(persona_name)
    with reading(engine) as session:
        known = known_exchanges(session, golden)
    return Owned(
        samples_of(seeds, VOICE, system_prompt),
        samples_of(seeds, EDGE, system_prompt),
        samples_of(safety, UNSAFE, system_prompt),
        samples_of(safety, LOOK_ALIKE, system_prompt),
        golden_samples(golden, system_prompt, known),
    )


def passages_of(session: Session, persona_name: str) -> list[Passage]:
    """The passages of the persona's imports that were not withdrawn, in the order of their files."""
    query = (
        select(col(tables.Passage.text), col(tables.Passage.import_id), col(tables.Passage.position))
        .join(tables.Import, col(tables.Import.id) == col(tables.Passage.import_id))
        .where(col(tables.Import.persona) == persona_name, col(tables.Import.withdrawn_at).is_(None))
        .order_by(col(tables.Passage.import_id), col(tables.Passage.position))
    )
    return [Passage(text=text, import_id=name, position=position) for text, name, position in session.execute(query)]
