"""Lorebooks: what a persona knows about its world, put before the model when the conversation comes to speak of it."""

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from service.personas.lorebook_keys import Keys, Patience, Scan

_LONGEST_SCAN = 20_000
"""Characters that are scanned at most, the newest ones."""

_DEEPEST_RECURSION = 10


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """When an entry belongs into the prompt: one key of each group is found and none of `excluded`, or `always`.

    `first_reply` and `every_reply` bind it to how many replies the conversation has; `unconditional` entries are bound to nothing.
    """

    groups: tuple[Keys, ...] = ()
    excluded: Keys = Keys()
    always: bool = False
    unconditional: bool = False
    scan_depth: int | None = None
    whole_conversation: bool = False
    first_reply: int = 0
    every_reply: int = 1


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of lore. `content` is ready for the prompt; `position`, `depth` and `role` say where the card's author wanted it.

    `source` is the content with {{user}} where the person's name goes, and `scanned` what a recursive scan reads.
    """

    id: str
    content: str
    rule: Rule
    order: float = 0
    priority: float = 0
    position: Literal["before_char", "after_char"] = "after_char"
    depth: int | None = None
    role: Literal["system", "user", "assistant"] = "system"
    source: str = ""
    scanned: str = ""


class Book(msgspec.Struct, frozen=True, kw_only=True):
    """The entries of one file that can be found at all, with how many of the newest texts are scanned for them and what they may cost."""

    entries: tuple[Entry, ...]
    scan_depth: int
    token_budget: int
    recursive: bool = False
    left_out: int = 0


class Lorebook(msgspec.Struct, frozen=True):
    """All the books of a persona; each keeps to its own budget."""

    books: tuple[Book, ...]

    @property
    def entries(self) -> list[Entry]:
        """Every entry that can be found."""
        return [entry for book in self.books for entry in book.entries]

    def select(
        self, texts: Sequence[str], count_tokens: Callable[[str], int], *, user: str = "", replies: int | None = None
    ) -> list[Entry]:
        """The entries that the conversation speaks of, within each book's budget, in insertion order.

        `texts` are the messages and replies, the newest last; `user` is the person's name where known; `replies` how many the persona
        has given so far, by default every second text.
        """
        given = len(texts) // 2 if replies is None else replies
        patience = Patience()
        chosen = []
        for book in self.books:
            found = [_named(entry, user) for entry in _found(book, texts, given, patience)]
            chosen += _within(book.token_budget, found, count_tokens)
        return sorted(chosen, key=lambda entry: entry.order)


def _found(book: Book, texts: Sequence[str], replies: int, patience: Patience) -> list[Entry]:
    """The entries whose conditions are met, in the order of the book."""
    scans: dict[int, Scan] = {}
    met: list[Entry] = []
    waiting: list[tuple[Entry, list[Keys]]] = []
    for entry in book.entries:
        rule = entry.rule
        if not rule.unconditional and (replies < rule.first_reply or replies % rule.every_reply):
            continue
        if rule.unconditional or rule.always:
            met.append(entry)
            continue
        depth = len(texts) if rule.whole_conversation else book.scan_depth if rule.scan_depth is None else rule.scan_depth
        scan = scans.get(depth) or scans.setdefault(depth, _scan(texts, depth, patience))
        if rule.excluded and scan.holds_any(rule.excluded):
            continue
        if missing := [keys for keys in rule.groups if not scan.holds_any(keys)]:
            waiting.append((entry, missing))
        else:
            met.append(entry)
    if book.recursive:
        met += _found_within(met, waiting, patience)
        place = {entry.id: number for number, entry in enumerate(book.entries)}
        met.sort(key=lambda entry: place[entry.id])
    return met


def _scan(texts: Sequence[str], depth: int, patience: Patience) -> Scan:
    newest = texts[max(0, len(texts) - depth) :] if depth > 0 else ()
    return Scan("\n".join(newest)[-_LONGEST_SCAN:], patience)


def _found_within(met: list[Entry], waiting: list[tuple[Entry, list[Keys]]], patience: Patience) -> list[Entry]:
    """The entries that other entries speak of."""
    found: list[Entry] = []
    newest = met
    for _ in range(_DEEPEST_RECURSION):
        scan = Scan("\n".join(entry.scanned for entry in newest)[:_LONGEST_SCAN], patience)
        waiting = [(entry, [keys for keys in missing if not scan.holds_any(keys)]) for entry, missing in waiting]
        newest = [entry for entry, missing in waiting if not missing]
        waiting = [(entry, missing) for entry, missing in waiting if missing]
        found += newest
        if not newest:
            break
    return found


def _within(budget: int, entries: list[Entry], count_tokens: Callable[[str], int]) -> list[Entry]:
    """What of the entries fits into the budget: those that never could go first, then the least important."""
    costs = {entry.id: count_tokens(entry.content) for entry in entries}
    kept = {entry.id: entry for entry in entries if costs[entry.id] <= budget}
    spent = sum(costs[each] for each in kept)
    for entry in sorted(kept.values(), key=lambda entry: (entry.priority, entry.order)):
        if spent <= budget:
            break
        del kept[entry.id]
        spent -= costs[entry.id]
    return list(kept.values())


def _named(entry: Entry, user: str) -> Entry:
    return msgspec.structs.replace(entry, content=entry.source.replace("{{user}}", user)) if user else entry
