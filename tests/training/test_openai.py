"""Training at OpenAI or a host like it, against a stand-in that is held to OpenAI's own description of its API."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from openai import OpenAI

from service.errors import TrainingError, TrainingStopped
from service.personas.persona import Persona, PersonaSettings
from service.settings import Settings
from service.training.base import Method, Parameters, Progress, RunSpec, Schedule
from service.training.catalog import Trainers
from service.training.openai import OpenAITrainer
from service.training.openai_account import check_account, price_of
from tests.fakes.contract import SCHEMAS
from tests.fakes.tuning import BASE, Ending, TuningServer
from tests.processes import until
from tests.training.conftest import write_dataset

SHARED = Path(__file__).parents[3] / "shared" / "contracts" / "openai-openapi.json"


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Enough rows and pairs for a job, and some held out."""
    folder = write_dataset(tmp_path_factory.mktemp("rows"), rows=30, pairs=12)
    liked = [line for line in (folder / "train.jsonl").read_text().splitlines() if json.loads(line)["label"]]
    (folder / "holdout.jsonl").write_text("\n".join([liked[0], *(line.replace("apples", "pears") for line in liked[:3])]))
    return folder


@pytest.fixture
def spec(rows: Path) -> Callable[..., RunSpec]:
    """A run of these methods."""

    def make(*methods: Method, dataset: Path = rows, base: str = BASE) -> RunSpec:
        schedules = {method: Schedule(learning_rate=1e-4, epochs=2) for method in methods or ("sft",)}
        return RunSpec(
            run_id="run-7", base=base, dataset=str(dataset), schedules=schedules, parameters=Parameters(seed=7), name="friend-v3"
        )

    return make


def trainer(server: TuningServer, minutes: float = 5, dollars: float = 10) -> OpenAITrainer:
    """A trainer with an account there."""
    return OpenAITrainer(f"{server.url}/v1", "key", minutes=minutes, dollars=dollars, pause=0.01)


@contextmanager
def host(ending: Ending = Ending()) -> Iterator[TuningServer]:
    """The stand-in; at the end it must have kept its contract, and hold no file any more."""
    with TuningServer(ending) as server:
        yield server
    assert server.problems == []


def nothing(_progress: Progress) -> None:
    """Whoever does not listen."""


def test_a_job_becomes_a_model(spec, tmp_path):
    """Rows are checked, moderated and uploaded, one job is made with the run's id, its steps are told once, and the files are deleted."""
    told: list[tuple[int, float | None]] = []
    with host() as server:
        estimate = trainer(server).estimate(spec())
        trained = trainer(server).train(tmp_path, spec(), lambda progress: told.append((progress.step, progress.loss)))

    assert trained.model == f"ft:{BASE}:org:attune:ftjob-1"
    assert (trained.rows, trained.tokens, trained.steps) == ({"liked": 15}, 1_000, 4)
    assert told == [(1, 2.0), (2, 1.0), (3, 2.0 / 3), (4, 0.5)]
    assert (trained.loss_first, trained.loss_last) == (2.0, 0.5)
    assert server.files == {}
    (asked,) = [body for path, body in server.told("/v1/fine_tuning/jobs")]
    assert asked == {
        "model": BASE,
        "training_file": "file-1",
        "validation_file": "file-2",
        "method": {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2}}},
        "suffix": "friend-v3",
        "seed": 7,
        "metadata": {"run_id": "run-7", "method": "sft"},
    }
    assert server.contents["file-2"].count(b"pears") == len(server.contents["file-2"].splitlines()) == 3  # none that is trained on
    first = json.loads(server.contents["file-1"].splitlines()[0])
    assert [message["role"] for message in first["messages"]] == ["system", "user", "assistant"]
    assert estimate.tokens and "SFT of gpt-4.1-mini" in estimate.words
    assert json.loads((tmp_path / "job.json").read_bytes())["jobs"]["sft"]["checkpoints"] == [f"{trained.model}:ckpt-step-2"]


