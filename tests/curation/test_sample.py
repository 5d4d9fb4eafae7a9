"""The hash of a sample's content."""

import msgspec

from service.curation.sample import content_hash
from service.personas.shelf import Message


def test_the_hash_knows_nothing_of_ids(make_sample):
    """The same words judged the same way have the same hash on every database."""
    here = make_sample(exchange_id="e1", rating_id="r1", person_id="p1", conversation_id="c1", opening="Hello.")
    there = make_sample(exchange_id="e2", rating_id="r2", person_id="p2", conversation_id="c2", origin="corrected")

    assert content_hash(here) == content_hash(there)


def test_the_hash_is_this_one(make_sample):
    """The hash never changes between releases: datasets are named by it."""
    assert content_hash(make_sample("Grüße 😀", "Hi!", True)) == "76854642e172009b96c1d74e8e16b8d2d640658ca6b892d41726b9794dc99d5b"


def test_every_part_of_the_content_counts(make_sample):
    """System prompt, message, roles, completion and label each change the hash."""
    plain = make_sample()
    others = [
        make_sample("Hello!"),
        make_sample(completion="Hi."),
        make_sample(label=False),
        make_sample(system="You are Mentor."),
        msgspec.structs.replace(plain, prompt=(plain.prompt[0], Message("assistant", "Hello."))),
        msgspec.structs.replace(plain, prompt=(Message("system", "You are Friend.Hello."),)),
    ]

    assert len({content_hash(sample) for sample in [plain, *others]}) == 7


def test_text_has_one_hash_before_and_after_it_is_frozen(make_sample):
    """A lone surrogate hashes as the U+FFFD that the file will hold."""
    assert content_hash(make_sample("a\ud800")) == content_hash(make_sample("a\ufffd"))
