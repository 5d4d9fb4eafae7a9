"""Gathers the evidence on a candidate: answers to the same probes, likelihoods of what nobody trained on, what a judge prefers."""

import json
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import anyio

from service.curation.dataset import read_rows
from service.db.tables import Version
from service.evaluation.holdout import RowScore, score_rows
from service.evaluation.judge import Contest, JudgeScore, judge_all, require_impartial
from service.evaluation.preference import HeldOut
from service.evaluation.probes import ProbeAnswer, ask, times_of
from service.evaluation.scorecard import Evidence
from service.personas.persona import Persona
from service.personas.shelf import Expectation, Message, Probe, survey
from service.providers.catalog import Providers, checkpoint_folder, served_name, split_model
from service.settings import Settings
from service.tutor import gate_half

_ANCHORS = Path(__file__).parent / "evaluation" / "anchors.txt"
_WRITTEN = {"rated", "corrected", "imported", "seed"}  # origins of replies that somebody wrote or wanted
_MOST_JUDGED = 40  # contests, each asked twice
_CONTEXT = 400  # probe replies whose sense is looked at


class Contestant(NamedTuple):
    """Who is asked: provider and model as the registry has them, the prompt, and where its weights lie, if they do here."""

    provider: str
    model: str
    prompt: str
    weights: Path | None


class Paper(NamedTuple):
    """What the examination goes by: the dataset of the night, and a folder to work in."""

    dataset: Path
    work: Path


