"""The JSON of a Character Card, read without losing anything and changed in single fields only.

What other programs wrote comes back as they wrote it: the order of keys, numbers digit by digit, unknown fields. So a change is made in
the text itself, and whatever is not changed is not touched.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from service.errors import PersonaError

Place = tuple[str, ...]

_SPACE = re.compile(r"[ \t\n\r]*")
_LONGEST_WHOLE_NUMBER = 300


def read_json(data: bytes, origin: str) -> Any:
    """Read UTF-8 JSON leniently: numbers of any size, NaN as null, halves of surrogate pairs. Raise `PersonaError` naming `origin`."""
    try:
        text = data.decode("utf-8-sig")
        return json.loads(text, parse_int=_whole_number, parse_constant=lambda _: None)
    except UnicodeDecodeError as error:
        raise PersonaError(f"{origin}: the card is not UTF-8 text. Save it as UTF-8.") from error
    except RecursionError as error:
        raise PersonaError(f"{origin}: the card's JSON is nested too deeply to be read.") from error
    except ValueError as error:
        line = f":{error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        what = error.msg if isinstance(error, json.JSONDecodeError) else "a number cannot be read"
        raise PersonaError(f"{origin}{line}: this is not JSON: {what}.") from error


def change_json(data: bytes, changes: Mapping[Place, str]) -> bytes:
    """JSON that `read_json` reads, with these texts at these paths; a last key that is not there is added to its object."""
    text = data.decode("utf-8-sig")
    for path, value in changes.items():
        text = _changed(text, path, json.dumps(value, ensure_ascii=False))
    return text.encode()


def _changed(text: str, path: Place, value: str) -> str:
    start = _skip(text, 0)
    for key in path[:-1]:
        start = _members(text, start)[key][0]
    members = _members(text, start)
    if path[-1] in members:
        first, end = members[path[-1]]
        return text[:first] + value + text[end:]
    at = _skip(text, start + 1)
    return f"{text[:at]}{json.dumps(path[-1])}: {value}{', ' if members else ''}{text[at:]}"


def _members(text: str, start: int) -> dict[str, tuple[int, int]]:
    """Where the value of each key of the object at `start` begins and ends; of a key given twice the last, as in reading."""
    decoder = json.JSONDecoder(parse_int=_whole_number)
    found: dict[str, tuple[int, int]] = {}
    at = _skip(text, start + 1)
    while text[at] == '"':
        key, at = decoder.raw_decode(text, at)
        value = _skip(text, _skip(text, at) + 1)
        _, end = decoder.raw_decode(text, value)
        found[key] = (value, end)
        at = _skip(text, end)
        if text[at] != ",":
            break
        at = _skip(text, at + 1)
    return found


def _skip(text: str, at: int) -> int:
    """The next place that is no blank."""
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _whole_number(digits: str) -> int | float:
    """A number of any length: Python reads none of more than 4,300 digits."""
    return int(digits) if len(digits) <= _LONGEST_WHOLE_NUMBER else float(digits)