def test_pairs_are_trained_on_top_of_the_liked_replies(spec, tmp_path):
    """Two jobs in a row: DPO begins with the model that SFT made, and its steps count on."""
    told: list[tuple[str, int, int]] = []
    with host() as server:
        trained = trainer(server).train(
            tmp_path, spec("sft", "dpo"), lambda progress: told.append((progress.method, progress.step, progress.steps))
        )

    jobs = [body for _, body in server.told("/v1/fine_tuning/jobs")]
    assert [job["method"]["type"] for job in jobs] == ["supervised", "dpo"]
    assert jobs[1]["model"] == f"ft:{BASE}:org:attune:ftjob-1"
    assert jobs[1]["method"]["dpo"]["hyperparameters"] == {"n_epochs": 2, "beta": 0.1}
    assert trained.model == f"ft:{BASE}:org:attune:ftjob-2"
    assert (trained.steps, trained.rows, trained.tokens) == (8, {"liked": 15, "pairs": 12}, 2_000)
    assert told == [*(("sft", step, 4) for step in range(1, 5)), *(("dpo", step, 8) for step in range(5, 9))]
    assert set(json.loads(server.contents["file-3"].splitlines()[0])) == {"input", "preferred_output", "non_preferred_output"}


@pytest.mark.parametrize(("lost", "away"), [("job", 0), ("job", 3), ("file", 0), ("before", 0)])
def test_an_answer_that_was_lost_makes_nothing_twice(spec, tmp_path, lost, away):
    """The host took it, or did not, and the connection broke: what is there is found, what is not is made, and there is one job.

    A host that is away just then is asked until it is back.
    """
    with host(Ending(lost=lost, away=away)) as server:
        trained = trainer(server).train(tmp_path, spec(), nothing)

    assert len(server.jobs) == 1
    assert len(server.contents) == 2
    assert trained.model


_CALL = """
import sys, msgspec
from pathlib import Path
from service.training.base import RunSpec
from service.training.openai import OpenAITrainer
trainer = OpenAITrainer(sys.argv[1], "key", minutes=5, dollars=10, pause=0.05)
trainer.train(Path(sys.argv[2]), msgspec.json.decode(sys.argv[3], type=RunSpec), lambda _: None)
"""


@pytest.mark.parametrize("moment", ["file", "files", "job", "running"])
def test_a_killed_run_goes_on_with_what_it_made(spec, tmp_path, moment):
    """Killed after the first upload, after both, once the job was made and while it runs: no second job is made, and no third file."""
    statuses = ("queued", *["running"] * 60, "succeeded")
    reached: dict[str, Callable[[TuningServer], bool]] = {
        "file": lambda server: len(server.contents) >= 1,
        "files": lambda server: len(server.contents) >= 2,
        "job": lambda server: len(server.jobs) >= 1,
        "running": lambda server: max(server.looks.values(), default=0) >= 3,
    }
    with host(Ending(statuses=statuses)) as server:
        arguments = [sys.executable, "-c", _CALL, f"{server.url}/v1", str(tmp_path), msgspec.json.encode(spec()).decode()]
        process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while not reached[moment](server):
            assert time.monotonic() < end
            time.sleep(0.002)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        server.ending = Ending()
        trained = trainer(server).train(tmp_path, spec(), nothing)

    assert trained.model == f"ft:{BASE}:org:attune:ftjob-1"
    assert trained.rows == {"liked": 15}
    assert trained.steps == 4
    assert len(server.jobs) == 1
    assert len(server.contents) == 2
    assert server.files == {}


@pytest.mark.parametrize(
    ("ending", "sentence"),
    [
        (Ending(("running", "failed"), {"code": "invalid_training_file", "message": "Line 3.", "param": "training_file"}), "Line 3"),
        (Ending(("running", "cancelled")), "cancelled at the host"),
        (Ending(("succeeded",), blocked=True), "blocked it after its own safety checks"),
        (Ending(refusal=(403, "training_not_available", "We are winding down.")), "may not train any more: OpenAI is winding"),
        (Ending(refusal=(403, "forbidden", "No.")), "not allowed to create the job"),
        (Ending(refusal=(401, "invalid_api_key", "No.")), "The key was refused"),
        (Ending(refusal=(429, "insufficient_quota", "No.")), "no money left to create the job"),
        (Ending(refusal=(429, "rate_limit_exceeded", "No.")), "asked too often"),
        (Ending(refusal=(400, "model_not_available", "This base cannot be trained.")), "refuses to create the job: This base cannot"),
        (Ending(refusal=(500, "server_error", "Oh.")), "failed to create the job"),
        (Ending(reads_files=False), "could not read the rows"),
    ],
)
def test_every_bad_ending_is_a_sentence_and_leaves_no_file(spec, tmp_path, ending, sentence):
    """What the host says becomes a sentence for the receipt; people's words do not stay there."""
    with host(ending) as server, pytest.raises(TrainingError, match=sentence):
        trainer(server).train(tmp_path, spec(), nothing)

    assert server.files == {}


