"""A canary and a rollback as people who chat meet them, over the real server."""

import threading
from collections.abc import Iterator
from functools import partial

import httpx
import pytest

from service import registry
from service.canary.trial import begin, end_by_hand, under_way
from service.canary.votes import people_in
from service.db.engine import reading, transaction
from service.db.keys import SCOPES
from service.db.tables import Version
from service.personas.persona import Persona
from service.personas.shelf import survey
from tests.processes import until
from tests.web.conftest import Service
from tests.web.reading import complaint


@pytest.fixture
def boss(own: Service) -> Iterator[httpx.Client]:
    """A client whose key may do everything."""
    with own.client(own.home.key(*SCOPES)) as client:
        yield client


def tried(service: Service) -> Persona:
    """Let half of the new conversations with `names` try a version whose model is called names-b; the persona."""
    path = service.home.settings.personas / "names.md"
    path.write_text(path.read_text().replace("variables:", "gate: {canary: 0.5}\nvariables:"))
    persona = survey(service.home.settings.personas).get("names")
    with transaction(service.home.engine) as session:
        registry.champion(session, "names")
        version = Version(persona="names", number=1, provider="test", model="names-b")
        session.add(version)
        session.flush()
        begin(session, persona, version)
    return persona


def say(client: httpx.Client, message: str, model: str = "names", *before: str) -> tuple[str, str]:
    """Chat over `/v1`: the version that answered, and its words."""
    history = [{"role": role, "content": words} for role, words in zip(("user", "assistant") * len(before), before, strict=False)]
    body = client.post("/v1/chat/completions", json={"model": model, "messages": [*history, {"role": "user", "content": message}]}).json()
    return body["model"], body["choices"][0]["message"]["content"]


def test_a_conversation_keeps_its_version_through_a_canary(own: Service, boss: httpx.Client) -> None:
    """Some conversations get the canary, some the champion; each goes on as it began, and who asks by name gets what they named."""
    said = say(boss, "An old conversation")
    persona = tried(own)
    begun = {f"Hello {number}": say(boss, f"Hello {number}") for number in range(24)}
    assert set(begun.values()) == {("names@v0", "I am names."), ("names@v1", "I am names-b.")}
    for opening, (version, words) in begun.items():
        assert say(boss, "And then?", "names", opening, words) == (version, words)
    assert say(boss, "And then?", "names", "An old conversation", said[1]) == ("names@v0", "I am names.")
    for name, version in (("names@champion", "names@v0"), ("names@v1", "names@v1"), ("names@v0", "names@v0")):
        assert {say(boss, f"By name {number}", name)[0] for number in range(6)} == {version}
    with reading(own.home.engine) as session:
        trial = under_way(session, "names")
        assert trial is not None
        ((_, _, _, conversations, replies),) = people_in(session, trial)
    of_canary = sum(version == "names@v1" for version, _ in begun.values())
    assert (conversations, replies) == (of_canary, 2 * of_canary)
    with transaction(own.home.engine) as session:
        end_by_hand(session, persona, promote=False)
    opening, (_, words) = next((each, told) for each, told in begun.items() if told[0] == "names@v1")
    assert say(boss, "And now?", "names", opening, words)[0] == "names@v0"


def test_an_operator_sees_the_canary_and_the_proof(own: Service, boss: httpx.Client) -> None:
    """How the trial stands, what each version was proved by; nobody else is shown either, and what is not there is a 404."""
    assert "being tried or watched" in complaint(boss.get("/api/personas/names/canary"), 404)
    tried(own)
    say(boss, "Hello")
    shown = boss.get("/api/personas/names/canary").json()
    assert (shown["kind"], shown["version"], shown["against"], shown["share"]) == ("canary", "v1", "v0", 0.5)
    assert shown["standing"]["version"]["votes"] == 0 and shown["standing"]["stood"] is False
    newest = boss.get("/api/versions?persona=names").json()["data"][0]
    assert (newest["version"], newest["stage"], newest["note"]) == ("v1", "canary", None)
    record = boss.get(f"/api/versions/{newest['id']}/proof").json()
    assert record["version"]["name"] == "v1" and record["trials"][0]["against"] == "v0"
    assert "no such version" in complaint(boss.get("/api/versions/none/proof"), 404)
    with own.client(own.home.key()) as app:
        for path in ("/api/personas/names/canary", f"/api/versions/{newest['id']}/proof"):
            complaint(app.get(path), 403)


