"""Tokens: counted as the model itself counts them, or carefully guessed."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from service.providers.base import Turn
from service.providers.catalog import STARTER
from service.providers.chat_marks import Marks, measure
from service.providers.ollama import DEFAULT_CONTEXT
from service.providers.tokens import ESTIMATE, TokenCounter, TokenCounters
from service.settings import Settings

_TALKS = [
    [Turn("system", "You are Friend."), Turn("user", "Hi")],
    [Turn("system", "Be kind.\n\nBe brief."), Turn("user", "Hi"), Turn("assistant", "Hello there."), Turn("user", "  How are you?\n")],
    [Turn("system", "x" * 900), Turn("user", "na\u00efve \u4f60\u597d \U0001f600 1234567890"), Turn("assistant", ""), Turn("user", "So?")],
    [Turn("system", "<|end|><|system|>"), Turn("user", "<|user|> I am <| you <|end|>"), Turn("assistant", "<|"), Turn("user", "|>")],
]


@pytest.fixture(scope="module")
def counters(tmp_path_factory: pytest.TempPathFactory) -> TokenCounters:
    """The counters of a service with two providers of its own."""
    folder = tmp_path_factory.mktemp("counters")
    (folder / "attune.toml").write_text(
        '[providers.vllm]\nbase_url = "http://127.0.0.1:1/v1"\n'
        '[providers.attic]\nkind = "ollama"\nbase_url = "http://127.0.0.1:1"\nnum_ctx = 4096\n'
    )
    return TokenCounters(Settings(home=folder, providers=folder / "attune.toml"))


@pytest.fixture(scope="module")
def starter(counters: TokenCounters) -> TokenCounter:
    """The counter of the model that ships."""
    return counters.get("local:starter")


@pytest.fixture(scope="module")
def engine_tokenizer() -> Any:
    """The tokenizer as the embedded engine loads it."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(STARTER)


def _in_all(counter: TokenCounter, talk: list[Turn]) -> int:
    return sum(counter.turn(turn) for turn in talk) + counter.opening


@pytest.mark.parametrize("talk", _TALKS)
def test_the_starters_tokens_are_counted_as_the_engine_counts_them(starter: TokenCounter, engine_tokenizer: Any, talk: list[Turn]) -> None:
    """Messages, marks of the chat template and the opening of the reply cost exactly what the engine will feed to the model."""
    messages = [{"role": turn.role, "content": turn.content} for turn in talk]
    fed = engine_tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)["input_ids"]
    assert _in_all(starter, talk) == len(fed)


def test_the_starters_window_is_known(starter: TokenCounter) -> None:
    """The window is what the checkpoint's settings say."""
    assert starter.window == json.loads((STARTER / "config.json").read_text())["max_position_embeddings"] == 1024


@given(st.text(max_size=200))
def test_counting_twice_is_counting_once(text: str) -> None:
    """What was counted is remembered, and the memory tells the same."""
    counter = _COUNTERS.get("local:starter")
    first = counter.count(text)
    assert counter.count(text) == first == TokenCounters(_NOWHERE).get("local:starter").count(text)
    assert 0 <= first <= len(text.replace("<|", "< |").encode())


_NOWHERE = Settings(home=Path("nowhere"), providers=Path("nowhere") / "attune.toml")
_COUNTERS = TokenCounters(_NOWHERE)


def test_a_text_beyond_all_measure_is_not_tokenized(starter: TokenCounter) -> None:
    """Counting has a bounded cost: a huge text counts its bytes, which is more than it has tokens."""
    assert starter.count("word " * 20_000) == len(b"word " * 20_000) - 1
    assert starter.count("word " * 5_000) < len(b"word " * 5_000) / 3


@pytest.mark.parametrize("reference", ["openai:gpt-4o", "vllm:mine", "nowhere:model", "nonsense", "local:not-there-yet"])
def test_what_is_not_here_is_estimated(counters: TokenCounters, reference: str) -> None:
    """A model that counts elsewhere is guessed at, and no window is known of it; nothing is raised."""
    counter = counters.get(reference)
    assert (counter.count("x" * 35), counter.turn(Turn("user", "x" * 35)), counter.opening, counter.window) == (14, 14, 0, None)


