"""What forwarding alone costs: Litestar and httpx with the aiohttp transport; bytes go through, each event is decoded, nothing is kept.

Run by the bench: `UPSTREAM=http://127.0.0.1:1/v1 python tests/bench/forwarder.py PORT`
"""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import uvicorn
from chunks import decode
from httpx_aiohttp import AiohttpTransport
from litestar import Litestar, Request, get, post
from litestar.response import Stream


async def forward(client: httpx.AsyncClient, body: bytes) -> AsyncIterator[bytes]:
    """The upstream's bytes as they come; every event in them is decoded."""
    rest = b""
    headers = {"content-type": "application/json"}
    async with client.stream("POST", f"{os.environ['UPSTREAM']}/chat/completions", content=body, headers=headers) as answer:
        async for data in answer.aiter_bytes():
            *events, rest = (rest + data).split(b"\n\n")
            for event in events:
                if event != b"data: [DONE]":
                    decode(event[6:])
            yield data


@get("/health")
async def health() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@post("/v1/chat/completions", status_code=200)
async def complete(request: Request[Any, Any, Any]) -> Stream:
    """Forward the request."""
    return Stream(forward(request.app.state.client, await request.body()), media_type="text/event-stream")


@asynccontextmanager
async def _client(app: Litestar) -> AsyncIterator[None]:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(transport=AiohttpTransport(limits=limits), timeout=60) as client:
        app.state.client = client
        yield


if __name__ == "__main__":
    application = Litestar([complete, health], lifespan=[_client], openapi_config=None, logging_config=None)
    uvicorn.run(application, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False)
