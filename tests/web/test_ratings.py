"""A person's word on a reply, over HTTP."""

from collections.abc import Iterator

import httpx
import pytest
from sqlmodel import func, select

from service.db.keys import SCOPES
from service.db.tables import Person, Rating
from tests.web.conftest import Service
from tests.web.reading import complaint
from tests.web.upstream import Upstream


@pytest.fixture
def exchange(app: httpx.Client) -> str:
    """The id of an exchange of the app's own."""
    answer = app.post("/v1/chat/completions", json={"model": "echo", "messages": [{"role": "user", "content": "hi"}]})
    return str(answer.headers["x-exchange-id"])


@pytest.fixture
def path(exchange: str) -> str:
    """Where its rating is."""
    return f"/api/exchanges/{exchange}/rating"


@pytest.fixture
def rater(shared: Service) -> Iterator[httpx.Client]:
    """An operator, to whom the exchange does not belong."""
    with shared.client(shared.home.key(*SCOPES)) as client:
        yield client


def test_a_rating_is_kept_and_read_again(app: httpx.Client, path: str) -> None:
    """A PUT answers with the word as it was kept, and a GET with the same."""
    word = {"rating": "down", "reasons": ["mean", "boring"], "comment": " meh ", "correction": "Hello there!"}
    kept = app.put(path, json=word)
    assert kept.status_code == 200
    assert kept.json() == {**word, "comment": "meh"} == app.get(path).json()


def test_the_last_word_wins(app: httpx.Client, path: str) -> None:
    """However fast somebody changes their mind, the last word is theirs, and the reasons of an earlier one do not survive it."""
    for _ in range(15):
        app.put(path, json={"rating": "down", "reasons": ["mean"], "correction": "Better."})
        app.put(path, json={"rating": "up"})
        assert app.get(path).json() == {"rating": "up", "reasons": [], "comment": "", "correction": None}


def test_every_word_is_kept(shared: Service, app: httpx.Client, exchange: str, path: str) -> None:
    """Ratings are appended: the history of a changed mind is whole."""
    app.put(path, json={"rating": "down"})
    app.put(path, json={"rating": "up"})
    app.delete(path)
    query = select(Rating.rating).where(Rating.exchange_id == exchange).order_by(Rating.id)
    assert shared.home.ask(lambda session: list(session.exec(query))) == ["down", "up", "withdrawn"]


def test_a_word_can_be_taken_back(app: httpx.Client, path: str) -> None:
    """After a DELETE there is no rating; a second DELETE is as good as the first."""
    app.put(path, json={"rating": "up"})
    assert app.delete(path).status_code == 204
    assert "You have not rated this exchange." in complaint(app.get(path), 404)
    assert app.delete(path).status_code == 204


def test_the_operators_word_stands_beside_the_persons(app: httpx.Client, rater: httpx.Client, path: str) -> None:
    """An operator rates another's exchange in their own name: both words stand, each sees their own, and one withdrawn leaves the other."""
    complaint(rater.get(path), 404)
    app.put(path, json={"rating": "up"})
    complaint(rater.get(path), 404)
    rater.put(path, json={"rating": "down"})
    assert (app.get(path).json()["rating"], rater.get(path).json()["rating"]) == ("up", "down")
    app.delete(path)
    complaint(app.get(path), 404)
    assert rater.get(path).json()["rating"] == "down"


def test_a_foreign_rating_is_refused(shared: Service, path: str) -> None:
    """Another app may neither rate nor see the rating."""
    with shared.client(shared.home.key()) as stranger:
        assert "not yours" in complaint(stranger.put(path, json={"rating": "up"}), 403)
        assert "not yours" in complaint(stranger.get(path), 403)
        assert "not yours" in complaint(stranger.delete(path), 403)


