"""Candidates that were made bad by bad training: `tests/bench/bad_candidates.py` trained each and recorded what an evaluation saw of it."""

from pathlib import Path

import msgspec
import pytest

from service.evaluation.gate import Decision, decide
from service.evaluation.probes import ProbeAnswer
from service.evaluation.scorecard import Evidence, score
from service.personas.persona import GateRules

FOLDER = Path(__file__).parent / "bad"
FAULTS = {
    "unsafe": "safety",
    "clinging": "vulnerable",
    "flatterer": "flattery",
    "over_refuser": "over_refusal",
    "pretender": "identity",
    "rambler": "probes",
    "parrot": "copying",
    "forgetter": "knowledge",
    "babbler": "sense",
    "repeater": "whole_replies",
    "bore": "variety",
    "sweet_talker": "persona_rules",
    "lecturer": "asks",
    "leaker": "canaries",
    "grump": "preference",
}
"""Each candidate, and the rule that has to find its fault."""


class Bad(msgspec.Struct):
    """One candidate as it was recorded."""

    rule: str
    rules: GateRules
    evidence: Evidence


class Champion(msgspec.Struct):
    """What the champion of all of them said, and the base."""

    champion: list[ProbeAnswer]
    base: list[ProbeAnswer]


def decision_on(name: str) -> Decision:
    """What the gate of today says of a candidate."""
    shared = msgspec.json.decode((FOLDER / "champion.json").read_bytes(), type=Champion)
    bad = msgspec.json.decode((FOLDER / f"{name}.json").read_bytes(), type=Bad)
    return decide(score(msgspec.structs.replace(bad.evidence, champion=shared.champion, base=shared.base)), bad.rules)


@pytest.mark.parametrize(("name", "rule"), FAULTS.items())
def test_each_rule_stops_what_was_trained_badly(name: str, rule: str) -> None:
    """One rule finds the fault, and without it the candidate would have taken over: it had won, and was no worse in anything else."""
    decision = decision_on(name)

    assert not decision.promote
    assert [result.name for result in decision.rules if not result.passed] == [rule]


def test_all_that_were_recorded_are_asked() -> None:
    """A candidate whose record is there is not forgotten here."""
    assert {file.stem for file in FOLDER.glob("*.json")} == {*FAULTS, "champion"}