def test_a_host_that_is_away_for_a_while_is_waited_for(spec, tmp_path):
    """The job goes on without us and costs, so a look that fails ends nothing, and the files stay while they are needed."""
    with host(Ending(away=4)) as server:
        assert trainer(server).train(tmp_path, spec(), nothing).model

    deleted = [place for place, asked in enumerate(server.asked) if asked.method == "DELETE"]
    looks = [place for place, asked in enumerate(server.asked) if asked.path == "/v1/fine_tuning/jobs/ftjob-1"]
    assert len(looks) == 4 + 5
    assert min(deleted) > max(looks)


@pytest.mark.parametrize(("table", "losses"), [("base64", [2.0, 1.0, 0.666667, 0.5]), ("none", [2.0, 1.0, 2.0 / 3, 0.5]), ("broken", None)])
def test_the_losses_come_from_events_or_from_the_table(spec, tmp_path, table, losses):
    """A host that tells no steps while it trains has a table at the end; a table that is none does no harm."""
    told: list[float | None] = []
    with host(Ending(table=table)) as server:
        trainer(server).train(tmp_path, spec(), lambda progress: told.append(progress.loss))

    assert told == (losses or [2.0, 1.0, 2.0 / 3, 0.5])


def test_an_unknown_status_is_waited_in(spec, tmp_path):
    """A host may learn new words: only the three that mean an end are one."""
    with host(Ending(("queued", "pausing", "paused", "running", "succeeded"))) as server:
        assert trainer(server).train(tmp_path, spec(), nothing).model


def test_a_job_that_never_ends_is_ended_by_the_budget(spec, tmp_path):
    """It is cancelled at the host, and the sentence names budget and status."""
    with host(Ending(("queued",))) as server, pytest.raises(TrainingError, match=r"ended after 0\.001 minutes.*'queued'"):
        trainer(server, minutes=0.001).train(tmp_path, spec(), nothing)

    assert [job["status"] for job in server.jobs.values()] == ["cancelled"]


def test_a_job_that_cannot_be_cancelled_is_named(spec, tmp_path):
    """It may go on and cost: a person has to see to it."""
    with host(Ending(("queued",), can_cancel=False)) as server, pytest.raises(TrainingError, match="ftjob-1 could not be cancelled"):
        trainer(server, minutes=0.001).train(tmp_path, spec(), nothing)


def test_a_person_stops_before_anything_is_sent(spec, tmp_path):
    """Asked for the end before there is a job, none is made."""
    with host() as server, pytest.raises(TrainingStopped, match="by a person"):
        trainer(server).train(tmp_path, spec(), nothing, lambda: True)

    assert (server.jobs, server.contents) == ({}, {})


def test_a_person_stops_a_job_for_good(spec, tmp_path):
    """The job is cancelled, and asked for again it is not begun anew."""
    with host(Ending(("running",))) as server:
        with pytest.raises(TrainingStopped, match="by a person"):
            trainer(server).train(tmp_path, spec(), nothing, lambda: bool(server.jobs))
        with pytest.raises(TrainingError, match="by a person"):
            trainer(server).train(tmp_path, spec(), nothing)

    assert [job["status"] for job in server.jobs.values()] == ["cancelled"]
    assert server.files == {}


def test_flagged_rows_are_left_out_and_counted(spec, tmp_path, rows):
    """What moderation flags is not sent, the receipt gets the number, and nothing of the words."""
    folder = tmp_path / "rows"
    folder.mkdir()
    (folder / "train.jsonl").write_text((rows / "train.jsonl").read_text().replace("I have 4 apples", "I have 4 forbidden apples"))
    held = (rows / "holdout.jsonl").read_text().splitlines()[1:3]
    (folder / "holdout.jsonl").write_text("\n".join(held).replace("I have 2 pears", "I have 2 forbidden pears"))
    with host() as server:
        trained = trainer(server).train(tmp_path / "run", spec(dataset=folder), nothing)

    assert trained.rows == {"liked": 14}
    assert trained.notes == [
        "Moderation flagged 1 of 15 rows, which were left out.",
        "Moderation flagged 1 of 2 held-out rows, which were left out.",
    ]
    assert not any(b"forbidden" in content for content in server.contents.values())
    assert "apples" not in (tmp_path / "run" / "job.json").read_text()


def test_a_host_without_moderation_says_so(spec, tmp_path):
    """Another host than OpenAI may have none; the receipt says that nothing was moderated."""
    with host(Ending(moderates=False)) as server:
        assert trainer(server).train(tmp_path, spec(), nothing).notes == ["This host has no moderation, so the rows were sent without."]


