"""Building a dataset, step by step: what a night learns is decided here.

    gather -> divide -> sift -> choose -> compose -> review -> mix -> freeze

Numbers first, texts last: up to the choice only columns are in memory, then the texts of the chosen rows, without personal data. Every row
that is left out has a reason (`reasons.py`) and is counted. Whatever cannot be looked at is not learned: an error ends the build, and
nothing is frozen.
"""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
from sqlalchemy import Engine

from service.curation.choice import choose_rows, topics_of
from service.curation.compose import Chosen, Style, compose, pairs_of
from service.curation.dataset import Frozen, attach, count_samples, freeze, ready
from service.curation.favourites import say_too_often
from service.curation.features import opening_hash
from service.curation.gather import Drops, Report, gather
from service.curation.lineage import held_out
from service.curation.mix import Mixed, Rows, Sources, mix, most_rated, plan
from service.curation.near import clusters
from service.curation.owned import passages_of, read_owned
from service.curation.pool import Pool
from service.curation.quarantine import UNLIKELY
from service.curation.redaction.redactor import Redactor
from service.curation.reviews import decided_samples, held_samples
from service.curation.sample import Sample, Split, content_hash
from service.curation.sides import divide
from service.curation.sift import Rows as SiftedRows
from service.curation.sift import sift
from service.curation.spread import DRAWING, Spread, spread
from service.curation.topics import Topics
from service.curation.unlikely import hold_unlikely
from service.curation.verdicts import identifiers
from service.db.engine import reading
from service.personas.persona import Persona
from service.personas.shelf import Message, Personas


def silent(stage: str, done: int, total: int) -> None:
    """Report to nobody."""


class Added(NamedTuple):
    """Samples that a model made, and how many of its answers were left out, by reason."""

    samples: list[Sample]
    left_out: dict[str, int]


class Tools(NamedTuple):
    """What a build borrows from other floors. Without one of them, what needs it is left out.

    `sensitive`: whether a message speaks of self-harm. `count`: the tokens of a message, as the base counts. `surprise`: how unlikely the
    base finds each sample, in nats per token. `replay`: so many answers of the base under a system prompt. `amplify`: so many of the
    samples with their message in other words, none of which has the hash of a held-out message.
    """

    sensitive: Callable[[str], bool]
    count: Callable[[Message], int]
    surprise: Callable[[Sequence[Sample]], list[float]] | None = None
    replay: Callable[[str, int], Added] | None = None
    amplify: Callable[[Sequence[Sample], int, Collection[int]], Added] | None = None


class Built(NamedTuple):
    """A frozen dataset; `not_ready` says in a sentence why it is not worth training on. `prepared` counts the rows worked out anew."""

    frozen: Frozen
    train: Split
    holdout: Split
    counts: dict[str, int]
    prepared: int
    not_ready: str | None


def build_dataset(engine: Engine, shelf: Personas, persona: Persona, folder: Path, tools: Tools, report: Report = silent) -> Built:
    """Build the persona's dataset of now and freeze it under `folder`.

    Raises `CurationError` when personal data could not be looked for, `ProviderError` when the base does not answer, `Unavailable` when
    the storage fails, `PersonaError` when a file beside the persona is wrong. Asked twice, the same dataset comes out.
    """
    return _Build(engine, shelf, persona, tools, report).run(folder)


