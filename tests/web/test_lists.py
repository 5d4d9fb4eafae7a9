"""Lists in pages: bounds, filters, and the words for what is wrong."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from service.db.engine import transaction
from service.db.keys import SCOPES
from service.db.tables import Stage
from tests.web.conftest import PERSONAS, Service
from tests.web.reading import complaint
from tests.web.test_operator import add_nights, add_version, say, walk

_LISTS = ["/api/exchanges", "/api/datasets", "/api/runs", "/api/versions", "/api/receipts", "/api/personas"]


@pytest.fixture
def boss(own: Service) -> Iterator[httpx.Client]:
    """An operator of a service for this test alone."""
    with own.client(own.home.key(*SCOPES)) as client:
        yield client


def found(client: httpx.Client, path: str, field: str, **wanted: str) -> list[Any]:
    """One field of all rows that a filter leaves."""
    answer = client.get(path, params={"limit": "100", **wanted})
    assert answer.status_code == 200, answer.text
    return [row[field] for row in answer.json()["data"]]


def test_exchanges_are_found_by_persona_state_rating_and_conversation(boss: httpx.Client) -> None:
    """Each filter leaves what it says, and together they leave what all of them do."""
    liked, disliked, withdrawn, changed = (say(boss, "echo", str(number)).headers["x-exchange-id"] for number in range(4))
    failed = say(boss, "broken").json()["request_id"]
    assert failed
    for name, thumb in [(liked, "up"), (disliked, "down"), (withdrawn, "up"), (changed, "up"), (changed, "down")]:
        assert boss.put(f"/api/exchanges/{name}/rating", json={"rating": thumb}).status_code == 200
    boss.delete(f"/api/exchanges/{withdrawn}/rating")
    assert found(boss, "/api/exchanges", "persona", persona="broken") == ["broken"]
    assert found(boss, "/api/exchanges", "state", state="failed") == ["failed"]
    assert found(boss, "/api/exchanges", "id", state="complete") == [changed, withdrawn, disliked, liked]
    assert found(boss, "/api/exchanges", "id", rating="up") == [liked]
    assert found(boss, "/api/exchanges", "id", rating="down") == [changed, disliked]
    assert found(boss, "/api/exchanges", "id", rating="down", persona="broken") == []
    (talk,) = found(boss, "/api/exchanges", "conversation", rating="up")
    assert found(boss, "/api/exchanges", "id", conversation=talk) == [liked]
    assert [row["id"] for row in walk(boss, "/api/exchanges", 3, state="complete")] == [changed, withdrawn, disliked, liked]


def test_an_operator_sees_what_made_a_reply(boss: httpx.Client) -> None:
    """The operator's list traces each reply: model, revision of the persona's file, safety text, what was shown, counts."""
    body = {"model": "echo", "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}]}
    name = boss.post("/v1/chat/completions", json=body).headers["x-exchange-id"]
    (row,) = boss.get("/api/exchanges").json()["data"]
    assert (row["id"], row["model"], row["prompt_tokens"], row["completion_tokens"]) == (name, "echo", 7, 3)
    assert row["revision"]
    assert row["additions"]["app"]
    assert row["ended_at"] >= row["created_at"]
    assert not {"revision", "additions", "warnings"} & set(boss.get(f"/api/exchanges/{name}").json())


def test_runs_versions_datasets_and_receipts_are_found_by_their_own(own: Service, boss: httpx.Client) -> None:
    """What a night leaves is found by persona, and by its state, stage or outcome."""
    with transaction(own.home.engine) as session:
        add_nights(session, 2)
    add_version(own, "names", 1, "names-b", Stage.quarantined)
    for path in ("/api/datasets", "/api/runs", "/api/receipts"):
        assert found(boss, path, "persona", persona="echo") == ["echo", "echo"]
        assert found(boss, path, "persona", persona="names") == []
    assert found(boss, "/api/runs", "state", state="succeeded") == ["succeeded"] * 2
    assert found(boss, "/api/runs", "state", state="failed") == []
    assert found(boss, "/api/versions", "version", persona="names") == ["v1", "v0"]
    assert found(boss, "/api/versions", "persona", stage="quarantined") == ["names"]
    assert found(boss, "/api/receipts", "outcome", outcome="rejected") == ["rejected"] * 2
    assert found(boss, "/api/receipts", "outcome", outcome="promoted") == []


def test_the_exchanges_of_a_conversation_come_in_pages(shared: Service) -> None:
    """Oldest first, each once, with the person's ratings, variants among them; a page size changes nothing but the pages."""
    with shared.client() as anybody:
        begun = anybody.post("/api/conversations", json={"persona": "echo"}).json()
    path = f"/api/conversations/{begun['id']}/exchanges"
    with shared.client(begun["token"]) as client:
        names = [client.post(path, json={"message": str(number)}).headers["x-exchange-id"] for number in range(3)]
        names.append(client.post(f"/api/exchanges/{names[0]}/regenerate").headers["x-exchange-id"])
        client.put(f"/api/exchanges/{names[1]}/rating", json={"rating": "down"})
        whole = client.get(path).json()
        assert [row["id"] for row in whole["data"]] == names
        assert [row["previous"] for row in whole["data"]] == [None, names[0], names[1], None]
        assert [row["rating"] and row["rating"]["rating"] for row in whole["data"]] == [None, "down", None, None]
        for limit in (1, 2, 3, 4):
            assert walk(client, path, limit) == whole["data"]
        shown = client.get(f"/api/conversations/{begun['id']}").json()
        assert (shown["exchanges"], shown["has_more"]) == (whole["data"], False)


