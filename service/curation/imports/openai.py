"""OpenAI's forms (developers.openai.com, "Supervised fine-tuning" and "Direct preference optimization"), and what we add to the first.

A chat is `{"messages": [{"role", "content"}]}`: every reply in it is learned from unless its `weight` is 0. Beside `weight` a reply may
have `rating` (`up`, `down` or null), `correction`, `comment` and `reasons`: no file of OpenAI's has those, our exports do.
"""

from collections import Counter
from typing import Any

from service.curation.imports.dialogue import UNJUDGED, Dialogue, Judgement
from service.curation.imports.turns import TOOLS, Flaw, LeftOut, Turn, dialogue_of, list_of, note_unknown, object_of, text_of

_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
_TOOLS = {"tool", "function"}
_RATINGS = {"up": True, "down": False}
_OF_A_CHAT = ("messages", "persona", "conversation")
_OF_A_MESSAGE = ("role", "content", "weight", "rating", "correction", "comment", "reasons")


def read_chat(record: Any, notes: Counter[str], line: int) -> list[Dialogue]:
    """The dialogue of one line; raise `Flaw` or `LeftOut`."""
    chat = object_of(record, "the line")
    if "messages" not in chat:
        raise Flaw("there is no 'messages'")
    turns = _turns(chat["messages"], "messages", notes)
    note_unknown(chat, _OF_A_CHAT, notes)
    return [dialogue_of(turns, notes, line=line)]


def read_preference(record: Any, notes: Counter[str], line: int) -> list[Dialogue]:
    """Two dialogues of one line, which share what was said before: the preferred reply is liked, the other one disliked."""
    pair = object_of(record, "the line")
    missing = [key for key in ("input", "preferred_output", "non_preferred_output") if key not in pair]
    if missing:
        raise Flaw(f"there is no '{missing[0]}'")
    asked = object_of(pair["input"], "'input'")
    before = [turn._replace(judgement=UNJUDGED) for turn in _turns(asked.get("messages"), "input.messages", notes)]
    if not before or before[-1].role != "user":
        raise Flaw("'input.messages' does not end with a user's message")
    preferred, other = (_answer(pair[key], key, notes) for key in ("preferred_output", "non_preferred_output"))
    if preferred.strip() == other.strip():
        raise Flaw("the preferred and the non-preferred output are the same")
    note_unknown(asked, ("messages",), notes)
    note_unknown(pair, ("input", "preferred_output", "non_preferred_output"), notes)
    return [
        dialogue_of([*before, Turn("assistant", text, Judgement(label=label))], notes, line=line)
        for text, label in ((preferred, True), (other, False))
    ]


def _answer(value: Any, place: str, notes: Counter[str]) -> str:
    turns = _turns(value, f"'{place}'", notes)
    if len(turns) != 1 or turns[0].role != "assistant":
        raise Flaw(f"'{place}' is not one message of the assistant")
    return turns[0].content


def _turns(value: Any, place: str, notes: Counter[str]) -> list[Turn]:
    return [_turn(message, f"{place}[{at}]", notes) for at, message in enumerate(list_of(value, place))]


def _turn(value: Any, place: str, notes: Counter[str]) -> Turn:
    message = object_of(value, place)
    role = message.get("role")
    if role in _TOOLS or message.get("tool_calls") or message.get("function_call"):
        raise LeftOut(TOOLS)
    if not isinstance(role, str) or role not in _ROLES:
        raise Flaw(f"{place}: the role is none of {', '.join(_ROLES)}")
    note_unknown(message, _OF_A_MESSAGE, notes)
    content = text_of(message.get("content"), place)
    return Turn(_ROLES[role], content, _judgement(message, place) if role == "assistant" else UNJUDGED)


def _judgement(message: dict[str, Any], place: str) -> Judgement:
    weight = message.get("weight", 1)
    if isinstance(weight, bool) or weight not in (0, 1):
        raise Flaw(f"{place}: the weight is neither 0 nor 1")
    label: bool | None = weight == 1 or None
    if "rating" in message:
        rating = message["rating"]
        if rating is not None and (not isinstance(rating, str) or rating not in _RATINGS):
            raise Flaw(f"{place}: the rating is neither up nor down nor null")
        label = None if rating is None else _RATINGS[rating]
    correction, comment, reasons = message.get("correction"), message.get("comment") or "", message.get("reasons") or []
    if not isinstance(correction or "", str) or not isinstance(comment, str):
        raise Flaw(f"{place}: the correction or the comment is no text")
    if not isinstance(reasons, list) or not all(isinstance(reason, str) for reason in reasons):
        raise Flaw(f"{place}: the reasons are no list of texts")
    return Judgement(label=label, correction=correction, comment=comment, reasons=tuple(reasons))
