import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from service.errors import NotFound, PersonaError
from service.personas.shelf import Expectation, Golden, Message, Probe, Seed, read_personas, survey
from tests.processes import ROOT

SHIPPED = ROOT / "persona_prompts"


def turns(*texts: str) -> str:
    """A line of a seed file: user and assistant in turn."""
    return json.dumps(
        {"messages": [{"role": ("user", "assistant")[place % 2], "content": text} for place, text in enumerate(texts)]},
        ensure_ascii=False,
    )


@pytest.mark.parametrize("name", ["friend", "mentor"])
def test_the_shipped_personas_are_whole(name: str) -> None:
    """Each persona that ships is readable, with 30 seeds or more and 20 probes or more, about all that probes are about."""
    personas = read_personas(SHIPPED)
    persona = personas.get(name)
    assert persona.prompt() and persona.settings.models == ["local:starter"]
    seeds, probes = personas.seeds(name), personas.own_probes(name)
    assert len(seeds) >= 30 and len(probes) >= 20
    assert {probe.about for probe in probes} == {"identity", "honesty", "safety", "kindness", "disagreement", "form"}
    assert len({seed.messages[0].content for seed in seeds}) == len(seeds)
    assert not {message.content for seed in seeds for message in seed.messages} & {probe.ask for probe in probes}
    kinds = Counter(seed.kind for seed in seeds)
    assert kinds["voice"] >= 30 and kinds["adversarial"] >= 10 and kinds["broken"] >= 6 and kinds["off_topic"] >= 6


def test_the_shipped_safety_seeds_refuse_and_also_help() -> None:
    """Forty or more that must be refused, as many that only look so; nobody is put off for a word, and nobody in danger left without a way.

    None is a question that a persona is probed with: what is trained on cannot be an examination.
    """
    personas = read_personas(SHIPPED)
    seeds = personas.safety_seeds()
    kinds = Counter(seed.kind for seed in seeds)
    assert kinds["unsafe"] >= 40 and kinds["look_alike"] >= kinds["unsafe"]
    asked = {seed.messages[0].content for seed in seeds}
    assert len(asked) == len(seeds)
    for name in ("friend", "mentor"):
        assert not asked & {probe.ask for probe in personas.probes(name)}
        assert not asked & {message.content for seed in personas.seeds(name) for message in seed.messages}
    put_off = ("I will not", "I can't", "help line", "crisis line", "emergency number")
    assert [seed for seed in seeds if seed.kind == "look_alike" and any(words in seed.messages[-1].content for words in put_off)] == []
    danger = ("kill myself", "hurt myself", "do not wake up", "not jump", "cut my arm", "least painful", "goodbye letter", "end it tonight")
    in_danger = [seed for seed in seeds if any(words in seed.messages[0].content for words in danger)]
    assert len(in_danger) == len(danger)
    for seed in in_danger:
        assert seed.kind == "unsafe" and ("crisis line" in seed.messages[-1].content or "emergency number" in seed.messages[-1].content)
    for seed in seeds:
        assert len(seed.messages[-1].content.split()) <= 45, "short, as the personas speak"


def test_a_folder_is_all_its_personas_by_name(write: Callable[..., Path], tmp_path: Path) -> None:
    """Every .md of the folder is a persona, in the order of their names; other files are none."""
    write(name="mentor")
    write(name="friend")
    (tmp_path / "notes.txt").write_text("nothing")
    personas = read_personas(tmp_path)
    assert [persona.name for persona in personas] == ["friend", "mentor"]
    assert personas.get("mentor").name == "mentor"
    with pytest.raises(NotFound, match=r"no persona 'foe'\. There are: friend, mentor\.") as refused:
        personas.get("foe")
    assert (refused.value.code, refused.value.param) == ("persona_not_found", "model")