def test_personas_come_in_pages(shared: Service) -> None:
    """All personas, each once, in the order of their names."""
    with shared.client() as anybody:
        names: list[str] = []
        after: dict[str, str] = {}
        while True:
            page = anybody.get("/api/personas", params={"limit": "4", **after}).json()
            names += [row["name"] for row in page["data"]]
            if not page["has_more"]:
                break
            after = {"after": page["last_id"]}
    assert names == sorted(PERSONAS)


def test_a_long_conversation_shows_its_newest(own: Service, boss: httpx.Client) -> None:
    """A conversation itself shows the newest hundred, oldest first, and says that there are more; its list has them all."""
    begun = boss.post("/api/conversations", json={"persona": "echo"}).json()
    path = f"/api/conversations/{begun['id']}/exchanges"
    first = boss.post(path, json={"message": "0"}).headers["x-exchange-id"]
    for _ in range(101):
        boss.post(f"/api/exchanges/{first}/regenerate")
    shown = boss.get(f"/api/conversations/{begun['id']}").json()
    everything = walk(boss, path, 100)
    assert len(everything) == 102
    assert (shown["exchanges"], shown["has_more"]) == (everything[2:], True)


@pytest.mark.parametrize("path", _LISTS)
@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("limit=0", "limit must lie between 1 and 100."),
        ("limit=101", "limit must lie between 1 and 100."),
        ("limit=", "limit"),
        ("limit=ten", "limit"),
        ("after=", "after is empty. Leave it out for the first page."),
        ("after=%20", "after is empty"),
        ("limits=5", "This list has no parameter 'limits'. It knows limit, after"),
        ("page=2", "This list has no parameter 'page'. It knows limit, after"),
    ],
)
def test_a_page_that_cannot_be_is_refused(operator: httpx.Client, path: str, query: str, words: str) -> None:
    """Bounds are told, and a parameter that the list does not know is a mistake rather than a list of everything."""
    assert words in complaint(operator.get(f"{path}?{query}"), 400)


@pytest.mark.parametrize("path", _LISTS[:5])
@pytest.mark.parametrize("after", ["none", "chatcmpl-0", "0" * 31, "0" * 33, "G" * 32, "a%00b", "é"])
def test_a_row_that_is_none_is_refused(operator: httpx.Client, path: str, after: str) -> None:
    """`after` is an id as the rows have them."""
    assert "after is no id of a row" in complaint(operator.get(f"{path}?after={after}"), 400)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/api/exchanges?state=over", "must be: state: Invalid enum value 'over' (it is one of: open, complete, cancelled,"),
        ("/api/exchanges?rating=withdrawn", "must be: rating: Invalid enum value 'withdrawn' (it is one of: down, up)."),
        ("/api/runs?state=complete", "must be: state: Invalid enum value 'complete' (it is one of: queued,"),
        ("/api/versions?stage=king", "stage: Invalid enum value 'king'"),
        ("/api/receipts?outcome=", "outcome: Invalid enum value ''"),
        ("/api/datasets?state=open", "This list has no parameter 'state'. It knows limit, after, persona."),
        ("/api/exchanges?user=ann", "It knows limit, after, persona, state, rating, conversation."),
    ],
)
def test_a_filter_that_cannot_be_is_refused(operator: httpx.Client, path: str, words: str) -> None:
    """A value that does not exist is named with those that do, and so is a filter that the list does not have."""
    assert words in complaint(operator.get(path), 400)


def test_a_row_that_is_gone_is_still_a_place(operator: httpx.Client) -> None:
    """An id that no row has any more marks a place in the list all the same: a walk goes on where it was."""
    assert operator.get(f"/api/exchanges?after={'0' * 32}").json()["data"] == []
    assert operator.get(f"/api/versions?after={'f' * 32}").json()["data"] != []
