"""Monitoring: one workspace for all logs, the converter's telemetry, who is told, and of what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import applicationinsights, monitor, operationalinsights

from components.image_app.common import Place, kept
from components.naming import Names
from components.settings import Monitoring as MonitoringSettings


@dataclass(frozen=True)
class MonitoringArgs:
    """settings: who is told, how long logs are kept."""

    place: Place
    names: Names
    settings: MonitoringSettings


class Monitoring(pulumi.ComponentResource):
    """Workspace, Application Insights without keys, action group. `watch` adds diagnostics, `alerts` the alerts."""

    def __init__(self, name: str, args: MonitoringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("standby:azure:Monitoring", name, None, opts)
        self._args, place, names = args, args.place, args.names
        self.workspace = operationalinsights.Workspace(
            "logs",
            resource_group_name=place.group, workspace_name=names.of("log"), location=place.location, tags=place.tags,
            sku=operationalinsights.WorkspaceSkuArgs(name="PerGB2018"), retention_in_days=args.settings.retention_days,
            features=operationalinsights.WorkspaceFeaturesArgs(disable_local_auth=True), opts=kept(self),
        )  # fmt: skip
        self.insights = applicationinsights.Component(
            "insights",
            resource_group_name=place.group, resource_name_=names.of("appi"), location=place.location, tags=place.tags,
            kind="web", application_type="web", workspace_resource_id=self.workspace.id, disable_local_auth=True,
            ingestion_mode="LogAnalytics", opts=kept(self),
        )  # fmt: skip
        mails = [
            monitor.MicrosoftCommonEmailReceiverArgs(
                name=f"mail-{n}", email_address=mail, use_common_alert_schema=True
            )
            for n, mail in enumerate(args.settings.emails, 1)
        ]
        self.people = monitor.ActionGroup(
            "people",
            resource_group_name=place.group, action_group_name=names.of("ag"), location="global", tags=place.tags,
            group_short_name="standby", enabled=True, email_receivers=mails, opts=kept(self),
        )  # fmt: skip
        self.register_outputs({"workspaceId": self.workspace.id})

    def watch(
        self,
        targets: Mapping[str, pulumi.Input[str]],
        metrics: frozenset[str],
        after: Sequence[pulumi.Resource] = (),
    ) -> None:
        """Diagnostic settings. targets: label -> resource id. metrics: labels of those whose metrics are kept too."""
        for label, target in targets.items():
            monitor.DiagnosticSetting(
                f"diagnostics-{label}",
                resource_uri=target, name="all", workspace_id=self.workspace.id,
                logs=[monitor.DiagnosticsLogSettingsArgs(category_group="allLogs", enabled=True)],
                metrics=[monitor.DiagnosticsMetricSettingsArgs(category="AllMetrics", enabled=True)] if label in metrics else None,
                opts=kept(self, after),
            )  # fmt: skip

    def alert(
        self,
        label: str,
        why: str,
        scope: pulumi.Input[str],
        metric: Metric,
        after: Sequence[pulumi.Resource] = (),
    ) -> None:
        """Tell people when a metric passes its threshold within five minutes."""
        place = self._args.place
        criterion = monitor.MetricCriteriaArgs(
            name=label, criterion_type="StaticThresholdCriterion", metric_name=metric.name, metric_namespace=metric.namespace,
            operator="GreaterThan", threshold=metric.above, time_aggregation=metric.aggregation,
            dimensions=[
                monitor.MetricDimensionArgs(name=n, operator="Include", values=[v]) for n, v in metric.only.items()
            ],
        )  # fmt: skip
        monitor.MetricAlert(
            f"alert-{label}",
            resource_group_name=place.group, rule_name=self._args.names.of("alert", label), location="global",
            tags=place.tags, description=why, severity=metric.severity, enabled=True, scopes=[scope],
            evaluation_frequency="PT1M", window_size="PT5M", auto_mitigate=True,
            criteria=monitor.MetricAlertSingleResourceMultipleMetricCriteriaArgs(
                odata_type="Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria", all_of=[criterion]
            ),
            actions=[monitor.MetricAlertActionArgs(action_group_id=self.people.id)], opts=kept(self, after),
        )  # fmt: skip

    def query(self, label: str, why: str, query: str, *, fewer: bool = False, window: str = "PT1H") -> None:
        """Tell people when a log query finds something (fewer: when it finds nothing) in the window."""
        place = self._args.place
        found = monitor.ConditionArgs(
            query=query, time_aggregation="Count", operator="LessThan" if fewer else "GreaterThan", threshold=1 if fewer else 0,
            failing_periods=monitor.ConditionFailingPeriodsArgs(
                number_of_evaluation_periods=1, min_failing_periods_to_alert=1
            ),
        )  # fmt: skip
        monitor.ScheduledQueryRule(
            f"alert-{label}",
            resource_group_name=place.group, rule_name=self._args.names.of("alert", label), location=place.location,
            tags=place.tags, description=why, display_name=label, kind="LogAlert", severity=1, enabled=True,
            scopes=[self.workspace.id], evaluation_frequency="PT1H", window_size=window, auto_mitigate=True,
            # A table that nothing has written to yet is no misspelt one.
            skip_query_validation=True, criteria=monitor.ScheduledQueryRuleCriteriaArgs(all_of=[found]),
            actions=monitor.ActionsArgs(action_groups=[self.people.id]), opts=kept(self),
        )  # fmt: skip


@dataclass(frozen=True)
class Metric:
    """What a metric alert looks at. only: dimension -> value."""

    namespace: str
    name: str
    aggregation: str
    above: float
    severity: int
    only: Mapping[str, str]
