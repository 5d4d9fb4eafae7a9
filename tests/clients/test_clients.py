"""Clients that nobody here wrote chat with a running Attune, stream, see errors in words, and rate."""

import pytest
from sqlmodel import select

from service.db.tables import Rating, Thumb
from tests.clients.clients import CLIENTS, Client, Refused
from tests.web.conftest import Service
from tests.web.upstream import Upstream


def test_a_client_chats_and_rates(client: Client, attune: Service, key: str) -> None:
    """A reply comes whole, and its id, as the client knows it, is enough to rate the exchange behind it."""
    said = client.chat("echo", "Grüße, 世界!", key)
    assert said.text == "You said: Grüße, 世界!"
    assert said.id.startswith("chatcmpl-")
    answer = client.rate(said, {"rating": "down", "reasons": ["boring"], "correction": "Hello!"}, key)
    assert (answer["rating"], answer["correction"]) == ("down", "Hello!")
    exchange = attune.home.exchange(said.id.removeprefix("chatcmpl-"))
    [rating] = attune.home.ask(lambda session: session.exec(select(Rating).where(Rating.exchange_id == exchange.id)).all())
    assert (exchange.message, exchange.reply) == ("Grüße, 世界!", said.text)
    assert (rating.rating, rating.reasons, rating.correction) == (Thumb.down, ["boring"], "Hello!")


def test_a_client_shows_words_while_they_are_written(client: Client, gate: Upstream, key: str) -> None:
    """The first piece of a stream arrives while the model has not yet said the rest."""
    pieces = client.stream("held", "Hi", key)
    first = next(pieces)
    gate.open_gate()
    assert first.strip() == "One"
    assert (first + "".join(pieces)).strip() == "One two."


@pytest.mark.parametrize("client", [name for name in CLIENTS if name != "langchain-openai"], indirect=True)
def test_a_client_lists_the_personas(client: Client, key: str) -> None:
    """The personas are its models; LangChain alone has no call for that."""
    assert {"echo", "held", "broken"} <= set(client.models(key))


@pytest.mark.parametrize(
    ("persona", "message", "streamed", "words"),
    [
        pytest.param("nobody", "Hi", False, "There is no persona 'nobody'", id="unknown persona"),
        pytest.param("echo", "x" * 8_001, True, "The message has 8001 characters; the limit is 8000.", id="over-long message"),
        pytest.param("refusing", "Hi", False, "The model did not answer.", id="no model"),
        pytest.param("refusing", "Hi", True, "The model did not answer.", id="no model for a stream"),
    ],
)
def test_a_client_shows_what_was_wrong(client: Client, key: str, persona: str, message: str, streamed: bool, words: str) -> None:
    """An unknown persona, an over-long message and a model that cannot answer are told in our words."""
    with pytest.raises(Refused) as refused:
        list(client.stream(persona, message, key)) if streamed else client.chat(persona, message, key)
    assert words in str(refused.value)


def test_a_client_shows_that_its_key_is_wrong(client: Client) -> None:
    """A key that nobody made is told so, and how to make one."""
    with pytest.raises(Refused) as refused:
        client.chat("echo", "Hi", "at_wrong")
    assert "This key is not known or was revoked. Make one: attune keys create" in str(refused.value)


def test_a_client_shows_that_it_asked_for_too_much(client: Client, busy_key: str) -> None:
    """Beyond its limit it is told which one that is."""
    with pytest.raises(Refused) as refused:
        client.chat("echo", "Hi", busy_key)
    assert "2 replies are being written for you already" in str(refused.value)


def test_a_client_shows_that_the_model_died(client: Client, key: str) -> None:
    """When the model breaks off, the words so far are shown, and then that the reply is not whole: no client takes it for one."""
    pieces = []
    with pytest.raises(Refused) as refused:
        for piece in client.stream("broken", "Hi", key):
            pieces.append(piece)
    assert "".join(pieces).strip() == "This will never"
    assert "The model broke off in the middle of its reply. Try again." in str(refused.value)