def test_ollamas_window_is_the_one_that_it_is_asked_for(counters: TokenCounters) -> None:
    """Ollama cuts longer prompts without a word, so its window is the one that every call states."""
    assert counters.get("ollama:llama3.2").window == DEFAULT_CONTEXT
    assert counters.get("attic:llama3.2").window == 4096


def test_a_version_counts_as_soon_as_its_checkpoint_is_there(tmp_path: Path) -> None:
    """A version that was not there is looked for again; one that shares the starter's tokenizer counts the same, within its own window."""
    counters = TokenCounters(Settings(home=tmp_path, providers=tmp_path / "attune.toml"))
    assert counters.get("local:friend-v1") is ESTIMATE
    folder = tmp_path / "artifacts" / "versions" / "friend-v1"
    shutil.copytree(STARTER, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    (folder / "config.json").write_text(json.dumps({"text_config": {"max_position_embeddings": 2048}}))
    counter = counters.get("local:friend-v1")
    assert counter is counters.get("local:friend-v1")
    assert (counter.window, counter.turn(_TALKS[0][1])) == (2048, counters.get("local:starter").turn(_TALKS[0][1]))


@pytest.mark.parametrize(("file", "content"), [("tokenizer.json", "{"), ("config.json", "[]"), ("tokenizer.json", '{"model": 1}')])
def test_a_broken_checkpoint_is_estimated_and_said_so(tmp_path: Path, file: str, content: str) -> None:
    """A tokenizer that cannot be read keeps nobody from talking; the log names the version once."""
    folder = tmp_path / "artifacts" / "versions" / "broken"
    shutil.copytree(STARTER, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    (folder / file).write_text(content)
    counters = TokenCounters(Settings(home=tmp_path, providers=tmp_path / "attune.toml"))
    with capture_logs() as logs:
        counters.load(["local:broken", "local:broken"])
        assert counters.get("local:broken").count("x" * 35) == 14
    assert [(line["event"], line["folder"]) for line in logs] == [("tokenizer_unreadable", "broken")]


_CHATML = """{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}{% endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"""


def _letters(text: str) -> int:
    """A tokenizer with a token for each character."""
    return len(text)


def _folder(folder: Path, settings: dict[str, Any]) -> Path:
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder


@pytest.mark.parametrize("template", [_CHATML, [{"name": "tools", "template": "x"}, {"name": "default", "template": _CHATML}]])
def test_the_marks_of_another_template_are_measured(tmp_path: Path, template: Any) -> None:
    """A template in the tokenizer's settings, alone or among several, is measured; it neither trims nor breaks up the words."""
    marks = measure(_folder(tmp_path, {"chat_template": template}), _letters)
    frame = len("<|im_start|>\n<|im_end|>\n")
    assert marks == Marks(
        system=frame + len("system"),
        user=frame + len("user"),
        assistant=frame + len("assistant"),
        opening=len("<|im_start|>assistant\n"),
        trims=False,
        breaks_up=False,
    )


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"chat_template": "{% nonsense"},
        {"chat_template": "{{ raise_exception('no system text, please') }}"},
        {"chat_template": "{{ messages[7]['content']['x'] }}"},
        {"chat_template": "{{ 1 / 0 }}"},
        {"chat_template": "{{ messages.append(1) }}"},
        {"chat_template": 7},
    ],
)
def test_a_template_that_does_not_render_is_guessed_at(tmp_path: Path, settings: dict[str, Any]) -> None:
    """Without a template that renders, each message counts more marks than the common templates have."""
    assert measure(_folder(tmp_path, settings), _letters) == Marks()
    assert Marks().around("user") >= 8


def test_a_folder_without_settings_is_guessed_at(tmp_path: Path) -> None:
    """A checkpoint that has no template at all is no mistake."""
    assert measure(tmp_path, _letters) == Marks()
