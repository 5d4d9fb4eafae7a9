"""Logs: one event per line, named noun_verbed, holding ids, counts and milliseconds, never words of a person or a secret."""

import contextlib
import logging
import os
import sys
from typing import TextIO, cast

import structlog
from structlog.dev import ConsoleRenderer, plain_traceback
from structlog.processors import JSONRenderer, StackInfoRenderer, TimeStamper, add_log_level
from structlog.tracebacks import ExceptionDictTransformer


def configure_logs(stream: TextIO | None = None) -> None:
    """Log to `stream` (standard error by default): for eyes on a terminal, JSON otherwise.

    Tracebacks never show locals: those hold people's words and secrets.
    """
    out = stream or sys.stderr
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        add_log_level,
        StackInfoRenderer(),
        TimeStamper(fmt="iso", utc=True),
    ]
    rendering: list[structlog.typing.Processor] = (
        [ConsoleRenderer(exception_formatter=plain_traceback)]
        if out.isatty() or os.environ.get("FORCE_COLOR")
        else [structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)), JSONRenderer()]
    )
    structlog.configure(
        processors=[*shared, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _Unfailing(out))),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[_Libraries()], level=logging.WARNING, force=True)


class _Unfailing:
    """A stream whose end nobody has to fear: a log that cannot be written, on a full disk, must not end what it tells of."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            return self._stream.write(text)
        return 0

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()


class _Libraries(logging.Handler):
    """Passes on what libraries log. Only their own words: the arguments of a message may hold a person's."""

    def emit(self, record: logging.LogRecord) -> None:
        words = str(record.msg)
        structlog.get_logger().log(
            min(record.levelno // 10 * 10, logging.CRITICAL),  # structlog knows no levels in between
            "library_spoke",
            logger=record.name,
            message=words if record.name.startswith("uvicorn") else words[:200],
            exc_info=record.exc_info,
        )
