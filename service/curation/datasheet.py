"""The datasheet of a dataset: what is in it, where it came from, what was left out and why, and what it is not good for.

The questions are those of Gebru et al. 2018, "Datasheets for Datasets", as far as they can be answered here. Numbers and reasons only:
nobody's words, no names. The same facts give the same text.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from service.curation.cost import Cost, TokenCount
from service.curation.dataset import Manifest
from service.curation.difference import Difference, as_markdown
from service.curation.lineage import Contributors
from service.curation.reasons import in_words
from service.curation.rows import FILES

DATASHEET = "datasheet.md"
"""The name under which it lies beside the rows."""

_FORMS = {
    "unpaired": "a prompt, a reply, and whether it was liked",
    "pair": "a prompt and two replies, the better one first",
    "passage": "plain text",
}

_ORIGINS = {
    "rated": "replies that people rated",
    "corrected": "replies that people wrote in place of one",
    "imported": "replies of dialogues that the owner brought in",
    "seed": "samples that the owner wrote",
    "golden": "rows that the owner froze to judge by",
    "replay": "the base's own answers to everyday questions, so that it forgets nothing",
    "safety": "what must be refused, and what only looks like it",
    "synthetic": "paraphrases that a model wrote",
}

_LIMITS = (
    "A thumb says that somebody liked a reply, not that it is true. People who rate are not all people who talk.",
    "Personal data is looked for by patterns and by the names people gave; what looks like nothing of that kind can stay in.",
    "The holdout shares no conversation and no opening with what is trained on. It comes from the same people and the same time.",
    "It was made to teach one persona its voice. For any other use it was not looked at.",
)


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a datasheet is written from. `coverage` is Markdown; what is None or empty is left out of the sheet.

    `dropped` counts by reason key, `redacted` by kind of personal data (None: not known); `proportions` has `rows`, `aimed` and `reached`
    by source of the mix.
    """

    persona: str
    manifest: Manifest
    base: str = ""
    dropped: Mapping[str, int] | None = None
    redacted: Mapping[str, int] | None = None
    proportions: Mapping[str, Mapping[str, Any]] = {}
    contributors: Contributors | None = None
    coverage: str = ""
    tokens: TokenCount | None = None
    cost: Cost | None = None
    difference: Difference | None = None
    settings: Mapping[str, Any] = {}
    remarks: Sequence[str] = ()


def facts_of(persona: str, manifest: Manifest) -> Facts:
    """What the manifest alone says: `about` may have `base`, `drops`, `redacted`, `proportions`, `coverage` and `settings`."""
    about = {("dropped" if name == "drops" else name): value for name, value in manifest.about.items()}
    known = {name: about[name] for name in ("base", "dropped", "redacted", "proportions", "coverage", "settings") if name in about}
    return Facts(persona=persona, manifest=manifest, **known)


def write_datasheet(facts: Facts) -> str:
    """The datasheet in Markdown."""
    sections = [
        _section("What it is", _purpose(facts)),
        _section("What is in it", [*_contents(facts), *_tokens(facts)]),
        _section("Where it came from", [*_origins(facts.manifest.counts), *_people(facts.contributors)]),
        _section("How it was mixed", _mix(facts.proportions)),
        _section("What was left out, and why", _dropped(facts.dropped)),
        _section("What was replaced", _redacted(facts.redacted)),
        _section("What it covers", [facts.coverage.strip()] if facts.coverage.strip() else []),
        _section("Remarks", [f"- {remark}" for remark in facts.remarks]),
        _section("Since the dataset before", [as_markdown(facts.difference).strip()] if facts.difference else []),
        _section("Settings", _settings(facts.settings)),
        _section("What it is not", [f"- {limit}" for limit in _LIMITS]),
    ]
    return f"# Datasheet: {facts.persona}, {facts.manifest.hash[:12]}\n\n" + "\n".join(section for section in sections if section)


def _section(title: str, lines: Sequence[str]) -> str:
    return "\n".join([f"## {title}", "", *lines, ""]) if lines else ""


