"""The API's scale set: fully defined, with capacity as a dial (READY-4: exactly 0 in standby)."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import compute

from components.image_app.common import Place, kept
from components.naming import Names
from components.settings import Api as ApiSettings

CLOUD_INIT = """#cloud-config
# The API is part of the image; an instance only starts it, so a boot needs nothing from outside.
runcmd:
  - [systemctl, enable, --now, image-app-api]
"""


@dataclass(frozen=True)
class ApiArgs:
    """capacity: the dial. subnet_id, pool_id: where instances attach. identity_id: what they are in Azure."""

    place: Place
    names: Names
    settings: ApiSettings
    capacity: int
    subnet_id: pulumi.Input[str]
    pool_id: pulumi.Input[str]
    identity_id: pulumi.Input[str]
    after: Sequence[pulumi.Resource] = ()


class Api(pulumi.ComponentResource):
    """Instances over all zones, SSH key only, a user-assigned identity, behind the gateway's API pool."""

    def __init__(self, name: str, args: ApiArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("standby:azure:Api", name, None, opts)
        wanted = args.settings
        self.scale_set = compute.VirtualMachineScaleSet(
            "api",
            resource_group_name=args.place.group, vm_scale_set_name=args.names.of("vmss", "api"),
            location=args.place.location, tags=args.place.tags, zones=list(wanted.zones),
            sku=compute.SkuArgs(name=wanted.vm_size, tier="Standard", capacity=args.capacity),
            orchestration_mode="Uniform", overprovision=False, single_placement_group=False,
            upgrade_policy=compute.UpgradePolicyArgs(mode=compute.UpgradeMode.MANUAL),
            identity=compute.VirtualMachineScaleSetIdentityArgs(
                type=compute.ResourceIdentityType.USER_ASSIGNED, user_assigned_identities=[args.identity_id]
            ),
            virtual_machine_profile=compute.VirtualMachineScaleSetVMProfileArgs(
                os_profile=_os(wanted), storage_profile=_disk(wanted), network_profile=_nic(args)
            ),
            opts=kept(self, args.after),
        )  # fmt: skip
        self.register_outputs({"scaleSetId": self.scale_set.id})


def _os(wanted: ApiSettings) -> compute.VirtualMachineScaleSetOSProfileArgs:
    path = f"/home/{wanted.admin_user}/.ssh/authorized_keys"
    key = compute.SshPublicKeyArgs(path=path, key_data=wanted.ssh_public_key)
    return compute.VirtualMachineScaleSetOSProfileArgs(
        computer_name_prefix="api", admin_username=wanted.admin_user,
        custom_data=base64.b64encode(CLOUD_INIT.encode()).decode(),
        linux_configuration=compute.LinuxConfigurationArgs(
            disable_password_authentication=True, ssh=compute.SshConfigurationArgs(public_keys=[key])
        ),
    )  # fmt: skip


def _disk(wanted: ApiSettings) -> compute.VirtualMachineScaleSetStorageProfileArgs:
    image = wanted.image
    managed = compute.VirtualMachineScaleSetManagedDiskParametersArgs(storage_account_type="StandardSSD_LRS")
    return compute.VirtualMachineScaleSetStorageProfileArgs(
        image_reference=compute.ImageReferenceArgs(
            publisher=image.publisher, offer=image.offer, sku=image.sku, version=image.version
        ),
        os_disk=compute.VirtualMachineScaleSetOSDiskArgs(
            create_option="FromImage", caching=compute.CachingTypes.READ_WRITE, managed_disk=managed
        ),
    )


def _nic(args: ApiArgs) -> compute.VirtualMachineScaleSetNetworkProfileArgs:
    ip = compute.VirtualMachineScaleSetIPConfigurationArgs(
        name="api", primary=True, subnet=compute.ApiEntityReferenceArgs(id=args.subnet_id),
        application_gateway_backend_address_pools=[compute.SubResourceArgs(id=args.pool_id)],
    )  # fmt: skip
    nic = compute.VirtualMachineScaleSetNetworkConfigurationArgs(
        name="api", primary=True, ip_configurations=[ip]
    )
    return compute.VirtualMachineScaleSetNetworkProfileArgs(network_interface_configurations=[nic])
