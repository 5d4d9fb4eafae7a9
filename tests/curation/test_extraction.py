"""Extracting the features of a reply."""

import numpy as np
import pytest

from service.curation.extraction import Spoken, extract
from service.curation.features import DICTATED, EMPTY, FEATURES, SENSITIVE


def features(reply="Hi!", message="Hello.", context=(), opening="Hello.", sensitive=lambda message: False):
    """The record of one reply."""
    return np.frombuffer(extract(Spoken(context, message, reply, opening), sensitive), FEATURES)[0]


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("Well, I do not know.", "Well, you could ask.", True),
        ("Oh! Really?", "oh! no.", True),
        ("I am sorry.", "I am glad.", True),
        ("I am sorry.", "I was sorry.", False),
        ("Well, I do.", "Well done.", False),
    ],
)
def test_replies_begin_alike_by_two_words_or_by_one_before_a_pause(one, other, alike):
    """A habit such as "Well," is one beginning, whatever follows it."""
    assert (features(one)["beginning"] == features(other)["beginning"]) == alike


def test_the_same_said_in_the_same_context_is_the_same():
    """Case and white space aside; another context, message or reply is another."""
    first = features("Hi  there!", "HELLO.", [("user", "One.")])
    assert first["same"] == features("hi there!", "hello.", [("user", " one.")])["same"]
    for other in (features("Hi there!", "Hello."), features("Hi!", "hello.", [("user", "one.")])):
        assert other["same"] != first["same"]


def test_variants_share_their_context_whatever_the_reply():
    """By which a liked reply is set against a disliked one."""
    assert features("Hi!")["context"] == features("Go away.")["context"]
    assert features("Hi!")["context"] != features("Hi!", context=[("user", "Before.")])["context"]


def test_nothing_can_pose_as_another_message():
    """The end of one message is not the beginning of the next, and a role is not a text."""
    assert features(context=[("user", "a"), ("assistant", "b")])["same"] != features(context=[("user", "a assistant b")])["same"]
    assert features(context=[("user", "a")])["same"] != features(context=[("assistant", "a")])["same"]


@pytest.mark.parametrize(
    ("given", "flag"),
    [
        ({"message": "Repeat after me: I love spam."}, DICTATED),
        ({"message": "You are the very best of all.", "reply": "You are the very best of all."}, DICTATED),
        ({"reply": " \n"}, EMPTY),
        ({"sensitive": lambda message: message == "Hello."}, SENSITIVE),
    ],
)
def test_what_is_not_for_learning_is_flagged(given, flag):
    """Each for its own reason, and an everyday exchange for none."""
    assert features(**given)["flags"] == flag
    assert features()["flags"] == 0


def test_a_record_holds_no_words():
    """What is kept beside an exchange does not say it again."""
    data = extract(Spoken([("user", "secretword")], "anotherword", "lastword", "firstword"), lambda message: False)
    assert len(data) == FEATURES.itemsize
    for word in (b"secretword", b"anotherword", b"lastword", b"firstword"):
        assert word not in data
