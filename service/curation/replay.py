"""Replay: the base's own answers to everyday questions are trained on too, so that learning a persona does not cost what the base could do.

The idea is rehearsal (Robins 1995, "Catastrophic forgetting, rehearsal and pseudorehearsal"), with answers that the model itself gave
(Huang et al. 2024, "Mitigating Catastrophic Forgetting in Large Language Models with Self-Synthesized Rehearsal"). The base is asked, never
the champion: answers of answers would drift.
"""

import asyncio
import hashlib
import re
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice, zip_longest
from pathlib import Path
from typing import NamedTuple

import msgspec

from service.curation.sample import Sample
from service.curation.text import normalise
from service.errors import ProviderError
from service.personas.persona import Sampling, fingerprint
from service.personas.shelf import Message
from service.providers.base import Call, Provider, Turn

TIMES = 4
"""How often one anchor is asked at most, each time with another seed."""

_ANCHORS = Path(__file__).parent / "anchors.txt"
_AT_ONCE = 4
_LOOP = 3
_REPEATED_WORDS = 3


class Asking(NamedTuple):
    """How the base is asked. `base` stands for its weights: what is kept of one base is never taken for another's.

    `model` is what the provider itself calls it, `prompt` the system prompt, none where it is empty.
    """

    base: str
    model: str
    prompt: str
    sampling: Sampling


class Replayed(NamedTuple):
    """The samples; how many answers were asked for now, those kept from earlier nights not counted; what was left out, by reason."""

    samples: list[Sample]
    asked: int
    left_out: dict[str, int]


class _Answer(msgspec.Struct, frozen=True):
    """One answer as it is kept on disk: which anchor, which time, what was said, and whether the base had come to its end."""

    anchor: str
    seed: int
    text: str
    ended: bool


_Slot = tuple[str, int]


def read_anchors(path: Path = _ANCHORS) -> dict[str, list[str]]:
    """The anchor prompts by field, in the order of the file."""
    fields: dict[str, list[str]] = {}
    field = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if found := re.fullmatch(r"\[(.+)\]", line):
            field = found[1]
        elif line.strip() and not line.startswith("#"):
            fields.setdefault(field, []).append(line.strip())
    return fields


def order(anchors: Mapping[str, Iterable[str]], seed: int = 0) -> list[str]:
    """Return the anchors in the order in which they are asked: drawn by `seed` within their field, the fields in turn.

    So few anchors are of many fields, and more of them begin with the same ones, whose answers are there already.
    """
    drawn = [sorted(field, key=lambda anchor: hashlib.sha256(f"{seed} {anchor}".encode()).digest()) for field in anchors.values()]
    return [anchor for rank in zip_longest(*drawn) for anchor in rank if anchor is not None]


async def replay(provider: Provider, asking: Asking, anchors: Sequence[str], count: int, folder: Path) -> Replayed:
    """Return up to `count` answers of the base to the anchors in their order, as samples; beyond the last one they are asked again.

    An answer is left out when it is empty, runs in circles (`looping`), was cut off at its longest (`unfinished`), or was given before, to
    this anchor or another (`already_there`: a small base has favourite answers, which training would make more so); the next one takes its
    place, until each anchor was asked `TIMES` times. Every answer is kept in `folder`, those left out too, so a later night with the same
    base, prompt and sampling asks only what it has not asked.

    Raises `ProviderError` (`replay_failed`) when a question fails twice; what was answered until then is kept. It fails closed: the owner
    aimed at a share of replay, and a version that is trained without it looks like any other while it forgets, which ratings and a few
    probes show late. Little is lost by it, since a night whose base does not answer could not be hosted or judged either. Who wants to go
    without replay says so in the persona's file.
    """
    path = folder / f"{_name(asking)}.jsonl"
    kept = _read(path)
    known = len(kept)
    slots = ((anchor, time) for time in range(TIMES) for anchor in anchors)
    samples: list[Sample] = []
    left_out: Counter[str] = Counter()
    said: set[str] = set()
    while wanted := list(islice(slots, count - len(samples))):
        await _ask_for([slot for slot in wanted if slot not in kept], provider, asking, kept, path)
        for slot in wanted:
            answer = kept[slot]
            text = normalise(answer.text)
            if reason := "already_there" if text in said else _fault(answer):
                left_out[reason] += 1
            else:
                said.add(text)
                samples.append(_sample(asking.prompt, answer))
    return Replayed(samples, len(kept) - known, dict(sorted(left_out.items())))


