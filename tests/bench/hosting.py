"""From the end of a training to the first exchange that its version answers, and what a version takes on disk. Prints a table; `--json`.

    .venv/bin/python tests/bench/hosting.py

Starts an embedded engine, lets it answer as the starter, and publishes adapters of the starter one after the other, each from its files to
one streamed exchange: the merge, two warm-up answers, and the exchange. Fails when the median takes more than 20 seconds.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple, TypeVar

sys.path.insert(0, str(Path(__file__).parent.parent.parent))
from service.artifacts.sizes import count_bytes
from service.hosting.base import Hosted
from service.hosting.engine import EngineHost, engine_command, engine_environment, warm_up_starter
from service.providers.base import Call, Turn
from service.providers.catalog import STARTER, Providers, served_name
from service.settings import Settings
from tests.processes import free_port, running

T = TypeVar("T")
LIMIT_SECONDS = 20.0
_MAKE_ADAPTERS = """
import sys, torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM
base, folder, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
settings = LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False)
for seed in range(number):
    torch.manual_seed(seed)
    get_peft_model(AutoModelForCausalLM.from_pretrained(base), settings).save_pretrained(f"{folder}/{seed}")
"""


class Times(NamedTuple):
    """Seconds of one version's way."""

    publish: float
    warm_up: float
    exchange: float

    @property
    def total(self) -> float:
        """From the adapter's files to the end of the first exchange."""
        return sum(self)


def main() -> None:
    """Measure, print, and fail above the limit."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), asked.repeats)
    print(json.dumps(found, indent=1) if asked.json else table(found))
    if found["median_seconds"] > LIMIT_SECONDS:  # type: ignore[operator]
        sys.exit(f"The median is above {LIMIT_SECONDS:g} s.")


def measure(folder: Path, repeats: int) -> dict[str, object]:
    """Publish so many adapters on one running engine."""
    settings = Settings(home=folder / "data", engine=f"http://127.0.0.1:{free_port()}")
    environment = engine_environment(os.environ)
    adapters = [folder / "adapters" / str(number) for number in range(repeats)]
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _MAKE_ADAPTERS, str(STARTER), str(folder / "adapters"), str(repeats)],
        env=environment,
        check=True,
        capture_output=True,
    )
    command = engine_command("127.0.0.1", int(settings.engine_url.rpartition(":")[2]))
    with running(command, environment, folder / "engine.log"):
        warm_up_starter(settings.engine_url, settings.artifact_folder, 180, threading.Event())
        times = [bring_up(settings, f"bench-v{number}", adapter) for number, adapter in enumerate(adapters, 1)]
    return {
        "seconds": [{**each._asdict(), "total": each.total} for each in times],
        "median_seconds": median(each.total for each in times),
        "limit_seconds": LIMIT_SECONDS,
        "adapter_bytes": count_bytes(adapters[0]),
        "merged_bytes": count_bytes(settings.artifact_folder / "versions" / "bench-v1"),
        "cores": os.cpu_count(),
    }


def bring_up(settings: Settings, name: str, adapter: Path) -> Times:
    """The way of one version, step by step."""
    host = EngineHost(settings.engine_url, settings.artifact_folder)
    published, publish = timed(lambda: host.publish(name, STARTER, adapter))
    _, warm_up = timed(lambda: host.warm_up(published))
    reply, exchange = timed(lambda: asyncio.run(ask(settings, published)))
    assert reply.strip(), "the first exchange is without a word"
    return Times(publish, warm_up, exchange)


async def ask(settings: Settings, hosted: Hosted) -> str:
    """One exchange through the provider that serves the version."""
    providers = Providers(settings)
    messages = [Turn("system", "You are Friend."), Turn("user", "I had a long day.")]
    call = Call(model=served_name(hosted.provider, hosted.model, settings), messages=messages, max_tokens=40, temperature=0.9)
    try:
        return "".join([piece.text async for piece in providers.get(hosted.provider).stream(call)])
    finally:
        await providers.close()


def timed(do: Callable[[], T]) -> tuple[T, float]:
    """What it returns, and how many seconds it took."""
    began = time.monotonic()
    return do(), time.monotonic() - began


def table(found: dict[str, object]) -> str:
    """The figures for people."""
    lines = [f"{'version':<10}{'publish':>10}{'warm up':>10}{'exchange':>10}{'together':>10}   seconds"]
    for number, each in enumerate(found["seconds"], 1):  # type: ignore[arg-type, var-annotated]
        lines.append(f"{number:<10}{each['publish']:>10.2f}{each['warm_up']:>10.2f}{each['exchange']:>10.2f}{each['total']:>10.2f}")
    lines.append(f"median {found['median_seconds']:.2f} s, limit {LIMIT_SECONDS:g} s, on {found['cores']} cores")
    sizes = {"adapter": found["adapter_bytes"], "merged": found["merged_bytes"]}
    lines.append("on disk: " + ", ".join(f"{name} {int(size) / 1e6:.1f} MB" for name, size in sizes.items()))  # type: ignore[call-overload]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
