"""Secrets never reach the journal (Journal: secrets masked)."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recovery.journal.chain import GENESIS, Kind, Record, encode
from recovery.journal.mask import Secret, masked

CANARY = "hunter2canary"


@pytest.mark.parametrize(
    "body",
    [
        {"anything": Secret(CANARY)}, {"list": [{"deep": Secret(CANARY)}]}, {"set": {Secret(CANARY)}},
        {"password": CANARY}, {"adminPassword": CANARY}, {"api_key": CANARY}, {"X-Api-Key": CANARY},
        {"clientSecret": {"value": CANARY}}, {"SharedKey": [CANARY]}, {"Authorization": CANARY}, {"sas": CANARY},
        {"url": f"https://x.blob.core.windows.net/c?sv=1&sig={CANARY}&se=2"},
        {"url": f"https://b.s3.amazonaws.com/k?X-Amz-Signature={CANARY}"},
        {"url": f"https://f.azurewebsites.net/api/x?code={CANARY}"},
        {"url": f"https://user:{CANARY}@host/x"}, {"said": f"Bearer {CANARY}"},
        {"error": f"AccountName=a;AccountKey={CANARY};EndpointSuffix=x"}, {"connection-string": CANARY},
        {f"https://h/?sig={CANARY}": 1}, {"slackWebhook": CANARY}, {"token": 12345678, "note": "n"},
    ],
)  # fmt: skip
def test_a_secret_is_masked_by_type_by_key_name_and_inside_urls(body: dict[str, object]) -> None:
    """Nothing of it stands in the line."""
    line, _ = encode(Record(1, "t", "r", Kind.NOTE, body), GENESIS)
    assert CANARY.encode() not in line
    assert b"12345678" not in line


@pytest.mark.parametrize(
    "body",
    [
        {"key": "run1/cutover/do/1"}, {"keys": ["a"]}, {"author": "ana"}, {"monkey": "x"}, {"password": ""},
        {"hasPassword": True}, {"url": "https://demay.com/?q=code"}, {"signal": "SIGKILL"}, {"step": "mask=none"},
    ],
)  # fmt: skip
def test_ordinary_words_are_left_alone(body: dict[str, object]) -> None:
    """A journal of masks would be no evidence."""
    assert masked(body) == body


def test_a_secret_shows_nothing_and_reveals_itself_on_purpose() -> None:
    """Printing, formatting, repr."""
    secret = Secret(CANARY)
    assert CANARY not in f"{secret} {secret!r} {secret:>30}" + str(secret) + repr([secret])
    assert secret.reveal() == CANARY
    assert type(secret.reveal()) is str


@settings(deadline=None)
@given(
    st.recursive(st.none() | st.floats() | st.text(), lambda i: st.lists(i) | st.dictionaries(st.text(), i))
)
def test_what_is_masked_is_json_and_stays_as_it_is(value: object) -> None:
    """masked(masked(x)) == masked(x), and JSON can always hold it."""
    once = masked(value)
    assert masked(once) == once
    assert json.loads(json.dumps(once, allow_nan=False)) == once
