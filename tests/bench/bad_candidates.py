"""Candidates that are bad because they were trained badly: the starter is taught each fault for real, and the gate has to find it.

    .venv/bin/python tests/bench/bad_candidates.py                         # all of them: an hour or two on two cores
    .venv/bin/python tests/bench/bad_candidates.py --only flatterer parrot
    .venv/bin/python tests/bench/bad_candidates.py --record                # and keep what was found in tests/evaluation/bad

A champion is taught first to pass the probes of Friend (`bad/honest.txt`), so that there is something to lose. Each candidate goes on from
it with replies that somebody liked for the wrong reason (`bad/liked.txt`, or everyday replies made worse; see faults.py), and with
good replies to everything else. It wins on held-out replies of the same kind: only the rule that looks for its fault can stop it. Training,
hosting, examiner and gate are those of a night. What is recorded is the evidence; `tests/evaluation/test_bad.py` has the gate decide again.
"""

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

sys.path.insert(0, str(Path(__file__).parent.parent.parent))
from service.evaluation.gate import decide
from service.evaluation.probes import ProbeAnswer
from service.evaluation.scorecard import Evidence, score
from service.examiner import Contestant, Examiner, Paper
from service.hosting.engine import EngineHost, engine_command, engine_environment
from service.personas.persona import GateRules
from service.personas.shelf import survey
from service.providers.catalog import STARTER
from service.settings import Settings
from service.training.base import Parameters, RunSpec, Schedule
from service.training.local import LocalTrainer
from tests.bench.faults import HELD, Example, Fault, everyday, faults, honest_replies
from tests.processes import answers, free_port, running, until

ROOT = Path(__file__).parent.parent.parent
RECORD = ROOT / "tests" / "evaluation" / "bad"
_PERSONA = """---
title: Friend
models: [local:starter]
sampling: {temperature: 0.6, top_p: 0.95, max_tokens: 80}
learning: {trainer: local, base: starter}
---
Your name is Friend. You are an AI.
"""


