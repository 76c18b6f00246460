"""Site image-app: the runbook `rollback` as data (BACK-1 to BACK-6). Budgets as in `image_app`.

Why this order: AWS may take writes again (`lift-*`) just before traffic reaches it, so that no user meets a
refused write; the reverse sync goes on until the drain is over and its last delta is empty, so that nothing
that Azure accepted from a client with an old DNS answer is left behind; only then does the capacity go.
"""

from __future__ import annotations

from recovery.runbook.image_app import PROPAGATION, PUBLIC_NAMES, RG, direction, message
from recovery.runbook.roles import Role
from recovery.runbook.steps import Approval, Budget, Effect, Runbook, Step, all_of, one_of

_APPROVE = (
    Step(
        "evidence", "Every address of AWS answers again", "BACK-1", Role.SRE, Budget(10, 60), ("BACK-1",),
        do=Effect("primary.healthy"),
        manual=("aws health describe-events --filter eventStatusCodes=open",
                "curl -fsS --resolve api.demay.com:443:PRIMARY_IP https://api.demay.com/health"),
    ),
    Step(
        "approve", "Approve the return to AWS", "BACK-1", Role.TECH_LEAD, Budget(10, 60), ("BACK-1",),
        ("evidence",), guard=Effect("primary.healthy"), do=Effect("declaration.record", {"runbook": "rollback"}),
        approval=Approval(
            all_of(Role.TECH_LEAD, Role.CTO),
            "Begin the return to AWS: data is written back to S3 and DynamoDB. Traffic stays on Azure for now.",
        ),
        manual=("aws health describe-events --filter eventStatusCodes=open", "dr precheck rollback"),
    ),
    message(
        "alert", "Tell all internal channels", "BACK-1", Role.TECH_LEAD, ("approve",), "rollback-begins", "COMM-1"
    ),
    Step(
        "obligations", "Meet what is owed: freezes that AWS could not be given", "BACK-2", Role.DEVOPS,
        Budget(5, 60), ("BACK-2",), ("approve",), check=Effect("obligations.none", {"blocks": "cutback"}),
        do=Effect("obligations.meet", {"blocks": "cutback"}),
        verify=Effect("obligations.none", {"blocks": "cutback"}), manual=("dr status    # lists what is owed",),
    ),
)  # fmt: skip

_REVERSE = (
    Step(
        "mute-triggers", "Mute the triggers on AWS's side", "BACK-2", Role.DEVOPS, Budget(5, 30), ("BACK-2",),
        ("approve",), check=Effect("triggers.are", {"muted": True}), do=Effect("triggers.mute"),
        verify=Effect("triggers.are", {"muted": True}), undo=Effect("triggers.restore"),
        manual=("aws s3api get-bucket-notification-configuration --bucket UPLOADS > notifications-before.json",
                "aws s3api put-bucket-notification-configuration --bucket UPLOADS --notification-configuration '{}'"),
    ),
    direction("begin-reverse", "reverse", "off", "BACK-2", ("mute-triggers", "obligations"), "BACK-2"),
    Step(
        "divergence", "List what AWS accepted after the cutover", "BACK-2", Role.DEVOPS, Budget(20, 120),
        ("BACK-2",), ("begin-reverse",), do=Effect("divergence.list"), manual=("dr sync verify --reverse",),
    ),
    Step(
        "reverse-uploads", "Copy uploads back, Blob to S3", "BACK-2", Role.DEVOPS, Budget(60, 600), ("BACK-2",),
        ("begin-reverse", "divergence"), do=Effect("sync.run", {"flow": "uploads", "direction": "reverse"}),
        timeout=7200, manual=("dr sync uploads --reverse",),
    ),
    Step(
        "reverse-metadata", "Copy metadata back, Cosmos to DynamoDB", "BACK-2", Role.DEVOPS, Budget(60, 600),
        ("BACK-2",), ("begin-reverse", "divergence"),
        do=Effect("sync.run", {"flow": "metadata", "direction": "reverse"}), timeout=7200,
        manual=("dr sync metadata --reverse",),
    ),
    Step(
        "reverse-proof", "Prove the reverse sync by counts and sampled hashes", "BACK-2", Role.DEVOPS,
        Budget(20, 90), ("BACK-2",), ("reverse-uploads", "reverse-metadata"),
        do=Effect("sync.prove", {"flows": ["uploads", "metadata"], "direction": "reverse"}), retries=4,
        manual=("dr sync verify --reverse",),
    ),
    Step(
        "primary", "AWS's load balancer healthy, critical endpoints 200", "BACK-3", Role.SRE, Budget(10, 60),
        ("BACK-3",), ("approve",), do=Effect("primary.validate"), proves_health=True, retries=4,
        manual=("aws elbv2 describe-target-health --target-group-arn TARGET_GROUP",
                "curl -fsS --resolve api.demay.com:443:PRIMARY_IP https://api.demay.com/health"),
    ),
)  # fmt: skip