def test_one_bad_file_stops_the_start(write: Callable[..., Path], tmp_path: Path) -> None:
    """The service does not start with half of its personas: the bad one is named."""
    write()
    write(settings="title: X", name="mentor")
    with pytest.raises(PersonaError, match=r"mentor\.md:2"):
        read_personas(tmp_path)


def test_all_that_is_good_is_found_beside_what_is_wrong(write: Callable[..., Path], tmp_path: Path) -> None:
    """A survey reads every good file and names what is wrong with each other one; what its owner asks for is then refused in its words."""
    write()
    write(settings="title: X", name="mentor")
    (tmp_path / "safety.txt").write_text("Be careful.\n")
    found = survey(tmp_path)
    assert ([persona.name for persona in found], len(found), "mentor" in found) == (["friend"], 1, False)
    assert list(found.troubles) == ["mentor"]
    assert (found.safety, found.require("friend").safety) == ("Be careful.", "Be careful.")
    with pytest.raises(PersonaError, match=r"mentor\.md:2"):
        found.require("mentor")
    with pytest.raises(NotFound):
        found.get("mentor")
    with pytest.raises(NotFound):
        found.require("ghost")
    (tmp_path / "safety.txt").write_bytes(b"\xff")
    assert list(survey(tmp_path).troubles) == ["safety.txt", "mentor"]
    with pytest.raises(PersonaError, match="safety"):
        read_personas(tmp_path)


def test_the_shipped_safety_text_is_short_and_simple() -> None:
    """It ships with the personas and leaves the small model's window to the talk: at most 90 words."""
    safety = read_personas(SHIPPED).get("friend").safety
    assert "crisis line or the emergency number" in safety and "you are an AI" in safety
    assert 20 < len(safety.split()) <= 90


def test_a_folder_without_personas_is_said(tmp_path: Path) -> None:
    """An empty folder and one that does not exist end in the same sentence, with the way out."""
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(PersonaError, match="ATTUNE_PERSONAS"):
            read_personas(folder)


def test_seeds_are_read_line_by_line(write: Callable[..., Path], tmp_path: Path) -> None:
    """A seed is one line of JSON; blank lines, a last line without an end, and odd characters within a text do no harm."""
    write()
    odd = "one\u2028two\u0085three\x0bfour"
    (tmp_path / "friend.seeds.jsonl").write_text(f"{turns('Hi.', 'Hey!')}\r\n\n{turns('a', odd, 'b', 'c')}", encoding="utf-8", newline="")
    first, second = read_personas(tmp_path).seeds("friend")
    assert first == Seed([Message("user", "Hi."), Message("assistant", "Hey!")])
    assert [message.content for message in second.messages] == ["a", odd, "b", "c"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "truncated"),
        ("nonsense", "malformed"),
        ("[]", "Expected `object`, got `array`"),
        ("{}", "missing required field `messages`"),
        ('{"messages": []}', "user and assistant in turn"),
        (turns("Hi."), "user and assistant in turn"),
        (turns("a", "b", "c"), "user and assistant in turn"),
        (
            '{"messages": [{"role": "assistant", "content": "a"}, {"role": "user", "content": "b"}]}',
            "user and assistant in turn",
        ),
        (
            '{"messages": [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}, {"role": "assistant", "content": "c"}]}',
            "user and assistant in turn",
        ),
        ('{"messages": [{"role": "bot", "content": "a"}]}', "Invalid enum value 'bot'"),
        ('{"messages": [{"role": "user", "content": 5}]}', "Expected `str`, got `int`"),
        ('{"mesages": []}', "unknown field `mesages`"),
        (turns("a", "b")[:-1] + ', "note": 1}', "unknown field `note`"),
        (turns("a", "b")[:-1] + ', "kind": "odd"}', "Invalid enum value 'odd'"),
        (turns("a", "b")[:-1] + ', "kind": "unsafe"}', "one of voice, adversarial, broken, off_topic in this file"),
    ],
)
def test_a_mistake_in_a_seed_is_told_with_its_line(write: Callable[..., Path], tmp_path: Path, line: str, words: str) -> None:
    """A seed that cannot be trained on is refused with file and line."""
    write()
    path = tmp_path / "friend.seeds.jsonl"
    path.write_text(f"{turns('a', 'b')}\n\n{line}\n")
    with pytest.raises(PersonaError) as refused:
        read_personas(tmp_path).seeds("friend")
    assert refused.value.message.startswith(f"{path}:3: ") and words in refused.value.message


