"""A create that was under way when its run was killed: did it come to exist? Asked of the cloud it was begun in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from recovery.arm.catalogue import CATALOGUE
from recovery.aws.kinds import AWS
from recovery.errors import DrError, Stopped
from recovery.model import Json


def came_to_exist(root: Path, stack: str, type: str, inputs: Mapping[str, Json]) -> str:
    """The id of what was made; "" where nothing was, or where it is no resource of a cloud (a gate looks anew by itself).

    Raises Stopped when it cannot be read: whether it exists decides how the run goes on.
    """
    if type in AWS:
        return _in_aws(root, stack, type, inputs)
    return _in_azure(stack, type, inputs) if type in CATALOGUE else ""


def _in_azure(stack: str, type: str, inputs: Mapping[str, Json]) -> str:
    from clouds.azure.arm import Arm, ArmError
    from clouds.endpoints import load

    endpoints, row = load(), CATALOGUE[type]
    id = row.id(endpoints.subscription, inputs)
    arm = Arm(endpoints)
    try:
        arm.get(id, row.api_version)
    except ArmError as error:
        if error.missing:
            return ""
        raise _unread(id, stack, str(error)) from error
    finally:
        arm.close()
    return id


def _in_aws(root: Path, stack: str, type: str, inputs: Mapping[str, Json]) -> str:
    from clouds.aws import declared
    from clouds.aws.source_live import Account
    from clouds.endpoints import load
    from clouds.sync.names import source_names

    account, region = Account(load()), source_names(root, stack).region
    try:
        id = declared.find(account, type, inputs, region)
        return id if id and declared.read(account, type, id, region) is not None else ""
    except DrError as error:
        raise _unread(f"{AWS[type].type} of stack {stack}", stack, error.summary) from error


def _unread(what: str, stack: str, why: str) -> Stopped:
    return Stopped(
        f"{what} began to be created and cannot be read: {why}", "whether it exists decides how the run goes on",
        f"dr resume -s {stack}    (once it can be read)", retry=True,
    )  # fmt: skip
