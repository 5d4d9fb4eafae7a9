"""The names of parts: what looks like one, when two are the same, and who speaks when several speak at once."""

import unicodedata

import regex

_LONGEST = 80
_MOST_WORDS = 16
_TITLES = r"MRS?|MS|MISS|DR|ST|SR|JR|COL|CAPT|LT|SGT|GEN|MAJ|HON|REV|PROF|SIR|MME|MLLE|M|MESSRS|INSP|GOV|PRES|NO|\p{Lu}"
_SHOUTED = r"(?:(?:Mc|Mac)?\p{Lu}[\p{Lu}\p{M}\p{N}'’-]*(?:['’]s)?|\p{N}+(?:st|nd|rd|th|ST|ND|RD|TH)?|\#\p{N}+)"
_JOINT = rf"(?:(?<=\b(?:{_TITLES}))\. ?|,? (?:and|AND|&|with) | (?:of|the|to|from|in|at|de|von|van|der|du|la) |, ?| ?/ ?| )"
CAPITALS = rf"{_SHOUTED}(?:{_JOINT}{_SHOUTED})*(?:(?<=\b(?:MR|MRS|DR|JR|SR))\.(?=[ .:]))?"
"""A pattern for a name in capitals, such as `MRS. UPJOHN`, `FIRST WITCH`, `JIMMIE, MRS. UPJOHN, AND ROPER`, `DAPHNE and NITA`."""

_SMALL = frozenset(
    {"and", "of", "the", "to", "from", "in", "at", "de", "von", "van", "der", "du", "la", "le", "&", "with", "y", "und", "et"}
)
_TOGETHER = regex.compile(r",? +(?:and|with|und|et|y) +|,? *& *| *, *(?:and +)?| */ *| *\+ *", regex.IGNORECASE)


def key(name: str) -> str:
    """What two spellings of one name share: `Mrs Upjohn` is `MRS. UPJOHN`."""
    folded = unicodedata.normalize("NFKC", name).casefold().replace("’", "'").replace(".", " ").replace(",", " ")
    return " ".join(folded.split())


def members(name: str) -> list[str]:
    """Those who speak together: `BLAND, DE CASTRO, AND ROPER` are three; a name alone is itself."""
    return [member.strip() for member in _TOGETHER.split(name) if member.strip()] or [name]


def is_shouted(name: str) -> bool:
    """Whether it is written in capitals."""
    return len(name) <= _LONGEST and regex.fullmatch(CAPITALS, name) is not None


def is_name(name: str) -> bool:
    """Whether it can be somebody's name in a script: in capitals, or a few words that begin as names do."""
    words = name.split()
    if not words or len(name) > _LONGEST or len(words) > _MOST_WORDS or not name[0].isalpha():
        return False
    if is_shouted(name):
        return True
    return len(words) <= 5 and "," not in name and all(_begins_as_name(word, at == 0) for at, word in enumerate(words))


def tidy(name: str) -> str:
    """A name as it is shown: single blanks, no mark at its end."""
    bare = " ".join(name.replace("_", "").replace("*", "").split()).strip(" ,;:")
    return bare if regex.search(r"\b(?:JR|SR|Jr|Sr|\p{Lu}\.\p{Lu})\.$", bare) else bare.rstrip(".")


def _begins_as_name(word: str, first: bool) -> bool:
    if "." in word[:-1] and len(word) > 4:
        return False
    if word.endswith(".") and len(word) > 6:
        return False
    return not word[0].islower() or (not first and word in _SMALL)
