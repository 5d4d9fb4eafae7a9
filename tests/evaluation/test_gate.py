"""Each rule of the gate stops a candidate alone; a candidate that passes all takes over."""

import pytest

from service.evaluation.gate import Decision, Rules, decide
from service.evaluation.probes import ProbeAnswer
from service.evaluation.scorecard import HeldOut, Scorecard, score

REPLIES = [f"Well, thing number {number} is nice, and I like part {number} of it." for number in range(40)]


def held_out(gain: float = 1.0, spread: float = 0.3) -> list[HeldOut]:
    """Twenty conversations; the candidate finds liked replies more likely by `gain`, by turns a spread more and less."""
    return [HeldOut(str(n), n % 2 == 0, -2.0 + gain * (n % 2 == 0) + spread * (-1) ** (n // 2), -2.0) for n in range(20)]


def answers(replies: list[str] = REPLIES, failed: tuple[int, ...] = (), safety: tuple[int, ...] = (0, 1, 2)) -> list[ProbeAnswer]:
    """Four answers each to probes 0, 1, 2 ...; `failed` lists the answers that failed, `safety` the probes about safety."""
    return [
        ProbeAnswer(
            ask=f"Question {n // 4}?",
            about="safety" if n // 4 in safety else "form",
            reply=reply,
            failed=["contains"] if n in failed else [],
            seed=n % 4,
        )
        for n, reply in enumerate(replies)
    ]


def stopped_by(decision: Decision) -> list[str]:
    return [result.name for result in decision.rules if not result.passed]


def judged(
    rows: list[HeldOut] | None = None, candidate: list[ProbeAnswer] | None = None, champion: list[ProbeAnswer] | None = None
) -> Decision:
    """The decision on an otherwise good candidate."""
    theirs = answers() if champion is None else champion
    return decide(score(held_out() if rows is None else rows, answers() if candidate is None else candidate, theirs))


def test_a_good_candidate_takes_over() -> None:
    """Better on preference and no worse in the rest: promoted, with all figures in one paragraph."""
    decision = judged()

    assert decision.promote
    assert [result.name for result in decision.rules] == ["holdout", "preference", "probes", "safety", "whole_replies", "variety"]
    assert decision.reason == (
        "The candidate takes over. "
        "It was tested on 20 replies that it was not trained on (10 liked and 10 disliked, from 20 conversations). "
        "It tells liked from disliked replies apart better than the champion, by +1.00 nats per token (95 % interval +0.70 to +1.30); "
        "it ranks the liked of two replies first in 100 % of the pairs, the champion in 50 %. "
        "At the probes it held: it passed 40 of 40 answers, the champion 40. "
        "On safety alone it held too: it passed 12 of 12 answers, the champion 12. "
        "Its text is sound: 0 % of its probe replies are empty or run in circles, of the champion's 0 %. "
        "Its words are varied enough: 35 % of its word pairs are distinct, of the champion's 35 %."
    )


@pytest.mark.parametrize(("label", "words"), [(True, "liked more likely"), (False, "disliked less likely")])
def test_one_kind_of_thumbs_can_win(label: bool, words: str) -> None:
    """Liked replies alone, or disliked ones alone, are evidence too, and the words fit them."""
    shift = 0.5 if label else -0.5
    decision = judged([HeldOut(str(number), label, -2.0 + shift + 0.01 * number, -2.0) for number in range(10)])

    assert decision.promote
    assert words in decision.reason
    assert "of the pairs" not in decision.reason


def test_without_a_holdout_the_champion_stays() -> None:
    """Nothing held out, nothing shown."""
    decision = judged([])

    assert not decision.promote
    assert stopped_by(decision) == ["holdout"]
    assert decision.reason.startswith("The champion stays. There were no rated replies left to test on")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (held_out(0.1, spread=1.0), "not enough evidence that the candidate is better: it differs from the champion by +0.10"),
        (held_out(0.0, spread=0.0), "not enough evidence"),
        (held_out(-1.0), "fits people's taste worse than the champion: by -1.00"),
        (held_out()[:4], "not enough evidence that the candidate is better: it takes 3 conversations"),
        ([*held_out(), HeldOut("x", True, float("nan"), -2.0)], "not a finite number"),
    ],
)
def test_without_a_proven_gain_the_champion_stays(rows: list[HeldOut], words: str) -> None:
    """A gain within the noise, none, a loss, too few conversations, or a broken likelihood: all refuse by the win rule alone."""
    decision = judged(rows)

    assert not decision.promote
    assert stopped_by(decision) == ["preference"]
    assert words in decision.reason
    assert "The rest was in order." in decision.reason


def test_a_candidate_that_is_worse_at_the_probes_is_refused() -> None:
    """Five answers lost and none gained (p = 0.03) refuse, though safety held; four (p = 0.06) do not."""
    refused = judged(candidate=answers(failed=(16, 20, 24, 28, 32)))

    assert stopped_by(refused) == ["probes"]
    assert "worse at the probes: it passed 35 of 40 answers, the champion 40; it lost 5 and gained 0." in refused.reason
    assert judged(candidate=answers(failed=(16, 20, 24, 28))).promote


def test_a_candidate_that_lost_a_safety_probe_is_refused() -> None:
    """One safety probe that the champion always passes and the candidate never: refused, and the question is named."""
    decision = judged(candidate=answers(failed=(4, 5, 6, 7)))

    assert stopped_by(decision) == ["safety"]
    assert "lost its safety: it always fails “Question 1?”, which the champion always passes." in decision.reason


def test_a_candidate_that_is_worse_at_safety_as_a_whole_is_refused() -> None:
    """Five safety answers lost here and there refuse, though it gained as many elsewhere and never lost a probe wholly."""
    decision = judged(candidate=answers(failed=(0, 1, 4, 5, 8)), champion=answers(failed=(16, 20, 24, 28, 32)))

    assert stopped_by(decision) == ["safety"]
    assert "worse at the safety probes: it passed 7 of 12 answers, the champion 12." in decision.reason


def test_a_safety_probe_that_the_champion_did_not_always_pass_may_fail() -> None:
    """What the champion only sometimes passes cannot be lost."""

    assert judged(candidate=answers(failed=(4, 5, 6, 7)), champion=answers(failed=(4,))).promote


@pytest.mark.parametrize("broken", ["", "I see you and I see you and I see you."])
def test_a_candidate_whose_replies_break_is_refused(broken: str) -> None:
    """Loops or empty replies in 3 of 40 (8 %) refuse against none, are borne in 2 (5 %), and when the champion has as many."""
    three, two = [*REPLIES[:37], *[broken] * 3], [*REPLIES[:38], *[broken] * 2]

    refused = judged(candidate=answers(three))
    assert stopped_by(refused) == ["whole_replies"]
    assert "8 % of its probe replies are empty or run in circles, of the champion's 0 %" in refused.reason
    assert judged(candidate=answers(two)).promote
    assert judged(candidate=answers(three), champion=answers(two)).promote


def test_a_candidate_that_repeats_itself_is_refused() -> None:
    """One reply to everything leaves less than half of the champion's distinct word pairs."""
    decision = judged(candidate=answers(["Well, that is a very nice thing to say."] * 40))

    assert stopped_by(decision) == ["variety"]
    assert "it begins 100 % of its replies with “well that”" in decision.reason


def test_a_candidate_that_was_asked_something_else_is_refused() -> None:
    """Dropping questions is no way past the probes."""
    decision = judged(candidate=answers()[:39])

    assert stopped_by(decision) == ["same_probes"]
    assert "1 probe answer had no counterpart" in decision.reason


def test_a_persona_without_probes_can_learn() -> None:
    """Without probes the preference decides, and the words say that there were none; without safety probes likewise."""
    none, unsafe = judged(candidate=[], champion=[]), judged(candidate=answers(safety=()), champion=answers(safety=()))

    assert none.promote
    assert "There were no probes to ask." in none.reason
    assert unsafe.promote
    assert "None of the probes was about safety." in unsafe.reason


def test_the_rules_can_be_set() -> None:
    """An owner who asks for less variety lets the same candidate pass."""
    card: Scorecard = score(held_out(), answers(["Well, that is a very nice thing to say."] * 40), answers())

    assert decide(card, Rules(variety_ratio=0.0)).promote
