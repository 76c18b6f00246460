"""Microsoft.Compute/virtualMachineScaleSets."""

from __future__ import annotations

from localcloud.arm.defaults.common import Body, Context, defaults, guid, keep, now, properties, start
from localcloud.arm.errors import ArmError, bad_request
from localcloud.arm.ids import ArmPath

PUBLISHERS = frozenset(
    {
        "canonical",
        "debian",
        "microsoftcblmariner",
        "microsoftwindowsserver",
        "redhat",
        "suse",
        "almalinux",
        "azlinux",
    }
)


def scale_set(context: Context, path: ArmPath, given: Body, old: Body | None) -> Body:
    """A scale set. Raises what the service raises for a bad capacity or an image that does not exist."""
    body = start(path, given)
    before, props = properties(old), body["properties"]
    sku = body.get("sku") or {}
    if old is None and not sku.get("name"):
        raise bad_request("Required parameter 'sku.name' is missing (null).", "InvalidParameter")
    sku.setdefault("tier", "Standard")
    sku.setdefault("capacity", ((old or {}).get("sku") or {}).get("capacity", 1))
    capacity = sku["capacity"]
    if isinstance(capacity, float) and capacity.is_integer():
        capacity = sku["capacity"] = int(capacity)
    if not isinstance(capacity, int) or isinstance(capacity, bool) or not 0 <= capacity <= 1000:
        raise bad_request(
            f"The value '{capacity}' of parameter 'sku.capacity' is not allowed.", "InvalidParameter"
        )
    body["sku"] = sku
    keep(props, before, "uniqueId", guid)
    keep(props, before, "timeCreated", now)
    props["provisioningState"] = "Succeeded"
    defaults(
        props,
        {"orchestrationMode": "Uniform", "singlePlacementGroup": capacity <= 100, "overprovision": True,
         "doNotRunExtensionsOnOverprovisionedVMs": False, "upgradePolicy": {"mode": "Manual"},
         "platformFaultDomainCount": 5 if not body.get("zones") else 1},
    )  # fmt: skip
    if profile := props.get("virtualMachineProfile"):
        _profile(context, path, profile)
    body["etag"] = f'"{int(str((old or {}).get("etag", "0")).strip(chr(34)) or 0) + 1}"'
    return body


def _profile(context: Context, path: ArmPath, profile: Body) -> None:
    storage = profile.setdefault("storageProfile", {})
    disk = defaults(
        storage.setdefault("osDisk", {}),
        {"createOption": "FromImage", "caching": "None", "osType": "Linux", "diskSizeGB": 30},
    )
    defaults(disk.setdefault("managedDisk", {}), {"storageAccountType": "Standard_LRS"})
    _image(context, storage.get("imageReference") or {})
    system = profile.get("osProfile")
    if system is not None:
        defaults(
            system,
            {
                "computerNamePrefix": path.name[:9],
                "secrets": [],
                "allowExtensionOperations": True,
                "requireGuestProvisionSignal": True,
            },
        )
        linux = system.get("linuxConfiguration")
        if linux is not None:
            defaults(
                linux,
                {
                    "disablePasswordAuthentication": False,
                    "provisionVMAgent": True,
                    "enableVMAgentPlatformUpdates": False,
                },
            )
    nics = (profile.get("networkProfile") or {}).get("networkInterfaceConfigurations") or []
    for nic in nics:
        defaults(
            nic.setdefault("properties", {}),
            {
                "primary": len(nics) == 1,
                "enableAcceleratedNetworking": False,
                "disableTcpStateTracking": False,
                "dnsSettings": {"dnsServers": []},
                "enableIPForwarding": False,
            },
        )
        configurations = nic["properties"].get("ipConfigurations") or []
        for ip in configurations:
            defaults(
                ip.setdefault("properties", {}),
                {"privateIPAddressVersion": "IPv4", "primary": len(configurations) == 1},
            )
    profile.setdefault("timeCreated", now())


def _image(context: Context, image: Body) -> None:
    """An own image must exist in the store; a marketplace image must come from a publisher that is known here."""
    if image.get("id"):
        found = context.store.get(str(image["id"]))
        if found is None and "/images/" in str(image["id"]).lower() + "/":
            raise ArmError(404, "NotFound", f"The image '{image['id']}' was not found.")
    elif image.get("publisher") and str(image["publisher"]).lower() not in PUBLISHERS:
        raise ArmError(
            404,
            "PlatformImageNotFound",
            f"The platform image '{image['publisher']}:{image.get('offer')}:{image.get('sku')}:"
            f"{image.get('version')}' is not available.",
        )
    elif image.get("publisher") and image.get("version") == "latest":
        image["exactVersion"] = "1.0.0"


FILL = {"microsoft.compute/virtualmachinescalesets": scale_set}
