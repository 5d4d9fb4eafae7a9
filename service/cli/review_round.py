"""Going through what waits on a terminal: a card, a key, the next card."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import rich_click as click
from sqlalchemy import Engine

from service.cli.review_cards import Card, card_of
from service.curation.reviews import decide_review
from service.db.engine import reading, transaction
from service.db.tables import Review

_KEYS = "[a] approve  [r] refuse  [s] skip  [u] undo  [q] quit "
_DECISIONS = {"a": True, "r": False}


def go_through(engine: Engine, waiting: Sequence[str]) -> None:
    """Show the reviews with these ids one after the other, and decide on each as the pressed key says.

    Every decision is kept at once. A person who was decided on is not asked about again under another reason.
    """
    with _keys() as press:
        decided = _go_through(engine, waiting, press)
    approved = sum(decided.values())
    click.echo(f"\n{approved} approved, {len(decided) - approved} refused. The next night heeds it.", err=True)


def _go_through(engine: Engine, waiting: Sequence[str], press: Callable[[], str]) -> dict[int, bool]:
    """The decisions that stand in the end, by the place of the review."""
    decided: dict[int, bool] = {}
    place = 0
    while 0 <= place < len(waiting):
        card = _open_card(engine, waiting[place])
        if card is None:
            place += 1
            continue
        click.echo("\n".join(["", f"{place + 1} of {len(waiting)}  {card.text()[0]}", *card.text()[1:], ""]))
        key = _ask(press, undoable=bool(decided))
        if key == "q":
            break
        if key == "u":
            place = max(decided)
            del decided[place]
            _decide(engine, waiting[place], None)
            continue
        if key in _DECISIONS:
            _decide(engine, waiting[place], _DECISIONS[key])
            decided[place] = _DECISIONS[key]
        place += 1
    return decided


def _ask(press: Callable[[], str], undoable: bool) -> str:
    """The pressed key, one of those that mean something now."""
    click.echo(_KEYS, nl=False)
    while (key := press().lower()) not in {"a", "r", "s", "q", *({"u"} if undoable else set())}:
        pass
    click.echo(key)
    return key


@contextmanager
def _keys() -> Iterator[Callable[[], str]]:
    """A way to wait for a key. Meanwhile the terminal shows no keys by itself, so that one pressed early is neither lost nor seen twice."""
    try:
        import termios  # noqa: PLC0415  # not on Windows
        import tty  # noqa: PLC0415  # likewise
    except ImportError:
        yield click.getchar
        return
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    try:
        tty.setcbreak(terminal, termios.TCSANOW)
        yield lambda: _read_key(terminal)
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _read_key(terminal: int) -> str:
    """One key; the end of the input, Ctrl-D too, quits."""
    read = os.read(terminal, 1)
    return "q" if read in {b"", b"\x04"} else read.decode("latin-1")


def _open_card(engine: Engine, review_id: str) -> Card | None:
    with reading(engine) as session:
        review = session.get(Review, review_id)
        return card_of(session, review) if review is not None and review.approved is None else None


def _decide(engine: Engine, review_id: str, approve: bool | None) -> None:
    with transaction(engine) as session:
        decide_review(session, review_id, approve)
