"""Many reads at the same time, each with an end of its own: a body, nothing, or why nothing is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from recovery.errors import DrError
from recovery.model import Json

Body = Mapping[str, Json]
THREADS = 12


def together(jobs: Mapping[str, Callable[[], Body | None]]) -> tuple[dict[str, Body], dict[str, str]]:
    """(id -> body, id -> why it could not be read); None in neither: it is not there. jobs: by id; a DrError of one is its
    reason, any other error is raised."""
    bodies: dict[str, Body] = {}
    unknown: dict[str, str] = {}
    with ThreadPoolExecutor(THREADS) as pool:
        for id, answer in [(id, pool.submit(job)) for id, job in jobs.items()]:
            try:
                body = answer.result()
            except DrError as error:
                unknown[id] = error.summary
                continue
            if body is not None:
                bodies[id] = body
    return bodies, unknown
