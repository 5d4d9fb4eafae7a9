"""A frozen dataset leaves in the forms that training libraries and vendors read."""

import json
from collections import Counter

import pytest

from service.curation.dataset import freeze
from service.curation.formats.catalog import FORMATS, as_line, export, remark
from service.curation.imports.forms import Reading, find_form
from service.curation.sample import Pair, Passage, Sample, Split
from service.errors import NotFound
from service.personas.shelf import Message
from tests.processes import ROOT

_SYSTEM, _HI, _HEY, _BYE = Message("system", "You are Friend."), Message("user", "Hi"), Message("assistant", "Hey!"), Message("user", "Bye")
_OPENAI = ROOT.parent / "shared" / "contracts" / "openai-openapi.json"


def _plain(*messages):
    return [{"role": message.role, "content": message.content} for message in messages]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A dataset with a liked and a disliked reply late in a chat, a pair, a passage, and a held-out row."""
    chat = (_SYSTEM, _HI, _HEY, _BYE)
    pair = Pair(
        prompt=chat, chosen="Bye! 👋", rejected="Go.", origin="corrected", exchange_id="e1", other_id="e1", rating_id="r1", person_id="p1"
    )
    train = Split(
        samples=(
            Sample(prompt=chat, completion="Bye! 👋", label=True, origin="corrected", exchange_id="e1", rating_id="r1", person_id="p1"),
            Sample(prompt=chat, completion="Go.", label=False, origin="rated", exchange_id="e1", rating_id="r1"),
        ),
        pairs=(pair,),
        passages=(Passage(text="LILY. No.\u2028ROPER. Yes.", import_id="i1", position=0),),
    )
    holdout = Split(samples=(Sample(prompt=(_HI,), completion="Held.", label=True, origin="rated"),))
    return freeze(tmp_path_factory.mktemp("sets"), train, holdout).path


def test_trl_gets_its_four_forms(folder):
    """Only what TRL reads is there; supervised training sees no disliked reply, KTO sees both, and a passage is plain text."""
    prompt = _plain(_SYSTEM, _HI, _HEY, _BYE)
    bye, go = _plain(Message("assistant", "Bye! 👋")), _plain(Message("assistant", "Go."))

    assert list(export(folder, "trl-sft")) == [{"prompt": prompt, "completion": bye}]
    assert list(export(folder, "trl-kto")) == [
        {"prompt": prompt, "completion": bye, "label": True},
        {"prompt": prompt, "completion": go, "label": False},
    ]
    assert list(export(folder, "trl-dpo")) == [{"prompt": prompt, "chosen": bye, "rejected": go}]
    assert list(export(folder, "trl-lm")) == [{"text": "LILY. No.\u2028ROPER. Yes."}]


def test_openai_learns_only_the_reply_that_was_judged(folder):
    """OpenAI trains on every reply of a chat whose weight is not 0: the earlier ones, which nobody liked or which may be bad, have that."""
    (chat,) = export(folder, "openai-sft")

    assert [(turn["role"], turn.get("weight")) for turn in chat["messages"]] == [
        ("system", None),
        ("user", None),
        ("assistant", 0),
        ("user", None),
        ("assistant", None),
    ]
    assert list(export(folder, "openai-dpo")) == [
        {
            "input": {"messages": _plain(_SYSTEM, _HI, _HEY, _BYE)},
            "preferred_output": _plain(Message("assistant", "Bye! 👋")),
            "non_preferred_output": _plain(Message("assistant", "Go.")),
        }
    ]


@pytest.mark.skipif(not _OPENAI.exists(), reason="OpenAI's published description of its API is not on this machine")
@pytest.mark.parametrize("name", ["openai-sft", "openai-dpo"])
def test_openai_would_take_the_messages(folder, name):
    """Every message of an export is valid by OpenAI's own published schemas, and a wrong one is not."""
    import jsonschema
    from referencing import Registry, Resource
    from referencing.jsonschema import DRAFT202012

    contents = json.loads(_OPENAI.read_bytes())
    registry = Registry().with_resource("urn:openai", Resource(contents=contents, specification=DRAFT202012))
    schemas = {
        "system": "ChatCompletionRequestSystemMessage",
        "user": "ChatCompletionRequestUserMessage",
        "assistant": "FineTuneChatCompletionRequestAssistantMessage",
    }

    def is_valid(turn):
        reference = {"$ref": f"urn:openai#/components/schemas/{schemas[turn['role']]}"}
        return jsonschema.Draft202012Validator(reference, registry=registry).is_valid(turn)

    rows = list(export(folder, name))
    turns = [
        turn
        for row in rows
        for turn in row.get("messages") or [*row["input"]["messages"], *row["preferred_output"], *row["non_preferred_output"]]
    ]
    assert len(turns) == {"openai-sft": 5, "openai-dpo": 6}[name]
    assert all(map(is_valid, turns))
    assert not is_valid({"role": "assistant", "content": "Hey!", "weight": 2})
    assert not is_valid({"role": "user", "content": None})


