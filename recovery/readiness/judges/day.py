"""What fails on the day although everything stands: drift, the preview, throughput, quota, image, checkpoints."""

from __future__ import annotations

from recovery.readiness.model import Facts, Judgement, UnseenError, not_ready, ready, unknown

GRAVE = ("critical", "high")
"""Severities of drift that would break or degrade an activation (recovery.model.Severity)."""


def drift(facts: Facts) -> Judgement:
    """Nothing differs that would break the activation, and everything was seen. Lesser drift is named, not judged."""
    grave, lesser, blind = [], 0, []
    for row in facts.rows("findings"):
        where = f"{row.text('id').rpartition('/')[2]} {row.text('path')}".strip()
        if row.text("verdict") == "?":
            blind.append(f"{where}: {row.text('reason')}")
        elif row.text("severity") in GRAVE:
            grave.append(f"{where} ({row.text('verdict')}, {row.text('severity')})")
        else:
            lesser += 1
    if grave:
        return not_ready(f"{len(grave)} difference(s) that an activation would meet: {'; '.join(grave[:3])}")
    if blind:
        return unknown(f"{len(blind)} resource(s) could not be compared: {'; '.join(blind[:3])}")
    if not facts.whole("same"):
        raise UnseenError("nothing was compared")
    rest = f"; {lesser} lesser difference(s), see dr drift" if lesser else ""
    return ready(f"{facts.whole('same')} resources as declared{rest}")


def preview(facts: Facts) -> Judgement:
    """The failover's own preview passes the safety gate: updates of the dials and nothing else."""
    refused = facts.words("refused")
    if refused:
        return not_ready(f"a failover would be stopped by the safety gate: {'; '.join(refused[:4])}")
    updates = facts.words("updates")
    if not updates:
        return not_ready("a failover would change nothing at all: the two modes are the same")
    return ready(
        f"{len(updates)} update(s) and nothing else by engine {facts.text('engine')}: {', '.join(updates)}"
    )


def handover(facts: Facts) -> Judgement:
    """The stack active knows the footprint as the stack standby does: the same resources under the same stamp."""
    if facts.whole("resources") == 0:
        return unknown("the stack standby has no checkpoint with resources here: the footprint was built by the direct "
                       "engine, or the state backend is another one", "pulumi up -s standby    (or set PULUMI_BACKEND_URL)")  # fmt: skip
    if not facts.flag("handedOver"):
        return not_ready(
            "the stack active was never handed the footprint: pulumi up -s active would be refused"
        )
    for name in ("standby", "active"):
        if pending := facts.whole(f"{name}Pending"):
            return not_ready(
                f"stack {name} has {pending} pending operation(s) from a run that was killed", "dr resume"
            )
    ours, theirs = facts.text("standbyStamp"), facts.text("activeStamp")
    if ours != theirs:
        return not_ready(f"the footprint is {ours}, the stack active was handed {theirs}")
    if absent := facts.words("absent"):
        return not_ready(
            f"{len(absent)} resource(s) are unknown to the stack active: {', '.join(absent[:4])}"
        )
    if gone := facts.words("gone"):
        return not_ready(
            f"the stack active still holds {len(gone)} resource(s) that standby has not: {', '.join(gone[:4])}"
        )
    return ready(f"{facts.whole('resources')} resources in both stacks, stamp {ours}")


def throughput(facts: Facts) -> Judgement:
    """The failover's RU/s can be had at once, and the floor that they leave behind still allows the way back."""
    target, back, instant = facts.whole("target"), facts.whole("standby"), facts.whole("instant")
    floor = max(facts.whole("floor"), facts.whole("floorAfter"))
    if facts.text("kind") != facts.text("wantedKind"):
        return not_ready(
            f"the container has {facts.text('kind')} throughput, the program wants {facts.text('wantedKind')}: "
            "Resource Manager cannot switch between them"
        )
    if target > instant:
        return not_ready(
            f"{target} RU/s are wanted, at once there are {instant}: above that it takes 4 to 6 hours"
        )
    if floor > back:
        return not_ready(f"the way back would be refused: the floor is {floor} RU/s, standby wants {back}")
    return ready(
        f"{target} RU/s at once (up to {instant}); afterwards the floor is {floor}, standby wants {back}"
    )


def quota(facts: Facts) -> Judgement:
    """Enough cores are left in the family and in the region, and the size is offered without restriction."""
    size = facts.text("size")
    if not facts.flag("offered"):
        return not_ready(f"{size} is not offered in {facts.text('location')}")
    if limits := facts.words("restrictions"):
        return not_ready(f"{size} is restricted in {facts.text('location')}: {', '.join(limits)}")
    needed, tight = facts.whole("needed"), []
    for row in facts.rows("usages"):
        left = row.whole("limit") - row.whole("used")
        if left < needed:
            tight.append(
                f"{row.text('name')}: {left} of {row.whole('limit')} cores left, {needed} are needed"
            )
    if not facts.rows("usages"):
        raise UnseenError("the subscription names no quota for this size")
    if tight:
        return not_ready("; ".join(tight))
    return ready(
        f"{needed} cores for {size} fit into every quota of {facts.text('location')}; it is offered without restriction"
    )


