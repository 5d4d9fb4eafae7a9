"""OpenAI's own client against `/v1`."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from sqlmodel import select

from service.db.tables import Conversation, Exchange, ExchangeState, Rating
from tests.web.conftest import Service
from tests.web.reading import complaint, until
from tests.web.upstream import Upstream

CHAT = "/v1/chat/completions"


def says(text: str) -> list[Any]:
    """The messages of a user who says one thing."""
    return [{"role": "user", "content": text}]


@pytest.fixture
def client(shared: Service) -> Iterator[OpenAI]:
    """The official client with a key that may chat and rate."""
    with OpenAI(base_url=f"{shared.url}/v1", api_key=shared.home.key(), max_retries=0) as found:
        yield found


def test_the_official_client_chats(shared: Service, client: OpenAI) -> None:
    """A persona answers as a model does; the answer names the version, and its id and header name the exchange."""
    raw = client.chat.completions.with_raw_response.create(model="echo", messages=says("good morning"))
    answer = raw.parse()
    assert answer.choices[0].message.content == "You said: good morning"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == "echo@v0"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (7, 3, 10)
    assert answer.id == f"chatcmpl-{raw.headers['x-exchange-id']}"
    kept = shared.home.exchange(raw.headers["x-exchange-id"])
    assert (kept.message, kept.reply, kept.state) == ("good morning", "You said: good morning", ExchangeState.complete)


@pytest.mark.parametrize("model", ["echo", "echo@champion", "echo@v0"])
def test_the_official_client_streams(client: OpenAI, model: str) -> None:
    """A stream begins with the role, tells the whole reply, ends with a finish reason, and counts nothing unless asked."""
    chunks = list(client.chat.completions.create(model=model, messages=says("good morning"), stream=True))
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "You said: good morning"
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert len({chunk.id for chunk in chunks}) == 1
    assert {chunk.model for chunk in chunks} == {"echo@v0"}
    assert all(chunk.usage is None for chunk in chunks)


def test_the_stream_counts_when_asked(client: OpenAI) -> None:
    """With `include_usage` one last chunk without choices holds the token counts."""
    asked = client.chat.completions.create(model="echo", messages=says("hi"), stream=True, stream_options={"include_usage": True})
    *_, last = asked
    assert last.choices == []
    assert last.usage is not None
    assert last.usage.total_tokens == 10


@pytest.mark.anyio
async def test_the_official_async_client_chats_and_streams(shared: Service) -> None:
    """The asynchronous client gets the same answers."""
    async with AsyncOpenAI(base_url=f"{shared.url}/v1", api_key=shared.home.key(), max_retries=0) as client:
        answer = await client.chat.completions.create(model="echo", messages=says("hi"))
        stream = await client.chat.completions.create(model="echo", messages=says("hi"), stream=True)
        told = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
        names = [model.id async for model in client.models.list()]
    assert answer.choices[0].message.content == told == "You said: hi"
    assert "echo" in names


def test_personas_are_listed_as_models(client: OpenAI) -> None:
    """Every persona is a model, and can be asked for by its name or the name of a version."""
    assert {"echo", "held", "broken"} <= {model.id for model in client.models.list()}
    for name in ("echo", "echo@v0", "echo@champion"):
        assert client.models.retrieve(name).id == name
    with pytest.raises(openai.NotFoundError, match="echo has no version 'v7'"):
        client.models.retrieve("echo@v7")


def _ghost(client: OpenAI) -> None:
    client.chat.completions.create(model="ghost", messages=says("hi"))


def _unknown_version(client: OpenAI) -> None:
    client.chat.completions.create(model="echo@v41", messages=says("hi"))


def _absurd_version(client: OpenAI) -> None:
    client.chat.completions.create(model=f"echo@v{'9' * 40}", messages=says("hi"))


def _no_model(client: OpenAI) -> None:
    client.models.retrieve("gpt 4")


def _empty(client: OpenAI) -> None:
    client.chat.completions.create(model="echo", messages=says("  "))


def _too_long(client: OpenAI) -> None:
    client.chat.completions.create(model="echo", messages=says("x" * 8001))


def _refusing(client: OpenAI) -> None:
    client.chat.completions.create(model="refusing", messages=says("hi"))


def _breaking(client: OpenAI) -> None:
    client.chat.completions.create(model="broken", messages=says("hi"))


def _wordless(client: OpenAI) -> None:
    client.chat.completions.create(model="empty", messages=says("hi"))


@pytest.mark.parametrize(
    ("ask", "kind", "code", "words"),
    [
        (_ghost, openai.NotFoundError, "persona_not_found", "There is no persona 'ghost'. There are: "),
        (_unknown_version, openai.NotFoundError, "version_not_found", "echo has no version 'v41'"),
        (_absurd_version, openai.NotFoundError, "version_not_found", "echo has no version"),
        (_no_model, openai.NotFoundError, "model_not_found", "Ask for friend, friend@champion or friend@v3."),
        (_empty, openai.BadRequestError, "message_empty", "The message is empty. Write something."),
        (_too_long, openai.BadRequestError, "message_too_long", "8001 characters; the limit is 8000"),
        (_refusing, openai.InternalServerError, "provider_failed", "The model did not answer. Your message is kept"),
        (_breaking, openai.InternalServerError, "provider_broke_off", "The model broke off in the middle of its reply."),
        (_wordless, openai.InternalServerError, "reply_empty", "The model gave an empty reply."),
    ],
)
def test_the_official_client_sees_its_own_errors_with_our_words(
    client: OpenAI, ask: Callable[[OpenAI], None], kind: type[openai.APIStatusError], code: str, words: str
) -> None:
    """Each error arrives as the exception that an OpenAI user catches, with a code for programs and words for people."""
    with pytest.raises(kind) as raised:
        ask(client)
    assert raised.value.code == code
    assert words in raised.value.message


@pytest.mark.parametrize("key", ["at_wrong", "ct_wrong", "sk-proj-abc"])
def test_a_wrong_key_is_an_authentication_error(shared: Service, key: str) -> None:
    """A key that nobody made opens nothing, and the client says so with our words."""
    with OpenAI(base_url=f"{shared.url}/v1", api_key=key, max_retries=0) as client, pytest.raises(openai.AuthenticationError) as raised:
        client.models.list()
    assert "not known" in raised.value.message


def test_a_key_without_the_scope_is_a_permission_error(shared: Service) -> None:
    """A key that may only rate cannot chat, and is told which scope it lacks."""
    key = shared.home.key("rate")
    with OpenAI(base_url=f"{shared.url}/v1", api_key=key, max_retries=0) as client, pytest.raises(openai.PermissionDeniedError) as raised:
        client.chat.completions.create(model="echo", messages=says("hi"))
    assert "attune keys create --scope chat" in raised.value.message


def test_a_conversation_token_opens_nothing_on_v1(shared: Service) -> None:
    """A conversation's token is for that conversation only: on `/v1` it neither chats nor lists."""
    with shared.client() as anybody:
        token = anybody.post("/api/conversations", json={"persona": "echo"}).json()["token"]
    with shared.client(token) as visitor:
        assert "that conversation only" in complaint(visitor.post(CHAT, json={"model": "echo", "messages": says("hi")}), 403)
        assert "that conversation only" in complaint(visitor.get("/v1/models"), 403)


