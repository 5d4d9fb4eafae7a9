"""Open WebUI's feedback export: Admin, Evaluations, Feedbacks, "Export"; `GET /api/v1/evaluations/feedbacks/all/export`.

It is a list of feedback items (open-webui, backend/open_webui/models/feedbacks.py; they are made in ResponseMessage.svelte):

    {"type": "rating", "data": {"rating": 1 or -1, "reason", "comment", "details": {"rating": 1 to 10}, "model_id", ...},
     "meta": {"message_id", "chat_id", "arena", ...}, "snapshot": {"chat": {"title", "chat": {"history": {"messages": {id: message}}}}}}

A message knows its `parentId`, so what was said before the rated one is the way to the root: other branches are other conversations.
"""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from service.curation.imports.dialogue import UNJUDGED, Dialogue, Judgement
from service.curation.imports.turns import Flaw, LeftOut, Turn, dialogue_of, object_of, text_of

NOT_RATED = "feedback items were left out: they hold no thumb"
NO_CHAT = "feedback items were left out: the rated message is not in their snapshot of the chat"
UNFINISHED = "feedback items were left out: the rated reply is empty or failed"
SWITCHED = "feedback items lost their reason, score and comment: they are of the opposite thumb, which was given before"

# What the interface offers with each thumb, RateComment.svelte. `other` is with both.
_UP = {
    "accurate_information",
    "followed_instructions_perfectly",
    "showcased_creativity",
    "positive_attitude",
    "attention_to_detail",
    "thorough_explanation",
}
_DOWN = {
    "dont_like_the_style",
    "too_verbose",
    "not_helpful",
    "not_factually_correct",
    "didnt_fully_follow_instructions",
    "refused_when_it_shouldnt_have",
    "being_lazy",
}
_LEAST_GOOD = 6
"""Of the scores from 1 to 10 those from here on are offered with a thumb up, the others with a thumb down."""

_ASIDE = re.compile(r"<details\s+type=\"(?:reasoning|code_interpreter|tool_calls)\".*?</details>\s*", re.DOTALL)


def read_feedback(record: Any, notes: Counter[str], line: int) -> list[Dialogue]:
    """The dialogue that ends with the rated reply; raise `Flaw` or `LeftOut`."""
    item = object_of(record, "the feedback item")
    data = object_of(item.get("data") or {}, "'data'")
    label = {"1": True, "-1": False}.get(str(data.get("rating")))
    if item.get("type") != "rating" or label is None:
        raise LeftOut(NOT_RATED)
    chat, messages = _snapshot(item)
    rated = object_of(item.get("meta") or {}, "'meta'").get("message_id")
    if not isinstance(rated, str) or rated not in messages:
        raise LeftOut(NO_CHAT)
    chain = _chain(messages, rated)
    turns = [_turn(message) for message in chain]
    reply = chain[-1]
    if turns[-1].role != "assistant":
        raise Flaw("the rated message is not the assistant's")
    if reply.get("error") or reply.get("done") is False or not turns[-1].content.strip():
        raise LeftOut(UNFINISHED)
    turns[-1] = turns[-1]._replace(judgement=_judgement(data, label, notes))
    spoken = [turn for turn in turns if turn.content.strip()]  # an earlier reply that failed, a picture without words
    return [dialogue_of(spoken, notes, line=line, title=str(chat.get("title") or "")[:200])]


def _snapshot(item: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The chat as its row in the database is, and its messages by id."""
    snapshot = item.get("snapshot")
    if not isinstance(snapshot, dict) or not isinstance(snapshot.get("chat"), dict):
        raise LeftOut(NO_CHAT)
    chat: dict[str, Any] = snapshot["chat"]
    within = chat.get("chat", chat)  # the row holds the chat itself; some versions hold no row
    history = object_of(object_of(within, "'snapshot.chat.chat'").get("history") or {}, "'history'")
    messages = history.get("messages") or {}
    if isinstance(messages, list):
        messages = {message.get("id"): message for message in messages if isinstance(message, dict)}
    return chat, object_of(messages, "'history.messages'")


def _chain(messages: Mapping[str, Any], last: str) -> list[dict[str, Any]]:
    """The messages from the root to `last`."""
    chain: list[dict[str, Any]] = []
    seen: set[str] = set()
    current: Any = last
    while isinstance(current, str) and current in messages:
        if current in seen:
            raise Flaw("the messages of the chat are their own parents")
        seen.add(current)
        chain.append(object_of(messages[current], "a message of the chat"))
        current = chain[-1].get("parentId")
    return chain[::-1]


def _turn(message: Mapping[str, Any]) -> Turn:
    role = message.get("role")
    if role not in {"user", "assistant", "system"}:
        raise Flaw("a message of the chat has no known role")
    text = text_of(message.get("content"), "a message of the chat")
    return Turn(str(role), _ASIDE.sub("", text).strip() if role == "assistant" else text, UNJUDGED)


def _judgement(data: Mapping[str, Any], label: bool, notes: Counter[str]) -> Judgement:
    """The thumb with its reason and comment.

    Whoever switched the thumb kept the reason and the score of the other one (open-webui issue #30053); the thumb was given last.
    """
    reason, comment = data.get("reason") or "", data.get("comment") or ""
    details = data.get("details")
    score = details.get("rating") if isinstance(details, dict) else None
    if not isinstance(reason, str) or not isinstance(comment, str):
        raise Flaw("the reason or the comment is no text")
    if reason in (_DOWN if label else _UP) or (isinstance(score, int) and score > 0 and (score >= _LEAST_GOOD) != label):
        notes[SWITCHED] += 1
        return Judgement(label=label)
    return Judgement(label=label, comment=comment, reasons=(reason,) if reason else ())
