"""How much of a reply stands word for word in what a model was trained on."""

from collections.abc import Iterable, Sequence

from service.evaluation.health import words_of


class TrainingText:
    """The replies that were trained on, ready to be looked up: every run of `width` words in them, by their hashes."""

    def __init__(self, replies: Iterable[str], width: int = 6) -> None:
        self.width = width
        self._runs: set[tuple[str, ...]] = set()
        for reply in replies:
            self._runs |= set(_runs(words_of(reply), width))

    def longest_run(self, reply: str) -> int:
        """The longest run of words, at least `width`, each of whose pieces of `width` words was trained on; 0 without one."""
        words = words_of(reply)
        longest = length = 0
        for run in _runs(words, self.width):
            length = (length + 1 if length else self.width) if run in self._runs else 0
            longest = max(longest, length)
        return longest

    def is_copied(self, reply: str, share: float = 0.8) -> bool:
        """Whether most of the reply is one such run: a long reply is not copied because it has a common phrase in it."""
        words = words_of(reply)
        return len(words) >= self.width and self.longest_run(reply) >= share * len(words)


def _runs(words: Sequence[str], width: int) -> list[tuple[str, ...]]:
    return [tuple(words[start : start + width]) for start in range(len(words) - width + 1)]
