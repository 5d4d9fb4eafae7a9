"""`attune persona import` and `attune persona export`: Character Cards in and out."""

from tests.cli.conftest import Shell
from tests.personas.cards import V2, V3, charx, png, text, written


def test_a_card_comes_in_and_goes_out(bare: Shell) -> None:
    """What became of each field is data, all else is talk; the persona answers to its name at once, and the card comes back."""
    card = bare.folder / "card.png"
    card.write_bytes(png(text("ccv3", written(V3))))
    done = bare("persona", "import", str(card), "--models", "ollama:llama3.2, local:starter", "--user", "Guest")
    assert done.code == 0, done.err
    rows = dict(line.strip().split(maxsplit=1) for line in done.out.splitlines())
    assert rows["first_mes"] == "greeting" and rows["character_book"].startswith("lorebook of 2 entries")
    assert "note: its creator says: Best with tea." in done.err
    assert done.err.endswith("The card of V3 is now the persona 'ada'. See: attune persona show ada\n")
    shown = bare("persona", "show", "ada", "--json").document
    assert shown["settings"]["models"] == ["ollama:llama3.2", "local:starter"] and "Guest is her guest" in shown["prompt"]
    out = bare.folder / "out.png"
    given = bare("persona", "export", "ada", str(out))
    assert (given.code, given.out, given.err) == (0, "", f"wrote {out}: a card of V3\n")
    assert out.read_bytes() == card.read_bytes()
    assert not bare.home.exists()


def test_an_edited_card_says_so(here: Shell) -> None:
    """The owner learns which fields say something else than the card that came in."""
    card = here.folder / "card.json"
    card.write_bytes(written(V2))
    here("persona", "import", str(card), "--name", "keeper")
    file = here.personas / "keeper.md"
    file.write_text(file.read_text().replace("A storm.", "A calm."))
    given = here("persona", "export", "keeper", str(card), "--force")
    assert "edited since the import, so the persona's words stand in: scenario\n" in given.err
    assert card.read_bytes() == written(V2).replace(b"A storm.", b"A calm.")


def test_refusals_have_their_exit_codes(here: Shell) -> None:
    """Wrong files and options 2, an unknown persona 3, names that are taken 7; and nothing is written."""
    card = here.folder / "card.charx"
    card.write_bytes(charx(written(V3)))
    before = sorted(here.personas.iterdir())
    taken = here("persona", "import", str(card), "--name", "friend")
    assert taken.code == 7 and "Choose another name (--name NAME), or replace it (--force)." in taken.err
    assert here("persona", "import", str(here.folder / "nothing.png")).code == 2
    assert here("persona", "import", str(card), "--models", "starter").code == 2
    assert sorted(here.personas.iterdir()) == before
    assert here("persona", "export", "nobody", str(here.folder / "out.json")).code == 3
    assert here("persona", "export", "friend", str(card)).code == 7
    assert here("persona", "export", "friend", str(here.folder / "out.webp")).code == 2
    fresh = here("persona", "export", "friend", str(here.folder / "out.json"), "--spec", "v2")
    assert (fresh.code, fresh.err) == (0, f"wrote {here.folder / 'out.json'}: a card of V2\n")


def test_a_replaced_persona_is_kept(here: Shell) -> None:
    """`--force` says what it replaced and where it is."""
    card = here.folder / "card.json"
    card.write_bytes(written(V2))
    before = (here.personas / "friend.md").read_text()
    done = here("persona", "import", str(card), "--name", "friend", "--force")
    assert f"replaced, and kept as .bak: {here.personas / 'friend.md'}\n" in done.err
    assert (here.personas / "friend.md.bak").read_text() == before
