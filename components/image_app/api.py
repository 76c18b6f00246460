"""The API's scale set: fully defined, with capacity as a dial (READY-4: exactly 0 in standby)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import compute

from components.image_app.cloud_init import Boot, cloud_init
from components.image_app.common import Place, kept
from components.naming import Names
from components.settings import Api as ApiSettings


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
    """Instances over all zones, SSH key only, a user-assigned identity, behind the gateway's API pool.

    An instance that its health extension calls unhealthy is replaced; a new model reaches them in batches.
    """

    def __init__(self, name: str, args: ApiArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("standby:azure:Api", name, None, opts)
        wanted = args.settings
        boot = cloud_init(
            Boot(args.names.storage("uploads"), wanted.artifact, wanted.artifact_sha256, wanted.port)
        )
        # Azure never shows customData again: its digest in a tag is what a drift check can see.
        tags = {**args.place.tags, "cloud-init": hashlib.sha256(boot.encode()).hexdigest()[:16]}
        self.scale_set = compute.VirtualMachineScaleSet(
            "api",
            resource_group_name=args.place.group, vm_scale_set_name=args.names.of("vmss", "api"),
            location=args.place.location, tags=tags, zones=list(wanted.zones), zone_balance=False,
            sku=compute.SkuArgs(name=wanted.vm_size, tier="Standard", capacity=args.capacity),
            orchestration_mode="Uniform", overprovision=False, single_placement_group=False,
            upgrade_policy=_upgrades(),
            automatic_repairs_policy=compute.AutomaticRepairsPolicyArgs(
                enabled=True, grace_period="PT10M", repair_action="Replace"
            ),
            identity=compute.VirtualMachineScaleSetIdentityArgs(
                type=compute.ResourceIdentityType.USER_ASSIGNED, user_assigned_identities=[args.identity_id]
            ),
            virtual_machine_profile=compute.VirtualMachineScaleSetVMProfileArgs(
                os_profile=_os(wanted, boot), storage_profile=_disk(wanted), network_profile=_nic(args),
                extension_profile=_health(wanted),
                security_profile=compute.SecurityProfileArgs(
                    security_type="TrustedLaunch",
                    uefi_settings=compute.UefiSettingsArgs(secure_boot_enabled=True, v_tpm_enabled=True),
                ),
                diagnostics_profile=compute.DiagnosticsProfileArgs(
                    boot_diagnostics=compute.BootDiagnosticsArgs(enabled=True)
                ),
            ),
            opts=kept(self, args.after),
        )  # fmt: skip
        self.register_outputs({"scaleSetId": self.scale_set.id})


def _upgrades() -> compute.UpgradePolicyArgs:
    """Half at a time, and no further when the new ones are not healthy."""
    rolling = compute.RollingUpgradePolicyArgs(
        max_batch_instance_percent=50, max_unhealthy_instance_percent=50, max_unhealthy_upgraded_instance_percent=50,
        pause_time_between_batches="PT30S", prioritize_unhealthy_instances=True,
    )  # fmt: skip
    return compute.UpgradePolicyArgs(mode=compute.UpgradeMode.ROLLING, rolling_upgrade_policy=rolling)


def _health(wanted: ApiSettings) -> compute.VirtualMachineScaleSetExtensionProfileArgs:
    """Source: learn.microsoft.com/azure/virtual-machine-scale-sets/virtual-machine-scale-sets-health-extension"""
    extension = compute.VirtualMachineScaleSetExtensionArgs(
        name="health", publisher="Microsoft.ManagedServices", type="ApplicationHealthLinux", type_handler_version="1.0",
        auto_upgrade_minor_version=True,
        settings={"protocol": "http", "port": wanted.port, "requestPath": wanted.health_path},
    )  # fmt: skip
    return compute.VirtualMachineScaleSetExtensionProfileArgs(extensions=[extension])


def _os(wanted: ApiSettings, boot: str) -> compute.VirtualMachineScaleSetOSProfileArgs:
    path = f"/home/{wanted.admin_user}/.ssh/authorized_keys"
    key = compute.SshPublicKeyArgs(path=path, key_data=wanted.ssh_public_key)
    return compute.VirtualMachineScaleSetOSProfileArgs(
        computer_name_prefix="api", admin_username=wanted.admin_user,
        custom_data=base64.b64encode(boot.encode()).decode(),
        linux_configuration=compute.LinuxConfigurationArgs(
            disable_password_authentication=True, ssh=compute.SshConfigurationArgs(public_keys=[key])
        ),
    )  # fmt: skip


def _disk(wanted: ApiSettings) -> compute.VirtualMachineScaleSetStorageProfileArgs:
    image = wanted.image
    managed = compute.VirtualMachineScaleSetManagedDiskParametersArgs(storage_account_type="StandardSSD_LRS")
    reference = (
        compute.ImageReferenceArgs(id=image.id)
        if image.id
        else compute.ImageReferenceArgs(
            publisher=image.publisher, offer=image.offer, sku=image.sku, version=image.version
        )
    )
    return compute.VirtualMachineScaleSetStorageProfileArgs(
        image_reference=reference,
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
