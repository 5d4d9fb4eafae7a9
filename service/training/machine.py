"""What this machine has to train on: its cards, its memory, its disk. Asks `nvidia-smi` and loads no torch."""

import importlib.util
import shutil
import subprocess
from pathlib import Path

import psutil
from msgspec import Struct

from service.training.preflight import Machine

_MIB = 2**20
_QUERY = "name,memory.total,memory.free,driver_version,compute_cap"
_CGROUP = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")


class Card(Struct, frozen=True, kw_only=True):
    """A GPU as its driver describes it; memory in bytes."""

    name: str
    total_bytes: int
    free_bytes: int
    driver: str
    compute: str

    @property
    def has_bf16(self) -> bool:
        """Whether it computes in bfloat16: NVIDIA's cards do since compute capability 8.0."""
        return int(self.compute.partition(".")[0] or 0) >= 8


def find_cards() -> list[Card]:
    """The NVIDIA cards of this machine; none where the driver is not there or does not answer."""
    if not (program := shutil.which("nvidia-smi")):
        return []
    try:
        told = subprocess.run(
            [program, f"--query-gpu={_QUERY}", "--format=csv,noheader,nounits"], capture_output=True, text=True, timeout=20, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [card for card in map(read_card, told.splitlines()) if card]


def read_card(line: str) -> Card | None:
    """A line of what `nvidia-smi` prints; None when it is not one."""
    parts = [part.strip() for part in line.split(",")]
    if len(parts) != 5 or not parts[1].isdigit() or not parts[2].isdigit():
        return None
    return Card(name=parts[0], total_bytes=int(parts[1]) * _MIB, free_bytes=int(parts[2]) * _MIB, driver=parts[3], compute=parts[4])


def free_memory() -> int:
    """Bytes of memory that a new process may take, also where a container holds it to less."""
    free = psutil.virtual_memory().available
    try:
        limit, used = (path.read_text("ascii").strip() for path in _CGROUP)
    except OSError:
        return int(free)
    return int(min(free, int(limit) - int(used)) if limit.isdigit() else free)


def look(folder: Path) -> Machine:
    """The machine as it is now; `folder` is where a run will be written."""
    cards = find_cards()
    there = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    return Machine(
        card=cards[0].name if cards else None,
        free_bytes=cards[0].free_bytes if cards else free_memory(),
        cores=psutil.cpu_count(logical=False) or 1,
        free_disk=shutil.disk_usage(there).free,
        can_quantise=importlib.util.find_spec("bitsandbytes") is not None,
    )
