from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event
from sqlmodel import select

from service import registry
from service.db.engine import reading, transaction
from service.db.ids import new_id
from service.db.tables import Canary, Promotion, Stage, Version, now
from service.errors import Conflict, NotFound
from tests.databases import race


@pytest.fixture
def versions(database: Engine) -> Callable[..., list[str]]:
    """Makes hosted versions v1, v2 ... of a persona beside its start; returns their ids."""

    def make(count: int, persona: str = "friend") -> list[str]:
        with transaction(database) as session:
            registry.champion(session, persona)
            made = [
                Version(persona=persona, number=number, provider="local", model=f"{persona}-v{number}") for number in range(1, count + 1)
            ]
            session.add_all(made)
            return [version.id for version in made]

    return make


def promote(database: Engine, version_id: str) -> str:
    with transaction(database) as session:
        return registry.promote(session, session.get_one(Version, version_id), "because").name


def rollback(database: Engine, persona: str = "friend") -> str:
    with transaction(database) as session:
        return registry.rollback(session, persona).name


def serving(database: Engine, persona: str = "friend") -> str:
    with transaction(database) as session:
        return registry.champion(session, persona).name


def mark(database: Engine, version_id: str, stage: Stage) -> None:
    with transaction(database) as session:
        version = session.get_one(Version, version_id)
        version.stage = stage
        session.add(version)


def stages(database: Engine) -> dict[str, Stage]:
    with reading(database) as session:
        return {version.name: version.stage for version in registry.list_versions(session)}


def check_history(database: Engine, persona: str = "friend") -> list[str]:
    """Return who was champion, in order; each promotion must name the one before it, and the last the only champion."""
    with reading(database) as session:
        told = session.exec(select(Promotion).where(Promotion.persona == persona).order_by(Promotion.id)).all()
        champions = session.exec(select(Version).where(Version.persona == persona, Version.stage == Stage.champion)).all()
        assert [promotion.previous_id for promotion in told] == [None, *(promotion.version_id for promotion in told[:-1])]
        assert [version.id for version in champions] == [told[-1].version_id]
        return [session.get_one(Version, promotion.version_id).name for promotion in told]


@pytest.mark.parametrize(
    ("model", "parts"),
    [
        ("friend", ("friend", "champion")),
        ("friend@champion", ("friend", "champion")),
        ("friend@v0", ("friend", "v0")),
        ("my-friend_2@v12", ("my-friend_2", "v12")),
    ],
)
def test_a_reference_is_a_persona_and_a_version(model: str, parts: tuple[str, str]) -> None:
    """A model's name is the persona, alone or with champion or a number."""
    assert registry.split_reference(model) == parts


@pytest.mark.parametrize(
    "model", ["", "Friend", "friend@", "friend@V1", "friend@1", "friend@v", "friend@v1@v2", "friend\n", "friend@v1\n", "@v1", "a b", "../x"]
)
def test_any_other_name_is_not_found(model: str) -> None:
    """Whatever else is asked for does not exist, and the answer says what to ask for."""
    with pytest.raises(NotFound, match="friend@champion") as refused:
        registry.split_reference(model)
    assert (refused.value.code, refused.value.param) == ("model_not_found", "model")


@settings(deadline=None, derandomize=True)
@given(st.text(max_size=200))
def test_any_text_is_a_reference_or_not_found(model: str) -> None:
    """No text breaks the reading of a reference, and none is repeated at length."""
    try:
        assert registry.split_reference(model)[0] in model
    except NotFound as refused:
        assert len(refused.message) < 200


def test_a_persona_starts_with_version_0(database: Engine) -> None:
    """The first question makes version 0, which serves; asking again makes nothing."""
    assert [serving(database), serving(database), serving(database, "mentor")] == ["v0", "v0", "v0"]
    assert check_history(database) == ["v0"]
    with reading(database) as session:
        assert len(registry.list_versions(session)) == 2
        assert len(registry.list_versions(session, "friend")) == 1


def test_a_persona_asked_for_by_many_at_once_starts_once(database: Engine) -> None:
    """Twelve first questions in one moment find the same version 0, and none fails."""
    for persona in ("first", "second", "third"):  # at the first one connections are still being opened

        def ask(_: int, persona: str = persona) -> str:
            with transaction(database) as session:
                return registry.champion(session, persona).id

        assert len(set(race(12, ask))) == 1
        assert check_history(database, persona) == ["v0"]


def test_a_version_is_found_by_its_name(database: Engine, versions: Callable[..., list[str]]) -> None:
    """champion, v0 and v2 are found; of another persona none is."""
    versions(2)
    with transaction(database) as session:
        assert registry.find_version(session, "friend", "champion").name == "v0"
        assert registry.find_version(session, "friend", "v0").name == "v0"
        assert registry.find_version(session, "friend", "v2").name == "v2"
        with pytest.raises(NotFound):
            registry.find_version(session, "mentor", "v2")


