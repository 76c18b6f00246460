"""The break-glass engine: no CLI, no state, no provider plugin (recovery.engine.Engine).

Pulumi's state backend, CI and service may all live in the cloud that failed. This engine needs the desired
state (from the program, or from the cache of an earlier run), Resource Manager, and the same gates.

It needs no stamp check: the program's guard keeps a stack whose *checkpoint* does not know the footprint from
creating it anew, and here there is no checkpoint; what exists is read from the cloud in every run. What the
guard protects from, a create in the middle of a failover, the safety gate refuses just the same.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from clouds import baselines
from clouds.azure import static_website
from clouds.azure.arm import Arm, ArmError
from clouds.azure.live import read_live
from clouds.azure.role_ready import RoleReady, young_identity
from clouds.direct.applying import Run
from clouds.direct.planning import AZURE, Picture, plan_steps, unmanaged_steps
from clouds.endpoints import Endpoints, load
from clouds.gates.world import World
from recovery.drift import report as drift
from recovery.engine import DIALS_ONLY, Event
from recovery.errors import Unobserved
from recovery.model import Action, Desired, Json, Plan, Step
from recovery.safety import check, refuse_more


class LiveCloud:
    """ARM for a run: fresh reads go the way the drift check reads, so both see the same body."""

    def __init__(self, arm: Arm) -> None:
        self.arm = arm

    def fresh(self, resource: Desired) -> dict[str, Json] | None:
        """The live body now, None when it is gone. Raises Unobserved."""
        live = read_live(self.arm, [resource])
        reason = live.why_unknown(resource.id)
        if reason:
            raise Unobserved(
                f"{resource.id} could not be read again before it was changed: {reason}",
                "what nobody declared would be overwritten by a guess",
                "run the same command again: it goes on where this one stopped",
                retry=True,
            )
        found = live.body(resource.id)
        return None if found is None else dict(found)

    def put(self, id: str, body: dict[str, Json], api_version: str) -> dict[str, Json]:
        """PUT, waited for; on a first build also until the resource's own identity may read what it needs."""
        if static_website.is_website(id):
            return static_website.put(self.arm, id, body)
        try:
            return self.arm.put(id, body, api_version)
        except ArmError as error:
            if not young_identity(error) or self._runs(id, api_version):
                raise  # what runs already had its role: ten minutes would bring nothing, and a failover has none
        patient = RoleReady(self.arm.endpoints.scale, waits_out=young_identity)
        name = id.rpartition("/")[2]
        return patient(
            f"{name}'s identity", lambda: self.arm.put(id, body, api_version), "Key Vault Secrets User"
        )

    def _runs(self, id: str, api_version: str) -> bool:
        try:
            return (self.arm.get(id, api_version).get("properties") or {}).get(
                "operationalState"
            ) == "Running"
        except ArmError as error:
            return not error.missing

    def delete(self, id: str, api_version: str) -> None:
        """DELETE, waited for."""
        self.arm.delete(id, api_version)


class DirectEngine:
    """Preview and up through Resource Manager alone.

    before_change: called before every change, raises to stop (`Lease.check`). desired: where the desired state comes
    from (default: the program or its cache).
    """

    name = "direct"

    def __init__(
        self,
        root: Path,
        *,
        environ: Mapping[str, str] = os.environ,
        endpoints: Endpoints | None = None,
        before_change: Callable[[], None] = lambda: None,
        desired: Callable[[Path, str, Mapping[str, str]], list[Desired]] | None = None,
    ) -> None:
        self.root = root
        self.environ = environ
        self.endpoints = endpoints or load(environ)
        self.before_change = before_change
        self._desired = desired
        self._arm: Arm | None = None
        self._shown: dict[tuple[str, tuple[str, ...]], Plan] = {}

    @property
    def arm(self) -> Arm:
        """One client for the engine's life."""
        if self._arm is None:
            self._arm = Arm(self.endpoints)
        return self._arm

    def look(self, stack: str) -> Picture:
        """Desired and live, now. Raises BadInput, Failed, Unobserved."""
        if self._desired is None:
            from clouds.program import desired as collected

            self._desired = collected
        wanted = list(self._desired(self.root, stack, self.environ))
        azure = [d for d in wanted if d.type.startswith(AZURE)]
        live = read_live(self.arm, azure)
        baseline = baselines.load(self.root, stack, self.environ)
        return Picture(
            stack, wanted, dict(live.bodies), live.unknown, live.unmanaged, baseline, self._gates_world
        )

    def _gates_world(self, hurry: float | None) -> World:
        return World.connect(hurry, self.environ, self.root)

    def preview(self, stack: str, exclude: Sequence[str] = ()) -> Plan:
        """What an up would change. Deletes never stand in it: what nobody declares is the drift check's to
        report."""
        plan = Plan(stack, self.name, tuple(plan_steps(self.look(stack), exclude)))
        self._shown[stack, tuple(exclude)] = plan
        return plan

    def up(
        self,
        stack: str,
        *,
        exclude: Sequence[str] = (),
        allow: frozenset[Action] = DIALS_ONLY,
        on_event: Callable[[Event], None],
    ) -> Plan:
        """Plan, pass the safety gate, change; returns the plan that was carried out.

        With Action.DELETE in `allow`, also deletes what lies in the footprint and is declared nowhere.
        Replacing is refused whatever is allowed. An interrupted up can simply be run again.
        """
        self._shown.pop((stack, tuple(exclude)), None)  # a plan that nobody was asked about binds nobody
        return self.apply(stack, exclude=exclude, allow=allow, on_event=on_event)

    def apply(
        self,
        stack: str,
        *,
        exclude: Sequence[str] = (),
        allow: frozenset[Action] = DIALS_ONLY,
        on_event: Callable[[Event], None],
    ) -> Plan:
        """As `up`: without a checkpoint the plan is always made from what is there now.

        Where a plan was shown before (`preview`), one that holds a change more is stopped: it is no longer the plan
        that a person has confirmed. A change less is none: somebody has done it meanwhile.
        """
        picture = self.look(stack)
        steps: list[Step] = plan_steps(picture, exclude)
        if Action.DELETE in allow:
            steps += unmanaged_steps(picture)
        plan = Plan(stack, self.name, tuple(steps))
        check(plan, allow - {Action.REPLACE})
        shown = self._shown.pop((stack, tuple(exclude)), None)
        if shown is not None:
            # What is declared nowhere stands in no preview; who allowed deletes has named them all.
            refuse_more(shown, replace(plan, steps=tuple(s for s in steps if s.action is not Action.DELETE)))
        Run(picture, steps, LiveCloud(self.arm), on_event, self.before_change, exclude).go()
        if plan.changes and not exclude:
            record_noise(self.root, stack, picture.wanted, self.arm, self.environ)
        return plan


def record_noise(
    root: Path, stack: str, wanted: Sequence[Desired], arm: Arm, environ: Mapping[str, str]
) -> None:
    """Right after a whole up, by either engine: what differs now is the service's own, and no news from here on."""
    azure = [d for d in wanted if d.type.startswith(AZURE)]
    report = drift.check(azure, read_live(arm, azure), None, stack)
    if report.complete:  # of what was not seen, an earlier baseline is the better witness
        baselines.write(root, stack, report.findings, environ)
