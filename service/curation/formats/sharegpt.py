"""ShareGPT's form, one conversation a line, as Axolotl and LLaMA-Factory read it. It cannot say which of several replies to learn from."""

from service.curation.formats.base import Format, Row

SPEAKERS = {"system": "system", "user": "human", "assistant": "gpt"}


def _conversation(row: Row) -> Row | None:
    if not row["label"]:
        return None
    turns = [*row["prompt"], *row["completion"]]
    return {"conversations": [{"from": SPEAKERS[turn["role"]], "value": turn["content"]} for turn in turns]}


SHAREGPT = Format(about="ShareGPT: conversations that end with a liked reply", form="unpaired", convert=_conversation)
