"""What a night trains: read from the dataset, told to the trainer, swept if wished."""

from service.personas.persona import Tuning
from service.training.base import Parameters, RunSpec, Schedule
from service.tutor import gate_half, holds_of, sweep_half, tuned


def test_what_people_said_counts() -> None:
    """Seeds and replay are company; a dataset of before pairs and passages has none."""
    holds = holds_of({"train_liked": 30, "train_disliked": 12, "train_seed": 50, "train_pairs": 4, "train_passages": 2})
    assert (holds.liked, holds.disliked, holds.pairs, holds.passages) == (30, 12, 4, 2)
    assert holds_of({"train_liked": 1, "train_disliked": 0}).pairs == 0


def test_a_setting_of_a_sweep_changes_what_it_names() -> None:
    """Rates and epochs of every method, rank and batch of the run; all else stays."""
    schedules = {method: Schedule(learning_rate=1e-3, epochs=2) for method in ("sft", "kto")}
    spec = RunSpec(run_id="r", base="b", dataset="d", schedules=schedules, parameters=Parameters(batch=8))
    changed = tuned(spec, Tuning(learning_rate=5e-4, rank=16))
    assert {schedule.learning_rate for schedule in changed.schedules.values()} == {5e-4}
    assert {schedule.epochs for schedule in changed.schedules.values()} == {2}
    assert (changed.parameters.rank, changed.parameters.batch) == (16, 8)
    assert (changed.run_id, changed.methods) == ("r", ["sft", "kto"])


def test_what_a_sweep_is_judged_by_is_kept_from_the_gate() -> None:
    """Every held-out row is on one side, replies to the same opening on the same one, and both sides have some."""
    rows = [
        {"prompt": [{"role": "system", "content": "s"}, {"role": "user", "content": f"Message {n // 2}"}], "label": n % 2 == 0, "n": n}
        for n in range(40)
    ]
    ours, theirs = sweep_half(rows), gate_half(rows)
    assert sorted(row["n"] for row in [*ours, *theirs]) == list(range(40))
    assert {row["n"] // 2 for row in ours}.isdisjoint({row["n"] // 2 for row in theirs})
    assert min(len(ours), len(theirs)) >= 10
