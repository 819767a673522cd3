"""The compiled program of a study: canonical blocks of runs, spread over devices that never communicate.

    shard_map( for each block: vmap(run one trial) )

A run's bits depend on (root key, levels, setting, block size) alone. Three choices make that so. Runs are computed in
blocks of exactly `block`, because XLA compiles different batch sizes into different sums. The number of blocks in one
dispatch is a run-time value, because XLA unrolls loops whose length it knows. And `check_vma=False`, because with JAX's
default a parameter that starts as a constant counts as replicated, so that `grad` sums it over devices and the members
silently train each other.

On accelerators a dispatch is one block and no loop: a loop of unknown length would make the host wait inside of every dispatch.
Arrays that a trial closes over are inputs of the program, so that another closure of the same trial finds it compiled.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import jaxpr_as_fun
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jaxdl.designs import Design
from jaxdl.designs.keys import RecordedKeys, keys_at
from jaxdl.ensembles.devices import compiler_options
from jaxdl.ensembles.identity import OPTIONS, array_digest, identity_of
from jaxdl.ensembles.mistakes import callbacks_of, check_call, check_returned, explained
from jaxdl.programs.constants import opened
from jaxdl.programs.lapack import batches_lapack, one_matrix_at_a_time
from jaxdl.programs.lowering import lowering_digest
from jaxdl.programs.windows import for_cpu, has_windows
from jaxdl.types import Key, Run, Trial

AXIS = "runs"
BUFFER_BYTES = 4 * 2**20  # outputs of one dispatch, per device: large beside what a dispatch costs, small beside memory
SMALLEST_CAPACITY = 64  # so that small studies of different sizes share one program
PROGRAMS_KEPT = 16


class Executable(NamedTuple):
    """`execute(constants, key, levels, counts, setting) -> (outputs, aux)`, compiled for `devices`."""

    execute: Callable[..., Any]
    place: Callable[[Any], Any]
    """Arrays of the host or of one device as those of all devices."""
    devices: tuple[jax.Device, ...]
    compiled: Any
    """What jax compiled, for its memory analysis and its text."""


@dataclass(frozen=True, eq=False)
class Program:
    """One block of a study, traced; compiled when it is first executed."""

    one_block: jax.stages.Traced
    """`(constants, key, levels "block factors", setting) -> (outputs, aux)`; traced once, as that is slow for deep trials."""
    constants: list[Any]
    """The arrays that the trial closes over."""
    arguments: tuple[Any, Any, Any]
    """Shapes of the other three."""
    design: Design
    """Sources and nesting; numbers of levels only where the trial handles them itself."""
    inner: tuple[int, ...]
    block: int
    devices: tuple[jax.Device, ...]
    capacity: int
    """Blocks that one dispatch can hold on each device."""
    in_a_loop: bool
    """Whether a dispatch is a loop over blocks, as on CPUs; else it is one block."""
    names_read: frozenset[str]
    """The sources whose keys the trial asked for."""

    def identity(self, key: Key) -> dict[str, str]:
        """What the bits of a run with this root key depend on, besides its levels and its setting."""
        trial = " ".join([self._lowering_digest, *map(array_digest, self.constants)])
        return identity_of(trial, self.design, self.inner, self.block, self.devices, key)

    def execute(self, key: Key, levels: np.ndarray, counts: np.ndarray, setting: Any) -> Any:
        """`(outputs, aux)` of the first `counts` blocks of each device."""
        return self.executable.execute(self._placed_constants, key, levels, counts, setting)

    @functools.cached_property
    def _placed_constants(self) -> Any:
        return self.executable.place(self.constants)

    @property
    def results(self) -> Any:
        """Shapes of what a block returns."""
        return self.one_block.out_info

    @functools.cached_property
    def _lowering_digest(self) -> str:
        return lowering_digest(self.one_block.lower())

    @functools.cached_property
    def callbacks(self) -> frozenset[str]:
        """The callbacks into Python that the trial makes; its lowering does not say what they compute."""
        return callbacks_of(self.one_block.jaxpr)

    @functools.cached_property
    def executable(self) -> Executable:
        """The program on all its devices; an earlier one that lowers to the same is used again."""
        lowered = self._lower()
        if self.callbacks:
            return self._compile(lowered)
        options = tuple(getattr(jax.config, name) for name in OPTIONS)
        structures = jax.tree.structure((len(self.constants), self.arguments)), jax.tree.structure(self.results)
        compiler = tuple(compiler_options(self.devices).items())
        meaning = (lowering_digest(lowered), structures, self.devices, self.capacity, self.in_a_loop, options, compiler)
        executable = _compiled.pop(meaning, None) or self._compile(lowered)
        _compiled[meaning] = executable  # the latest at the end
        while len(_compiled) > PROGRAMS_KEPT:
            _compiled.pop(next(iter(_compiled)))
        return executable

    def _compile(self, lowered: Any) -> Executable:
        compiled = lowered.compile(compiler_options(self.devices))
        if {device.process_index for device in self.devices} != {jax.process_index()}:
            return Executable(*_on_global_arrays(compiled, self.devices), self.devices, compiled)
        return Executable(compiled, functools.partial(_on_all_devices, devices=self.devices), self.devices, compiled)

    def _lower(self) -> Any:
        key, levels, setting = self.arguments

        def one_block_of_one_device(constants, key, levels, counts, setting):
            del counts  # of a device with nothing left to do the block is computed, and not fetched
            return jax.tree.map(lambda leaf: leaf[None], self.one_block(constants, key, levels[0], setting))

        def blocks_of_one_device(constants, key, levels, counts, setting):
            buffers = jax.tree.map(lambda leaf: jnp.zeros((self.capacity, *leaf.shape), leaf.dtype), self.results)

            def step(index, buffers):
                results = self.one_block(constants, key, levels[index], setting)
                return jax.tree.map(lambda buffer, value: buffer.at[index].set(value), buffers, results)

            return jax.lax.fori_loop(0, counts[0], step, buffers)

        each, all_devices = PartitionSpec(AXIS), PartitionSpec()
        sharded = jax.shard_map(
            blocks_of_one_device if self.in_a_loop else one_block_of_one_device,
            mesh=_mesh(self.devices),
            in_specs=(all_devices, all_devices, each, each, all_devices),
            out_specs=each,
            check_vma=False,
        )
        shape = (len(self.devices) * self.capacity, *levels.shape)
        counts = jax.ShapeDtypeStruct((len(self.devices),), jnp.int32)
        # The root key serves every block, by design; that a trial uses no key twice was checked when it was traced.
        with jax.debug_key_reuse(False):
            constants = _shapes(self.constants)
            return jax.jit(sharded).lower(constants, key, jax.ShapeDtypeStruct(shape, jnp.int32), counts, setting)


_compiled: dict[tuple[Any, ...], Executable] = {}
"""The programs compiled last, by all that they depend on. A trial is no part of that: its closure may change."""


def trace_program(
    trial: Trial,
    design: Design,
    inner: tuple[int, ...],
    block: int,
    devices: tuple[jax.Device, ...],
    key: Key,
    setting: Any,
) -> Program:
    """The program for these inputs (any root key, any setting's values), traced now.

    Nothing of a trial is remembered: its closure, its attributes and the globals that it reads may have changed since the last
    call. Only compiled programs are, and those are found by what the trial lowers to.
    """
    outer_runs = int(np.prod([count for axis, count in enumerate(design.shape) if axis not in inner]))
    blocks_per_device = -(-outer_runs // (block * len(devices)))
    max_blocks = max(SMALLEST_CAPACITY, 2 ** (blocks_per_device - 1).bit_length())
    key, setting = jax.eval_shape(lambda *arguments: arguments, key, setting)
    # Levels are run-time values too: only the sizes of inner factors are part of the program.
    design = Design(design.sources, tuple(n if i in inner else 1 for i, n in enumerate(design.shape)), design.paths)
    check_call(trial, setting)
    names_read: set[str] = set()

    def one_run(key, levels, setting):
        keys = RecordedKeys(keys_at(design, key, levels, inner))
        with explained():
            result = trial(keys) if setting is None else trial(keys, setting)
        names_read.update(keys.names_read)
        outputs, aux = result if isinstance(result, Run) else (result, None)
        check_returned(outputs, aux)
        return outputs, aux

    def traced_with(run: Callable[..., Any]) -> jax.stages.Traced:
        def alone(key, levels, setting):
            return jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], run(key, levels[0], setting))

        # A batch of one would cost more than the run by itself: its branches would be selects, its sums loops.
        one_block = alone if block == 1 else jax.vmap(run, in_axes=(None, 0, None))
        return jax.jit(one_block).trace(key, levels, setting)

    levels = jax.ShapeDtypeStruct((block, len(design.shape)), jnp.int32)
    traced = traced_with(one_run)
    if devices[0].platform == "cpu" and has_windows(traced.jaxpr):
        traced = traced_with(for_cpu(one_run))
    if devices[0].platform == "cpu" and jax.__version_info__ < (0, 12):
        traced = _without_batches_of_lapack(traced, (key, levels, setting))
    traced, constants = _with_inputs_for_constants(traced, (key, levels, setting))
    _check_outputs(traced.out_info, tuple(design.shape[axis] for axis in inner))
    block_bytes = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(traced.out_info))
    in_a_loop = devices[0].platform == "cpu"
    capacity = max(1, min(max_blocks, BUFFER_BYTES // max(block_bytes, 1))) if in_a_loop else 1
    return Program(
        traced,
        constants,
        (key, levels, setting),
        design,
        inner,
        block,
        devices,
        capacity,
        in_a_loop,
        frozenset(names_read),
    )


def _with_inputs_for_constants(
    traced: jax.stages.Traced, arguments: tuple[Any, Any, Any]
) -> tuple[jax.stages.Traced, list[Any]]:
    """The block as a function of the arrays that the trial closes over too, and those arrays."""
    function, constants = opened(traced.jaxpr)
    structure = jax.tree.structure(traced.out_info)

    def one_block(constants, key, levels, setting):
        return jax.tree.unflatten(structure, function(constants, jax.tree.leaves((key, levels, setting))))

    with jax.debug_key_reuse(False):  # checked when the trial was traced
        return jax.jit(one_block).trace(_shapes(constants), *arguments), constants


def _shapes(arrays: list[Any]) -> list[jax.ShapeDtypeStruct]:
    return [jax.ShapeDtypeStruct(array.shape, array.dtype) for array in arrays]


def _without_batches_of_lapack(traced: jax.stages.Traced, arguments: tuple[Any, Any, Any]) -> jax.stages.Traced:
    """`traced` with its decompositions one after the other: see `lapack`; itself where it has no batches of them."""
    if not batches_lapack(traced.jaxpr):
        return traced
    flat, structure = jaxpr_as_fun(one_matrix_at_a_time(traced.jaxpr)), jax.tree.structure(traced.out_info)
    return jax.jit(lambda *inputs: jax.tree.unflatten(structure, flat(*jax.tree.leaves(inputs)))).trace(*arguments)


def _mesh(devices: tuple[jax.Device, ...]) -> Mesh:
    return Mesh(np.array(devices), (AXIS,), axis_types=(AxisType.Auto,))


def _on_all_devices(arrays: list[Any], devices: tuple[jax.Device, ...]) -> list[jax.Array]:
    """The arrays on each of the devices; those of CPUs share the memory of the one on the host."""
    everywhere = NamedSharding(_mesh(devices), PartitionSpec())
    if devices[0].platform != "cpu":
        return jax.device_put(arrays, everywhere)
    return [
        jax.make_array_from_single_device_arrays(
            array.shape, everywhere, [jax.device_put(np.asarray(array), device) for device in devices]
        )
        for array in arrays
    ]


def _on_global_arrays(
    compiled: Any, devices: tuple[jax.Device, ...]
) -> tuple[Callable[..., Any], Callable[[Any], Any]]:
    """`compiled` for several processes, each of which passes the same host arrays and feeds its own devices from them."""
    mesh = _mesh(devices)
    each, all_devices = NamedSharding(mesh, PartitionSpec(AXIS)), NamedSharding(mesh, PartitionSpec())

    def place(array: Any, sharding: NamedSharding) -> jax.Array:
        if jax.dtypes.issubdtype(getattr(array, "dtype", None), jax.dtypes.prng_key):
            return jax.random.wrap_key_data(
                place(jax.random.key_data(array), sharding), impl=jax.random.key_impl(array)
            )
        host = np.asarray(array)
        return jax.make_array_from_callback(host.shape, sharding, lambda index: host[index])

    def place_all(arrays: Any) -> Any:
        return jax.tree.map(lambda leaf: place(leaf, all_devices), arrays)

    def execute(constants: Any, key: Key, levels: np.ndarray, counts: np.ndarray, setting: Any) -> Any:
        return compiled(
            constants, place(key, all_devices), place(levels, each), place(counts, each), place_all(setting)
        )

    return execute, place_all


def _check_outputs(results: Any, inner_shape: tuple[int, ...]) -> None:
    for leaf in jax.tree.leaves(results):
        if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            msg = (
                f"trial: got random keys ({leaf.dtype}) as a result, expected arrays; return jax.random.key_data(keys)"
            )
            raise ValueError(msg)
        if leaf.shape[1 : 1 + len(inner_shape)] != inner_shape:
            msg = (
                f"trial: got a result of shape {leaf.shape[1:]}, expected one that begins with the axes {inner_shape} of the inner "
                "sources; map over the leading axis of the inner keys, for example with jax.vmap"
            )
            raise ValueError(msg)
