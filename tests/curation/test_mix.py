"""The proportions of what is trained on, solved for the rows that there are."""

from collections import Counter
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.curation.features import opening_hash
from service.curation.mix import EDGE, LOOK_ALIKE, UNSAFE, VOICE, Rows, Sources, mix, most_rated, plan, samples_of
from service.curation.sample import Sample
from service.personas.persona import Mix
from service.personas.shelf import Message, Seed, read_personas
from tests.processes import ROOT

PLENTY = Rows(voice=10_000, edge=24, imported=10_000, replay=10_000, safety=10_000, synthetic=10_000)
_SHARE = st.integers(0, 50).map(lambda hundredths: hundredths / 100)
_COUNT = st.integers(0, 3_000)


def many(make: Callable[..., Sample], origin: str, count: int, label: str = "") -> list[Sample]:
    return [make(f"{label or origin} question {number}", f"Answer {number}.", origin=origin) for number in range(count)]


@pytest.mark.parametrize(
    ("rated", "shares", "replay", "safety", "total"),
    [
        (85, Mix(replay=0.1, safety=0.05), 10, 5, 100),
        (850, Mix(replay=0.1, safety=0.05), 100, 50, 1_000),
        (97, Mix(replay=0.0, safety=0.03), 0, 3, 100),
        (71, Mix(replay=0.29, safety=0.0), 29, 0, 100),
        (60, Mix(replay=0.0, safety=0.0), 0, 0, 60),
        (25, Mix(replay=0.0, safety=0.001), 0, 1, 26),
    ],
)
def test_a_share_is_a_share_of_the_result(rated: int, shares: Mix, replay: int, safety: int, total: int) -> None:
    """Ten of a hundred trained rows are 10 %, not ten beside a hundred; and a share above 0 is at least one row."""
    taken = plan(Rows(rated=rated, replay=10_000, safety=10_000), shares)
    assert (taken.replay, taken.safety, sum(taken)) == (replay, safety, total)


@given(
    there=st.builds(Rows, *(_COUNT for _ in Rows._fields)),
    shares=st.builds(Mix, seeds=_SHARE, imported=_SHARE, replay=_SHARE, safety=_SHARE, synthetic=_SHARE),
)
def test_every_bound_holds_and_every_target_is_met(there: Rows, shares: Mix) -> None:
    """Whatever there is and whatever is asked for: no more than there is, no bound broken, a target missed only for a reason."""
    taken = plan(there, shares)
    total = sum(taken)
    assert all(0 <= mine <= all_of_it for mine, all_of_it in zip(taken, there, strict=True))
    assert (taken.rated, taken.edge) == (there.rated, there.edge)
    assert taken.voice == 0 or taken.voice + taken.edge <= Fraction(str(shares.seeds)) * total
    assert taken.imported <= Fraction(str(shares.imported)) * total
    assert taken.synthetic <= Fraction(str(shares.synthetic)) * total
    ours = taken.safety + taken.replay + taken.synthetic
    room = taken.rated + taken.imported or taken.voice + taken.edge
    assert ours <= room, "what nobody wrote outnumbers what people wrote"
    for mine, all_of_it, share in ((taken.safety, there.safety, shares.safety), (taken.replay, there.replay, shares.replay)):
        wanted = Fraction(str(share)) * total
        assert mine <= max(1 if share else 0, wanted + Fraction(1, 2))
        assert mine in (all_of_it, room, room - taken.safety) or mine >= min(all_of_it, wanted - Fraction(1, 2))


@given(there=st.builds(Rows, *(st.integers(0, 40) for _ in Rows._fields)), shares=st.builds(Mix, seeds=_SHARE, imported=_SHARE))
def test_no_owners_row_is_left_out_that_a_bound_allows(there: Rows, shares: Mix) -> None:
    """One more seed, or one more imported row, would break its bound, or there is none."""
    taken = plan(there, shares)
    total = sum(taken)
    assert taken.voice == there.voice or taken.voice + taken.edge + 1 > Fraction(str(shares.seeds)) * total
    assert taken.imported == there.imported or taken.imported + 1 > Fraction(str(shares.imported)) * total