@pytest.mark.parametrize(
    ("persona", "words"),
    [("broken", "broke off"), ("refusing", "did not answer"), ("homeless", "no such provider"), ("empty", "empty reply")],
)
def test_a_failure_in_a_stream_is_an_error_of_the_client(shared: Service, client: OpenAI, persona: str, words: str) -> None:
    """A stream that fails raises with our words instead of ending quietly, and the exchange is kept as failed."""
    stream = client.chat.completions.create(model=persona, messages=says("hi"), stream=True)
    seen = []
    with pytest.raises(openai.APIError) as raised:
        for chunk in stream:
            seen.append(chunk)
    assert words in raised.value.message
    kept = shared.home.exchange(seen[0].id.removeprefix("chatcmpl-"))
    assert kept.state == ExchangeState.failed
    assert kept.error == raised.value.code
    assert kept.message == "hi"
    assert kept.reply == "".join(chunk.choices[0].delta.content or "" for chunk in seen)


@pytest.mark.parametrize("persona", ["echo", "second", "broken", "refusing", "homeless", "empty", "names"])
def test_streams_hold_data_lines_and_always_end(app: httpx.Client, persona: str) -> None:
    """A stream is `data:` lines only, ends with a finish reason or an error, and then with [DONE]."""
    with app.stream("POST", CHAT, json={"model": persona, "messages": says("hi"), "stream": True}) as response:
        text = response.read().decode()
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "no-cache"
    blocks = text.split("\n\n")
    assert blocks.pop() == ""
    assert all(block.startswith("data: ") and "\n" not in block for block in blocks)
    assert blocks.pop() == "data: [DONE]"
    *chunks, last = [json.loads(block.removeprefix("data: ")) for block in blocks]
    assert all(chunk["choices"][0]["finish_reason"] is None for chunk in chunks)
    assert ("error" in last) != (last.get("choices", [{}])[0].get("finish_reason") == "stop")
    assert f"chatcmpl-{response.headers['x-exchange-id']}" == chunks[0]["id"]