class _Build:
    """One build: what its steps share."""

    def __init__(self, engine: Engine, shelf: Personas, persona: Persona, tools: Tools, report: Report) -> None:
        self._engine = engine
        self._persona = persona
        self._learning = learning = persona.settings.learning
        self._tools = tools
        self._report = report
        self._drops: Drops = Counter()
        self._redacted: Counter[str] = Counter()
        self._redactor = Redactor(regions=learning.redaction.regions, presidio=learning.redaction.presidio)
        system = "" if learning.system_prompt == "none" else persona.prompt()
        placeholder = persona.settings.variables.get("user") or "[name]"
        self._style = Style(learning.system_prompt, system, placeholder, learning.budget.tokens, tools.count)
        self._owned = read_owned(engine, shelf, persona.name, system)

    def run(self, folder: Path) -> Built:
        """The build."""
        pool, surprise, prepared = gather(
            self._engine, self._persona.name, self._learning.trust, self._tools.sensitive, self._drops, self._report
        )
        there, topics, train_rows, holdout_rows = self._choose(pool)
        train = self._compose(pool, train_rows)
        holdout = self._without_golden(self._compose(pool, holdout_rows))
        train = self._without_twins(train, holdout)
        not_ready = ready(count_samples(train.samples), self._learning.minimum)
        if not not_ready:
            train = self._review(pool, surprise, self._varied(train))
            not_ready = ready(count_samples(train.samples), self._learning.minimum)
        mixed = self._mix(train, holdout, complete=not not_ready)
        sides = (self._train_side(pool, train, mixed), self._holdout_side(pool, holdout))
        lies = spread(pool, there, topics, train, self._owned.seeds)
        frozen = freeze(folder, *sides, about=self._about(mixed, lies))
        attach(frozen.path, DRAWING, lies.drawing)
        counts = {f"dropped_{reason}": number for reason, number in self._dropped().items()}
        return Built(frozen, *sides, {**frozen.counts, **counts}, prepared, not_ready)

    def _choose(self, pool: Pool) -> tuple[SiftedRows, Topics, SiftedRows, SiftedRows]:
        """Divide, sift, and choose to the budget: what there was to train on with its topics, the rows to train on and to hold out."""
        name, learning = self._persona.name, self._learning
        with reading(self._engine) as session:
            never_trained = identifiers(sorted(held_out(session, name)))
            decided, waiting = decided_samples(session, name), held_samples(session, name)
        cluster = clusters(pool.features["signature"])
        sides = divide(
            pool,
            cluster,
            learning.holdout,
            held_out=never_trained,
            seeded={opening_hash(sample.opening) for sample in self._owned.seeds},
            golden={opening_hash(sample.opening) for sample in self._owned.golden},
        )
        train, holdout = sift(pool, cluster, sides, learning.caps, decided, self._drops, waiting)
        budget = most_rated(learning.budget.samples, self._there(len(train)), learning.mix)
        topics = topics_of(pool, train)
        most = max(1, round(learning.budget.samples * learning.holdout))
        held = choose_rows(pool, holdout, topics_of(pool, holdout), most, self._drops)
        return train, topics, choose_rows(pool, train, topics, budget, self._drops), held

    def _compose(self, pool: Pool, rows: SiftedRows) -> Chosen:
        """The samples of these rows; what two of them share word for word once personal data is gone is one sample."""
        composed = compose(
            self._engine,
            pool.take(rows),
            self._style,
            self._redactor,
            lambda done, total: self._report("reading and redacting texts", done, total),
        )
        self._drops.update(composed.left_out)
        self._redacted.update(composed.redacted)
        unique = list({content_hash(sample): place for place, sample in reversed(list(enumerate(composed.samples)))}.values())[::-1]
        self._drops["duplicate"] += len(composed.samples) - len(unique)
        return Chosen([composed.samples[place] for place in unique], [int(rows[composed.rows[place]]) for place in unique])

    def _without_golden(self, holdout: Chosen) -> Chosen:
        """A golden row that was taken from an exchange stands for it."""
        golden = {sample.exchange_id for sample in self._owned.golden if sample.exchange_id}
        return self._left(holdout, [sample.exchange_id not in golden for sample in holdout.samples], "golden")

    def _without_twins(self, train: Chosen, holdout: Chosen) -> Chosen:
        """Once personal data is gone, what told two prompts apart may be gone too: none may be on both sides."""
        held = {_said(sample) for sample in self._held_out(holdout)}
        return self._left(train, [_said(sample) not in held for sample in train.samples], "holdout_twin")

    def _review(self, pool: Pool, surprise: "npt.NDArray[np.float64]", train: Chosen) -> Chosen:
        """What the base finds very unlikely waits for the owner."""
        if self._tools.surprise is None or not self._learning.surprise:
            return train
        self._report("asking the base how likely the replies are", 0, len(train.samples))
        flagged = hold_unlikely(self._engine, self._persona.name, pool, surprise, train, self._tools.surprise, self._learning.surprise)
        return self._left(train, [not flag for flag in flagged], UNLIKELY)

    def _varied(self, train: Chosen) -> Chosen:
        """No word in too many of the liked replies."""
        liked = [place for place, sample in enumerate(train.samples) if sample.label]
        flags = say_too_often([train.samples[place].completion for place in liked], self._learning.caps.word)
        gone = {place for place, goes in zip(liked, flags, strict=True) if goes}
        return self._left(train, [place not in gone for place in range(len(train.samples))], "word_cap")

    def _mix(self, train: Chosen, holdout: Chosen, complete: bool) -> Mixed:
        """People's samples with those of the owner and of the models; `complete` if it is worth asking models for theirs."""
        rated = [sample for sample in train.samples if sample.origin != "imported"]
        owned, shares = self._owned, self._learning.mix
        sources = Sources(
            rated=rated,
            voice=owned.voice,
            edge=owned.edge,
            imported=[sample for sample in train.samples if sample.origin == "imported"],
            unsafe=owned.unsafe,
            look_alikes=owned.look_alikes,
        )
        held_out = {opening_hash(message.content) for sample in self._held_out(holdout) for message in _said(sample)}
        held_out |= {opening_hash(sample.opening) for sample in self._held_out(holdout)}
        if complete:
            wanted = plan(self._there(len(rated), len(sources.imported)), shares)
            if self._tools.replay and wanted.replay:
                self._report("asking the base for its own answers", 0, wanted.replay)
                sources = sources._replace(replay=self._added(self._tools.replay(self._style.current, wanted.replay)))
            if self._tools.amplify and wanted.synthetic:
                self._report("asking for other wordings", 0, wanted.synthetic)
                sources = sources._replace(synthetic=self._added(self._tools.amplify(rated, wanted.synthetic, held_out)))
        mixed = mix(sources, shares, held_out)
        self._drops.update(mixed.left_out)
        return mixed

    def _there(self, rated: int, imported: int = 0) -> Rows:
        """How many rows of each source there are, or could be asked for."""
        owned = self._owned
        return Rows(
            rated=rated,
            voice=len(owned.voice),
            edge=len(owned.edge),
            imported=imported,
            replay=self._learning.budget.samples if self._tools.replay else 0,
            safety=len(owned.unsafe) + len(owned.look_alikes),
            synthetic=self._learning.budget.samples if self._tools.amplify else 0,
        )

    def _train_side(self, pool: Pool, train: Chosen, mixed: Mixed) -> Split:
        with reading(self._engine) as session:
            passages = passages_of(session, self._persona.name)
        clean = [msgspec.structs.replace(passage, text=self._redactor.redact(passage.text).text) for passage in passages]
        return Split(samples=tuple(mixed.samples), pairs=tuple(pairs_of(train.samples, train.rows, pool)), passages=tuple(clean))

    def _holdout_side(self, pool: Pool, holdout: Chosen) -> Split:
        return Split(samples=tuple(self._held_out(holdout)), pairs=tuple(pairs_of(holdout.samples, holdout.rows, pool)))

    def _left(self, chosen: Chosen, stay: Sequence[bool], reason: str) -> Chosen:
        """The samples that stay; the others are counted under the reason."""
        self._drops[reason] += len(stay) - sum(stay)
        kept = [place for place, stays in enumerate(stay) if stays]
        return Chosen([chosen.samples[place] for place in kept], [chosen.rows[place] for place in kept])

    def _added(self, added: Added) -> list[Sample]:
        self._drops.update(added.left_out)
        return added.samples

    def _held_out(self, holdout: Chosen) -> list[Sample]:
        return [*holdout.samples, *self._owned.golden]

    def _dropped(self) -> dict[str, int]:
        return {reason: number for reason, number in sorted(self._drops.items()) if number}

    def _about(self, mixed: Mixed, lies: Spread) -> dict[str, Any]:
        """How the dataset came to be: what its manifest records beside the rows."""
        return {
            "base": self._learning.base,
            "drops": self._dropped(),
            "redacted": dict(sorted(self._redacted.items())),
            "proportions": msgspec.to_builtins(mixed.proportions),
            "coverage": lies.markdown,
            "spread": lies.report,
            "settings": msgspec.to_builtins(self._learning),
        }


def _said(sample: Sample) -> tuple[Message, ...]:
    """What was said before the reply."""
    return tuple(message for message in sample.prompt if message.role != "system")
