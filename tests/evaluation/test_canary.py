"""What ratings say of a version on trial."""

from random import Random

from service.evaluation.canary import MOST_VOTES, Answer, Heard, Standing, Tally, Vote, judge, tally, within_caps

HISTORY = Tally(votes=1000, ups=700, complaints=150, people=80)


def votes(likes: int, dislikes: int, complaints: int = 0) -> list[Vote]:
    """Votes of as many people, in an order that is mixed and always the same."""
    made = [*(Vote(True, person=f"a{number}") for number in range(likes))]
    made += [Vote(False, number < complaints, person=f"b{number}") for number in range(dislikes)]
    Random(1).shuffle(made)
    return made


def answers(*own: bool) -> list[Answer]:
    return [Answer(each) for each in own]


def judged(of_version: Heard, beside: Heard = Heard(), history: Tally = HISTORY) -> Standing:
    return judge(of_version, beside, history)


def test_looking_after_every_vote_finds_what_looking_at_the_end_finds() -> None:
    """Whoever looks after each vote, with what the champion had by then, sends a version back after the same one."""
    chance = Random(3)
    found = 0
    for _ in range(30):
        ours = [Vote(chance.random() < 0.55, at=float(number)) for number in range(150)]
        theirs = [Vote(chance.random() < 0.7, at=number / 3) for number in range(450)]
        looks = ((seen, judged(Heard(ours[:seen]), Heard(theirs[: 3 * seen - 2]))) for seen in range(1, 151))
        first = next((seen for seen, look in looks if look.worse), 0)
        assert first == judged(Heard(ours), Heard(theirs)).after
        found += first > 0
    assert found > 20


def test_a_version_as_good_as_the_champion_stands_its_trial() -> None:
    """After 150 votes with the champion's share of likes it has stood the trial, not one vote earlier; more votes change nothing."""
    assert judged(Heard(votes(105, 45))).stood
    assert not judged(Heard(votes(105, 45)[:149])).stood
    assert judged(Heard([*votes(105, 45), *votes(0, 100)])).stood


def test_a_version_that_is_liked_less_is_sent_back_and_it_is_said_why() -> None:
    """15 points less, and the sentence has both shares and all counts."""
    found = judged(Heard(votes(82, 68)))
    assert not found.stood and found.worse.startswith("Of its first ")
    assert "of the champion's 1000 70 %." in found.worse


def test_so_many_likes_more_would_have_been_enough() -> None:
    """The bound is the most likes with which a version is sent back at this many votes."""
    bound = judged(Heard(votes(105, 45))).bound
    sent_back = [*[Vote(True)] * bound, *[Vote(False)] * (MOST_VOTES - bound)]  # the likes first: never low before the end
    assert judged(Heard(sent_back)).worse
    assert judged(Heard([Vote(True), *sent_back[:-1]])).stood


def test_complaints_are_an_alarm_of_their_own() -> None:
    """As many likes as the champion, but every dislike with a reason, where of the champion's every other one had: sent back."""
    found = judged(Heard(votes(105, 45, complaints=45)))
    assert found.alarm == "complaints" and "complained of" in found.worse and "15 %" in found.worse
    assert judged(Heard(votes(105, 45, complaints=25))).stood


def test_a_version_whose_model_does_not_answer_is_sent_back_without_a_single_rating() -> None:
    """Replies that did not come, or that another model had to give, are no thumbs down, and count all the same."""
    sound = Heard((), answers(*[True] * 100))
    found = judged(Heard((), answers(True, False, False, True, *[False] * 4)), sound)
    assert found.alarm == "answers" and "its model failed to give" in found.worse and "of 100 in the same time" in found.worse
    assert not judged(Heard((), answers(*[True] * 500, *[False] * 100)), sound).worse


def test_an_outage_sends_nobody_back() -> None:
    """Where the champion's replies fail as often in the same time, it is the house that is on fire, not the version."""
    shaky = Heard((), answers(*[True, False] * 50))
    assert not judged(Heard((), answers(*[True, False] * 40)), shaky).worse
    assert not judged(Heard((), answers(*[False] * 40))).worse  # nothing in the same time to compare with


def test_times_that_changed_are_not_compared_with() -> None:
    """When the champion itself is liked much less than before, only what came in the same time counts, and that is said."""
    found = judged(Heard(votes(80, 70)), Heard(votes(60, 60)))
    assert (found.past, found.worse) == (False, "")
    assert judged(Heard(votes(80, 70))).worse
    usual = judged(Heard(votes(105, 45)), Heard(votes(80, 40)))
    assert (usual.past, usual.beside.votes, usual.history.votes) == (True, 120, 1000)


def test_what_came_later_changes_no_earlier_look() -> None:
    """A vote is compared with what the champion had by then: praise that comes to it afterwards sends nobody back."""
    early = [vote._replace(at=1.0) for vote in votes(20, 30)]
    praise = Heard([vote._replace(at=2.0) for vote in votes(400, 0)])
    assert not judged(Heard(early), praise, Tally(votes=100, ups=50)).worse
    assert judged(Heard([vote._replace(at=3.0) for vote in early]), praise, Tally(votes=100, ups=50)).worse


def test_nobody_brings_a_version_down_alone() -> None:
    """One person has three votes, and whoever the owner trusts three in each conversation; three dislikes send nobody back."""
    angry = [Vote(False, True, 0, "mallory", f"c{number // 5}") for number in range(50)]
    kept = within_caps(angry)
    assert len(kept) == 3 and not judged(Heard(kept)).worse
    assert len(within_caps([vote._replace(trusted=True) for vote in angry])) == 30
    assert within_caps([*angry, Vote(True, False, 0, "ann", "c0")])[-1].person == "ann"


def test_counts() -> None:
    """Votes, likes, complaints, people, answers and those that did not come."""
    heard = Heard([Vote(True, person="ann"), Vote(False, True, person="ann"), Vote(False, person="ben")], answers(True, False))
    assert tally(heard) == Tally(votes=3, ups=1, complaints=1, people=2, answers=2, broken=1)


def test_without_ratings_to_compare_with_nothing_is_found() -> None:
    """A champion that nobody rated finds no version worse."""
    assert judged(Heard(votes(0, 150)), history=Tally()).worse == ""