def test_a_reader_who_leaves_cancels_the_reply(shared: Service, app: httpx.Client, gate: Upstream) -> None:
    """On `/v1` nobody can come back: the exchange is cancelled when the client goes, with the text so far."""
    with app.stream("POST", CHAT, json={"model": "held", "messages": says("stay"), "stream": True}) as response:
        name = response.headers["x-exchange-id"]
        assert any('"One"' in line for line in response.iter_lines())
    kept = until(lambda: (found := shared.home.exchange(name)).state != ExchangeState.open and found)
    assert (kept.state, kept.reply) == (ExchangeState.cancelled, "One")
    assert kept.message == "stay"


def test_a_reader_who_leaves_before_the_first_word_cancels_too(shared: Service, app: httpx.Client, gate: Upstream) -> None:
    """Leaving while the model is still thinking ends the exchange as well; nothing stays open."""
    with app.stream("POST", CHAT, json={"model": "silent", "messages": says("stay"), "stream": True}) as response:
        name = response.headers["x-exchange-id"]
        assert next(response.iter_lines()).startswith("data: ")
    kept = until(lambda: (found := shared.home.exchange(name)).state != ExchangeState.open and found)
    assert (kept.state, kept.reply) == (ExchangeState.cancelled, "")


def test_an_exchange_is_kept_before_the_model_answers(shared: Service, client: OpenAI, gate: Upstream) -> None:
    """The message is in the database, open, while the model is still silent."""
    stream = client.chat.completions.create(model="silent", messages=says("remember this"), stream=True)
    name = next(stream).id.removeprefix("chatcmpl-")
    assert shared.home.exchange(name).state == ExchangeState.open
    assert shared.home.exchange(name).message == "remember this"
    gate.open_gate()
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == "At last."
    assert shared.home.exchange(name).state == ExchangeState.complete


def test_a_completion_is_rated_by_its_id(shared: Service, client: OpenAI) -> None:
    """The id of a completion is all that an OpenAI user needs for a rating; an unknown id is a NotFoundError."""
    rate = partial(client.post, cast_to=dict[str, Any])
    answer = client.chat.completions.create(model="echo", messages=says("hi"))
    path = f"/chat/completions/{answer.id}/rating"
    assert rate(path, body={"rating": "down", "reasons": ["boring"], "correction": "Hello!"})["rating"] == "down"
    assert rate(path, body={"rating": "up", "comment": "on second thoughts"}) == {
        "rating": "up",
        "reasons": [],
        "comment": "on second thoughts",
        "correction": None,
    }
    name = answer.id.removeprefix("chatcmpl-")
    kept = shared.home.ask(lambda session: list(session.exec(select(Rating).where(Rating.exchange_id == name).order_by(Rating.id))))
    assert [(rating.rating, rating.correction) for rating in kept] == [("down", "Hello!"), ("up", None)]
    with pytest.raises(openai.NotFoundError, match="no such exchange"):
        rate("/chat/completions/chatcmpl-none/rating", body={"rating": "up"})


