"""What the static contract teaches. Every example is a file that trips exactly its rule; a test feeds it in."""

from __future__ import annotations

from typing import Final

from policies.teaching.frame import LAUNCH, relu, taught

_RIGHT: Final = relu()
_TUNED: Final = "@triton.autotune(configs=[triton.Config({'BLOCK': 64})], key=['n'])\n@triton.jit"
_HOOKED: Final = (
    "@triton.autotune(configs=[triton.Config({'BLOCK': 64}, pre_hook=lambda a: None)], key=['n'])\n@triton.jit"
)
_TUNED_LAUNCH: Final = LAUNCH.replace(", BLOCK=64", "")

TEACHINGS: Final = {
    "source/syntax-error": taught(
        "What Python can't parse can't run; nothing else is looked at.",
        relu("n = ("),
        relu("n = (1)"),
    ),
    "source/import-not-allowed": taught(
        "A kernel needs torch and triton. Other modules reach files, processes and the network, or hold finished "
        "kernels; the sandbox stops what they do, and the contract does not let it come to that.",
        relu(imports="import os\n"),
        _RIGHT,
    ),
    "source/no-entry": taught(
        "The gate calls one function, by the operator's name or by the header's 'entry'.",
        relu(entry="def my_relu(x):"),
        _RIGHT,
    ),
    "source/unknown-name": taught(
        "Models invent functions that sound right. The interpreter would fail only where the line is reached, so names "
        "are looked up in the installed versions before anything runs.",
        relu(inside="value = tl.relu(value)"),
        relu(inside="value = tl.maximum(value, 0.0)"),
    ),
    "source/hidden-character": taught(
        "Marks of direction and characters without width make a screen show another text than the one that runs, or "
        "hide a part of it, in comments and strings, too. The second line of this example's comment holds one (U+200B, "
        "a space without width). Letters of any script are fine.",
        relu("# a row a program,\n# \u200bas in every row kernel (5 \u00b5s)"),
        relu("# a row a program,\n# as in every row kernel (5 \u00b5s)"),
    ),
    "source/too-complex": taught(
        "The contract follows every path through host code, in bounded time. Code beyond the bounds is not followed, "
        "so "
        "it is not let through.",
        relu("n = " + "+".join("1" * 100)),
        relu("n = 100"),
    ),
    "source/star-import": taught(
        "After a star import nobody can tell from the file what a name means.",
        relu(imports="from math import *\n"),
        relu(imports="from math import pi\n"),
    ),
    "source/unknown-argument": taught(
        "As with names: an argument that the installed version does not take fails only where the line is reached.",
        relu(inside="value = value + tl.sum(value, dim=0)"),
        relu(inside="value = value + tl.sum(value, axis=0)"),
    ),
    "source/statement-not-allowed": taught(
        "'try' hides failures and lets code feel out where it runs; 'global' and classes keep state between calls. No "
        "kernel needs them.",
        relu("try:\n    n = 1\nexcept ValueError:\n    n = 2"),
        relu("n = 1 if x.numel() > 4 else 2"),
    ),
    "source/private-name": taught(
        "Names with underscores lead into Python and libraries, past everything that the contract follows.",
        relu("n = torch._C"),
        relu("n = torch.float32"),
    ),
    "source/reflection": taught(
        "What is looked up by a computed name, or run from text, can't be read from the file.",
        relu("empty = getattr(torch, 'em' + 'pty')"),
        relu("empty = torch.empty"),
    ),
    "source/rebinding": taught(
        "A name that means one thing to a reader and another when it is called makes reading worthless.",
        relu(top="def gain():\n    return 1\n\n\ndef gain():\n    return 2"),
        relu(top="def gain():\n    return 2"),
    ),
    "source/assignment-not-allowed": taught(
        "Assigning an attribute can replace a library's function, assigning elements computes on the host.",
        relu(after="y[:] = 0"),
        _RIGHT,
    ),
    "source/mutable-default": taught(
        "A default value is made once and lives between calls: it can carry a result from one call into the next.",
        relu(top="def blocks(n, seen=[]):\n    return n"),
        relu(top="def blocks(n, seen=()):\n    return n"),
    ),
    "source/module-state": taught(
        "A kernel that remembers earlier calls can answer from memory. The same input must always be computed.",
        relu("SEEN.append(1)", top="SEEN = []"),
        relu("n = SIZES[0]", top="SIZES = (1, 2)"),
    ),
    "source/module-code": taught(
        "Code that runs while the file is loaded runs before anything is watched.",
        relu(top="for n in range(3):\n    pass"),
        relu(top="SIZES = tuple(n for n in range(3))"),
    ),
    "source/decorator-not-allowed": taught(
        "A decorator puts something else in the place of what it stands on; torch.compile would compute in the "
        "kernel's "
        "stead.",
        relu(entry="@torch.compile\ndef relu(x):"),
        relu(entry="@torch.no_grad()\ndef relu(x):"),
    ),
    "source/hook": taught(
        "A hook is Python that runs around a launch, unseen in the function that launches.",
        relu(jit=_HOOKED, launch=_TUNED_LAUNCH),
        relu(jit=_TUNED, launch=_TUNED_LAUNCH),
    ),
    "source/host-call-not-allowed": taught(
        "Host code allocates, views, computes sizes and launches. Every other call would have to be trusted.",
        relu("z = torch.arange(4)"),
        relu("z = torch.zeros((4,))"),
    ),
    "source/host-arithmetic": taught(
        "The gate certifies kernels. A tensor that PyTorch computes on the host is PyTorch's work, or hides that the "
        "kernel does not do it.",
        relu(after="y = y * 1"),
        _RIGHT,
    ),
    "source/host-data": taught(
        "Host code that reads elements can choose its answer by the input, waits for the GPU, and can't be told as a "
        "launch plan.",
        relu("n = float(x.view(-1)[0])"),
        relu("n = float(x.shape[0])"),
    ),
    "source/environment": taught(
        "Code that can tell where it runs can behave under test and otherwise in production.",
        relu("n = 1 if torch.cuda.is_available() else 2"),
        relu("n = 1 if x.dtype == torch.float16 else 2"),
    ),
    "source/identity": taught(
        "Addresses and identities tell a repeated input from a fresh one, so a result could be a remembered one. A "
        "gradient, a parameter, a version or an offset tell an application's tensors from the gate's, which have none, "
        "so that what was never run could depend on them. Of a tensor host code may know shape, strides and dtype.",
        relu("n = x.data_ptr()"),
        relu("n = x.ndim"),
    ),
    "source/kernel-object": taught(
        "Behind a kernel object lie its Python function, its cache and its compiler; the contract does not follow "
        "them.",
        relu("n = _relu.fn"),
        relu("launch = _relu[(1,)]"),
    ),
    "source/python-in-kernel": taught(
        "The interpreter runs kernels as Python, where more works than Triton compiles: it would be right here and "
        "fail "
        "on a GPU.",
        relu(inside="value = value * GAIN", top="GAIN = 2"),
        relu(inside="value = value * GAIN", top="GAIN = tl.constexpr(2)"),
    ),
    "source/no-launch": taught(
        "A path that returns without a launch answers without computing. Empty inputs need none.",
        relu("if x.numel() > 100:\n    return torch.zeros_like(x)"),
        relu("if x.numel() == 0:\n    return torch.zeros_like(x)"),
    ),
    "source/result-not-from-kernel": taught(
        "What is returned must be what a kernel stored to; a launch for show proves nothing about the result.",
        relu(after="y = torch.zeros_like(x)"),
        relu(after="y = y.view(x.shape)"),
    ),
}