def test_sharegpt_names_the_speakers_its_own_way(folder):
    """System, human and gpt, in turn."""
    assert list(export(folder, "sharegpt")) == [
        {
            "conversations": [
                {"from": "system", "value": "You are Friend."},
                {"from": "human", "value": "Hi"},
                {"from": "gpt", "value": "Hey!"},
                {"from": "human", "value": "Bye"},
                {"from": "gpt", "value": "Bye! 👋"},
            ]
        }
    ]


def test_the_holdout_leaves_only_when_asked_for(folder):
    """The side is chosen, and no row of the other one is among what comes."""
    for name in FORMATS:
        assert "Held." not in "".join(map(as_line, export(folder, name)))
    assert [row["completion"][0]["content"] for row in export(folder, "trl-sft", "holdout")] == ["Held."]
    assert list(export(folder, "trl-dpo", "holdout")) == []


def test_each_row_is_one_line_of_ascii(folder):
    """No reader ends a line at what somebody wrote."""
    for name in FORMATS:
        for row in export(folder, name):
            line = as_line(row)
            assert line.isascii() and len(line.splitlines()) == 1 and json.loads(line) == row


def test_an_unknown_format_is_refused_with_the_known_ones(folder):
    """Before a single row is read."""
    with pytest.raises(NotFound, match=r"no format 'alpaca'\. There are: trl-sft, .*sharegpt"):
        export(folder, "alpaca")


def test_what_openai_would_refuse_is_said(tmp_path, folder):
    """Too few lines, an empty message, a line that is too long; the other forms have no such rules."""
    long = Sample(prompt=(Message("user", "word " * 60_000),), completion="Yes.", label=True, origin="rated")
    mute = Sample(prompt=(Message("user", " "),), completion="Yes.", label=True, origin="rated")
    fine = [Sample(prompt=(Message("user", f"Question {n}?"),), completion="Yes.", label=True, origin="rated") for n in range(10)]
    odd = freeze(tmp_path, [long, mute, *fine], []).path

    assert remark(folder, "openai-sft") == ["OpenAI takes no file of fewer than 10 lines; this has 1."]
    assert remark(odd, "openai-sft") == [
        "1 line has more than about 65,536 tokens, which OpenAI cuts or refuses.",
        "1 line has an empty message, which OpenAI may refuse.",
    ]
    assert remark(freeze(tmp_path, fine, []).path, "openai-sft") == []
    assert Counter(len(remark(folder, name)) for name in FORMATS) == {0: 5, 1: 2}


@pytest.mark.parametrize(
    ("name", "form", "replies"),
    [
        ("openai-sft", "openai", [("Bye! 👋", True)]),
        ("sharegpt", "sharegpt", [("Bye! 👋", True)]),
        ("openai-dpo", "openai-dpo", [("Bye! 👋", True), ("Go.", False)]),
    ],
)
def test_what_left_comes_back(folder, tmp_path, name, form, replies):
    """Written to a file and imported again, the messages are equal and the judged reply has its label; a system prompt is the persona's."""
    file = tmp_path / "out.jsonl"
    file.write_text("".join(f"{as_line(row)}\n" for row in export(folder, name)))

    assert find_form(file) == form
    dialogues = list(Reading(file, form))

    assert [(dialogue.messages, dialogue.label) for dialogue in dialogues] == [
        ((_HI, _HEY, _BYE, Message("assistant", reply)), label) for reply, label in replies
    ]
    if form != "sharegpt":  # which cannot say that the earlier reply is not to be learned from
        assert all([each.label for each in dialogue.earlier] == [None] for dialogue in dialogues)
