"""Which sites' pages may talk with a persona: the answers that a browser goes by."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.web.conftest import MakeHome, Run, Service
from tests.web.reading import complaint, events, told

SITE, OTHER = "https://a.example", "https://evil.example"
ALLOW = "access-control-allow-origin"
WISH = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}


@pytest.fixture(scope="module")
def service(make_home: MakeHome, run: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose persona `echo` is for its own pages only, `names` for one site more, `second` for every site."""
    with make_home(tmp_path_factory.mktemp("origins") / "home", personas=["echo", "names", "second"]) as home:
        for name, origin in (("names", SITE), ("second", "*")):
            file = home.settings.personas / f"{name}.md"
            file.write_text(file.read_text().replace("greeting:", f'widget: {{origins: ["{origin}"]}}\ngreeting:'))
        with run(home) as service:
            yield service


@pytest.fixture
def anybody(service: Service) -> Iterator[httpx.Client]:
    """Who has neither key nor token."""
    with service.client() as anybody:
        yield anybody


def begun(service: Service, persona: str) -> dict[str, str]:
    """A conversation, begun by no page."""
    with service.client() as anybody:
        answer = anybody.post("/api/conversations", json={"persona": persona})
        found: dict[str, str] = answer.json()
        return found


def refused(answer: httpx.Response) -> None:
    """A 403 in words, which the page that asked cannot even read."""
    assert "may not talk with this persona" in complaint(answer, 403)
    assert answer.json()["error"]["code"] == "origin_not_allowed"
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert "Origin" in answer.headers["vary"]


def test_a_page_of_an_allowed_site_has_a_conversation(service: Service, anybody: httpx.Client) -> None:
    """It reads the persona, begins, talks, rates and reads again; every answer names the site and never a cookie."""
    page = {"origin": SITE}
    answers = [anybody.get("/api/personas/names", headers=page)]
    answers.append(anybody.post("/api/conversations", json={"persona": "names"}, headers=page))
    conversation = answers[-1].json()
    with service.client(conversation["token"]) as visitor:
        path = f"/api/conversations/{conversation['id']}"
        with visitor.stream("POST", f"{path}/exchanges", json={"message": "hi"}, headers=page) as stream:
            seen = list(events(stream))
        answers += [stream, visitor.get(path, headers=page)]
        answers.append(visitor.put(f"/api/exchanges/{seen[0].data['id']}/rating", json={"rating": "up"}, headers=page))
    assert told(seen)
    for answer in answers:
        assert answer.is_success
        assert (answer.headers[ALLOW], answer.headers["vary"]) == (SITE, "Origin")
        assert "access-control-allow-credentials" not in answer.headers and "set-cookie" not in answer.headers
        assert {"retry-after", "x-request-id"} <= set(answer.headers["access-control-expose-headers"].split(", "))


@pytest.mark.parametrize("origin", [OTHER, "null", "https://a.example.evil.example", "http://a.example", "https://a.example:8443", "x\ty"])
def test_a_page_of_any_other_site_gets_nothing(service: Service, anybody: httpx.Client, origin: str) -> None:
    """Neither persona nor conversation, with a token of its own or without: 403, and no header that lets it read why."""
    page = {"origin": origin}
    refused(anybody.get("/api/personas/names", headers=page))
    refused(anybody.get("/api/personas/echo", headers=page))
    refused(anybody.post("/api/conversations", json={"persona": "names"}, headers=page))
    conversation = begun(service, "names")
    with service.client(conversation["token"]) as visitor:
        refused(visitor.get(f"/api/conversations/{conversation['id']}", headers=page))
        refused(visitor.post(f"/api/conversations/{conversation['id']}/exchanges", json={"message": "hi"}, headers=page))
        assert visitor.get(f"/api/conversations/{conversation['id']}").json()["exchanges"] == []


def test_an_allowed_site_is_allowed_for_that_persona_only(service: Service, anybody: httpx.Client) -> None:
    """The site of one persona talks with no other one: not by name, not with a token that it got hold of."""
    page = {"origin": SITE}
    refused(anybody.get("/api/personas/echo", headers=page))
    refused(anybody.post("/api/conversations", json={"persona": "echo"}, headers=page))
    conversation = begun(service, "echo")
    with service.client(conversation["token"]) as visitor:
        refused(visitor.get(f"/api/conversations/{conversation['id']}", headers=page))