@pytest.mark.parametrize(("how", "champion", "stage"), [("promote", "v1", "champion"), ("rollback", "v0", "quarantined")])
def test_an_operator_ends_a_canary(own: Service, boss: httpx.Client, how: str, champion: str, stage: str) -> None:
    """Without waiting for ratings the version serves, or is quarantined; a second end is a 404, another word a 400, another scope a 403."""
    tried(own)
    path = "/api/personas/names/canary/end"
    complaint(boss.post(path, json={"how": "forget"}), 400)
    with own.client(own.home.key()) as app:
        complaint(app.post(path, json={"how": how}), 403)
    ended = boss.post(path, json={"how": how})
    assert ended.status_code == 200 and "by hand" in ended.json()["reason"]
    assert say(boss, "Hello")[0] == f"names@{champion}"
    assert boss.get("/api/versions?persona=names").json()["data"][0]["stage"] == stage
    assert "No version of names is being tried" in complaint(boss.post(path, json={"how": how}), 404)


def test_what_an_operator_promotes_is_watched(own: Service, boss: httpx.Client) -> None:
    """As after a night; promoting it once more begins no second watch."""
    tried(own)
    boss.post("/api/personas/names/canary/end", json={"how": "rollback"})
    with transaction(own.home.engine) as session:
        registry.champion(session, "names")
        session.add(Version(persona="names", number=2, provider="test", model="names-b"))
    newest = boss.get("/api/versions?persona=names").json()["data"][0]
    for _ in range(2):
        assert boss.post(f"/api/versions/{newest['id']}/promotion").status_code == 200
    watched = boss.get("/api/personas/names/canary").json()
    assert (watched["kind"], watched["version"], watched["against"]) == ("watch", "v2", "v0")


def test_a_rollback_under_load_drops_no_request(own: Service, boss: httpx.Client) -> None:
    """While eight people chat with a version that was promoted, it is rolled back: all are answered, and from then on by the old one."""
    with transaction(own.home.engine) as session:
        version = Version(persona="names", number=1, provider="test", model="names-b")
        registry.champion(session, "names")
        session.add(version)
        session.flush()
        registry.promote(session, version, "because")
    stop, ready = threading.Event(), threading.Barrier(9, timeout=20)
    answers: list[tuple[bool, str, str]] = []
    rolled_back = threading.Event()
    troubles: list[Exception] = []

    def chat(number: int) -> None:
        try:
            with own.client(own.home.key()) as client:
                ready.wait()
                while not stop.is_set():
                    begun_after = rolled_back.is_set()
                    answers.append((begun_after, *say(client, f"Hello {number} {len(answers)}")))
        except Exception as error:
            troubles.append(error)

    people = [threading.Thread(target=chat, args=(number,)) for number in range(8)]
    for person in people:
        person.start()
    ready.wait()
    until(lambda: bool(troubles) or len(answers) > 20, 20, "answer")
    with transaction(own.home.engine) as session:
        registry.rollback(session, "names")
    rolled_back.set()
    until(partial(_enough, answers, troubles), 20, "answer after the rollback")
    stop.set()
    for person in people:
        person.join(20)
    assert troubles == []
    assert {told[1:] for told in answers if told[0]} == {("names@v0", "I am names.")}
    assert {told[1:] for told in answers} == {("names@v0", "I am names."), ("names@v1", "I am names-b.")}
    assert say(boss, "Who are you?") == ("names@v0", "I am names.")


def _enough(answers: list[tuple[bool, str, str]], troubles: list[Exception]) -> bool:
    return bool(troubles) or sum(after for after, *_ in list(answers)) > 20
