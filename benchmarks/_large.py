"""A program as large as one wants, for both sides of a benchmark: Pulumi runs it, and so does the drift check."""

from __future__ import annotations

import pulumi
from pulumi_azure_native import dns, managedidentity, network, resources, storage

PLACE, GROUP = "brazilsouth", "rg-large"
CELL = 50
TTL = 3600
"""Seconds. Resolvers answer from their caches, as public ones do: the local ones' own work is not what is measured."""
MIX = "per 50: 28 records in one zone, 8 security groups, 10 identities, network, zone, account, container"


def declare(count: int) -> None:
    """`count` resources: cells of 50, the last one cut short."""
    group = resources.ResourceGroup("group", resource_group_name=GROUP, location=PLACE)
    left = count - 1
    options = pulumi.ResourceOptions(depends_on=[group])
    for cell in range((count + CELL - 1) // CELL):
        for make in _cell(cell, options)[: max(0, min(CELL, left))]:
            make()
        left -= CELL


def _cell(n: int, opts: pulumi.ResourceOptions):  # type: ignore[no-untyped-def]  # a list of thunks
    zone = f"z{n}.example.com"

    def record(i: int):  # type: ignore[no-untyped-def]
        return lambda: dns.RecordSet(
            f"r{n}-{i}", zone_name=zone, resource_group_name=GROUP, record_type="A",
            relative_record_set_name=f"r{i}", ttl=TTL, a_records=[{"ipv4_address": f"203.0.113.{i}"}],
            opts=pulumi.ResourceOptions(depends_on=[made["zone"]]),
        )  # fmt: skip

    made: dict[str, pulumi.Resource] = {}

    def keep(name: str, make):  # type: ignore[no-untyped-def]
        def thunk() -> None:
            made[name] = make()

        return thunk

    return [
        keep("zone", lambda: dns.Zone(f"z{n}", zone_name=zone, resource_group_name=GROUP, location="global", opts=opts)),
        *(record(i) for i in range(28)),
        *(
            lambda i=i: network.NetworkSecurityGroup(
                f"g{n}-{i}", network_security_group_name=f"g{n}-{i}", resource_group_name=GROUP, location=PLACE,
                security_rules=[
                    network.SecurityRuleArgs(
                        name=f"rule{k}", priority=100 + k, access="Allow", direction="Inbound", protocol="Tcp",
                        source_address_prefix="10.0.0.0/24", source_port_range="*",
                        destination_address_prefix="*", destination_port_range=str(8000 + k),
                    )
                    for k in range(3)
                ],
                opts=opts,
            )
            for i in range(8)
        ),
        *(
            lambda i=i: managedidentity.UserAssignedIdentity(
                f"i{n}-{i}", resource_name_=f"i{n}-{i}", resource_group_name=GROUP, location=PLACE, opts=opts
            )
            for i in range(10)
        ),
        lambda: network.VirtualNetwork(
            f"v{n}", virtual_network_name=f"v{n}", resource_group_name=GROUP, location=PLACE,
            address_space=network.AddressSpaceArgs(address_prefixes=["10.0.0.0/16"]), opts=opts,
        ),
        keep("account", lambda: storage.StorageAccount(
            f"s{n}", account_name=f"large{n}store", resource_group_name=GROUP, location=PLACE, kind="StorageV2",
            sku=storage.SkuArgs(name="Standard_LRS"), minimum_tls_version="TLS1_2", opts=opts,
        )),
        lambda: storage.BlobContainer(
            f"c{n}", account_name=f"large{n}store", resource_group_name=GROUP, container_name="content",
            public_access="None", opts=pulumi.ResourceOptions(depends_on=[made["account"]]),
        ),
    ]  # fmt: skip
