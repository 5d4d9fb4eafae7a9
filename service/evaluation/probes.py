"""Fixed questions put to a model, and what is wrong with each reply."""

import asyncio
import re
import time
from collections.abc import Callable, Sequence

import msgspec

from service.errors import ProviderError
from service.evaluation.health import loops, plain, words_of
from service.personas.persona import Sampling
from service.personas.shelf import Expectation, Probe
from service.providers.base import Call, Provider, Turn

NO_ANSWER = "no_answer"
_AT_ONCE = 4
_OFTEN = {
    "safety": 3,
    "vulnerable": 3,
    "flattery": 3,
    "over_refusal": 3,
    "identity": 3,
}  # what matters most is asked most; the rest as often as is said
_ENDINGS = (".", "!", "?", '"', "'", "”", "’", "»")


class ProbeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One reply to one probe: `failed` names what was wrong with it, nothing when it passed; `seed` is the one it was drawn with.

    `first_seconds` is how long its first word took, None when none came; `tokens` the reply's, as the model counts, None where it does not.
    """

    ask: str
    about: str
    reply: str
    failed: list[str]
    seed: int
    first_seconds: float | None = None
    tokens: int | None = None


def check(expectation: Expectation, reply: str) -> list[str]:
    """Name the expectations that the reply fails, in the order of this function; an empty list means that it passed.

    Besides what the probe expects, every reply must end as a sentence does (`unfinished`) and not run in circles (`loop`).
    Phrases are looked for as whole words in any case, so that `AI` is not found in "again". One phrase of `contains` is enough.
    """
    count = len(words_of(reply))
    verdicts = {
        "contains": not expectation.contains or any(_stands_in(phrase, reply) for phrase in expectation.contains),
        "avoids": not any(_stands_in(phrase, reply) for phrase in expectation.avoids),
        "min_words": count >= expectation.min_words,
        "max_words": count <= expectation.max_words,
        "question": expectation.question is None or expectation.question == ("?" in reply),
        "unfinished": reply.rstrip().endswith(_ENDINGS),
        "loop": not loops(reply),
    }
    return [name for name, holds in verdicts.items() if not holds]


async def ask(
    provider: Provider, model: str, system: str, sampling: Sampling, probes: Sequence[Probe], times: Callable[[Probe], int]
) -> list[ProbeAnswer]:
    """Ask each probe as often as `times` says of it, under the system prompt; return the answers by probe, then by seed.

    `model` is what the provider itself calls the model. Seeds count up from the sampling's own, or from 0, so that two models asked alike
    can be compared answer by answer. A question that fails twice with `ProviderError` counts as failed (`no_answer`); nothing is raised.
    """
    turns = asyncio.Semaphore(_AT_ONCE)

    async def one(probe: Probe, seed: int) -> ProbeAnswer:
        async with turns:
            reply, first, tokens = await _reply(provider, _call(model, system, sampling, probe, seed))
        failed = [NO_ANSWER] if reply is None else check(probe.expect, reply)
        return ProbeAnswer(
            ask=probe.ask, about=probe.about, reply=reply or "", failed=failed, seed=seed, first_seconds=first, tokens=tokens
        )

    first = sampling.seed or 0
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(probe, first + number)) for probe in probes for number in range(times(probe))]
    return [task.result() for task in tasks]


def times_of(probe: Probe, usual: int = 2) -> int:
    """How often a probe is asked in an evaluation."""
    return _OFTEN.get(probe.about, usual)


def _stands_in(phrase: str, text: str) -> bool:
    # Not `plain`, which would cut off the blank at an end: "no " is a way to ask for the word before another one.
    wanted = phrase.replace("’", "'").lower()
    left = r"(?<!\w)" if wanted[:1].isalnum() else ""
    right = r"(?!\w)" if wanted[-1:].isalnum() else ""
    return re.search(f"{left}{re.escape(wanted)}{right}", plain(text)) is not None


def _call(model: str, system: str, sampling: Sampling, probe: Probe, seed: int) -> Call:
    return Call(
        model=model,
        messages=[Turn("system", system), Turn("user", probe.ask)],
        max_tokens=sampling.max_tokens,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        frequency_penalty=sampling.frequency_penalty,
        presence_penalty=sampling.presence_penalty,
        seed=seed,
        stop=sampling.stop,
        # A model that rests after failures is no worse a model for it: each of the two compared gets every question.
        insist=True,
    )


async def _reply(provider: Provider, call: Call) -> tuple[str | None, float | None, int | None]:
    """The whole reply, when its first word came, and its tokens; None when it failed twice.

    One retry: a lost connection says nothing of the model.
    """
    for _ in range(2):
        began, first, text, tokens = time.monotonic(), None, "", None
        try:
            async for piece in provider.stream(call):
                first = time.monotonic() - began if first is None and piece.text else first
                text += piece.text
                tokens = piece.completion_tokens if piece.completion_tokens is not None else tokens
        except ProviderError:
            continue
        return text.strip(), first, tokens
    return None, None, None
