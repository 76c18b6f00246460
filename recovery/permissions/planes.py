"""Who reaches which plane from where, in both modes: one row a plane."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Plane:
    """A door. door: its name; public: from the Internet; inside: from the network; how: what lets one in;
    shut_out: what helps when it cannot be reached."""

    name: str
    public: str
    inside: str
    how: str
    shut_out: str


PLANES = (
    Plane("Resource Manager (all of `dr up`, `drift`, the gates)", "yes, always", "yes",
          "an Entra token and a role of this page", "another network; it is one global door"),
    Plane("the site's visitors: gateway, ports 80 and 443", "yes; names lead here in mode active, `dr.` in both",
          "yes", "nobody signs in; the WAF policy decides", "`dr status` says where the names lead"),
    Plane("the API's instances", "no", "from the gateway's subnet alone, on the API's port",
          "the security group of the api subnet", "`az vmss run-command invoke` goes through Resource Manager"),
    Plane("static site (`$web` endpoint)", "yes, read only", "yes", "it is public; visitors come through the gateway",
          "`dr sync` proves it page by page"),
    Plane("uploads and journal (blob endpoints)", "only where the tier has no private endpoint",
          "yes, by private endpoint where there is one", "an Entra token and a data role; no shared key",
          "`dr in-azure sync ...`"),
    Plane("documents (Cosmos DB endpoint)", "only where the tier has no private endpoint",
          "yes, by private endpoint where there is one", "Cosmos DB's own data role; local auth is off",
          "`dr in-azure sync ...`, `dr in-azure ready`"),
    Plane("Key Vault (certificate)", "only where the tier has no private endpoint", "yes; the gateway by its identity",
          "a data role; nothing reads the private key", "`dr in-azure cert status`"),
    Plane("the converter's deployment door (scm)", "yes", "yes", "an Entra token and `Microsoft.Web/sites/publish`",
          "`dr in-azure up -s standby`"),
    Plane("Pulumi's state and its key (group of `dr init`)", "yes", "yes",
          "an Entra token and a data role on that group", "`--engine direct` works without state"),
    Plane("AWS (buckets, table, queue)", "yes", "yes", "the sync's role, taken by the Azure identity's token",
          "nothing: in a real disaster it does not answer, and no failover stack needs it"),
)  # fmt: skip
"""The same in both modes, but for the one line that says so: a mode moves names and capacity, never a door."""
