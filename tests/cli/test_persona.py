"""`attune persona`: the personas as their files say."""

from service.personas.persona import fingerprint
from tests.cli.conftest import Shell


def test_personas_are_listed_and_shown(attune: Shell) -> None:
    """The list and the prompt carry the fingerprint that is stamped on every exchange; no database is made for that."""
    listed = attune("persona", "list", "--json")
    assert (listed.code, listed.err) == (0, "")
    mark = fingerprint("You are Friend.")
    assert listed.document[0] == {"name": "friend", "title": "Friend", "models": ["local:starter"], "fingerprint": mark}
    shown = attune("persona", "show", "friend", "--json").document
    assert (shown["name"], shown["fingerprint"], shown["prompt"]) == ("friend", mark, "You are Friend.")
    assert shown["settings"]["greeting"] == "Hello from Friend."
    assert attune("persona", "show", "friend").out == "You are Friend.\n"
    assert not attune.home.exists()


def test_every_file_of_a_persona_is_checked(attune: Shell) -> None:
    """`check` counts seeds and probes, and stops at the first mistake in any file with file and line."""
    (attune.personas / "friend.seeds.jsonl").write_text(
        '{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hey"}]}\n'
    )
    (attune.personas / "friend.probes.yaml").write_text("- {ask: 'Who are you?', about: identity}\n- {ask: 'Sure?', about: honesty}\n")
    good = attune("persona", "check")
    assert (good.code, good.out) == (0, "")
    assert good.err.splitlines()[0] == f"friend: 1 seeds, 2 probes, fingerprint {fingerprint('You are Friend.')}"
    (attune.personas / "friend.seeds.jsonl").write_text('{"messages": [{"role": "user", "content": "hi"}]}\n')
    bad = attune("persona", "check")
    assert (bad.code, bad.out) == (2, "")
    assert f"{attune.personas / 'friend.seeds.jsonl'}:1:" in bad.err