def test_rating_needs_its_scope(shared: Service) -> None:
    """A key that may only chat is told that it may not rate."""
    with shared.client(shared.home.key("chat")) as client:
        answer = client.post("/v1/chat/completions", json={"model": "echo", "messages": [{"role": "user", "content": "hi"}]})
        path = f"/api/exchanges/{answer.headers['x-exchange-id']}/rating"
        for refused in (client.put(path, json={"rating": "up"}), client.get(path), client.delete(path)):
            assert "attune keys create --scope rate" in complaint(refused, 403)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"rating": "sideways"}, "must be: rating: Invalid enum value 'sideways' (it is one of: down, up)."),
        ({}, "missing required field `rating`"),
        ({"rating": "up", "stars": 5}, "unknown field `stars`"),
        ({"rating": "up", "reasons": ["mean"]}, "'mean' is no reason for up. Known: funny."),
        ({"rating": "down", "reasons": ["funny"]}, "Known: mean, boring."),
        ({"rating": "up", "comment": "x" * 2001}, "2001 characters; the limit is 2000"),
        ({"rating": "down", "correction": "x" * 8001}, "8001 characters; the limit is 8000"),
        ({"rating": "up", "comment": "a\x00b"}, "NUL"),
    ],
)
def test_a_wrong_rating_is_refused_and_nothing_is_kept(app: httpx.Client, path: str, wrong: dict[str, object], words: str) -> None:
    """What the persona does not know and what is too long is refused with the way out, and leaves no rating."""
    assert words in complaint(app.put(path, json=wrong), 400)
    complaint(app.get(path), 404)


def test_an_open_reply_is_not_rated(app: httpx.Client, gate: Upstream) -> None:
    """A reply that is still being written cannot be judged."""
    begun = app.post("/api/conversations", json={"persona": "held"}).json()
    with app.stream("POST", f"/api/conversations/{begun['id']}/exchanges", json={"message": "hi"}) as response:
        path = f"/api/exchanges/{response.headers['x-exchange-id']}/rating"
        assert "rate it when it is done" in complaint(app.put(path, json={"rating": "up"}), 409)
        gate.open_gate()
        response.read()
    assert app.put(path, json={"rating": "up"}).status_code == 200


@pytest.mark.parametrize(
    "path", ["/v1/chat/completions/chatcmpl-{}/rating", "/v1/chat/completions/{}/rating", "/api/exchanges/chatcmpl-{}/rating"]
)
def test_a_completion_is_rated_by_its_id(app: httpx.Client, exchange: str, path: str) -> None:
    """The id of a completion opens the same rating under `/v1` as under `/api`: PUT and POST keep it, GET reads it, DELETE withdraws it."""
    here, there = path.format(exchange), f"/api/exchanges/{exchange}/rating"
    word = {"rating": "down", "reasons": ["mean"], "comment": "", "correction": "Hello there!"}
    assert app.put(here, json=word).json() == word == app.get(here).json() == app.get(there).json()
    app.delete(there)
    complaint(app.get(here), 404)
    if here.startswith("/v1"):
        assert app.post(here, json=word).json() == word == app.get(there).json()
        assert app.delete(here).status_code == 204
    complaint(app.get(there), 404)


def test_on_v1_too_a_stranger_neither_rates_nor_reads(shared: Service, exchange: str) -> None:
    """Whose completion it is decides, not who knows its id; without a key nothing is said at all."""
    path = f"/v1/chat/completions/chatcmpl-{exchange}/rating"
    with shared.client(shared.home.key()) as stranger, shared.client() as nobody:
        for client, status in ((stranger, 403), (nobody, 401)):
            for method in ("GET", "PUT", "POST", "DELETE"):
                complaint(client.request(method, path, json={"rating": "up"}), status)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_an_exchange_that_does_not_exist_has_no_rating(app: httpx.Client, method: str) -> None:
    """A wrong id is not found, whatever is wanted of it."""
    for path in ("/api/exchanges/none/rating", "/v1/chat/completions/chatcmpl-none/rating"):
        assert "no such exchange" in complaint(app.request(method, path, json={"rating": "up"}), 404)


