"""What comes beside a reply over HTTP: the crisis card, a second reply to choose from, and what a message follows."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from sqlmodel import col, select

from service.db.keys import SCOPES
from service.db.tables import Comparison, Exchange, Rating
from tests.web.conftest import MakeHome, Run, Service
from tests.web.reading import Event, complaint, events, told
from tests.web.upstream import Upstream

CRISIS = "I want to kill myself"


@pytest.fixture(scope="module")
def service(make_home: MakeHome, run: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose persona `second` always compares, and whose persona `names` has words of its own for a crisis."""
    settings = {
        "second": "compare: {share: 1}",
        "names": "notice: {start: false, hours: 1.5}\ncrisis: {title: Call Ann, links: [{label: Ann, href: 'tel:+123'}]}",
    }
    with make_home(tmp_path_factory.mktemp("beside") / "home", personas=["echo", "names", "second", "broken"]) as home:
        for name, more in settings.items():
            file = home.settings.personas / f"{name}.md"
            file.write_text(file.read_text().replace("greeting:", f"{more}\ngreeting:"))
        with run(home) as service:
            yield service


class Visit:
    """A visitor in a conversation."""

    def __init__(self, client: httpx.Client, conversation: str) -> None:
        self.client, self.id = client, conversation

    def say(self, message: str, **fields: Any) -> list[Event]:
        """Say something and read the answer to its end."""
        body = {"message": message, **fields}
        with self.client.stream("POST", f"/api/conversations/{self.id}/exchanges", json=body) as answer:
            assert answer.status_code == 200, answer.read()
            return list(events(answer))

    def follow(self, exchange: str) -> list[Event]:
        """Follow an exchange from its start."""
        with self.client.stream("GET", f"/api/exchanges/{exchange}/stream") as answer:
            assert answer.status_code == 200, answer.read()
            return list(events(answer))

    def choose(self, exchange: str, over: str, **fields: Any) -> httpx.Response:
        """Prefer one reply."""
        return self.client.put(f"/api/exchanges/{exchange}/preference", json={"over": over, **fields})

    def exchanges(self) -> list[dict[str, Any]]:
        """The conversation as a page that was loaded again sees it."""
        found: list[dict[str, Any]] = self.client.get(f"/api/conversations/{self.id}").json()["exchanges"]
        return found


@contextmanager
def visit(service: Service, persona: str, key: str | None = None) -> Iterator[Visit]:
    """Begin a conversation, as a visitor or with a key."""
    with service.client(key) as starter:
        begun = starter.post("/api/conversations", json={"persona": persona}).json()
    with service.client(key or begun["token"]) as client:
        yield Visit(client, begun["id"])


def test_a_persona_says_when_to_remind_that_it_is_an_ai(service: Service) -> None:
    """`notice` of the file is public, with its defaults: at the start and every three hours."""
    with service.client() as anybody:
        assert anybody.get("/api/personas/echo").json()["notice"] == {"start": True, "hours": 3}
        assert anybody.get("/api/personas/names").json()["notice"] == {"start": False, "hours": 1.5}


def test_a_message_of_self_harm_is_answered_with_a_card_beside_the_reply(service: Service) -> None:
    """The first event carries words and links; the reply comes all the same, and the card is there after a reload and a resume."""
    with visit(service, "echo") as talk:
        harmless, seen = talk.say("this traffic kills me"), talk.say(CRISIS)
        again = talk.follow(seen[0].data["id"])
        card = seen[0].data["card"]
        assert told(seen) == f"You said: {CRISIS}" and seen[-1].kind == "done"
        assert set(card) == {"kind", "title", "text", "links"} and card["kind"] == "crisis"
        assert {"label", "href"} == set(card["links"][0])
        assert "card" not in harmless[0].data and again[0].data["card"] == card
        assert [each["card"] for each in talk.exchanges()] == [None, card]


def test_the_card_says_what_the_owner_wrote(service: Service) -> None:
    """Title and links of the persona's file, and our text where it gives none."""
    with visit(service, "names") as talk:
        card = talk.say("Ich will sterben")[0].data["card"]
    assert (card["title"], card["links"]) == ("Call Ann", [{"label": "Ann", "href": "tel:+123"}])
    assert "Notruf" in card["text"]


def test_a_card_comes_also_when_the_model_fails(service: Service) -> None:
    """Help does not depend on the model."""
    with visit(service, "broken") as talk:
        seen = talk.say(CRISIS)
    assert seen[0].data["card"]["kind"] == "crisis" and seen[-1].kind == "error"


def test_cards_are_counted_once_per_message_and_reported(service: Service) -> None:
    """An operator is told how many cards were shown in a year; looking at one again is not showing another."""
    with service.client(service.home.key(*SCOPES)) as operator, visit(service, "echo") as talk:
        before = operator.get("/api/referrals").json()
        name = talk.say(CRISIS)[0].data["id"]
        talk.say("hello")
        talk.follow(name)
        talk.exchanges()
        after = operator.get("/api/referrals").json()
        assert (after["count"], after["personas"]["echo"]) == (before["count"] + 1, before["personas"].get("echo", 0) + 1)
        assert operator.get(f"/api/referrals?year={after['year'] - 1}").json() == {"year": after["year"] - 1, "count": 0, "personas": {}}
        complaint(talk.client.get("/api/referrals"), 403)
        assert "year" in complaint(operator.get("/api/referrals?year=0"), 400)


