"""The forms of files that conversations come in: which there are, which one a file has, and its dialogues, every broken line told."""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast, get_args

from service.curation.imports.dialogue import Dialogue
from service.curation.imports.open_webui import read_feedback
from service.curation.imports.openai import read_chat, read_preference
from service.curation.imports.pairs import read_pairs
from service.curation.imports.records import records_of
from service.curation.imports.sharegpt import LISTS, read_conversation
from service.curation.imports.text import lines_of
from service.curation.imports.turns import Flaw, LeftOut
from service.errors import Invalid

Form = Literal["openai", "openai-dpo", "sharegpt", "open-webui", "csv"]
FORMS: tuple[Form, ...] = get_args(Form)

MOST_TOLD = 20
"""Broken lines that are told one by one."""

_READERS: dict[Form, Callable[[Any, Counter[str], int], list[Dialogue]]] = {
    "openai": read_chat,
    "openai-dpo": read_preference,
    "sharegpt": read_conversation,
    "open-webui": read_feedback,
}
_LOOKED_AT = 20
_Take = Callable[[Counter[str], Callable[[int, str], None]], Iterator[Dialogue]]


class Reading:
    """One pass over a file: iterate it once. Then `notes` counts what was left out or changed, by sentence, and `flawed` broken records.

    With `skip_broken` those are left out too; without it the end of the iteration raises `Invalid`, which tells them with file and line.
    """

    def __init__(self, path: Path, form: Form, skip_broken: bool = False) -> None:
        self.path = path
        self.form = form
        self.notes: Counter[str] = Counter()
        self.flaws: list[str] = []
        self.flawed = 0
        self._skip = skip_broken

    def __iter__(self) -> Iterator[Dialogue]:
        yield from self._pairs() if self.form == "csv" else self._records(self.form)
        if self.flawed and not self._skip:
            raise Invalid("\n".join([self._summary(), *self.told()]), code="import_broken", param="file")

    def told(self) -> list[str]:
        """What is broken, with file and line, the first `MOST_TOLD` and how many more."""
        more = self.flawed - len(self.flaws)
        return [*self.flaws, *([f"and {more:,} more"] if more else [])]

    def _pairs(self) -> Iterator[Dialogue]:
        return read_pairs(lines_of(self.path, self.notes), self.notes, self._flaw)

    def _records(self, form: Form) -> Iterator[Dialogue]:
        read = _READERS[form]
        for record in records_of(self.path, self.notes, self._flaw):
            try:
                dialogues = read(record.value, self.notes, record.line)
            except Flaw as flaw:
                self._flaw(record.line, f"{record.place}{flaw}")
            except LeftOut as reason:
                self.notes[str(reason)] += 1
            else:
                yield from dialogues

    def _flaw(self, line: int, words: str) -> None:
        self.flawed += 1
        if len(self.flaws) < MOST_TOLD:
            self.flaws.append(f"{self.path}:{line}: {words}.")

    def _summary(self) -> str:
        broken = "1 record is broken" if self.flawed == 1 else f"{self.flawed:,} records are broken"
        return f"Nothing was imported, as {broken}. Mend the file, or leave them out with --skip-broken."


class Surveyed(NamedTuple):
    """What is in a file: dialogues, and their replies by judgement."""

    dialogues: int
    replies: int
    liked: int
    disliked: int
    corrected: int

    @property
    def unrated(self) -> int:
        """Replies that are only context, or wait for a rating."""
        return self.replies - self.liked - self.disliked


def survey(reading: Reading, seen: Callable[[int], None] = lambda done: None) -> Surveyed:
    """Read all of it and count; `seen` is told the line that was reached. Raises what reading raises."""
    dialogues = replies = liked = disliked = corrected = 0
    for dialogue in reading:
        judgements = (*dialogue.earlier, dialogue.last)
        dialogues += 1
        replies += len(judgements)
        liked += sum(each.label is True for each in judgements)
        disliked += sum(each.label is False for each in judgements)
        corrected += sum(each.correction is not None for each in judgements)
        seen(dialogue.line)
    return Surveyed(dialogues, replies, liked, disliked, corrected)


def find_form(path: Path, asked: str = "auto") -> Form:
    """The form that is asked for, or the one that the beginning of the file has; raise `Invalid` when there is no telling."""
    if asked != "auto":
        return cast(Form, asked)
    begin = [line for _, line in islice(lines_of(path, Counter()), _LOOKED_AT) if line.strip()]
    if begin and not begin[0].lstrip().startswith(("[", "{")):
        return "csv"
    found = (_form_of(record.value) for record in islice(records_of(path, Counter(), lambda line, words: None), _LOOKED_AT))
    form = next((each for each in found if each is not None), None)
    if form is None:
        what = "The file is empty" if not begin else "There is no telling what form the file has"
        raise Invalid(f"{path}: {what}. Known forms are {', '.join(FORMS)}; name one with --form.", code="form_unknown", param="form")
    return form


def _form_of(value: Any) -> Form | None:
    if not isinstance(value, dict):
        return None
    if "messages" in value:
        return "openai"
    if "preferred_output" in value or "non_preferred_output" in value:
        return "openai-dpo"
    if any(name in value for name in LISTS):
        return "sharegpt"
    return "open-webui" if "type" in value and "data" in value else None