class Examiner:
    """Examines the versions of one persona."""

    def __init__(self, settings: Settings, persona: Persona) -> None:
        self._settings = settings
        self._persona = persona
        self._probes = survey(settings.personas).probes(persona.name)
        self._anchors = [line for line in _ANCHORS.read_text("utf-8").splitlines() if line and not line.startswith("#")]

    def contestant(self, version: Version, prompt: str | None = None) -> Contestant:
        """The version as it can be asked; the untrained start is what the persona file names first."""
        provider, model = split_model(self._persona.settings.models[0])
        if version.provider and version.model:
            provider, model = version.provider, version.model
        return Contestant(provider, model, prompt or self._persona.prompt(), self._weights_of(version, provider, model))

    def examine(self, candidate: Contestant, champion: Contestant, paper: Paper) -> Evidence:
        """All there is to know of the two, blocking. Raises `ScoringError` when likelihoods cannot be computed."""
        base = self._base()
        answers = anyio.run(self._ask_all, candidate, champion, base)
        rows = self._held_out(paper)
        likelihoods = self._likelihoods(candidate, champion, base, paper, rows, answers)
        return Evidence(
            candidate=answers["candidate"],
            champion=answers["champion"],
            base=answers["base"],
            held_out=likelihoods.held_out,
            base_held_out=likelihoods.base_held_out,
            knowledge=likelihoods.knowledge,
            sense=likelihoods.sense,
            trained_on=_written(paper.dataset),
            codes=self._persona.settings.gate.codes,
            expected=self._persona.settings.gate.replies,
            title=self._persona.settings.title,
            judge=anyio.run(self._judge, candidate, champion, base, paper, rows) if self._persona.settings.gate.judge else None,
        )

    async def _ask_all(self, candidate: Contestant, champion: Contestant, base: Contestant | None) -> dict[str, list[ProbeAnswer]]:
        """The probes to both, and to the base once each where it is not the champion itself; the anchors to the base."""
        providers = Providers(self._settings)
        try:
            told = {"candidate": await self._ask(providers, candidate), "champion": await self._ask(providers, champion), "base": []}
            told["anchors"] = await self._ask(providers, base, anchors=True) if base else []
            if base and (base.provider, base.model) != (champion.provider, champion.model):
                told["base"] = await self._ask(providers, base, usual=1)
        finally:
            await providers.close()
        return told

    async def _ask(self, providers: Providers, who: Contestant, *, usual: int = 2, anchors: bool = False) -> list[ProbeAnswer]:
        probes = [Probe(ask=anchor, about="knowledge", expect=Expectation()) for anchor in self._anchors] if anchors else self._probes
        once = anchors or usual == 1
        name = served_name(who.provider, who.model, self._settings)
        sampling = self._persona.settings.sampling
        return await ask(
            providers.get(who.provider), name, who.prompt, sampling, probes, lambda probe: 1 if once else times_of(probe, usual)
        )

    def _held_out(self, paper: Paper) -> list[dict[str, Any]]:
        file = paper.dataset / "holdout.jsonl"
        rows = read_rows(file) if file.exists() else []
        return gate_half(rows) if self._persona.settings.learning.sweep else rows

    def _likelihoods(
        self,
        candidate: Contestant,
        champion: Contestant,
        base: Contestant | None,
        paper: Paper,
        rows: Sequence[dict[str, Any]],
        answers: Mapping[str, Sequence[ProbeAnswer]],
    ) -> "_Likelihoods":
        """One process scores everything with every model: held-out replies, the base's answers, and what both sides said."""
        if candidate.weights is None or champion.weights is None:
            return _Likelihoods([], [], [], [])
        anchors = [_row(candidate.prompt, answer) for answer in answers["anchors"] if answer.reply]
        said = [
            (answer, side)
            for side in ("candidate", "champion")
            for answer in answers[side][:_CONTEXT]
            if answer.reply and base is not None and base.weights is not None
        ]
        ours, theirs = _asked_under(rows, candidate.prompt), _asked_under(rows, champion.prompt)
        if candidate.prompt == champion.prompt:  # each row as it was said, and once
            ours, theirs = [_bare(row) for row in rows], []
        every = [*ours, *anchors, *(_row(candidate.prompt, answer) for answer, _ in said), *theirs]
        if not every:
            return _Likelihoods([], [], [], [])
        folders = {"candidate": candidate.weights, "champion": champion.weights}
        if base is not None and base.weights is not None:
            folders["base"] = base.weights
        scores = score_rows(paper.work / "likelihood", _distinct(folders), every)
        by_name = {name: scores[_name_of(folder, folders)] for name, folder in folders.items()}
        start, end = len(rows), len(rows) + len(anchors)
        last = end + len(said)
        before = by_name["champion"][last:] if theirs else by_name["champion"][:start]
        return _Likelihoods(
            _scored(rows, by_name["candidate"][:start], before),
            _scored(rows, by_name["candidate"][:start], by_name["base"][:start]) if "base" in by_name else [],
            [
                (row["prompt"][-1]["content"], _mean(now), _mean(then))
                for row, now, then in zip(anchors, by_name["candidate"][start:end], by_name["champion"][start:end], strict=True)
            ],
            _sense(said, by_name["base"][end:last]) if said else [],
        )

    async def _judge(
        self, candidate: Contestant, champion: Contestant, base: Contestant | None, paper: Paper, rows: Sequence[dict[str, Any]]
    ) -> JudgeScore:
        """The judge's blind choice between fresh replies of both to held-out messages; and between replies that people ordered."""
        name = self._persona.settings.gate.judge or ""
        require_impartial(name, [f"{who.provider}:{who.model}" for who in (candidate, champion, base) if who])
        provider, model = split_model(name)
        prompts = _distinct_prompts(rows)[:_MOST_JUDGED]
        providers = Providers(self._settings)
        try:
            ours, theirs = [await self._replies(providers, who, prompts) for who in (candidate, champion)]
            contests = [Contest(*each) for each in zip(prompts, ours, theirs, strict=True)]
            known = [_known(pair) for pair in _pairs(paper.dataset)[:_MOST_JUDGED]]
            served = served_name(provider, model, self._settings)
            return await judge_all(providers.get(provider), served, name, self._persona.prompt(), contests, known)
        finally:
            await providers.close()

    async def _replies(self, providers: Providers, who: Contestant, prompts: Sequence[Sequence[Message]]) -> list[str]:
        name, sampling = served_name(who.provider, who.model, self._settings), self._persona.settings.sampling
        probes = [Probe(ask=prompt[-1].content, about="form", expect=Expectation()) for prompt in prompts]
        told = await ask(providers.get(who.provider), name, who.prompt, sampling, probes, lambda _: 1)
        return [answer.reply for answer in told]

    def _base(self) -> Contestant | None:
        """The base with the prompt only, where it can be asked here."""
        base = self._persona.settings.learning.base
        folder = checkpoint_folder(base, self._settings)
        if self._persona.settings.learning.trainer != "local" or not folder.exists():
            return None
        return Contestant("local", base, self._persona.prompt(), folder)

    def _weights_of(self, version: Version, provider: str, model: str) -> Path | None:
        """A whole model of the engine, an adapter of ours that another host serves, or the base that the untrained start may be."""
        if provider == "local":
            return checkpoint_folder(model, self._settings)
        adapter = self._settings.artifact_folder / "runs" / (version.night_id or "") / "adapter"
        if version.night_id and adapter.exists():
            return adapter
        base = checkpoint_folder(self._persona.settings.learning.base, self._settings)
        return base if version.number == 0 and base.exists() else None


