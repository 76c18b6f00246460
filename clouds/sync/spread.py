"""The table's staged exports brought by many machines at once, file by file: where one machine is not enough (SYNC-3).

Same chain, conversion, writes, checksums and fence as `clouds.sync.metadata`; only the files of an export are spread out.
`spread` is given how (Spark: `over`); a file is one task. Which task brings a document does not matter, nor that two do:
every write names the version that it replaces. A wave of files is marked when all of it is written, so a job that was
killed goes on at its wave; other runs see the chain change under them and stop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

from clouds.azure.data_plane import endpoint_of
from clouds.endpoints import Endpoints, load
from clouds.objects.container import container_client
from clouds.sync.chain import ChainBlob, counted
from clouds.sync.converting import batches
from clouds.sync.cosmos import AHEAD, Container
from clouds.sync.direction import Directions
from clouds.sync.exports import Exports
from clouds.sync.importing import Imported, send
from clouds.sync.outcome import Outcome
from clouds.sync.world import JOURNAL, STAGING, SyncWorld
from recovery.errors import BadInput, DrError, Stopped
from recovery.journal.direction import Direction
from recovery.sync.budget import Budget
from recovery.sync.exported import BadExportError
from recovery.sync.ids import Keys

WAVES = 4
"""Files a task slot takes between two marks of the chain."""


@dataclass(frozen=True)
class Place:
    """Where everything is, for a machine that has no project folder. uploads, journal: the accounts' blob endpoints.

    rate: RU/s of the container, of which `AHEAD` is shared out among the tasks that run at once.
    """

    uploads: str
    journal: str
    cosmos: str
    database: str
    container: str
    partition: str
    sort: str
    rate: float

    @property
    def keys(self) -> Keys:
        """The table's keys, as the site uses them."""
        return Keys(self.partition, self.sort or None, chunks=True)

    def options(self) -> dict[str, str]:
        """By name, as a command line takes them."""
        return {
            name: f"{value:g}" if isinstance(value, float) else value for name, value in asdict(self).items()
        }

    def blobs(self, account: str, container: str, endpoints: Endpoints) -> Any:
        """The SDK's client of a container. account: its blob endpoint."""
        # https://NAME.blob.core.windows.net in Azure, http://127.0.0.1:PORT/NAME locally
        name = account.rstrip("/").rpartition("/")[2].partition(".")[0]
        body = {"name": name, "properties": {"primaryEndpoints": {"blob": account}}}
        return container_client(body, container, endpoints)

    def exports(self, endpoints: Endpoints) -> Exports:
        """What is staged; nothing is asked of AWS."""
        return Exports(None, None, "", "", self.blobs(self.uploads, STAGING, endpoints))


def place_of(world: SyncWorld) -> Place:
    """The place of a project's standby, at the RU/s that its container has now. Raises Unobserved."""
    endpoint, database, container = world.cosmos
    uploads, journal = (
        endpoint_of(world.body(name), "primaryEndpoints", "blob")
        for name in ("storage-uploads", "storage-journal")
    )
    return Place(
        uploads, journal, endpoint, database, container,
        world.keys.partition, world.keys.sort or "", float(world.throughput()),
    )  # fmt: skip


@dataclass(frozen=True)
class Task:
    """One data file of one export, under one epoch of the direction. share: tasks that run at once."""

    place: Place
    export: str
    file: int
    epoch: int
    share: int


@dataclass(frozen=True)
class Brought:
    """What became of a task. wrong: why it did not end, as the error's parts; a person's stop among them."""

    file: int
    done: Imported = field(default_factory=Imported)
    spent: float = 0.0
    throttled: int = 0
    requests: int = 0
    wrong: tuple[str, str, str] | None = None


Spread = Callable[[Callable[[Task], Brought], Sequence[Task]], Iterable[Brought]]
"""Runs the function for each task, anywhere; gives back what came of each."""


def bring(task: Task) -> Brought:
    """One task, on whichever machine. Errors are part of the answer: another machine's traceback helps nobody."""
    done = Imported()
    try:
        return asyncio.run(_bring(task, done))
    except BadExportError as error:
        return Brought(task.file, done, wrong=(str(error), "an import would miss items", "dr sync metadata"))
    except DrError as error:
        return Brought(task.file, done, wrong=(error.summary, error.detail, error.fix))


