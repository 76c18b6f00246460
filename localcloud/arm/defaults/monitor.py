"""Microsoft.Insights and Microsoft.OperationalInsights: workspace, component, alerts, action groups, diagnostics."""

from __future__ import annotations

from localcloud.arm.defaults.common import Body, Context, defaults, guid, keep, now, properties, start
from localcloud.arm.errors import ArmError, bad_request
from localcloud.arm.ids import ArmPath
from localcloud.arm.store import new_etag

LOGS = frozenset({
    "microsoft.network/applicationgateways", "microsoft.network/networksecuritygroups",
    "microsoft.network/virtualnetworks", "microsoft.network/publicipaddresses", "microsoft.keyvault/vaults",
    "microsoft.documentdb/databaseaccounts", "microsoft.storage/storageaccounts/blobservices",
    "microsoft.storage/storageaccounts/queueservices", "microsoft.web/sites", "microsoft.eventgrid/systemtopics",
    "microsoft.app/managedenvironments", "microsoft.operationalinsights/workspaces", "microsoft.insights/components",
})  # fmt: skip
"""Types that send logs (learn.microsoft.com/azure/azure-monitor/reference/logs-index)."""

METRICS_ONLY = frozenset({
    "microsoft.storage/storageaccounts", "microsoft.web/serverfarms", "microsoft.network/dnszones",
    "microsoft.compute/virtualmachinescalesets", "microsoft.network/privateendpoints",
})  # fmt: skip
NO_METRICS = frozenset({"microsoft.network/networksecuritygroups"})


def diagnostic(context: Context, path: ArmPath, given: Body, old: Body | None) -> Body:
    """A diagnostic setting. Refused for a type that has none, or for logs of a type that sends metrics alone."""
    owner = context.store.get(path.scope)
    if owner is None:
        raise ArmError(404, "ResourceNotFound", f"The resource '{path.scope}' was not found.")
    body = start(path, given, located=False)
    # The service answers with the owner's id in lower case.
    body["id"] = f"{path.scope.lower()}/providers/microsoft.insights/diagnosticSettings/{path.name}"
    props = body["properties"]
    logs, metrics = props.get("logs") or [], props.get("metrics") or []
    if owner.type not in LOGS | METRICS_ONLY:
        raise bad_request(
            f"The resource type '{owner.body['type']}' does not support diagnostic settings.",
            "ResourceTypeNotSupported",
        )
    if logs and owner.type in METRICS_ONLY:
        raise bad_request(f"Category group 'allLogs' is not supported by {owner.body['type']}.")
    if metrics and owner.type in NO_METRICS:
        raise bad_request("Metric category 'AllMetrics' is not supported.")
    targets = ("workspaceId", "storageAccountId", "eventHubAuthorizationRuleId", "marketplacePartnerId")
    if not any(props.get(t) for t in targets) or not (logs or metrics):
        raise bad_request("A diagnostic setting needs a destination and at least one category.")
    if props.get("workspaceId") and context.store.get(str(props["workspaceId"])) is None:
        raise bad_request(f"Resource '{props['workspaceId']}' was not found", "LinkedInvalidPropertyId")
    for one in logs:
        defaults(
            one, {"category": None, "categoryGroup": None, "retentionPolicy": {"enabled": False, "days": 0}}
        )
        one.setdefault("category", None)
        one.setdefault("categoryGroup", None)
    for one in metrics:
        defaults(one, {"retentionPolicy": {"enabled": False, "days": 0}})
        one.setdefault("timeGrain", None)
    for name in ("storageAccountId", "serviceBusRuleId", "eventHubAuthorizationRuleId", "eventHubName",
                 "logAnalyticsDestinationType", "marketplacePartnerId"):  # fmt: skip
        props.setdefault(name, None)
    return body


def workspace(context: Context, path: ArmPath, given: Body, old: Body | None) -> Body:
    """A Log Analytics workspace."""
    body = start(path, given)
    props, before = body["properties"], properties(old)
    keep(props, before, "customerId", guid)
    sku = props.setdefault("sku", {"name": "pergb2018"})
    sku["name"] = str(sku["name"]).lower()
    sku["lastSkuUpdate"] = (before.get("sku") or {}).get("lastSkuUpdate") or now()
    defaults(
        props,
        {"retentionInDays": 30, "features": {}, "workspaceCapping": {}, "publicNetworkAccessForIngestion": "Enabled",
         "publicNetworkAccessForQuery": "Enabled"},
    )  # fmt: skip
    defaults(
        props["features"],
        {"legacy": 0, "searchVersion": 1, "enableLogAccessUsingOnlyResourcePermissions": True},
    )
    defaults(
        props["workspaceCapping"],
        {"dailyQuotaGb": -1.0, "quotaNextResetTime": now(), "dataIngestionStatus": "RespectQuota"},
    )
    keep(props, before, "createdDate", now)
    props.update({"provisioningState": "Succeeded", "modifiedDate": now()})
    body["etag"] = f'"{new_etag()}"'
    return body


