"""Which post offices go together, and how many nights that takes: computed from what `gwmigrate check` estimated.

Wave w has stage one in night w, and its last pass, stage two and finish in night w + 1, so that the nights of two waves
overlap.  Each post office goes into the first wave in which both fit; those that take longest are placed first.  The same
input always gives the same schedule.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

STAGE_ONE = "stage-one"
CUT_OVER = "cut-over"


@dataclass(frozen=True)
class PostOffice:
    """What is known of a post office."""

    name: str
    source: str
    destination: str
    stage_one_seconds: float
    # The last pass of stage one, and the time without users.
    cut_over_seconds: float


@dataclass(frozen=True)
class Limits:
    """What the site allows."""

    window_seconds: float = 8 * 3600
    # How many post offices may be at work at the same time.
    per_source: int = 2
    per_destination: int = 1
    at_once: int = 10
    # By how much an estimate is multiplied; the guide says to plan with twice the time.
    factor: float = 2.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not value > 0:
                raise ValueError(f"{name} is {value}; it must be more than 0")


@dataclass(frozen=True)
class Job:
    """What a post office does in one night, in seconds from the beginning of the window."""

    name: str
    what: str
    source: str
    destination: str
    start_seconds: float
    end_seconds: float


def _fits(job: Job, night: list[Job], limits: Limits) -> bool:
    """Whether the job breaks no limit at any moment; the number at work is highest where one begins."""
    beside = [one for one in night if one.start_seconds < job.end_seconds and job.start_seconds < one.end_seconds]
    moments = [job.start_seconds] + [one.start_seconds for one in beside if one.start_seconds > job.start_seconds]
    for moment in moments:
        now = [one for one in beside if one.start_seconds <= moment < one.end_seconds]
        there = [one for one in now if one.destination == job.destination]
        if (
            len(now) >= limits.at_once
            or sum(one.source == job.source for one in now) >= limits.per_source
            or len(there) >= limits.per_destination
            or (job.what == CUT_OVER and any(one.what == CUT_OVER for one in there))
        ):
            return False
    return True


def _placed(office: PostOffice, what: str, seconds: float, night: list[Job], limits: Limits) -> Job | None:
    """The job at the earliest moment of a night at which it fits; none where it does not."""
    for start in sorted({0.0, *(one.end_seconds for one in night)}):
        end = start + seconds
        if end > limits.window_seconds:
            return None
        job = Job(office.name, what, office.source, office.destination, start, end)
        if _fits(job, night, limits):
            return job
    return None


def schedule(post_offices: Iterable[PostOffice], limits: Limits) -> dict[str, Any]:
    """Waves and nights, as plain values.

    `waves` has the names of each wave in the order in which they begin; `nights` the jobs of each night; `too_long` names what
    does not fit into a window even alone, and why: it is in no wave.
    """
    nights: list[list[Job]] = []
    waves: list[list[str]] = []
    too_long: list[dict[str, Any]] = []
    longest_first = sorted(post_offices, key=lambda one: (-one.stage_one_seconds, -one.cut_over_seconds, one.name))
    for office in longest_first:
        tasks = {
            STAGE_ONE: office.stage_one_seconds * limits.factor,
            CUT_OVER: office.cut_over_seconds * limits.factor,
        }
        over = {what: seconds for what, seconds in tasks.items() if seconds > limits.window_seconds}
        if over:
            too_long.extend({"name": office.name, "what": what, "seconds": seconds} for what, seconds in over.items())
            continue
        _into_first_wave(office, tasks, nights, waves, limits)
    ordered = [sorted(night, key=lambda job: (job.start_seconds, job.name, job.what)) for night in nights]
    begin = {job.name: job.start_seconds for night in nights for job in night if job.what == STAGE_ONE}
    return {
        "waves": [sorted(wave, key=lambda name: (begin[name], name)) for wave in waves],
        "nights": [[asdict(job) for job in night] for night in ordered],
        "too_long": too_long,
    }


def _into_first_wave(
    office: PostOffice, tasks: Mapping[str, float], nights: list[list[Job]], waves: list[list[str]], limits: Limits
) -> None:
    wave = 0
    while True:
        while len(nights) < wave + 2:
            nights.append([])
        while len(waves) < wave + 1:
            waves.append([])
        first = _placed(office, STAGE_ONE, tasks[STAGE_ONE], nights[wave], limits)
        second = _placed(office, CUT_OVER, tasks[CUT_OVER], nights[wave + 1], limits)
        if first and second:
            nights[wave].append(first)
            nights[wave + 1].append(second)
            waves[wave].append(office.name)
            return
        wave += 1


def _hours(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60}:{minutes % 60:02}"


def table(planned: Mapping[str, Any]) -> list[str]:
    """The schedule in lines: times in hours and minutes from the beginning of the night's window."""
    waves, nights = planned["waves"], planned["nights"]
    lines = [f"{sum(map(len, waves))} post offices, {len(waves)} waves, {len(nights)} nights"]
    for number, night in enumerate(nights, 1):
        end = max((job["end_seconds"] for job in night), default=0)
        lines.append(f"Night {number}: {len(night)} jobs, over after {_hours(end)}")
        for job in night:
            wave = number if job["what"] == STAGE_ONE else number - 1
            span = f"{_hours(job['start_seconds'])}-{_hours(job['end_seconds'])}"
            way = f"{job['source']} -> {job['destination']}"
            lines.append(f"  {span:<12} {job['what']:<10} {job['name']:<24} wave_{wave:<4} {way}")
    for one in planned["too_long"]:
        lines.append(f"DOES NOT FIT into a night: {one['name']}, {one['what']} takes {_hours(one['seconds'])}")
    return lines


def inventory(planned: Mapping[str, Any]) -> str:
    """The waves as groups of an inventory, for `--limit wave_1`."""
    groups = [(f"wave_{number}", wave) for number, wave in enumerate(planned["waves"], 1)]
    groups.append(("too_long", sorted({one["name"] for one in planned["too_long"]})))
    return "\n".join("\n".join([f"[{name}]", *hosts]) + "\n" for name, hosts in groups)