def test_the_seeds_that_keep_a_persona_itself_are_always_there() -> None:
    """Adversarial, broken and off-topic seeds stay whatever the bound; those that show the voice give way."""
    taken = plan(PLENTY._replace(rated=25), Mix(seeds=0.1, imported=0.0))
    assert (taken.edge, taken.voice, taken.rated) == (24, 0, 25)


def test_few_rated_rows_are_not_outnumbered_by_what_nobody_wrote() -> None:
    """Shares that would drown 25 rated rows are cut, safety last."""
    taken = plan(Rows(rated=25, replay=500, safety=500, synthetic=500), Mix(replay=0.5, safety=0.4, synthetic=0.5))
    assert (taken.rated, taken.safety, taken.replay, taken.synthetic) == (25, 20, 5, 0)


def test_a_persona_made_of_a_script_alone_is_mixed_too() -> None:
    """Without ratings imported rows are the material, up to their own bound; with a bound of 1 all of them."""
    script = Rows(voice=40, edge=24, imported=377, replay=400, safety=120)
    assert plan(script, Mix(imported=1.0)).imported == 377
    half = plan(script, Mix())
    assert half.imported * 2 in (sum(half), sum(half) - 1) and half.safety and half.replay
    assert plan(script, Mix(imported=0.0)).imported == 0


def test_the_whole_mix_keeps_to_the_budget() -> None:
    """The most rated rows are told for which all rows together are no more than the budget; one more would be too many."""
    there = Rows(rated=300_000, voice=40, edge=24, replay=400, safety=120)
    chosen = most_rated(4_000, there, Mix())
    assert sum(plan(there._replace(rated=chosen), Mix())) <= 4_000 < sum(plan(there._replace(rated=chosen + 1), Mix()))
    assert most_rated(4_000, there._replace(rated=12), Mix()) == 12
    assert most_rated(10, there, Mix()) == 0


def test_a_mix_is_what_was_planned_and_says_so(make_sample: Callable[..., Sample]) -> None:
    """The rows, their proportions and what was left out add up."""
    sources = Sources(
        rated=many(make_sample, "rated", 60),
        voice=many(make_sample, "seed", 40, "voice"),
        edge=many(make_sample, "seed", 24, "edge"),
        replay=many(make_sample, "replay", 100),
        unsafe=many(make_sample, "safety", 60, "unsafe"),
        look_alikes=many(make_sample, "safety", 60, "look-alike"),
    )
    mixed = mix(sources, Mix())
    counts = Counter(sample.origin for sample in mixed.samples)
    assert {name: proportion.rows for name, proportion in mixed.proportions.items() if proportion.rows} == {
        "rated": counts["rated"],
        "seeds": counts["seed"],
        "replay": counts["replay"],
        "safety": counts["safety"],
    }
    assert mixed.samples[:60] == sources.rated and set(sources.edge) <= set(mixed.samples)
    assert (mixed.proportions["rated"].aimed, mixed.proportions["seeds"].aimed, mixed.proportions["replay"].aimed) == (None, 0.4, 0.1)
    assert mixed.proportions["replay"].reached == round(counts["replay"] / len(mixed.samples), 4) == pytest.approx(0.1, abs=0.005)
    assert sum(proportion.reached for proportion in mixed.proportions.values()) == pytest.approx(1, abs=0.001)
    assert mixed.left_out == {
        "seeds_over_share": 64 - counts["seed"],
        "replay_over_share": 100 - counts["replay"],
        "safety_over_share": 120 - counts["safety"],
    }


def test_half_of_the_safety_rows_are_not_to_be_refused(make_sample: Callable[..., Sample]) -> None:
    """A model that sees refusals only refuses too much. One row alone is a refusal; where one half is short, the other stands in."""
    unsafe, look_alikes = many(make_sample, "safety", 60, "unsafe"), many(make_sample, "safety", 60, "look-alike")
    rated = many(make_sample, "rated", 970)

    def halves(mixed: list[Sample]) -> tuple[int, int]:
        return len(set(mixed) & set(unsafe)), len(set(mixed) & set(look_alikes))

    assert halves(mix(Sources(rated, unsafe=unsafe, look_alikes=look_alikes), Mix(replay=0.0)).samples) == (15, 15)
    assert halves(mix(Sources(rated[:25], unsafe=unsafe, look_alikes=look_alikes), Mix(replay=0.0)).samples) == (1, 0)
    assert halves(mix(Sources(rated, unsafe=unsafe, look_alikes=look_alikes[:4]), Mix(replay=0.0)).samples) == (26, 4)
    assert halves(mix(Sources(rated, unsafe=unsafe[:4], look_alikes=look_alikes), Mix(replay=0.0)).samples) == (4, 26)


