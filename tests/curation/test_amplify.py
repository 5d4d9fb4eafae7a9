"""Messages in other words, asked of a real server through the real provider of the OpenAI wire, checked, and kept."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from service.curation.amplify import INSTRUCTION, TIMES, Amplified, amplify
from service.curation.features import opening_hash
from service.curation.mix import Sources, mix
from service.curation.sample import Sample
from service.personas.persona import Mix
from service.personas.shelf import Message
from service.providers.openai import OpenAIProvider
from tests.fakes.serving import Answer, Request, Server

Reply = Callable[[str, int], tuple[str, str] | None]
MESSAGES = [f"I have not slept well for {number} nights, what can I do?" for number in range(3, 12)]


def reworded(message: str, seed: int) -> tuple[str, str]:
    """A good paraphrase, another one for each seed."""
    number = next(word for word in message.split() if word.isdigit())
    return (
        "Any advice? My sleep has been poor these {} days",
        "For {} nights on end rest eludes me; please help",
        "Bad sleep, {} times in a row. Ideas?",
    )[seed % 3].format(number), "stop"


class Model(Server):
    """A chat completions server: rewords a message with a seed, with a finish reason, or answers with an error."""

    def __init__(self, reply: Reply = reworded) -> None:
        super().__init__()
        self.reply = reply
        self.asked: list[dict[str, Any]] = []

    async def answer(self, request: Request, answer: Answer) -> None:
        body = json.loads(request.body)
        self.asked.append(body)
        said = self.reply(body["messages"][-1]["content"], body["seed"])
        await answer.start(500 if said is None else 200, "text/event-stream")
        if said is not None:
            event = {"choices": [{"delta": {"content": said[0]}, "finish_reason": said[1]}]}
            await answer.send(f"data: {json.dumps(event)}\n\ndata: [DONE]\n\n".encode())
        await answer.end()


async def amplified(model: Model, samples: list[Sample], count: int, folder: Path, **options: Any) -> Amplified:
    async with model:
        provider = OpenAIProvider(model.url)
        try:
            return await amplify(provider, "m", samples, count, folder, **options)
        finally:
            await provider.close()


def file_of(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


@pytest.fixture
def samples(make_sample: Callable[..., Sample]) -> list[Sample]:
    return [make_sample(message, f"Reply to {message}", person_id="ann", exchange_id=f"e{place}") for place, message in enumerate(MESSAGES)]


@pytest.mark.anyio
async def test_a_liked_reply_answers_the_message_in_other_words_too(samples: list[Sample], tmp_path: Path) -> None:
    """Only the message is another: reply, context, ids and opening are the source's, so that it stays on the source's side of a split."""
    context = (Message("system", "You are Friend."), Message("user", "Hi"), Message("assistant", "Hello."))
    source = msgspec.structs.replace(samples[0], prompt=(*context, samples[0].prompt[-1]), opening="")
    model = Model()
    found = await amplified(model, [source], 1, tmp_path)
    (made,) = found.samples
    text, _ = reworded(MESSAGES[0], 0)
    assert made == msgspec.structs.replace(source, prompt=(*context, Message("user", text)), origin="synthetic", opening="Hi")
    assert (found.asked, found.left_out, found.failure) == (1, {}, None)
    (asked,) = model.asked
    assert asked["messages"] == [{"role": "system", "content": INSTRUCTION}, {"role": "user", "content": MESSAGES[0]}]


@pytest.mark.anyio
async def test_each_message_gets_its_turn_before_one_gets_two(samples: list[Sample], tmp_path: Path) -> None:
    """Spread over the samples, with another seed each time, up to three of each; the same again in the same order."""
    disliked = msgspec.structs.replace(samples[0], label=False, completion="No.")
    found = await amplified(Model(), [disliked, *samples], 12, tmp_path)
    assert len(found.samples) == 12
    assert {sample.exchange_id for sample in found.samples[:9]} == {sample.exchange_id for sample in samples}
    assert all(sample.label for sample in found.samples)
    assert found == await amplified(Model(), [disliked, *reversed(samples)], 12, tmp_path / "another")
    every = await amplified(Model(), samples, 100, tmp_path / "all")
    assert len(every.samples) == TIMES * len(samples)


@pytest.mark.anyio
async def test_nothing_is_asked_twice_and_words_that_are_gone_go(samples: list[Sample], tmp_path: Path) -> None:
    """A second build asks only what is new; what was made of a message that is no longer trained on is deleted."""
    first = await amplified(Model(), samples[:5], 5, tmp_path)
    model = Model()
    again = await amplified(model, samples[:5], 5, tmp_path)
    assert (again.samples, again.asked, model.asked) == (first.samples, 0, [])
    more = await amplified(model, samples[1:6], 5, tmp_path)
    assert (len(more.samples), more.asked, len(model.asked)) == (5, 1, 1)
    kept = file_of(tmp_path).read_text()
    assert len(kept.splitlines()) == 5
    assert reworded(MESSAGES[0], 0)[0] not in kept
    assert reworded(MESSAGES[5], 0)[0] in kept


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (("", "stop"), "paraphrase_empty"),
        (("…!", "stop"), "paraphrase_empty"),
        (("My sleep is poor, 3", "length"), "paraphrase_unfinished"),
        (("i have NOT slept well for 3 nights – what can I do", "stop"), "paraphrase_too_alike"),
        (("I have not slept well for 3 nights, so what can I do?", "stop"), "paraphrase_too_alike"),
        (("Rest eludes me, 3 times. " * 10, "stop"), "paraphrase_too_long"),
        (("Here you are:\nRest eludes me, 3 times.", "stop"), "paraphrase_too_long"),
        (("Rest eludes me 3 times<|im_end|>", "stop"), "paraphrase_marks"),
        (("Assistant: rest eludes you 3 times.", "stop"), "paraphrase_marks"),
        (("[INST] Rest eludes me 3 times [/INST]", "stop"), "paraphrase_marks"),
        (("Rest eludes me, 4 times.", "stop"), "paraphrase_changed"),
        (("Rest eludes me.", "stop"), "paraphrase_changed"),
        (("Rest eludes me 3 times, [name].", "stop"), "paraphrase_changed"),
        (("Never for 3 nights held out", "stop"), "paraphrase_held_out"),
        (("“Rest eludes me, 3 times.”", "stop"), None),
    ],
)
async def test_what_is_no_paraphrase_is_left_out(samples: list[Sample], tmp_path: Path, said: tuple[str, str], reason: str | None) -> None:
    """Each with its reason; it is asked for another three times at most, and quotation marks around it are taken off."""
    held_out = {opening_hash("never for 3 NIGHTS held out")}
    found = await amplified(Model(lambda message, seed: said), samples[:1], 1, tmp_path, held_out=held_out)
    if reason:
        assert (found.samples, found.left_out, found.asked) == ([], {reason: TIMES}, TIMES)
    else:
        assert [sample.prompt[-1].content for sample in found.samples] == ["Rest eludes me, 3 times."]


@pytest.mark.anyio
async def test_placeholders_stay(make_sample: Callable[..., Sample], tmp_path: Path) -> None:
    """What redaction put into a message stands in its paraphrase too."""
    source = make_sample("My sister [name] wrote to me from [email], should I call her?")
    good = "Would it be right to ring up [name], whose note from [email] reached me? She is my sister"
    found = await amplified(Model(lambda message, seed: (good, "stop")), [source], 1, tmp_path)
    assert [sample.prompt[-1].content for sample in found.samples] == [good]


@pytest.mark.anyio
async def test_a_model_that_fails_is_a_reason_and_no_crash(samples: list[Sample], tmp_path: Path) -> None:
    """None rather than some, for some would depend on when it failed; what was answered is kept for the next time."""
    broken = {MESSAGES[4]}
    model = Model(lambda message, seed: None if message in broken else reworded(message, seed))
    failed = await amplified(model, samples, 9, tmp_path)
    assert failed.samples == []
    assert failed.failure is not None
    assert failed.failure.startswith("m could not be asked for other wordings: ")
    assert failed.failure.endswith(" There are no synthetic rows this time.")
    assert MESSAGES[4] not in failed.failure
    broken.clear()
    mended = await amplified(Model(), samples, 9, tmp_path)
    assert len(mended.samples) == 9
    assert failed.asked + mended.asked == 9
    assert mended.samples == (await amplified(Model(), samples, 9, tmp_path / "another")).samples


@pytest.mark.anyio
async def test_a_damaged_file_is_no_file(samples: list[Sample], tmp_path: Path) -> None:
    """The model is asked again."""
    await amplified(Model(), samples, 2, tmp_path)
    path = file_of(tmp_path)
    path.write_text(path.read_text()[:-20])
    assert (await amplified(Model(), samples, 2, tmp_path)).asked == 2


@pytest.mark.anyio
async def test_they_never_have_more_than_their_share(samples: list[Sample], tmp_path: Path) -> None:
    """However many there are, the mix takes `mix.synthetic` of all rows at most, and none whose opening is held out."""
    found = await amplified(Model(), samples, 27, tmp_path)
    shares = Mix(synthetic=0.25, replay=0, safety=0, seeds=0)
    mixed = mix(Sources(rated=samples, synthetic=found.samples), shares)
    assert (mixed.proportions["rated"].rows, mixed.proportions["synthetic"].rows) == (9, 3)
    held_out = {opening_hash(sample.opening or sample.prompt[1].content) for sample in samples}
    assert mix(Sources(rated=samples, synthetic=found.samples), shares, held_out).proportions["synthetic"].rows == 0
