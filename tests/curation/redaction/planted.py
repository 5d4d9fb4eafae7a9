"""The planted list: personal data as it is written in many countries, and harmless texts that look like it.

Numbers are those that standards, authorities and libraries print as examples or set aside for tests and films; nobody's are among them.
A value in pieces is joined, so that no scanner takes this file for a leak.
"""

import json
import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from service.curation.redaction.redactor import Redactor, given_names

_HERE = Path(__file__).parent


class Planted(NamedTuple):
    """One value, of which kind and country, in a text that carries it."""

    kind: str
    country: str
    value: str
    text: str


class Named(NamedTuple):
    """A message in which somebody gives a name, a reply that uses it, and the reply as it should become."""

    name: str
    said: str
    reply: str
    expected: str


class Found(NamedTuple):
    """How many values of a kind were planted and found, and how many replacements there were that nobody had planted."""

    planted: int
    found: int
    wrong: int

    @property
    def recall(self) -> float:
        return self.found / self.planted

    @property
    def precision(self) -> float:
        return self.found / (self.found + self.wrong) if self.found else 0.0


def load_planted() -> list[Planted]:
    """The values that have to go."""
    rows = []
    for line in (_HERE / "planted.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        value = "".join(row["value"])
        rows.append(Planted(row["kind"], row["country"], value, row["text"].replace("{}", value)))
    return rows


def load_named() -> list[Named]:
    """Conversations in which a name is given; braces in the file mark what has to go."""
    rows = map(json.loads, (_HERE / "names.jsonl").read_text(encoding="utf-8").splitlines())
    return [Named(row["name"], row["said"], re.sub(r"[{}]", "", row["reply"]), re.sub(r"\{.*?\}", "[name]", row["reply"])) for row in rows]


def load_harmless() -> list[str]:
    """Texts in which nothing may be replaced, and in which nobody says what they are called."""
    return (_HERE / "harmless.txt").read_text(encoding="utf-8").splitlines()


def measure(redactor: Redactor) -> dict[str, Found]:
    """By kind: what was planted, found, and replaced without need."""
    planted: Counter[str] = Counter()
    found: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for row in load_planted():
        planted[row.kind] += 1
        redacted = redactor.redact(row.text)
        counts = Counter(redacted.counts)
        if row.value not in redacted.text and counts[row.kind]:
            found[row.kind] += 1
            counts[row.kind] -= 1
        wrong += counts
    for conversation in load_named():
        planted["name"] += 1
        names = given_names([conversation.said])
        found["name"] += redactor.redact(conversation.reply, names).text == conversation.expected
    for text in load_harmless():
        wrong += Counter(redactor.redact(text).counts)
        wrong["name"] += len(given_names([text]))
    return {kind: Found(planted[kind], found[kind], wrong[kind]) for kind in sorted(planted)}
