"""Event Grid's rules, without a server."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localcloud.data import event_rules as rules

EVENT: dict[str, Any] = {
    "eventType": "Microsoft.Storage.BlobCreated",
    "subject": "/blobServices/default/containers/uploads/blobs/Photo.JPG",
    "data": {"api": "PutBlob"},
}


@pytest.mark.parametrize(
    ("filter_", "wanted"),
    [
        ({}, True),
        ({"subjectBeginsWith": "/blobServices/default/containers/uploads/"}, True),
        ({"subjectBeginsWith": "/blobServices/default/containers/up"}, True),
        ({"subjectBeginsWith": "/muted/"}, False),
        ({"subjectEndsWith": ".jpg"}, True),
        ({"subjectEndsWith": ".jpg", "isSubjectCaseSensitive": True}, False),
        ({"subjectEndsWith": ".png"}, False),
        ({"includedEventTypes": ["Microsoft.Storage.BlobDeleted"]}, False),
        ({"includedEventTypes": None}, True),
        ({"advancedFilters": [{"operatorType": "StringIn", "key": "data.api", "values": ["putblob"]}]}, True),
        (
            {"advancedFilters": [{"operatorType": "StringContains", "key": "subject", "values": ["/x/"]}]},
            False,
        ),
    ],
)
def test_a_filter_decides_as_event_grid_documents_it(filter_: dict[str, Any], wanted: bool) -> None:
    """Event filtering for Event Grid subscriptions; the converter's mute is such a filter (READY-3)."""
    assert rules.wants(filter_, EVENT) is wanted


def test_a_filter_that_is_not_modelled_is_refused_rather_than_guessed() -> None:
    """An unknown operator must not silently let everything through."""
    with pytest.raises(ValueError, match="NumberGreaterThan"):
        rules.check_filter({"advancedFilters": [{"operatorType": "NumberGreaterThan", "key": "data.size"}]})


@settings(deadline=None)
@given(attempts=st.integers(1, 30), minutes=st.integers(1, 1440))
def test_retries_end_at_the_attempts_or_the_time_to_live_whichever_is_first(
    attempts: int, minutes: int
) -> None:
    """Event Grid message delivery and retry: both limits hold, delays never shrink."""
    policy = {"maxDeliveryAttempts": attempts, "eventTimeToLiveInMinutes": minutes}
    tried, waited, delays = 1, 0.0, []
    while (delay := rules.next_delay(policy, tried, waited)) is not None:
        delays.append(delay)
        waited += delay
        tried += 1
    assert tried <= attempts
    assert waited <= minutes * 60
    assert delays == sorted(delays)
    expected = "MaxDeliveryAttemptsExceeded" if tried == attempts else "TimeToLiveExceeded"
    assert rules.gave_up_because(policy, tried) == expected


def test_a_dead_letter_is_named_after_its_subscription_in_upper_case() -> None:
    """Set dead-letter location: SUBSCRIPTION/2019/8/8/5/ID.json, hour and date without zero padding."""
    when = datetime(2026, 3, 4, 5, tzinfo=UTC)
    assert rules.dead_letter_name("convert-Upload", when, "x") == "CONVERT-UPLOAD/2026/3/4/5/x.json"
