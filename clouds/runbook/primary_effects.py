"""Effects on the primary's side: freezes, triggers, and whether it is well. What stood before is in the journal first,
so that it is put back exactly, whoever resumes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from clouds.http_probe import Question, probe_all
from clouds.runbook.calls import Call, Handler, Outcome, failed, ok, seen, unknown, unreachable
from clouds.runbook.footprint import Footprint
from recovery.journal.chain import Kind
from recovery.model import Json
from recovery.sync.source import Source

SID = "StandbyFreeze"
PROBE = "dr-probe/freeze"
_WRITES = {
    "uploads": ["s3:PutObject", "s3:DeleteObject"],
    "table": ["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem"],
}

Client = Callable[[str], Any]  # boto3 clients have no static type


def aws_said(error: Exception) -> str:
    """The service's error code, "" where it is no answer of the service."""
    response = getattr(error, "response", None) or {}
    return str((response.get("Error") or {}).get("Code") or "")


def guarded(function: Handler) -> Handler:
    """Every way in which AWS does not answer at all is `unreachable`; an answer, also a bad one, is not."""

    def call_it(args: Mapping[str, Json], call: Call) -> Outcome:
        from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

        try:
            return function(args, call)
        except HTTPClientError as error:  # no connection, no answer in time
            return unreachable(f"AWS does not answer: {type(error).__name__}")
        except ClientError as error:
            code = aws_said(error)
            status = ((error.response or {}).get("ResponseMetadata") or {}).get("HTTPStatusCode", 0)
            return unreachable(f"AWS answers {code}") if status >= 500 else failed(f"AWS refuses: {code}")
        except BotoCoreError as error:
            return failed(f"{type(error).__name__}: {error}")

    return call_it


