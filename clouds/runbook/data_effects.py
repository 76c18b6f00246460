"""Effects on the data: the sync's own functions, under the fence, with AWS's silence told apart from its refusals."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clouds.runbook.calls import Call, Handler, Outcome, failed, ok, seen, unreachable
from recovery.errors import DrError
from recovery.journal.chain import Kind
from recovery.journal.direction import Direction
from recovery.model import Json
from recovery.runbook.events import Result
from recovery.runbook.state import Phase
from recovery.sync.policies import MAX_DELETE_PERCENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clouds.sync.outcome import Outcome as Carried
    from clouds.sync.world import SyncWorld

FLOWS = ("uploads", "metadata")
CHANGES = ("copied", "written", "deleted", "created", "replaced")
"""Counts of a run that say that it changed something."""
NO_EXPORT = "no export was asked for, as it would write to AWS: proven is the last one that was carried"
NOT_CONVERTED = "none was sent: production's sync brings AWS's own documents"
DELTAS = 5
"""Reverse runs, at most, until one finds nothing left to carry."""


def effects(root: Path, environ: Mapping[str, str] = os.environ) -> dict[str, Handler]:
    """Effect kind -> function. Nothing is opened before the first call."""
    return Data(root, environ).table()


class Data:
    """Opens the site's data for each effect anew: a run lasts hours, and its clouds come and go."""

    def __init__(self, root: Path, environ: Mapping[str, str] = os.environ) -> None:
        self._root, self._environ = root, environ

    def table(self) -> dict[str, Handler]:
        """All kinds."""
        needing_aws: dict[str, Handler] = {
            "sync.run": self.run,
            "sync.prove": self.prove,
            "sync.until_empty": self.until_empty,
            "sync.delta_empty": self.delta_empty,
            "divergence.list": self.divergence,
            "freeze.is": self.frozen(True),
            "freeze.apply": self.freeze,
            "freeze.refuses": self.frozen(True),
            "freeze.lift": self.lift,
            "freeze.lifted": self.frozen(False),
            "triggers.are": self.triggers_are,
            "triggers.mute": self.triggers_mute,
            "triggers.restore": self.triggers_restore,
            "primary.reconcile": self.reconcile_back,
        }
        table = {kind: self._answering(handler) for kind, handler in needing_aws.items()}
        table["freeze.apply"] = self._owing(table["freeze.apply"])
        return {**table, "converter.reconcile": self.reconcile}

    def _owing(self, handler: Handler) -> Handler:
        """A freeze that AWS could not be given is owed where every machine's next sync sees it (clouds.sync.owed)."""

        def call_it(args: Mapping[str, Json], call: Call) -> Outcome:
            from clouds.sync import owed

            outcome = handler(args, call)
            if outcome.result is Result.UNREACHABLE and not call.drill:
                with self._world() as world:
                    owed.owe_shared(world, str(args["what"]))
            return outcome

        return call_it

    @contextmanager
    def _world(self) -> Iterator[SyncWorld]:
        from clouds.sync.world import SyncWorld

        world = SyncWorld(self._root, "standby", self._environ)
        try:
            yield world
        finally:
            world.close()

    def _answering(self, handler: Handler) -> Handler:
        """Silence before or after is `unreachable`; an answer, also a bad one, is the handler's own."""

        def call_it(args: Mapping[str, Json], call: Call) -> Outcome:
            from clouds.objects.model import ObjectError

            with self._world() as world:
                silent = _silent(world)
            if silent:
                return unreachable(silent)
            try:
                outcome = handler(args, call)
            except (DrError, ObjectError) as error:
                fix = error.fix if isinstance(error, DrError) else "dr sync verify"
                outcome = failed(error.summary if isinstance(error, DrError) else str(error), fix=fix)
            if outcome.result is Result.FAILED and call.phase is not Phase.CHECK:
                with self._world() as world:
                    silent = _silent(world)
                if silent:
                    return unreachable(silent, **dict(outcome.evidence))
            return outcome

        return call_it

    # -- sync ------------------------------------------------------------------------------------------------

    def _carry(
        self, world: SyncWorld, flow: str, reverse: bool, say: Callable[[str], None], drill: bool = False
    ) -> Carried:
        from clouds.sync import flows, records
        from clouds.sync.direction import Directions

        directions = Directions(world.journal)
        fence = directions.fence(Direction.REVERSE if reverse else Direction.FORWARD)
        if reverse:
            list(flows.let_sync_through(world))
        done = flows.run(
            world,
            flow,
            reverse=reverse,
            fence=fence,
            cutover=directions.cutover(),
            max_delete=MAX_DELETE_PERCENT,
            dry_run=False,
            on_items=lambda n, text: None,
            on_objects=lambda progress: None,
            exporting=not drill,
        )
        done.epoch = directions.read().epoch
        if not (drill and flow == "metadata"):  # nothing fresh was carried: the last record's age stays true
            records.write(world.home, world.journal, flow, done.to_json())
        say(
            f"{flow}: "
            + (", ".join(f"{name} {n}" for name, n in done.counts.items() if n) or "nothing to carry")
        )
        return done

    def run(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """One flow, one way. Conflicts and divergence are evidence, never dropped."""
        with self._world() as world:
            done = self._carry(world, str(args["flow"]), args["direction"] == "reverse", call.say, call.drill)
        wrong = [*done.errors[:5], *([done.refused] if done.refused else [])]
        more: dict[str, Json] = {}
        if call.drill and done.flow == "metadata":
            more = {"drill": NO_EXPORT, "data_age_seconds": done.data_age_seconds}
            age = done.data_age_seconds
            call.say(
                f"metadata: {NO_EXPORT}; "
                + ("none was ever imported" if age is None else f"it is {age:.0f} s old")
            )
        return seen(not wrong, call, "; ".join(wrong), counts=dict(done.counts), seconds=done.seconds,
                    conflicts=done.conflicts[:100], divergence=done.divergence[:100], **more)  # fmt: skip

    def prove(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """Counts and samples at a named cut (Definitions: Confirmed %). The figure decides, not this effect."""
        from clouds.sync import verify

        reverse, names = args.get("direction") == "reverse", [str(flow) for flow in args["flows"]]
        with self._world() as world:
            # The way back is proven by a run of its own: Azure is written to meanwhile, and each run proves what was
            # there when it began.
            found = (
                [self._carry(world, flow, True, call.say) for flow in names]
                if reverse
                else verify.run(world, names, reverse=False)
            )
        flows: list[Json] = []
        differing: list[str] = []
        for one in found:
            for proof in one.proofs:
                flows.append({"name": one.flow, "equal": proof.equal, "compared": proof.compared,
                              "population": proof.population, "cut": proof.cut, "later": proof.later,
                              "holds": proof.holds})  # fmt: skip
                differing += proof.differing[:20]
            differing += one.errors[:5]
        call.note(Kind.PROOF, {"flows": flows, "direction": "reverse" if reverse else "forward"})
        good = bool(flows) and (
            not reverse or all(one["holds"] for one in flows)
        )  # the way back is all or nothing
        more: dict[str, Json] = {}
        if call.drill:
            cuts = ", ".join(f"{one['name']} at {one['cut']}" for one in flows)
            more = {"drill": f"writes go on meanwhile; proven at these cuts: {cuts}"}
        return seen(
            good, call, f"not proven: {'; '.join(differing[:5])}", flows=flows, differing=differing, **more
        )

    def until_empty(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """Again and again until a run carries nothing (BACK-5)."""
        moved: list[int] = []
        conflicts: list[str] = []
        with self._world() as world:
            for _ in range(DELTAS):
                runs = [self._carry(world, flow, True, call.say) for flow in FLOWS]
                errors = [text for one in runs for text in one.errors]
                conflicts += [text for one in runs for text in one.conflicts if text not in conflicts]
                moved.append(sum(carried(one.counts) for one in runs))
                if errors:  # such as a write of AWS's own at this moment: judged anew by the next run
                    call.say(f"again: {errors[0]}")
                    moved[-1] += len(errors)
                    continue
                if not moved[-1]:
                    # No proof is asked for here: AWS takes writes again, which Azure does not have to have. That nothing
                    # is left to carry was judged key by key.
                    return ok(carried=moved, conflicts=conflicts[:100])
        return failed(
            f"after {DELTAS} runs there is still something to carry: {moved}",
            carried=moved,
            conflicts=conflicts[:100],
            errors=errors[:5],
        )

    def delta_empty(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """One more run, which must find nothing."""
        with self._world() as world:
            runs = [self._carry(world, flow, True, call.say) for flow in FLOWS]
        left = sum(carried(one.counts) for one in runs) + sum(len(one.errors) for one in runs)
        return seen(not left, call, f"{left} were still to carry", left=left)

    def divergence(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """What AWS took in and Azure never had: listed, merged by the reverse sync, never dropped."""
        from clouds.sync import objects
        from clouds.sync.direction import Directions

        with self._world() as world:
            since = Directions(world.journal).cutover()
            found = [] if since is None else objects.divergence(world, "uploads", since)
        at = None if since is None else datetime.fromtimestamp(since, UTC).isoformat(timespec="seconds")
        return ok(uploads=found[:1000], count=len(found), since=at)

    # -- freezes ---------------------------------------------------------------------------------------------

    def frozen(self, want: bool) -> Handler:
        """Does our statement stand in AWS's policy now?"""

        def handle(args: Mapping[str, Json], call: Call) -> Outcome:
            from clouds.sync.freeze import freezer

            with self._world() as world:
                now = freezer(world).frozen(str(args["what"]))
            return seen(
                now is want, call, f"{args['what']} is {'frozen' if now else 'not frozen'}", frozen=now
            )

        return handle

    def freeze(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """Block writes, proven by a write that is refused."""
        from clouds.sync import owed
        from clouds.sync.freeze import freezer

        with self._world() as world:
            done = freezer(world).freeze(str(args["what"]))
            owed.met_shared(world, str(args["what"]), done)
            return ok(done=done)

    def lift(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """Put the former policy back, byte for byte."""
        from clouds.sync.freeze import freezer

        with self._world() as world:
            return ok(done=freezer(world).unfreeze(str(args["what"])))

    # -- triggers --------------------------------------------------------------------------------------------

    def triggers_are(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """Muted: none stands. Not muted: none that was muted is still to be put back."""
        from clouds.sync.triggers import Triggers

        with self._world() as world:
            triggers = Triggers(world)
            standing, kept = sorted(triggers.standing()), triggers.muted()
        if args["muted"]:
            return seen(not standing, call, f"triggers still stand: {', '.join(standing)}", standing=standing)
        return seen(not kept, call, f"still muted: {', '.join(kept)}", standing=standing, muted=kept)

    def triggers_mute(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """Written down in the journal container first, then taken away."""
        from clouds.sync.triggers import Triggers

        with self._world() as world:
            return ok(muted=Triggers(world).mute())

    def triggers_restore(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """Exactly what was written down, looked at afterwards."""
        from clouds.sync.triggers import Triggers

        with self._world() as world:
            return ok(restored=Triggers(world).restore())

    # -- what a mute has dropped -----------------------------------------------------------------------------

    def reconcile(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """Uploads whose documents are missing or incomplete are sent to the converter again, and only those.

        A drill counts them and sends none: their documents come from AWS, and its own would be newer than those.
        """
        from clouds.sync import reconcile

        with self._world() as world:
            done = asyncio.run(reconcile.run(world, dry_run=call.drill, fence=lambda: None))
        said: dict[str, Json] = {"drill": NOT_CONVERTED} if call.drill else {}
        return ok(
            complete=done.complete,
            sent=done.sent,
            missing=done.missing[:100],
            refused=done.refused[:100],
            **said,
        )

    def reconcile_back(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """On AWS: objects written since the cutover that have no item are written onto themselves, so that the
        triggers see them."""
        from clouds.sync.direction import Directions

        with self._world() as world:
            since = Directions(world.journal).cutover()
            if since is None:
                return ok(sent=[])
            s3, dynamodb, names = world.aws("s3"), world.aws("dynamodb"), world.source
            sent: list[str] = []
            for page in s3.get_paginator("list_objects_v2").paginate(Bucket=names.uploadsBucket):
                for one in page.get("Contents", []):
                    if one["LastModified"].timestamp() < since or _has_item(dynamodb, names, one["Key"]):
                        continue
                    head = s3.head_object(Bucket=names.uploadsBucket, Key=one["Key"])
                    s3.copy_object(
                        Bucket=names.uploadsBucket, Key=one["Key"],
                        CopySource={"Bucket": names.uploadsBucket, "Key": one["Key"]}, CopySourceIfMatch=one["ETag"],
                        MetadataDirective="REPLACE", Metadata=head.get("Metadata", {}),
                        ContentType=head.get("ContentType", "application/octet-stream"),
                    )  # fmt: skip
                    sent.append(one["Key"])
        return ok(sent=sent[:100], count=len(sent))


def carried(counts: Mapping[str, int]) -> int:
    """How much a run changed, by its own counts."""
    return sum(n for name, n in counts.items() if name in CHANGES)


def _has_item(dynamodb: Any, names: Any, key: str) -> bool:
    found = dynamodb.query(
        TableName=names.table, Limit=1, KeyConditionExpression="#k = :k", Select="COUNT",
        ExpressionAttributeNames={"#k": names.partitionKey}, ExpressionAttributeValues={":k": {"S": key}},
    )  # fmt: skip
    return bool(found["Count"])


def _silent(world: SyncWorld) -> str:
    """Why AWS counts as not answering at all; "" when anything of it answers."""
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

    try:
        world.aws("s3").head_bucket(Bucket=world.source.uploadsBucket)
    except HTTPClientError as error:
        return f"AWS does not answer: {type(error).__name__}"
    except ClientError as error:
        status = int((error.response.get("ResponseMetadata") or {}).get("HTTPStatusCode") or 0)
        return f"AWS answers {status} only" if status >= 500 else ""
    except BotoCoreError:
        return ""  # a missing credential is ours to mend: the effect itself will say so
    return ""
