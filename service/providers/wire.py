"""What all providers share on the wire: a client made for long streams, bytes cut into lines, and the wire's errors made ours."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import aiohttp
import httpx
import msgspec
from httpx_aiohttp import AiohttpTransport

from service.errors import ProviderError

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding a line raises: no JSON or another shape, no UTF-8, nested too deep."""

_LONGEST_LINE = 1_000_000
# Every reply in the making holds a connection; the transport's own bound of 100 would let the others wait until they time out.
_LIMITS = httpx.Limits(max_connections=1_000)


def open_client(base_url: str, timeout: httpx.Timeout, headers: dict[str, str] | None = None) -> httpx.AsyncClient:
    """A client whose paths begin at `base_url`."""
    return httpx.AsyncClient(base_url=base_url, headers=headers, timeout=timeout, transport=AiohttpTransport(limits=_LIMITS))


async def cut_lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Cut a byte stream at its line feeds, wherever its chunks end; raise `ProviderError` for a line of over a megabyte.

    Bytes, because text has further line ends (U+0085, U+2028) that may stand inside a JSON string.
    """
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line
        if len(rest) > _LONGEST_LINE:
            raise ProviderError("The provider sent a line of over a megabyte.")
    if rest:
        yield rest


@contextmanager
def wire_errors(name: str) -> Iterator[None]:
    """Turn whatever goes wrong between us and a server into `ProviderError`; its words hold no part of what was sent."""
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, OSError) as error:
        raise ProviderError(f"The provider {name} did not answer ({type(error).__name__}).") from error
