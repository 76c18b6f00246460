"""Site image-app: the runbook `failover` as data (ACT-1 to ACT-4, VAL-1 to VAL-3, COMM-1 to COMM-3).

Budgets are seconds (median, p95): the sum of the duration table's rows that a step waits for (2026-11), and a few
seconds of its own, people's waiting time apart; what is not in that table is assumed. No step promises less than its
rows (tests/recovery/runbook/test_budgets.py). `engine.up` with ``leave`` names groups of resources that this part
of the up leaves alone: ``records`` (the traffic records), ``filter`` (the converter's mute), ``capacity``
(everything that makes the standby cheap).
"""

from __future__ import annotations

from recovery.runbook.roles import Role
from recovery.runbook.steps import Approval, Budget, Effect, Runbook, Step, one_of

PUBLIC_NAMES = ("demay.com", "api.demay.com")
RG = "rg-demay-dr"

PROPAGATION = Budget(95, 130)
"""Until the name servers have a record, and until the last resolver has forgotten the former one: with the TTL of 60 s
that both settings files have. `recovery.runbook.path.with_ttl` says it for another one."""


def message(
    id: str, title: str, part: str, role: Role, needs: tuple[str, ...], template: str, *requirements: str,
    approval: Approval | None = None, audience: str = "internal",
) -> Step:  # fmt: skip
    """A message to people: tried, recorded, never in the way of the recovery."""
    return Step(
        id, title, part, role, Budget(2, 10), requirements, needs,
        do=Effect("message.send", {"template": template, "audience": audience}),
        approval=approval, best_effort=True, skippable=True,
        manual=(f"dr announce {template} --preview    # then send its text by hand on every {audience} channel",),
    )  # fmt: skip


def direction(id: str, to: str, back: str, part: str, needs: tuple[str, ...], *requirements: str) -> Step:
    """A change of the journal's direction, with a new epoch."""
    return Step(
        id, f"Set the sync's direction to {to}", part, Role.DEVOPS, Budget(1, 5), requirements, needs,
        check=Effect("direction.is", {"to": to}), do=Effect("direction.turn", {"to": to}),
        undo=Effect("direction.turn", {"to": back}) if back else None,
        manual=(f"dr sync direction {to}    # by hand: disable every scheduled sync on both clouds",),
    )  # fmt: skip


_DECLARE = (
    Step(
        "declare", "Declare the disaster", "ACT-1", Role.TECH_LEAD, Budget(1, 5), ("ACT-1",),
        do=Effect("declaration.record", {"runbook": "failover"}),
        approval=Approval(
            one_of(Role.TECH_LEAD, Role.CTO),
            "Declare a disaster on AWS and begin the failover to Azure. Nothing changes yet.",
        ),
        manual=("Write down: scenario, reason, start time (UTC), this runbook's name.",),
    ),
    message(
        "alert", "Alert all internal channels and open the war room", "ACT-1", Role.TECH_LEAD, ("declare",),
        "declaration", "ACT-1", "COMM-1",
    ),
    message(
        "notice", "First external notice, with an estimate", "ACT-1", Role.PM, ("declare",), "external-first",
        "COMM-2", audience="external",
        approval=Approval(one_of(Role.CTO), "Publish the first notice of the incident to users."),
    ),
    Step(
        "checkpoint", "Checkpoint: everyone understands, readiness is looked at", "ACT-1",
        Role.INCIDENT_COMMANDER, Budget(20, 65), ("ACT-1",), ("declare",),
        do=Effect("precheck.record", {"runbook": "failover"}),
        approval=Approval(
            one_of(Role.INCIDENT_COMMANDER),
            "Roles are known and the plan is understood. From here uploads on AWS are blocked and Azure is scaled up.",
        ),
        manual=("dr precheck failover", "Read the plan aloud in the war room; ask each role for a yes."),
    ),
)  # fmt: skip

