"""The base's own answers to everyday questions, asked through the real provider of the OpenAI wire, and kept."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.curation.replay import TIMES, Asking, Replayed, order, read_anchors, replay
from service.curation.sample import Sample
from service.errors import ProviderError
from service.personas.persona import Sampling
from service.personas.shelf import Message, read_personas
from service.providers.catalog import STARTER
from service.providers.openai import OpenAIProvider
from tests.fakes.serving import Answer, Request, Server
from tests.processes import ROOT

ASKING = Asking("base one", "m", "Be kind.", Sampling(temperature=0.5, max_tokens=9, stop=["X"]))
Reply = Callable[[str, int], tuple[str, str] | None]


def plainly(anchor: str, seed: int) -> tuple[str, str]:
    """A good answer, another one for each seed."""
    return f"Answer {seed} to {anchor}", "stop"


class Base(Server):
    """A chat completions server: answers an anchor and a seed with a text and a finish reason, or with an error."""

    def __init__(self, reply: Reply = plainly) -> None:
        super().__init__()
        self.reply = reply
        self.asked: list[dict[str, Any]] = []
        self.under_way = self.most_at_once = 0

    async def answer(self, request: Request, answer: Answer) -> None:
        body = json.loads(request.body)
        self.asked.append(body)
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        await asyncio.sleep(0.005)
        self.under_way -= 1
        said = self.reply(body["messages"][-1]["content"], body["seed"])
        await answer.start(500 if said is None else 200, "text/event-stream")
        if said is not None:
            event = {"choices": [{"delta": {"content": said[0]}, "finish_reason": said[1]}]}
            await answer.send(f"data: {json.dumps(event)}\n\ndata: [DONE]\n\n".encode())
        await answer.end()


async def replayed(base: Base, anchors: list[str], count: int, folder: Path, asking: Asking = ASKING) -> Replayed:
    async with base:
        provider = OpenAIProvider(base.url)
        try:
            return await replay(provider, asking, anchors, count, folder)
        finally:
            await provider.close()


def answers(found: Replayed) -> list[tuple[str, str]]:
    return [(sample.opening, sample.completion) for sample in found.samples]


@pytest.mark.anyio
async def test_the_bases_answers_become_samples(tmp_path: Path) -> None:
    """Each anchor is asked under the prompt, drawn as the persona's replies are, at most four at a time; the answer is a liked sample."""
    base = Base()
    found = await replayed(base, [f"Question {number}?" for number in range(9)], 8, tmp_path)
    assert found.samples[0] == Sample(
        prompt=(Message("system", "Be kind."), Message("user", "Question 0?")),
        completion="Answer 0 to Question 0?",
        label=True,
        origin="replay",
        opening="Question 0?",
    )
    assert [sample.opening for sample in found.samples] == [f"Question {number}?" for number in range(8)]
    assert (found.asked, found.left_out, len(base.asked), base.most_at_once) == (8, {}, 8, 4)
    first = next(body for body in base.asked if body["messages"][-1]["content"] == "Question 0?")
    assert [first[name] for name in ("model", "temperature", "max_tokens", "stop", "seed")] == ["m", 0.5, 9, ["X"], 0]
    assert first["messages"] == [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Question 0?"}]


@pytest.mark.anyio
async def test_without_a_prompt_there_is_no_system_message(tmp_path: Path) -> None:
    """Neither in what is asked nor in what is learned."""
    base = Base()
    (sample,) = (await replayed(base, ["Why?"], 1, tmp_path, ASKING._replace(prompt=""))).samples
    assert sample.prompt == (Message("user", "Why?"),)
    assert base.asked[0]["messages"] == [{"role": "user", "content": "Why?"}]


@pytest.mark.anyio
async def test_a_later_night_asks_only_what_was_not_asked(tmp_path: Path) -> None:
    """The same base, prompt and sampling: the answers are there. Another base, prompt or sampling is asked itself."""
    anchors = ["One?", "Two?", "Three?"]
    first = await replayed(Base(), anchors, 2, tmp_path)
    silent = Base(lambda *_: None)
    again = await replayed(silent, anchors, 2, tmp_path)
    assert (again.samples, again.asked, silent.asked) == (first.samples, 0, [])
    more = Base()
    grown = await replayed(more, anchors, 3, tmp_path)
    assert (grown.samples[:2], grown.asked, [body["messages"][-1]["content"] for body in more.asked]) == (first.samples, 1, ["Three?"])
    for other in (ASKING._replace(base="base two"), ASKING._replace(prompt="Be wise."), ASKING._replace(sampling=Sampling())):
        assert (await replayed(Base(), anchors, 2, tmp_path, other)).asked == 2
    assert (await replayed(Base(), anchors, 3, tmp_path)).asked == 0


@pytest.mark.anyio
async def test_what_is_not_for_learning_is_replaced_by_the_next(tmp_path: Path) -> None:
    """Empty, looping, cut off, or said before: each is counted, never learned, and not asked again on a later night."""
    said = {
        "Empty?": (" … ", "stop"),
        "Loop?": ("I see you now. I see you now. I see you now.", "stop"),
        "Long?": ("It all began when", "length"),
        "Same?": ("Always  the same.", "stop"),
        "Also?": ("always the SAME.", "stop"),
    }
    base = Base(lambda anchor, seed: said.get(anchor, (f"Good {seed}.", "stop")))
    anchors = [*said, "Good?"]
    found = await replayed(base, anchors, 4, tmp_path)
    assert answers(found) == [("Same?", "Always  the same."), *(("Good?", f"Good {seed}.") for seed in range(3))]
    assert found.left_out == {"already_there": 5, "empty": 3, "looping": 3, "unfinished": 3}
    assert sorted(body["seed"] for body in base.asked if body["messages"][-1]["content"] == "Good?") == [0, 1, 2]
    again = await replayed(Base(lambda *_: None), anchors, 4, tmp_path)
    assert again == found._replace(asked=0)


@pytest.mark.anyio
async def test_each_anchor_is_asked_a_few_times_at_most(tmp_path: Path) -> None:
    """A base that has nothing to say does not hold up the night for ever; the persona's own seed is where counting begins."""
    mute = Base(lambda *_: ("", "stop"))
    found = await replayed(mute, ["One?", "Two?"], 100, tmp_path, ASKING._replace(sampling=Sampling(seed=40)))
    assert (found.samples, found.asked, found.left_out) == ([], 2 * TIMES, {"empty": 2 * TIMES})
    assert {body["seed"] for body in mute.asked} == {40 + time for time in range(TIMES)}
    assert (await replayed(Base(), [], 100, tmp_path)).samples == []
    assert len((await replayed(Base(), ["One?", "Two?"], 100, tmp_path)).samples) == 2 * TIMES


@pytest.mark.anyio
async def test_one_lost_answer_is_asked_for_again(tmp_path: Path) -> None:
    """A provider that fails once costs nothing but the second question."""
    lost = iter([None])
    base = Base(lambda anchor, seed: next(lost, ("Here I am.", "stop")))
    assert answers(await replayed(base, ["One?"], 1, tmp_path)) == [("One?", "Here I am.")]
    assert len(base.asked) == 2


@pytest.mark.anyio
async def test_a_base_that_does_not_answer_ends_the_build(tmp_path: Path) -> None:
    """It fails closed, in words that say how to go on, soon, and without a word of what was asked; what was answered is kept."""
    broken = Base(lambda anchor, seed: None if anchor == "Secret 30?" else plainly(anchor, seed))
    anchors = [f"Secret {number}?" for number in range(200)]
    with pytest.raises(ProviderError) as refused:
        await replayed(broken, anchors, 200, tmp_path)
    assert refused.value.code == "replay_failed"
    assert "base one" in refused.value.message and "set learning.mix.replay to 0" in refused.value.message
    assert "Secret" not in refused.value.message and "Be kind" not in refused.value.message
    assert len(broken.asked) < 60
    mended = Base()
    found = await replayed(mended, anchors, 40, tmp_path)
    assert len(found.samples) == 40 and found.asked <= 40 - 25


def test_a_damaged_file_is_asked_for_anew(tmp_path: Path) -> None:
    """What is kept only saves time."""
    first = asyncio.run(replayed(Base(), ["One?", "Two?"], 2, tmp_path))
    (kept,) = tmp_path.iterdir()
    for damage in (kept.read_bytes()[:-9], b"\xff\n", b'{"anchor": 5}\n'):
        kept.write_bytes(damage)
        again = asyncio.run(replayed(Base(), ["One?", "Two?"], 2, tmp_path))
        assert (again.samples, again.asked) == (first.samples, 2)
        assert list(tmp_path.iterdir()) == [kept]


def test_the_anchors_are_of_many_fields_and_nobodys_examination() -> None:
    """Sixty or more in five fields or more, none twice, none of a probe's or a seed's words."""
    fields = read_anchors()
    anchors = [anchor for field in fields.values() for anchor in field]
    assert len(anchors) >= 60 and len(fields) >= 5 and len(set(anchors)) == len(anchors)
    personas = read_personas(ROOT / "persona_prompts")
    for persona in personas:
        assert not {probe.ask for probe in personas.probes(persona.name)} & set(anchors)
        assert not {seed.messages[0].content for seed in [*personas.seeds(persona.name), *personas.safety_seeds()]} & set(anchors)


def test_few_anchors_are_of_all_fields() -> None:
    """The fields take turns, so that the first ones are of each; the order is the seed's, and all anchors are in it."""
    fields = read_anchors()
    field_of = {anchor: name for name, field in fields.items() for anchor in field}
    ordered = order(fields)
    assert {field_of[anchor] for anchor in ordered[: len(fields)]} == set(fields)
    assert ordered == order(fields) != order(fields, seed=1)
    assert sorted(ordered) == sorted(field_of)
    assert order({"long": ["a", "b", "c"], "short": ["d"]})[1] == "d"


@pytest.mark.anyio
async def test_the_starter_answers_the_anchors(engine_url: str, tmp_path: Path) -> None:
    """The real base through the real engine: it says something to learn from, and on the next night it is not asked again."""
    friend = read_personas(ROOT / "persona_prompts").get("friend")
    asking = Asking("starter", str(STARTER), friend.prompt(), friend.settings.sampling)
    provider = OpenAIProvider(f"{engine_url}/v1", engine=True)
    first = await replay(provider, asking, order(read_anchors()), 5, tmp_path)
    again = await replay(provider, asking, order(read_anchors()), 5, tmp_path)
    await provider.close()
    assert len(first.samples) == 5 and first.asked >= 5
    assert again == first._replace(asked=0)
