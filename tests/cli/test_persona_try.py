"""`attune persona try`: the same messages through texts and models, side by side."""

import csv
import io
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from service.personas.persona import fingerprint
from tests.cli.conftest import Ended, Shell
from tests.processes import ROOT, free_port, until
from tests.web.upstream import Served, Upstream

Bench = Callable[..., Ended]


@pytest.fixture(scope="module")
def upstream() -> Iterator[tuple[Upstream, str]]:
    """The scripted model and its base URL."""
    model = Upstream()
    with Served(model) as served:
        yield model, f"{served.url}/v1"


@pytest.fixture
def bench(here: Shell, upstream: tuple[Upstream, str]) -> Bench:
    """`attune persona try friend` on the scripted models; `Hi.` and `How are you?` are asked unless told otherwise."""
    toml = here.folder / "attune.toml"
    toml.write_text(f'[providers.test]\nbase_url = "{upstream[1]}"\nretries = 0\n')
    prompts = here.folder / "prompts.txt"
    prompts.write_text("Hi.\nHow are you?\n")
    upstream[0].asked.clear()

    def run(*arguments: str, **settings: str) -> Ended:
        asked = [] if "--prompts" in arguments else ["--prompts", str(prompts)]
        return here("persona", "try", "friend", *asked, *arguments, ATTUNE_PROVIDERS=str(toml), **settings)

    return run


def replies(document: dict[str, Any], column: int) -> list[str]:
    """What a column says, by conversation and sample."""
    return [reply["reply"] for row in document["rows"] for reply in row["replies"] if reply["column"] == column]


def test_models_stand_side_by_side(bench: Bench) -> None:
    """On a wide terminal each message is a row and each model a column, with the figures of each below."""
    ended = bench("--models", "test:echo,test:names")
    assert (ended.code, ended.err) == (0, "Asking 4 questions.\n")
    lines = [[cell.strip() for cell in line.replace("┃", "│").split("│") if cell.strip()] for line in ended.out.splitlines()]
    assert ["message", "test:echo", "test:names"] in lines
    assert ["Hi.", "You said: Hi.", "I am names."] in lines
    assert ["How are you?", "You said: How are you?", "I am names."] in lines
    figures = [" ".join(line.split()) for line in ended.out.splitlines()]
    assert "words per reply 4 3" in figures
    assert "end in a question 50% 0%" in figures


def test_on_a_narrow_terminal_replies_stand_below_each_other(bench: Bench) -> None:
    """Columns too narrow to read are not made."""
    ended = bench("--models", "test:echo,test:names", COLUMNS="60")
    assert ended.out.startswith("Hi.\n  test:echo: You said: Hi.\n  test:names: I am names.\n\nHow are you?\n")


def test_the_document_holds_everything(bench: Bench, here: Shell) -> None:
    """--json: each column with text and model, each reply with seed, seconds and tokens, and the figures."""
    document = bench("--models", "test:echo,test:names", "--samples", "3", "--json").document
    assert document["persona"] == "friend"
    text = (here.personas / "friend.md").read_text()
    echo = document["columns"][0]
    assert (echo["label"], echo["variant"], echo["model"], echo["error"]) == ("test:echo", "friend", "test:echo", None)
    assert (echo["revision"], echo["fingerprint"]) == (fingerprint(text), fingerprint("You are Friend."))
    assert replies(document, 0) == ["You said: Hi."] * 3 + ["You said: How are you?"] * 3
    told = document["rows"][0]["replies"][0]
    assert (told["error"], told["finish_reason"], told["prompt_tokens"], told["completion_tokens"]) == (None, "stop", 7, 3)
    assert 0 <= told["first_seconds"] <= told["seconds"]
    assert [reply["seed"] for reply in document["rows"][0]["replies"] if reply["column"] == 0] == [0, 1, 2]
    figures = echo["figures"]
    assert (figures["asked"], figures["words"], figures["questions"], figures["failed"], figures["empty"]) == (6, 4.0, 0.5, 0, 0)
    assert (figures["passed"], figures["prompt_tokens"], figures["completion_tokens"]) == (None, 7, 3)


def test_csv_has_a_line_per_reply(bench: Bench) -> None:
    """Any spreadsheet reads it."""
    ended = bench("--models", "test:echo,test:refusing", "--csv")
    lines = list(csv.DictReader(io.StringIO(ended.out)))
    assert [(line["model"], line["message"], line["reply"], bool(line["error"])) for line in lines] == [
        ("test:echo", "Hi.", "You said: Hi.", False),
        ("test:echo", "How are you?", "You said: How are you?", False),
        ("test:refusing", "Hi.", "", True),
        ("test:refusing", "How are you?", "", True),
    ]
    assert bench("--json", "--csv").code == 2


def test_texts_are_compared_too(bench: Bench, here: Shell, upstream: tuple[Upstream, str]) -> None:
    """A variant is a persona file of its own, with its own sampling, or only another prompt; the safety text goes with each."""
    (here.personas / "safety.txt").write_text("Be careful.")
    pirate, whole = here.folder / "pirate.txt", here.folder / "whole.md"
    pirate.write_text("You are a pirate called {{ char }}.\n")
    whole.write_text("---\ntitle: Captain\nmodels: [test:echo]\nsampling: {max_tokens: 33}\n---\nYou are {{ char }}.\n")
    document = bench("--models", "test:names", "--variants", f"{pirate},{whole}", "--json").document
    assert [column["label"] for column in document["columns"]] == ["friend", "pirate", "whole"]
    systems = [(asked["messages"][0]["content"], asked["max_tokens"]) for asked in upstream[0].asked]
    assert len(systems) == 6
    for start, most in (("You are Friend.", 256), ("You are a pirate called Friend.", 256), ("You are Captain.", 33)):
        assert sum(text.startswith(start) and "Be careful." in text and tokens == most for text, tokens in systems) == 2
    both = bench("--models", "test:names,test:echo", "--variants", str(pirate), "--json").document
    assert [column["label"] for column in both["columns"]] == [
        "friend test:names",
        "friend test:echo",
        "pirate test:names",
        "pirate test:echo",
    ]


