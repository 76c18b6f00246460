"""Changing what the plan says: independent resources at the same time, everything after what it waits for.

Nothing is remembered between runs, so an interrupted one is simply run again: each resource is read anew
before it is written, and one that is already as declared is left alone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from typing import Protocol

from clouds import gates
from clouds.azure.arm import ArmError
from clouds.azure.live import api_version
from clouds.direct.planning import AZURE, Picture, body_of, broken, gate_kind, is_gate
from recovery.arm.merge import creation, merge, redacted, unresolved
from recovery.arm.placeholders import references
from recovery.drift.normalizers import canonical_id
from recovery.engine import Event, EventKind
from recovery.errors import DrError, Failed, Stopped
from recovery.model import Action, Desired, Json, Step
from recovery.order import edges, excluded, sorter_of

WORKERS = 8
"""At the same time. ARM's write bucket is 200 per subscription, refilled at 10 a second."""


class Cloud(Protocol):
    """What is needed of ARM: one fresh read (as the drift check reads), PUT and DELETE."""

    def fresh(self, resource: Desired) -> dict[str, Json] | None: ...
    def put(self, id: str, body: dict[str, Json], api_version: str) -> dict[str, Json]: ...
    def delete(self, id: str, api_version: str) -> None: ...


class Run:
    """One up. before_change is called before every change and raises to stop (the lock was lost)."""

    def __init__(
        self,
        picture: Picture,
        steps: Sequence[Step],
        cloud: Cloud,
        on_event: Callable[[Event], None],
        before_change: Callable[[], None] = lambda: None,
        exclude: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._picture = picture
        self._steps = {s.id.lower(): s for s in steps}
        self._resources = {d.id.lower(): d for d in picture.wanted}
        self._cloud = cloud
        self._on_event = on_event
        self._before_change = before_change
        self._skip = {d.id.lower() for d in picture.wanted if excluded(d, exclude)}
        self._clock = clock
        self._telling = threading.Lock()  # who watches sees one event at a time
        self._passed: set[str] = set()  # gates that were asked before the rest
        self._touched: set[str] = set()  # canonical ids that this run has written

    def go(self) -> None:
        """Run all steps. The first failure stops what has not started; what runs is waited for. Raises
        DrError."""
        if not any(s.action not in (Action.SAME, Action.READ) for s in self._steps.values()):
            return
        self._may_traffic_return()
        sorter = sorter_of(edges(self._picture.wanted))
        running: dict[Future[None], str] = {}
        failure: BaseException | None = None
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="apply") as pool:
            while sorter.is_active():
                if failure is None:
                    for id in sorter.get_ready():
                        running[pool.submit(self._one, id)] = id
                if not running:
                    break
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    id = running.pop(future)
                    error = future.exception()
                    if error is None:
                        sorter.done(id)
                    elif failure is None:
                        failure = error
        if failure is not None:
            raise failure
        for step in self._steps.values():
            if step.action is Action.DELETE:
                self._timed(step, Action.DELETE, partial(self._delete, step))

    def _may_traffic_return(self) -> None:
        """Ask the ReturnGate before anything at all: a primary that does not answer must leave all as it is."""
        for id, resource in self._resources.items():
            if is_gate(resource) and gate_kind(resource) == "ReturnGate" and id not in self._skip:
                self._gate(resource, self._steps[id])
                self._passed.add(id)

    def _one(self, id: str) -> None:
        resource, step = self._resources[id], self._steps[id]
        if id in self._skip or id in self._passed:
            return
        if is_gate(resource):
            self._gate(resource, step)
        elif not resource.type.startswith(AZURE):
            return
        elif step.action is Action.CREATE:
            self._timed(step, Action.CREATE, lambda: self._create(resource))
        elif step.action is Action.UPDATE or self._moved(resource):
            self._timed(step, Action.UPDATE, lambda: self._update(resource))

    def _moved(self, resource: Desired) -> bool:
        """Does it point at something that this run made anew (a new address), so that it differs only now?"""
        pointed = {canonical_id(id) for id, _ in references(resource.inputs)}
        return bool(pointed & self._touched and self._picture.findings([resource]))

    def _gate(self, resource: Desired, step: Step) -> None:
        # Looked at again at its turn: this very run may have changed what was seen when the plan was made.
        kind, props = gate_kind(resource), resource.inputs
        if props.get("want") == "any":
            return
        if step.action is Action.UPDATE or gates.differs(kind, self._picture.look_at(resource), props):
            self._timed(step, Action.UPDATE, lambda: self._pass(resource))

    def _pass(self, resource: Desired) -> None:
        self._before_change()
        self._picture.pass_through(resource)

    def _create(self, resource: Desired) -> None:
        body = body_of(resource, self._picture, None)
        self._refuse_gaps(resource, body)
        if redacted(body):
            raise Stopped(
                f"{resource.id} needs a secret to be created, and the desired state holds none",
                "the direct engine works from what may be kept on disk, and secrets may not",
                "create it once with dr up --engine pulumi, or make it by hand",
            )
        self._put(resource, creation(body))

    def _update(self, resource: Desired) -> None:
        live = self._cloud.fresh(resource)
        if live is None:
            raise Stopped(
                f"{resource.id} was there when the plan was made and is gone now",
                "somebody else is changing the footprint at this moment",
                "dr status    (who holds the lock?), then run the same command again",
                retry=True,
            )
        self._picture.bodies[canonical_id(resource.id)] = live
        body = body_of(resource, self._picture, live)
        self._refuse_gaps(resource, body)
        if self._picture.findings([resource]) or broken(live):
            self._put(resource, merge(live, body))

    def _refuse_gaps(self, resource: Desired, body: Mapping[str, Json]) -> None:
        gaps = unresolved(body)
        if gaps:
            raise Failed(
                f"{resource.id} needs {gaps[0].path} of {gaps[0].id}, which has no such value",
                "only the cloud knows that value, and a guess would point traffic or data somewhere else",
                "dr drift    (is that resource missing or unfinished?), then run the same command again",
                retry=True,
            )

    def _put(self, resource: Desired, body: dict[str, Json]) -> None:
        version = api_version(resource)
        if version is None:
            raise unknown_type(resource.arm_type or resource.type)
        self._before_change()
        try:
            done = self._cloud.put(resource.id, body, version)
        except ArmError as error:
            raise Failed(
                f"{resource.id} could not be written: {error}",
                "what waits for it was not started; what was done before it stays done",
                "dr doctor    (which role is missing; a fresh one takes minutes to work)"
                if error.status == 403
                else "run the same command again: it goes on where this one stopped",
                retry=True,
            ) from error
        id = canonical_id(resource.id)
        self._picture.bodies[id] = done
        self._touched.add(id)

    def _delete(self, step: Step) -> None:
        self._before_change()
        try:
            self._cloud.delete(step.id, api_version_of(step.type))
        except ArmError as error:
            raise Failed(
                f"{step.id} could not be deleted: {error}",
                "it is declared nowhere, and what nobody declares nobody looks after",
                "run the same command again, or delete it by hand",
                retry=True,
            ) from error

    def _timed(self, step: Step, action: Action, work: Callable[[], None]) -> None:
        def tell(kind: EventKind, text: str = "") -> None:
            with self._telling:
                self._on_event(Event(kind, action, step.id, step.type, step.name, text))

        tell(EventKind.STARTED)
        started = self._clock()
        try:
            work()
        except DrError as error:
            tell(EventKind.FAILED, error.summary)
            raise
        tell(EventKind.DONE, f"{self._clock() - started:.1f} s")


def api_version_of(arm_type: str) -> str:
    """The API version for an ARM type. Raises Stopped for a type of which nothing is known."""
    version = api_version(Desired("", arm_type, "", {}))
    if version is None:
        raise unknown_type(arm_type)
    return version


def unknown_type(arm_type: str) -> Stopped:
    """No API version is known for it."""
    return Stopped(
        f"nothing is known of the type {arm_type or '(none)'}",
        "changing a resource of an unknown kind is not for a tool to decide",
        "az resource show --ids ID    (look at it, and change it by hand)",
    )
