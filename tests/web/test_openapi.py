"""The description of the API: complete, true, and the same as the file that is kept of it."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest

from service.web.dialect import ChatRequest
from service.web.openapi import describe, written
from service.web.problems import Problem
from tests.processes import ROOT, attune
from tests.web.conftest import Service
from tests.web.reading import complaint
from tests.web.test_guards import _PUBLIC, routes

_FILE = ROOT / "deploy" / "openapi.json"
_METHODS = {"get", "put", "post", "delete", "head"}


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every operation of the document: method, path, and what is said of it."""
    for path, item in describe()["paths"].items():
        for method, operation in item.items():
            assert method in _METHODS
            yield method, path, operation


def references(node: Any) -> Iterator[str]:
    """Every reference within a part of the document."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_the_file_is_the_one_of_these_routes() -> None:
    """A change of the API is a change of the file that everybody can see."""
    assert _FILE.read_text() == written(), "The API changed. Write its description anew: attune openapi > deploy/openapi.json"


def test_the_command_prints_what_is_served(shared: Service) -> None:
    """`attune openapi` needs no personas, no database and no settings; what it prints is what /schema serves."""
    done = attune({"PATH": "/usr/bin:/bin", "ATTUNE_PERSONAS": "/nowhere", "ATTUNE_HOME": "/nowhere"}, "openapi")
    assert (done.returncode, done.stderr) == (0, "")
    with shared.client() as anybody:
        for path in ("/schema", "/schema/openapi.json"):
            answer = anybody.get(path)
            assert answer.json() == json.loads(done.stdout)
            assert answer.headers["content-type"].startswith("application/vnd.oai.openapi+json")


def test_every_route_is_described(shared: Service) -> None:
    """What an app may call is in the document, and nothing that does not exist."""
    from service.web.app import create_app

    there = {(method, path) for method, path in routes(create_app(shared.home.settings)) if path.startswith(("/v1/", "/api/", "/health/"))}
    assert {(method.upper(), path) for method, path, _ in operations()} == there


def test_every_operation_is_told_in_full() -> None:
    """Each has a summary, words, a tag, a name of its own, what it answers, and the one form of errors."""
    names = [operation["operationId"] for *_, operation in operations()]
    assert len(set(names)) == len(names)
    for method, path, operation in operations():
        where = f"{method} {path}"
        assert re.fullmatch(r"[A-Z].{5,60}[^.]", operation["summary"]), where
        assert len(operation["description"]) > 10, where
        assert len(operation["tags"]) == 1, where
        assert operation["responses"]["default"] == {"$ref": "#/components/responses/Problem"}, where
        good = [status for status in operation["responses"] if status.startswith("2")]
        assert len(good) == 1, where
        assert set(operation["responses"]) == {*good, "default"}, where
        assert operation["responses"][good[0]]["description"], where


def test_what_needs_a_key_says_so() -> None:
    """The public operations are those that the guards let pass, and no others."""
    document = describe()
    assert document["security"] == [{"key": []}]
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    public = {(method.upper(), path) for method, path, operation in operations() if {} in operation.get("security", [])}
    assert public == {route for route in _PUBLIC if route[1].startswith(("/api/", "/health/"))}


def test_every_reference_leads_somewhere_and_nothing_is_left_over() -> None:
    """Every part that is named is there, and every part that is there is named."""
    document = describe()
    named = {reference.removeprefix("#/components/") for reference in references(document)}
    there = {f"{kind}/{name}" for kind in ("schemas", "responses", "parameters") for name in document["components"][kind]}
    assert named == there
    assert all(re.fullmatch(r"[A-Za-z]+", name) for name in document["components"]["schemas"])


def test_streams_and_named_requests_are_told() -> None:
    """What streams says so, with an example; what may be sent twice says how to name it; pages say their bounds."""
    streams = {
        path for _, path, operation in operations() if "text/event-stream" in operation["responses"].get("200", {}).get("content", {})
    }
    twice = {
        path for _, path, operation in operations() if {"$ref": "#/components/parameters/IdempotencyKey"} in operation.get("parameters", [])
    }
    say, again = "/api/conversations/{conversation_id}/exchanges", "/api/exchanges/{exchange_id}/regenerate"
    assert streams == {"/v1/chat/completions", say, again, "/api/exchanges/{exchange_id}/stream"}
    assert twice == {"/v1/chat/completions", "/api/conversations", say, again}
    for method, path, operation in operations():
        answer = json.dumps(operation["responses"].get("200", {}))
        if "PageOf" in answer:
            parameters = {parameter["name"]: parameter for parameter in operation["parameters"]}
            assert (parameters["limit"]["schema"]["minimum"], parameters["limit"]["schema"]["maximum"]) == (1, 100), (method, path)
            assert "after" in parameters, (method, path)


def test_the_examples_are_true(app: httpx.Client) -> None:
    """The example of an error is one, an example request is understood, and the events of the examples are read as events are."""
    document = describe()
    example = document["components"]["responses"]["Problem"]["content"]["application/problem+json"]["example"]
    problem = msgspec.convert(example, Problem)
    answer = app.get("/api/conversations/none")
    assert complaint(answer, 404) == problem.detail
    assert {**answer.json(), "request_id": problem.request_id} == example
    fields = document["components"]["schemas"]["ChatRequest"]["properties"]
    msgspec.convert({"model": fields["model"]["examples"][0], "messages": fields["messages"]["examples"][0]}, ChatRequest)
    for _, _, operation in operations():
        stream = operation["responses"].get("200", {}).get("content", {}).get("text/event-stream")
        for line in stream["example"].splitlines() if stream else []:
            assert re.fullmatch(r"|(id: \d+|event: (exchange|delta|done)|data: (\[DONE\]|\{.*\}))", line), line
            if line.startswith("data: {"):
                json.loads(line.removeprefix("data: "))


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/echo", "/api/personas", "/health/ready"])
def test_answers_are_as_described(app: httpx.Client, path: str) -> None:
    """What is answered has the fields that the document names, and all of those that it requires."""
    document = describe()
    described = document["paths"]["/v1/models/{name}" if path.endswith("/echo") else path]["get"]["responses"]["200"]["content"]
    schema = document["components"]["schemas"][described["application/json"]["schema"]["$ref"].rpartition("/")[2]]
    answer = app.get(path).json()
    assert set(schema["required"]) <= set(answer) <= set(schema["properties"])
