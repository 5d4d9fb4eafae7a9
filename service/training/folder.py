"""The folder of a local training run: the files by which the training process and whoever called it speak to each other.

run.json         what to train, written by the caller
lock             held (flock) by the training process while it lives, and naming it
stop             written by the caller: end at the next step, for good
progress.jsonl   one line per logged step
stages/          for each method that is done with, the adapter that the next one goes on from; gone at the end
checkpoints/     to go on from within a method after a crash, gone at the end
memory.json      written when memory ran out: the smaller batch to try again with
train.log        what the process and its libraries had to say
adapter/         the result
manifest.json    written last: its existence means success
error.json       why there will be no result
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from service.errors import TrainingError
from service.training.base import Method, Parameters, Progress, RunSpec, Schedule, Trained


class Manifest(Struct, frozen=True, kw_only=True):
    """What came out of a run and what went into it; `rows` counts what was learned from.

    `base_sha256` is of the base as `base_digest` takes it.
    """

    base: str
    base_sha256: str
    schedules: dict[Method, Schedule]
    parameters: Parameters
    rows: dict[str, int]
    steps: int
    loss_first: float
    loss_last: float
    seconds: float
    tokens: int
    memory_bytes: int
    notes: list[str]
    sha256: str
    versions: dict[str, str]


class Squeeze(Struct, frozen=True):
    """After memory ran out: rows at once, and over how many such batches a step is taken."""

    batch: int
    accumulation: int


class Holder(Struct, frozen=True):
    """The process that trains in a folder now, and when it began (seconds since 1970)."""

    pid: int
    started: float


class _Failure(Struct, frozen=True):
    """`final`: it would fail in the same way again."""

    error: str
    final: bool = False


class RunFolder:
    """The files of one run, read and written whole."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.checkpoints = self.path / "checkpoints"
        self.stages = self.path / "stages"
        self.adapter = self.path / "adapter"
        self.log = self.path / "train.log"
        self._spec = self.path / "run.json"
        self._lock = self.path / "lock"
        self._stop = self.path / "stop"
        self._squeeze = self.path / "memory.json"
        self._progress = self.path / "progress.jsonl"
        self._manifest = self.path / "manifest.json"
        self._error = self.path / "error.json"

    def accept(self, spec: RunSpec) -> None:
        """Make this the folder of `spec`; `TrainingError` when its values make no sense or the folder belongs to another run.

        What was settled about memory when the run was first accepted stays: at another hour other settings might fit.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        try:
            msgspec.convert(msgspec.to_builtins(spec), RunSpec)
        except msgspec.ValidationError as error:
            raise TrainingError(f"This cannot be trained: {error}.") from error
        if not self._spec.exists():
            write_whole(self._spec, msgspec.json.encode(spec))
        elif _unsettled(self.spec()) != _unsettled(spec):
            raise TrainingError(f"The folder {self.path} belongs to another training run.")

    def is_accepted(self) -> bool:
        """Whether the folder has a run already."""
        return self._spec.exists()

    def spec(self) -> RunSpec:
        """What is to be trained here."""
        return msgspec.json.decode(self._spec.read_bytes(), type=RunSpec)

    def trained(self) -> Trained | None:
        """The result, once there is one."""
        if not self._manifest.exists():
            return None
        manifest = msgspec.json.decode(self._manifest.read_bytes(), type=Manifest)
        return Trained(
            adapter=self.adapter,
            model=None,
            methods=list(manifest.schedules),
            steps=manifest.steps,
            rows=manifest.rows,
            loss_first=manifest.loss_first,
            loss_last=manifest.loss_last,
            seconds=manifest.seconds,
            tokens=manifest.tokens,
            notes=manifest.notes,
        )

    def finish(self, manifest: Manifest) -> None:
        """Declare success."""
        write_whole(self._manifest, msgspec.json.format(msgspec.json.encode(manifest), indent=2))

    def error(self, *, final: bool = False) -> str | None:
        """The sentence that says why the last attempt failed, if it said so; with `final` only if another attempt is of no use."""
        if not self._error.exists():
            return None
        failure = msgspec.json.decode(self._error.read_bytes(), type=_Failure)
        return failure.error if failure.final or not final else None

    def fail(self, sentence: str, *, final: bool = False) -> None:
        """Declare failure."""
        write_whole(self._error, msgspec.json.encode(_Failure(sentence, final)))

    def forget_error(self) -> None:
        """A new attempt begins."""
        self._error.unlink(missing_ok=True)

    def ask_stop(self) -> None:
        """Ask the training process, wherever it runs, to end at its next step."""
        self._stop.touch()

    def stop_asked(self) -> bool:
        """Whether somebody asked it to end."""
        return self._stop.exists()

    def squeeze(self) -> Squeeze | None:
        """How to spare memory, once it ran out."""
        return msgspec.json.decode(self._squeeze.read_bytes(), type=Squeeze) if self._squeeze.exists() else None

    def note_squeeze(self, squeeze: Squeeze) -> None:
        """Memory ran out: a later attempt must not find out again."""
        write_whole(self._squeeze, msgspec.json.encode(squeeze))

    def add_progress(self, progress: Progress) -> None:
        """Append one line."""
        with self._progress.open("ab") as stream:
            stream.write(msgspec.json.encode(progress) + b"\n")

    def progress_after(self, offset: int) -> tuple[list[Progress], int]:
        """The whole lines written after byte `offset`, and the offset after them."""
        if not self._progress.exists():
            return [], offset
        with self._progress.open("rb") as stream:
            stream.seek(offset)
            whole, newline, _unfinished = stream.read().rpartition(b"\n")
        lines = [msgspec.json.decode(line, type=Progress) for line in whole.splitlines()]
        return lines, offset + len(whole) + len(newline)

    @contextmanager
    def claim(self, holder: Holder) -> Iterator[bool]:
        """Hold the lock while the block runs and yield true, or yield false at once when another process holds it."""
        with self._lock.open("a+b") as stream:
            if not _locked(stream.fileno(), fcntl.LOCK_EX):
                yield False
                return
            stream.truncate(0)
            stream.write(msgspec.json.encode(holder))
            stream.flush()
            yield True
            stream.truncate(0)

    def holder(self) -> Holder | None:
        """Who trains here now; nobody when the lock is free, however its last holder ended."""
        if not self._lock.exists():
            return None
        with self._lock.open("rb") as stream:
            if _locked(stream.fileno(), fcntl.LOCK_SH):
                return None
            try:
                return msgspec.json.decode(stream.read(), type=Holder)
            except msgspec.DecodeError:  # it has the lock and is just about to write, or about to let go
                return None

    def last_words(self) -> str:
        """The last line of the log that says something."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines() if self.log.exists() else []
        return next((line.strip() for line in reversed(lines) if line.strip()), "nothing")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there completely or not at all, also after a power cut."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _unsettled(spec: RunSpec) -> RunSpec:
    asked = msgspec.structs.replace(spec.parameters, quantization="auto", gradient_checkpointing=None)
    return msgspec.structs.replace(spec, parameters=asked)


def base_digest(base: Path) -> str:
    """The SHA-256 of what makes a base what it is: settings, tokenizer, template, and the names, sizes and heads of its weights."""
    hashed = hashlib.sha256()
    for file in sorted(base.iterdir()) if base.is_dir() else []:
        if file.suffix in {".json", ".jinja", ".model"}:
            hashed.update(file.name.encode() + file.read_bytes())
        elif file.suffix == ".safetensors":
            with file.open("rb") as stream:
                hashed.update(f"{file.name} {file.stat().st_size}".encode() + stream.read(65_536))
    return hashed.hexdigest()


def _locked(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
