"""The proof page of a night and its version, in Markdown. Pure: the same record (`record.py`) gives the same text.

A section is left out when there is nothing in it. The scorecard is shown section by section, whatever sections it has.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from service.proof.table import as_value, heading, said, sections, table

_STAGES = {
    "candidate": "It waits, and serves nobody.",
    "canary": "It is on trial: a share of new conversations gets it.",
    "champion": "It serves.",
    "retired": "It served, or might have, and does no more.",
    "quarantined": "It is quarantined, and may not serve.",
}
_TRIALS = {"canary": "Canary", "watch": "Watch after the promotion"}
_SIDES = (("version", "the version"), ("beside", "the champion in the same time"), ("history", "the champion before"))


def write_page(record: Mapping[str, Any], curve: str = "") -> str:
    """The page; `curve` is the name of the drawing of the loss that lies beside it."""
    parts = [
        ("", _head(record)),
        ("What was decided", _decision(record.get("decision"))),
        ("What it learned from", _data(record.get("data"))),
        ("What was left out, and why", _dropped(record.get("data"))),
        ("How it was trained", _training(record.get("training"), curve)),
        ("How it was tested", _scorecard(record.get("scorecard"))),
        ("How people liked it", _trials(record.get("trials") or [])),
        ("When it served", _promotions(record.get("promotions") or [])),
    ]
    written = ["\n".join([*([f"## {title}", ""] if title else []), *lines, ""]) for title, lines in parts if lines]
    return "\n".join(written)


def _head(record: Mapping[str, Any]) -> list[str]:
    version, night = record.get("version"), record.get("night")
    name = f"{record['persona']} {version['name']}" if version else f"{record['persona']}: a night without a version"
    lines = [f"# {name}", ""]
    if version:
        lines += [" ".join(each for each in (_STAGES.get(version["stage"], version["stage"]), said(version.get("note") or "")) if each), ""]
    rows = [("night", f"{night['id']}, {_when(night['began'])} to {_when(night['ended'])}")] if night else []
    if version:
        rows += [(key, version.get(key)) for key in ("base", "provider", "model", "adapter") if version.get(key)]
        rows += [("made", _when(version["made"])), ("persona file", _revision(version))]
    return [*lines, *table(("what", "value"), [row for row in rows if row[1]])]


def _revision(version: Mapping[str, Any]) -> str:
    then, since = version.get("revision"), version.get("revision_now")
    if not then:
        return ""
    return f"{then}, the text that is in force" if then == since else f"{then}; it was proved under this text, and another is in force"


def _decision(decision: Mapping[str, Any] | None) -> list[str]:
    if not decision:
        return []
    lines = [f"**{said(str(decision['outcome']).replace('_', ' ').capitalize())}.** {said(decision['reason'])}"]
    rules = [(rule.get("name", ""), "passed" if rule.get("passed") else "not passed", rule.get("words", "")) for rule in decision["rules"]]
    return [*lines, *(["", *table(("rule", "result", "figures"), rules)] if rules else [])]


def _data(data: Mapping[str, Any] | None) -> list[str]:
    if not data:
        return []
    origins = [(row["side"], row["form"], row["origin"], row["rows"]) for row in data["origins"]]
    counts = data["counts"]
    who = "one person" if data["people"] == 1 else f"{data['people']:,} people"
    share = f"; the largest share of one of them is {data['largest_share']:.0%}" if data["largest_share"] is not None else ""
    rated = f"{counts.get('train_liked', 0):,} liked and {counts.get('train_disliked', 0):,} disliked replies that people rated"
    lines = [
        f"The dataset `{data['hash'][:12]}`: {counts.get('train_samples', 0):,} rows to train on, among them {rated}; "
        f"{counts.get('holdout_samples', 0):,} rows held out.",
        f"It came from {data['exchanges']:,} exchanges and {data['imports']:,} imports; the ratings trained on are of {who}{share}.",
    ]
    return [*lines, *(["", *table(("side", "form", "origin", "rows"), origins)] if origins else [])]


def _dropped(data: Mapping[str, Any] | None) -> list[str]:
    dropped = sorted((data or {}).get("dropped", ()), key=lambda row: -row["rows"])
    return table(("reason", "rows", "what it means"), [(row["reason"], row["rows"], row["meaning"]) for row in dropped if row["rows"]])


def _training(training: Mapping[str, Any] | None, curve: str) -> list[str]:
    if not training:
        return []
    lines = [f"By {said(training['method'])} with the trainer {said(training['trainer'])}, from the base {said(training['base'])}."]
    if training.get("error"):
        lines.append(f"It failed: {said(training['error'])}")
    points = training.get("curve") or []
    if points:
        first, last = points[0], points[-1]
        lines += ["", f"The loss was {first['loss']:.4g} at step {first['step']:,} and {last['loss']:.4g} at step {last['step']:,}."]
        lines += ["", f"![The loss by step]({curve})"] if curve else []
    rows = [("attempts", training.get("attempts")), ("job", training.get("job"))]
    rows += [*training["parameters"].items()]
    return [*lines, "", *table(("setting or measure", "value"), [(name, as_value(value)) for name, value in rows if value is not None])]


def _scorecard(card: Mapping[str, Any] | None) -> list[str]:
    return list(sections(card)) if card else []


def _trials(trials: Sequence[Mapping[str, Any]]) -> list[str]:
    return [line for trial in trials for line in _trial(trial)][:-1]


def _trial(trial: Mapping[str, Any]) -> Iterator[str]:
    yield from (heading(_TRIALS.get(trial["kind"], trial["kind"])), "")
    share = f", by {trial['share']:.0%} of new conversations" if trial["kind"] == "canary" else ""
    end = f"to {_when(trial['ended'])}" if trial["ended"] else f"and goes on until {_when(trial['until'])} at most"
    outcome = f" **{said(trial['outcome'].replace('_', ' ').capitalize())}.**" if trial["outcome"] else ""
    yield f"Against {trial['against']}, from {_when(trial['began'])} {end}{share}.{outcome} {said(trial['reason'] or '')}".strip()
    figures = trial["figures"]
    rows = [
        (title, *(figures[side].get(name, 0) for name in ("votes", "ups", "complaints", "people", "answers", "broken")))
        for side, title in _SIDES
        if figures.get(side)
    ]
    if rows:
        yield ""
        yield from table(("whose replies", "rated", "liked", "complaints", "people", "asked for", "not given"), rows)
    yield ""


def _promotions(promotions: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = [
        (_when(each["at"]), each["champion"], each["after"] or "", "rollback" if each["rollback"] else "promotion", each["reason"])
        for each in promotions
    ]
    return table(("when", "champion from then on", "after", "how", "reason"), rows)


def _when(moment: str | None) -> str:
    return f"{datetime.fromisoformat(moment):%Y-%m-%d %H:%M} UTC" if moment else ""
