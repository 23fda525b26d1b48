"""Slots: how many jobs may be at work on one server at the same time.

A slot is a lock on a file of this machine.  It ends with the processes that hold the file open, however they end, so
nothing has to be cleaned up.  Ansible's own `throttle` counts all hosts of a task, whichever servers they are for.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import quote

WAIT_SECONDS = 0.5


def take(folder: str, limits: Mapping[str, int]) -> list[int] | None:
    """Takes one slot of each name, as open files; none of them where one has no free slot.

    Nothing is held while one waits, so no two can wait for each other.
    """
    held: list[int] = []
    try:
        for name, limit in sorted(limits.items()):
            free = _one_of(folder, name, int(limit))
            if free is None:
                _close(held)
                return None
            held.append(free)
    except BaseException:
        _close(held)
        raise
    return held


def _one_of(folder: str, name: str, limit: int) -> int | None:
    if limit < 1:
        raise ValueError(f"{name} may have {limit} at work; at least 1 is needed")
    for number in range(limit):
        path = os.path.join(folder, f"{quote(name, safe='')}.{number}")
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
        else:
            return file
    return None


def _close(held: list[int]) -> None:
    for file in held:
        os.close(file)


@contextmanager
def slots(folder: str | None, limits: Mapping[str, int]) -> Iterator[tuple[int, ...]]:
    """Waits for a slot of each name and holds them; gives the open files.

    Raises OSError where the folder cannot be used, and ValueError for a limit below 1.
    """
    if not limits or folder is None:
        yield ()
        return
    os.makedirs(folder, mode=0o700, exist_ok=True)
    held = take(folder, limits)
    while held is None:
        time.sleep(WAIT_SECONDS)
        held = take(folder, limits)
    try:
        yield tuple(held)
    finally:
        _close(held)
