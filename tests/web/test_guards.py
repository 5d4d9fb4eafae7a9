"""Who is calling: no route answers without deciding."""

from collections.abc import Iterator

import httpx
import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute

from service.db.engine import transaction
from service.db.keys import revoke_key
from service.errors import NotPermitted
from service.web.app import create_app
from service.web.guards import Caller
from tests.web.conftest import Service
from tests.web.reading import complaint, until

_READ = {
    (method, path)
    for method in ("GET", "HEAD")
    for path in (
        "/",
        "/embed/{name}",
        "/widget.js",
        "/assets/{path}",
        "/health/live",
        "/health/ready",
        "/schema",
        "/schema/openapi.json",
    )
}
_PUBLIC = _READ | {
    ("GET", "/api/personas"),
    ("GET", "/api/personas/{name}"),
    ("POST", "/api/conversations"),
}
_OPERATORS = {
    ("GET", "/api/exchanges"),
    ("GET", "/api/datasets"),
    ("GET", "/api/runs"),
    ("GET", "/api/versions"),
    ("GET", "/api/versions/{version_id}/proof"),
    ("GET", "/api/personas/{name}/canary"),
    ("POST", "/api/personas/{name}/canary/end"),
    ("GET", "/api/receipts"),
    ("GET", "/api/referrals"),
    ("POST", "/api/nights"),
    ("POST", "/api/versions/{version_id}/promotion"),
    ("POST", "/api/personas/{name}/rollback"),
}
_WRONG_HEADERS = ["", "Bearer", "Bearer at_wrong", "Bearer ct_wrong", "Basic YTpi", "at_bare", "Bearer \u00e9\u00ff"]


def routes(app: Litestar) -> Iterator[tuple[str, str]]:
    """Every method and path that the application answers."""
    for route in app.routes:
        assert isinstance(route, HTTPRoute), f"{route.path} is of a kind that this test does not know."
        for handler in route.route_handlers:
            for method in handler.http_methods - {"OPTIONS"}:
                yield str(method), route.path_format


@pytest.fixture(scope="module")
def all_routes(shared: Service) -> set[tuple[str, str]]:
    """The routes of the application."""
    return set(routes(create_app(shared.home.settings)))


def at(path: str) -> str:
    """A path with something in its places."""
    return "/".join("none" if part.startswith("{") else part for part in path.split("/"))


def test_every_route_is_known_to_this_test(all_routes: set[tuple[str, str]]) -> None:
    """The public routes are these and no others: a new route is closed, or somebody decides here that it is open."""
    closed = all_routes - _PUBLIC
    assert _PUBLIC <= all_routes
    assert all(path.startswith(("/v1/", "/api/")) for _, path in closed)
    assert len(closed) >= 20


@pytest.mark.parametrize("header", _WRONG_HEADERS)
def test_no_closed_route_answers_a_stranger(shared: Service, all_routes: set[tuple[str, str]], header: str) -> None:
    """Without a valid key every closed route answers 401, before it reads anything of the body, and says how to send one."""
    headers = {"authorization": header.encode("latin-1")} if header else {}
    with shared.client() as stranger:
        for method, path in sorted(all_routes):
            if (method, path) not in _PUBLIC:
                answer = stranger.request(method, at(path), headers=headers, content=b'{"not json')
                assert "attune keys create" in complaint(answer, 401) or "Begin a new conversation" in answer.text, path
                assert answer.headers["www-authenticate"] == "Bearer"


def test_operator_routes_are_for_operators(shared: Service, all_routes: set[tuple[str, str]]) -> None:
    """A key that chats and rates and a conversation's token get 403 on the operator's routes, and 403 for the scope nowhere else."""
    with shared.client() as anybody:
        token = anybody.post("/api/conversations", json={"persona": "echo"}).json()["token"]
    for secret in (shared.home.key("chat", "rate"), token):
        with shared.client(secret) as client:
            refused = {
                (method, path)
                for method, path in all_routes
                if (method, path) not in _PUBLIC and "scope 'operate'" in client.request(method, at(path), content=b"{").text
            }
            assert refused == _OPERATORS
            for method, path in _OPERATORS:
                assert "attune keys create --scope operate" in complaint(client.request(method, at(path), content=b"{"), 403)


def test_public_routes_ask_for_nothing(shared: Service) -> None:
    """What is public works without a key, and with a wrong one too, except for beginning a conversation."""
    with shared.client() as anybody, shared.client("at_wrong") as wrong:
        for path in ("/", "/health/live", "/health/ready", "/schema/openapi.json", "/api/personas", "/api/personas/echo"):
            assert anybody.get(path).status_code == wrong.get(path).status_code == 200
        assert anybody.post("/api/conversations", json={"persona": "echo"}).status_code == 201
        complaint(wrong.post("/api/conversations", json={"persona": "echo"}), 401)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_read_in_any_case(shared: Service, scheme: str) -> None:
    """`Bearer` is a word without case (RFC 9110), and a blank more does no harm."""
    with shared.client() as client:
        assert client.get("/v1/models", headers={"authorization": f"{scheme}  {shared.home.key()}"}).status_code == 200


def test_a_revoked_key_is_refused_soon(shared: Service) -> None:
    """A key that is in use when it is revoked is refused within a moment, and stays refused."""
    key_id, secret = shared.home.key_with_id("chat")
    with shared.client(secret) as client:
        assert client.get("/v1/models").status_code == 200
        with transaction(shared.home.engine) as session:
            revoke_key(session, key_id)
        refused: httpx.Response = until(lambda: (answer := client.get("/v1/models")).status_code == 401 and answer, seconds=5)
        assert "was revoked" in complaint(refused, 401)
        assert {client.get("/v1/models").status_code for _ in range(5)} == {401}


def test_a_caller_without_anything_owns_nothing_and_may_nothing() -> None:
    """A caller that is neither key nor token is refused everywhere, should one ever come to a handler."""
    nobody = Caller()
    for scope in ("chat", "rate", "operate"):
        with pytest.raises(NotPermitted):
            nobody.require(scope)
    assert not nobody.operates
