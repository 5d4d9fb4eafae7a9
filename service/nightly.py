"""The night, step by step: the page to read first.

    freeze a dataset -> train -> host -> evaluate -> decide

A night is asked for by a row (`ledger.request_night`), and a worker takes it up as a durable workflow. A step may run twice, because the
process may be killed between doing and noting; so each step looks for its own result first. Whatever breaks, the champion stays and a
receipt says why.
"""

import functools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import anyio
import msgspec
import structlog
from dbos import DBOS, DBOSConfiguredInstance
from sqlalchemy import Engine
from sqlmodel import Session

from service import keeper, ledger, registry
from service.artifacts.garbage import delete
from service.artifacts.store import Store
from service.canary.trial import begin, busy, watch
from service.curation.lineage import lineage_rows
from service.curator import curate
from service.db.engine import reading, transaction
from service.db.tables import Dataset, Evaluation, Outcome, RunState, TrainingRun, Version
from service.errors import AttuneError
from service.evaluation.gate import Decision, decide
from service.evaluation.scorecard import score
from service.examiner import Examiner, Paper
from service.hosting.answers import require_answers
from service.hosting.base import Hosted
from service.hosting.catalog import make_host
from service.hosting.lending import lending, needs_release
from service.personas.persona import Persona
from service.personas.shelf import survey
from service.proof.folder import write_pages
from service.providers.catalog import checkpoint_folder
from service.settings import Settings
from service.training.base import Progress, Trainer
from service.training.catalog import LOCAL
from service.training.machine import find_cards
from service.tutor import Tutor

STEPS = ("queued", "freeze", "train", "host", "evaluate", "decide")
P = ParamSpec("P")
R = TypeVar("R")
log = structlog.get_logger()


def _step(method: "Callable[Concatenate[Nightly, P], R]") -> "Callable[Concatenate[Nightly, P], R]":
    """A step of the night: noted when it ends, so that it is not done again.

    While the worker is stopping, a step whose tools are being taken away fails for no fault of its own. It must neither end nor be noted
    then: it waits for the process to go, and is done again at the next start.
    """

    @functools.wraps(method)
    def guarded(self: "Nightly", /, *arguments: P.args, **named: P.kwargs) -> R:
        try:
            return method(self, *arguments, **named)
        except Exception:
            if self.stopping.is_set():
                threading.Event().wait()
            raise

    return DBOS.step(name=method.__name__)(guarded)


