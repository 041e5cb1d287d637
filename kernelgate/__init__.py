"""Approved kernels in an application.

    import kernelgate

    softmax = kernelgate.load("softmax")
    y = softmax(x)

`load` returns the kernel that the registry serves for this GPU, verified before a line of it ran, or the operator's
reference in PyTorch; `served.why` and the log say which, and why. docs/how-to/use-an-approved-kernel.md has the rest.
"""

try:
    from pipeline.rollout.loading import load
    from pipeline.rollout.serving import Fallback, Kernel, Served
except ModuleNotFoundError as error:
    if error.name is None or error.name.partition(".")[0] in ("pipeline", "policies", "runners", "sandbox"):
        raise
    raise ImportError(
        f"kernelgate.load needs the package '{error.name}': pip install 'kernelgate[attest,registry]'"
    ) from None

__all__ = ["Fallback", "Kernel", "Served", "load"]