def test_rating_a_reply_that_is_being_written_is_a_conflict(client: OpenAI, gate: Upstream) -> None:
    """A reply cannot be judged before it is done: the official client raises ConflictError."""
    stream = client.chat.completions.create(model="held", messages=says("hi"), stream=True)
    name = next(stream).id
    with pytest.raises(openai.ConflictError, match="still being written"):
        client.post(f"/chat/completions/{name}/rating", body={"rating": "up"}, cast_to=object)
    gate.open_gate()
    assert [chunk.choices[0].finish_reason for chunk in stream][-1] == "stop"


def test_the_next_model_answers_when_the_first_cannot(shared: Service, client: OpenAI) -> None:
    """A persona with two models is answered by the second when the first refuses, and the exchange says by which."""
    answer = client.chat.completions.create(model="second", messages=says("hi"))
    assert answer.choices[0].message.content == "You said: hi"
    kept = shared.home.exchange(answer.id.removeprefix("chatcmpl-"))
    assert (kept.provider, kept.model) == ("test", "echo")


def test_the_history_that_a_client_sends_continues_its_conversation(
    shared: Service, client: OpenAI, upstream: tuple[Upstream, str]
) -> None:
    """A client that sends the whole talk again goes on in the same conversation, its system text comes after the persona's."""
    first = client.chat.completions.create(model="echo", messages=says("my name is Ada"))
    reply = first.choices[0].message.content or ""
    talk = [*says("my name is Ada"), {"role": "assistant", "content": reply}, *says("who am I?")]
    second = client.chat.completions.create(model="echo", messages=[{"role": "system", "content": "Be brief."}, *talk])
    sent = upstream[0].asked[-1]["messages"]
    assert sent[0] == {"role": "system", "content": "You are Echo, and you talk with someone.\n\nBe brief."}
    assert sent[1:] == talk
    before, after = (shared.home.exchange(each.id.removeprefix("chatcmpl-")) for each in (first, second))
    assert after.conversation_id == before.conversation_id
    assert after.previous_id == before.id


def test_two_users_of_one_app_are_two_people(shared: Service, client: OpenAI) -> None:
    """`user` tells the people of one app apart."""
    answers = [client.chat.completions.create(model="echo", messages=says("hi"), user=user) for user in ("ann", "bob", "ann")]
    kept = [shared.home.exchange(answer.id.removeprefix("chatcmpl-")) for answer in answers]
    query = select(Exchange.id, Conversation.person_id).where(Exchange.conversation_id == Conversation.id)
    people = dict(shared.home.ask(lambda session: session.exec(query).all()))
    assert people[kept[0].id] == people[kept[2].id] != people[kept[1].id]


def test_parameters_of_the_request_reach_the_model(client: OpenAI, upstream: tuple[Upstream, str]) -> None:
    """What a client sets is what the model is asked with; what OpenAI knows and Attune does not is passed over."""
    client.chat.completions.create(
        model="echo",
        messages=says("hi"),
        temperature=0.25,
        top_p=0.5,
        max_completion_tokens=17,
        frequency_penalty=0.5,
        presence_penalty=-0.5,
        seed=11,
        stop="END",
        logprobs=False,
        metadata={"a": "b"},
    )
    sent = upstream[0].asked[-1]
    assert {
        name: sent[name] for name in ("temperature", "top_p", "max_tokens", "frequency_penalty", "presence_penalty", "seed", "stop")
    } == {
        "temperature": 0.25,
        "top_p": 0.5,
        "max_tokens": 17,
        "frequency_penalty": 0.5,
        "presence_penalty": -0.5,
        "seed": 11,
        "stop": ["END"],
    }
    assert "metadata" not in sent


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_passed_over_is_named(app: httpx.Client, stream: bool) -> None:
    """A field that Attune does not read is no error, and no secret either: a header names it. Without one there is no header."""
    plain = {"model": "echo", "messages": says("hi"), "stream": stream}
    more = {"metadata": {"a": "b"}, "top_k": 40, "reasoning_effort": "low", "store": False, "safety_identifier": "u"}
    answer = app.post(CHAT, json={**plain, **more})
    assert answer.headers["x-attune-ignored"] == "metadata, top_k, reasoning_effort, safety_identifier"
    assert "x-attune-ignored" not in app.post(CHAT, json=plain).headers
