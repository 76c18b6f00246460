"""How bad is it? One question decides: would it break the activation?"""

from __future__ import annotations

import re

from recovery.drift.compare import Difference
from recovery.model import Json, Severity

C, H, M, L = Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.LOW

CHANGED: tuple[tuple[str, str, Severity, str], ...] = (
    # ARM type, property path (both searched for, without case), severity, why
    (r"", r"^tags\b|\bdescription$|\bdisplayName$", L, "a label; nothing reads it"),
    (r"/dnszones/", r"", C, "the public names would lead elsewhere"),
    (r"/dnszones$", r"", M, "the zone's own settings answer no query"),
    (r"virtualmachinescalesets", r"^sku\.", C, "fewer or weaker machines than the plan counts on"),
    (r"virtualmachinescalesets", r"", C, "the machines would start otherwise, or not at all"),
    (r"applicationgateways", r"", C, "requests would not reach the API or the site"),
    (r"publicipaddresses", r"", C, "the records would point at another address"),
    (r"throughputsettings", r"", H, "the database would throttle, or cost"),
    (r"databaseaccounts", r"", C, "the documents would not be reached as the plan expects"),
    (r"networksecuritygroups", r"", H, "traffic is let in or kept out against the plan"),
    (r"virtualnetworks", r"", C, "the parts would not reach each other"),
    (r"microsoft\.web/", r"", H, "the converter would run otherwise, or not at all"),
    (
        r"^$",
        r"^certificate$",
        C,
        "the gateway disables every HTTPS listener whose certificate it cannot read",
    ),
    (r"^$", r"^function$", H, "uploads would wait and nobody would convert them"),
    (r"^$", r"^observed$", H, "the converter's code is not the one that was tested"),
    (r"systemtopics", r"", H, "uploads would not reach the converter"),
    (r"roleassignments|userassignedidentities", r"", H, "a part would be refused by another"),
    (
        r"storageaccounts",
        r"publicaccess|networkacls|minimumtlsversion|supportshttps",
        H,
        "an unsafe door to the data",
    ),
    (r"storageaccounts", r"", M, "copies and retention differ from the plan"),
)

_CARRIES = re.compile(
    r"virtualmachinescalesets|applicationgateways|publicipaddresses|databaseaccounts|virtualnetworks|dnszones"
    r"|storageaccounts$|microsoft\.web/sites|resourcegroups|systemtopics",
    re.I,
)
_COUNTS = re.compile(r"capacity$|throughput$", re.I)


def of_change(arm_type: str, difference: Difference) -> Severity:
    """The severity of one differing property. More capacity than wanted costs money and breaks nothing."""
    if _COUNTS.search(difference.path) and _more(difference.have, difference.want):
        return M
    for of_type, path, severity, _ in CHANGED:
        if re.search(of_type, arm_type, re.I) and re.search(path, difference.path, re.I):
            return severity
    return M


def _more(have: Json, want: Json) -> bool:
    return isinstance(have, int | float) and isinstance(want, int | float) and have > want


def of_missing(arm_type: str) -> Severity:
    """The severity of a resource that is not there: critical where the activation's path goes through it."""
    return C if _CARRIES.search(arm_type) else H


def of_unmanaged(arm_type: str) -> Severity:
    """A lock can stop the switch; a record or a rule beside ours can take the traffic; the rest costs."""
    if re.search(r"/locks$|policyassignments", arm_type, re.I):
        return C
    return H if re.search(r"/dnszones/|securityrules|roleassignments", arm_type, re.I) else M


UNKNOWN = H
"""What could not be seen may be anything, and with it nothing may be called ready."""
