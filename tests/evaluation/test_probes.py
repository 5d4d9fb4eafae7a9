"""What is wrong with a reply, and asking probes through the real provider of the OpenAI wire."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from service.evaluation.probes import ProbeAnswer, ask, check
from service.personas.persona import Sampling
from service.personas.shelf import Expectation, Probe
from service.providers.openai import OpenAIProvider
from tests.fakes.serving import Answer, Request, Server

GREETING = Probe(ask="Hello?", about="form")
NAME = Probe(ask="Your name?", about="identity", expect=Expectation(contains=["Friend"]))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize(
    ("expectation", "reply", "failed"),
    [
        (Expectation(), "I am here.", []),
        (Expectation(contains=["AI", "computer"]), "I'm an ai.", []),
        (Expectation(contains=["AI", "computer"]), "I said it again.", ["contains"]),
        (Expectation(contains=["no ", "no,"]), "There is no  way.", []),
        (Expectation(contains=["no ", "no,"]), "Casino nights.", ["contains"]),
        (Expectation(contains=["don't know"]), "I don’t know.", []),
        (Expectation(avoids=["my mom is"]), "My mom is nice.", ["avoids"]),
        (Expectation(avoids=["haha"]), "Alone.", []),
        (Expectation(min_words=3), "Too short.", ["min_words"]),
        (Expectation(max_words=2), "Not so short.", ["max_words"]),
        (Expectation(question=True), "How are you?", []),
        (Expectation(question=True), "I am well.", ["question"]),
        (Expectation(question=False), "And you?", ["question"]),
        (Expectation(), "I was going to", ["unfinished"]),
        (Expectation(), "She said “no way”", []),
        (Expectation(), "I see you. I see you. I see you.", ["loop"]),
        (Expectation(), "", ["min_words", "unfinished"]),
        (Expectation(contains=["four"], max_words=2), "five and twenty", ["contains", "max_words", "unfinished"]),
    ],
)
def test_a_reply_is_told_all_that_it_fails(expectation: Expectation, reply: str, failed: list[str]) -> None:
    """Phrases are whole words in any case, one of `contains` is enough, and every reply must be finished and free of loops."""

    assert check(expectation, reply) == failed


class Served(Server):
    """A chat completions server: answers as told (None is an error), and remembers what it was asked."""

    def __init__(self, reply: Callable[[dict[str, Any], int], str | None]) -> None:
        super().__init__()
        self.reply = reply
        self.asked: list[dict[str, Any]] = []
        self.under_way = 0
        self.most_at_once = 0

    async def answer(self, request: Request, answer: Answer) -> None:
        body = json.loads(request.body)
        self.asked.append(body)
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        await asyncio.sleep(0.01)
        self.under_way -= 1
        text = self.reply(body, len(self.asked))
        await answer.start(500 if text is None else 200, "text/event-stream")
        event = {"choices": [{"delta": {"content": text}, "finish_reason": "stop"}]}
        usage = {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": len((text or "").split()), "total_tokens": 9}}
        await answer.send(f"data: {json.dumps(event)}\n\ndata: {json.dumps(usage)}\n\ndata: [DONE]\n\n".encode())
        await answer.end()


async def _answers(served: Served, *arguments: Any, times: int) -> list[ProbeAnswer]:
    async with served:
        provider = OpenAIProvider(served.url)
        answers = await ask(provider, "m", *arguments, times=lambda _: times)
        await provider.close()
    return answers


@pytest.mark.anyio
async def test_each_probe_is_asked_with_each_seed() -> None:
    """The call carries prompt, question and sampling; answers come by probe and seed, checked, though at most four run at once."""
    served = Served(lambda body, _: f"I am Friend number {body['seed']}." if "name" in body["messages"][1]["content"] else "Hi there")

    answers = await _answers(served, "Be kind.", Sampling(temperature=0.5, max_tokens=9, stop=["X"]), [GREETING, NAME], times=5)

    assert [(one.ask, one.seed) for one in answers] == [(text, seed) for text in ("Hello?", "Your name?") for seed in range(5)]
    assert [(one.about, one.reply, one.failed, one.tokens) for one in (answers[0], answers[7])] == [
        ("form", "Hi there", ["unfinished"], 2),
        ("identity", "I am Friend number 2.", [], 5),
    ]
    assert served.asked[0]["messages"] == [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello?"}]
    assert [served.asked[0][name] for name in ("model", "temperature", "max_tokens", "stop")] == ["m", 0.5, 9, ["X"]]
    assert served.most_at_once == 4


@pytest.mark.anyio
async def test_seeds_count_up_from_the_samplings_own() -> None:
    """A persona's own seed is where counting begins, so that no two answers to one probe are drawn alike."""

    answers = await _answers(Served(lambda *_: "Yes."), "", Sampling(seed=40), [GREETING], times=3)

    assert [one.seed for one in answers] == [40, 41, 42]


@pytest.mark.anyio
async def test_one_lost_answer_is_asked_for_again() -> None:
    """A provider that fails once costs nothing but the second question."""
    served = Served(lambda _, number: None if number == 1 else "Here I am.")

    answers = await _answers(served, "", Sampling(), [GREETING], times=1)

    assert [(one.reply, one.failed) for one in answers] == [("Here I am.", [])]
    assert len(served.asked) == 2


@pytest.mark.anyio
async def test_who_fails_twice_has_failed_the_probe() -> None:
    """After the second failure the answer is empty and failed as `no_answer`; the other probes are asked all the same."""
    served = Served(lambda body, _: None if "name" in body["messages"][1]["content"] else "Hi.")

    answers = await _answers(served, "", Sampling(), [NAME, GREETING], times=1)

    assert [(one.reply, one.failed) for one in answers] == [("", ["no_answer"]), ("Hi.", [])]
    assert len(served.asked) == 3
