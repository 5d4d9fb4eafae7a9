"""What is kept comes back byte for byte, or not at all."""

from collections.abc import Callable
from pathlib import Path

import pytest

from service.artifacts.manifest import MANIFEST, make_manifest, write_manifest
from service.artifacts.place import FolderPlace, UrlPlace
from service.artifacts.store import Store
from service.errors import ArtifactError
from service.settings import Settings


def place_of(settings: Settings) -> FolderPlace | UrlPlace:
    """Where the store of these settings puts its files."""
    return UrlPlace(settings.artifact_url) if settings.artifact_url else FolderPlace(settings.artifact_folder / "kept")


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_kept_comes_back(store: Store, adapter: Path, tmp_path: Path) -> None:
    """Byte for byte, under a digest of its content alone; keeping and fetching again change nothing; deleting forgets it."""
    kept = store.keep(adapter, "adapter")
    assert store.keep(adapter, "adapter") == kept and store.survey() == [kept] and store.holds(kept.digest)
    assert (kept.files, kept.bytes) == (3, sum(len(each) for each in contents(adapter).values()))
    back = store.fetch(kept.digest, tmp_path / "back")
    assert contents(back) == contents(adapter) and store.fetch(kept.digest, back) == back
    assert store.find_damage(kept.digest) == []
    store.delete(kept.digest)
    store.delete(kept.digest)
    assert store.survey() == [] and not store.holds(kept.digest) and store.find_damage(kept.digest) == [MANIFEST]
    with pytest.raises(ArtifactError, match="No artifact"):
        store.fetch(kept.digest, tmp_path / "again")


def test_a_damaged_file_is_named_and_nothing_is_left(store: Store, settings: Settings, adapter: Path, tmp_path: Path) -> None:
    """A changed byte in what is kept: verifying and fetching name the file, and no folder appears."""
    digest = store.keep(adapter, "adapter").digest
    place_of(settings).write(b'{"r": 9}', f"adapters/{digest}/adapter_config.json")
    assert store.find_damage(digest) == ["adapter_config.json"]
    with pytest.raises(ArtifactError, match=r"adapter_config\.json is damaged"):
        store.fetch(digest, tmp_path / "back")
    assert not list(tmp_path.glob("back*"))


def test_a_fetch_goes_on_where_it_was_cut_off(store: Store, adapter: Path, tmp_path: Path) -> None:
    """What came whole is not brought again, what came half is; a link in the way is refused."""
    digest = store.keep(adapter, "adapter").digest
    partial = tmp_path / "back.partial"
    partial.mkdir()
    whole = partial / "adapter_model.safetensors"
    whole.write_bytes((adapter / whole.name).read_bytes())
    before = whole.stat().st_ino, whole.stat().st_mtime_ns
    (partial / "adapter_config.json").write_bytes(b'{"r')
    back = store.fetch(digest, tmp_path / "back") / whole.name
    assert contents(back.parent) == contents(adapter) and (back.stat().st_ino, back.stat().st_mtime_ns) == before
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    other = tmp_path / "other.partial"
    other.mkdir()
    (other / "more").symlink_to(elsewhere)
    with pytest.raises(ArtifactError, match="link"):
        store.fetch(digest, tmp_path / "other")
    assert not list(elsewhere.iterdir())


def test_a_folder_with_other_files_is_not_taken_for_the_artifact(store: Store, adapter: Path, tmp_path: Path) -> None:
    """A folder that is there and differs is refused and left alone."""
    digest = store.keep(adapter, "adapter").digest
    (tmp_path / "back").mkdir()
    (tmp_path / "back" / "mine.txt").write_text("mine")
    with pytest.raises(ArtifactError, match="other files"):
        store.fetch(digest, tmp_path / "back")
    assert contents(tmp_path / "back") == {"mine.txt": b"mine"}


def test_an_artifact_is_there_when_its_manifest_is(store: Store, settings: Settings, adapter: Path) -> None:
    """What a killed process left is not listed, and keeping it again makes it whole."""
    digest = make_manifest(adapter, "adapter").digest
    place_of(settings).write(b"{", f"adapters/{digest}/adapter_config.json")
    assert store.survey() == [] and not store.holds(digest)
    store.keep(adapter, "adapter")
    assert store.find_damage(digest) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda content: content.replace(b'"adapter_config.json"', b'"../../escape.json"'), "leads out"),
        (lambda content: content.replace(b'"adapter_config.json"', b'"/etc/escape.json"'), "leads out"),
        (lambda content: content.replace(b'"adapter_config.json"', b'"training_args.bin"'), "not kept"),
        (lambda content: content.replace(b'"bytes":8', b'"bytes":9').replace(b'"adapter_c', b'"b_c'), "another artifact"),
        (lambda content: content[:-10], "cannot be understood"),
    ],
)
def test_a_changed_manifest_is_refused(
    change: Callable[[bytes], bytes], says: str, store: Store, settings: Settings, adapter: Path, tmp_path: Path
) -> None:
    """A name that leads out of the folder, a pickle, another artifact's files: nothing is fetched."""
    digest = store.keep(adapter, "adapter").digest
    changed = change(write_manifest(make_manifest(adapter, "adapter")))
    place_of(settings).write(changed, f"adapters/{digest}/{MANIFEST}")
    with pytest.raises(ArtifactError, match=says):
        store.fetch(digest, tmp_path / "deep" / "back")
    assert not list(tmp_path.rglob("*escape*")) and not (tmp_path / "deep").exists()


def test_a_folder_store_takes_no_room_twice(adapter: Path, tmp_path: Path) -> None:
    """On one disk what is kept is a second name of the original; what is fetched is a copy, so changing it changes nothing kept."""
    settings = Settings(home=tmp_path / "home")
    digest = Store(settings).keep(adapter, "adapter").digest
    kept = settings.artifact_folder / "kept" / "adapters" / digest / "adapter_model.safetensors"
    original = adapter / kept.name
    assert kept.samefile(original)
    back = Store(settings).fetch(digest, tmp_path / "back") / kept.name
    assert not back.samefile(kept)
    back.write_bytes(b"changed")
    assert Store(settings).find_damage(digest) == []


def test_an_error_names_the_place_without_its_secrets(adapter: Path, tmp_path: Path) -> None:
    """A protocol nobody knows, a package that is missing, a place that cannot be written: a sentence without the password."""
    with pytest.raises(ArtifactError, match="pip install s3fs") as missing:
        Store(Settings(artifacts="s3://key:hunter2@bucket/attune"))
    with pytest.raises(ArtifactError, match="nowhere://bucket/attune") as unknown:
        Store(Settings(artifacts="nowhere://key:hunter2@bucket/attune"))
    (tmp_path / "taken").write_text("a file, no folder")
    with pytest.raises(ArtifactError, match="could not be") as unwritable:
        Store(Settings(artifacts=f"file://{tmp_path / 'taken'}")).keep(adapter, "adapter")
    assert all("hunter2" not in caught.value.message for caught in (missing, unknown, unwritable))


def test_a_digest_is_no_path(store: Store, tmp_path: Path) -> None:
    """Nothing but 64 hexadecimal digits names an artifact."""
    for wrong in ("../../home", "a" * 63, "A" * 64, ""):
        with pytest.raises(ArtifactError, match="no digest"):
            store.fetch(wrong, tmp_path / "back")
        with pytest.raises(ArtifactError, match="no digest"):
            store.delete(wrong)
