"""What XLA makes of jaxdl's programs for an H100, compiled without one: kernels, loops, memory, precision.

    pip install --no-deps --target SITE jax-cuda13-plugin==0.10.2 jax-cuda13-pjrt==0.10.2 nvidia-cuda-nvcc nvidia-nvvm \
        nvidia-cuda-runtime nvidia-cuda-crt                                   # 0.7 GB, for jax 0.10.2
    CUDA_SITE=SITE python -m benchmarks.h100                                  # a minute; one line of JSON

Nothing is executed, and no time is measured. Matrix products are compiled without autotuning.
"""

import json
import os
import pathlib
import re
import sys

TARGET = """
gpu_device_info {
  threads_per_block_limit: 1024 threads_per_warp: 32 shared_memory_per_block: 49152 shared_memory_per_core: 233472
  threads_per_core_limit: 2048 core_count: 132 fpus_per_core: 128 block_dim_limit_x: 2147483647 block_dim_limit_y: 65535
  block_dim_limit_z: 65535 memory_bandwidth: 3352320000000 l2_cache_size: 52428800 clock_rate_ghz: 1.98
  device_memory_size: 84929347584 shared_memory_per_block_optin: 232448 cuda_compute_capability { major: 9 }
  registers_per_core_limit: 65536 registers_per_block_limit: 65536
}
platform_name: "CUDA"
dnn_version_info { major: 9 minor: 12 }
runtime_version { major: 13 minor: 0 patch: 0 }
device_description_str: "NVIDIA H100 80GB HBM3"
"""
KERNEL = re.compile(r" (?:fusion|custom-call|reduce|dot|copy|sort)\(")


def devices(site: pathlib.Path) -> tuple:
    """One H100 that is not there, of the plug-in below `site`; to be called before jax has computed anything."""
    sys.path.insert(0, str(site))
    base = site / "nvidia" / "cu13"
    os.environ["PATH"] = f"{base / 'bin'}:{os.environ['PATH']}"
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ["XLA_FLAGS"] = f"--xla_gpu_cuda_data_dir={base} --xla_gpu_autotune_level=0"
    from jax._src import xla_bridge
    from jax.experimental import topologies
    from jax_cuda13_plugin import cuda_plugin_extension
    from jaxlib.cpu import _lapack

    library = site / "jax_plugins" / "xla_cuda13" / "xla_cuda_plugin.so"
    xla_bridge.discover_pjrt_plugins = lambda: None  # type: ignore[assignment]
    api = xla_bridge.register_plugin("cuda", priority=500, library_path=str(library), options=None)
    canonical = xla_bridge.canonicalize_platform
    xla_bridge.canonicalize_platform = lambda name: "cuda" if name in ("gpu", "cuda") else canonical(name)
    # Only compiled against and never run, so that one of LAPACK's functions stands in for cuSOLVER's.
    stand_in = _lapack.registrations()["lapack_ssyevd_ffi"]
    cuda_plugin_extension.register_custom_call_target(api, "cusolver_syevd_ffi", stand_in, "CUDA", 1)
    topology = topologies.get_topology_desc(platform="cuda", target_config=TARGET, topology="1x1x1")
    return tuple(topology.devices)


def facts(devs: tuple) -> dict:
    """What the compiled programs say."""
    import jax
    import jax.numpy as jnp
    import optax
    from jax.sharding import SingleDeviceSharding

    from jaxdl import curvature, designs, learners, losses, models, objectives
    from jaxdl.data import orders
    from jaxdl.ensembles.block_size import program_bytes
    from jaxdl.ensembles.devices import compiler_options
    from jaxdl.ensembles.program import trace_program
    from jaxdl.types import Dataset

    options, key = compiler_options(devs), jax.random.key(0)
    x, y, points = jnp.zeros((1000, 64)), jnp.zeros((1000, 10)), jnp.zeros((500, 64))
    model = models.mlp((32, 32), 10)
    objective = objectives.empirical_risk(model, losses.softmax_cross_entropy)
    fit = learners.minibatch_descent(
        model, objective, optax.adam(1e-3), num_steps=300, batch_size=64, order=orders.with_replacement
    )

    def trial(keys):
        return model.apply(fit(keys, Dataset(x, y, jnp.ones(1000))), points).argmax(axis=1)

    def compiled(function, *arguments):
        here = SingleDeviceSharding(devs[0])
        shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=here), arguments)
        return jax.jit(function).trace(*shapes).lower(lowering_platforms=("cuda",)).compile(options)

    found: dict = {"options": options}
    for block in (64, 1024):
        program = trace_program(trial, designs.independent(4096, "init", "order"), (), block, devs, key, None)
        made = program._lower().compile(options)
        text = made.as_text()
        found[f"block {block}"] = {
            "trip counts": re.findall(r'known_trip_count":\{"n":"(\d+)"', text),
            "loops": len(re.findall(r" while\(", text)),
            "kernels in a step": max(map(len, map(KERNEL.findall, re.split(r"\n(?=\S)", text.partition("ENTRY")[0])))),
            "MiB": program_bytes(made.memory_analysis()) >> 20,
        }
    params = model.init(key, x)["params"]

    def loss(params):
        return jnp.mean(losses.softmax_cross_entropy(model.apply({"params": params}, x), y))

    text = compiled(lambda params, vector: curvature.hvp(loss, params)(vector), params, params).as_text()
    found["precisions of products with the Hessian"] = sorted(set(re.findall(r"operand_precision=\{([^}]*)\}", text)))
    for size in (10**6, 10**8):
        diagonal = jax.ShapeDtypeStruct((size,), jnp.float32)
        memory = compiled(lambda v: curvature.eigenpairs(lambda u: v * u, v, key), diagonal).memory_analysis()
        found[f"eigenpairs of {size:.0e}"] = {
            "vectors": round(memory.temp_size_in_bytes / 4 / size, 1),
            "GiB with results": round(program_bytes(memory) / 2**30, 2),
        }
    return found


if __name__ == "__main__":
    print(json.dumps(facts(devices(pathlib.Path(os.environ["CUDA_SITE"]).resolve()))))
