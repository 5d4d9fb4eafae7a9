import errno
import io
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import structlog
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from service.db.engine import transaction
from service.db.tables import Person
from service.errors import Unavailable
from service.logs import configure_logs

WORDS = "my husband left me on Tuesday"
SECRET = "Bearer at_7Qf1secret"


class Terminal(io.StringIO):
    """A stream that a person looks at."""

    def isatty(self) -> bool:
        return True


@contextmanager
def logging_to(out: io.StringIO) -> Iterator[io.StringIO]:
    """Log as the service does; the logging of the test run is put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    configure_logs(out)
    try:
        yield out
    finally:
        structlog.reset_defaults()
        root.handlers[:] = handlers
        root.setLevel(level)


@pytest.fixture(params=[io.StringIO, Terminal], ids=["json", "terminal"])
def stream(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """The service's logs in memory, as JSON and as on a terminal."""
    with logging_to(request.param()) as out:
        yield out


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """The lines logged so far, as JSON."""
    with logging_to(io.StringIO()) as out:
        yield lambda: [json.loads(line) for line in out.getvalue().splitlines()]


def fail_with_locals() -> None:
    """Fail while a person's words and a secret stand in local variables."""
    words, authorization = WORDS, SECRET
    held = {"messages": [words], "headers": {"authorization": authorization}}
    raise Unavailable(f"It broke after {len(held)} things.")


def test_an_exception_never_shows_locals(stream: io.StringIO) -> None:
    """A traceback says where it broke, and nothing of what stood in the variables there."""
    try:
        fail_with_locals()
    except Unavailable as error:
        structlog.get_logger().error("request_failed", exc_info=error)
        structlog.get_logger().exception("request_failed")
    shown = stream.getvalue()
    assert "fail_with_locals" in shown and "It broke after 2 things." in shown
    assert WORDS not in shown and SECRET not in shown


def test_a_library_s_exception_never_shows_locals(stream: io.StringIO) -> None:
    """What a library logs with a traceback is kept from showing variables too."""
    try:
        fail_with_locals()
    except Unavailable:
        logging.getLogger("asyncio").exception("Task failed: %s %s", WORDS, SECRET)
    shown = stream.getvalue()
    assert "Task failed" in shown and "fail_with_locals" in shown
    assert WORDS not in shown and SECRET not in shown


@pytest.mark.parametrize("arguments", [(WORDS,), (SECRET, 1), ({"authorization": SECRET},), ()])
def test_a_library_s_arguments_are_not_shown(stream: io.StringIO, arguments: tuple[object, ...]) -> None:
    """Of a library's message only its own words are kept, also when the arguments do not fit them."""
    root = logging.getLogger()
    root.handlers[:] = [handler for handler in root.handlers if type(handler).__module__ == "service.logs"]  # not the test run's own
    logging.getLogger("httpx").warning("request failed: %s", *arguments)
    assert "request failed: %s" in stream.getvalue()
    assert WORDS not in stream.getvalue() and SECRET not in stream.getvalue()


def test_a_failed_statement_never_shows_its_row(stream: io.StringIO, database: Engine) -> None:
    """An error of the database that ends up in the log holds neither the parameters nor the row: those are a person's words."""
    with pytest.raises(IntegrityError) as clash, transaction(database) as session:
        session.add_all([Person(external=WORDS, name=WORDS), Person(external=WORDS, name=SECRET)])
    with pytest.raises(IntegrityError) as gap, transaction(database) as session:
        insert = text("INSERT INTO person (id, external, name, created_at) VALUES ('1', :words, NULL, :at)")
        session.execute(insert, {"words": WORDS, "at": "2026-11-20"})
    for error in (clash.value, gap.value):
        structlog.get_logger().error("request_failed", exc_info=error)
    assert "IntegrityError" in stream.getvalue()
    assert WORDS not in stream.getvalue() and SECRET not in stream.getvalue()


@pytest.mark.parametrize("level", [30, 31, 35, 40, 45, 50, 55, 1000])
def test_a_library_may_log_at_any_level(stream: io.StringIO, level: int) -> None:
    """A level that only a library knows never raises into that library."""
    logging.getLogger("library").log(level, "it happened")
    assert "it happened" in stream.getvalue()


def test_a_library_may_claim_an_exception_where_there_is_none(stream: io.StringIO) -> None:
    """`exc_info=True` outside an exception is logged like any other line."""
    logging.getLogger("library").error("it happened", exc_info=True)
    assert "it happened" in stream.getvalue()


def test_what_libraries_chatter_is_left_out(stream: io.StringIO) -> None:
    """Below a warning libraries are not heard: they log whole requests."""
    logging.getLogger("httpx").info("POST %s", WORDS)
    logging.getLogger("openai").debug("Request options: %s", WORDS)
    assert stream.getvalue() == ""


def test_one_event_is_one_line_of_json(lines: Callable[[], list[dict[str, Any]]]) -> None:
    """An event is one JSON object with name, level, time and values, and what was bound around it."""
    with structlog.contextvars.bound_contextvars(night="n1"):
        structlog.get_logger().info("dataset_frozen", samples=3, text="two\nlines")
    structlog.get_logger().debug("not_of_interest")
    (line,) = lines()
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "dataset_frozen", "level": "info", "night": "n1", "samples": 3, "text": "two\nlines"}


def test_a_value_that_json_does_not_know_is_no_failure(lines: Callable[[], list[dict[str, Any]]]) -> None:
    """Logging never fails for the kind of a value."""
    structlog.get_logger().info("odd_value", value=object(), error=ValueError("x"))
    assert lines()[0]["event"] == "odd_value"


def test_a_chain_of_exceptions_is_told_in_order(lines: Callable[[], list[dict[str, Any]]]) -> None:
    """The cause of an error is in the log too."""
    try:
        try:
            fail_with_locals()
        except Unavailable as cause:
            raise ValueError("the second") from cause
    except ValueError as error:
        structlog.get_logger().error("request_failed", exc_info=error)
    assert [part["exc_type"] for part in lines()[0]["exception"]] == ["ValueError", "Unavailable"]


class FullDisk(io.StringIO):
    """A stream that takes nothing, as a file on a full disk."""

    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    def flush(self) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_log_that_cannot_be_written_ends_nothing() -> None:
    """On a full disk lines are lost, and nothing else: whoever logs goes on."""
    with logging_to(FullDisk()):
        structlog.get_logger().warning("disk_full")
        logging.getLogger("library").error("neither does this")
