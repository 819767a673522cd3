"""One word for what a program computes, from its lowering."""

import hashlib
from typing import Any

import jax
import numpy as np
from jax.extend.mlir import ir

LARGEST_IN_TEXT = 16
"""Entries of a constant; the text of a larger one leaves them out."""


def lowering_digest(lowered: jax.stages.Lowered) -> str:
    """One word for what a block computes, from its lowering for one device.

    That holds every constant of the trial and no place in a source file: it changes with what is computed and not with where
    that is written. Large constants are read as bytes, since as text they take ten times as long.
    """
    module = lowered.compiler_ir().operation  # type: ignore[union-attr]
    word = hashlib.sha256(module.get_asm(large_elements_limit=LARGEST_IN_TEXT).encode())

    def add_constant(operation: Any) -> ir.WalkResult:
        if operation.name == "stablehlo.constant":
            try:
                value = operation.attributes["value"]
                word.update(b"" if value.is_splat else np.ascontiguousarray(value).data.cast("B"))
            except (TypeError, ValueError):  # types that NumPy does not know, and complex numbers
                word.update(operation.get_asm().encode())
        return ir.WalkResult.ADVANCE

    module.walk(add_constant)
    return word.hexdigest()
