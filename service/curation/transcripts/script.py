"""Scripts of plays and films: who says what, scene by scene, whichever of the usual forms they are written in."""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from service.curation.transcripts.breaks import read_break, without_cast
from service.curation.transcripts.colon import read_colon
from service.curation.transcripts.events import Event, Start
from service.curation.transcripts.page import charset_of, is_page, lines_of_page
from service.curation.transcripts.play import read_play
from service.curation.transcripts.scenes import Direction, Scene, Script, Speech, build, without_front
from service.curation.transcripts.screenplay import is_screenplay, read_screenplay
from service.curation.transcripts.source import Line, decode, lines_of
from service.errors import Invalid

Form = Literal["auto", "colon", "play", "screenplay", "html"]

_READERS: dict[str, Callable[[list[Line]], Iterable[Event]]] = {"colon": read_colon, "play": read_play, "screenplay": read_screenplay}
_LOOK = {
    "colon": "NAME: what is said",
    "play": "NAME. on a line of its own, or before what is said, with blank lines between the speeches",
    "screenplay": "NAME in capitals on a line of its own, and what is said on the next",
}
_MOST_LINES = 60
"""Lines per speech on average above which a text is no script, but prose in which a few lines look like speeches."""

__all__ = ["Direction", "Form", "Scene", "Script", "Speech", "read_script"]


def read_script(data: bytes, *, form: Form = "auto") -> Script:
    """Read a script; raise `Invalid` with a line number when it is not text or nobody speaks in it.

    By itself it finds out whether the file is a web page, and takes the form that finds most speeches. The parts' names that are
    written in several ways (`Mrs Upjohn`, `MRS. UPJOHN`) are one part, by the name that is used most.
    """
    text = decode(data, charset_of(data))
    page = form == "html" or (form == "auto" and is_page(text))
    lines = without_cast(lines_of_page(text) if page else lines_of(text))
    forms = [form] if form in _READERS else list(_READERS)
    events = {each: without_front(list(_READERS[each](lines))) for each in forms}
    best = max(forms, key=lambda each: _score(each, events[each], lines))
    script = build(events[best], best)
    written = [line.number for line in lines if line.text.strip() and not read_break(line.text, line.number)]
    if not script.scenes:
        raise Invalid(_explain_nothing(lines, written, forms))
    count = sum(script.cast.values())
    if form in {"auto", "html"} and count * _MOST_LINES < len(written):
        first = next(script.speeches).line
        raise Invalid(
            f"Only {count:,} of {len(written):,} lines begin a speech, the first is line {first}: this does not look like a script. "
            "If it is one, say how it is written: --form colon, --form play or --form screenplay."
        )
    return script


def _score(form: str, events: list[Event], lines: list[Line]) -> int:
    """How many speeches a form finds. Names on lines of their own are a play's, unless the page looks like a screenplay's."""
    speeches = sum(isinstance(event, Start) for event in events)
    if form == "screenplay":
        return speeches * 2 if is_screenplay(lines) else speeches - 1
    return speeches


def _explain_nothing(lines: list[Line], written: list[int], forms: Sequence[str]) -> str:
    if not written:
        return "There is no text in the file."
    looks = "; or ".join(f"{form}: {_LOOK[form]}" for form in forms)
    message = (
        f"No speech was found in {len(written):,} lines; line {written[0]} is the first that is none. A speech looks like this, {looks}."
    )
    others = {form: _score(form, without_front(list(_READERS[form](lines))), lines) for form in _READERS if form not in forms}
    better = max(others, key=lambda each: others[each], default="")
    return f"{message} Read as {better} it has {others[better]:,}: --form {better}." if better and others[better] > 0 else message
