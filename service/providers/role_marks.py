"""The marks by which a model knows who speaks, and how a text that looks like one is kept from being one.

A chat template puts marks around the words, such as `<|im_start|>user` or `[INST]`; most templates do not care whether the words hold marks
of their own, and then a message could speak as somebody else. So before a row is rendered, whatever looks like a mark of that model gets a
blank in it: `< |im_start|>user`. The starter's template does the same to every `<|`, when it serves too.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from service.providers.chat_marks import UNRENDERABLE, renderer

_WORD = "quietword"
_CHATS = (("system", "user", "assistant", "user"), ("user", "assistant", "user"))  # some templates refuse a system message

_BRACKETED = re.compile(r"<<?/?[^<>\s]{1,60}>>?|\[/?[A-Za-z_]{2,40}\]|\{/?[A-Za-z_]{2,40}\}")
_LABEL = re.compile(r"^[^\n:]{1,40}:$")  # 'USER:', '### Response:'


def marks_of(folder: Path) -> tuple[str, ...]:
    """The marks of a checkpoint, the longest first: its tokenizer's special tokens, and what its chat template writes around the words."""
    written = _written(folder)
    found = {content for content, special in _added_tokens(folder) if content.strip() and (special or content in "\n".join(written))}
    for text in written:
        found.update(_BRACKETED.findall(text))
        found.update(line.strip() for line in text.split("\n") if _LABEL.match(line.strip()))
    return tuple(sorted((mark for mark in found if len(mark) > 1), key=lambda mark: (-len(mark), mark)))


def mark_breaker(folder: Path) -> Callable[[str], str]:
    """What breaks up the marks of this checkpoint in a text. A text without any comes back as it is."""
    marks = marks_of(folder)
    if not marks:
        return lambda text: text
    pattern = re.compile("|".join(map(re.escape, marks)))
    folds = _normalises(folder)

    def break_up(text: str) -> str:
        if folds and not text.isascii():
            # Letters such as a full-width < would become marks only within the tokenizer.
            folded = unicodedata.normalize("NFKC", text)
            text = folded if pattern.search(folded) else text
        # Again, since what is left of one mark can be part of another.
        while (broken := pattern.sub(_broken, text)) != text:
            text = broken
        return text

    return break_up


def _broken(mark: "re.Match[str]") -> str:
    """After its first sign, or before its last where it begins like a word: `< |user|>`, `USER :`."""
    text = mark[0]
    return f"{text[:-1]} {text[-1]}" if text[0].isalnum() else f"{text[0]} {text[1:]}"


def _written(folder: Path) -> list[str]:
    """What the chat template writes around words, for every role and to open the reply."""
    try:
        render = renderer(folder)
    except UNRENDERABLE:
        return []
    pieces: list[str] = []
    for roles in _CHATS if render else ():
        try:
            pieces += render(*((role, _WORD) for role in roles), opened=True).split(_WORD) if render else []
        except UNRENDERABLE:
            continue
    return pieces


def _added_tokens(folder: Path) -> Iterator[tuple[str, bool]]:
    """The tokens that are found in a text before it is cut up, and whether they are special."""
    settings = _read(folder / "tokenizer_config.json")
    listed = [*_read(folder / "tokenizer.json").get("added_tokens", []), *settings.get("added_tokens_decoder", {}).values()]
    for token in listed:
        yield token["content"], bool(token.get("special"))


def _normalises(folder: Path) -> bool:
    return _read(folder / "tokenizer.json").get("normalizer") is not None


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text("utf-8")) if path.is_file() else {}