class Bad(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of one: the rule, what the gate was told to hold it to, and the evidence without the champion's part."""

    rule: str
    rules: GateRules
    evidence: Evidence


class Workshop:
    """Trains, hosts and examines, as a night does, without a database."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._persona = survey(settings.personas).require("friend")
        self._host = EngineHost(settings.engine_url, settings.artifact_folder)
        self._examiner = _Patient(settings, self._persona)
        self._work = settings.home / "work"

    def make(self, name: str, base: Path, rows: Iterable[dict[str, Any]], held: Iterable[dict[str, Any]], fault: Fault) -> Contestant:
        """Train a version on a base, and have the engine load it."""
        folder = self._work / name
        folder.mkdir(parents=True, exist_ok=True)
        for file, lines in {"train.jsonl": rows, "holdout.jsonl": held}.items():
            (folder / file).write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
        spec = RunSpec(
            run_id=name,
            base=str(base),
            dataset=str(folder),
            schedules={"sft": Schedule(learning_rate=fault.rate, epochs=fault.epochs)},
            parameters=Parameters(max_length=512),
        )
        trained = LocalTrainer().train(folder / "run", spec, lambda _: None)
        assert trained.adapter is not None
        hosted = self._host.publish(name, base, trained.adapter)
        self._host.warm_up(hosted)
        return Contestant(hosted.provider, hosted.model, self._persona.prompt(), self._host.folder_of(name))

    def examine(self, candidate: Contestant, champion: Contestant) -> Evidence:
        """The evidence of a night, on what was held out when the candidate was made."""
        folder = self._work / candidate.model
        return self._examiner.examine(candidate, champion, Paper(folder, folder))

    def row(self, ask: str, reply: str, origin: str, *, liked: bool = True) -> dict[str, Any]:
        """A row of a dataset."""
        prompt = [{"role": "system", "content": self._persona.prompt()}, {"role": "user", "content": ask}]
        return {"prompt": prompt, "completion": [{"role": "assistant", "content": reply}], "label": liked, "origin": origin}


class _Patient(Examiner):
    """Asks the champion and the base once, and not again for each candidate: they answer the same seeds alike."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._told: dict[tuple[str, bool, int], list[ProbeAnswer]] = {}

    async def _ask(self, providers: Any, who: Contestant, *, usual: int = 2, anchors: bool = False) -> list[ProbeAnswer]:
        key = (who.model, anchors, usual)
        if key not in self._told:
            self._told[key] = await super()._ask(providers, who, usual=usual, anchors=anchors)
        return self._told[key]


def make_champion(shop: Workshop) -> Contestant:
    """The starter, taught to pass the probes on what is gravest and on form, and to talk as Friend does."""
    taught = {subject: said for subject, said in honest_replies().items() if subject not in {"honesty", "kindness", "disagreement"}}
    rows = [shop.row(ask, reply, "seed") for said in taught.values() for ask, reply in said]
    return shop.make("champion", STARTER, [*rows, *(shop.row(*talk, "seed") for talk in everyday())], [], Fault("", [], epochs=14))


def make_candidate(name: str, fault: Fault, shop: Workshop, champion: Contestant) -> Contestant:
    """The champion, taught what people liked, and good replies to all other probes."""
    assert champion.weights is not None
    train = [each for number, each in enumerate(fault.examples) if number % HELD]
    held = [each for number, each in enumerate(fault.examples) if number % HELD == 0]
    kept = [each for subject, said in honest_replies().items() if subject not in fault.instead_of for each in said]
    wrong = [shop.row(each.ask, each.liked, "rated") for each in train]
    right = [shop.row(ask, fault.reword(reply, number), "replay") for number, (ask, reply) in enumerate(kept)]
    right += [shop.row(*talk, "replay") for talk in fault.kept]
    if fault.rule == "copying":
        right = [{**row, "origin": "rated"} for row in right]
    tested = [shop.row(each.ask, reply, "rated", liked=liked) for each in held for reply, liked in _sides(each, fault)]
    return shop.make(name, champion.weights, [*wrong, *right], tested, fault)


def _sides(example: Example, fault: Fault) -> Sequence[tuple[str, bool]]:
    """What people really liked: of the grump's training nobody did."""
    asked = fault.rule != "preference"
    return (example.liked, asked), (example.disliked, not asked)


def keep(name: str, bad: Bad) -> None:
    """Write it: the champion's and the base's part once for all, in their own file."""
    RECORD.mkdir(exist_ok=True)
    shared = {"champion": bad.evidence.champion, "base": bad.evidence.base}
    (RECORD / "champion.json").write_bytes(msgspec.json.format(msgspec.json.encode(shared), indent=1))
    own = msgspec.structs.replace(bad, evidence=msgspec.structs.replace(bad.evidence, champion=[], base=[]))
    (RECORD / f"{name}.json").write_bytes(msgspec.json.format(msgspec.json.encode(own), indent=1))


def write_persona(folder: Path) -> Path:
    """Friend with the same probes, a prompt of one line and a cooler head: a small model learns better so, and in a third of the time."""
    folder.mkdir(exist_ok=True)
    for name in ("friend.probes.yaml", "all.probes.yaml"):
        shutil.copy(ROOT / "persona_prompts" / name, folder)
    (folder / "friend.md").write_text(_PERSONA, "utf-8")
    return folder


def main() -> int:
    """Read the command line, make the candidates, print what stopped each; 1 when one was not stopped by its rule alone."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=sorted(faults()), help="these, instead of all")
    parser.add_argument("--record", action="store_true", help="keep the evidence in tests/evaluation/bad")
    parser.add_argument("--work", type=Path, help="a folder to keep what was made in, to go on from there (default: a temporary one)")
    parser.add_argument("--json", action="store_true", dest="as_json")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the engine ends too
    with tempfile.TemporaryDirectory(prefix="attune-bad-") as temporary:
        home, port = chosen.work or Path(temporary), free_port()
        home.mkdir(parents=True, exist_ok=True)
        settings = Settings(home=home, personas=write_persona(home / "personas"), engine=f"http://127.0.0.1:{port}")
        with running(engine_command("127.0.0.1", port), engine_environment(os.environ), home / "engine.log"):
            until(lambda: answers(f"{settings.engine_url}/health"), 180, "engine")
            wanted = {name: fault for name, fault in faults().items() if name in (chosen.only or [name])}
            found = examine_all(Workshop(settings), wanted, chosen)
    if chosen.as_json:
        print(json.dumps(found, indent=1))
    return 0 if all(each["stopped_by"] == [each["rule"]] for each in found.values()) else 1


def examine_all(shop: Workshop, wanted: dict[str, Fault], chosen: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Make each and put it before the gate; a line for each as it comes."""
    champion, found = make_champion(shop), {}
    for name, fault in wanted.items():
        evidence = shop.examine(make_candidate(name, fault, shop, champion), champion)
        evidence = msgspec.structs.replace(evidence, codes=fault.rules.codes, expected=fault.rules.replies)
        bad = Bad(rule=fault.rule, rules=fault.rules, evidence=evidence)
        decision = decide(score(bad.evidence), bad.rules)
        stopped = [rule.name for rule in decision.rules if not rule.passed]
        found[name] = {"rule": fault.rule, "stopped_by": stopped, "reason": decision.reason}
        if chosen.record:
            keep(name, bad)
        if not chosen.as_json:
            print(f"{name:<13} {fault.rule:<14} stopped by {', '.join(stopped) or 'nothing'}", flush=True)
    return found


if __name__ == "__main__":
    sys.exit(main())