def test_two_replies_come_for_one_message(service: Service) -> None:
    """The event names the other one and the order, each stream names its sibling, and both are replies to the same message."""
    with visit(service, "second") as talk:
        seen = talk.say("hello")
        one, compare = seen[0].data["id"], seen[0].data["compare"]
        other = talk.follow(compare["other"])
        rows = talk.exchanges()
    assert sorted(compare["order"]) == sorted([one, compare["other"]])
    assert other[0].data["compare"] == {"other": one, "order": compare["order"]}
    assert (told(seen), told(other)) == ("You said: hello", "You said: hello")
    assert [(row["id"], row["previous"], row["compare"]["order"]) for row in rows] == [
        (one, None, compare["order"]),
        (compare["other"], None, compare["order"]),
    ]


def test_a_choice_is_kept_as_two_ratings(service: Service) -> None:
    """This one over that one: the answer says what stands, the ratings follow, the page no longer asks; the choice may be changed."""
    with visit(service, "second") as talk:
        one, compare = (seen := talk.say("hello"))[0].data["id"], seen[0].data["compare"]
        other = compare["other"]
        talk.follow(other)
        assert talk.choose(one, other).json() == {"order": compare["order"], "preferred": one}
        assert [(row["rating"]["rating"], row["compare"]) for row in talk.exchanges()] == [("up", None), ("down", None)]
        assert talk.choose(other, one).json()["preferred"] == other
        assert [row["rating"]["rating"] for row in talk.exchanges()] == ["down", "up"]
        assert talk.choose(one, other, equal=True).json()["preferred"] is None
        assert [row["rating"] for row in talk.exchanges()] == [None, None]


def test_the_next_message_follows_the_preferred_reply(service: Service) -> None:
    """The conversation goes on from the reply that was chosen, although the other one came last."""
    with visit(service, "second") as talk:
        one, other = (data := talk.say("hello")[0].data)["id"], data["compare"]["other"]
        talk.follow(other)
        talk.choose(one, other)
        following = talk.say("and then?")[0].data["id"]
    assert service.home.exchange(following).previous_id == one


def test_nobody_else_chooses(service: Service) -> None:
    """Not another visitor, not an operator, and never between two replies that were not shown side by side."""
    with visit(service, "second") as talk, visit(service, "second") as stranger:
        one, other = (data := talk.say("hello")[0].data)["id"], data["compare"]["other"]
        talk.follow(other)
        third = talk.say("more")[0].data["id"]
        complaint(stranger.choose(one, other), 403)
        assert "not shown side by side" in complaint(talk.choose(one, third), 404)
        assert "not shown side by side" in complaint(talk.choose(one, one), 404)
        assert "no such exchange" in complaint(talk.choose("nothing", one), 404)
        with service.client(service.home.key(*SCOPES)) as operator:
            answer = operator.put(f"/api/exchanges/{one}/preference", json={"over": other})
            assert "Only the person" in complaint(answer, 403)
        assert "over" in complaint(talk.client.put(f"/api/exchanges/{one}/preference", json={}), 400)
    ratings = select(Rating).where(col(Rating.exchange_id).in_([one, other]))
    assert service.home.ask(lambda session: session.exec(ratings).all()) == []


def test_only_visitors_who_are_well_are_asked_to_choose(service: Service) -> None:
    """A persona without `compare` never asks, an app with a key gets one reply, and so does somebody who speaks of self-harm."""
    with visit(service, "echo") as plain, visit(service, "second", service.home.key()) as app, visit(service, "second") as talk:
        for seen in (plain.say("hello"), app.say("hello"), talk.say(CRISIS)):
            assert "compare" not in seen[0].data
        counts = [len(each.exchanges()) for each in (plain, app, talk)]
    assert counts == [1, 1, 1]
    ids = select(Comparison).where(Comparison.conversation_id == talk.id)
    assert service.home.ask(lambda session: session.exec(ids).all()) == []


def test_a_message_may_follow_an_earlier_exchange(service: Service, upstream: tuple[Upstream, str]) -> None:
    """`previous` takes the conversation back: an edited message follows what the old one followed, and null begins anew."""
    with visit(service, "echo") as talk:
        first, second = talk.say("one")[0].data["id"], talk.say("two")[0].data["id"]
        edited = talk.say("two, but better", previous=first)[0].data["id"]
        assert [turn["content"] for turn in upstream[0].asked[-1]["messages"][1:]] == ["one", "You said: one", "two, but better"]
        anew = talk.say("one, but better", previous=None)[0].data["id"]
        assert [turn["content"] for turn in upstream[0].asked[-1]["messages"][1:]] == ["one, but better"]
        following = talk.say("three")[0].data["id"]
    rows = [service.home.exchange(each) for each in (first, second, edited, anew, following)]
    assert [row.previous_id for row in rows] == [None, first, first, None, anew]


def test_a_message_follows_only_what_is_there(service: Service) -> None:
    """Another conversation's exchange, one that never was, and one without a reply are refused before anything is kept."""
    with visit(service, "echo") as talk, visit(service, "echo") as stranger:
        foreign = stranger.say("hi")[0].data["id"]
        for wrong in (foreign, "nothing", ""):
            answer = talk.client.post(f"/api/conversations/{talk.id}/exchanges", json={"message": "hi", "previous": wrong})
            assert "no such exchange" in complaint(answer, 404)
        rows = select(Exchange).where(Exchange.conversation_id == talk.id)
        assert service.home.ask(lambda session: session.exec(rows).all()) == []
