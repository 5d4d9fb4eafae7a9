"""The command that makes the starter model: `python -m service.starter.build`."""

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path

STEPS = 2640  # what the committed weights were made with
SEED = 1
OUT = Path(__file__).parent / "weights"
NEEDED = ("torch", "transformers", "tokenizers")


def main(arguments: list[str] | None = None) -> int:
    """Reads the command line and builds; says what to install where the libraries are missing."""
    parser = argparse.ArgumentParser(prog="python -m service.starter.build", description="Makes the starter model from its corpus.")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, help=f"how many training steps (default {STEPS}: the committed model)")
    length.add_argument("--minutes", type=float, help="train for so long instead")
    parser.add_argument("--out", type=Path, default=OUT, help="folder for the finished model")
    parser.add_argument("--seed", type=int, default=SEED, help="seed of every draw")
    chosen = parser.parse_args(arguments)
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        sys.stderr.write(f"Building the starter model needs {' and '.join(missing)}: pip install attune[local]\n")
        return 1
    from service.starter.recipe import build  # noqa: PLC0415  # only now is it known that torch is there
    from service.starter.training import Limit  # noqa: PLC0415

    limit = Limit(minutes=chosen.minutes) if chosen.minutes else Limit(steps=chosen.steps or STEPS)
    build(limit, chosen.seed, chosen.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