async def _ask_for(slots: Sequence[_Slot], provider: Provider, asking: Asking, kept: dict[_Slot, _Answer], path: Path) -> None:
    """Add the answers to `kept` and to the file, also those that came before a failure."""
    if not slots:
        return
    turns = asyncio.Semaphore(_AT_ONCE)

    async def one(slot: _Slot) -> None:
        async with turns:
            kept[slot] = await _answer(provider, asking, slot)

    failure: ProviderError | None = None
    try:
        # The first failure ends all: a base that is down would be asked hundreds of times otherwise, with its patience each time.
        async with asyncio.TaskGroup() as group:
            for slot in slots:
                group.create_task(one(slot))
    except* ProviderError as failures:
        failure = next(error for error in failures.exceptions if isinstance(error, ProviderError))
    finally:
        _write(path, kept)
    if failure:
        raise ProviderError(
            f"The base {asking.base} could not be asked for its own answers, which the training mix needs: {failure.message} "
            "See that it answers (attune up), or set learning.mix.replay to 0 in the persona's file.",
            code="replay_failed",
        ) from failure


async def _answer(provider: Provider, asking: Asking, slot: _Slot) -> _Answer:
    """One answer; raise `ProviderError` when it failed twice. One retry, because a single lost connection says nothing about the base."""
    call = _call(asking, slot)
    try:
        return await _listen(provider, call, slot)
    except ProviderError:
        return await _listen(provider, call, slot)


async def _listen(provider: Provider, call: Call, slot: _Slot) -> _Answer:
    pieces = [piece async for piece in provider.stream(call)]
    ended = all(piece.finish_reason != "length" for piece in pieces)
    return _Answer(*slot, text="".join(piece.text for piece in pieces).strip(), ended=ended)


def _call(asking: Asking, slot: _Slot) -> Call:
    anchor, time = slot
    sampling = asking.sampling
    return Call(
        model=asking.model,
        messages=[*([Turn("system", asking.prompt)] if asking.prompt else []), Turn("user", anchor)],
        max_tokens=sampling.max_tokens,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        frequency_penalty=sampling.frequency_penalty,
        presence_penalty=sampling.presence_penalty,
        seed=(sampling.seed or 0) + time,
        stop=sampling.stop,
        insist=True,
    )


def _sample(prompt: str, answer: _Answer) -> Sample:
    system = (Message("system", prompt),) if prompt else ()
    return Sample(
        prompt=(*system, Message("user", answer.anchor)), completion=answer.text, label=True, origin="replay", opening=answer.anchor
    )


def _fault(answer: _Answer) -> str:
    """Why the answer is not for learning, nothing when it is."""
    words = re.findall(r"\w+", normalise(answer.text))
    if not words:
        return "empty"
    if not answer.ended:
        return "unfinished"
    runs = Counter(zip(*(words[start:] for start in range(_REPEATED_WORDS)), strict=False))
    return "looping" if max(runs.values(), default=0) >= _LOOP else ""


def _name(asking: Asking) -> str:
    """The name of the file: base, prompt and sampling; an answer drawn in another way is another answer."""
    return f"{fingerprint(asking.base)}-{fingerprint(asking.prompt)}-{fingerprint(msgspec.json.encode(asking.sampling).decode())}"


def _read(path: Path) -> dict[_Slot, _Answer]:
    """The answers that are kept. A damaged file counts as none: the base is there to be asked again."""
    try:
        answers = msgspec.json.Decoder(_Answer).decode_lines(path.read_bytes())
    except (FileNotFoundError, msgspec.DecodeError):
        return {}
    return {(answer.anchor, answer.seed): answer for answer in answers}


def _write(path: Path, kept: Mapping[_Slot, _Answer]) -> None:
    """Write all answers anew, whole or not at all: another night may be reading."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}.partial")
    partial.write_bytes(msgspec.json.Encoder().encode_lines(kept.values()))
    partial.replace(path)