async def _bring(task: Task, done: Imported) -> Brought:
    place, endpoints = task.place, load()
    directions = Directions(place.blobs(place.journal, JOURNAL, endpoints))
    ask = await asyncio.to_thread(directions.fence, Direction.FORWARD)
    if (now := await asyncio.to_thread(directions.read)).epoch != task.epoch:
        raise Stopped(
            f"the direction was turned meanwhile (epoch {task.epoch} then, {now.epoch} now)",
            "what this job was to bring may be older than what Azure took in", "dr sync direction",
        )  # fmt: skip
    made = place.exports(endpoints)
    of = await asyncio.to_thread(made.staged, task.export)
    path = f"dbs/{place.database}/colls/{place.container}"
    into = Container(
        place.cosmos, path, endpoints.cosmos_key, Budget(place.rate * AHEAD / max(1, task.share))
    )
    try:
        await send(
            batches(counted(made, of, of.files[task.file]), of, place.keys, done), into, done, fence=ask
        )
    finally:
        await into.close()
    spent = into.budget
    return Brought(task.file, done, spent.spent, spent.throttled, spent.requests)


def run(place: Place, spread: Spread, *, slots: int, say: Callable[[str], None]) -> Outcome:
    """Bring every export of the chain that is not wholly imported, in order. slots: tasks that run at once.

    Raises Stopped by the fence, BadInput where nothing is staged. Nothing is proven here: that is `dr sync metadata`'s,
    whose proof compares all ids.
    """
    began, endpoints = datetime.now(UTC), load()
    journal = place.blobs(place.journal, JOURNAL, endpoints)
    directions = Directions(journal)
    fence, epoch = directions.fence(Direction.FORWARD), directions.read().epoch
    blob, made = ChainBlob(journal), place.exports(endpoints)
    chain = blob.load()
    outcome = Outcome("metadata", "forward", epoch, began.isoformat(timespec="seconds"))
    if not chain.open:
        raise BadInput(
            "no export is staged that is not imported already", "there is nothing to bring",
            "dr sync stage    (makes an export and leaves its import to the cluster)",
        )  # fmt: skip
    total, throttled, requests, units = Imported(), 0, 0, 0.0
    for link in chain.open:
        of = made.staged(link.export)
        while link.files < len(of.files):
            fence()
            wave = range(link.files, min(len(of.files), link.files + slots * WAVES))
            tasks = [Task(place, link.export, n, epoch, min(slots, len(wave))) for n in wave]
            found = list(spread(bring, tasks))
            for one in found:
                total.add(one.done)
                throttled, requests, units = (
                    throttled + one.throttled, requests + one.requests, units + one.spent,
                )  # fmt: skip
            wrong = [f"file {one.file} of {link.export}: {one.wrong[0]}" for one in found if one.wrong]
            if {one.file for one in found} != set(wave):
                wrong.append(f"{len(wave) - len(found)} files of {link.export} were not brought")
            if wrong or total.unwritten:
                outcome.errors = [*wrong, *total.problems][:1000]
                return _counted(outcome, total, units, requests, throttled, began)
            link.files, link.lines = wave.stop, 0
            blob.store(chain)
            say(f"{link.export}: {link.files} of {len(of.files)} files, {total.read:,} items read")
        link.done = True
        blob.store(chain)
    outcome.errors = total.problems
    return _counted(outcome, total, units, requests, throttled, began)


def _counted(
    outcome: Outcome, total: Imported, units: float, requests: int, throttled: int, began: datetime
) -> Outcome:
    outcome.counts = {
        "sourceKeys": total.read, "created": total.created, "replaced": total.replaced, "deleted": total.deleted,
        "same": total.same, "overtaken": total.overtaken, "copiedBytes": total.bytes, "errors": total.problem_count,
        "requestUnits": int(units), "requests": requests, "throttled": throttled,
    }  # fmt: skip
    outcome.seconds = round((datetime.now(UTC) - began).total_seconds(), 3)
    return outcome


def over(context: Any) -> Spread:
    """Spread over a Spark cluster. context: a SparkContext; a task that its machine loses is run again elsewhere."""

    def spread(work: Callable[[Task], Brought], tasks: Sequence[Task]) -> Iterable[Brought]:
        found: list[Brought] = context.parallelize(tasks, len(tasks)).map(partial(_each, work)).collect()
        return found

    return spread


def _each(work: Callable[[Task], Brought], task: Task) -> Brought:
    return work(task)
