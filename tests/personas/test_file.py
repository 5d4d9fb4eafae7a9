from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.errors import PersonaError
from service.personas.file import read_persona, read_safety
from service.personas.persona import PersonaSettings, fingerprint

GOOD = "title: Friend\nmodels: [local:starter]\n"


def complaint(path: Path) -> str:
    """What is said of a bad file, after the file's name."""
    with pytest.raises(PersonaError) as refused:
        read_persona(path)
    assert refused.value.message.startswith(str(path))
    return refused.value.message.removeprefix(str(path))


def keys_of(kind: type[msgspec.Struct], before: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every key of the front matter, with the keys it stands under."""
    found = []
    for field in msgspec.structs.fields(kind):
        found.append((*before, field.name))
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            found += keys_of(field.type, (*before, field.name))
    return found


def test_a_file_says_everything_about_a_persona(write: Callable[..., Path]) -> None:
    """Every section of the design's example reaches the settings, and the prompt is rendered with the file's variables."""
    persona = read_persona(
        write(
            """\
title: Friend
greeting: Hey. What's up?
models: [local:starter, "ollama:llama3.2:3b"]
variables: {user: Ben}
sampling: {temperature: 0.9, max_tokens: 200, frequency_penalty: 0.3, stop: ["\\n\\n"]}
memory: {max_tokens: 1000}
examples: 3                      # liked exchanges shown to the model as examples
reply: {strip_speaker: false, stop_at_other_speakers: true}
ratings: {up: [funny, caring], down: [mean]}
learning: {trainer: local, base: starter, method: kto, minimum: {liked: 5, each_label: 2}, budget: {minutes: 0.5}}
gate: {canary: 0.1}
widget: {origins: ["https://a.example", "http://localhost:8080", "http://[::1]:80", "*"]}
notice: {start: false, hours: 1.5}
compare: {share: 0.05}
crisis: {title: Help, text: Call., links: [{label: Ann, href: "tel:123"}]}""",
            "Your name is {{ char }}. You are talking with {{ user }}.",
        )
    )
    assert persona.name == "friend"
    assert persona.prompt() == "Your name is Friend. You are talking with Ben."
    told = persona.settings
    assert (told.greeting, told.models, told.examples) == ("Hey. What's up?", ["local:starter", "ollama:llama3.2:3b"], 3)
    assert (told.sampling.temperature, told.sampling.max_tokens, told.sampling.stop, told.sampling.top_p) == (0.9, 200, ["\n\n"], None)
    assert (told.memory.max_tokens, told.reply.strip_speaker, told.reply.stop_at_other_speakers) == (1000, False, True)
    assert (told.ratings.up, told.ratings.down) == (["funny", "caring"], ["mean"])
    assert (told.learning.method, told.learning.minimum.liked, told.learning.budget.minutes) == ("kto", 5, 0.5)
    assert told.gate.canary == 0.1
    assert told.widget.origins == ["https://a.example", "http://localhost:8080", "http://[::1]:80", "*"]
    assert (told.notice.start, told.notice.hours, told.compare.share) == (False, 1.5, 0.05)
    assert (told.crisis.title, told.crisis.text, [link.href for link in told.crisis.links]) == ("Help", "Call.", ["tel:123"])


def test_a_title_and_a_model_are_enough(write: Callable[..., Path]) -> None:
    """All else has a default: the smallest persona is three lines and a prompt."""
    told = read_persona(write()).settings
    assert told == PersonaSettings(title="Friend", models=["local:starter"])
    assert (told.learning.minimum.liked, told.learning.minimum.each_label, told.gate.canary) == (50, 20, 0.0)
    assert (told.widget.origins, told.notice.start, told.notice.hours, told.compare.share) == ([], True, 3, 0)


@pytest.mark.parametrize("keys", keys_of(PersonaSettings), ids=".".join)
def test_a_misspelt_key_is_refused_with_line_and_nearest(write: Callable[..., Path], keys: tuple[str, ...]) -> None:
    """For every key there is, at every depth: its misspelling is refused in its line, and the right one named."""
    lines = [f"{'  ' * depth}{key}:" for depth, key in enumerate(keys[:-1])]
    wrong = f"{keys[-1]}x"
    path = write(f"greeting: Hi.\n{chr(10).join(lines)}\n{'  ' * len(lines)}{wrong}: 1" if lines else f"greeting: Hi.\n\n{wrong}: 1")
    line = 3 + max(len(lines), 1)
    assert complaint(path) == f":{line}: unknown key '{wrong}'. The nearest known key is '{keys[-1]}'."


@pytest.mark.parametrize(
    ("settings", "line", "words"),
    [
        ("models: [local:starter]", 2, "missing required field `title`"),
        ("title: Friend", 2, "missing required field `models`"),
        ("title: 2024\nmodels: [a:b]", 2, "title: Expected `str`, got `int`"),
        ("title: ''\nmodels: [a:b]", 2, "title: Expected `str` of length >= 1"),
        ("title: 2024-13-45\nmodels: [a:b]", 2, "not YAML: month must be in 1..12"),
        ("title: Friend\n\nmodels: []", 4, "models: Expected `array` of length >= 1"),
        ("title: Friend\nmodels: local:starter", 3, "models: Expected `array`, got `str`"),
        ("title: Friend\nmodels:\n- local:starter\n- starter", 5, "models[1]: Expected `str` matching"),
        ("title: Friend\nmodels: [a:b]\ntitle: Again", 4, "the key 'title' is given twice"),
        (f"{GOOD}sampling:\n  max_tokens: 9\n  max_tokens: 8", 6, "the key 'max_tokens' is given twice"),
        (f"{GOOD}examples: many", 4, "examples: Expected `int`, got `str`"),
        (f"{GOOD}examples: -1", 4, "examples: Expected `int` >= 0"),
        (f"{GOOD}sampling: warm", 4, "sampling: Expected `object`, got `str`"),
        (f"{GOOD}sampling:\n  temperature: hot", 5, "sampling.temperature: Expected `float | null`, got `str`"),
        (f"{GOOD}sampling:\n  top_p: 0.5\n  temperature: 3", 6, "sampling.temperature: Expected `float` <= 2"),
        (f"{GOOD}sampling: {{max_tokens: 0}}", 4, "sampling.max_tokens: Expected `int` >= 1"),
        (f"{GOOD}sampling:\n  stop:\n  - a\n  - 5", 7, "sampling.stop[1]: Expected `str`, got `int`"),
        (f"{GOOD}memory: {{max_tokens: -5}}", 4, "memory.max_tokens: Expected `int` >= 1"),
        (f"{GOOD}variables:\n  user: Ben\n  age: 5", 6, "variables[...]: Expected `str`, got `int`"),
        (f"{GOOD}variables:\n  1: one", 4, "variables: Expected `str`, got `int` as a key"),
        (f"{GOOD}variables: [user]", 4, "variables: Expected `object`, got `array`"),
        (f"{GOOD}learning:\n  method: ppo", 5, "learning.method: Invalid enum value 'ppo'"),
        (f"{GOOD}learning:\n  minimum:\n    liked: -2", 6, "learning.minimum.liked: Expected `int` >= 0"),
        (f"{GOOD}learning: {{budget: {{minutes: 0}}}}", 4, "learning.budget.minutes: Expected `float` > 0"),
        (f"{GOOD}gate:\n  canary: 2", 5, "gate.canary: Expected `float` <= 1"),
        (f"{GOOD}widget:\n  origins:\n  - https://a.example\n  - https://a.example/blog", 7, "widget.origins[1]: Expected `str` matching"),
        (f"{GOOD}widget: {{origins: [a.example]}}", 4, "widget.origins[0]: Expected `str` matching"),
        (f'{GOOD}widget: {{origins: ["https://a.example; script-src *"]}}', 4, "widget.origins[0]: Expected `str` matching"),
        (f"{GOOD}notice:\n  hours: 0", 5, "notice.hours: Expected `float` > 0"),
        (f"{GOOD}compare: {{share: 2}}", 4, "compare.share: Expected `float` <= 1"),
        (f"{GOOD}crisis:\n  links:\n  - label: Ann", 6, "crisis.links[0]: Object missing required field `href`"),
        (f"{GOOD}crisis:\n  links:\n  - label: Ann\n    href: 'javascript:alert(1)'", 7, "crisis.links[0].href: Expected `str` matching"),
        (f"{GOOD}reply: {{strip_speaker: maybe}}", 4, "reply.strip_speaker: Expected `bool`, got `str`"),
        (f"{GOOD}ratings: {{up: funny}}", 4, "ratings.up: Expected `array`, got `str`"),
        (f"{GOOD}gate:", 4, "gate: Expected `object`, got `null`"),
        (f"{GOOD}greeting: [", 4, "this is not YAML"),
        (f"{GOOD}greeting: a: b", 4, "this is not YAML: mapping values are not allowed here"),
        (f"{GOOD}\tgreeting: Hi", 4, "this is not YAML"),
        (f"{GOOD}greeting: !!python/object/apply:os.system [ls]", 4, "could not determine a constructor"),
        (f"{GOOD}greeting: a\x07b", 4, "a control character is not allowed"),
        (f"{GOOD}? [a, b]\n: c", 4, "found unhashable key"),
        (f"{GOOD}<<: 5", 4, "expected a mapping"),
        ("", 2, "there must be `key: value` lines"),
        ("- title: Friend", 2, "there must be `key: value` lines"),
        ("just words", 2, "there must be `key: value` lines"),
    ],
)
def test_a_mistake_in_the_settings_is_told_with_its_line(write: Callable[..., Path], settings: str, line: int, words: str) -> None:
    """Whatever is wrong with the front matter, the complaint leads to its line and says what should be there."""
    told = complaint(write(settings))
    assert told.startswith(f":{line}: ") and words in told


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "must begin with a line of ---"),
        ("title: Friend\n", 1, "must begin with a line of ---"),
        ("\n---\ntitle: Friend\n---\nHi", 1, "must begin with a line of ---"),
        (f"---\n{GOOD}", 1, "never closed"),
        (f"---\n{GOOD}  ---\nHi", 1, "never closed"),
        (f"---\n{GOOD}---", 5, "the system prompt is missing"),
        (f"---\n{GOOD}---\n \n\n", 7, "the system prompt is missing"),
        (f"---\n{GOOD}---\n{{% if false %}}Hi{{% endif %}}", 5, "the system prompt is missing"),
    ],
)
def test_a_file_of_another_shape_is_refused(tmp_path: Path, text: str, line: int, words: str) -> None:
    """Without front matter, its end, or a prompt, a file is refused, and what is missing is said."""
    path = tmp_path / "friend.md"
    path.write_text(text)
    told = complaint(path)
    assert told.startswith(f":{line}: ") and words in told


@pytest.mark.parametrize(
    ("prompt", "line", "words"),
    [
        ("You are {{ char }}.\nYou talk with {{ user }}.", 6, "'user' is undefined"),
        ("\n\n{% if %}", 7, "Expected an expression"),
        ("One.\n{{ char", 6, "unexpected end of template"),
        ("One.\nTwo. {{ 1 / 0 }}", 6, "division by zero"),
        ("{{ 'a' + 1 }}", 5, "can only concatenate str"),
        ("One.\n\n{% include 'other.md' %}", 7, "no loader"),
        ("One.\n{{ char.nick.name }}", 6, "no attribute 'nick'"),
        ("{{ range(1000000000) | length }}", 5, "this would become too large"),
        ("{{ char | shout }}", 5, "No filter named 'shout'"),
        ("{% for x in y %}{% endfor %}", 5, "'y' is undefined"),
    ],
)
def test_a_mistake_in_the_prompt_is_told_with_its_line(write: Callable[..., Path], prompt: str, line: int, words: str) -> None:
    """A prompt that cannot be rendered is refused at start, with the line of the file where it fails."""
    told = complaint(write(prompt=prompt))
    assert told.startswith(f":{line}: the prompt cannot be rendered: ") and words in told


@pytest.mark.parametrize("name", ["Friend", "my friend", "-friend", "a" * 65, "freund\u00e4", "friend.old", "friend\n"])
def test_a_name_that_no_url_could_carry_is_refused(write: Callable[..., Path], name: str) -> None:
    """A persona's name is part of addresses and folders: only small letters, digits, - and _."""
    assert "small letters, digits, - and _" in complaint(write(name=name))


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """Bytes that are not UTF-8, or no file at all, are told in words."""
    path = tmp_path / "friend.md"
    path.write_bytes(b"---\ntitle: Fr\xfcnd\n---\nHi")
    assert "cannot be read as UTF-8 text" in complaint(path)
    assert "cannot be read as UTF-8 text" in complaint(tmp_path / "other.md")
    (tmp_path / "folder.md").mkdir()
    assert "cannot be read as UTF-8 text" in complaint(tmp_path / "folder.md")


def test_the_same_text_is_the_same_prompt_on_every_machine(tmp_path: Path) -> None:
    """Windows line ends, a byte order mark and blank lines around the prompt change nothing, and so no fingerprint."""
    plain = f"---\n{GOOD}---\nYou are {{{{ char }}}}.\n\nBe kind.\n"
    prompts = set()
    for number, text in enumerate([plain, plain.replace("\n", "\r\n"), f"\ufeff{plain}", plain.replace("---\nYou", "---  \n\n\nYou")]):
        path = tmp_path / f"friend{number}.md"
        path.write_bytes(text.encode())
        prompts.add(read_persona(path).prompt())
    assert prompts == {"You are Friend.\n\nBe kind."}
    assert len({fingerprint(prompt) for prompt in prompts}) == 1


def test_the_text_is_kept_as_it_was_read(tmp_path: Path) -> None:
    """A persona carries the whole text of its file, and names it: every change of it, also of a setting, is another revision."""
    path = tmp_path / "friend.md"
    text = f"---\n{GOOD}---\nYou are {{{{ char }}}}.\n"
    path.write_text(text)
    persona = read_persona(path, "Be careful.")
    assert (persona.text, persona.revision, persona.safety) == (text, fingerprint(text), "Be careful.")
    assert persona.prompt() == "You are Friend."
    path.write_text(text.replace("title", "examples: 2\ntitle"))
    assert read_persona(path).revision != persona.revision
    assert read_persona(path).prompt() == persona.prompt()


def test_line_ends_and_byte_order_marks_are_no_other_revision(tmp_path: Path) -> None:
    """The same text saved by an editor of another system is the same revision."""
    path = tmp_path / "friend.md"
    marks = set()
    for text in (plain := f"---\n{GOOD}---\nHi.\n", plain.replace("\n", "\r\n"), f"\ufeff{plain}"):
        path.write_bytes(text.encode())
        marks.add(read_persona(path).revision)
    assert len(marks) == 1


def test_the_safety_text_is_a_file_of_its_own(tmp_path: Path) -> None:
    """It is plain text, trimmed; without the file there is none, and bytes that are no text are refused."""
    assert read_safety(tmp_path) == ""
    (tmp_path / "safety.txt").write_text("\n  Be {{ careful }}.\nAlways.\n\n")
    assert read_safety(tmp_path) == "Be {{ careful }}.\nAlways."
    (tmp_path / "safety.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(PersonaError, match=r"safety\.txt: the file cannot be read as UTF-8 text"):
        read_safety(tmp_path)


@pytest.mark.parametrize("prompt", ["a\x00b", "{{ '\\x00' }}", "{{ '\\ud800' }}"])
def test_what_no_database_keeps_is_refused(write: Callable[..., Path], prompt: str) -> None:
    """A NUL character or half a surrogate pair, in the file or made by the template, is refused with its line."""
    assert complaint(write(prompt=prompt)).startswith(":5: ")


def test_every_mistake_of_a_file_is_found_at_once(write: Callable[..., Path]) -> None:
    """The first one is the error's sentence, the others come with it."""
    path = write(f"{GOOD}greting: Hi\nmemory: {{max_tokens: -1, fcts: 1}}\nexamples: many\nlearning:\n  minimum: {{liked: x}}")
    with pytest.raises(PersonaError) as refused:
        read_persona(path)
    assert [refused.value.message, *refused.value.further] == [
        f"{path}:4: unknown key 'greting'. The nearest known key is 'greeting'.",
        f"{path}:5: unknown key 'fcts'. The nearest known key is 'facts'.",
        f"{path}:5: memory.max_tokens: Expected `int` >= 1.",
        f"{path}:6: examples: Expected `int`, got `str`.",
        f"{path}:8: learning.minimum.liked: Expected `int`, got `str`.",
    ]


def test_a_rule_within_the_prompt_is_part_of_it(write: Callable[..., Path]) -> None:
    """Only the first closing line counts: a prompt may hold --- itself."""
    assert read_persona(write(prompt="One.\n---\nTwo.")).prompt() == "One.\n---\nTwo."


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, derandomize=True, max_examples=150)
@given(front=st.text(max_size=80), prompt=st.text(max_size=40))
def test_any_file_is_read_or_refused_with_its_name(tmp_path: Path, front: str, prompt: str) -> None:
    """No text in a persona file ends in anything but a persona or one of our own sentences."""
    path = tmp_path / "friend.md"
    path.write_text(f"---\n{GOOD}{front}\n---\n{prompt}", encoding="utf-8", errors="surrogatepass")
    try:
        assert read_persona(path).prompt()
    except PersonaError as refused:
        assert refused.message.startswith(str(path))