@pytest.mark.parametrize("which", ["v3", "v-1", "v", "", "latest", "v1.0", "v\u00b2", "v99999999999", "v" + "9" * 5000, "v1 OR 1=1"])
def test_a_version_that_is_not_there_is_named(database: Engine, versions: Callable[..., list[str]], which: str) -> None:
    """An unknown version is a 404 that says where to look, whatever stands for a number."""
    versions(1)
    with transaction(database) as session, pytest.raises(NotFound, match="attune model list friend") as refused:
        registry.find_version(session, "friend", which)
    assert refused.value.code == "version_not_found" and len(refused.value.message) < 200


def test_versions_are_listed_newest_first(database: Engine, versions: Callable[..., list[str]]) -> None:
    """The list begins with the newest."""
    versions(3)
    assert list(stages(database)) == ["v3", "v2", "v1", "v0"]


def test_numbers_go_on_from_the_highest(database: Engine, versions: Callable[..., list[str]]) -> None:
    """A new version gets the next number of its own persona."""
    versions(4)
    with transaction(database) as session:
        assert registry.next_number(session, "friend") == 5
        assert registry.next_number(session, "mentor") == 1


def test_promoting_retires_the_one_before(database: Engine, versions: Callable[..., list[str]]) -> None:
    """The promoted version serves from the next question on, the one before is retired, and the history says so."""
    first, second = versions(2)
    assert [promote(database, first), promote(database, second)] == ["v1", "v2"]
    assert stages(database) == {"v2": Stage.champion, "v1": Stage.retired, "v0": Stage.retired}
    assert check_history(database) == ["v0", "v1", "v2"]


def test_promoting_the_champion_again_changes_nothing(database: Engine, versions: Callable[..., list[str]]) -> None:
    """A step that runs twice promotes once."""
    (first,) = versions(1)
    promote(database, first)
    assert promote(database, first) == "v1"
    assert check_history(database) == ["v0", "v1"]


def test_a_retired_version_may_serve_again(database: Engine, versions: Callable[..., list[str]]) -> None:
    """An owner may promote an earlier version by hand."""
    first, second = versions(2)
    for version in (first, second, first):
        promote(database, version)
    assert check_history(database) == ["v0", "v1", "v2", "v1"]


def test_a_promotion_that_fails_leaves_the_champion(database: Engine, versions: Callable[..., list[str]]) -> None:
    """Retiring and crowning are one: when the transaction breaks, the old champion still serves."""
    (first,) = versions(1)
    with pytest.raises(ZeroDivisionError), transaction(database) as session:
        registry.promote(session, session.get_one(Version, first), "because")
        raise ZeroDivisionError
    assert serving(database) == "v0" and check_history(database) == ["v0"]


def test_a_quarantined_version_never_serves(database: Engine, versions: Callable[..., list[str]]) -> None:
    """What was quarantined is neither promoted nor rolled back to, and not served when asked for by its number."""
    first, second = versions(2)
    promote(database, first)
    promote(database, second)
    mark(database, first, Stage.quarantined)
    with pytest.raises(Conflict, match="quarantined") as refused:
        promote(database, first)
    assert refused.value.code == "version_quarantined"
    with transaction(database) as session, pytest.raises(Conflict, match="quarantined"):
        registry.find_version(session, "friend", "v1")
    assert rollback(database) == "v0"
    assert check_history(database) == ["v0", "v1", "v2", "v0"]


def test_a_version_that_was_never_hosted_never_serves(database: Engine) -> None:
    """A candidate whose weights no provider knows is neither promoted nor served: it would answer as the base, under a false name."""
    with transaction(database) as session:
        registry.champion(session, "friend")
        candidate = Version(persona="friend", number=1)
        session.add(candidate)
    with pytest.raises(Conflict, match="never made servable"):
        promote(database, candidate.id)
    with transaction(database) as session, pytest.raises(Conflict) as refused:
        registry.find_version(session, "friend", "v1")
    assert refused.value.code == "version_not_hosted" and serving(database) == "v0"


def test_rolling_back_undoes_a_promotion(database: Engine, versions: Callable[..., list[str]]) -> None:
    """After a rollback the version before serves, and the one rolled back is kept, retired."""
    (first,) = versions(1)
    promote(database, first)
    assert rollback(database) == "v0" == serving(database)
    assert stages(database) == {"v1": Stage.retired, "v0": Stage.champion}
    assert check_history(database) == ["v0", "v1", "v0"]


