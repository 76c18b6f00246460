"""Documents of one Cosmos DB container: read, write, query. Nothing else is decided here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clouds.azure.data_plane import endpoint_of, reading, writing
from clouds.endpoints import Endpoints
from recovery.model import Json

if TYPE_CHECKING:
    from azure.cosmos import ContainerProxy, CosmosClient

Document = dict[str, Json]


class Documents:
    """One container. account: the Cosmos account's ARM body (``properties.documentEndpoint``).

    With a Cosmos key in the endpoints (a local cloud) that key signs; else DefaultAzureCredential does.
    on_charge: told the request units of each answer.
    """

    def __init__(
        self,
        account: Mapping[str, Json],
        endpoints: Endpoints,
        database: str,
        container: str,
        on_charge: Callable[[float], None] | None = None,
    ) -> None:
        self.endpoint = endpoint_of(account, "documentEndpoint")
        self.name = f"{database}/{container}"
        self._names = (database, container)
        self._key = endpoints.cosmos_key
        self._on_charge = on_charge
        self._client: CosmosClient | None = None

    @property
    def _container(self) -> ContainerProxy:
        if self._client is None:
            from azure.cosmos import CosmosClient

            credential: Any = self._key
            if not credential:
                from azure.identity import DefaultAzureCredential

                credential = DefaultAzureCredential()
            self._client = CosmosClient(self.endpoint, credential=credential)
        return self._client.get_database_client(self._names[0]).get_container_client(self._names[1])

    def _charge(self, headers: Mapping[str, str], _: object = None) -> None:
        if self._on_charge:
            self._on_charge(float(headers.get("x-ms-request-charge", 0)))

    def read(self, item: str, partition: Json) -> Document | None:
        """A document, None when the service says that there is none. Raises Unobserved."""
        from azure.cosmos.exceptions import CosmosResourceNotFoundError

        with reading(f"reading {item} of {self.name}"):
            try:
                return dict(
                    self._container.read_item(item, partition_key=partition, response_hook=self._charge)
                )
            except CosmosResourceNotFoundError as error:
                if (
                    error.sub_status == 1003
                ):  # the container itself is not there: that is no answer about the item
                    raise
                return None

    def upsert(self, document: Mapping[str, Json]) -> Document:
        """Write a document, replacing one of the same id and partition. Raises Failed."""
        with writing(f"writing {document.get('id')} to {self.name}"):
            return dict(self._container.upsert_item(dict(document), response_hook=self._charge))

    def delete(self, item: str, partition: Json) -> bool:
        """Delete a document; False when there was none. Raises Failed."""
        from azure.cosmos.exceptions import CosmosResourceNotFoundError

        with writing(f"deleting {item} from {self.name}"):
            try:
                self._container.delete_item(item, partition_key=partition, response_hook=self._charge)
            except CosmosResourceNotFoundError:
                return False
            return True

    def partition(self, value: Json) -> list[Document]:
        """Every document of one partition (an image's chunks), in no particular order. Raises Unobserved."""
        with reading(f"reading partition {value!r} of {self.name}"):
            found = self._container.query_items(
                "SELECT * FROM c", partition_key=value, response_hook=self._charge
            )
            return [dict(document) for document in found]

    def query(self, text: str, parameters: Sequence[Mapping[str, Json]] = ()) -> Iterator[Json]:
        """Results over all partitions, a page at a time. Raises Unobserved."""
        with reading(f"querying {self.name}"):
            yield from self._container.query_items(
                text, parameters=[dict(p) for p in parameters], enable_cross_partition_query=True,
                response_hook=self._charge,
            )  # fmt: skip

    def count(self) -> int:
        """How many documents the container has. Raises Unobserved."""
        return int(next(iter(self.query("SELECT VALUE COUNT(1) FROM c"))))