class PrimaryEffects:
    """client: boto3 clients by service. source: the primary's names."""

    def __init__(self, footprint: Footprint, client: Client, source: Source) -> None:
        self.at, self._client, self._source = footprint, client, source

    def writing(self) -> dict[str, Handler]:
        """Effects that change or examine AWS itself (left out in a drill)."""
        table: dict[str, Handler] = {
            "freeze.is": self.freeze_is,
            "freeze.apply": self.freeze_apply,
            "freeze.refuses": self.freeze_is,
            "freeze.lift": self.freeze_lift,
            "freeze.lifted": self.freeze_lifted,
            "triggers.are": self.triggers_are,
            "triggers.mute": self.triggers_mute,
            "triggers.restore": self.triggers_restore,
        }
        return {kind: guarded(handler) for kind, handler in table.items()}

    def looking(self) -> dict[str, Handler]:
        """Effects that ask the primary's public endpoints, as anybody does."""
        return {"primary.healthy": self.healthy, "primary.validate": self.healthy}

    # -- freezes -------------------------------------------------------------------------------------------

    def _policy(self, what: str) -> dict[str, Json] | None:
        """The resource policy now, None when there is none."""
        from botocore.exceptions import ClientError

        try:
            if what == "uploads":
                text = self._client("s3").get_bucket_policy(Bucket=self._source.uploadsBucket)["Policy"]
            else:
                text = self._client("dynamodb").get_resource_policy(ResourceArn=self._table())["Policy"]
        except ClientError as error:
            if aws_said(error) in ("NoSuchBucketPolicy", "PolicyNotFoundException"):
                return None
            raise
        found: dict[str, Json] = json.loads(text)
        return found

    def _table(self) -> str:
        described = self._client("dynamodb").describe_table(TableName=self._source.table)
        return str(described["Table"]["TableArn"])

    def _put(self, what: str, policy: Mapping[str, Json] | None) -> None:
        if what == "uploads":
            s3, bucket = self._client("s3"), self._source.uploadsBucket
            if policy is None:
                s3.delete_bucket_policy(Bucket=bucket)
            else:
                s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
        else:
            dynamodb, arn = self._client("dynamodb"), self._table()
            if policy is None:
                dynamodb.delete_resource_policy(ResourceArn=arn)
            else:
                dynamodb.put_resource_policy(ResourceArn=arn, Policy=json.dumps(policy))

    def _arns(self, what: str) -> list[str]:
        if what == "uploads":
            return [f"arn:aws:s3:::{self._source.uploadsBucket}/*"]
        return [self._table()]

    def _frozen(self, what: str) -> bool:
        policy = self._policy(what) or {}
        return any(
            one.get("Sid") == SID and one.get("Effect") == "Deny" for one in policy.get("Statement", [])
        )

    def freeze_is(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """Does the policy that AWS has deny writes now?"""
        what = str(args["what"])
        return seen(self._frozen(what), call, f"writes to {what} are not denied", what=what)

    def freeze_apply(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """Add one Deny to whatever policy there is; what was there before is written down first."""
        what = str(args["what"])
        if self._frozen(what):
            return ok(what=what, already=True)
        before = self._policy(what)
        call.note(Kind.NOTE, {"what": f"policy of {what}", "before": json.dumps(before)})
        deny = {
            "Sid": SID,
            "Effect": "Deny",
            "Principal": "*",
            "Action": _WRITES[what],
            "Resource": self._arns(what),
        }
        policy = dict(before or {"Version": "2012-10-17", "Statement": []})
        self._put(what, policy | {"Statement": [*policy.get("Statement", []), deny]})
        return ok(what=what)

    def freeze_lift(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """Take our Deny away and nothing else; the result is compared with what stood before it."""
        what = str(args["what"])
        policy = self._policy(what)
        if policy is None:
            return ok(what=what, already=True)
        kept = [one for one in policy.get("Statement", []) if one.get("Sid") != SID]
        self._put(what, {**policy, "Statement": kept} if kept else None)
        noted = self._noted(call, f"policy of {what}", "before")
        same = noted is None or (json.loads(noted) or {}).get("Statement", []) == kept
        return ok(what=what, exactly=same)

    def freeze_lifted(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """Does AWS's policy no longer deny writes?"""
        what = str(args["what"])
        return seen(not self._frozen(what), call, f"writes to {what} are still denied", what=what)

    # -- triggers ------------------------------------------------------------------------------------------

    _KINDS = (
        "TopicConfigurations",
        "QueueConfigurations",
        "LambdaFunctionConfigurations",
        "EventBridgeConfiguration",
    )

    def _triggers(self) -> dict[str, Json]:
        found = self._client("s3").get_bucket_notification_configuration(Bucket=self._source.uploadsBucket)
        return {kind: found[kind] for kind in self._KINDS if found.get(kind)}

    def triggers_are(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """Muted: there are none. Not muted: exactly those that stood before (none were noted: any)."""
        now, muted = self._triggers(), bool(args["muted"])
        before = self._noted(call, "triggers", "before")
        if muted:
            return seen(not now, call, f"triggers still stand: {', '.join(now)}", triggers=list(now))
        if before is None:
            return ok(triggers=list(now), note="nothing was muted")
        wanted = json.loads(before)
        return seen(
            _plain(now) == _plain(wanted), call, "the triggers are not those from before", triggers=list(now)
        )

    def triggers_mute(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """Write down what stands, then take it away."""
        now = self._triggers()
        if now:
            call.note(Kind.NOTE, {"what": "triggers", "before": json.dumps(now)})
            self._client("s3").put_bucket_notification_configuration(
                Bucket=self._source.uploadsBucket, NotificationConfiguration={}
            )
        return ok(muted=list(now))

    def triggers_restore(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """Put back exactly what was written down."""
        before = self._noted(call, "triggers", "before")
        if before is None:
            return ok(note="nothing was muted")
        self._client("s3").put_bucket_notification_configuration(
            Bucket=self._source.uploadsBucket, NotificationConfiguration=json.loads(before)
        )
        return ok(restored=list(json.loads(before)))

    @staticmethod
    def _noted(call: Call, what: str, field: str) -> str | None:
        """The newest note, of this run or an earlier one: the freeze was a failover's, its lifting is a rollback's."""
        for record in reversed(call.journal.records):
            if record.kind is Kind.NOTE and record.body.get("what") == what:
                return str(record.body[field])
        return None

    # -- health --------------------------------------------------------------------------------------------

    def healthy(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """Every static address answers 200 for every host, as the public would ask (BACK-1, BACK-3)."""
        hosts = self.at.props("ReturnGate").get("primaryHosts") or []
        asked = [Question(a, str(h["host"]), str(h["path"])) for a in self.at.primary() for h in hosts]
        if not asked:
            return unknown("no address of the primary is configured")
        need, good = 3, 0
        bad: list[str] = []
        for _ in range(need):
            answers = probe_all(asked, self.at.endpoints)
            bad = [str(one) for one in answers if not one.ok]
            if bad:
                break
            good += 1
            self.at.world.pause(5.0)
        return seen(good == need, call, "; ".join(bad), asked=len(asked), times=good)


def _plain(configuration: Mapping[str, Json]) -> str:
    """Comparable: AWS numbers configurations anew when they carry no id."""
    return json.dumps(
        {kind: sorted((json.dumps({k: v for k, v in one.items() if k != "Id"}, sort_keys=True) for one in held), key=str)
         if isinstance(held, list) else held for kind, held in configuration.items()}, sort_keys=True,
    )  # fmt: skip
