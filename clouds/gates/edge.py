"""What both traffic gates look at: the gateway's public IP and the zone's records, through Resource
Manager."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from clouds.azure.arm import ArmError
from clouds.gates.world import ArmPort, version
from recovery.model import Json
from recovery.traffic import Gateway, RecordView, targets


def read_gateway(arm: ArmPort, public_ip_id: str) -> tuple[Gateway | None, str]:
    """The gateway's address and name. (Gateway(), "") when it does not exist; (None, reason) when unknown."""
    try:
        return Gateway.from_body(arm.get(public_ip_id, version("network:PublicIPAddress"))), ""
    except ArmError as error:
        return (Gateway(), "") if error.missing else (None, str(error))


def read_records(arm: ArmPort, zone_id: str, records: Sequence[Mapping[str, Json]]) -> list[RecordView]:
    """Each record as ARM has it now. A record that does not exist points nowhere; one that cannot be read is
    unknown."""

    def one(record: Mapping[str, Json]) -> RecordView:
        name, kind = str(record.get("name", "@")), str(record.get("type", "A"))
        try:
            body = arm.get(f"{zone_id}/{kind}/{name}", version("dns:RecordSet"))
        except ArmError as error:
            return RecordView(name, kind, () if error.missing else None, "" if error.missing else str(error))
        return RecordView(name, kind, targets(body))

    if not records:
        return []
    with ThreadPoolExecutor(min(8, len(records)), thread_name_prefix="records") as pool:
        return list(pool.map(one, records))
