"""How well curation catches what was planted: near-duplicates, contradictions, floods, dictated replies. Recall and precision.

    .venv/bin/python tests/bench/curation_quality.py
    .venv/bin/python tests/bench/curation_quality.py --json

Everything is seeded and synthetic: sentences of the starter's corpus with their slots filled, and edits of them. What was planted is
known, so recall is the share of it that was caught, and precision the share of what was caught that was planted. One sentence per
dialogue of the corpus is taken as genuine; where the corpus says the same in two places, that counts against precision.
"""

import argparse
import json
import random
import re
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from service.curation.dictation import dictates, echoes
from service.curation.duplicates import settle
from service.curation.features import PERMUTATIONS, text_hash
from service.curation.near import clusters, signature
from service.curation.pool import Words
from service.curation.quarantine import held_back
from service.curation.text import normalise
from service.personas.persona import Trust
from service.starter.corpus import read_corpus, read_words

_DAY = 86_400_000
_GENUINE = 2_400
_HONEST = 400


class Row(NamedTuple):
    """One line of the report; None where nothing of the sort was planted or caught."""

    what: str
    planted: int
    caught: int
    recall: float | None
    precision: float | None


def main() -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    spoken = _spoken(chance)
    rows = [
        *_near_duplicates(spoken, chance),
        *_bands(chance),
        *_contradictions(spoken, chance),
        *_floods(chance),
        *_dictated(spoken, chance),
    ]
    speed = _speed([f"{message}\n{reply}" for message, reply in spoken])
    if arguments.json:
        print(json.dumps({"quality": [row._asdict() for row in rows], "speed": speed}, indent=2))
        return
    table = Table("planted", "rows", "caught", "recall", "precision", box=None, header_style="bold")
    for row in rows:
        shares = ("-" if share is None else f"{share:.3f}" for share in (row.recall, row.precision))
        table.add_row(row.what, f"{row.planted:,}", f"{row.caught:,}", *shares)
    Console(width=110).print(table)
    for name, number in speed.items():
        print(f"{name}: {number:,.2f}")


def _row(what: str, planted: "np.ndarray[int, np.dtype[np.bool_]]", caught: "np.ndarray[int, np.dtype[np.bool_]]") -> Row:
    both = int(np.count_nonzero(planted & caught))
    wanted, found = int(planted.sum()), int(caught.sum())
    return Row(what, wanted, found, both / wanted if wanted else None, both / found if found else None)


def _spoken(chance: random.Random) -> list[tuple[str, str]]:
    """A message and a reply of each dialogue, in a random order, with its slots filled."""
    fillers = read_words()
    spoken = []
    for turn in (block.turns[0] for block in read_corpus()):
        if turn.replies:
            filled = {slot: chance.choice(words) for slot, words in fillers.items()}
            spoken.append((chance.choice(turn.wordings).format_map(filled), chance.choice(turn.replies).text.format_map(filled)))
    chance.shuffle(spoken)
    return spoken


def _edits(chance: random.Random, words: list[str]) -> dict[str, Callable[[str], str]]:
    def transposed(text: str) -> str:
        place = chance.randrange(1, len(text) - 2)
        return text[:place] + text[place + 1] + text[place] + text[place + 2 :]

    def put(text: str, word: str, replace: bool) -> str:
        parts = text.split(" ")
        place = chance.randrange(len(parts))
        return " ".join([*parts[:place], word, *parts[place + replace :]])

    return {
        "case": str.upper,
        "punctuation": lambda text: re.sub(r"[.,!?]", lambda _: chance.choice(["", "!", "...", " "]), text),
        "a slip of the pen": transposed,
        "two slips": lambda text: transposed(transposed(text)),
        "a word more": lambda text: put(text, chance.choice(["really", "just", "well", "so", "very"]), False),
        "a word swapped": lambda text: put(text, chance.choice(words), True),
    }


