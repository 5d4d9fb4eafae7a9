"""Lines out of bytes, and the wire's errors in our words."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import ProviderError
from service.providers.wire import cut_lines, wire_errors


async def _lines(chunks: Sequence[bytes]) -> list[bytes]:
    async def come() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    return [line async for line in cut_lines(come())]


@given(st.lists(st.binary(max_size=12).map(lambda some: some.replace(b"b", b"\n")), max_size=12))
def test_lines_do_not_depend_on_where_the_chunks_end(chunks: list[bytes]) -> None:
    """Whatever the chunks, the lines are those of the whole, and the end of a body ends its last line."""
    whole = b"".join(chunks)
    assert asyncio.run(_lines(chunks)) == (whole.removesuffix(b"\n").split(b"\n") if whole else [])


def test_a_line_without_end_is_refused() -> None:
    """A server that sends a line of over a megabyte fails before it fills the memory, and the lines before it were passed on."""
    chunks = [b"first\n", *[b"x" * 16_384] * 1_000]
    with pytest.raises(ProviderError, match="over a megabyte"):
        asyncio.run(_lines(chunks))
    assert asyncio.run(_lines([b"x" * 999_999 + b"\n", b"last"])) == [b"x" * 999_999, b"last"]


@pytest.mark.parametrize("error", [httpx.ReadTimeout("my words"), httpx.InvalidURL("my words"), ConnectionResetError("my words")])
def test_the_wires_errors_say_their_kind_alone(error: Exception) -> None:
    """An error of the wire becomes a `ProviderError` that names the provider and the kind of error, and nothing that was sent."""
    with pytest.raises(ProviderError) as raised, wire_errors("home"):
        raise error
    assert raised.value.message == f"The provider home did not answer ({type(error).__name__})."
    assert raised.value.code == "provider_failed"


def test_an_error_of_ours_passes_as_it_is() -> None:
    """What is a `ProviderError` already keeps its words and its code."""
    with pytest.raises(ProviderError) as raised, wire_errors("home"):
        raise ProviderError("Broken off.", code="provider_broke_off")
    assert (raised.value.message, raised.value.code) == ("Broken off.", "provider_broke_off")