class _Likelihoods(NamedTuple):
    held_out: list[HeldOut]
    base_held_out: list[HeldOut]
    knowledge: list[tuple[str, float, float]]
    sense: list[tuple[str, float, float]]


def _scored(rows: Sequence[Mapping[str, Any]], ours: Sequence[RowScore], theirs: Sequence[RowScore]) -> list[HeldOut]:
    return [HeldOut(_opening(row), row["label"], _mean(now), _mean(then)) for row, now, then in zip(rows, ours, theirs, strict=True)]


def _row(prompt: str, answer: ProbeAnswer) -> dict[str, Any]:
    messages = [{"role": "system", "content": prompt}, {"role": "user", "content": answer.ask}]
    return {"prompt": messages, "completion": [{"role": "assistant", "content": answer.reply}]}


def _bare(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"prompt": row["prompt"], "completion": row["completion"]}


def _asked_under(rows: Sequence[Mapping[str, Any]], prompt: str) -> list[dict[str, Any]]:
    """The rows as they would have been said under this system prompt: how two texts of a persona are compared."""
    system = {"role": "system", "content": prompt}
    spoken = [[message for message in row["prompt"] if message["role"] != "system"] for row in rows]
    return [{"prompt": [system, *said], "completion": row["completion"]} for said, row in zip(spoken, rows, strict=True)]


def _sense(said: Sequence[tuple[ProbeAnswer, str]], scores: Sequence[RowScore]) -> list[tuple[str, float, float]]:
    """For each probe how likely the base finds what either side said to it, on average."""
    found: dict[tuple[str, str], list[float]] = {}
    for (answer, side), score in zip(said, scores, strict=True):
        found.setdefault((answer.ask, side), []).append(_mean(score))
    asks = [key for key, _ in groupby(sorted(ask for ask, _ in found))]
    both = [(ask, found.get((ask, "candidate")), found.get((ask, "champion"))) for ask in asks]
    return [(ask, sum(ours) / len(ours), sum(theirs) / len(theirs)) for ask, ours, theirs in both if ours and theirs]


def _mean(score: RowScore) -> float:
    return score.logprob / max(score.tokens, 1)


def _distinct(folders: Mapping[str, Path]) -> dict[str, Path]:
    """Each folder once, under the first name that has it: a model is loaded once."""
    return {name: folder for name, folder in folders.items() if _name_of(folder, folders) == name}


def _name_of(folder: Path, folders: Mapping[str, Path]) -> str:
    return next(name for name, each in folders.items() if each == folder)


def _opening(row: Mapping[str, Any]) -> str:
    """What a conversation began with: replies to the same words are not independent of each other."""
    first: str = next(message["content"] for message in row["prompt"] if message["role"] == "user")
    return " ".join(first.casefold().split())


def _written(dataset: Path) -> list[str]:
    """The replies that people or owners wrote or wanted, among those that were trained on."""
    file = dataset / "train.jsonl"
    rows = read_rows(file) if file.exists() else []
    return [row["completion"][0]["content"] for row in rows if row["label"] and row.get("origin") in _WRITTEN]


def _distinct_prompts(rows: Sequence[Mapping[str, Any]]) -> list[list[Message]]:
    prompts = {json.dumps(row["prompt"][-1:]): [Message(**message) for message in row["prompt"][-1:]] for row in rows}
    return list(prompts.values())


def _pairs(dataset: Path) -> list[dict[str, Any]]:
    file = dataset / "holdout_pairs.jsonl"
    return read_rows(file) if file.exists() else []


def _known(pair: Mapping[str, Any]) -> Contest:
    prompt = [Message(**message) for message in pair["prompt"]]
    return Contest(prompt, pair["chosen"][0]["content"], pair["rejected"][0]["content"])
