"""Trains for a night: which methods, with what, within which bounds; and the settings of a sweep against each other."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import msgspec
from sqlalchemy import Engine
from sqlmodel import Session

from service import ledger
from service.curation.dataset import read_rows
from service.curation.library import dataset_folder
from service.db.engine import reading, transaction
from service.db.tables import RunState, TrainingRun
from service.errors import AttuneError, TrainingError, TrainingStopped
from service.evaluation.holdout import score_rows
from service.personas.persona import Learning, Persona, Tuning
from service.providers.catalog import checkpoint_folder
from service.settings import Settings
from service.training.base import METHODS, Parameters, Progress, RunSpec, Schedule, Trained, Trainer, count_parameters
from service.training.catalog import ELSEWHERE, LOCAL
from service.training.choice import Holds, choose_methods, make_parameters, make_schedules
from service.training.folder import RunFolder, write_whole
from service.training.preflight import memory_of, read_shape
from service.training.stage import measure_load

_SWEEP = "sweep.json"


class Tutor:
    """Trains a night's adapter and notes in the run's row how it goes. `trainer_of` gives the persona's trainer."""

    def __init__(self, settings: Settings, engine: Engine, trainer_of: Callable[[Persona], Trainer]) -> None:
        self._settings = settings
        self._engine = engine
        self._trainer_of = trainer_of

    def plan(self, night_id: str, persona: Persona) -> TrainingRun:
        """The night's training run: methods and parameters are chosen once and kept."""
        with transaction(self._engine) as session:
            run = ledger.find_run(session, night_id) or self._new_run(session, night_id, persona)
            if run.state != RunState.succeeded:
                run.state, run.attempts = RunState.running, run.attempts + 1
            session.add(run)
        return run

    def train(self, run: TrainingRun, persona: Persona, folder: Path, show: Callable[[Progress], None]) -> Trained:
        """Train in `folder`, blocking; note how it ended. Raises `TrainingError` when there is no result."""
        trainer = self._trainer_of(persona)
        try:
            sweep = persona.settings.learning.sweep
            trained = self._sweep(trainer, run, sweep, folder, show) if sweep else self._train(trainer, run, folder, show, self.spec(run))
        except AttuneError as error:
            state = RunState.cancelled if isinstance(error, TrainingStopped) else RunState.failed
            with transaction(self._engine) as session:
                ledger.end_run(session, run.night_id, state, error=error.message)
            raise
        kept = ("steps", "rows", "loss_first", "loss_last", "tokens", "dollars", "notes", "model")
        measured = {name: value for name in kept if (value := getattr(trained, name))}
        with transaction(self._engine) as session:
            ledger.end_run(session, run.night_id, RunState.succeeded, measured={**measured, "training_seconds": trained.seconds})
        return trained

    def spec(self, run: TrainingRun) -> RunSpec:
        """What the trainer is given."""
        is_ours = run.trainer == LOCAL
        with reading(self._engine) as session:
            dataset = ledger.find_dataset(session, run.night_id)
        return RunSpec(
            run_id=run.id,
            base=str(checkpoint_folder(run.base, self._settings)) if is_ours else run.base,
            dataset=str(dataset_folder(self._settings.artifact_folder) / (dataset.hash if dataset else "")),
            schedules=msgspec.convert(run.parameters["schedules"], dict[Any, Schedule]),
            parameters=msgspec.convert(run.parameters["parameters"], Parameters),
            name=f"{run.persona}-{run.night_id[-8:]}",
        )

    def needed(self, run: TrainingRun) -> int:
        """The bytes of a card that the run needs, as far as can be told before it begins."""
        spec = self.spec(run)
        return memory_of(read_shape(Path(spec.base)), spec.parameters, measure_load(spec), card=True)

    def _new_run(self, session: Session, night_id: str, persona: Persona) -> TrainingRun:
        learning = persona.settings.learning
        dataset = ledger.find_dataset(session, night_id)
        if dataset is None:
            raise TrainingError("The night came to its training without a dataset.")
        holds = holds_of(dataset.counts)
        offered = METHODS if learning.trainer == LOCAL else ELSEWHERE
        methods, why = choose_methods(holds, learning.minimum.each_label, learning.method, offered)
        schedules = make_schedules(methods, _weights_of(learning, self._settings), holds, learning.tuning)
        parameters = make_parameters(learning.tuning, learning.budget.tokens)
        return TrainingRun(
            persona=persona.name,
            night_id=night_id,
            dataset_id=dataset.id,
            trainer=learning.trainer,
            method="+".join(methods),
            base=learning.base,
            parameters={"schedules": msgspec.to_builtins(schedules), "parameters": msgspec.to_builtins(parameters), "why": why},
        )

    def _train(self, trainer: Trainer, run: TrainingRun, folder: Path, show: Callable[[Progress], None], spec: RunSpec) -> Trained:
        if not RunFolder(folder).is_accepted():  # what has begun is gone on with, whatever may be begun today
            estimate = trainer.estimate(spec)
            with transaction(self._engine) as session:
                ledger.note_run(session, run.night_id, estimate=msgspec.to_builtins(estimate))
        return trainer.train(folder, spec, show, partial(self._is_stopped, run.night_id))

    def _is_stopped(self, night_id: str) -> bool:
        with reading(self._engine) as session:
            return ledger.is_stop_asked(session, night_id)

    def _sweep(
        self, trainer: Trainer, run: TrainingRun, sweep: Sequence[Tuning], folder: Path, show: Callable[[Progress], None]
    ) -> Trained:
        """Train each setting of the sweep in a folder of its own; the one whose adapter tells liked from disliked best is the run's.

        They are judged on one half of the held-out openings, so that the gate has another half that nothing was chosen by.
        """
        if run.trainer != LOCAL:
            raise TrainingError("A sweep needs adapters on this machine, and this trainer leaves none. Remove learning.sweep.")
        asked = self.spec(run)
        rows = sweep_half(read_rows(Path(asked.dataset) / "holdout.jsonl"))
        tried = []
        for place, tuning in enumerate(sweep):
            spec = tuned(asked, tuning)
            trained = self._train(trainer, run, folder / f"sweep-{place}", show, spec)
            tried.append((trained, _preference(folder / f"sweep-{place}", trained, rows)))
        best = max(range(len(tried)), key=lambda place: tried[place][1])
        figures = [{**msgspec.to_builtins(tuning), "preference": round(each[1], 4)} for tuning, each in zip(sweep, tried, strict=True)]
        write_whole(folder / _SWEEP, msgspec.json.encode({"best": best, "tried": figures}))
        with transaction(self._engine) as session:
            ledger.note_run(session, run.night_id, sweep={"best": best, "tried": figures})
        chosen = tried[best][0]
        if chosen.adapter is None:
            raise TrainingError("The sweep's best setting left no adapter.")
        shutil.copytree(chosen.adapter, folder / "adapter", dirs_exist_ok=True)
        return msgspec.structs.replace(
            chosen, adapter=folder / "adapter", notes=[*chosen.notes, f"Setting {best + 1} of {len(sweep)} was best."]
        )


