"""The prompt bench: the same conversations through every text of a persona and every model, and what the replies come to."""

import asyncio
from collections.abc import Callable, Sequence
from itertools import product
from statistics import fmean, median
from typing import Any

import msgspec

from service.chat.trial import Tried, try_once
from service.cli.persona_talks import Talk
from service.evaluation.health import words_of
from service.evaluation.probes import check
from service.personas.persona import Persona
from service.personas.shelf import Expectation
from service.providers.catalog import Providers, split_model
from service.settings import Settings

_GIVEN_UP_AFTER = 2


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One reply to the conversation `talk`; `failed` names what is wrong with it, None when there is no whole reply to judge."""

    talk: int
    sample: int
    tried: Tried
    failed: list[str] | None = None


class Column:
    """One text of the persona with one model. `error` says in words why it was given up."""

    def __init__(self, persona: Persona, model: str, label: str) -> None:
        self.persona = persona
        self.model = model
        self.label = label
        self.answers: list[Answer] = []
        self.error: str | None = None

    @property
    def answered(self) -> bool:
        """Whether it gave a whole reply at all."""
        return any(answer.tried.error is None for answer in self.answers)


def columns_of(variants: Sequence[Persona], models: Sequence[str]) -> list[Column]:
    """Each variant with each model; a label says no more than it needs to."""
    if len(variants) == 1:
        return [Column(variants[0], model, model) for model in models]
    if len(models) == 1:
        return [Column(variant, models[0], variant.name) for variant in variants]
    return [Column(variant, model, f"{variant.name} {model}") for variant, model in product(variants, models)]


async def ask_all(
    columns: Sequence[Column], talks: Sequence[Talk], samples: int, providers: Providers, settings: Settings, tell: Callable[[int], None]
) -> None:
    """Put every conversation to every column, `samples` times. `tell` is called with the number of conversations that are done with.

    A provider is asked one question at a time, so that nobody's seconds are another one's; different providers are asked at once.
    """
    turns = {split_model(column.model)[0]: asyncio.Lock() for column in columns}

    async def fill(column: Column) -> None:
        first = column.persona.settings.sampling.seed
        for done, (sample, (number, talk)) in enumerate(product(range(samples), enumerate(talks))):
            seed = (first or 0) + sample if samples > 1 or first is not None else None
            async with turns[split_model(column.model)[0]]:
                tried = await try_once(column.persona, column.model, talk.turns, seed, providers, settings)
            column.answers.append(Answer(talk=number, sample=sample, tried=tried, failed=_judge(talk, tried)))
            tell(1)
            if len(column.answers) == _GIVEN_UP_AFTER and all(_unanswered(answer) for answer in column.answers):
                column.error = tried.error
                tell(samples * len(talks) - done - 1)
                return
        if column.answers and not column.answered:
            column.error = column.answers[-1].tried.error

    async with asyncio.TaskGroup() as group:
        for column in columns:
            group.create_task(fill(column))


def figures(column: Column, talks: Sequence[Talk]) -> dict[str, Any]:
    """What the replies of a column come to. Shares are from 0 to 1, seconds are medians; what cannot be told is None."""
    whole = [answer for answer in column.answers if answer.tried.error is None]
    judged = [answer for answer in column.answers if talks[answer.talk].expect is not None]
    replies = [answer.tried.reply for answer in whole]
    tokens = [answer.tried.completion_tokens for answer in whole if answer.tried.completion_tokens is not None]
    return {
        "asked": len(column.answers),
        "passed": _share([answer.failed == [] for answer in judged]),
        "words": round(fmean(len(words_of(reply)) for reply in replies), 1) if replies else None,
        "questions": _share([reply.rstrip().endswith("?") for reply in replies]),
        "unsound": _share([bool({"unfinished", "loop"} & set(answer.failed or [])) for answer in whole]),
        "empty": _share([answer.tried.code == "reply_empty" for answer in column.answers]),
        "failed": _share([answer.tried.error is not None and answer.tried.code != "reply_empty" for answer in column.answers]),
        "first_seconds": _median([answer.tried.first_seconds for answer in whole]),
        "seconds": _median([answer.tried.seconds for answer in whole]),
        "prompt_tokens": _median([answer.tried.prompt_tokens for answer in whole]),
        "completion_tokens": round(fmean(tokens), 1) if tokens else None,
    }


def _judge(talk: Talk, tried: Tried) -> list[str] | None:
    if tried.error is not None:
        return None
    return check(talk.expect or Expectation(max_words=1_000_000), tried.reply)


def _unanswered(answer: Answer) -> bool:
    """Whether the model could not be had; one that answers with nothing could."""
    return answer.tried.error is not None and not answer.tried.reply and answer.tried.code != "reply_empty"


def _share(hits: Sequence[bool]) -> float | None:
    return round(sum(hits) / len(hits), 3) if hits else None


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(median(known), 3) if known else None
