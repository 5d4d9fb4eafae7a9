"""How the training program is started: as it is, or through a launcher for several GPUs or a cluster (`ATTUNE_LAUNCHER`).

`accelerate launch` and `torchrun` take the program as `-m module`; every other launcher (`srun`, `ray job submit ... --`) is given the
whole command. The program finds out by itself how many of it there are (`RANK`), and only the first one keeps the folder.
"""

import shlex
import shutil
import sys
from collections.abc import Sequence

from service.errors import TrainingError

_TAKE_MODULES = {"accelerate", "torchrun"}


def training_command(launcher: str, module: str, arguments: Sequence[str]) -> list[str]:
    """The command line; `TrainingError` naming ATTUNE_LAUNCHER when the launcher cannot be read or is not there."""
    try:
        words = shlex.split(launcher)
    except ValueError as error:
        raise TrainingError(f"ATTUNE_LAUNCHER='{launcher}' cannot be read: {error}.") from error
    if not words:
        return [sys.executable, "-m", module, *arguments]
    program = _find(words[0])
    if program is None:
        raise TrainingError(f"ATTUNE_LAUNCHER names '{words[0]}', and there is no such program. Install it, or leave the setting empty.")
    takes_module = words[0].rpartition("/")[2] in _TAKE_MODULES
    return [program, *words[1:], *([] if takes_module else [sys.executable]), "-m", module, *arguments]


def _find(name: str) -> str | None:
    """The program, also one that was installed beside Python, where no path leads to."""
    return shutil.which(name) or shutil.which(name, path=sys.prefix + "/bin")
