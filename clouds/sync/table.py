"""The primary's table, read and written an item at a time: every write names the version that it replaces (BACK-2)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from recovery.errors import Failed
from recovery.sync.ids import Keys
from recovery.sync.items import Item

AT_ONCE = 100  # BatchGetItem's limit


class GuardError(Exception):
    """The item is not the version that the write was to replace."""


class Table:
    """One table. client: boto3's DynamoDB client, which speaks typed JSON but for binary values (bytes there)."""

    def __init__(self, client: Any, name: str, keys: Keys) -> None:
        self._client, self._name = client, name
        self._names = (keys.partition,) if keys.sort is None else (keys.partition, keys.sort)

    def read(self, items: Sequence[Item]) -> Iterator[Item]:
        """The items of these keys that there are, in no order. Raises Failed."""
        for start in range(0, len(items), AT_ONCE):
            asked = [{n: _boto(i[n]) for n in self._names} for i in items[start : start + AT_ONCE]]
            rest: Any = {self._name: {"Keys": asked, "ConsistentRead": True}}
            for attempt in range(8):
                with _said(f"reading {len(asked)} items of {self._name}"):
                    answer = self._client.batch_get_item(RequestItems=rest)
                for found in answer["Responses"].get(self._name, []):
                    yield {name: typed_json(value) for name, value in found.items()}
                rest = answer.get("UnprocessedKeys")
                if not rest:
                    break
                time.sleep(0.05 * 2**attempt)
            else:
                raise Failed(
                    f"{self._name} keeps leaving keys unread",
                    "it is throttled",
                    "run the same command again",
                    retry=True,
                )

    def put(self, item: Item, there: Item | None) -> None:
        """Write an item over `there` (None: where none is). Raises GuardError, Failed."""
        with _said(f"writing to {self._name}"):
            self._client.put_item(
                TableName=self._name, Item={n: _boto(v) for n, v in item.items()}, **self._guard(there)
            )

    def delete(self, there: Item) -> None:
        """Delete exactly this version. Raises GuardError, Failed."""
        with _said(f"deleting from {self._name}"):
            self._client.delete_item(
                TableName=self._name, Key={n: _boto(there[n]) for n in self._names}, **self._guard(there)
            )

    def _guard(self, there: Item | None) -> dict[str, Any]:
        if there is None:
            return {
                "ConditionExpression": "attribute_not_exists(#k)",
                "ExpressionAttributeNames": {"#k": self._names[0]},
            }
        names = {f"#n{i}": name for i, name in enumerate(there) if name not in self._names}
        values = {
            f":n{i}": _boto(value) for i, (name, value) in enumerate(there.items()) if name not in self._names
        }
        if not names:
            return {
                "ConditionExpression": "attribute_exists(#k)",
                "ExpressionAttributeNames": {"#k": self._names[0]},
            }
        told = " AND ".join(f"{name} = :{name[1:]}" for name in names)
        return {
            "ConditionExpression": told,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
        }


@contextmanager
def _said(what: str) -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as exc:
        if exc.response.get("Error", {}).get("Code") == "ConditionalCheckFailedException":
            raise GuardError(what) from exc
        raise Failed(
            f"{what}: {exc}",
            "what Azure wrote is not all in AWS yet",
            "dr sync metadata --reverse    (goes on)",
            retry=True,
        ) from exc
    except BotoCoreError as exc:
        raise Failed(
            f"{what}: {exc}",
            "AWS does not answer",
            "dr sync metadata --reverse    (when it does)",
            retry=True,
        ) from exc


def _boto(typed: Any) -> Any:
    """Typed JSON as boto3 wants it: binary as bytes."""
    import base64

    ((tag, value),) = typed.items()
    if tag == "B":
        return {"B": base64.b64decode(value)}
    if tag == "BS":
        return {"BS": [base64.b64decode(one) for one in value]}
    if tag == "L":
        return {"L": [_boto(one) for one in value]}
    if tag == "M":
        return {"M": {name: _boto(one) for name, one in value.items()}}
    return {tag: value}


def typed_json(typed: Any) -> Any:
    """The inverse: binary as Base64 text."""
    import base64

    ((tag, value),) = typed.items()
    if tag == "B":
        return {"B": base64.b64encode(bytes(value)).decode()}
    if tag == "BS":
        return {"BS": [base64.b64encode(bytes(one)).decode() for one in value]}
    if tag == "L":
        return {"L": [typed_json(one) for one in value]}
    if tag == "M":
        return {"M": {name: typed_json(one) for name, one in value.items()}}
    return {tag: value}