def holds_of(counts: Mapping[str, int]) -> Holds:
    """What a dataset's counts say there is to train on. What people said decides: seeds and replay are company, not more to learn."""
    return Holds(
        liked=counts["train_liked"],
        disliked=counts["train_disliked"],
        pairs=counts.get("train_pairs", 0),
        passages=counts.get("train_passages", 0),
    )


def tuned(spec: RunSpec, tuning: Tuning) -> RunSpec:
    """The run with the values that a setting of a sweep names."""
    said = {name: value for name, value in msgspec.structs.asdict(tuning).items() if value is not None}
    schedules = {
        method: msgspec.structs.replace(schedule, **{name: said[name] for name in Schedule.__struct_fields__ if name in said})
        for method, schedule in spec.schedules.items()
    }
    parameters = msgspec.structs.replace(spec.parameters, **{name: said[name] for name in Parameters.__struct_fields__ if name in said})
    return msgspec.structs.replace(spec, schedules=schedules, parameters=parameters)


def sweep_half(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The held-out rows a sweep is judged by."""
    return [row for row in rows if _is_of_sweep(row)]


def gate_half(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The held-out rows that are left for the gate after a sweep."""
    return [row for row in rows if not _is_of_sweep(row)]


def _is_of_sweep(row: Mapping[str, Any]) -> bool:
    """By the opening, so that replies to the same words stay on one side."""
    opening: str = next((message["content"] for message in row["prompt"] if message["role"] == "user"), "")
    return sum(" ".join(opening.casefold().split()).encode()) % 2 == 0


def _preference(folder: Path, trained: Trained, rows: Sequence[dict[str, Any]]) -> float:
    """How much more likely the adapter finds liked replies than disliked ones, in nats per token."""
    if trained.adapter is None or not rows:
        return 0.0
    scores = score_rows(folder / "likelihood", {"adapter": trained.adapter}, rows)["adapter"]
    means = {label: [score.mean for score, row in zip(scores, rows, strict=True) if row["label"] is label] for label in (True, False)}
    return (fmean(means[True]) if means[True] else 0.0) - (fmean(means[False]) if means[False] else 0.0)


def _weights_of(learning: Learning, settings: Settings) -> int:
    """How large the base is; 0 where it is not on this machine."""
    if learning.trainer != LOCAL:
        return 0
    folder = checkpoint_folder(learning.base, settings)
    return count_parameters(folder)
