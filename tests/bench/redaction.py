"""How much personal data redaction finds, how often it is wrong, and how many texts it reads in a second.

    .venv/bin/python tests/bench/redaction.py            # the planted list, then 600,000 texts on one core
    .venv/bin/python tests/bench/redaction.py --texts 50000 --json

The planted list, the harmless texts and the conversations with names lie in tests/curation/redaction. Recall is the share of planted
values that are gone; precision is the share of replacements that were planted, over the planted and the harmless texts together. The
list was written along with the finders: it shows what is covered, and not what share of all that people write is.
The texts for the speed are seeded talk of 20 to 400 characters, one in twenty with something to replace.
"""

import argparse
import json
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "curation" / "redaction"))

from planted import load_planted, measure
from rich.console import Console
from rich.table import Table

from service.curation.redaction.redactor import Redactor, given_names

_WORDS = (Path(__file__).parent / "redaction_words.txt").read_text(encoding="utf-8").split()


def make_texts(count: int, seed: int = 5) -> list[str]:
    """Distinct texts of talk; one in five holds small numbers, one in twenty personal data."""
    chance = random.Random(seed)
    carriers = [row.text for row in load_planted()]
    texts = []
    for place in range(count):
        size = chance.randint(20, 400)
        words = []
        length = 0
        while length < size:
            words.append(chance.choice(_WORDS))
            length += len(words[-1]) + 1
        if place % 5 == 0:
            words.insert(chance.randrange(len(words)), str(chance.randint(1, 2030)))
        text = " ".join(words).capitalize() + "."
        texts.append(f"{text} {chance.choice(carriers)}" if place % 20 == 0 else text)
    return texts


def measure_speed(count: int) -> dict[str, float]:
    """Seconds for so many texts with two names each, texts in a second, microseconds for a text without and with something to replace."""
    redactor = Redactor()
    texts = make_texts(count)
    redactor.redact("to have everything loaded 1 a@example.com +1 202-555-0123 ü")
    begun = time.perf_counter()
    replaced = sum(bool(redactor.redact(text, ("Annabel", "Kowalska"), "friend").counts) for text in texts)
    seconds = time.perf_counter() - begun
    plain = [text for place, text in enumerate(texts) if place % 5 and place % 20][:20_000]
    begun = time.perf_counter()
    for text in plain:
        redactor.redact(text, ("Annabel", "Kowalska"), "friend")
    without = (time.perf_counter() - begun) / len(plain)
    begun = time.perf_counter()
    given_names(plain)
    names = (time.perf_counter() - begun) / len(plain)
    begun = time.perf_counter()
    redactor.redact("word 12 " * 131_072)
    line = time.perf_counter() - begun
    return {
        "texts": count,
        "replaced_in": replaced,
        "seconds": round(seconds, 2),
        "texts_per_second": round(count / seconds),
        "microseconds_without_digits": round(without * 1e6, 1),
        "microseconds_given_names": round(names * 1e6, 1),
        "seconds_for_a_line_of_1_MB": round(line, 2),
    }


def main() -> None:
    """Print recall, precision and speed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--texts", type=int, default=600_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    kinds = measure(Redactor())
    speed = measure_speed(options.texts)
    if options.json:
        print(json.dumps({"kinds": {kind: found._asdict() for kind, found in kinds.items()}, "speed": speed}))
        return
    table = Table("kind", "planted", "found", "recall", "precision", title="Redaction of the planted list")
    for kind, found in kinds.items():
        table.add_row(kind, str(found.planted), str(found.found), f"{found.recall:.3f}", f"{found.precision:.3f}")
    console = Console()
    console.print(table)
    for name, value in speed.items():
        console.print(f"{name.replace('_', ' ')}: {value:,}")


if __name__ == "__main__":
    main()
