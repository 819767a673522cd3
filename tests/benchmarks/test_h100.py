"""What the programs for an H100 are like; they are compiled where the plug-in for it has been put, see `benchmarks.h100`."""

import json
import os
import subprocess
import sys

import pytest


@pytest.mark.slow
@pytest.mark.skipif("CUDA_SITE" not in os.environ, reason="needs the plug-in for CUDA, of 0.7 GB, in CUDA_SITE")
def test_programs_for_an_h100_have_known_loops_one_basis_and_all_digits():
    command = [sys.executable, "-m", "benchmarks.h100"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["options"] == {"xla_gpu_deterministic_ops": True}
    for block in ("block 64", "block 1024"):
        assert found[block]["trip counts"] == ["300"]
        assert found[block]["loops"] == 1
        assert found[block]["kernels in a step"] <= 24
    assert found["block 1024"]["MiB"] < 200
    assert found["precisions of products with the Hessian"] == ["highest,highest"]
    assert found["eigenpairs of 1e+08"]["GiB with results"] < 30
