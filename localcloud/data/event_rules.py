"""Event Grid's rules, pure: which subscription wants an event, when it is tried again, what a dead letter says.

Sources: Microsoft Learn, "Event filtering for Event Grid subscriptions", "Event Grid message delivery and retry",
"Set dead-letter location and retry policy".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from recovery.model import Json

RETRY_SECONDS = (10.0, 30.0, 60.0, 300.0, 600.0, 1800.0, 3600.0, 10800.0, 21600.0, 43200.0)
DEAD_LETTER_DELAY_SECONDS = 300.0
DEFAULT_ATTEMPTS = 30
DEFAULT_TTL_MINUTES = 1440

_STRING_RULES = {
    "StringIn": lambda value, wanted: value.lower() in [w.lower() for w in wanted],
    "StringNotIn": lambda value, wanted: value.lower() not in [w.lower() for w in wanted],
    "StringContains": lambda value, wanted: any(w.lower() in value.lower() for w in wanted),
    "StringBeginsWith": lambda value, wanted: any(value.lower().startswith(w.lower()) for w in wanted),
    "StringEndsWith": lambda value, wanted: any(value.lower().endswith(w.lower()) for w in wanted),
}


def check_filter(rules: Mapping[str, Json]) -> None:
    """Raise ValueError for a filter that `wants` cannot decide: guessing would deliver or drop wrongly."""
    for rule in rules.get("advancedFilters") or []:
        if rule.get("operatorType") not in _STRING_RULES:
            raise ValueError(
                f"the local Event Grid does not model advanced filter {rule.get('operatorType')!r}"
            )


def wants(rules: Mapping[str, Json], event: Mapping[str, Json]) -> bool:
    """Does a subscription's `filter` let this event through? Subjects compare without case unless it says so."""
    types = rules.get("includedEventTypes")
    if types and event["eventType"] not in types:
        return False
    subject = str(event["subject"])
    begins, ends = str(rules.get("subjectBeginsWith") or ""), str(rules.get("subjectEndsWith") or "")
    if not rules.get("isSubjectCaseSensitive"):
        subject, begins, ends = subject.lower(), begins.lower(), ends.lower()
    if not (subject.startswith(begins) and subject.endswith(ends)):
        return False
    return all(
        _STRING_RULES[rule["operatorType"]](_value(event, rule["key"]), rule.get("values") or [])
        for rule in rules.get("advancedFilters") or []
    )


def _value(event: Mapping[str, Json], key: str) -> str:
    found: Json = event
    for step in key.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    return "" if found is None else str(found)


def next_delay(policy: Mapping[str, Json], attempts: int, waited: float) -> float | None:
    """Seconds until the next attempt after `attempts` failed ones, `waited` simulated seconds after the event.

    None: given up, because the attempts are used or the time to live would have passed.
    """
    limit = int(policy.get("maxDeliveryAttempts") or DEFAULT_ATTEMPTS)
    live = float(policy.get("eventTimeToLiveInMinutes") or DEFAULT_TTL_MINUTES) * 60
    delay = RETRY_SECONDS[min(attempts, len(RETRY_SECONDS)) - 1]
    return None if attempts >= limit or waited + delay > live else delay


def gave_up_because(policy: Mapping[str, Json], attempts: int) -> str:
    """Event Grid's `deadLetterReason`."""
    limit = int(policy.get("maxDeliveryAttempts") or DEFAULT_ATTEMPTS)
    return "MaxDeliveryAttemptsExceeded" if attempts >= limit else "TimeToLiveExceeded"


def dead_letter_name(subscription: str, when: datetime, letter_id: str) -> str:
    """Blob name of a dead letter: the subscription in upper case, the UTC hour without zero padding."""
    return f"{subscription.upper()}/{when.year}/{when.month}/{when.day}/{when.hour}/{letter_id}.json"


def blob_event(
    *, account_id: str, endpoint: str, container: str, blob: str, quoted: str, deleted: bool, api: str, event_id: str,
    when: str, etag: str, content_type: str, length: int, blob_type: str, request_id: str, client_request_id: str,
    sequencer: int,
) -> dict[str, Json]:  # fmt: skip
    """A storage event in the Event Grid schema. blob: decoded name; quoted: as it stood in the URL's path."""
    data: dict[str, Json] = {
        "api": api, "clientRequestId": client_request_id, "requestId": request_id,
        "contentType": content_type, "contentLength": length, "blobType": blob_type,
        "url": f"{endpoint.rstrip('/')}/{container}/{quoted}", "sequencer": f"{sequencer:032X}",
        "storageDiagnostics": {"batchId": event_id},
    }  # fmt: skip
    if not deleted:
        data["eTag"] = etag.strip('"')
    return {
        "topic": account_id,
        "subject": f"/blobServices/default/containers/{container}/blobs/{blob}",
        "eventType": f"Microsoft.Storage.Blob{'Deleted' if deleted else 'Created'}",
        "id": event_id, "data": data, "dataVersion": "", "metadataVersion": "1", "eventTime": when,
    }  # fmt: skip
