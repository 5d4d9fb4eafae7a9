"""Two nights seen from outside: how often replies to unseen messages meet a taste before and after. Prints a table; `--json` for programs.

    make loop                                  # the taste 'asks a question'
    .venv/bin/python tests/bench/loop.py --taste short

Starts `attune up` in an empty home on a free port, chats over /v1 with the official client, rates over HTTP, and runs the nights.
"""

import argparse
import concurrent.futures
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx
from openai import OpenAI

sys.path.insert(0, str(Path(__file__).parent.parent.parent))
from tests.processes import answers, attune, environment, free_port, running, until

TASTES: dict[str, Callable[[str], bool]] = {
    "question": lambda reply: "?" in reply,
    "short": lambda reply: len(reply.split()) <= 8,
    "exclamation": lambda reply: "!" in reply,
    "you": lambda reply: reply.lower().startswith(("you", "your")),
    "statement": lambda reply: "?" not in reply,
}
SUBJECTS = (
    "my uncle",
    "the exam",
    "a broken cup",
    "my garden",
    "the cold",
    "a loud party",
    "my neighbour",
    "homework",
    "the long road",
    "a new hat",
)
OPENINGS = (
    "I worry about {}.",
    "Tell me about {}.",
    "What should I do about {}?",
    "I am happy about {}.",
    "Why is {} so hard?",
    "{} again today.",
)
MESSAGES = [opening.format(subject) for opening in OPENINGS for subject in SUBJECTS]
RATED, UNSEEN = MESSAGES[0::3] + MESSAGES[1::3], MESSAGES[2::3]


def ask(client: OpenAI, message: str) -> tuple[str, str]:
    """The exchange's id and the reply."""
    answer = client.chat.completions.create(model="friend", messages=[{"role": "user", "content": message}])
    return answer.id, answer.choices[0].message.content or ""


def share(client: OpenAI, taste: Callable[[str], bool], times: int) -> float:
    """How many replies to the unseen messages meet the taste."""
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        replies = [reply for _, reply in pool.map(lambda message: ask(client, message), UNSEEN * times)]
    return sum(map(taste, replies)) / len(replies)


def rate(url: str, key: str, exchange: str, liked: bool) -> None:
    """Rate a reply over HTTP."""
    sent = httpx.post(
        f"{url}/v1/chat/completions/{exchange}/rating",
        json={"rating": "up" if liked else "down"},
        headers={"authorization": f"Bearer {key}"},
    )
    sent.raise_for_status()


def run(taste: Callable[[str], bool], exchanges: int, nights: int, times: int) -> dict[str, object]:
    """Run the loop; return shares, receipts and minutes."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="attune-loop-") as folder:
        home, port = Path(folder), free_port()
        env = environment(home, ATTUNE_PORT=str(port))
        url = f"http://127.0.0.1:{port}"
        with running([sys.executable, "-m", "service", "up"], env, home / "up.log"):
            until(lambda: answers(f"{url}/health/ready"), 180, "service")
            key = json.loads(attune(env, "keys", "create", "--scope", "chat", "--scope", "rate", "--json").stdout)["key"]
            client = OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=3)
            versions = [{"version": "v0", "share": share(client, taste, times)}]
            receipts = []
            for _ in range(nights):
                for number in range(exchanges):
                    exchange, reply = ask(client, RATED[number % len(RATED)])
                    rate(url, key, exchange, taste(reply))
                receipt = json.loads(attune(env, "nightly", "friend", "--wait", "--json", seconds=900).stdout)
                receipts.append({name: receipt[name] for name in ("outcome", "reason", "version", "champion")})
                versions.append({"version": receipt["champion"], "share": share(client, taste, times)})
    return {"versions": versions, "nights": receipts, "minutes": round((time.monotonic() - began) / 60, 1)}


def main() -> int:
    """Read the command line, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--taste", choices=TASTES, default="question")
    parser.add_argument("--exchanges", type=int, default=240, help="rated exchanges per night (default 240)")
    parser.add_argument("--nights", type=int, default=2)
    parser.add_argument("--times", type=int, default=6, help="replies per unseen message (default 6, of 20 messages)")
    parser.add_argument("--json", action="store_true", dest="as_json")
    chosen = parser.parse_args()
    report = {"taste": chosen.taste, **run(TASTES[chosen.taste], chosen.exchanges, chosen.nights, chosen.times)}
    if chosen.as_json:
        print(json.dumps(report, indent=1))
        return 0
    print(f"taste: {chosen.taste}; {chosen.exchanges} rated exchanges a night; {report['minutes']} minutes in all")
    for when, version in zip(["before", *(f"after night {n + 1}" for n in range(chosen.nights))], report["versions"], strict=True):
        print(f"{when:<14} {version['version']:<4} {version['share']:>5.0%} {'#' * round(version['share'] * 40)}")
    for receipt in report["nights"]:
        print(f"{receipt['outcome']}: {receipt['reason']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
