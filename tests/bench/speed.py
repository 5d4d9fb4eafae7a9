"""What Attune costs, beside a bare forwarder and LiteLLM's proxy, in one run on one machine: believe the ratios. `--json` for programs.

    make bench
    .venv/bin/python tests/bench/speed.py --quick

Attune runs as `attune serve` does, with authentication, persona, memory and durable logging on, in one process. Streams of 34 chunks come
from a local upstream that answers at once. Every stream is checked to its last event, and in the end Attune's database must hold exactly
one complete exchange for each.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent.parent))
from tests.bench.contenders import HERE, Contender, attune_server, bare_forwarder, installed_litellm, litellm_proxy, upstream
from tests.bench.upstream import WORDS

CONNECTIONS = 32
TOKENS_A_SECOND = 20


@contextmanager
def loading(contender: Contender, mode: str, **plan: Any) -> Iterator[subprocess.Popen[str]]:
    """The client, at work in its own process."""
    whole = {"mode": mode, "url": contender.url, "key": contender.key, "model": contender.model, "expected": WORDS.strip(), **plan}
    command = [sys.executable, str(HERE / "load.py"), json.dumps(whole)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as client:
        try:
            yield client
        finally:
            client.kill()


def load(contender: Contender, mode: str, **plan: Any) -> dict[str, Any]:
    """Run the client to its end; what it found."""
    with loading(contender, mode, **plan) as client:
        out, _ = client.communicate()
    if client.returncode:
        raise SystemExit(f"{contender.name}: the streams were not as they must be (see above). Nothing that was measured counts.")
    found: dict[str, Any] = json.loads(out)
    return found


def measure_rate(contender: Contender, seconds: float) -> dict[str, Any]:
    """Streams per second at 32 connections, and the processor time of one."""
    warm = load(contender, "rate", connections=4, seconds=min(1.0, seconds), tag=f"{contender.name} warm")
    used = contender.cpu_seconds
    found = load(contender, "rate", connections=CONNECTIONS, seconds=seconds, tag=f"{contender.name} rate")
    return {
        "streams": found["streams"] + warm["streams"],
        "streams_per_second": found["streams"] / found["seconds"],
        "cpu_milliseconds_per_stream": (contender.cpu_seconds - used) * 1000 / found["streams"],
    }


def measure_first(contender: Contender, times: int, upstream_url: str) -> dict[str, Any]:
    """The median time to the first word, above that of the upstream."""
    return load(contender, "first", times=times, direct_url=upstream_url, direct_model="words", tag=f"{contender.name} first")


def measure_open(contender: Contender, streams: int, seconds: float) -> dict[str, Any]:
    """Many slow streams open at once: drops, memory, and how late tokens come."""
    before, used = contender.resident_bytes, contender.cpu_seconds
    most = before
    plan = {"model": contender.paced_model, "connections": streams, "tokens": int(seconds * TOKENS_A_SECOND), "tag": "open"}
    with loading(contender, "open", **plan) as client:
        while client.poll() is None:
            most = max(most, contender.resident_bytes)
            time.sleep(0.2)
        found: dict[str, Any] = json.loads(client.stdout.read() if client.stdout else "{}")
    tokens = plan["tokens"] * max(found["streams"], 1)
    return {
        **found,
        "kilobytes_per_stream": (most - before) / streams / 1000,
        "cpu_microseconds_per_token": (contender.cpu_seconds - used) * 1e6 / tokens,
    }


def check_database(contender: Contender, at_once: int, paced: int) -> dict[str, int]:
    """The rows of the database; end the run when they are not exactly the streams that were told."""
    rows, complete = contender.kept("")
    _, with_words = contender.kept(WORDS.strip())
    if (rows, complete, with_words) != (at_once + paced, at_once + paced, at_once):
        raise SystemExit(f"{at_once + paced} streams were whole, but the database holds {rows} exchanges, {complete} of them complete.")
    return {"streams": at_once + paced, "exchanges": rows, "complete": complete}


def run(seconds: float, times: int, streams: int, open_seconds: float, with_litellm: bool) -> dict[str, Any]:
    """Run everything; the report."""
    report: dict[str, Any] = {"connections": CONNECTIONS, "contenders": {}, "notes": []}
    program, version = installed_litellm() if with_litellm else (None, "LiteLLM was left out, as you asked.")
    with tempfile.TemporaryDirectory(prefix="attune-speed-") as name, ExitStack() as stack:
        folder = Path(name)
        upstream_url = stack.enter_context(upstream(folder))
        contenders = [attune_server(folder, upstream_url), bare_forwarder(folder, upstream_url)]
        if program is None:
            report["notes"].append(version)
        else:
            contenders.append(litellm_proxy(folder, upstream_url, program))
            report["litellm"] = version
        for opened in contenders:
            with opened as contender:
                found = {**measure_rate(contender, seconds)}
                first = measure_first(contender, times if contender.name != "LiteLLM" else max(times // 10, 20), upstream_url)
                found |= {"added_milliseconds": first["added_milliseconds"], "direct_milliseconds": first["direct_milliseconds"]}
                report["contenders"][contender.name] = found
                if contender.database:
                    report["open"] = measure_open(contender, streams, open_seconds)
                    report["database"] = check_database(contender, found["streams"] + first["streams"], report["open"]["streams"])
    return report


def verdicts(report: dict[str, Any], streams: int) -> list[tuple[str, str, str, bool]]:
    """What was promised: the words, the figure, the target, and whether it is met."""
    rates = {name: each["streams_per_second"] for name, each in report["contenders"].items()}
    ours, held = report["contenders"]["Attune"], report["open"]
    found = [
        (f"streams/s at {CONNECTIONS} connections", f"{rates['Attune']:,.0f}", "at least 1,000", rates["Attune"] >= 1000),
        ("added time to first word, median", f"{ours['added_milliseconds']:.2f} ms", "at most 2 ms", ours["added_milliseconds"] <= 2),
        (f"dropped of {streams:,} open at once", str(held["dropped"]), "none", held["dropped"] == 0 and held["open_at_once"] == streams),
        ("memory per open stream", f"{held['kilobytes_per_stream']:.1f} KB", "at most 60 KB", held["kilobytes_per_stream"] <= 60),
        ("added delay of a token, p99", f"{held['p99_milliseconds']:.1f} ms", "under 50 ms", held["p99_milliseconds"] < 50),
    ]
    if "LiteLLM" in rates:
        ratio = rates["Attune"] / rates["LiteLLM"]
        found.insert(1, ("times the rate of LiteLLM", f"{ratio:.0f}", "at least 25", ratio >= 25))
    return found


def show(report: dict[str, Any], streams: int) -> None:
    """Print the table."""
    contenders = report["contenders"]
    slowest = min(each["streams_per_second"] for each in contenders.values())
    print(f"{'':<16}{'streams/s':>10}{'ratio':>8}{'CPU/stream':>13}{'first word':>13}")
    for name, each in contenders.items():
        rate = each["streams_per_second"]
        cpu, added = f"{each['cpu_milliseconds_per_stream']:.2f} ms", f"+{each['added_milliseconds']:.2f} ms"
        print(f"{name:<16}{rate:>10,.0f}{rate / slowest:>7.1f}x{cpu:>13}{added:>13}")
    print()
    for words, figure, target, met in verdicts(report, streams):
        print(f"{'ok  ' if met else 'MISS'}  {words:<38}{figure:>12}   {target}")
    held, kept = report["open"], report["database"]
    print(f"\nopen streams: {held['cpu_microseconds_per_token']:.0f} us of CPU per token, most late {held['most_milliseconds']:.0f} ms")
    print(f"checked: {kept['streams']:,} streams whole, {kept['complete']:,} complete exchanges, one for each")
    for words in report["notes"] + held["trouble"]:
        print(words)


def main() -> int:
    """Read the command line, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes: fewer streams, no LiteLLM")
    parser.add_argument("--seconds", type=float, help="length of the rate measurement (default 10, quick 3)")
    parser.add_argument("--streams", type=int, help="streams open at once (default 1,000, quick 200)")
    parser.add_argument("--open-seconds", type=float, help="how long they stay open (default 30, quick 5)")
    parser.add_argument("--without-litellm", action="store_true")
    parser.add_argument("--json", action="store_true", dest="as_json")
    chosen = parser.parse_args()
    seconds = chosen.seconds or (3 if chosen.quick else 10)
    streams = chosen.streams or (200 if chosen.quick else 1000)
    open_seconds = chosen.open_seconds or (5 if chosen.quick else 30)
    times = 200 if chosen.quick else 1000
    report = run(seconds, times, streams, open_seconds, not (chosen.quick or chosen.without_litellm))
    if chosen.as_json:
        print(json.dumps(report, indent=1))
    else:
        show(report, streams)
    return 0 if all(met for *_, met in verdicts(report, streams)) else 1


if __name__ == "__main__":
    sys.exit(main())