def test_a_seed_may_say_what_it_shows(write: Callable[..., Path], tmp_path: Path) -> None:
    """Without a kind it shows the voice. Those about safety lie beside all personas, and each says which of the two kinds it is."""
    write()
    personas = read_personas(tmp_path)
    assert personas.safety_seeds() == []
    (tmp_path / "friend.seeds.jsonl").write_text(turns("a", "b") + "\n" + turns("c", "d")[:-1] + ', "kind": "broken"}\n')
    assert [seed.kind for seed in personas.seeds("friend")] == ["voice", "broken"]
    path = tmp_path / "safety.seeds.jsonl"
    path.write_text(turns("a", "b")[:-1] + ', "kind": "look_alike"}\n')
    assert personas.safety_seeds() == [Seed([Message("user", "a"), Message("assistant", "b")], kind="look_alike")]
    path.write_text(f"{turns('a', 'b')}\n")
    with pytest.raises(PersonaError) as refused:
        personas.safety_seeds()
    assert refused.value.message == f"{path}:1: the kind of a seed is one of unsafe, look_alike in this file."


def test_no_persona_can_be_named_safety(write: Callable[..., Path], tmp_path: Path) -> None:
    """Its seeds would be those about safety."""
    write(name="safety")
    with pytest.raises(
        PersonaError, match=r"safety\.md: no persona can be named safety, because safety\.seeds\.jsonl is about all of them"
    ):
        read_personas(tmp_path)


def test_every_mistake_of_the_seeds_is_found_at_once(write: Callable[..., Path], tmp_path: Path) -> None:
    """The first is the error's sentence, the others come with it."""
    write()
    path = tmp_path / "friend.seeds.jsonl"
    path.write_text(f"{{\n{turns('a', 'b')}\n{turns('a')}\n")
    with pytest.raises(PersonaError) as refused:
        read_personas(tmp_path).seeds("friend")
    assert refused.value.message.startswith(f"{path}:1: ")
    assert refused.value.further == [f"{path}:3: a seed is user and assistant in turn, and ends with the assistant."]


def test_shared_probes_are_asked_of_every_persona() -> None:
    """They come after the persona's own, are about what its own need not be about, and pass as probes do."""
    personas = read_personas(Path(__file__).parent.parent.parent / "persona_prompts")
    own, every = personas.own_probes("friend"), personas.probes("friend")
    shared = every[len(own) :]
    assert every[: len(own)] == own
    assert personas.probes("mentor")[-len(shared) :] == shared
    assert {probe.about for probe in shared} == {"over_refusal", "vulnerable", "flattery", "safety"}
    assert all(probe.expect.contains or probe.expect.avoids for probe in shared)


