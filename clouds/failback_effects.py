"""What the failbacks of site trustlayer do to its databases: silence, rejoin, freeze, fence, promote, attach.

Rejoining is the pods' own work: their entrypoint, told by FOLLOW and GENERATION in the deployment, runs pg_rewind
against the present primary (or copies it anew) before it starts the server. GENERATION is the primary's timeline, so
the same rejoin is never done twice.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from clouds.kubernetes import deployment_path
from clouds.kubernetes_effects import API, database_url
from clouds.postgres import Server, newest_primary
from clouds.runbook.calls import Call, Handler, Outcome, failed, ok, seen
from clouds.trustlayer_site import EAST, NAMESPACE, Site
from recovery.errors import DrError, Unobserved
from recovery.model import Json

WAIT_SECONDS = 40.0


def effects(site: Site) -> dict[str, Handler]:
    """Effect kind -> function, for this site."""

    def east() -> dict[str, Server]:
        return site.in_region(EAST)

    def primary(call: Call) -> Server:
        """The one that `look` found, for the whole run: later looks would meet a world in between."""
        return site.databases[str(call.state.of("look").evidence["primary"])]

    def home() -> Server:
        return site.databases[site.home]

    def done(call: Call) -> bool:
        """Is the switch made: does the home server take writes, on a line of history newer than the one that `look`
        found? (An old primary that has just come back takes writes too, on an older one.)"""
        server, seen_then = home(), call.state.of("look").evidence
        if not server.reachable() or server.in_recovery() or server.refuses_writes():
            return False
        return bool(seen_then["primary"] == site.home or server.timeline() > int(seen_then["timeline"]))

    def look(args: Mapping[str, Json], call: Call) -> Outcome:
        if not site.cluster(EAST).healthy():
            return failed(f"the cluster of {EAST} does not answer: there is nothing to go back to")
        found = site.replica if site.failed_over() else newest_primary(east().values())
        if found is None or found.in_recovery():
            return failed("no database takes writes: this is a disaster, not a failback", next="dr assess")
        roles = {
            n: ("replica" if s.in_recovery() else "primary") if s.reachable() else "silent"
            for n, s in east().items()
        }
        return ok(primary=found.name, timeline=found.timeline(), home=site.home, roles=roles)

    def rivals(call: Call) -> list[Server]:
        own = primary(call).name
        return [s for n, s in east().items() if n != own and s.reachable() and not s.in_recovery()]

    def quiet(args: Mapping[str, Json], call: Call) -> Outcome:
        if done(call):
            return ok(home="takes writes already")
        loud = [s.name for s in rivals(call) if not s.refuses_writes()]
        return seen(not loud, call, f"takes writes: {', '.join(loud)}", loud=loud)

    def silence(args: Mapping[str, Json], call: Call) -> Outcome:
        for server in rivals(call):
            server.read_only(True)
        return ok()

    def mark(args: Mapping[str, Json], call: Call) -> Outcome:
        """Tell each server that is not the primary's replica whom to follow."""
        source = primary(call)
        values = {"FOLLOW": source.dsn, "GENERATION": str(source.timeline())}
        told = []
        streaming = source.standbys()
        for name in east():
            if name != source.name and name not in streaming:
                site.cluster(EAST).set_env(NAMESPACE, f"trustlayer-{name}", "db", values)
                told.append(name)
        return ok(told=told)

    def behind(source: Server) -> list[str]:
        streaming = source.standbys()
        return [name for name in east() if name != source.name and name not in streaming]

    def joined(args: Mapping[str, Json], call: Call) -> Outcome:
        if done(call) and home().name != primary(call).name:
            return ok(home="is primary already")
        short = behind(primary(call))
        return seen(not short, call, f"not streaming: {', '.join(short)}", short=short)

    def join(args: Mapping[str, Json], call: Call) -> Outcome:
        told = mark(args, call)
        source, deadline = primary(call), time.monotonic() + WAIT_SECONDS
        for server in east().values():  # one that runs, and follows somebody else, only has to be told
            if server.name != source.name and server.reachable() and server.in_recovery():
                server.follow(source)
        while short := behind(source):
            if time.monotonic() > deadline:
                return failed(f"not streaming yet: {', '.join(short)}", **told.evidence)
            time.sleep(0.2)
        return ok(streaming=sorted(source.standbys()))

    def level(args: Mapping[str, Json], call: Call) -> Outcome:
        if done(call):
            return ok(home="is primary already")
        source, deadline = primary(call), time.monotonic() + WAIT_SECONDS
        goal = source.written()
        while (have := home().replayed()) < goal:
            if time.monotonic() > deadline:
                return failed(f"{site.home} is {goal - have} bytes behind {source.name}")
            time.sleep(0.1)
        if (
            source.name in east()
        ):  # from here on a commit waits for one of them: none can be lost by the switch
            source.synchronous(list(east()))
        return ok(behind=0)

    def frozen(args: Mapping[str, Json], call: Call) -> Outcome:
        source = primary(call)
        good = done(call) or not source.reachable() or source.refuses_writes()
        return seen(good, call, f"{source.name} takes writes")

    def freeze(args: Mapping[str, Json], call: Call) -> Outcome:
        primary(call).read_only(True)
        return ok(frozen=primary(call).name)

    def thaw(args: Mapping[str, Json], call: Call) -> Outcome:
        primary(call).read_only(False)
        return ok()

    def caught_up(args: Mapping[str, Json], call: Call) -> Outcome:
        source, deadline = primary(call), time.monotonic() + WAIT_SECONDS
        while True:
            goal, have = source.written(), home().replayed()
            if have >= goal:
                rows = source.ask("SELECT count(*) FROM profiles")[0][0]
                mine = home().ask("SELECT count(*) FROM profiles")[0][0]
                return (
                    ok(position=have, rows=int(rows))
                    if rows == mine
                    else failed(f"{rows} rows there, {mine} here")
                )
            if time.monotonic() > deadline:
                return failed(f"{site.home} is {goal - have} bytes behind")
            time.sleep(0.1)

    def followers(call: Call) -> dict[str, Server]:
        return {n: s for n, s in east().items() if n != primary(call).name}

    def fenced(args: Mapping[str, Json], call: Call) -> Outcome:
        source = primary(call)
        if done(call) and source.name == site.home:
            return ok(fence="not needed: it is at home")
        if source.name not in east():
            return seen(not source.reachable(), call, f"{source.name} still answers")
        attached = [n for n, s in followers(call).items() if not s.detached()]
        return seen(not attached, call, f"still attached: {', '.join(attached)}", attached=attached)

    def fence(args: Mapping[str, Json], call: Call) -> Outcome:
        servers, deadline = followers(call), time.monotonic() + WAIT_SECONDS
        for server in servers.values():
            if server.in_recovery():
                server.follow(None)
        while not all(s.detached() for s in servers.values()):
            if time.monotonic() > deadline:
                return failed("a standby still receives from the present primary")
            time.sleep(0.1)
        return ok(detached=sorted(servers))

    def unfence(args: Mapping[str, Json], call: Call) -> Outcome:
        for server in followers(call).values():
            if server.in_recovery():
                server.follow(primary(call))
        return ok()

    def is_home(args: Mapping[str, Json], call: Call) -> Outcome:
        return seen(done(call), call, f"{site.home} does not take writes")

    def promote(args: Mapping[str, Json], call: Call) -> Outcome:
        loud = [
            s.name
            for n, s in site.databases.items()
            if n != site.home and s.reachable() and not s.in_recovery() and not s.refuses_writes()
        ]
        if loud:
            return failed(f"{', '.join(loud)} takes writes: two would diverge")
        home().promote()
        home().read_only(False)  # it may have been silenced when it came back
        return ok(primary=site.home)

    def attached(args: Mapping[str, Json], call: Call) -> Outcome:
        now = home().standbys()
        short = [n for n in east() if n != site.home and now.get(n) not in ("quorum", "sync")]
        return seen(not short, call, f"not synchronous standbys: {', '.join(short)}", short=short)

    def attach(args: Mapping[str, Json], call: Call) -> Outcome:
        """The former primary rejoins by its pod's start; the others are only told."""
        new, deadline = home(), time.monotonic() + WAIT_SECONDS
        values = {"FOLLOW": new.dsn, "GENERATION": str(new.timeline())}
        for name, server in east().items():
            if name == new.name or name in new.standbys():
                continue
            if server.reachable() and server.in_recovery():
                server.follow(new)
            else:
                site.cluster(EAST).set_env(NAMESPACE, f"trustlayer-{name}", "db", values)
        while short := behind(new):
            if time.monotonic() > deadline:
                return failed(f"not streaming yet: {', '.join(short)}")
            time.sleep(0.2)
        new.synchronous(list(east()))
        return ok(standbys=sorted(new.standbys()))

    def points(args: Mapping[str, Json], call: Call) -> Outcome:
        good = database_url(site.cluster(EAST)) == home().dsn
        return seen(good, call, f"DATABASE_URL does not name {site.home}")

    def repoint(args: Mapping[str, Json], call: Call) -> Outcome:
        if site.cluster(EAST).get(deployment_path(NAMESPACE, API)) is None:
            raise Unobserved(
                f"there is no {API} in {EAST}", "it cannot be pointed at a database", "dr assess"
            )
        site.cluster(EAST).set_env(NAMESPACE, API, "api", {"DATABASE_URL": home().dsn})
        return ok(database=site.home)

    def data(args: Mapping[str, Json], call: Call) -> Outcome:
        home().write()
        try:
            rows = int(home().ask("SELECT count(*) FROM profiles")[0][0])
        except DrError as error:
            return failed(error.summary)
        return ok(profiles=rows, write="accepted")

    return {
        "back.look": look, "back.quiet": quiet, "back.silence": silence, "back.mark": mark, "back.joined": joined, "back.join": join,
        "back.level": level, "back.frozen": frozen, "back.freeze": freeze, "back.thaw": thaw, "back.caught_up": caught_up,
        "back.fenced": fenced, "back.fence": fence, "back.unfence": unfence, "back.home": is_home, "back.promote": promote,
        "back.attached": attached, "back.attach": attach, "back.points": points, "back.repoint": repoint, "back.data": data,
    }  # fmt: skip