def test_what_cannot_be_done_is_said_before_anything_is_sent(spec, tmp_path):
    """A method the host does not know, too few rows, a base that is not there or soon gone, money: refused, and nothing was made."""
    few = write_dataset(tmp_path / "few", rows=8)
    cases: list[tuple[RunSpec, Ending, float, str]] = [
        (spec("kto"), Ending(), 10, r"trains SFT and DPO, and not KTO\. Set learning\.method"),
        (spec(dataset=few), Ending(), 10, "needs at least 10 rows here, and there are 4"),
        (spec(base="gpt-0"), Ending(), 10, "There is no base model 'gpt-0'"),
        (spec(), Ending(shutdown="2026-01-14"), 10, "is shut down on 2026-01-14"),
        (spec(), Ending(), 0, "Nobody told the price"),
    ]
    for asked, ending, dollars, sentence in cases:
        with host(ending) as server, pytest.raises(TrainingError, match=sentence):
            trainer(server, dollars=dollars).estimate(asked)
        assert (server.jobs, server.contents) == ({}, {})
    with pytest.raises(TrainingError, match="cannot be reached"):
        OpenAITrainer("http://127.0.0.1:1/v1", "key", minutes=1, dollars=1, pause=0.01).estimate(spec())


def test_the_trainer_is_named_by_the_persona(spec, tmp_path):
    """`openai` is the account of the environment, another name a provider of attune.toml; a name that nobody answers to is refused."""
    with host() as server:
        (tmp_path / "attune.toml").write_text(f'[providers.forge]\nkind = "openai"\nbase_url = "{server.url}/v1"\n')
        trainers = Trainers(Settings(providers=tmp_path / "attune.toml", openai_base_url=f"{server.url}/v1"))
        for name in ("openai", "forge"):
            assert "SFT of gpt-4.1-mini" in trainers.trainer_of(friend(name)).estimate(spec()).words
        with pytest.raises(TrainingError, match="There is no trainer 'nowhere'"):
            trainers.trainer_of(friend("nowhere"))


def test_no_connection_outlives_its_run(spec, tmp_path):
    """However a run or an estimate ends, its connections are closed then, not when the trainer goes."""
    with host() as server:
        kept = trainer(server)
        kept.estimate(spec())
        kept.train(tmp_path, spec(), nothing)
        with pytest.raises(TrainingError, match="There is no base model"):
            kept.estimate(spec(base="gpt-0"))
        until(lambda: not server.connected, 10, "end of the connections")


def friend(trainer: str) -> Persona:
    """A persona that is trained by this trainer."""
    settings = {"title": "Friend", "models": ["a:b"], "learning": {"trainer": trainer}}
    return Persona(name="friend", settings=msgspec.convert(settings, PersonaSettings), template="You are Friend.")


def test_openai_itself_has_a_last_day():
    """From the day on which nobody can create a job there, that is said before anything is asked."""
    openai_itself = OpenAI(api_key="key", base_url="https://api.openai.com/v1", max_retries=0)
    with openai_itself as client, pytest.raises(TrainingError, match=r"closed its fine-tuning.*Set learning\.trainer"):
        check_account(client, BASE, today=date(2027, 1, 6))


def test_a_known_price_is_held_to_the_budget():
    """OpenAI's own prices are known by the longest name that fits; nobody knows those of another host."""
    openai = "https://api.openai.com/v1"
    assert price_of("gpt-4.1-mini-2025-04-14", 900_000, openai) == 4.5
    assert price_of("ft:gpt-4.1-2025-04-14:org:friend:1", 2_000_000, openai) == 50.0
    assert price_of("gpt-9", 1, openai) is None
    assert price_of("gpt-4.1-mini-2025-04-14", 1, "https://tuning.example/v1") is None


def test_the_schemas_are_those_of_the_description():
    """What the stand-in is held to is OpenAI's own, but for what only explains; the description is at hand where the project is built."""
    kept = json.loads(SCHEMAS.read_text("utf-8"))
    assert "MIT License" in kept["license"]
    whole = json.loads(SHARED.read_text("utf-8")) if SHARED.exists() else kept
    for name, schema in kept["components"]["schemas"].items():
        assert _without_words(whole["components"]["schemas"][name]) == schema


def _without_words(schema: Any, *, named: bool = False) -> Any:
    """A schema without what only explains; in a mapping of names (`named`) every key is one."""
    if isinstance(schema, list):
        return [_without_words(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    words = {"deprecated", "description", "example", "title"}
    return {
        key: _without_words(part, named=key == "properties" and not named)
        for key, part in schema.items()
        if named or (key not in words and not key.startswith("x-"))
    }