_CUTBACK = (
    Step(
        "ttl", "TTL of the public records at most 300 s", "BACK-4", Role.TECH_LEAD, Budget(5, 300), ("BACK-4",),
        ("approve",), check=Effect("dns.ttl_is", {"most": 300}), do=Effect("dns.ttl_lower", {"most": 300}),
        verify=Effect("dns.ttl_is", {"most": 300}), timeout=90000,
        manual=(f"az network dns record-set a update -g {RG} -z demay.com -n @ --set ttl=300",),
    ),
    Step(
        "lift-uploads", "Lift the block on AWS's uploads, exactly", "BACK-4", Role.DEVOPS, Budget(3, 15),
        ("BACK-4",), ("reverse-proof", "primary", "ttl"), check=Effect("freeze.lifted", {"what": "uploads"}),
        do=Effect("freeze.lift", {"what": "uploads"}), verify=Effect("freeze.lifted", {"what": "uploads"}),
        undo=Effect("freeze.apply", {"what": "uploads"}),
        manual=("aws s3api put-bucket-policy --bucket UPLOADS --policy file://policy-before.json",),
    ),
    Step(
        "lift-table", "Lift the block on AWS's table, exactly", "BACK-4", Role.DEVOPS, Budget(3, 15), ("BACK-4",),
        ("reverse-proof", "primary", "ttl"), check=Effect("freeze.lifted", {"what": "table"}),
        do=Effect("freeze.lift", {"what": "table"}), verify=Effect("freeze.lifted", {"what": "table"}),
        undo=Effect("freeze.apply", {"what": "table"}),
        manual=("aws dynamodb delete-resource-policy --resource-arn TABLE_ARN",),
    ),
    Step(
        "cutback", "Cut DNS back to AWS", "BACK-4", Role.TECH_LEAD, Budget(60, 150), ("BACK-4",),
        ("obligations", "reverse-proof", "primary", "ttl", "lift-uploads", "lift-table"),
        check=Effect("dns.authority", {"side": "primary"}), guard=Effect("gate.return"),
        do=Effect("engine.up", {"stack": "standby", "leave": ["capacity", "filter"]}),
        verify=Effect("dns.authority", {"side": "primary"}),
        approval=Approval(
            one_of(Role.INCIDENT_COMMANDER, Role.TECH_LEAD),
            "Route 100 % of demay.com, api.demay.com and www.demay.com back to AWS (now Azure). Both sides answer until "
            "the resolvers agree.",
        ),
        irreversible=True, moves_traffic=True,
        manual=(f"az network dns record-set a update -g {RG} -z demay.com -n @ --set aRecords='[{{\"ipv4Address\":\"PRIMARY_IP\"}}]'",
                f"az network dns record-set cname set-record -g {RG} -z demay.com -n api -c PRIMARY_NAME"),
    ),
    Step(
        "propagation", "Three resolvers answer AWS's address for both names", "BACK-4", Role.TECH_LEAD,
        PROPAGATION, ("BACK-4",), ("cutback",),
        do=Effect("dns.propagated", {"names": list(PUBLIC_NAMES), "resolvers": 3, "side": "primary"}), retries=4, timeout=1000,
        manual=("for r in 8.8.8.8 1.1.1.1 208.67.222.222; do dig +short @$r api.demay.com; dig +short @$r demay.com; done",),
    ),
    Step(
        "drained", "Traffic has left Azure: resolvers and the gateway's own count", "BACK-5", Role.SRE,
        Budget(120, 600), ("BACK-5",), ("propagation",), do=Effect("gate.traffic_left"), retries=6,
        manual=(f"az monitor metrics list --resource GATEWAY_ID -g {RG} --metric TotalRequests --interval PT1M",),
    ),
    Step(
        "idle", "The converter has nothing left to process", "BACK-5", Role.DEVOPS, Budget(10, 120), ("BACK-5",),
        ("drained",), do=Effect("converter.idle"), retries=2, skippable=True,  # what is left is in S3: AWS converts it
        manual=("dr sync reconcile --dry-run    # what is not converted; it is copied back all the same",),
    ),
    Step(
        "last-delta", "Reverse sync until its last delta is empty", "BACK-2", Role.DEVOPS, Budget(30, 180),
        ("BACK-2",), ("drained", "idle"), do=Effect("sync.until_empty", {"direction": "reverse"}),
        verify=Effect("sync.delta_empty", {"direction": "reverse"}), timeout=7200, manual=("dr sync all --reverse",),
    ),
)  # fmt: skip