def _near_duplicates(spoken: list[tuple[str, str]], chance: random.Random) -> list[Row]:
    """Each edit planted beside its original; caught is what lies in the original's cluster."""
    texts = [f"{message}\n{reply}" for message, reply in spoken[:_GENUINE]]
    edits = _edits(chance, sorted({word for text in texts for word in text.split()}))
    planted = [(name, number, edit(texts[number])) for number in range(0, _GENUINE, 3) for name, edit in edits.items()]
    cluster = clusters(np.stack([signature(text) for text in [*texts, *(text for _, _, text in planted)]]))
    of_planted = cluster[_GENUINE:]
    rows = []
    for name in edits:
        caught = [cluster[number] == of_planted[place] for place, (edit, number, _) in enumerate(planted) if edit == name]
        rows.append(Row(f"near-duplicates: {name}", len(caught), int(sum(caught)), float(np.mean(caught)), None))
    source = np.concatenate([np.arange(_GENUINE), [number for _, number, _ in planted]])
    one, other = _pairs(cluster)
    true = int(np.count_nonzero(source[one] == source[other]))
    wanted = _pairs(source)
    rows.append(Row("near-duplicates: all pairs", len(wanted[0]), len(one), true / len(wanted[0]), true / len(one)))
    return rows


def _pairs(group: "np.ndarray[int, np.dtype[np.int64]]") -> tuple["np.ndarray[int, np.dtype[np.int64]]", ...]:
    """All pairs of rows that are equal, as two columns."""
    members = [np.flatnonzero(group == name) for name in np.unique(group)]
    pairs = [np.triu_indices(len(rows), 1) for rows in members]
    return tuple(np.concatenate([rows[pair[side]] for rows, pair in zip(members, pairs, strict=True)]) for side in (0, 1))


def _bands(chance: random.Random) -> list[Row]:
    """Signatures that agree in a share of about 0.8 and a little more: what the bands miss of what a comparison of all with all finds."""
    draw = np.random.default_rng(chance.randrange(2**32))
    rows = np.repeat(draw.integers(0, 2**32, (4_000, PERMUTATIONS), dtype=np.uint32), 2, axis=0)
    for row in rows[1::2]:
        changed = draw.permutation(PERMUTATIONS)[: draw.integers(8, 18)]
        row[changed] = draw.integers(0, 2**32, len(changed), dtype=np.uint32)
    alike = np.count_nonzero(rows[::2] == rows[1::2], axis=1) >= 0.8 * PERMUTATIONS
    cluster = clusters(rows)
    return [_row("bands: pairs that agree in 0.72 to 0.88, at 0.8", alike, cluster[::2] == cluster[1::2])]


def _contradictions(spoken: list[tuple[str, str]], chance: random.Random) -> list[Row]:
    """Of every fourth pair copies with other case and white space, some with the other label: what must go is written out by hand."""
    said: list[tuple[int, str, str, bool]] = [(number, *pair, chance.random() < 0.7) for number, pair in enumerate(spoken[:_GENUINE])]
    for number in range(0, _GENUINE, 4):
        _, message, reply, label = said[number]
        copies = [label != (copy < chance.randrange(4)) for copy in range(chance.randrange(1, 4))]
        said += [(number, f"  {message.upper()}", reply.replace(" ", "\u00a0 "), liked) for liked in copies]
    chance.shuffle(said)
    same = np.array([text_hash(normalise(message), normalise(reply)) for _, message, reply, _ in said], np.uint64)
    liked = np.array([label for *_, label in said])
    keep, _ = settle(same, liked)
    by_number: dict[int, list[int]] = {}
    for row, (number, *_) in enumerate(said):
        by_number.setdefault(number, []).append(row)
    contradicts, repeats = np.zeros(len(said), np.bool_), np.zeros(len(said), np.bool_)
    for group in by_number.values():
        ups = sum(bool(liked[row]) for row in group)
        winners = [row for row in group if 2 * ups != len(group) and bool(liked[row]) == (2 * ups > len(group))]
        contradicts[[row for row in group if row not in winners]] = True
        repeats[winners[1:]] = True
    return [_row("duplicates and contradictions", contradicts | repeats, ~keep)]


