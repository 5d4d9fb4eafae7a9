"""The example conversations of a Character Card (`mes_example`) as seed samples, and seed samples as example conversations."""

import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Literal

from service.personas.card_macros import as_plain
from service.personas.shelf import Message, Seed

_START = re.compile(r"^[ \t]*<START>[ \t]*$", re.IGNORECASE | re.MULTILINE)
_USERS = ("You",)
"""What older cards call the user in examples, besides {{user}}."""

Role = Literal["user", "assistant"]


def read_examples(text: str, char: str, user: str, name: str) -> tuple[list[Seed], list[str]]:
    """The seeds in the examples, and every part of them that has no partner: what nobody says, or nobody answers or asks.

    Lines begin with who speaks: `char`, by `name` too, or `user`. A line that names nobody goes on with the one before.
    """
    speakers: dict[str, Role] = {**dict.fromkeys((*_USERS, user), "user"), **dict.fromkeys((name, char), "assistant")}
    seeds, alone = [], []
    for block in _START.split(as_plain(text, {"char": char, "user": user})):
        before, turns = _turns(block, speakers)
        first = next((place for place, turn in enumerate(turns) if turn.role == "user"), len(turns))
        last = len(turns) - 1 if turns and turns[-1].role == "user" else len(turns)
        alone += [before, *(turn.content for turn in (*turns[:first], *turns[max(first, last) :]))]
        if first < last:
            seeds.append(Seed(turns[first:last]))
    return seeds, [part for part in alone if part]


def write_examples(seeds: Sequence[Seed]) -> str:
    """The seeds as the text of `mes_example`."""
    names = {"user": "{{user}}", "assistant": "{{char}}"}
    return "\n".join("\n".join(["<START>", *(f"{names[turn.role]}: {turn.content}" for turn in seed.messages)]) for seed in seeds)


def _turns(block: str, speakers: Mapping[str, Role]) -> tuple[str, list[Message]]:
    """What stands before anybody speaks, and then who says what in turn."""
    speaker = re.compile(rf"^(?P<who>{'|'.join(map(re.escape, speakers))}):[ \t]*", re.MULTILINE)
    before, *parts = speaker.split(block)
    told: list[tuple[Role, str]] = [(speakers[who], text.strip()) for who, text in zip(parts[::2], parts[1::2], strict=True)]
    spoken = groupby(filter(itemgetter(1), told), itemgetter(0))
    return before.strip(), [Message(role, "\n".join(text for _, text in turns)) for role, turns in spoken]
