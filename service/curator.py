"""The curator: builds a persona's dataset with what the floors beside curation know, for the night and for `attune dataset build`."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import msgspec
import structlog
from sqlalchemy import Engine

from service.chat.crisis import speaks_of_self_harm
from service.curation.amplify import amplify
from service.curation.build import Added, Built, Tools, build_dataset, silent
from service.curation.cost import count_tokens, estimate
from service.curation.dataset import attach, read_manifest
from service.curation.datasheet import DATASHEET, facts_of, write_datasheet
from service.curation.difference import compare
from service.curation.gather import Report
from service.curation.library import dataset_folder, list_datasets
from service.curation.lineage import count_contributors
from service.curation.replay import Asking, order, read_anchors, replay
from service.curation.sample import Sample
from service.curation.tokenizer import counter_of
from service.db.engine import reading
from service.evaluation.holdout import score_rows
from service.personas.persona import Persona
from service.personas.shelf import survey
from service.providers.base import Turn
from service.providers.catalog import Providers, checkpoint_folder, served_name, split_model
from service.providers.tokens import ESTIMATE
from service.settings import Settings

_EPOCHS = 3
"""How often a night passes over its rows, mostly: for the estimate of its cost."""

log = structlog.get_logger()


def curate(engine: Engine, settings: Settings, persona_name: str, report: Report = silent, folder: Path | None = None) -> Built:
    """Build the persona's dataset of now, in `folder` or where datasets lie. Raises what `build_dataset` does; nothing is frozen then."""
    shelf = survey(settings.personas)
    persona = shelf.require(persona_name)
    built = build_dataset(engine, shelf, persona, folder or dataset_folder(settings.artifact_folder), tools(settings, persona), report)
    report("writing the datasheet", 0, 1)
    attach(built.frozen.path, DATASHEET, _datasheet(engine, settings, persona, built))
    return built


def tools(settings: Settings, persona: Persona) -> Tools:
    """What a build borrows. Where the base's weights are not on this machine, nobody can say how likely it finds a reply."""
    learning = persona.settings.learning
    counter = counter_of(learning.base, settings) or ESTIMATE
    here = (checkpoint_folder(learning.base, settings) / "config.json").exists()
    return Tools(
        sensitive=speaks_of_self_harm,
        count=lambda message: counter.turn(Turn(message.role, message.content)),
        surprise=_surprise(settings, persona) if here else None,
        replay=_replay(settings, persona) if learning.trainer == "local" else None,
        amplify=_amplify(settings, persona, learning.amplifier) if learning.amplifier else None,
    )


def _datasheet(engine: Engine, settings: Settings, persona: Persona, built: Built) -> str:
    """The datasheet, with tokens and cost as the base counts, and what changed since the dataset before."""
    learning, path = persona.settings.learning, built.frozen.path
    tokens = count_tokens(path, counter_of(learning.base, settings))
    with reading(engine) as session:
        others = [dataset for dataset in list_datasets(session, persona.name) if dataset.hash != built.frozen.hash]
    before = dataset_folder(settings.artifact_folder, others[0].hash) if others else None
    return write_datasheet(
        msgspec.structs.replace(
            facts_of(persona.name, read_manifest(path)),
            contributors=count_contributors(built.train),
            tokens=tokens,
            cost=estimate(tokens.tokens("train"), _EPOCHS, learning.trainer, learning.base),
            difference=compare(before, path) if before and before.is_dir() else None,
        )
    )


def _surprise(settings: Settings, persona: Persona) -> Callable[[Sequence[Sample]], list[float]]:
    base = checkpoint_folder(persona.settings.learning.base, settings)

    def ask(samples: Sequence[Sample]) -> list[float]:
        rows = [{"prompt": msgspec.to_builtins(sample.prompt), "completion": _reply(sample)} for sample in samples]
        return [-score.mean for score in score_rows(settings.artifact_folder / "surprise" / persona.name, {"base": base}, rows)["base"]]

    return ask


def _replay(settings: Settings, persona: Persona) -> Callable[[str, int], Added]:
    base = persona.settings.learning.base

    async def ask(system_prompt: str, count: int) -> Added:
        providers = Providers(settings)
        try:
            asking = Asking(base, served_name("local", base, settings), system_prompt, persona.settings.sampling)
            folder = settings.artifact_folder / "replay"
            found = await replay(providers.get("local"), asking, order(read_anchors()), count, folder)
        finally:
            await providers.close()
        return Added(found.samples, {f"replay_{reason}": number for reason, number in found.left_out.items()})

    return lambda system_prompt, count: asyncio.run(ask(system_prompt, count))


def _amplify(settings: Settings, persona: Persona, amplifier: str) -> Callable[[Sequence[Sample], int, Collection[int]], Added]:
    provider, model = split_model(amplifier)

    async def ask(samples: Sequence[Sample], count: int, held_out: Collection[int]) -> Added:
        providers = Providers(settings)
        try:
            folder = settings.artifact_folder / "amplified" / persona.name
            name = served_name(provider, model, settings)
            found = await amplify(providers.get(provider), name, samples, count, folder, held_out=held_out)
        finally:
            await providers.close()
        if found.failure:
            log.warning("amplify_failed", persona=persona.name, reason=found.failure)
        return Added(found.samples, {**found.left_out, **({"paraphrase_failed": count} if found.failure else {})})

    return lambda samples, count, held_out: asyncio.run(ask(samples, count, held_out))


def _reply(sample: Sample) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": sample.completion}]