def test_rolling_back_twice_goes_back_further(database: Engine, versions: Callable[..., list[str]]) -> None:
    """v0, v1, v2: the first rollback brings v1, the second v0, and the third says that nothing is left."""
    for version in versions(2):
        promote(database, version)
    assert [rollback(database), rollback(database)] == ["v1", "v0"]
    with pytest.raises(Conflict, match="nothing to roll back to") as refused:
        rollback(database)
    assert refused.value.code == "nothing_before" and serving(database) == "v0"
    assert check_history(database) == ["v0", "v1", "v2", "v1", "v0"]


def test_a_promotion_after_a_rollback_is_rolled_back_to_what_served_then(database: Engine, versions: Callable[..., list[str]]) -> None:
    """v0, v1, v2, back to v1, then v3: rolling back brings v1, not the v2 that was taken back, and then v0."""
    first, second, third = versions(3)
    promote(database, first)
    promote(database, second)
    assert rollback(database) == "v1"
    promote(database, third)
    assert [rollback(database), rollback(database)] == ["v1", "v0"]
    promote(database, second)
    assert rollback(database) == "v0"


def test_a_promotion_by_hand_is_undone_like_any_other(database: Engine, versions: Callable[..., list[str]]) -> None:
    """v0, v1, v2, then v1 by hand: rolling back brings v2, v1 and v0 in turn."""
    first, second = versions(2)
    for version in (first, second, first):
        promote(database, version)
    assert [rollback(database) for _ in range(3)] == ["v2", "v1", "v0"]


def test_rolling_back_never_brings_what_serves_already(database: Engine, versions: Callable[..., list[str]]) -> None:
    """v0, v1, v0 by hand, v1 quarantined: nothing else served, so nothing is left to roll back to."""
    (first,) = versions(1)
    with transaction(database) as session:
        start = registry.champion(session, "friend").id
    promote(database, first)
    promote(database, start)
    mark(database, first, Stage.quarantined)
    with pytest.raises(Conflict, match="nothing to roll back to"):
        rollback(database)


def test_a_persona_that_never_changed_has_nothing_to_roll_back_to(database: Engine) -> None:
    """Rolling back the start says so, also for a persona that was never asked before."""
    with pytest.raises(Conflict, match="nothing to roll back to"):
        rollback(database)


def test_personas_are_promoted_apart(database: Engine, versions: Callable[..., list[str]]) -> None:
    """What happens to one persona leaves the other alone."""
    (friend,), (mentor,) = versions(1), versions(1, "mentor")
    promote(database, friend)
    assert (serving(database), serving(database, "mentor")) == ("v1", "v0")
    promote(database, mentor)
    assert rollback(database) == "v0" and serving(database, "mentor") == "v1"


def test_twenty_racing_promotions_leave_one_champion_and_a_whole_history(database: Engine, versions: Callable[..., list[str]]) -> None:
    """Twenty threads promote twenty versions in one moment: each either serves for a while or is told that another came first."""
    made = versions(20)
    outcomes = race(20, lambda number: promote(database, made[number]))
    lost = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert all(isinstance(outcome, Conflict) and outcome.code == "promotion_raced" for outcome in lost)
    history = check_history(database)
    assert sorted(history[1:]) == sorted(outcome for outcome in outcomes if isinstance(outcome, str)) != []
    if database.dialect.name == "sqlite":  # one writer at a time: nobody loses
        assert not lost


def test_racing_promotions_of_one_version_promote_it_once(database: Engine, versions: Callable[..., list[str]]) -> None:
    """Two nights or two operators that promote the same version leave one promotion."""
    for persona in ("first", "second", "third"):
        (version,) = versions(1, persona)
        outcomes = race(8, lambda _, version=version: promote(database, version))
        assert all(outcome == "v1" or isinstance(outcome, Conflict) for outcome in outcomes)
        assert check_history(database, persona) == ["v0", "v1"]


def test_a_version_read_before_it_was_promoted_is_not_promoted_again(postgresql: Engine) -> None:
    """Two hold the same candidate in their hands and promote it one after the other: one promotion, and both are told that it serves."""
    with transaction(postgresql) as session:
        registry.champion(session, "friend")
        candidate = Version(persona="friend", number=1, provider="local", model="friend-v1")
        session.add(candidate)
    with transaction(postgresql) as session:
        held = session.get_one(Version, candidate.id)
        promote(postgresql, candidate.id)
        assert registry.promote(session, held, "because").stage is Stage.champion
    assert check_history(postgresql) == ["v0", "v1"]