def component(context: Context, path: ArmPath, given: Body, old: Body | None) -> Body:
    """An Application Insights component: workspace-based, with its connection string."""
    body = start(path, given)
    props, before = body["properties"], properties(old)
    linked = str(props.get("WorkspaceResourceId") or "")
    if linked and context.store.get(linked) is None:
        raise bad_request(f"The workspace '{linked}' was not found.", "InvalidRequest")
    keep(props, before, "AppId", guid)
    keep(props, before, "InstrumentationKey", guid)
    keep(props, before, "CreationDate", now)
    place = body["location"]
    props["ConnectionString"] = (
        f"InstrumentationKey={props['InstrumentationKey']};IngestionEndpoint=https://{place}-1.in.applicationinsights.azure.com/;"
        f"LiveEndpoint=https://{place}.livediagnostics.monitor.azure.com/;ApplicationId={props['AppId']}"
    )
    defaults(
        props,
        {"Flow_Type": "Bluefield", "Request_Source": "rest", "RetentionInDays": 90, "DisableIpMasking": False,
         "IngestionMode": "LogAnalytics" if linked else "ApplicationInsights", "publicNetworkAccessForIngestion": "Enabled",
         "publicNetworkAccessForQuery": "Enabled", "SamplingPercentage": None},
    )  # fmt: skip
    props.update(
        {
            "ApplicationId": path.name,
            "Name": path.name,
            "TenantId": context.tenant,
            "provisioningState": "Succeeded",
            "Ver": "v2",
        }
    )
    body["etag"] = f'"{new_etag()}"'
    return body


def action_group(context: Context, path: ArmPath, given: Body, old: Body | None) -> Body:
    """Who is told. The short name has at most 12 characters."""
    body = start(path, given)
    body["location"] = (
        "Global" if str(body.get("location", "global")).lower() == "global" else body["location"]
    )
    props = body["properties"]
    if not 1 <= len(str(props.get("groupShortName") or "")) <= 12:
        raise bad_request(
            "The action group short name must be 1 to 12 characters.", "ActionGroupShortNameInvalid"
        )
    for kind in ("email", "sms", "webhook", "itsm", "azureAppPush", "automationRunbook", "voice", "logicApp",
                 "azureFunction", "armRole", "eventHub"):  # fmt: skip
        props.setdefault(f"{kind}Receivers", [])
    for mail in props["emailReceivers"]:
        mail.setdefault("useCommonAlertSchema", False)
        mail["status"] = "Enabled"
    props.setdefault("enabled", True)
    body.setdefault("tags", {})
    return body


def _targets(context: Context, props: Body) -> None:
    scopes = props.get("scopes") or []
    missing = [s for s in scopes if context.store.get(str(s)) is None]
    if not scopes or missing:
        raise bad_request(
            f"The scope '{missing[0] if missing else ''}' of the alert was not found.", "ResourceNotFound"
        )


def metric_alert(context: Context, path: ArmPath, given: Body, old: Body | None) -> Body:
    """A metric alert; its scopes must exist."""
    body = start(path, given)
    props = body["properties"]
    _targets(context, props)
    defaults(
        props,
        {
            "enabled": True,
            "autoMitigate": True,
            "targetResourceType": "",
            "targetResourceRegion": "",
            "actions": [],
        },
    )
    for criterion in (props.get("criteria") or {}).get("allOf") or []:
        defaults(criterion, {"dimensions": [], "skipMetricValidation": False})
    for action in props["actions"]:
        action.setdefault("webHookProperties", {})
    props["isMigrated"] = False
    body.setdefault("tags", {})
    return body


def query_rule(context: Context, path: ArmPath, given: Body, old: Body | None) -> Body:
    """A log alert; its scopes must exist."""
    body = start(path, given)
    body.setdefault("kind", "LogAlert")
    props = body["properties"]
    _targets(context, props)
    defaults(
        props,
        {"enabled": True, "autoMitigate": True, "displayName": path.name, "overrideQueryTimeRange": None,
         "skipQueryValidation": False, "checkWorkspaceAlertsStorageConfigured": False, "actions": {}},
    )  # fmt: skip
    for criterion in (props.get("criteria") or {}).get("allOf") or []:
        defaults(
            criterion,
            {
                "dimensions": [],
                "failingPeriods": {"numberOfEvaluationPeriods": 1, "minFailingPeriodsToAlert": 1},
            },
        )
    props["createdWithApiVersion"] = "2025-01-01-preview"
    props.setdefault("isLegacyLogAnalyticsRule", False)
    body["etag"] = f'"{new_etag()}"'
    body.setdefault("tags", {})
    return body


FILL = {
    "microsoft.insights/diagnosticsettings": diagnostic,
    "microsoft.operationalinsights/workspaces": workspace,
    "microsoft.insights/components": component,
    "microsoft.insights/actiongroups": action_group,
    "microsoft.insights/metricalerts": metric_alert,
    "microsoft.insights/scheduledqueryrules": query_rule,
}
