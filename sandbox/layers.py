"""The names of what a sandbox may have besides its limits, and no machine must have: a policy may require each.

Three are seen from inside (`sandbox.probe_inside`); whether the engine runs without root is what the engine says.
None is asked for in the create call: a kernel of its own comes with the runtime, a user namespace and running without
root are settings of the engine, and where the kernel has AppArmor, the engine puts its profile on every container.
"""

from __future__ import annotations

from typing import Final

OWN_KERNEL: Final = "own kernel"
USER_NAMESPACE: Final = "user namespace"
APPARMOR: Final = "AppArmor"
ROOTLESS: Final = "rootless engine"
LAYER_NAMES: Final = (OWN_KERNEL, USER_NAMESPACE, APPARMOR, ROOTLESS)
