"""Our presigned URLs carry botocore's signatures, for any key."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import boto3
import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials, ReadOnlyCredentials
from hypothesis import given
from hypothesis import strategies as st

from clouds.aws.presign import Presigner

CREDENTIALS = ReadOnlyCredentials("AKIDEXAMPLE", "secret/+=", None)
SESSION = ReadOnlyCredentials("ASIAEXAMPLE", "secret", "token/+==")


def client(style: str) -> Any:
    return boto3.client(
        "s3", region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="b",
        config=Config(signature_version="s3v4", s3={"addressing_style": style}),
    )  # fmt: skip


CLIENTS = {style: client(style) for style in ("path", "virtual")}


@given(
    key=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60),
    style=st.sampled_from(sorted(CLIENTS)),
    held=st.sampled_from([CREDENTIALS, SESSION]),
    method=st.sampled_from(["GET", "HEAD"]),
)
def test_a_signature_is_botocores_for_any_key(
    key: str, style: str, held: ReadOnlyCredentials, method: str
) -> None:
    """Server-side copy and streaming both rest on it: a wrong signature is a refused object."""
    url = Presigner(CLIENTS[style], "bucket", lambda: held).url(key, method, 900)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    bare = AWSRequest(method=method, url=url.partition("?")[0], headers={})
    moment = datetime.strptime(asked["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    theirs = _At(moment, Credentials(held.access_key, held.secret_key, held.token))
    theirs.add_auth(bare)
    signed = {name: values[0] for name, values in parse_qs(urlsplit(bare.url).query).items()}
    assert asked == signed
    assert unquote(urlsplit(url).path).endswith(key)


class _At(S3SigV4QueryAuth):
    def __init__(self, moment: datetime, credentials: Credentials) -> None:
        super().__init__(credentials, "s3", "eu-central-1", expires=900)
        self._moment = moment

    def add_auth(self, request: AWSRequest) -> None:
        request.context["timestamp"] = self._moment.strftime("%Y%m%dT%H%M%SZ")
        self._modify_request_before_signing(request)
        request.url += "&X-Amz-Signature=" + self.signature(
            self.string_to_sign(request, self.canonical_request(request)), request
        )


@pytest.mark.parametrize("style", sorted(CLIENTS))
def test_where_the_bucket_is_botocore_decides(style: str) -> None:
    """Path style, virtual hosts and own endpoints are its business."""
    ours = Presigner(CLIENTS[style], "bucket", lambda: CREDENTIALS).url("a/b c.jpg", "GET", 60)
    theirs = CLIENTS[style].generate_presigned_url(
        "get_object", Params={"Bucket": "bucket", "Key": "a/b c.jpg"}, ExpiresIn=60
    )
    assert ours.partition("?")[0] == theirs.partition("?")[0]


def test_a_renewed_session_signs_the_next_url() -> None:
    """Presigned URLs die with the session that signed them, so each is signed with the credentials of its moment."""
    held = [CREDENTIALS]
    made = Presigner(CLIENTS["path"], "bucket", lambda: held[0])
    assert "AKIDEXAMPLE" in made.url("k", "GET", 60)
    held[0] = SESSION
    assert "ASIAEXAMPLE" in made.url("k", "GET", 60)
