"""Exported packages in the real `kernels` library: loaded from a folder, through LOCAL_KERNELS, and by `kernelize`."""

from __future__ import annotations

from pathlib import Path

import kernels
import pytest
import torch
from kernels._rust import Digest, DigestAlgorithm, Metadata
from kernels.variants import get_variants_local, resolve_variant
from served_kernels import KERNELS, RIGHT, Team, attested

from pipeline.export.package import BACKENDS, files_of
from pipeline.export.writing import write_package
from runners.operators import OPERATORS


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def exported(vouching: Team, source: Path, operator: str = "softmax") -> Path:
    package = vouching.folder / f"package-{operator}"
    write_package(package, files_of([attested(vouching, source)], OPERATORS[operator], "apache-2.0"))
    return package


def test_a_package_loads_from_its_folder_and_computes(vouching: Team) -> None:
    kernel = kernels.get_local_kernel(exported(vouching, RIGHT))
    x = torch.randn(3, 33)
    assert torch.allclose(kernel.softmax(x), torch.softmax(x, -1), atol=1e-6)
    assert attested(vouching, RIGHT.read_bytes() + b"#\n").digest == kernel.DIGEST or len(kernel.DIGEST) == 64


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_library_reads_each_variants_metadata_and_digests(vouching: Team, backend: str) -> None:
    package = exported(vouching, RIGHT)
    variant = package / "build" / f"torch-{backend}"
    metadata = Metadata.read_from_file(variant / "metadata.json")
    assert (str(metadata.name), metadata.version, metadata.license) == ("kernelgate-softmax", 1, "apache-2.0")
    assert str(metadata.backend.backend_type).lower() == backend
    assert metadata.digest is not None
    metadata.digest.validate(Digest.hash_variant(DigestAlgorithm.SHA256, variant))


def test_the_library_finds_a_variant_for_the_cpu_and_one_for_cuda(vouching: Team) -> None:
    variants = get_variants_local(exported(vouching, RIGHT) / "build")
    assert {variant.variant_str for variant in variants} == {"torch-cpu", "torch-cuda"}
    chosen, _ = resolve_variant(variants, "cpu")
    assert chosen is not None
    assert chosen.variant_str == "torch-cpu"


def test_local_kernels_names_a_package_for_a_repository(vouching: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    from kernels.load import _parse_local_kernel_overrides

    _parse_local_kernel_overrides.cache_clear()
    package = exported(vouching, KERNELS / "softmax" / "right_online.py")
    monkeypatch.setenv("LOCAL_KERNELS", f"team/softmax={package}")
    x = torch.randn(2, 7)
    got = kernels.get_kernel("team/softmax", version=1).softmax(x)
    assert torch.allclose(got, torch.softmax(x, -1), atol=1e-6)


def test_kernelize_puts_the_layer_into_a_model(vouching: Team) -> None:
    @kernels.use_kernel_forward_from_hub("Softmax")
    class Softmax(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.softmax(x, -1)

    package = exported(vouching, RIGHT)
    model = torch.nn.Sequential(torch.nn.Linear(8, 8), Softmax())
    x = torch.randn(2, 8)
    before = model(x)
    mapping = {"Softmax": {"cpu": kernels.LocalLayerRepository(package, layer_name="Softmax")}}
    with kernels.use_kernel_mapping(mapping):
        model = kernels.kernelize(model, mode=kernels.Mode.INFERENCE, device="cpu", use_fallback=False)
    assert model[1].forward.__func__.__module__.endswith("layers")
    assert torch.allclose(model(x), before, atol=1e-6)


def test_a_package_of_an_operator_with_weights_and_scalars_loads(vouching: Team) -> None:
    kernel = kernels.get_local_kernel(exported(vouching, KERNELS / "rms_norm" / "right_block.py", "rms_norm"))
    x, weight = torch.randn(2, 16), torch.randn(16)
    due = torch.nn.functional.rms_norm(x, (16,), weight, 1e-5)
    assert torch.allclose(kernel.rms_norm(x, weight, 1e-5), due, atol=1e-5)
    assert "RmsNorm" in vars(kernel.layers)


def test_a_kernel_that_was_changed_in_the_package_is_not_imported(vouching: Team) -> None:
    package = exported(vouching, RIGHT)
    with (package / "build/torch-cpu/candidate.py").open("a") as file:
        file.write("# changed\n")
    with pytest.raises(ImportError, match="its digest differs"):
        kernels.get_local_kernel(package)
