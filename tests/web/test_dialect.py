"""What is read of a chat completions request."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import Invalid
from service.providers.base import Turn
from service.web.dialect import ChatRequest, ignored, model_list, overrides, take_apart


def request(*messages: dict[str, Any], **fields: Any) -> ChatRequest:
    """A request as it comes off the wire."""
    return msgspec.convert({"model": "echo", "messages": list(messages), **fields}, ChatRequest)


def user(content: Any) -> dict[str, Any]:
    """A user's message."""
    return {"role": "user", "content": content}


def test_messages_are_taken_apart() -> None:
    """System and developer texts are put together, the talk keeps its order, and the last message is the new one."""
    talk = take_apart(
        request(
            {"role": "system", "content": "Be brief."},
            user("one"),
            {"role": "assistant", "content": "two"},
            {"role": "developer", "content": "Be kind."},
            {"role": "system", "content": "  "},
            user("three"),
        )
    )
    assert talk.added == "Be brief.\n\nBe kind."
    assert talk.history == [Turn("user", "one"), Turn("assistant", "two")]
    assert talk.message == "three"


def test_parts_of_text_are_one_message() -> None:
    """A message in parts of text is read as its text."""
    assert take_apart(request(user([{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]))).message == "one\ntwo"


def test_an_assistant_message_without_content_is_an_empty_turn() -> None:
    """Some clients send `content: null` for an earlier turn; that is no reason to refuse them."""
    assert take_apart(request(user("hi"), {"role": "assistant", "content": None}, user("you?"))).history[1] == Turn("assistant", "")


@pytest.mark.parametrize(
    ("wrong", "param", "words"),
    [
        (request(user("hi"), n=2), "n", "n must be 1"),
        (request(user("hi"), n=0), "n", "n must be 1"),
        (request(user("hi"), tools=[{"type": "function"}]), "tools", "leave tools out"),
        (request(user("hi"), functions=[{"name": "f"}]), "functions", "leave functions out"),
        (request(user("hi"), audio={"voice": "alloy"}), "audio", "text only"),
        (request(user("hi"), modalities=["text", "audio"]), "modalities", "text only"),
        (request(user("hi"), response_format={"type": "json_object"}), "response_format", "not in JSON"),
        (request(user("hi"), response_format="text"), "response_format", "not in JSON"),
        (request({"role": "system", "content": "s" * 8001}, user("hi")), "messages", "8001 characters; the limit is 8000"),
        (
            request({"role": "system", "content": "s" * 4000}, {"role": "developer", "content": "d" * 4000}, user("hi")),
            "messages",
            "8002 characters",
        ),
        (request(), "messages", "The last message must be the user's."),
        (request(user("hi"), {"role": "assistant", "content": "hey"}), "messages", "The last message must be the user's."),
        (request({"role": "tool", "content": "4"}, user("hi")), "messages", "'tool'; known are system, user and assistant"),
        (request(user([{"type": "image_url", "image_url": {"url": "x"}}])), "messages", "text only"),
        (request(user(None)), "messages", "The message is empty."),
        (request(user([])), "messages", "The message is empty."),
        (request(user("a\x00b")), "messages", "NUL"),
        (request({"role": "system", "content": "a\x00b"}, user("hi")), "messages", "NUL"),
        (request({"role": "assistant", "content": [{"type": "text", "text": "\x00"}]}, user("hi")), "messages", "NUL"),
    ],
)
def test_what_a_persona_cannot_do_is_refused_with_its_field(wrong: ChatRequest, param: str, words: str) -> None:
    """A request that cannot be answered as it stands is refused, and the error says which field and why."""
    with pytest.raises(Invalid) as raised:
        take_apart(wrong)
    assert raised.value.param == param
    assert words in raised.value.message


@pytest.mark.parametrize(
    ("field", "low", "high"),
    [("temperature", 0, 2), ("top_p", 0, 1), ("max_tokens", 1, 4096), ("frequency_penalty", -2, 2), ("presence_penalty", -2, 2)],
)
def test_parameters_out_of_bounds_are_refused_with_the_bounds(field: str, low: int, high: int) -> None:
    """Each parameter is taken at its bounds and refused beyond them, with the bounds in words."""
    for value in (low, high):
        assert overrides(request(user("hi"), **{field: value})) == {field: value}
    for value in (low - 1, high + 1):
        with pytest.raises(Invalid, match=f"{field} must lie between {low} and {high}") as raised:
            overrides(request(user("hi"), **{field: value}))
        assert raised.value.param == field


def test_the_newer_name_of_the_token_limit_counts() -> None:
    """`max_completion_tokens` is `max_tokens`; where both are sent the newer wins, also when it is wrong."""
    assert overrides(request(user("hi"), max_tokens=9, max_completion_tokens=5)) == {"max_tokens": 5}
    with pytest.raises(Invalid, match="between 1 and 4096"):
        overrides(request(user("hi"), max_tokens=9, max_completion_tokens=0))


def test_what_is_not_sent_is_left_to_the_persona() -> None:
    """Nulls are as good as nothing, and one stop word is a list of one."""
    assert overrides(request(user("hi"), temperature=None, seed=None, stop=None)) == {}
    assert overrides(request(user("hi"), stop="X", seed=0)) == {"stop": ["X"], "seed": 0}
    assert overrides(request(user("hi"), stop=["X", "Y"])) == {"stop": ["X", "Y"]}


def test_stops_and_seeds_are_bounded() -> None:
    """What no provider could take is refused here, with the bound; the bounds themselves are allowed."""
    assert overrides(request(user("hi"), stop=["x" * 200] * 16))["stop"] == ["x" * 200] * 16
    for stop in (["x"] * 17, ["x" * 201], "x" * 201):
        with pytest.raises(Invalid, match="16 texts of 200 characters"):
            overrides(request(user("hi"), stop=stop))
    assert overrides(request(user("hi"), seed=2**63 - 1)) == {"seed": 2**63 - 1}
    with pytest.raises(Invalid, match="seed must lie between"):
        overrides(request(user("hi"), seed=2**63))


def test_what_asks_for_nothing_special_is_taken() -> None:
    """Empty lists, text as the only kind of answer, and the longest system text are no reason to refuse a request."""
    plain = {"tools": [], "functions": [], "modalities": ["text"], "response_format": {"type": "text"}, "n": 1}
    assert take_apart(request({"role": "system", "content": "s" * 8000}, user("hi"), **plain)).message == "hi"


_ODD_NAMES = ["a b", "é", "", "x" * 61, "a,b", "a\r\nset-cookie: b"]


@given(
    st.dictionaries(
        st.sampled_from(["temperature", "top_k", "logit_bias", "user", "seed", *_ODD_NAMES]), st.none() | st.booleans() | st.text()
    )
)
def test_ignored_fields_are_named_and_no_others(fields: dict[str, Any]) -> None:
    """Named is what was given a value, is not read, and can stand in a header; nothing else."""
    named = ignored(json.dumps({"model": "echo", "messages": [], **fields}).encode())
    assert set(named) == {name for name, value in fields.items() if name in {"top_k", "logit_bias"} and value not in {None, False}}


def test_no_more_names_than_a_header_can_hold() -> None:
    """However many fields a body has, thirty names are told at most."""
    assert len(ignored(json.dumps({f"field{number}": 1 for number in range(1000)}).encode())) == 30


def test_a_user_of_absurd_length_is_refused() -> None:
    """`user` is kept under an index, so it is short."""
    with pytest.raises(msgspec.ValidationError, match="length <= 200"):
        request(user("hi"), user="x" * 201)


def test_the_list_of_models_is_openais() -> None:
    """Personas look like models."""
    assert msgspec.to_builtins(model_list(["friend"])) == {
        "object": "list",
        "data": [{"id": "friend", "object": "model", "created": 0, "owned_by": "attune"}],
    }
