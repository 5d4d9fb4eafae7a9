"""Who of a script's parts becomes the persona, and who the user it talks with."""

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from service.curation.transcripts.names import key, members, tidy
from service.curation.transcripts.scenes import Scene, Script
from service.errors import Invalid

Role = Literal["assistant", "user", "none"]

_ROLES: tuple[Role, ...] = ("assistant", "user", "none")
# A name may hold commas (`BLAND, DE CASTRO, AND ROPER=user`), so an entry ends with its role.
_ENTRY = re.compile(r"\s*,?\s*([^=]+?)\s*=\s*([^=,]*?)\s*(?:,|$)")
_FEW = 12


class Cast(msgspec.Struct, frozen=True):
    """The role of every part of a script, and the name it goes by: the first of its aliases. `unknown` are aliases nobody speaks by."""

    roles: dict[str, Role]
    names: dict[str, str]
    unknown: tuple[str, ...] = ()

    def role(self, speaker: str) -> Role:
        """The role of a speech's speaker."""
        return self.roles.get(speaker, "none")

    def name(self, speaker: str) -> str:
        """What the speaker is called."""
        return self.names.get(speaker, speaker)


def read_cast(words: Sequence[str], script: Script) -> Cast:
    """Read a cast map such as `["LILY|MISS PARRADELL=assistant,JEYES=user", "THE WAITER=none"]`.

    Parts that are not named are the user, or, once a user is named, nobody (`none`): see `pairs`. Those who speak together are the
    assistant if one of them is, the user if one of them is and none is the assistant; a map may name them together too.

    Raise `Invalid` for an entry that cannot be read, a name in two roles, a name that nobody has (with those that are near, and the
    parts that speak most), and when nobody is the assistant.
    """
    entries = [entry for word in words for entry in _entries(word)]
    known = {key(speaker): speaker for speaker in script.cast}
    known |= {key(member): member for speaker in script.cast for member in members(speaker) if key(member) not in known}
    roles: dict[str, Role] = {}
    names: dict[str, str] = {}
    unknown: list[str] = []
    for aliases, role in entries:
        if not any(key(alias) in known for alias in aliases):
            raise Invalid(_explain_unknown(aliases[0], script, list(known.values())), param="cast")
        unknown += [alias for alias in aliases if key(alias) not in known]
        for alias in aliases:
            if roles.get(key(alias), role) != role:
                raise Invalid(f"The cast gives '{alias}' two roles, {roles[key(alias)]} and {role}. Name it once.", param="cast")
            roles[key(alias)] = role
            names[key(alias)] = tidy(aliases[0])
    if "assistant" not in roles.values():
        raise Invalid(f'The cast must say who becomes the persona, such as --cast "{_most(script)[0]}=assistant".', param="cast")
    rest: Role = "none" if "user" in roles.values() else "user"
    return Cast(
        {speaker: _role(speaker, roles, rest) for speaker in script.cast},
        {speaker: _name(speaker, names, known) for speaker in script.cast},
        tuple(unknown),
    )


def rename(script: Script, cast: Cast) -> Script:
    """The script with every part by the first of its aliases."""
    scenes = tuple(_renamed(scene, cast) for scene in script.scenes)
    counts: dict[str, int] = {}
    for speaker, count in script.cast.items():
        counts[cast.name(speaker)] = counts.get(cast.name(speaker), 0) + count
    return msgspec.structs.replace(script, scenes=scenes, cast=counts)


def describe_cast(script: Script, limit: int = _FEW) -> str:
    """The parts that speak most, each with its number of speeches, in one line."""
    shown = [f"{speaker} ({script.cast[speaker]:,})" for speaker in _most(script)[:limit]]
    more = len(script.cast) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def _entries(word: str) -> Iterable[tuple[list[str], Role]]:
    at = 0
    while word[at:].strip(" ,"):
        found = _ENTRY.match(word, at)
        role = next((role for role in _ROLES if found and found[2].lower() == role), None)
        aliases = [alias.strip() for alias in found[1].split("|") if key(alias)] if found else []
        if not found or not role or not aliases:
            raise Invalid(
                f"The cast cannot be read at character {at + 1}: it is NAME=role, the role assistant, user or none, several with commas, "
                f'aliases with bars: --cast "ANNA|MISS LEE=assistant,BEN=user".',
                param="cast",
            )
        at = found.end()
        yield aliases, role


def _role(speaker: str, roles: dict[str, Role], rest: Role) -> Role:
    if key(speaker) in roles:
        return roles[key(speaker)]
    given = [roles.get(key(member), rest) for member in members(speaker)]
    return next(role for role in _ROLES if role in given)


def _name(speaker: str, names: dict[str, str], known: dict[str, str]) -> str:
    """The first of a part's aliases, spelled as the script spells it where it does."""
    name = names.get(key(speaker), speaker)
    return known.get(key(name), name)


def _renamed(scene: Scene, cast: Cast) -> Scene:
    speeches = (msgspec.structs.replace(speech, speaker=cast.name(speech.speaker)) for speech in scene.speeches)
    return msgspec.structs.replace(scene, speeches=tuple(speeches))


def _most(script: Script) -> list[str]:
    return sorted(script.cast, key=lambda speaker: -script.cast[speaker])


def _explain_unknown(name: str, script: Script, known: list[str]) -> str:
    folded = {key(each): each for each in known}
    near = [folded[each] for each in difflib.get_close_matches(key(name), folded, n=3, cutoff=0.6)]
    alone = [each for each in known if len(members(each)) == 1 and each not in near]
    near += [each for each in alone if set(key(each).split()) & set(key(name).split())]
    meant = f" Is it {' or '.join(near[:3])}?" if near else ""
    return f"Nobody in the script is called '{name}'.{meant} Those who speak, with their speeches: {describe_cast(script)}."