def test_a_rollback_that_was_overtaken_changes_nothing(postgresql: Engine) -> None:
    """When another promotion comes while a rollback is looking at the history, the rollback is told so and does not take it back."""
    with transaction(postgresql) as session:
        registry.champion(session, "friend")
        made = [Version(persona="friend", number=number, provider="local", model=f"v{number}") for number in (1, 2)]
        session.add_all(made)
    promote(postgresql, made[0].id)

    def overtake(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "FROM promotion" in statement and serving(postgresql) == "v1":
            promote(postgresql, made[1].id)

    event.listen(postgresql, "after_cursor_execute", overtake)
    try:
        with pytest.raises(Conflict) as raced:
            rollback(postgresql)
    finally:
        event.remove(postgresql, "after_cursor_execute", overtake)
    assert raced.value.code == "promotion_raced"
    assert check_history(postgresql) == ["v0", "v1", "v2"]


def test_promotions_and_rollbacks_may_race(database: Engine, versions: Callable[..., list[str]]) -> None:
    """Whatever races, there is one champion at the end and the history tells how it came about."""
    made = versions(6)
    promote(database, made[0])
    outcomes = race(12, lambda number: promote(database, made[number // 2]) if number % 2 else rollback(database))
    assert all(isinstance(outcome, str | Conflict) for outcome in outcomes)
    assert check_history(database)[-1] == serving(database)


def on_trial(database: Engine, version_id: str, share: float = 0.3) -> str:
    """Begin a canary for the version; its id."""
    with transaction(database) as session:
        version = session.get_one(Version, version_id)
        registry.begin_trial(session, version)
        canary = Canary(
            persona="friend",
            version_id=version_id,
            champion_id=registry.champion(session, "friend").id,
            share=share,
            started_at=now(),
            ends_at=now(),
        )
        session.add(canary)
        return canary.id


def test_a_share_of_new_conversations_tries_the_canary_and_keeps_it(database: Engine, versions: Callable[..., list[str]]) -> None:
    """About three of ten get the canary's version, always the same ones; the rest, other personas, and older conversations the champion."""
    (first,) = versions(1)
    older = [new_id() for _ in range(50)]
    canary = on_trial(database, first)
    newer = [new_id() for _ in range(1000)]
    with transaction(database) as session:
        served = {each: registry.serving(session, "friend", "champion", each).name for each in newer}
        assert 240 < sum(name == "v1" for name in served.values()) < 360
        assert {each: registry.serving(session, "friend", "champion", each).name for each in newer} == served
        assert served == {each: "v1" if registry.tries(canary, 0.3, each) else "v0" for each in newer}
        assert {registry.serving(session, "friend", "champion", each).name for each in older} == {"v0"}
        assert registry.serving(session, "friend", "champion").name == "v0"  # asked for by name: no conversation is given
        assert {registry.serving(session, "mentor", "champion", each).name for each in newer[:50]} == {"v0"}


def test_a_canary_that_has_ended_serves_nobody(database: Engine, versions: Callable[..., list[str]]) -> None:
    """Neither once its row has an end, nor from the moment on in which its version was quarantined."""
    (first,) = versions(1)
    canary, conversation = on_trial(database, first, 1.0), new_id()

    def served() -> str:
        with transaction(database) as session:
            return registry.serving(session, "friend", "champion", conversation).name

    assert served() == "v1"
    mark(database, first, Stage.quarantined)
    assert served() == "v0"
    mark(database, first, Stage.canary)
    assert served() == "v1"
    with transaction(database) as session:
        session.get_one(Canary, canary).ended_at = now()
    assert served() == "v0"


def test_a_version_of_another_base_is_not_promoted(database: Engine) -> None:
    """Once the persona learns from another base, a version of the old one is refused in words, and those that wait are retired."""
    with transaction(database) as session:
        registry.champion(session, "friend")
        made = [Version(persona="friend", number=number, provider="local", model=f"v{number}", base="old") for number in (1, 2, 3)]
        made[2].base = "new"
        session.add_all(made)
    with transaction(database) as session, pytest.raises(Conflict, match="learns from new now") as refused:
        registry.promote(session, made[0], "because", "new")
    assert refused.value.code == "base_changed" and serving(database) == "v0"
    with transaction(database) as session:
        assert [version.name for version in registry.detach(session, "friend", "new")] == ["v1", "v2"]
        assert registry.detach(session, "friend", "new") == [] == registry.detach(session, "mentor", "new")
    assert stages(database) == {"v3": Stage.candidate, "v2": Stage.retired, "v1": Stage.retired, "v0": Stage.champion}
    with transaction(database) as session:
        assert "base new now" in (session.get_one(Version, made[0].id).note or "")
        assert registry.promote(session, session.get_one(Version, made[2].id), "because", "new").name == "v3"
        assert registry.promote(session, session.exec(select(Version).where(Version.number == 0)).one(), "because", "new").name == "v0"