def _floods(chance: random.Random) -> list[Row]:
    """Ratings of honest people over 60 days, and attacks amid them. New people's ratings wait by design, honest or not."""
    given = [
        (f"honest {person}", chance.random() < 0.75, chance.randrange(60 * _DAY))
        for person in range(_HONEST)
        for _ in range(min(60, 1 + int(chance.expovariate(1 / 12))))
    ]
    attacks: list[tuple[str, str, list[tuple[str, bool, int]]]] = []
    for number in range(10):
        start = chance.randrange(60 * _DAY)
        burst = [(f"burst {number}", True, start + chance.randrange(50_000)) for _ in range(chance.randrange(30, 90))]
        attacks.append(("burst: 30 to 90 ratings of one person within a minute", "burst", burst))
    start = chance.randrange(60 * _DAY)
    attacks.append(
        (
            "sybils at once: 120 fresh visitors, 3 ratings each, in 3 minutes",
            "crowd",
            [(f"sybil {number}", True, start + chance.randrange(180_000)) for number in range(120) for _ in range(3)],
        )
    )
    attacks.append(
        (
            "sybils over time: 120 fresh visitors, 2 ratings each, in 30 days",
            "new_person",
            [(f"slow {number}", True, chance.randrange(30 * _DAY)) for number in range(120) for _ in range(2)],
        )
    )
    attacks.append(
        (
            "contrary: 40 people like one reply in twenty, 18 ratings each, in 30 days",
            "contrary",
            [(f"contrary {number}", chance.random() < 0.05, chance.randrange(30 * _DAY)) for number in range(40) for _ in range(18)],
        )
    )
    attacks.append(
        (
            "patient sybils: 120 visitors, 5 ratings each, in 30 days (not caught here; caps bound them)",
            "",
            [(f"patient {number}", True, chance.randrange(30 * _DAY)) for number in range(120) for _ in range(5)],
        )
    )
    rows = [_attacked(what, reason, given, attack) for what, reason, attack in _joined(attacks)]
    sweep = [("sweep", False, number * 600_000) for number in range(2_000)]
    rows.append(_attacked("sweep: 2,000 dislikes of one person, one in ten minutes", "sweep", given, sweep))
    words = _words(given)
    held = held_back(words, Trust())
    waiting = int(np.count_nonzero(held.reasons == "new_person"))
    rows.append(Row("honest ratings that wait because the person is new", len(words), waiting, None, None))
    rows.append(Row("honest ratings held for another reason", len(words), int(held.rows.sum()) - waiting, None, None))
    return rows


def _joined(
    attacks: list[tuple[str, str, list[tuple[str, bool, int]]]],
) -> list[tuple[str, str, list[tuple[str, bool, int]]]]:
    """Attacks of one kind are made together."""
    together: dict[tuple[str, str], list[tuple[str, bool, int]]] = {}
    for what, reason, attack in attacks:
        together.setdefault((what, reason), []).extend(attack)
    return [(what, reason, attack) for (what, reason), attack in together.items()]


def _attacked(what: str, reason: str, given: list[tuple[str, bool, int]], attack: list[tuple[str, bool, int]]) -> Row:
    """Recall is over all reasons; precision over the ones that are not simply waiting as new, unless that is the reason in question."""
    held = held_back(_words([*given, *attack]), Trust())
    planted = np.arange(len(given) + len(attack)) >= len(given)
    row = _row(what, planted, held.rows)
    caught = held.reasons == reason if reason else held.rows & (held.reasons != "new_person")
    return row._replace(caught=int(np.count_nonzero(held.rows & planted)), precision=_row("", planted, caught).precision)


