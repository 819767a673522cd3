"""`import jaxdl` loads what is used, when it is used."""

import subprocess
import sys

import pytest

import jaxdl


def loaded(statement):
    code = f"import sys; {statement}; print(*(name for name in sys.modules if '.' not in name or name.startswith('jaxdl.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.thorough
def test_importing_the_package_loads_neither_networks_nor_statistics():
    assert not {"flax", "optax", "scipy", "sklearn", "matplotlib", "pandas", "rich"} & loaded("import jaxdl")
    assert not {"flax", "sklearn", "matplotlib", "pandas"} & loaded("import jaxdl; jaxdl.decompose")


@pytest.mark.parametrize("name", jaxdl.__all__)
def test_every_public_name_is_there(name):
    assert getattr(jaxdl, name) is not None
    assert name in dir(jaxdl)


def test_a_name_that_is_not_there_lists_those_that_are():
    with pytest.raises(AttributeError, match=r"no attribute 'decompse'; it has curvature, .*decompose"):
        _ = jaxdl.decompse