def test_without_prompts_the_probes_are_asked_and_judged(here: Shell, bench: Bench) -> None:
    """The share that meets the persona's expectations is a figure, and what failed stands beside the reply."""
    (here.personas / "friend.probes.yaml").write_text(
        "- {ask: 'Say one.', about: form, expect: {contains: [one]}}\n- {ask: 'Say two.', about: form, expect: {contains: [three]}}\n"
    )
    toml = str(here.folder / "attune.toml")
    ended = here("persona", "try", "friend", "--models", "test:echo", "--json", ATTUNE_PROVIDERS=toml)
    assert ended.document["columns"][0]["figures"]["passed"] == 0.5
    assert [row["replies"][0]["failed"] for row in ended.document["rows"]] == [[], ["contains"]]
    refused = here("persona", "try", "mentor", "--models", "test:echo", ATTUNE_PROVIDERS=toml)
    assert refused.code == 2
    assert "The persona mentor has no probes. Say what to ask: --prompts FILE" in refused.err


def test_a_model_that_cannot_be_had_is_a_column_in_words(bench: Bench, upstream: tuple[Upstream, str]) -> None:
    """It is given up after two questions, the others are asked on; the embedded engine's error says how to start it."""
    engine = f"http://127.0.0.1:{free_port()}"
    (prompts := upstream[0].asked).clear()
    ended = bench("--models", "test:refusing,local:starter,nowhere:x,test:echo", "--samples", "4", "--json", ATTUNE_ENGINE=engine)
    assert ended.code == 0
    refusing, local, nowhere, echo = ended.document["columns"]
    assert sum(asked["model"] == "refusing" for asked in prompts) == 2
    assert (refusing["figures"]["asked"], refusing["figures"]["failed"], echo["figures"]["asked"]) == (2, 1, 8)
    assert local["error"].endswith("Models of this machine need the embedded engine: attune up")
    assert nowhere["error"].startswith("There is no provider 'nowhere'.")
    assert (echo["error"], len(replies(ended.document, 3))) == (None, 8)


def test_when_nobody_answers_it_is_exit_5(bench: Bench) -> None:
    """The table is printed all the same, and each error in words."""
    ended = bench("--models", "test:refusing,nowhere:x")
    assert ended.code == 5
    assert "There is no provider 'nowhere'." in ended.err
    assert "100%" in ended.out


def test_an_empty_or_broken_reply_is_counted(bench: Bench) -> None:
    """Neither ends the column: the model can be had, and what it does is what is to be seen."""
    document = bench("--models", "test:empty,test:broken,test:echo", "--samples", "2", "--json").document
    empty, broken, _ = (column["figures"] for column in document["columns"])
    assert (empty["asked"], empty["empty"], empty["failed"]) == (4, 1, 0)
    assert (broken["asked"], broken["empty"], broken["failed"]) == (4, 0, 1)
    assert set(replies(document, 1)) == {"This will never"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--models", "starter"], "'starter' is not of the form provider:model"),
        (["--variants", "nowhere.md"], "nowhere.md: the file cannot be read"),
        (["--prompts", "nowhere.txt"], "does not exist"),
        (["--samples", "0"], "not in the range"),
    ],
)
def test_what_cannot_be_tried_is_said_before_anybody_is_asked(
    bench: Bench, upstream: tuple[Upstream, str], arguments: list[str], words: str
) -> None:
    """A mistake in the command costs no call."""
    ended = bench(*arguments)
    assert ended.code not in {0, 1}
    assert words in " ".join(ended.err.replace("│", " ").split())
    assert upstream[0].asked == []


def test_ctrl_c_keeps_what_is_there(bench: Bench, here: Shell, upstream: tuple[Upstream, str]) -> None:
    """What was answered before is printed, and the exit code says that it was interrupted."""
    bench("--models", "test:echo")
    upstream[0].asked.clear()
    upstream[0].close_gate()
    hears = "import runpy, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); sys.argv[0] = 'attune'; "
    command = [sys.executable, "-c", f"{hears}runpy.run_module('service', run_name='__main__')", "persona", "try", "friend"]
    options = ["--models", "test:echo,test:silent", "--prompts", str(here.folder / "prompts.txt"), "--json"]
    environment = {**here.environment, "ATTUNE_PROVIDERS": str(here.folder / "attune.toml")}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([*command, *options], env=environment, cwd=ROOT, text=True, **pipes) as process:
        try:
            until(lambda: any(asked["model"] == "silent" for asked in upstream[0].asked), 60, "question to the silent model")
            process.send_signal(signal.SIGINT)
            said, complaints = process.communicate(timeout=60)
        finally:
            process.kill()
            upstream[0].open_gate()
    assert process.returncode == 130, complaints
    assert complaints.splitlines()[-1] == "Interrupted; this is what is there."
    assert "Traceback" not in complaints
    assert "You said: Hi." in said
