"""May traffic go back, and may capacity go, by what the journal says of the data? (BACK-2, BACK-5)

A contingency has a cutover: the moment at which the data's direction left forward. What was written in Azure since then
is in AWS when a reverse run of each flow began after it, ended without an error and proved itself. That is enough for
traffic to move. For capacity to go, nobody may have come to Azure since the newest runs began: then their successors
would find nothing, and the last delta is empty. Without a cutover nobody has turned the direction, and there is nothing to ask.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

from recovery.errors import Stopped
from recovery.model import Json

FLOWS = ("uploads", "metadata")
"""What clients write in Azure. The site is written in AWS alone."""


def missing(
    cutover: float | None, obligations: Sequence[str], runs: Mapping[str, Json], proven: Collection[str] = ()
) -> list[str]:
    """What keeps traffic from going back, in words; [] when nothing does.

    cutover: Unix seconds, None when the direction never left forward. obligations: what is owed to the primary, by id.
    runs: the newest run record of each flow, as the journal holds it. proven: flows of which an earlier run since the
    cutover proved itself, where that is enough. It is once traffic has left: AWS takes writes again which Azure does not
    have to have, so the counts of a later run need not be equal. That it brought everything is still asked of it.
    """
    if cutover is None:
        return []
    found = [f"owed to AWS: {one}" for one in obligations]
    for flow in FLOWS:
        run = runs.get(flow)
        wrong = _unbrought(run, cutover) or ("" if flow in proven else _unproven(run))
        if wrong:
            found.append(f"{flow}: {wrong}")
    return found


def carried_since(runs: Mapping[str, Json]) -> float | None:
    """Unix seconds at which the older of the newest runs began: whatever was written before it, they have all seen.

    None when a run is missing or does not say when it began.
    """
    began = [_began(runs.get(flow)) for flow in FLOWS]
    known = [one for one in began if one is not None]
    return min(known) if len(known) == len(FLOWS) else None


def left_over(since: float, requests: int | None) -> list[str]:
    """What keeps capacity from going although traffic has left and every run since the cutover holds.

    since: what `carried_since` gave. requests: how many the gateway counted since then; None: it cannot be told.
    """
    moment = f"{datetime.fromtimestamp(since, UTC):%H:%M:%S} UTC"
    if requests is None:
        return [
            f"it cannot be told whether anybody wrote in Azure since the last run to AWS began ({moment})"
        ]
    if requests:
        return [f"the gateway counted {requests} request(s) since the last run to AWS began ({moment})"]
    return []


def _began(run: Json) -> float | None:
    if not isinstance(run, Mapping):
        return None
    try:
        began = datetime.fromisoformat(str(run.get("started")))
    except ValueError:
        return None
    return (began if began.tzinfo is not None else began.replace(tzinfo=UTC)).timestamp()


def proves(run: Json, cutover: float) -> bool:
    """Whether a reverse run that began after the cutover brought everything and proved itself."""
    return not (_unbrought(run, cutover) or _unproven(run))


def _unbrought(run: Json, cutover: float) -> str:
    """Why this run did not bring everything; "" when it did."""
    if not isinstance(run, Mapping):
        return "no run since the cutover"
    if run.get("direction") != "reverse":
        return "no run from Azure to AWS since the cutover"
    began = _began(run)
    if began is None:
        return "its run does not say when it began"
    if began <= cutover:
        return "its last run began before the cutover"
    if run.get("dry_run") or run.get("refused") or run.get("errors"):
        return "its last run did not bring everything"
    return ""


def _unproven(run: Json) -> str:
    """Why this run, which brought everything, proves nothing; "" when it does."""
    proofs = run.get("proofs")
    if not isinstance(proofs, Sequence) or not proofs:
        return "its last run proved nothing"
    if not all(isinstance(proof, Mapping) and proof.get("holds") is True for proof in proofs):
        return "the proof of its last run does not hold"
    return ""


def refusal(problems: Sequence[str]) -> Stopped:
    """What a person reads instead of losing what was written in Azure."""
    return Stopped(
        f"what was written in Azure is not proven to be in AWS: {'; '.join(problems)}",
        "traffic sent back now would not find those writes, and AWS would take new ones beside them. Nothing was changed",
        "dr rollback    (it brings the data back, proves it, and then moves traffic; where `pulumi up` moved it here: "
        "dr sync all --reverse, then the same command again)",
    )


def not_yet(problems: Sequence[str]) -> Stopped:
    """Traffic has left, and servers and throughput still have to stay."""
    return Stopped(
        f"traffic has left Azure, but its last writes are not proven to be in AWS: {'; '.join(problems)}",
        "what was written here after the last run would stay here alone; capacity and throughput were left alone",
        "dr rollback    (it brings the last delta back itself; where `pulumi up` moved traffic: dr sync all --reverse, "
        "then the same command again)",
    )
