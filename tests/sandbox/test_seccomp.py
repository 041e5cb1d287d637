from __future__ import annotations

import errno
import json

import pytest
from pydantic import ValidationError

from sandbox.seccomp import Source, profile_text, read_profile, read_uses

NAMESPACE_FLAGS = 0x7E020000
DANGEROUS = (
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "process_madvise",
    "pidfd_getfd",
    "pidfd_open",
    "kcmp",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    "userfaultfd",
    "bpf",
    "perf_event_open",
    "memfd_create",
    "memfd_secret",
    "mount",
    "umount2",
    "mount_setattr",
    "move_mount",
    "open_tree",
    "fsopen",
    "fsconfig",
    "fsmount",
    "pivot_root",
    "chroot",
    "unshare",
    "setns",
    "keyctl",
    "add_key",
    "request_key",
    "init_module",
    "finit_module",
    "delete_module",
    "kexec_load",
    "kexec_file_load",
    "reboot",
    "swapon",
    "swapoff",
    "acct",
    "quotactl",
    "syslog",
    "open_by_handle_at",
    "name_to_handle_at",
    "fanotify_init",
    "inotify_init1",
    "iopl",
    "ioperm",
    "modify_ldt",
    "settimeofday",
    "clock_settime",
    "adjtimex",
    "personality",
    "mknod",
    "mknodat",
    "seccomp",
    "vmsplice",
    "splice",
    "sethostname",
    "setdomainname",
    "setuid",
    "setgid",
    "setgroups",
    "setresuid",
    "capset",
    "shmget",
    "shmat",
    "msgget",
    "semget",
    "mq_open",
    "sched_setscheduler",
    "sched_setattr",
    "mlock",
    "mlockall",
    "execveat",
)


def test_what_is_not_named_is_refused() -> None:
    assert json.loads(profile_text())["defaultAction"] == "SCMP_ACT_ERRNO"


@pytest.mark.parametrize("call", DANGEROUS)
def test_a_call_that_leads_out_or_deep_into_the_kernel_is_not_allowed(call: str) -> None:
    assert call not in read_profile().allowed


def test_no_call_is_named_twice() -> None:
    names = [name for rule in json.loads(profile_text())["syscalls"] for name in rule["names"]]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("call", ["socket", "socketpair", "connect", "bind", "accept4", "sendmsg", "recvmsg"])
def test_no_socket_can_be_made_nor_used(call: str) -> None:
    assert call not in read_profile().allowed


def test_every_call_was_traced_or_is_argued_for() -> None:
    sources = {name: source for rule in read_profile().rules for name, source in rule.calls.items()}
    assert set(sources) >= read_profile().allowed
    for name, source in sources.items():
        assert source.traced or len(source.reason.split()) >= 5, name
        assert source.why


@pytest.mark.parametrize("source", ['{"traced": []}', '{"reason": " "}', "{}", '{"traced": ["gpu"]}'])
def test_a_call_without_a_source_cannot_be_in_the_data(source: str) -> None:
    with pytest.raises(ValidationError):
        Source.model_validate_json(source)


def test_clone_makes_no_namespace_and_clone3_is_absent() -> None:
    rules = {name: rule for rule in read_profile().rules for name in rule.calls}
    (mask,) = rules["clone"].args
    assert (mask.index, mask.value, mask.value_two, mask.op) == (0, NAMESPACE_FLAGS, 0, "SCMP_CMP_MASKED_EQ")
    assert rules["clone3"].errno == errno.ENOSYS
    (refused,) = (rule for rule in json.loads(profile_text())["syscalls"] if "clone3" in rule["names"])
    assert (refused["action"], refused["errnoRet"]) == ("SCMP_ACT_ERRNO", errno.ENOSYS)


def test_no_older_architecture_is_let_in_beside_the_native_one() -> None:
    native = json.loads(profile_text())["archMap"]
    assert native
    assert all(one["subArchitectures"] == [] for one in native)


def test_the_text_is_one_line_of_json() -> None:
    assert "\n" not in profile_text()
    assert json.loads(profile_text())["syscalls"]


def test_gvisor_is_told_the_same_but_for_the_call_that_its_kernel_lacks() -> None:
    plain = {name: rule for rule in json.loads(profile_text())["syscalls"] for name in rule["names"]}
    inside = {name: rule for rule in json.loads(profile_text(for_gvisor=True))["syscalls"] for name in rule["names"]}
    assert {name for name in plain if plain[name] != inside[name]} == {"clone3"}
    assert inside["clone3"]["action"] == "SCMP_ACT_ALLOW"
    assert json.loads(profile_text(for_gvisor=True))["defaultAction"] == "SCMP_ACT_ERRNO"


def allowed_for(*uses) -> dict[str, list[object]]:
    """Every allowed call with its conditions, where it has some."""
    rules = json.loads(profile_text(uses=uses))["syscalls"]
    return {
        name: rule.get("args", []) for rule in rules if rule["action"] == "SCMP_ACT_ALLOW" for name in rule["names"]
    }


def test_a_program_that_uses_no_gpu_gets_nothing_more() -> None:
    assert "socket" not in allowed_for()
    assert set(allowed_for()) == read_profile().allowed


def test_cuda_gets_a_socket_of_its_machine_and_nothing_that_connects() -> None:
    more = {name: args for name, args in allowed_for("cuda").items() if name not in allowed_for()}
    assert set(more) == {"socket", "bind", "listen"}
    assert more["socket"] == [{"index": 0, "value": 1, "valueTwo": 0, "op": "SCMP_CMP_EQ"}]  # AF_UNIX


@pytest.mark.parametrize("uses", [(), ("cuda",), ("cuda", "sanitizer")])
def test_nothing_dangerous_is_allowed_whatever_a_program_uses(uses) -> None:
    calls = allowed_for(*uses)
    assert not set(calls) & (set(DANGEROUS) - {"socket", "socketpair", "bind", "connect", "mknodat", "mknod"})
    for name in {"socket", "socketpair"} & set(calls):
        assert calls[name][0]["value"] == 1
    for name in {"mknodat", "mknod"} & set(calls):
        assert calls[name][0] == {"index": 2, "value": 0o170000, "valueTwo": 0o010000, "op": "SCMP_CMP_MASKED_EQ"}


def test_each_call_for_a_gpu_says_why_it_is_there() -> None:
    assert set(read_uses()) == {"cuda", "sanitizer"}
    assert all(source.why for rules in read_uses().values() for rule in rules for source in rule.calls.values())
