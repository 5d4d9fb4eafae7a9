"""What can go wrong with a provider, each kind with a stable code, and whether it may pass when asked again.

Messages hold the provider's name and numbers only: servers quote in their errors what they were asked.
"""

import math
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from service.errors import ProviderError

_PASSING = {408, 409, 425, 429}
_OUR_FAULT = {"provider_refused", "provider_model_unknown", "provider_rejected", "provider_filtered"}
_COMPLAINT = re.compile(r"unsupported|not supported|not support|unknown|unrecogni[sz]ed|unexpected|not permitted|extra", re.IGNORECASE)
_NAMED = re.compile(r"['\"`](\w+)['\"`]|(?:argument|parameter|field)s?(?: supplied)?: (\w+)")
_MOST_NAMES = 8


class Failure(ProviderError):
    """One attempt that gave no whole reply."""

    def __init__(
        self, message: str, code: str, *, passing: bool = False, wait: float | None = None, refused: frozenset[str] = frozenset()
    ) -> None:
        super().__init__(message, code=code)
        self.passing = passing
        """Whether the same call may well succeed in a moment; never set once a byte of a reply has come."""
        self.wait = wait
        """The seconds the provider itself asked to be left alone."""
        self.refused = refused
        """The parameters of the call that this model does not take."""

    @property
    def blames(self) -> bool:
        """Whether it speaks against the provider; a wrong key, a wrong name or a wrong call does not."""
        return self.code not in _OUR_FAULT


class Resting(ProviderError):
    """The model failed so often that it is not asked for a while. `failed_at` is when it last did, on the monotonic clock."""

    def __init__(self, message: str, failed_at: float) -> None:
        super().__init__(message, code="provider_resting")
        self.failed_at = failed_at


class _Member(msgspec.Struct):
    """OpenAI's error member; other servers send a part of it, or words alone."""

    code: Any = None
    param: Any = None
    message: Any = None


def failure_of(name: str, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """What an answer with a status other than 200 means. The body is read for its codes, and not repeated."""
    member, words = _error_member(body)
    code = _code_of(status, member)
    passing = (status in _PASSING or status >= 500) and headers.get("x-should-retry") != "false" and member.code != "insufficient_quota"
    refused = _refused_parameters(member, words) if status in {400, 422} else frozenset()
    message = f"The provider {name} answered with status {status}."
    return Failure(message, code, passing=passing, wait=_wait_of(headers), refused=refused)


def _code_of(status: int, member: _Member) -> str:
    match status:
        case 401 | 402 | 403:
            return "provider_refused"
        case 404:
            return "provider_model_unknown"
        case 408:
            return "provider_timeout"
        case 429:
            return "provider_overloaded"
        case 400 if member.code == "content_filter":
            return "provider_filtered"
        case 409 | 425:
            return "provider_failed"
    return "provider_failed" if status >= 500 else "provider_rejected"


def _error_member(body: bytes) -> tuple[_Member, str]:
    """The error member of a body, if it has one, and the body as words."""
    words = body.decode("utf-8", "replace")
    try:
        error = msgspec.json.decode(body).get("error")
        return msgspec.convert(error, _Member), words
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError, AttributeError):
        return _Member(), words


def _refused_parameters(member: _Member, words: str) -> frozenset[str]:
    """The parameters that a 400 or 422 complains of: named by `param`, or else in its words."""
    if not _COMPLAINT.search(f"{member.code} {member.message}" if member.message else words):
        return frozenset()
    if isinstance(member.param, str) and member.param:
        return frozenset({member.param})
    # Only the first names: further on a server may quote the question.
    text = member.message if isinstance(member.message, str) else words
    return frozenset(quoted or named for quoted, named in _NAMED.findall(text)[:_MOST_NAMES])


def _wait_of(headers: Mapping[str, str]) -> float | None:
    """The seconds of `retry-after-ms` or `Retry-After` (seconds or a date); None without one that can be read."""
    for header, divisor in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            wait = float(headers[header]) / divisor
        except (KeyError, ValueError):
            continue
        return wait if math.isfinite(wait) and wait >= 0 else None
    try:
        return max(parsedate_to_datetime(headers["retry-after"]).timestamp() - time.time(), 0.0)
    except (KeyError, ValueError, TypeError, IndexError, OverflowError):
        return None
