"""OpenAI's forms, which other hosts read too (developers.openai.com, "Supervised fine-tuning" and "Direct preference optimization").

Of a chat only the last reply was judged. All replies of a chat are trained on unless their `weight` is 0, so the earlier ones have that.
"""

from collections.abc import Iterable, Iterator

from service.curation.formats.base import Format, Row

_FEWEST = 10  # lines of a file
_LONGEST = 65_536  # tokens of a line
_LARGEST = 512_000_000  # bytes of a file
_CHARACTERS_PER_TOKEN = 4


def _chat(row: Row) -> Row | None:
    if not row["label"]:
        return None
    earlier = [turn | {"weight": 0} if turn["role"] == "assistant" else turn for turn in row["prompt"]]
    return {"messages": [*earlier, *row["completion"]]}


def _preference(row: Row) -> Row:
    return {"input": {"messages": row["prompt"]}, "preferred_output": row["chosen"], "non_preferred_output": row["rejected"]}


def _remark(rows: Iterable[Row]) -> Iterator[str]:
    count, size, long, mute = 0, 0, 0, 0
    for row in rows:
        texts = [turn["content"] for turn in _turns(row)]
        letters = sum(map(len, texts))
        count, size = count + 1, size + letters
        long += letters / _CHARACTERS_PER_TOKEN > _LONGEST
        mute += not all(text.strip() for text in texts)
    if count < _FEWEST:
        yield f"OpenAI takes no file of fewer than {_FEWEST} lines; this has {count}."
    if long:
        yield f"{_lines(long)} more than about {_LONGEST:,} tokens, which OpenAI cuts or refuses."
    if mute:
        yield f"{_lines(mute)} an empty message, which OpenAI may refuse."
    if size > _LARGEST:
        yield f"The file is larger than the {_LARGEST // 1_000_000} MB that OpenAI takes."


def _turns(row: Row) -> Iterator[dict[str, str]]:
    yield from row.get("messages") or [*row["input"]["messages"], *row["preferred_output"], *row["non_preferred_output"]]


def _lines(count: int) -> str:
    return f"{count} {'line has' if count == 1 else 'lines have'}"


SFT = Format(about="OpenAI, supervised: chats that end with a liked reply", form="unpaired", convert=_chat, remark=_remark)
DPO = Format(about="OpenAI, preference: input, preferred and non-preferred output", form="pair", convert=_preference, remark=_remark)