def image(facts: Facts) -> Judgement:
    """The image that instances boot from is there now, in this region."""
    if not facts.flag("found"):
        return not_ready(
            f"{facts.text('image')} is not to be had in {facts.text('location')}: no instance would start"
        )
    return ready(f"{facts.text('image')}: {facts.text('version')} is there in {facts.text('location')}")


def artifact(facts: Facts) -> Judgement:
    """The converter's package as declared is what runs."""
    deployed, wanted = facts.text("deployed"), facts.text("wanted")
    if deployed != wanted:
        return not_ready(f"the converter runs package {deployed or 'none'}, the program declares {wanted}")
    return ready(f"package {wanted} is deployed")


def boot(facts: Facts) -> Judgement:
    """The script that instances are given is the declared one, and what it fetches is there with the digest it asks for."""
    account, name, container = facts.text("account"), facts.text("name"), facts.text("container")
    where, size, most = f"{account}/{container}/{name}", facts.whole("size"), facts.whole("most")
    script, wanted_script = facts.text("script"), facts.text("wantedScript")
    found, wanted, source = facts.text("sha256"), facts.text("wanted"), facts.text("source")
    there, beside = facts.flag("there"), facts.flag("beside")
    upload = f"az storage blob upload --overwrite --auth-mode login --account-name {account} -c {container}"
    archive = f"{upload} -n {name} -f {name}"
    digest = f"sha256sum {name} > {name}.sha256 && {upload} -n {name}.sha256 -f {name}.sha256"
    if script and script != wanted_script:
        return not_ready(
            f"instances are given init script {script}, the program declares {wanted_script}",
            "dr up -s standby",
        )
    if not facts.flag("known"):
        return not_ready(
            f"the init script fetches from account {account}, which the program does not declare",
            "dr desired -s standby    (then mend standby:names or the script)",
        )
    if not there:
        return not_ready(f"{where} is not there: every instance would stop at its first boot", archive)
    if not beside:
        return not_ready(
            f"{where} is there, {source} beside it is not: an instance could not check it", digest
        )
    if not wanted:
        return not_ready(f"{source} names no SHA-256 digest: no instance would start what it fetched", digest)
    if not script:
        raise UnseenError(
            "the scale set has no tag cloud-init: which script its instances are given cannot be told"
        )
    if not found:
        raise UnseenError(f"{where} has {size} bytes, more than the {most} that this check fetches")
    if found != wanted:
        other = f"    (the one that {source} names)"
        return not_ready(
            f"{where} has digest {found[:12]}, {source} says {wanted[:12]}: no instance would start it",
            archive + other,
        )
    return ready(f"{where}: {size} bytes fetched, digest {found[:12]} as {source} says; init script {script}")


def journal(facts: Facts) -> Judgement:
    """Chain and head intact, no run left open, and a record really written in both places."""
    if damage := facts.words("damage"):
        return not_ready(f"the journal is damaged: {damage[0]}", "dr journal verify")
    if open_run := facts.text("open"):
        return not_ready(f"run {open_run} has not ended", "dr resume")
    if problem := facts.text("local"):
        return not_ready(f"a record could not be written: {problem}")
    if problem := facts.text("remote"):
        return not_ready(f"the journal container took no record: {problem}")
    return ready(
        f"{facts.whole('records')} records, chain and head intact; one more written here and in Azure"
    )


AWS_MARKS = ("s3://", "awskms://", ".amazonaws.com", ".amazonaws.cn", "public.ecr.aws")
"""What a place in AWS looks like: Pulumi's s3 and KMS URLs, and AWS's own host names."""

PULUMI_CLOUD = ("app.pulumi.com", "api.pulumi.com")


def outside(facts: Facts) -> Judgement:
    """State, secrets, image registry and the tool's own image: none of it in the cloud that may fail."""
    inside, said, blind = [], [], []
    for row in facts.rows("places"):
        what, where = row.text("what"), row.text("where")
        if not where:
            blind.append(f"{what}: {row.text('reason')}")
        elif any(mark in where.lower() for mark in AWS_MARKS):
            inside.append(f"{what} is in AWS ({where})")
        elif any(mark in where.lower() for mark in PULUMI_CLOUD):
            blind.append(f"{what} is Pulumi's own service, whose place is not ours to know")
        else:
            said.append(f"{what}: {where}")
    if inside:
        return not_ready("; ".join(inside))
    if blind:
        return unknown(
            "; ".join(blind), "export PULUMI_BACKEND_URL=azblob://CONTAINER?storage_account=ACCOUNT"
        )
    if not said:
        raise UnseenError("no place was asked for")
    return ready("; ".join(said))
