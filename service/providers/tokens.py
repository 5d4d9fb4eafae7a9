"""How many tokens a text costs: counted by the model's own tokenizer where that lies on this machine, carefully guessed otherwise."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import structlog
from tokenizers import Tokenizer

from service.errors import ProviderError
from service.providers.base import Turn
from service.providers.catalog import checkpoint_folder, split_model
from service.providers.chat_marks import Marks, measure
from service.providers.ollama import DEFAULT_CONTEXT
from service.providers.table import BUILT_IN, Table, read_tables
from service.settings import Settings

_CHARACTERS_PER_TOKEN = 3.5
"""A cautious guess for English text under byte-level BPE; the budget is a bound, not a bill."""

_LONGEST_COUNTED = 40_000
"""Characters. A longer text counts as many tokens as it has bytes, which no byte-level tokenizer exceeds: to count it would take long."""

_MOST_REMEMBERED = 20_000

log = structlog.get_logger()


class TokenCounter:
    """Estimates the tokens of a model that counts elsewhere. `window` is how many it can see at once, its reply included, where known."""

    opening = 0
    """Tokens that open the reply."""

    def __init__(self, window: int | None = None) -> None:
        self.window = window

    def count(self, text: str) -> int:
        """The tokens of a text."""
        return int(len(text) / _CHARACTERS_PER_TOKEN) + 4

    def turn(self, turn: Turn) -> int:
        """The tokens of a message, with what the model's chat template puts around it."""
        return self.count(turn.content)


ESTIMATE = TokenCounter()
"""For a model of which nothing is known."""


class _OwnTokenizer(TokenCounter):
    """Counts as the model itself does. What was counted is remembered under a digest: no words are kept."""

    def __init__(self, tokenizer: Tokenizer, marks: Marks, window: int | None) -> None:
        super().__init__(window)
        self.opening = marks.opening
        self._tokenizer = tokenizer
        self._marks = marks
        self._counted: dict[bytes, int] = {}

    def count(self, text: str) -> int:
        if self._marks.trims:
            text = text.strip()
        if self._marks.breaks_up:
            text = text.replace("<|", "< |")
        data = text.encode()
        if len(text) > _LONGEST_COUNTED:
            return len(data)
        mark = hashlib.blake2b(data, digest_size=16).digest()
        found = self._counted.get(mark)
        if found is None:
            found = _length(self._tokenizer, text)
            if len(self._counted) >= _MOST_REMEMBERED:
                self._counted.clear()
            self._counted[mark] = found
        return found

    def turn(self, turn: Turn) -> int:
        return self.count(turn.content) + self._marks.around(turn.role)


class TokenCounters:
    """The counters by the model's reference (`local:starter`), each made once; models that share a tokenizer share it here too."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tables = {**{name: Table() for name in BUILT_IN}, **read_tables(settings.providers)}
        self._counters: dict[str, TokenCounter] = {}
        self._tokenizers: dict[bytes, Tokenizer] = {}

    def load(self, references: Iterable[str]) -> None:
        """Make these counters now, so that nobody waits for a tokenizer to be read when the first message comes."""
        for reference in references:
            self.get(reference)

    def get(self, reference: str) -> TokenCounter:
        """The counter of a model; one whose files are not here, or cannot be read, is estimated."""
        found = self._counters.get(reference)
        if found is None:
            found = self._make(reference)
            if found is not ESTIMATE:  # A checkpoint that is not there yet may come.
                self._counters[reference] = found
        return found

    def _make(self, reference: str) -> TokenCounter:
        try:
            provider, model = split_model(reference)
        except ProviderError:  # Whoever asks that model says so.
            return ESTIMATE
        if provider == "local":
            return self._of_checkpoint(checkpoint_folder(model, self._settings))
        table = self._tables.get(provider)
        if table is not None and BUILT_IN.get(provider, table.kind) == "ollama":
            return TokenCounter(table.num_ctx or DEFAULT_CONTEXT)
        return ESTIMATE

    def _of_checkpoint(self, folder: Path) -> TokenCounter:
        if not (folder / "tokenizer.json").is_file():
            return ESTIMATE
        try:
            tokenizer = self._tokenizer((folder / "tokenizer.json").read_bytes())
            window = _window(json.loads((folder / "config.json").read_text("utf-8")))
            marks = measure(folder, lambda text: _length(tokenizer, text))
        except Exception as error:  # The tokenizers package raises nothing narrower.
            log.warning("tokenizer_unreadable", folder=folder.name, reason=type(error).__name__)
            return TokenCounter()
        return _OwnTokenizer(tokenizer, marks, window)

    def _tokenizer(self, content: bytes) -> Tokenizer:
        mark = hashlib.sha256(content).digest()
        if mark not in self._tokenizers:
            tokenizer = Tokenizer.from_buffer(content)
            tokenizer.no_truncation()
            tokenizer.no_padding()
            self._tokenizers[mark] = tokenizer
        return self._tokenizers[mark]


def total(counter: TokenCounter, turns: Sequence[Turn]) -> int:
    """The tokens of all these messages."""
    return sum(counter.turn(turn) for turn in turns)


def _length(tokenizer: Tokenizer, text: str) -> int:
    return len(tokenizer.encode(text, add_special_tokens=False))


def _window(config: Any) -> int | None:
    """How many tokens the model's positions reach; a model that also sees or hears keeps its text part in a section of its own."""
    found = config.get("max_position_embeddings") or config.get("text_config", {}).get("max_position_embeddings")
    return found if isinstance(found, int) and found > 0 else None