def test_probes_are_read_with_their_defaults(write: Callable[..., Path], tmp_path: Path) -> None:
    """A probe needs a question and what it is about; what is not expected is not checked."""
    write()
    (tmp_path / "friend.probes.yaml").write_text(
        "- ask: Are you a person?\n  about: honesty\n  expect: {contains: [AI], question: false}\n- {ask: Hi., about: form}\n"
    )
    expected = [Probe(ask="Are you a person?", about="honesty", expect=Expectation(contains=["AI"], question=False))]
    assert read_personas(tmp_path).own_probes("friend") == [*expected, Probe(ask="Hi.", about="form")]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("- ask: Hi.\n", 1, "missing required field `about`"),
        ("- ask: Hi.\n  about: form\n- ask: Ho.\n  about: weather\n", 4, "[1].about: Invalid enum value 'weather'"),
        ("- ask: Hi.\n  about: form\n  expcet: {}\n", 3, "unknown key 'expcet'. The nearest known key is 'expect'"),
        ("- ask: Hi.\n  about: form\n  expect:\n    maxwords: 5\n", 4, "unknown key 'maxwords'. The nearest known key is 'max_words'"),
        ("- ask: Hi.\n  about: form\n  expect:\n    contains: AI\n", 4, "[0].expect.contains: Expected `array`, got `str`"),
        ("ask: Hi.\n", 1, "Expected `array`, got `object`"),
        ("- ask: [\n", 2, "this is not YAML"),
        ("", 1, "Expected `array`, got `null`"),
    ],
)
def test_a_mistake_in_a_probe_is_told_with_its_line(write: Callable[..., Path], tmp_path: Path, text: str, line: int, words: str) -> None:
    """A probe that cannot be asked is refused with file, line and the nearest known key."""
    write()
    path = tmp_path / "friend.probes.yaml"
    path.write_text(text)
    with pytest.raises(PersonaError) as refused:
        read_personas(tmp_path).own_probes("friend")
    assert refused.value.message.startswith(f"{path}:{line}: ") and words in refused.value.message


def test_a_persona_needs_neither_seeds_nor_probes(write: Callable[..., Path], tmp_path: Path) -> None:
    """Without these files there are none, and that is fine."""
    write()
    personas = read_personas(tmp_path)
    assert (personas.seeds("friend"), personas.own_probes("friend")) == ([], [])


def test_files_beside_a_persona_that_are_no_text_are_refused(write: Callable[..., Path], tmp_path: Path) -> None:
    """Bytes that are not UTF-8 are told in words, not as a traceback."""
    write()
    for name in ("friend.seeds.jsonl", "friend.probes.yaml"):
        (tmp_path / name).write_bytes(b"\xff\xfe")
    personas = read_personas(tmp_path)
    for read in (personas.seeds, personas.probes):
        with pytest.raises(PersonaError, match="UTF-8"):
            read("friend")


def test_golden_rows_lie_beside_the_persona(write: Callable[..., Path], tmp_path: Path) -> None:
    """A golden row is turns that end with a reply, good unless it says otherwise; whoever has no file has none."""
    write()
    assert read_personas(tmp_path).golden("friend") == []
    bad = json.loads(turns("Hi", "Go away.")) | {"label": False, "exchange": "e1", "opening": "Hello"}
    (tmp_path / "friend.golden.jsonl").write_text(f"{turns('Hi', 'Hey!')}\n\n{json.dumps(bad)}\n", "utf-8")

    assert read_personas(tmp_path).golden("friend") == [
        Golden(messages=[Message("user", "Hi"), Message("assistant", "Hey!")]),
        Golden(messages=[Message("user", "Hi"), Message("assistant", "Go away.")], label=False, exchange="e1", opening="Hello"),
    ]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (turns("Hi"), "ends with a user's message and the assistant's reply"),
        ('{"messages": []}', "ends with a user's message and the assistant's reply"),
        ('{"messages": [], "rating": "up"}', "unknown field `rating`"),
        ('{"messages": [], "label": "bad"}', "label"),
        ("nonsense", "malformed"),
    ],
)
def test_a_broken_golden_row_is_named_with_its_line(write: Callable[..., Path], tmp_path: Path, line: str, complaint: str) -> None:
    """The file, the line, and what a golden row must be."""
    write()
    (tmp_path / "friend.golden.jsonl").write_text(f"{turns('Hi', 'Hey!')}\n{line}\n", "utf-8")

    with pytest.raises(PersonaError, match=rf"friend\.golden\.jsonl:2: .*{complaint}"):
        read_personas(tmp_path).golden("friend")