_FREEZE = "block writes on AWS ({}) before traffic goes back to it"

_DATA = (
    Step(
        "freeze-uploads", "Block uploads on AWS", "ACT-2", Role.DEVOPS, Budget(3, 15), ("ACT-2",), ("checkpoint",),
        check=Effect("freeze.is", {"what": "uploads"}), do=Effect("freeze.apply", {"what": "uploads"}),
        verify=Effect("freeze.refuses", {"what": "uploads"}), undo=Effect("freeze.lift", {"what": "uploads"}),
        owed=_FREEZE.format("uploads"),
        manual=(
            "aws s3api get-bucket-policy --bucket UPLOADS --query Policy --output text > policy-before.json",
            "aws s3api put-bucket-policy --bucket UPLOADS --policy file://policy-deny-puts.json",
        ),
    ),
    Step(
        "freeze-table", "Block writes to the metadata table on AWS", "ACT-2", Role.DEVOPS, Budget(3, 15),
        ("ACT-2",), ("checkpoint",),
        check=Effect("freeze.is", {"what": "table"}), do=Effect("freeze.apply", {"what": "table"}),
        verify=Effect("freeze.refuses", {"what": "table"}), undo=Effect("freeze.lift", {"what": "table"}),
        owed=_FREEZE.format("table"),
        manual=("aws dynamodb put-resource-policy --resource-arn TABLE_ARN --policy file://policy-deny-writes.json",),
    ),
    Step(
        "sync-uploads", "Final sync of uploads", "ACT-2", Role.DEVOPS, Budget(30, 120), ("ACT-2", "SYNC-2"),
        ("freeze-uploads",), do=Effect("sync.run", {"flow": "uploads", "direction": "forward", "final": True}),
        owed="list what AWS had that Azure does not (uploads)", skippable=True, timeout=3600,
        manual=("dr sync uploads", "or: azcopy copy 'https://s3.REGION.amazonaws.com/UPLOADS' 'https://ACCOUNT.blob.core.windows.net/uploads' --recursive"),
    ),
    Step(
        "sync-metadata", "Final sync of metadata", "ACT-2", Role.DEVOPS, Budget(30, 120), ("ACT-2", "SYNC-3"),
        ("freeze-table",), do=Effect("sync.run", {"flow": "metadata", "direction": "forward", "final": True}),
        owed="list what AWS had that Azure does not (metadata)", skippable=True, timeout=3600,
        manual=("dr sync metadata",),
    ),
    Step(
        "compare", "Compare both sides at a named cut", "ACT-2", Role.DEVOPS, Budget(20, 60), ("ACT-2",),
        ("sync-uploads", "sync-metadata"), do=Effect("sync.prove", {"flows": ["uploads", "metadata"]}),
        owed="compare both sides once AWS answers", skippable=True, manual=("dr sync verify",),
    ),
    Step(
        "decide", "Decide on the confirmed share of the data", "ACT-2", Role.INCIDENT_COMMANDER, Budget(0, 0),
        ("ACT-2",), ("compare",),
        approval=Approval(
            (), "Go on with this data; after the cutover Azure is the origin.", rule="compare",
            reopens=("sync-uploads", "sync-metadata", "compare"),
        ),
    ),
    direction("stop-forward", "off", "forward", "ACT-2", ("decide",), "ACT-2"),
)  # fmt: skip

