"""Microsoft Graph: the Entra application whose tokens AWS accepts, its service principal, and CI's federated credential.

azure-native cannot make these (facts: federation from Azure to an AWS role needs an application as audience).
https://learn.microsoft.com/graph/api/resources/application
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from clouds.endpoints import Endpoints
from recovery.errors import DrError, Failed, Stopped
from recovery.model import Json

PUBLIC = "https://graph.microsoft.com/v1.0"


class Graph:
    """A few calls; each raises Failed, or Stopped where the directory denies them."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints
        self._url = endpoints.graph_url or PUBLIC

    def application(self, name: str) -> dict[str, Json] | None:
        """The application of that display name, None when there is none. Two of one name are refused."""
        wanted = quote(f"displayName eq '{name}'")
        found = self._call("GET", f"/applications?$filter={wanted}")["value"]
        if len(found) > 1:
            raise Stopped(
                f"{len(found)} Entra applications are called {name!r}", "which of them AWS trusts cannot be guessed",
                "delete the one that nobody uses, in the Entra admin centre, then: dr init",
            )  # fmt: skip
        return dict(found[0]) if found else None

    def make_application(self, name: str) -> dict[str, Json]:
        """The application, for this tenant alone, with ``api://APPID`` as its identifier: the audience."""
        made = self._call("POST", "/applications", {"displayName": name, "signInAudience": "AzureADMyOrg"})
        return self.name_application(made)

    def name_application(self, app: dict[str, Json]) -> dict[str, Json]:
        """Give it its identifier; killed between the two, a second run does only this."""
        identifiers = [f"api://{app['appId']}"]
        self._call("PATCH", f"/applications/{app['id']}", {"identifierUris": identifiers})
        return {**app, "identifierUris": identifiers}

    def has_principal(self, app_id: str) -> bool:
        """Has the application a service principal? Without one the tenant gives no token for it."""
        wanted = quote(f"appId eq '{app_id}'")
        return bool(self._call("GET", f"/servicePrincipals?$filter={wanted}")["value"])

    def make_principal(self, app_id: str) -> None:
        """The service principal."""
        self._call("POST", "/servicePrincipals", {"appId": app_id})

    def credentials(self, object_id: str) -> list[dict[str, Json]]:
        """Federated credentials of an application: who may be it without a secret."""
        return [
            dict(one)
            for one in self._call("GET", f"/applications/{object_id}/federatedIdentityCredentials")["value"]
        ]

    def make_credential(self, object_id: str, name: str, issuer: str, subject: str) -> None:
        """Let CI be the application by its own token: nothing to store, nothing to leak."""
        body = {
            "name": name,
            "issuer": issuer,
            "subject": subject,
            "audiences": ["api://AzureADTokenExchange"],
        }
        self._call("POST", f"/applications/{object_id}/federatedIdentityCredentials", body)

    def delete_application(self, object_id: str) -> None:
        """Remove it (Entra keeps it 30 days among the deleted)."""
        self._call("DELETE", f"/applications/{object_id}")

    def me(self) -> str:
        """Object id of whoever is signed in; "" where Graph cannot say (a managed identity)."""
        try:
            return str(self._call("GET", "/me").get("id") or "")
        except DrError:
            return ""

    def _token(self) -> str:
        if self._endpoints.arm_token is not None:
            return self._endpoints.arm_token
        from azure.identity import DefaultAzureCredential

        with DefaultAzureCredential() as credential:
            return credential.get_token("https://graph.microsoft.com/.default").token

    def _call(self, method: str, path: str, body: dict[str, Json] | None = None) -> dict[str, Any]:
        import httpx
        from azure.core.exceptions import ClientAuthenticationError

        try:
            answer = httpx.request(
                method, self._url + path, json=body, timeout=30, headers={"Authorization": f"Bearer {self._token()}"}
            )  # fmt: skip
        except (httpx.HTTPError, ClientAuthenticationError) as error:
            raise Failed(
                f"Microsoft Graph did not answer {method} {path}: {error}",
                "the application whose token AWS accepts lives there", "az login    (then: dr init)", retry=True,
            ) from error  # fmt: skip
        if answer.status_code in (401, 403):
            raise Stopped(
                f"Entra denies {method} {path.split('?')[0]} ({answer.status_code} {_said(answer)})",
                "making an application takes the directory role Application Developer (or the tenant's default for members)",
                "ask an Entra administrator, or: dr init --no-federation    (then the sync cannot reach AWS without a key)",
            )  # fmt: skip
        if answer.status_code >= 400:
            raise Failed(
                f"Graph refused {method} {path.split('?')[0]}: {answer.status_code} {_said(answer)}",
                "the federation to AWS is not complete", "dr init    (it goes on where it stopped)",
            )  # fmt: skip
        return dict(answer.json()) if answer.content else {}


def _said(answer: Any) -> str:
    try:
        return str(answer.json()["error"]["message"])[:200]
    except (ValueError, KeyError, TypeError):
        return str(answer.reason_phrase)