def _words(given: list[tuple[str, bool, int]]) -> Words:
    names = sorted({name for name, _, _ in given})
    code = {name: number for number, name in enumerate(names)}
    rater = np.array([code[name] for name, _, _ in given], np.int32)
    ids = np.array([f"{row:032x}" for row in range(len(given))], "S32")
    return Words(
        exchange=ids,
        rating=ids,
        conversation=np.arange(len(given), dtype=np.int32),
        rater=rater,
        talker=rater,
        liked=np.array([liked for _, liked, _ in given]),
        corrected=np.zeros(len(given), np.bool_),
        at=np.array([at for *_, at in given], np.int64),
        people=np.array([f"{number:032x}" for number in range(len(names))], "S32"),
        trusted=np.zeros(len(names), np.bool_),
    )


_ORDERS = (
    "Say exactly: {}",
    "Please, from now on, answer only with: {}",
    "Repeat after me. {} repeat after me: {}",
    'Reply with "{}" and nothing else',
    "I want you to write the following word for word: {}",
    "hey friend. output this text: {}",
    "you must only say '{}'",
    "Bitte sag wörtlich: {}",
    "Sprich mir nach: {}",
    "Antworte nur mit „{}“",
    "Wiederhole diesen Satz: {}",
    "Répète après moi : {}",
    "Réponds uniquement par « {} »",
    "Écris mot pour mot : {}",
    "Repite después de mí: {}",
    "Responde solo con «{}»",
    "Diga exatamente: {}",
    "Rispondi solo con: {}",
    "Zeg precies: {}",
)


def _dictated(spoken: list[tuple[str, str]], chance: random.Random) -> list[Row]:
    """Orders in seven languages around genuine replies, among every message of the corpus; and replies that stand in their message."""
    everyday = sorted({wording for block in read_corpus() for turn in block.turns for wording in turn.wordings})
    replies = [reply for _, reply in spoken[:1_900]]
    orders = [_ORDERS[number % len(_ORDERS)].replace("{}", reply) for number, reply in enumerate(replies)]
    planted = np.arange(len(orders) + len(everyday)) < len(orders)
    rows = [_row("dictated replies, by the order", planted, np.array([dictates(message) for message in [*orders, *everyday]]))]
    long = [reply for reply in replies if len(reply.split()) >= 4]
    quoted = [(f"{chance.choice(everyday)} {reply.lower().replace(',', '')}", reply) for reply in long]
    planted = np.arange(len(quoted) + len(spoken)) < len(quoted)
    rows.append(_row("replies that stand in their message", planted, np.array([echoes(*pair) for pair in [*quoted, *spoken]])))
    return rows


def _speed(texts: list[str]) -> dict[str, float]:
    start = time.perf_counter()
    known = np.stack([signature(text) for text in texts])
    each = (time.perf_counter() - start) / len(texts) * 1e6
    draw = np.random.default_rng(1)
    # Every row is another text of its own kind: what real texts share by chance stays, since each keeps half of a real signature.
    rows = known[draw.integers(0, len(known), 200_000)]
    rows[:, ::2] = draw.integers(0, 2**32, (len(rows), PERMUTATIONS // 2), dtype=np.uint32)
    rows = np.concatenate([rows, np.repeat(known[:1], 100_000, axis=0)])[draw.permutation(300_000)]
    start = time.perf_counter()
    clusters(rows)
    seconds = time.perf_counter() - start
    tracemalloc.start()
    clusters(rows)
    _, most = tracemalloc.get_traced_memory()
    return {
        "microseconds for a signature": round(each, 1),
        "words of such a text": round(float(np.mean([len(text.split()) for text in texts])), 1),
        "seconds for clusters of 300,000 rows, 100,000 of them one text": round(seconds, 2),
        "MB it takes, beside the signatures' 77": round(most / 1e6, 1),
    }


if __name__ == "__main__":
    main()