@DBOS.dbos_class("Nightly")
class Nightly(DBOSConfiguredInstance):
    """Runs nights. Built once per worker, with the ways to train and to host that the settings name."""

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        trainer_of: Callable[[Persona], Trainer],
        stopping: threading.Event,
    ) -> None:
        self.stopping = stopping
        self._settings = settings
        self._engine = engine
        self._tutor = Tutor(settings, engine, trainer_of)
        super().__init__("nightly")

    @DBOS.workflow(name="night")
    def night(self, night_id: str) -> None:
        """One night. Its steps are noted as they end, so that a killed night goes on where it was."""
        try:
            if not_ready := self.freeze(night_id):
                self.close(night_id, Outcome.skipped.value, not_ready)
                return
            self.train(night_id)
            self.host(night_id)
            self.evaluate(night_id)
            self.decide(night_id)
        except Exception as error:  # a night ends here, whatever happened in it
            log.error("night_failed", night=night_id, exc_info=error)
            self.close(night_id, Outcome.failed.value, _sentence(error))

    @_step
    def freeze(self, night_id: str) -> str | None:
        """Curate what people said into a frozen dataset (`curation/build.py`). Returns why there is nothing to train on, if so."""
        persona = self._begin(night_id, "freeze")
        with reading(self._engine) as session:
            if on_trial := busy(session, persona.name):
                return on_trial
        built = curate(self._engine, self._settings, persona.name, _at_intervals(partial(self._show_build, night_id)))
        Store(self._settings).keep(built.frozen.path, "dataset")
        dataset = Dataset(persona=persona.name, night_id=night_id, hash=built.frozen.hash, counts=built.counts)
        lineage = lineage_rows(dataset.id, built.train, built.holdout)  # made before the transaction: it holds up every other writer
        with transaction(self._engine) as session:
            ledger.keep_dataset(session, dataset, lineage)
            learned = ledger.learned_of_late(session, persona.name)
        log.info("dataset_frozen", night=night_id, hash=built.frozen.hash[:16], **built.counts)
        if built.frozen.hash in learned:
            return "Nothing was rated since the last night that trained, so there is nothing new to learn."
        return built.not_ready

    @_step
    def train(self, night_id: str) -> None:
        """Train an adapter from the base on the frozen rows, in a process of its own."""
        persona = self._begin(night_id, "train")
        run = self._tutor.plan(night_id, persona)
        if run.state == RunState.succeeded:
            return
        with self._memory(persona, run) as troubles:
            trained = self._tutor.train(run, persona, self._run_folder(night_id), partial(self._show, night_id))
        if troubles:
            with transaction(self._engine) as session:
                ledger.note_run(session, night_id, notes=[*trained.notes, *troubles])
        log.info("adapter_trained", night=night_id, method=run.method, steps=trained.steps, seconds=trained.seconds)

    @_step
    def host(self, night_id: str) -> None:
        """Make what was trained servable as a new version, and see it answer through the provider that will serve it."""
        persona = self._begin(night_id, "host")
        with transaction(self._engine) as session:
            candidate, run = ledger.find_candidate(session, night_id), ledger.find_run(session, night_id)
        hosted = self._publish(persona, candidate, run)
        adapter = self._run_folder(night_id) / "adapter"
        digest = Store(self._settings).keep(adapter, "adapter").digest if adapter.is_dir() else None
        anyio.run(require_answers, self._settings, hosted, persona)
        with transaction(self._engine) as session:
            version = session.get_one(Version, candidate.id)
            version.provider, version.model = hosted.provider, hosted.model
            version.adapter, version.revision = digest, persona.revision
            session.add(version)
        log.info("version_hosted", night=night_id, version=candidate.name)

    @_step
    def evaluate(self, night_id: str) -> None:
        """Put candidate and champion side by side, on replies that neither was trained on and on the probes, and ask the gate."""
        persona = self._begin(night_id, "evaluate")
        with transaction(self._engine) as session:
            if ledger.find_evaluation(session, night_id):
                return
            candidate, champion = ledger.find_candidate(session, night_id), registry.champion(session, persona.name)
        examiner = Examiner(self._settings, persona)
        paper = Paper(self._dataset_file(night_id, ""), self._run_folder(night_id))
        card = score(examiner.examine(examiner.contestant(candidate), examiner.contestant(champion), paper))
        kept = {**card.as_dict(), "decision": msgspec.to_builtins(decide(card, persona.settings.gate))}
        with transaction(self._engine) as session:
            session.add(Evaluation(night_id=night_id, candidate_id=candidate.id, champion_id=champion.id, scorecard=kept))

    @_step
    def decide(self, night_id: str) -> None:
        """Promote the candidate or try it on some, if the gate says so, and write the receipt, in one transaction."""
        persona = self._begin(night_id, "decide")
        with transaction(self._engine) as session:
            evaluation = ledger.find_evaluation(session, night_id)
            if evaluation is None:
                raise AttuneError("The night came to its decision without an evaluation.")
            decision = msgspec.convert(evaluation.scorecard["decision"], Decision)
            candidate = session.get_one(Version, evaluation.candidate_id)
            if registry.champion(session, candidate.persona).id not in {evaluation.champion_id, candidate.id}:
                decision = Decision(False, "Another version was promoted while this one was evaluated; that one stays.", decision.rules)
            outcome, words = self._serve(session, persona, candidate, night_id) if decision.promote else (Outcome.rejected, "")
            ledger.write_receipt(session, night_id, outcome, f"{decision.reason} {words}".strip())
        self._tell(night_id)
        log.info("night_ended", night=night_id, outcome=outcome.value)

    @_step
    def close(self, night_id: str, outcome: str, reason: str) -> None:
        """End a night that changed nothing, with a receipt."""
        with transaction(self._engine) as session:
            ledger.write_receipt(session, night_id, Outcome(outcome), reason)
        self._tell(night_id)
        log.info("night_ended", night=night_id, outcome=outcome)

    def _publish(self, persona: Persona, candidate: Version, run: TrainingRun | None) -> Hosted:
        """Where somebody else trained there is a model already; an adapter goes to the persona's host."""
        learning = persona.settings.learning
        if run is not None and (model := run.parameters.get("model")):
            return Hosted(learning.trainer, model)
        host = make_host(self._settings, learning.host)
        base = checkpoint_folder(candidate.base or "", self._settings)
        hosted = host.publish(f"{candidate.persona}-{candidate.name}", base, self._run_folder(candidate.night_id or "") / "adapter")
        host.warm_up(hosted)
        return hosted

    @contextmanager
    def _memory(self, persona: Persona, run: TrainingRun) -> Iterator[list[str]]:
        """While a card here trains and has no room besides, whoever serves from it lets go; yields what did not go as it should."""
        learning, cards = persona.settings.learning, find_cards()
        if run.trainer != LOCAL or not cards or not needs_release(self._tutor.needed(run), cards[0].free_bytes):
            yield []
            return
        with lending(self._settings, learning.host) as troubles:
            yield troubles

    def _serve(self, session: Session, persona: Persona, candidate: Version, night_id: str) -> tuple[Outcome, str]:
        """The gate said yes: on a share of new conversations first, if the persona wants that, or at once and watched."""
        gate = persona.settings.gate
        if gate.canary:
            begin(session, persona, candidate)
            return Outcome.canary, f"First it is tried on {gate.canary:.0%} of new conversations, for {gate.canary_hours:g} hours at most."
        registry.promote(session, candidate, f"night {night_id}", persona.settings.learning.base)
        watched = watch(session, persona, candidate)
        return Outcome.promoted, f"It is watched for {gate.watch_hours:g} hours." if watched else ""

    def _tell(self, night_id: str) -> None:
        """Write the night's pages, and clear away what no version needs any more. Neither may end a night otherwise than it ended."""
        try:
            write_pages(self._engine, self._settings.artifact_folder, night_id)
        except AttuneError as error:
            log.warning("proof_page_missing", night=night_id, reason=error.message)
        try:
            store = Store(self._settings)
            freed = delete(keeper.plan(self._engine, self._settings, store), store, keeper.withdrawing(self._engine, self._settings))
            log.info("artifacts_cleaned", night=night_id, bytes=freed)
        except (AttuneError, OSError) as error:
            log.warning("artifacts_not_cleaned", night=night_id, error=type(error).__name__)

    def _begin(self, night_id: str, step: str) -> Persona:
        with transaction(self._engine) as session:
            night = ledger.note_step(session, night_id, step)
        log.info("night_step_started", night=night_id, persona=night.persona, step=step)
        return survey(self._settings.personas).require(night.persona)

    def _show(self, night_id: str, progress: Progress) -> None:
        with transaction(self._engine) as session:
            ledger.note_training(session, night_id, msgspec.to_builtins(progress))

    def _show_build(self, night_id: str, stage: str, done: int, total: int) -> None:
        with transaction(self._engine) as session:
            ledger.note_progress(session, night_id, stage=stage, step=done, steps=total)

    def _run_folder(self, night_id: str) -> Path:
        return self._settings.artifact_folder / "runs" / night_id

    def _dataset_file(self, night_id: str, name: str) -> Path:
        with reading(self._engine) as session:
            dataset = ledger.find_dataset(session, night_id)
        return self._settings.artifact_folder / "datasets" / (dataset.hash if dataset else "") / name


def _at_intervals(show: Callable[[str, int, int], None], seconds: float = 0.5) -> Callable[[str, int, int], None]:
    """Pass on a report at most so often: each is a write to the database."""
    last = -seconds

    def shown(stage: str, done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= seconds:
            last = time.monotonic()
            show(stage, done, total)

    return shown


def _sentence(error: Exception) -> str:
    """What a receipt says of an error. Only our own errors are quoted: others might hold a person's words."""
    return (
        error.message if isinstance(error, AttuneError) else f"The night broke off with an unexpected {type(error).__name__}; see the log."
    )
