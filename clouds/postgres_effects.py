"""What the runbooks of site trustlayer do to the databases of the primary region: fence, choose, promote, attach.

Why no two servers both take writes: the old primary acknowledges a commit only with one of its synchronous standbys
(``ANY 1``). The fence takes all of them away, and proves it on each, before one is chosen; the cross-region replica is
no synchronous standby. So it needs nothing of the old primary, wherever that still runs. Why nothing acknowledged is
lost: one of those standbys has every acknowledged row, all of them are asked, and the one that received most is taken;
with one of them silent, none is.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from clouds.postgres import Server, newest_primary
from clouds.runbook.calls import Call, Handler, Outcome, failed, ok, seen
from clouds.trustlayer_site import EAST, Site
from recovery.errors import DrError, Stopped
from recovery.model import Json

WAIT_SECONDS = 20.0


def effects(site: Site) -> dict[str, Handler]:
    """Effect kind -> function, for this site."""

    def alive_primary(zone: str) -> str:
        found = newest_primary(site.in_region(EAST, zone).values())
        return found.name if found else ""

    def look(args: Mapping[str, Json], call: Call) -> Outcome:
        roles: dict[str, Json] = {}
        for name, server in site.in_region(EAST).items():
            roles[name] = (
                ("replica" if server.in_recovery() else "primary") if server.reachable() else "silent"
            )
        return ok(roles=roles, primary=alive_primary(str(args.get("zone", ""))))

    def standbys(args: Mapping[str, Json], call: Call) -> dict[str, Server]:
        """Those that may be a synchronous standby of the old primary: all but it. It is the one that `look` found
        silent (or that stands in the lost zone)."""
        roles = call.state.of("status").evidence.get("roles", {})
        lost = str(args.get("zone", ""))
        inside = set(site.in_region(EAST)) - set(site.in_region(EAST, lost)) if lost else set()
        gone = inside or {name for name, role in roles.items() if role == "silent"}
        if len(gone) != 1:
            raise NoFence(sorted(gone))
        return {name: server for name, server in site.in_region(EAST).items() if name not in gone}

    def fenced(args: Mapping[str, Json], call: Call) -> Outcome:
        if call.state.of("status").evidence.get("primary"):
            return ok(fence="not needed: the primary takes writes")
        attached = [name for name, server in standbys(args, call).items() if not server.detached()]
        return seen(
            not attached, call, f"still attached to the old primary: {', '.join(attached)}", attached=attached
        )

    def fence(args: Mapping[str, Json], call: Call) -> Outcome:
        servers = standbys(args, call)
        for server in servers.values():
            if server.in_recovery():
                server.follow(None)
        deadline = time.monotonic() + WAIT_SECONDS
        while not all(server.detached() for server in servers.values()):
            if time.monotonic() > deadline:
                return failed("a standby still receives from the old primary")
            time.sleep(0.1)
        return ok(detached=sorted(servers))

    def unfence(args: Mapping[str, Json], call: Call) -> Outcome:
        servers = standbys(args, call)
        old = next(server for name, server in site.in_region(EAST).items() if name not in servers)
        for server in servers.values():
            if server.in_recovery():
                server.follow(old)
        return ok(follow=old.name)

    def choose(args: Mapping[str, Json], call: Call) -> Outcome:
        if primary := call.state.of("status").evidence.get("primary"):
            return ok(candidate=primary, why="it is primary and takes writes")
        servers = standbys(args, call)
        promoted = [name for name, server in servers.items() if not server.in_recovery()]
        if len(promoted) > 1:
            return failed(f"two primaries: {', '.join(promoted)}")
        if promoted:
            return ok(candidate=promoted[0], why="it was promoted before")
        positions = {name: server.received() for name, server in servers.items()}
        best = max(positions, key=lambda name: (positions[name], name))
        return ok(candidate=best, positions=positions, why="it received most")

    def chosen(call: Call) -> Server:
        return site.databases[str(call.state.of("choose").evidence["candidate"])]

    def promoted(args: Mapping[str, Json], call: Call) -> Outcome:
        server = chosen(call)
        return seen(not server.in_recovery(), call, f"{server.name} is a standby", candidate=server.name)

    def promote(args: Mapping[str, Json], call: Call) -> Outcome:
        server = chosen(call)
        others = [
            n
            for n, s in site.in_region(EAST).items()
            if n != server.name and s.reachable() and not s.in_recovery()
        ]
        if others:
            return failed(f"{', '.join(others)} is a primary already: two would diverge")
        began = time.monotonic()
        server.promote()
        return ok(candidate=server.name, seconds=round(time.monotonic() - began, 2))

    def others(args: Mapping[str, Json], call: Call) -> dict[str, Server]:
        own = chosen(call).name
        return {
            n: s
            for n, s in site.in_region(EAST, str(args.get("zone", ""))).items()
            if n != own and s.reachable()
        }

    def attached(args: Mapping[str, Json], call: Call) -> Outcome:
        now = chosen(call).standbys()
        short = [name for name in others(args, call) if now.get(name) not in ("quorum", "sync")]
        return seen(
            not short, call, f"not synchronous standbys: {', '.join(short)}", short=short, standbys=now
        )

    def attach(args: Mapping[str, Json], call: Call) -> Outcome:
        primary, rest = chosen(call), others(args, call)
        for server in rest.values():
            if server.in_recovery():
                server.follow(primary)
        if not primary.wait(dict.fromkeys(rest, ""), WAIT_SECONDS):
            return failed("a replica does not stream from the new primary yet")
        # Only now: with a name in the list that does not stream, every commit would hang.
        primary.synchronous(list(site.in_region(EAST)) if rest else [])
        return ok(standbys=sorted(rest))

    def data(args: Mapping[str, Json], call: Call) -> Outcome:
        server = chosen(call)
        server.write()
        return ok(profiles=int(server.ask("SELECT count(*) FROM profiles")[0][0]), write="accepted")

    def region_look(args: Mapping[str, Json], call: Call) -> Outcome:
        answers = {name: server.reachable() for name, server in site.in_region(EAST).items()}
        try:
            lag = site.replica.lag()
        except DrError:
            lag = None
        return ok(answers=answers, lagSeconds=lag)

    def region_fenced(args: Mapping[str, Json], call: Call) -> Outcome:
        reachable = [s for s in site.in_region(EAST).values() if s.reachable()]
        open_ = [s.name for s in reachable if not s.refuses_writes()]
        silent = len(site.in_region(EAST)) - len(reachable)
        good = not open_ and not silent
        return seen(
            good, call, f"{len(open_)} take writes, {silent} cannot be asked", open=open_, silent=silent
        )

    def region_fence(args: Mapping[str, Json], call: Call) -> Outcome:
        silent = []
        for name, server in site.in_region(EAST).items():
            if server.reachable():
                if not server.refuses_writes():
                    server.read_only(True)
            else:
                silent.append(name)
        return ok(
            silent=silent,
            acceptedRisk=bool(silent),
            lastReplayed=str(site.replica.ask("SELECT pg_last_xact_replay_timestamp()")[0][0]),
        )

    return {
        "database.look": look, "database.fenced": fenced, "database.fence": fence, "database.unfence": unfence,
        "database.choose": choose, "database.promoted": promoted, "database.promote": promote, "database.attached": attached,
        "database.attach": attach, "database.data": data, "region.look": region_look, "region.fenced": region_fenced,
        "region.fence": region_fence,
    }  # fmt: skip


class NoFence(Stopped):
    """Not exactly one server can be the old primary."""

    def __init__(self, gone: list[str]) -> None:
        which = ", ".join(gone) or "none"
        super().__init__(
            f"not exactly one database is lost (lost: {which}): a fence cannot be proven",
            "with a synchronous standby out of sight, an acknowledged row may be on it alone, or the old primary may still take writes",
            "bring one of them back, or: dr recover --level 4",
        )
