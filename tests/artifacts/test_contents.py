"""Only files that run nothing when they are read are kept."""

import pickle
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.artifacts.contents import list_names
from service.artifacts.manifest import KeptFile, Manifest, digest_of, read_manifest, write_manifest
from service.errors import ArtifactError
from service.providers.catalog import STARTER
from tests.artifacts.conftest import tensors

_HEADER = b'{"weight":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}'


def _file(header: bytes, values: bytes) -> bytes:
    return len(header).to_bytes(8, "little") + header + values


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("training_args.bin", b"anything"),
        ("optimizer.pt", b"anything"),
        ("model.pkl", pickle.dumps([1])),
        ("run.py", b"print()"),
        ("weights", b""),
        ("adapter_model.safetensors", pickle.dumps({"weight": [1] * 50})),
        ("adapter_model.safetensors", b"PK\x03\x04" + b"\0" * 60),
        ("tokenizer.json", pickle.dumps({"weight": 1})),
        ("tokenizer.model", b"PK\x03\x04zip"),
        ("notes.txt", b"binary\0"),
        ("adapter_model.safetensors", b""),
        ("adapter_model.safetensors", tensors()[:-1]),
        ("adapter_model.safetensors", tensors() + b"hidden"),
        ("adapter_model.safetensors", tensors()[:20]),
        ("adapter_model.safetensors", _file(_HEADER.replace(b"[0,4]", b"[0,9]"), b"1234")),
        ("adapter_model.safetensors", _file(_HEADER.replace(b"[4]", b"[5]"), b"1234")),
        ("adapter_model.safetensors", _file(_HEADER.replace(b"[0,4]", b"[-4,0]"), b"")),
        ("adapter_model.safetensors", _file(b'{"weight": 3}', b"")),
        ("adapter_model.safetensors", _file(b"[" * 20_000, b"")),
        ("adapter_model.safetensors", (2**62).to_bytes(8, "little") + b"{}"),
    ],
)
def test_other_files_are_refused_by_name(tmp_path: Path, name: str, content: bytes) -> None:
    """Pickles and archives, under their own names or false ones; weights that are cut short or hide something."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ArtifactError, match=name):
        list_names(tmp_path)


def test_whole_weights_are_kept(tmp_path: Path) -> None:
    """What a library wrote: the header may have metadata, and a length whose first bytes look like a pickle's."""
    padded = _HEADER[:-1] + b',"__metadata__":{"format":"pt"}}'
    (tmp_path / "a.safetensors").write_bytes(_file(padded + b" " * (0x0480 - len(padded)), b"1234"))
    assert list_names(tmp_path) == ["a.safetensors"] and (tmp_path / "a.safetensors").read_bytes().startswith(b"\x80\x04")
    assert "model.safetensors" in list_names(STARTER)


def test_links_are_refused(tmp_path: Path) -> None:
    """A link to a file or to a folder is not followed."""
    (tmp_path / "outside.json").write_text("{}")
    for number, target in enumerate([tmp_path / "outside.json", tmp_path]):
        folder = tmp_path / f"folder{number}"
        folder.mkdir()
        (folder / "linked.json").symlink_to(target)
        with pytest.raises(ArtifactError, match=r"linked\.json"):
            list_names(folder)


_NAMES = st.from_regex(r"[a-z0-9_]{1,8}(/[a-z0-9_]{1,8})?\.(json|txt|safetensors)", fullmatch=True)
_FILES = st.dictionaries(_NAMES, st.builds(KeptFile, st.from_regex(r"[0-9a-f]{64}", fullmatch=True), st.integers(0, 2**50)), min_size=1)


@settings(max_examples=25, deadline=None)
@given(_FILES)
def test_a_manifest_survives_writing(files: dict[str, KeptFile]) -> None:
    """What is read is what was written, in whatever order the files came; and any change of a hash is another digest."""
    manifest = Manifest("adapter", digest_of(files), files)
    assert read_manifest(write_manifest(manifest), manifest.digest) == manifest
    turned = dict(reversed(files.items()))
    assert write_manifest(Manifest("adapter", digest_of(turned), turned)) == write_manifest(manifest)
    name = next(iter(files))
    assert digest_of({**files, name: KeptFile("0" * 63 + "g", 1)}) != manifest.digest
