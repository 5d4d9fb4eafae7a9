"""What replies say again and again."""

import random

from hypothesis import given
from hypothesis import strategies as st

from service.curation.favourites import as_markdown, find_favourites, say_too_often

WORDS = [f"word{letter}{other}" for letter in "abcdefghijklmnop" for other in "abcdefghijklmnop"]


def _replies(count, seed=1):
    """Replies of eight words drawn from many, none of which stands out."""
    draw = random.Random(seed)
    return [" ".join(draw.sample(WORDS, 8)) for _ in range(count)]


def _found(replies, others=()):
    found = find_favourites(replies, others)
    return {each.words: each.share for each in found.openings}, {each.word: each.share for each in found.words}


def test_openings_are_found_whatever_their_writing():
    """Case and punctuation play no part: 'Well,' and 'WELL -' are one opening, with the share of replies that begin with it."""
    plain = _replies(100)
    replies = [f"{('Well, ', 'WELL - ', 'well… ')[place % 3]}{reply}" if place < 30 else reply for place, reply in enumerate(plain)]

    assert _found(replies)[0] == {"well": 0.3}


def test_an_opening_is_as_long_as_it_is_the_same():
    """Where most that begin with a word go on alike, the whole is one opening; where they part, each part that is frequent is one."""
    plain = _replies(200)
    one = [f"That sounds like {reply}" if place < 60 else reply for place, reply in enumerate(plain)]
    two = [f"I {('see', 'know')[place % 2]} {reply}" if place < 60 else reply for place, reply in enumerate(plain)]

    assert _found(one)[0] == {"that sounds like": 0.3}
    assert _found(two)[0] == {"i": 0.3, "i know": 0.15, "i see": 0.15}


def test_favourite_words_stand_out_against_the_others():
    """A word in 30 of 100 liked replies and 5 of 100 others is one, also a stop word; one that is frequent on both sides is not."""
    replies = [f"{reply} really{' indeed' if place % 2 else ''}" if place < 90 else reply for place, reply in enumerate(_replies(300))]
    others = [f"{reply} indeed" if place % 6 == 0 else reply for place, reply in enumerate(_replies(300, 2))]

    words = _found(replies, others)[1]

    assert set(words) == {"really"}
    assert find_favourites(replies, others).words[0].others == 0.0


def test_what_chance_can_bring_is_no_favourite():
    """Two sets of replies drawn from the same words have no favourites, in fifty tries no more than two."""
    found = sum(len(find_favourites(_replies(200, seed), _replies(200, 1_000 + seed)).words) for seed in range(50))

    assert found <= 2


def test_without_others_the_share_decides():
    """With fewer than 40 others, words that mean something are favourites from 15 of 100 on; stop words never."""
    replies = [f"{reply} lovely the" if place < 20 else f"{reply} nice the" for place, reply in enumerate(_replies(100))]
    rarer = [f"{reply} lovely" if place < 14 else reply for place, reply in enumerate(_replies(100))]

    assert _found(replies, _replies(39, 2))[1] == {"lovely": 0.2}
    assert _found(rarer)[1] == {}


def test_what_few_replies_say_is_not_listed():
    """Four of four replies are no habit, and what four people were told is nobody's business."""
    assert _found(["Well, dear Zebedee"] * 4) == ({}, {})
    assert _found(["Well, dear Zebedee"] * 5) == ({"well dear zebedee": 1.0}, {"dear": 1.0, "zebedee": 1.0})


def test_the_datasheet_shows_them_or_says_that_there_are_none():
    """Two tables, with the share of the others where there were any; else a sentence."""
    replies = [f"Well, {reply} lovely" for reply in _replies(50)]

    assert "| well | 50 | 100.0% |" in as_markdown(find_favourites(replies))
    assert "| lovely | 50 | 100.0% |  |" in as_markdown(find_favourites(replies))
    assert "| lovely | 50 | 100.0% | 0.0% |" in as_markdown(find_favourites(replies, _replies(50, 2)))
    assert as_markdown(find_favourites(_replies(50))) == "No opening and no word stands out in the liked replies."
    assert as_markdown(find_favourites(["| | |", "||"] * 5)) == as_markdown(find_favourites([]))
    assert as_markdown(find_favourites([])) == "No opening and no word stands out in the liked replies."


@given(st.lists(st.text(alphabet="ab |\n\ud800", max_size=12), max_size=30), st.lists(st.text(alphabet="ab ", max_size=9), max_size=60))
def test_any_replies_have_an_answer(replies, others):
    """Empty and odd replies raise nothing; shares lie between 0 and 1, the largest first, and no text can add a column to the table."""
    found = find_favourites(replies, others)

    for rows in (found.openings, found.words):
        shares = [row.share for row in rows]
        assert shares == sorted(shares, reverse=True)
        assert all(0 < share <= 1 for share in shares)
    assert {line.count("|") for line in as_markdown(found).splitlines()} <= {0, 4, 5}


def test_a_word_may_stand_in_no_more_than_its_share_of_the_replies():
    """Of 60 replies with a favourite word among 240, 20 of the 200 that stay have it at a share of a tenth; the oldest went."""
    replies = [f"Splendid deed{place}x." if place % 4 == 0 else f"Word{place}y thing{place}z." for place in range(240)]
    goes = say_too_often(replies, 0.1)
    stay = [reply for reply, gone in zip(replies, goes, strict=True) if not gone]
    assert (len(stay), sum("Splendid" in reply for reply in stay)) == (200, 20)
    assert goes[0] and not goes[236]
    assert not any(gone and "Splendid" not in reply for reply, gone in zip(replies, goes, strict=True))


@given(st.lists(st.text("ab ", max_size=12), max_size=120), st.floats(0, 1))
def test_what_stays_is_enough_to_learn_from(replies, share):
    """Nothing goes of 40 replies or fewer, and 40 are always left; the commonest words of a language never count."""
    goes = say_too_often(replies, share)
    assert len(replies) - sum(goes) >= min(len(replies), 40)
    assert not any(say_too_often(["the and of you"] * 100, 0.1))


def test_without_a_share_every_reply_stays():
    """0 and 1 switch the bound off."""
    assert not any(say_too_often(["Splendid."] * 100, 0))
    assert not any(say_too_often(["Splendid."] * 100, 1))
