"""A person's word on a reply, over HTTP."""

from collections.abc import Iterator

import httpx
import pytest
from sqlmodel import select

from service.db.keys import SCOPES
from service.db.tables import Rating
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
        ({"rating": "sideways"}, "rating: Invalid enum value 'sideways'"),
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
