"""One event of a streamed chat completion, as the parts of the bench read it."""

import msgspec


class _Delta(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta = msgspec.field(default_factory=_Delta)
    finish_reason: str | None = None


class Chunk(msgspec.Struct):
    choices: list[_Choice] = []


decode = msgspec.json.Decoder(Chunk).decode
