"""Policies that differ from another one in one field."""

from __future__ import annotations

from policies.policy import Policy

# For each field with a direction a value that is weaker than the production policy's.
WEAKER = {
    "allows": ("functional", "production-safe"),
    "source.allowed_imports": ("torch", "triton", "math", "typing", "__future__", "os"),
    "source.allowed_host_calls": ("print",), "source.waived_rules": ("source/hook",), "packages": ("a==1",),
    "properties.pairwise_cases": 1, "properties.special_cases": 0, "properties.block_cases": 0,
    "properties.huge_cases": 0, "properties.long_s": 1.0, "properties.random_cases": 0,
    "properties.targeted_cases": 0, "properties.dtypes": ("float32",), "properties.tf32": True,
    "properties.controls": ("double store",), "properties.load_deadline_s": 600.0,
    "properties.case_deadline_s": 600.0, "compile.required_targets": ("sm_80",), "compile.specialisations": 1,
    "mutants.count": 1, "mutants.required_kill_rate": None, "operator.required_kill_rate": 0.5,
    "isolation.accepted": ("docker", "namespace"), "isolation.required_limits": ("network",),
    "gpu_checks": ("properties",), "gpu.pairwise_cases": 1, "gpu.special_cases": 0, "gpu.block_cases": 0,
    "gpu.random_cases": 0, "gpu.watched_plans": 1, "gpu.timed_calls": 10, "gpu.long_axes": False,
    "gpu.large_shapes": False,
}  # fmt: skip


def changed(policy: Policy, key: str, value: object) -> Policy:
    section, _, field = key.rpartition(".")
    if not section:
        return policy.model_copy(update={field: value})
    inner = getattr(policy, section).model_copy(update={field: value})
    return policy.model_copy(update={section: inner})