def test_what_there_is_too_much_of_is_chosen_alike_each_night(make_sample: Callable[..., Sample]) -> None:
    """The choice depends on content and seed, not on the order in which the rows come, and it is not just the first ones."""
    rated, replay = many(make_sample, "rated", 90), many(make_sample, "replay", 100)

    def chosen(rows: list[Sample], seed: int = 0) -> set[Sample]:
        return {sample for sample in mix(Sources(rated, replay=rows), Mix(safety=0.0), seed=seed).samples if sample.origin == "replay"}

    first = chosen(replay)
    assert len(first) == 10 and first == chosen(replay[::-1]) and first != set(replay[:10])
    assert first != chosen(replay, seed=1)
    smaller = mix(Sources(rated[:45], replay=replay), Mix(safety=0.0)).samples[45:]
    assert len(smaller) == 5 and set(smaller) < first


def test_nothing_is_trained_on_twice_or_out_of_the_holdout(make_sample: Callable[..., Sample]) -> None:
    """A row that stands in an earlier source is left out of a later one, and an opening that is held out is not replayed."""
    rated = [make_sample("How are you?", "Fine."), *many(make_sample, "rated", 20)]
    replay = [make_sample("How are you?", "Fine.", origin="replay"), make_sample("Tell me a  JOKE.", "No.", origin="replay")]
    edge = [make_sample("Tell me a joke.", "Why?", origin="seed")]
    mixed = mix(Sources(rated, edge=edge, replay=replay), Mix(replay=0.5, safety=0.0), held_out={opening_hash("Tell me a joke.")})
    assert mixed.samples == [*rated, *edge]
    assert mixed.left_out == {"already_there": 1, "opening_held_out": 1}


def test_seeds_become_samples_under_the_prompt_they_are_given() -> None:
    """Each kind goes to its own source; the turns before the reply are the prompt, and without a system prompt there is no system turn."""
    turns = [Message(role, text) for role, text in (("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"))]
    seeds = [Seed(turns), Seed(turns[:2], "broken"), Seed(turns[:2], "unsafe"), Seed(turns[:2], "look_alike")]
    (voice,) = samples_of(seeds, VOICE, "Be kind.")
    assert voice == Sample(prompt=(Message("system", "Be kind."), *turns[:3]), completion="d", label=True, origin="seed")
    (edge,) = samples_of(seeds, EDGE, "")
    assert (edge.prompt, edge.completion, edge.origin) == ((turns[0],), "b", "seed")
    assert [sample.origin for sample in samples_of(seeds, (*UNSAFE, *LOOK_ALIKE), "")] == ["safety", "safety"]


@pytest.mark.parametrize("name", ["friend", "mentor"])
def test_a_night_of_the_shipped_personas_is_mostly_people(name: str) -> None:
    """With 60 rated rows the default shares leave people nearly half of the mix, with 240 two thirds, with 2,000 five sixths."""
    personas = read_personas(ROOT / "persona_prompts")
    seeds, shares = personas.seeds(name), personas.get(name).settings.learning.mix
    there = Rows(
        voice=sum(seed.kind == "voice" for seed in seeds),
        edge=sum(seed.kind != "voice" for seed in seeds),
        replay=400,
        safety=len(personas.safety_seeds()),
    )
    for rated, least in ((60, 0.45), (240, 0.66), (2_000, 0.83)):
        taken = plan(there._replace(rated=rated), shares)
        assert rated / sum(taken) > least
        assert taken.replay / sum(taken) == pytest.approx(0.1, abs=0.01) and taken.safety / sum(taken) == pytest.approx(0.03, abs=0.005)