_SCALE = (
    Step(
        "scale-up", "Scale up: Cosmos 4000 RU/s, VMSS 2, gateway minimum", "ACT-3", Role.DEVOPS, Budget(110, 285),
        ("ACT-3",), ("checkpoint",), check=Effect("capacity.is", {"mode": "active"}),
        do=Effect("engine.up", {"stack": "active", "leave": ["records", "filter"], "wait": "without gateway update"}),
        verify=Effect("capacity.is", {"mode": "active"}),
        undo=Effect("engine.up", {"stack": "standby", "leave": ["records"]}),
        manual=(
            "pulumi up -s active --exclude '**-record'",
            f"az vmss scale -g {RG} -n VMSS --new-capacity 2",
            f"az cosmosdb sql container throughput update -g {RG} -a ACCOUNT -d DATABASE -n CONTAINER --throughput 4000",
        ),
    ),
    Step(
        "health", "All gateway backends healthy, /health answers 200", "ACT-3", Role.SRE, Budget(45, 120),
        ("ACT-3",), ("scale-up",), do=Effect("gate.health", {"instances": 2}), proves_health=True, retries=4,
        manual=(f"az network application-gateway show-backend-health -g {RG} -n GATEWAY",),
    ),
    Step(
        "throughput", "Cosmos answers at 4000 RU/s without throttling", "ACT-3", Role.SRE, Budget(10, 45),
        ("ACT-3",), ("scale-up",), do=Effect("cosmos.observe", {"throughput": 4000}), skippable=True,
        manual=(f"az monitor metrics list --resource ACCOUNT_ID -g {RG} --metric TotalRequests --filter \"StatusCode eq '429'\"",),
    ),
    Step(
        "unmute", "Unmute the converter", "ACT-3", Role.DEVOPS, Budget(15, 75), ("ACT-3",),
        ("stop-forward", "scale-up"), check=Effect("converter.is", {"muted": False}),
        do=Effect("engine.up", {"stack": "active", "leave": ["records"]}),
        verify=Effect("converter.is", {"muted": False}),
        undo=Effect("engine.up", {"stack": "standby", "leave": ["records", "capacity"]}),
        manual=("pulumi up -s active --exclude '**-record'",),
    ),
    Step(
        "warm", "Warm the function with a test event", "ACT-3", Role.DEVOPS, Budget(5, 30), ("ACT-3",), ("unmute",),
        do=Effect("converter.warm", {"marked": True}), skippable=True, best_effort=True,
        manual=("az storage blob upload -c uploads -f probe.jpg -n .dr-probe/warm.jpg --auth-mode login",),
    ),
    Step(
        "reconcile", "Convert uploads whose documents are missing or incomplete", "ACT-3", Role.DEVOPS,
        Budget(30, 300), ("ACT-3",), ("unmute",), do=Effect("converter.reconcile"), skippable=True,
        manual=("dr sync reconcile",),
    ),
)  # fmt: skip

_CUTOVER = (
    Step(
        "ttl", "TTL of the public records at most 300 s; lower it and wait out the old one", "ACT-4",
        Role.TECH_LEAD, Budget(5, 300), ("ACT-4",), ("checkpoint",), check=Effect("dns.ttl_is", {"most": 300}),
        do=Effect("dns.ttl_lower", {"most": 300}), verify=Effect("dns.ttl_is", {"most": 300}), timeout=90000,
        manual=(f"az network dns record-set a update -g {RG} -z demay.com -n @ --set ttl=300",),
    ),
    Step(
        "cutover", "Cut over DNS: demay.com, api and www to the gateway", "ACT-4", Role.TECH_LEAD, Budget(45, 90),
        ("ACT-4",), ("decide", "stop-forward", "health", "throughput", "unmute", "ttl"),
        check=Effect("dns.authority", {"side": "azure"}), guard=Effect("gate.health", {"instances": 2}),
        do=Effect("engine.up", {"stack": "active", "leave": []}), verify=Effect("dns.authority", {"side": "azure"}),
        approval=Approval(
            one_of(Role.INCIDENT_COMMANDER),
            "Route 100 % of demay.com, api.demay.com and www.demay.com to Azure (now AWS). From then on Azure is the "
            "origin of the data; the way back is the runbook rollback.",
        ),
        irreversible=True, moves_traffic=True,
        manual=(
            "pulumi up -s active",
            f"az network dns record-set a update -g {RG} -z demay.com -n @ --set aRecords='[{{\"ipv4Address\":\"GATEWAY_IP\"}}]'",
            f"az network dns record-set cname set-record -g {RG} -z demay.com -n api -c GATEWAY_FQDN",
        ),
    ),
    Step(
        "propagation", "Three resolvers answer the new address for both names", "ACT-4", Role.TECH_LEAD,
        PROPAGATION, ("ACT-4",), ("cutover",),
        do=Effect("dns.propagated", {"names": list(PUBLIC_NAMES), "resolvers": 3, "side": "azure"}), retries=4, timeout=1000,
        manual=("for r in 8.8.8.8 1.1.1.1 208.67.222.222; do dig +short @$r api.demay.com; dig +short @$r demay.com; done",),
    ),
)  # fmt: skip

