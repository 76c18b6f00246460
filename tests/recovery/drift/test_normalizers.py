"""Each named rule with pairs that it equals, and the near misses that it must not."""

from __future__ import annotations

import pytest

from recovery.drift.normalizers import NORMALIZERS, same

ID = "/subscriptions/S/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/v"

ROLE = "/providers/Microsoft.Authorization/roleDefinitions/0b5fe924-9a61-425c-96af-cfe6e287ca2d"

SAME = [
    # rule, keys, declared, live
    ("identical", ("a",), 2, 2.0),
    ("number_as_text", ("a",), 30, "30"),
    ("boolean_as_text", ("a",), True, "True"),
    ("letter_case", ("a",), "Enabled", "enabled"),
    ("letter_case", ("type",), "Microsoft.Web/sites", "microsoft.web/Sites"),
    ("resource_id", ("id",), ID, ID.upper()),
    ("resource_id", ("id",), ID, ID.replace("/resourceGroups", "//resourcegroups") + "/"),
    ("location", ("location",), "westus", "West US"),
    ("location", ("locations", "locationname"), "southcentralus", "South Central US"),
    ("location", ("targetresourceregion",), "East US 2", "eastus2"),
    ("address_range", ("value",), "124.56.78.91", "124.56.78.91/32"),
    ("address_range", ("value",), "2001:db8:0:0::1", "2001:db8::1/128"),
    ("duration", ("windowsize",), "PT60M", "PT1H"),
    ("duration", ("period",), "P1D", "1.00:00:00"),
    ("duration", ("start",), "0:0:0", "00:00:00"),
    ("instant", ("at",), "2026-01-01T00:00:00Z", "2026-01-01T01:00:00.0000000+01:00"),
    ("web_address", ("uri",), "https://Vault.vault.azure.net", "https://vault.vault.azure.net:443/"),
    ("host_name", ("cname",), "gw.example.com", "gw.example.com."),
    ("flags", ("bypass",), "Logging, Metrics", "metrics,logging"),
    ("flags", ("disabledalerts",), "Sql_Injection;Usage_Anomaly;", "Usage_Anomaly;Sql_Injection"),
    ("role_definition", ("roledefinitionid",), ROLE, f"/subscriptions/S{ROLE.upper()}"),
    ("guid", ("principalid",), "4c54c38ffa9b416ba5a6d6c8a20cbe7e", "{4C54C38F-FA9B-416B-A5A6-D6C8A20CBE7E}"),
    ("base_of_url", ("endpointurl",), "https://a.example.com/x?code=1", "https://A.example.com/x"),
    ("line_endings", ("description",), "Approved by me", "Approved\u202fby me"),
    ("line_endings", ("description",), "a\nb", "a\r\nb\r\n"),
    ("json_text", ("definition",), '{"a": 1, "b": 2}', '{"b":2,"a":1}'),
    ("xml_text", ("value",), "<p> <in /> </p>", "<p>\r\n  <in/>\r\n</p>"),
]

DIFFERENT = [
    (("a",), 2, 3),
    (("a",), True, 1),
    (("a",), "1.10", "1.1"),
    (("a",), "007", 7),
    (("tags", "owner"), "Ana", "ana"),
    (("appsettings", "mode"), "Active", "active"),
    (("partitionkey", "paths"), "/imageId", "/imageid"),
    (("id",), ID, ID + "2"),
    (("displayname",), "westus", "West US"),
    (("value",), "10.0.0.0/24", "10.0.0.0/25"),
    (("windowsize",), "PT5M", "PT1M"),
    (("at",), "2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"),
    (("uri",), "https://a.example.com/x", "https://a.example.com/y"),
    (("cname",), "gw.example.com", "gw.example.org"),
    (("bypass",), "Logging,Metrics", "Logging"),
    (("roledefinitionid",), ROLE, ROLE[:-1] + "b"),
    (("endpointurl",), "https://a.example.com/x", "https://a.example.com/y"),
    (("uri",), "https://a.example.com/x?code=1", "https://a.example.com/x"),
    (("disabledalerts",), "Sql_Injection;Usage_Anomaly", "Sql_Injection"),
    (("principalid",), "4c54c38ffa9b416ba5a6d6c8a20cbe7e", "4c54c38f-fa9b-416b-a5a6-d6c8a20cbe7f"),
    (("period",), "P99999999999999D", "P1D"),
    (("a",), "1", 10**400),
    (("definition",), '{"a": 1}', '{"a": 2}'),
    (("value",), "<a>1</a>", "<a>2</a>"),
]


@pytest.mark.parametrize(("rule", "keys", "want", "have"), SAME)
def test_a_rule_equals_what_azure_gives_back(
    rule: str, keys: tuple[str, ...], want: object, have: object
) -> None:
    assert same(keys, want, have) == rule
    if rule != "base_of_url":  # one way only: what is declared may have more than what is answered
        assert same(keys, have, want) is not None


@pytest.mark.parametrize(("keys", "want", "have"), DIFFERENT)
def test_no_rule_equals_what_differs(keys: tuple[str, ...], want: object, have: object) -> None:
    assert same(keys, want, have) is None
    assert same(keys, have, want) is None


def test_every_rule_has_an_example_and_says_where_it_comes_from() -> None:
    assert {rule.name for rule in NORMALIZERS} == {row[0] for row in SAME}
    assert all(rule.equal.__doc__ for rule in NORMALIZERS)
