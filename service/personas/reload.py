"""Hot reload: a folder of personas that is looked at again and again, and read again when it has changed and settled.

By looking, not by the system's notices: those do not come from a network mount. A wrong file harms nobody: its last good text serves on.
"""

import re
from pathlib import Path
from typing import NamedTuple

import structlog

from service.errors import PersonaError
from service.personas.file import SAFETY_FILE
from service.personas.persona import UNRENDERABLE
from service.personas.shelf import Personas, read_personas, survey

_BESIDE = (".card.json", ".lorebook.json")
Glance = dict[str, tuple[int, int, int]]
"""What a folder looks like from outside: of each file that matters the time of its last change, its size and its number."""

log = structlog.get_logger()


class Reading(NamedTuple):
    """The personas as they are to serve from now on, and the glance at their files before they were read."""

    personas: Personas
    glance: Glance


class Watch:
    """The personas of a folder: `personas` are those that serve now, and `troubles` says by name what is wrong with which file."""

    def __init__(self, folder: Path) -> None:
        """Read the folder; raise `PersonaError` as `read_personas` does."""
        self.folder = folder
        self._read = self._newest = glance(folder)
        self.personas = read_personas(folder)
        self.troubles: dict[str, str] = {}

    def look(self) -> Reading | None:
        """Read the folder again if it differs from what serves, and did not change since the last look: a save may be under way.

        What was read serves when it is accepted; until then each look brings it again.
        """
        before, self._newest = self._newest, glance(self.folder)
        if self._newest == self._read or self._newest != before:
            return None
        return Reading(survey(self.folder, self.personas), self._newest)

    def accept(self, reading: Reading) -> None:
        """Let what was read serve, and log what is new about it: names, files and lines, nothing of what the files say."""
        before, after = self.personas, reading.personas
        changed = {name for name in {*self._read, *reading.glance} if self._read.get(name) != reading.glance.get(name)}
        troubles = {name: _told(error) for name, error in after.troubles.items()}
        if len(after):
            self.personas = after
        else:
            troubles[self.folder.name] = f"There is no good persona in {self.folder} any more; those that were there last serve on."
        self._log_troubles(troubles, after.troubles, changed)
        self.troubles, self._read = troubles, reading.glance
        _log_news(before, self.personas, changed)

    def _log_troubles(self, troubles: dict[str, str], errors: dict[str, PersonaError], changed: set[str]) -> None:
        for name, words in troubles.items():
            file = name if name in {SAFETY_FILE, self.folder.name} else f"{name}.md"
            if file in changed or self.troubles.get(name) != words:
                log.warning("persona_broken", persona=name, place=_place(errors[name], self.folder) if name in errors else file)
        if mended := sorted(set(self.troubles) - set(troubles)):
            log.info("personas_mended", personas=mended)


def glance(folder: Path) -> Glance:
    """What the folder looks like now; nothing when it cannot be looked at."""
    seen = {}
    try:
        files = list(folder.iterdir())
    except OSError:
        return {}
    for path in files:
        if path.suffix == ".md" or path.name == SAFETY_FILE or path.name.endswith(_BESIDE):
            try:
                told = path.stat()
            except OSError:
                continue
            seen[path.name] = (told.st_mtime_ns, told.st_size, told.st_ino)
    return seen


def _told(error: PersonaError) -> str:
    """The complaint, as anybody may read it: one about the prompt's template may quote from the prompt, so its words are left out."""
    if error.code != UNRENDERABLE:
        return error.message
    return f"{error.message.partition(' cannot be rendered')[0]} cannot be rendered. See: attune persona check"


def _place(error: PersonaError, folder: Path) -> str:
    """The file, with the line where the complaint names one; nothing else of it."""
    found = re.match(rf"({re.escape(str(folder))}[^:]*(?::\d+)?): ", error.message)
    return found[1] if found else str(folder)


def _log_news(before: Personas, after: Personas, changed: set[str]) -> None:
    was, now = ({persona.name: persona for persona in personas} for personas in (before, after))
    both = sorted(set(was) & set(now))
    beside = {name for name in both if any(f"{name}{ending}" in changed for ending in _BESIDE)}
    news = {
        "added": sorted(set(now) - set(was)),
        "changed": [name for name in both if name in beside or (now[name].text, now[name].safety) != (was[name].text, was[name].safety)],
        "removed": sorted(set(was) - set(now)),
    }
    if any(news.values()):
        log.info("personas_reloaded", **{word: names for word, names in news.items() if names})
