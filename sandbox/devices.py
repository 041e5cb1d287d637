"""How a container gets a GPU: what whoever runs the gate has set, never what an author asks for.

Three ways, of which a machine has one: the engine is asked for a device (the NVIDIA toolkit's hook), a device is named
as its CDI specification does, or device nodes are passed and the driver's libraries are mounted read-only.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DeviceAccess:
    """What is passed into a container besides the ordinary.

    Attributes:
        requested: Ids of GPUs that the NVIDIA toolkit of the engine is asked for.
        cdi: Names of CDI devices, as `nvidia.com/gpu=0`.
        nodes: Device nodes of the host.
        mounts: Folders of the host, read-only and at the same place: the driver's libraries.
    """

    requested: tuple[str, ...] = ()
    cdi: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    mounts: tuple[str, ...] = ()

    def requests(self) -> list[dict[str, object]]:
        """The engine's `DeviceRequests`."""
        asked: list[dict[str, object]] = []
        if self.requested:
            asked.append(
                {"Driver": "nvidia", "DeviceIDs": list(self.requested), "Capabilities": [["gpu", "compute", "utility"]]}
            )
        if self.cdi:
            asked.append({"Driver": "cdi", "DeviceIDs": list(self.cdi)})
        return asked

    def devices(self) -> list[dict[str, object]]:
        """The engine's `Devices`: read and write, no making of nodes."""
        return [{"PathOnHost": node, "PathInContainer": node, "CgroupPermissions": "rw"} for node in self.nodes]

    def read_only_mounts(self) -> list[dict[str, object]]:
        """The engine's `Mounts`."""
        return [
            {
                "Type": "bind",
                "Source": folder,
                "Target": folder,
                "ReadOnly": True,
                "BindOptions": {"NonRecursive": True},
            }
            for folder in self.mounts
        ]


NO_DEVICE = DeviceAccess()