def _purpose(facts: Facts) -> list[str]:
    base = f", from the base {facts.base}" if facts.base else ""
    return [
        f"What the persona {facts.persona} learns its voice from{base}, and what its versions are judged by.",
        f"Frozen at {facts.manifest.made_at} under the hash of its content, `{facts.manifest.hash}`. It is never changed.",
    ]


def _contents(facts: Facts) -> list[str]:
    counts, files = facts.manifest.counts, facts.manifest.files
    lines = ["| file | side | what a row is | rows |", "|---|---|---|---:|"]
    for (side, form), name in FILES.items():
        rows = files[name].rows if name in files else counts.get(f"{side}_samples", 0) if form == "unpaired" else 0
        if rows or form == "unpaired":
            lines.append(f"| {name} | {side} | {_FORMS[form]} | {rows:,} |")
    said = [
        f"{title}: {counts.get(f'{side}_liked', 0):,} liked and {counts.get(f'{side}_disliked', 0):,} disliked replies that people rated."
        for side, title in (("train", "To train on"), ("holdout", "Held out"))
    ]
    return [*lines, "", *said]


def _tokens(facts: Facts) -> Iterator[str]:
    if facts.tokens is not None and facts.tokens.parts:
        how = "counted by the base's own tokenizer" if facts.tokens.exact else "estimated at four characters a token"
        yield from ("", f"Tokens, {how}:", "", "| side | form | tokens | longest row |", "|---|---|---:|---:|")
        for part in facts.tokens.parts:
            yield f"| {part.side} | {part.form} | {part.tokens:,} | {part.longest:,} |"
    if facts.cost is not None:
        yield from ("", facts.cost.said)


def _origins(counts: Mapping[str, int]) -> Iterator[str]:
    yield from ("| origin | what it is | train | holdout |", "|---|---|---:|---:|")
    for origin, meaning in _ORIGINS.items():
        train, holdout = (counts.get(f"{side}_{origin}", 0) for side in ("train", "holdout"))
        if train or holdout:
            yield f"| {origin} | {meaning} | {train:,} | {holdout:,} |"


def _people(contributors: Contributors | None) -> Iterator[str]:
    if contributors is None:
        return
    if not contributors.people:
        yield from ("", "No person's rating is in what is trained on.")
        return
    who = "one person" if contributors.people == 1 else f"{contributors.people:,} people"
    yield from ("", f"The ratings trained on are of {who}; the largest share of one of them is {contributors.largest_share:.0%}.")


def _mix(proportions: Mapping[str, Mapping[str, Any]]) -> list[str]:
    if not proportions:
        return []
    lines = ["| source | rows | share aimed at, or the most | share reached |", "|---|---:|---:|---:|"]
    for source, found in proportions.items():
        lines.append(f"| {source} | {found.get('rows', 0):,} | {_share(found.get('aimed'))} | {_share(found.get('reached'))} |")
    return lines


def _dropped(dropped: Mapping[str, int] | None) -> list[str]:
    if dropped is None:
        return []
    counted = sorted(((count, reason) for reason, count in dropped.items() if count), key=lambda each: (-each[0], each[1]))
    if not counted:
        return ["Nothing."]
    lines = ["| reason | rows | what it means |", "|---|---:|---|"]
    return [*lines, *(f"| {reason} | {count:,} | {in_words(reason)} |" for count, reason in counted)]


def _redacted(redacted: Mapping[str, int] | None) -> list[str]:
    if redacted is None:
        return []
    if not redacted:
        return ["No personal data was found."]
    found = ", ".join(f"{count:,} × {kind.replace('_', ' ')}" for kind, count in sorted(redacted.items()))
    return [f"Personal data and secrets, by placeholders: {found}."]


def _settings(settings: Mapping[str, Any]) -> list[str]:
    if not settings:
        return []
    return ["```json", msgspec.json.format(msgspec.json.encode(settings, order="sorted"), indent=1).decode(), "```"]


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"
