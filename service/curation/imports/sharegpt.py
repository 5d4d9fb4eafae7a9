"""ShareGPT's form: `{"conversations": [{"from": "human", "value": "..."}, {"from": "gpt", "value": "..."}]}`, in the many words it has.

All replies are liked, except where a `weight` is 0, as Axolotl reads it.
"""

from collections import Counter
from typing import Any

from service.curation.imports.dialogue import UNJUDGED, Dialogue, Judgement
from service.curation.imports.turns import TOOLS, Flaw, LeftOut, Turn, dialogue_of, list_of, note_unknown, object_of, text_of

LISTS = ("conversations", "conversation", "items")

_SPEAKERS = {
    **dict.fromkeys(("system", "developer"), "system"),
    **dict.fromkeys(("human", "user", "prompter", "person"), "user"),
    **dict.fromkeys(("gpt", "assistant", "model", "bot", "ai", "chatgpt", "bing", "bard"), "assistant"),
}
_TOOLS = {"tool", "function", "function_call", "tool_call", "observation"}
_FROM, _VALUE = ("from", "role", "user"), ("value", "content", "text")


def read_conversation(record: Any, notes: Counter[str], line: int) -> list[Dialogue]:
    """The dialogue of one conversation; raise `Flaw` or `LeftOut`."""
    conversation = object_of(record, "the conversation")
    key = next((name for name in LISTS if name in conversation), None)
    if key is None:
        raise Flaw("there is no 'conversations'")
    turns = [_turn(message, f"{key}[{at}]", notes) for at, message in enumerate(list_of(conversation[key], key))]
    if conversation.get("system"):
        turns.insert(0, Turn("system", ""))
    title = conversation.get("title") or conversation.get("id") or ""
    note_unknown(conversation, (key, "id", "title", "system", "persona"), notes)
    return [dialogue_of(turns, notes, line=line, title=str(title)[:200])]


def _turn(value: Any, place: str, notes: Counter[str]) -> Turn:
    message = object_of(value, place)
    speaker = next((message[name] for name in _FROM if name in message), None)
    said = next((message[name] for name in _VALUE if name in message), None)
    if not isinstance(speaker, str):
        raise Flaw(f"{place}: there is no 'from'")
    speaker = speaker.strip().lower()
    if speaker in _TOOLS:
        raise LeftOut(TOOLS)
    if speaker not in _SPEAKERS:
        raise Flaw(f"{place}: 'from' is none of {', '.join(_SPEAKERS)}")
    weight = message.get("weight", 1)
    if weight not in (None, 0, 1):
        raise Flaw(f"{place}: the weight is neither 0 nor 1")
    note_unknown(message, (*_FROM, *_VALUE, "weight"), notes)
    role = _SPEAKERS[speaker]
    return Turn(role, text_of(said, place), Judgement(label=True) if role == "assistant" and weight != 0 else UNJUDGED)