def test_a_persona_for_every_site_talks_with_every_page(anybody: httpx.Client) -> None:
    """`*` allows any site, also a page that has none, such as a file; never with credentials."""
    for origin in (OTHER, SITE, "null"):
        answer = anybody.post("/api/conversations", json={"persona": "second"}, headers={"origin": origin})
        assert (answer.status_code, answer.headers[ALLOW]) == (201, origin)
        assert "access-control-allow-credentials" not in answer.headers


def test_the_services_own_pages_need_no_permission(service: Service, anybody: httpx.Client) -> None:
    """The page at `/` and the frames talk with every persona, also behind a proxy that changes the name of the host."""
    own = [{"origin": service.url}, {"origin": "https://chat.example", "sec-fetch-site": "same-origin"}]
    own.append({"origin": "https://chat.example", "host": "chat.example"})
    for page in own:
        answer = anybody.post("/api/conversations", json={"persona": "echo"}, headers=page)
        assert answer.status_code == 201 and ALLOW not in answer.headers
    refused(
        anybody.post(
            "/api/conversations", json={"persona": "echo"}, headers={"origin": "https://chat.example", "sec-fetch-site": "same-site"}
        )
    )


def test_a_preflight_says_what_may_be_asked(anybody: httpx.Client) -> None:
    """Methods and headers that the widget uses, for the sites of any persona; the browser is spared to ask again for a while."""
    for path, origin in (
        ("/api/conversations", SITE),
        ("/api/conversations/x/exchanges", OTHER),
        ("/api/personas/names", SITE),
        ("/api/exchanges/x/rating", SITE),
    ):
        answer = anybody.options(path, headers={"origin": origin, **WISH})
        assert (answer.status_code, answer.content, answer.headers[ALLOW], answer.headers["vary"]) == (204, b"", origin, "Origin")
        assert {"authorization", "content-type", "last-event-id", "idempotency-key"} <= set(
            answer.headers["access-control-allow-headers"].split(", ")
        )
        assert {"GET", "POST", "PUT", "DELETE"} == set(answer.headers["access-control-allow-methods"].split(", "))
        assert int(answer.headers["access-control-max-age"]) > 0


def test_a_preflight_of_a_site_that_no_persona_allows_is_refused(
    anybody: httpx.Client, make_home: MakeHome, run: Run, tmp_path: Path
) -> None:
    """No permission for a persona that is named in the path, and none at all where no persona allows a site."""
    refused(anybody.options("/api/personas/names", headers={"origin": OTHER, **WISH}))
    with make_home(tmp_path / "home", personas=["echo"]) as home, run(home) as closed, closed.client() as visitor:
        refused(visitor.options("/api/conversations", headers={"origin": SITE, **WISH}))


def test_an_allowed_page_can_read_what_went_wrong(anybody: httpx.Client) -> None:
    """Errors come with the same permission: an unknown token, an unknown path, a message that cannot be read."""
    page = {"origin": SITE}
    for answer, status in (
        (anybody.get("/api/conversations/x", headers={**page, "authorization": "Bearer at_wrong"}), 401),
        (anybody.get("/api/nothing", headers=page), 404),
        (anybody.post("/api/conversations", content=b"{", headers=page), 400),
    ):
        complaint(answer, status)
        assert answer.headers[ALLOW] == SITE


def test_programs_are_not_asked_where_they_come_from(service: Service, anybody: httpx.Client) -> None:
    """Without `Origin` nothing changes, and on `/v1` a key works with any `Origin`, but no page can read the answer."""
    assert anybody.get("/api/personas/echo").status_code == 200
    assert anybody.get("/health/live", headers={"origin": OTHER}).status_code == 200
    with service.client(service.home.key()) as app:
        answer = app.get("/v1/models", headers={"origin": OTHER})
        assert answer.status_code == 200
        assert not [name for name in answer.headers if name.startswith("access-control-")]