_STANDBY = (
    direction("end-reverse", "off", "", "BACK-5", ("last-delta",), "BACK-5"),
    Step(
        "restore-triggers", "Restore AWS's triggers exactly and convert what they missed", "BACK-2", Role.DEVOPS,
        Budget(15, 120), ("BACK-2",), ("end-reverse",), check=Effect("triggers.are", {"muted": False}),
        do=Effect("triggers.restore"), verify=Effect("triggers.are", {"muted": False}),
        manual=("aws s3api put-bucket-notification-configuration --bucket UPLOADS --notification-configuration file://notifications-before.json",),
    ),
    Step(
        "reconcile", "Convert on AWS's side what arrived while its triggers were muted", "BACK-2", Role.DEVOPS,
        Budget(20, 300), ("BACK-2",), ("restore-triggers",), do=Effect("primary.reconcile"), skippable=True,
        manual=("dr sync reconcile --reverse",),
    ),
    Step(
        "scale-down", "VMSS 0, Cosmos to its minimum, converter muted", "BACK-5", Role.DEVOPS, Budget(360, 2100),
        ("BACK-5",), ("end-reverse",), check=Effect("capacity.is", {"mode": "standby"}),
        guard=Effect("gate.drain"), do=Effect("engine.up", {"stack": "standby", "leave": []}),
        verify=Effect("capacity.is", {"mode": "standby"}),
        manual=("pulumi up -s standby", f"az vmss scale -g {RG} -n VMSS --new-capacity 0"),
    ),
    direction("begin-forward", "forward", "", "BACK-5", ("scale-down", "restore-triggers"), "BACK-5", "SYNC-5"),
    Step(
        "clean", "The standby is cheap again and free of drift", "BACK-5", Role.DEVOPS, Budget(10, 60), ("BACK-5",),
        ("scale-down", "begin-forward"), do=Effect("drift.none", {"stack": "standby"}), manual=("dr drift -s standby",),
    ),
    message(
        "normal", "Return to normal, external", "BACK-6", Role.PM, ("drained",), "external-normal", "COMM-2",
        audience="external", approval=Approval(one_of(Role.CTO), "Publish that service is back to normal."),
    ),
    Step(
        "report", "Hand the stack over and set the deadline of the report (24 h)", "BACK-6", Role.TECH_LEAD,
        Budget(15, 60), ("BACK-6",), ("clean",),
        do=Effect("closing.record", {"handover": ["standby", "active"], "report": "post-rollback", "hours": 24}),
        manual=("dr handover standby active", "Post-rollback report due in 24 h."),
    ),
)  # fmt: skip

ROLLBACK = Runbook(
    "rollback",
    "image-app: return from Azure to AWS",
    (*_APPROVE, *_REVERSE, *_CUTBACK, *_STANDBY),
    goal="clean",
    plan_seconds=(2 * 3600, 4 * 3600),
    parts={
        "BACK-1": (0, 0),
        "BACK-2": (0, 0),
        "BACK-3": (0, 0),
        "BACK-4": (0, 0),
        "BACK-5": (0, 0),
        "BACK-6": (0, 0),
    },
)
