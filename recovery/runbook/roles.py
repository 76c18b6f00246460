"""The people of the plan, by role (seeds, 3.3.1)."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """A role; settings map it to signed-in identities."""

    TECH_LEAD = "Tech Lead"
    CTO = "CTO"
    INCIDENT_COMMANDER = "Incident Commander"
    DEVOPS = "DevOps Engineer"
    SRE = "SRE"
    PM = "Product Manager"
