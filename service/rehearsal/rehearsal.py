"""The rehearsal: simulated people with a hidden taste talk to the real service and rate it, nights run, and the taste judges every version.

    measure the start -> (talk and rate -> night -> measure what serves now) x nights

Nothing here looks into the service: whatever is learned went over HTTP, as a visitor's or an app's words do.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx
from msgspec import Struct

from service.errors import Unavailable
from service.rehearsal.box import Box
from service.rehearsal.raters import Hostile, Message, Rater, opinion
from service.rehearsal.satisfaction import Satisfaction, measure
from service.rehearsal.visits import Habits, Visit, draw_visits, hostile_people, thumb_of

_AT_ONCE = 4
_REPLY_SECONDS = 300.0

Report = Callable[[str, int, int], None]
"""What is going on, how much of it is done, and of how much."""


class Plan(Struct, frozen=True, kw_only=True):
    """What is rehearsed: `exchanges` per night, `times` replies to each unseen message of a measurement."""

    persona: str
    rater: Rater
    said: Sequence[str]
    unseen: Sequence[str]
    habits: Habits = Habits()
    exchanges: int = 400
    nights: int = 3
    times: int = 4
    seed: int = 1
    hostile: Hostile | None = None


class Night(Struct, frozen=True, kw_only=True):
    """One night: what went before it (exchanges, thumbs) and its receipt, in short."""

    night: int
    exchanges: int
    up: int
    down: int
    outcome: str
    reason: str
    version: str | None
    champion: str


class Rehearsed(Struct, frozen=True, kw_only=True):
    """What came of it: the versions that served, in order, each judged by the taste, and by the hostile one if there is one."""

    versions: list[Satisfaction]
    hostile: list[Satisfaction]
    nights: list[Night]


def rehearse(plan: Plan, box: Box, report: Report) -> Rehearsed:
    """Run the whole of it against a running service; raises `Unavailable` when that stops answering."""
    hostile = hostile_people(plan.habits.people, plan.hostile.share, plan.seed) if plan.hostile else set()
    with httpx.Client(base_url=box.url, headers={"Authorization": f"Bearer {box.key}"}, timeout=_REPLY_SECONDS) as client:
        judged = [_judge(plan, client, "v0", report)]
        nights = []
        for number in range(1, plan.nights + 1):
            visits = draw_visits(plan.said, plan.exchanges, plan.habits, seed=f"visits {plan.seed} {number}")
            thumbs = _visit_all(plan, client, visits, hostile, partial(_talking, report, number, plan.exchanges))
            report(f"night {number}: learning", 0, 1)
            receipt = box.night(plan.persona)
            night = Night(
                night=number,
                exchanges=plan.exchanges,
                up=thumbs.count("up"),
                down=thumbs.count("down"),
                **{name: receipt[name] for name in ("outcome", "reason", "version", "champion")},
            )
            nights.append(night)
            if night.champion != judged[-1][0].version:
                judged.append(_judge(plan, client, night.champion, report))
    return Rehearsed(versions=[each[0] for each in judged], hostile=[each[1] for each in judged if each[1]], nights=nights)


def _talking(report: Report, day: int, total: int, done: int) -> None:
    report(f"day {day}: talking", done, total)


def _judge(plan: Plan, client: httpx.Client, version: str, report: Report) -> tuple[Satisfaction, Satisfaction | None]:
    """What the tastes think of fresh replies to messages that nobody said before."""
    asked = [message for message in plan.unseen for _ in range(plan.times)]
    replies: list[str] = []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for reply in pool.map(lambda message: _ask(client, plan.persona, [_user(message)], None)[1], asked):
            replies.append(reply)
            report(f"judging {version}", len(replies), len(asked))

    def judged(rater: Rater) -> Satisfaction:
        opinions: dict[str, list[str | None]] = {message: [] for message in plan.unseen}
        for message, reply in zip(asked, replies, strict=True):
            opinions[message].append(opinion(rater, [_user(message)], reply))
        return measure(version, opinions, plan.seed)

    return judged(plan.rater), judged(plan.hostile.rater) if plan.hostile else None


def _visit_all(plan: Plan, client: httpx.Client, visits: Sequence[Visit], hostile: set[int], report: Callable[[int], None]) -> list[str]:
    """Every visit, a few at once; the thumbs that were pressed."""
    thumbs: list[str] = []
    done = 0
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for visit, pressed in zip(
            visits, pool.map(lambda visit: _visit(plan, client, visit, visit.person in hostile), visits), strict=True
        ):
            thumbs += pressed
            done += len(visit.turns)
            report(done)
    return thumbs


def _visit(plan: Plan, client: httpx.Client, visit: Visit, is_hostile: bool) -> list[str]:
    rater = plan.hostile.rater if plan.hostile and is_hostile else plan.rater
    messages: list[Message] = []
    thumbs = []
    for turn in visit.turns:
        messages.append(_user(turn.message))
        exchange, reply = _ask(client, plan.persona, messages, f"person-{visit.person}")
        # The service takes no thumb on an empty reply, and its widget offers none.
        if reply.strip() and (thumb := thumb_of(opinion(rater, messages, reply), turn)):
            _send(client, f"/v1/chat/completions/{exchange}/rating", {"rating": thumb})
            thumbs.append(thumb)
        messages.append({"role": "assistant", "content": reply})
    return thumbs


def _ask(client: httpx.Client, persona: str, messages: Sequence[Message], person: str | None) -> tuple[str, str]:
    """The exchange's id and the reply."""
    body: dict[str, Any] = {"model": persona, "messages": list(messages), **({"user": person} if person else {})}
    answer = _send(client, "/v1/chat/completions", body)
    return answer["id"], answer["choices"][0]["message"]["content"] or ""


def _send(client: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """One request, and a second one where the first met a service that was just starting a process anew."""
    trouble = ""
    for _ in range(2):
        try:
            response = client.post(path, json=body)
        except httpx.HTTPError as error:
            trouble = type(error).__name__
            continue
        if response.is_success:
            answer: dict[str, Any] = response.json()
            return answer
        trouble = f"it answered {response.status_code}"
    raise Unavailable(f"The rehearsal's service stopped answering ({trouble}).")


def _user(text: str) -> Message:
    return {"role": "user", "content": text}