def test_a_rating_that_is_sent_again_is_kept_once(shared: Service, app: httpx.Client, exchange: str, path: str) -> None:
    """A client that repeats its request because the answer was lost gets the same answer, and fills no table."""
    word = {"rating": "down", "reasons": ["mean"], "comment": "no", "correction": "Better."}
    answers = [app.put(path, json=word).json() for _ in range(3)]
    answers.append(app.post(f"/v1/chat/completions/chatcmpl-{exchange}/rating", json=word).json())
    assert answers == [word] * 4
    query = select(func.count()).select_from(Rating).where(Rating.exchange_id == exchange)
    assert shared.home.ask(lambda session: session.exec(query).one()) == 1


def test_two_operators_and_the_owner_are_three_people(
    shared: Service, app: httpx.Client, rater: httpx.Client, exchange: str, path: str
) -> None:
    """Each has a word of their own, kept under a person of their own."""
    with shared.client(shared.home.key(*SCOPES)) as second:
        words = [(app, "up"), (rater, "down"), (second, "up")]
        for client, word in words:
            client.put(path, json={"rating": word})
        assert [client.get(path).json()["rating"] for client, _ in words] == ["up", "down", "up"]
        second.delete(path)
        complaint(second.get(path), 404)
    people = shared.home.ask(lambda session: set(session.exec(select(Rating.person_id).where(Rating.exchange_id == exchange))))
    assert len(people) == 3


def test_an_operator_who_only_looks_becomes_nobody(shared: Service, path: str) -> None:
    """To read, or to withdraw what was never said, makes no person."""
    key, secret = shared.home.key_with_id(*SCOPES)
    with shared.client(secret) as operator:
        complaint(operator.get(path), 404)
        assert operator.delete(path).status_code == 204
    query = select(Person).where(Person.external == f"key:{key}")
    assert shared.home.ask(lambda session: session.exec(query).first()) is None


def test_a_variant_is_rated_by_itself(app: httpx.Client) -> None:
    """A thumb on another reply to the same message says nothing about the first."""
    begun = app.post("/api/conversations", json={"persona": "echo"}).json()
    first = app.post(f"/api/conversations/{begun['id']}/exchanges", json={"message": "hi"}).headers["x-exchange-id"]
    second = app.post(f"/api/exchanges/{first}/regenerate").headers["x-exchange-id"]
    app.put(f"/api/exchanges/{second}/rating", json={"rating": "down", "reasons": ["mean"]})
    complaint(app.get(f"/api/exchanges/{first}/rating"), 404)
    assert app.get(f"/api/exchanges/{second}/rating").json()["rating"] == "down"


def test_a_visitor_rates_in_their_own_conversation_only(shared: Service) -> None:
    """A conversation's token is enough for its own ratings, and for no others."""
    with shared.client() as nobody:
        own, other = (nobody.post("/api/conversations", json={"persona": "echo"}).json() for _ in range(2))
    with shared.client(own["token"]) as visitor, shared.client(other["token"]) as stranger:
        name = visitor.post(f"/api/conversations/{own['id']}/exchanges", json={"message": "hi"}).headers["x-exchange-id"]
        for path in (f"/api/exchanges/{name}/rating", f"/v1/chat/completions/chatcmpl-{name}/rating"):
            assert visitor.put(path, json={"rating": "up"}).status_code == 200
            complaint(stranger.put(path, json={"rating": "down"}), 403)
            complaint(stranger.get(path), 403)
            assert visitor.get(path).json()["rating"] == "up"


@pytest.mark.parametrize(("persona", "words"), [("broken", "The reply failed"), ("refusing", "The reply failed"), ("empty", "The reply")])
def test_what_is_no_reply_is_not_rated(app: httpx.Client, persona: str, words: str) -> None:
    """A reply that failed, in its middle too, or that came without a word, is a conflict that says what to do."""
    begun = app.post("/api/conversations", json={"persona": persona}).json()
    name = app.post(f"/api/conversations/{begun['id']}/exchanges", json={"message": "hi"}).headers["x-exchange-id"]
    said = complaint(app.put(f"/api/exchanges/{name}/rating", json={"rating": "down"}), 409)
    assert said.startswith(words)
    assert "Ask for another one." in said