_VALIDATE = (
    Step(
        "smoke", "API healthy, site 200, backends healthy, DNS on Azure", "VAL", Role.SRE, Budget(20, 65),
        ("VAL-1",), ("propagation",), do=Effect("smoke.run", {"side": "azure"}), retries=4,
        manual=("curl -fsS https://api.demay.com/health", "curl -fsSo /dev/null -w '%{http_code}' https://www.demay.com/"),
    ),
    Step(
        "end-to-end", "A marked test image is uploaded, converted and read back", "VAL", Role.SRE, Budget(20, 90),
        ("VAL-2",), ("cutover", "unmute"), do=Effect("end_to_end.run", {"marked": True}),
        manual=("az storage blob generate-sas ... ; curl -T test.jpg SAS_URL ; dr sync verify --image test.jpg",),
    ),
    Step(
        "support", "Certificate over 30 days, 4000 RU/s really set, uploads readable", "VAL", Role.SRE,
        Budget(10, 40), ("VAL-3",), ("cutover",), do=Effect("support.run", {"days": 30, "throughput": 4000}),
        manual=("az keyvault certificate show --vault-name VAULT -n wildcard --query attributes.expires",),
    ),
    Step(
        "validated", "Service restored and validated", "VAL", Role.SRE, Budget(0, 1), ("VAL-1", "VAL-2", "VAL-3"),
        ("smoke", "end-to-end", "support"), do=Effect("validation.record"),
        manual=("Write down the time: the RTO ends here.",),
    ),
    Step(
        "telemetry", "Telemetry arrives, requests mostly 200, conversions are seen", "VAL", Role.SRE,
        Budget(120, 600), ("VAL-2", "VAL-3"), ("end-to-end",), do=Effect("telemetry.observe"), skippable=True,
        manual=("az monitor app-insights query --app APP --analytics-query 'requests | summarize count() by resultCode'",),
    ),
    message(
        "stable", "Stabilisation message, internal", "VAL", Role.INCIDENT_COMMANDER, ("validated",), "stabilised",
        "COMM-3",
    ),
    message(
        "update", "External update: service restored on the contingency side", "VAL", Role.PM, ("validated",),
        "external-update", "COMM-2", audience="external",
        approval=Approval(one_of(Role.CTO), "Publish that service is restored."),
    ),
    Step(
        "handover", "Hand the stack over and set the deadline of the report (48 h)", "VAL", Role.DEVOPS,
        Budget(30, 90), ("COMM-3",), ("validated", "reconcile"),
        do=Effect("closing.record", {"handover": ["active", "standby"], "report": "post-incident", "hours": 48}),
        manual=("dr handover active standby", "Post-incident report due 48 h after the declaration."),
    ),
)  # fmt: skip

FAILOVER = Runbook(
    "failover",
    "image-app: fail over from AWS to Azure",
    (*_DECLARE, *_DATA, *_SCALE, *_CUTOVER, *_VALIDATE),
    goal="validated",
    plan_seconds=(2 * 3600, 4 * 3600),
    parts={"ACT-1": (5, 5), "ACT-2": (30, 60), "ACT-3": (30, 45), "ACT-4": (10, 15), "VAL": (30, 60)},
)
