"""What is released: the wheel and the source archive hold the library and nothing else, and the wheel works by itself."""

import os
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.thorough


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The wheel and the source archive, built as `python -m build` builds them."""
    out = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "build", "--outdir", out, ROOT], check=True, capture_output=True, timeout=600)
    [wheel], [source] = out.glob("*.whl"), out.glob("*.tar.gz")
    return wheel, source


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    """A folder that holds the installed wheel alone; its requirements are those of this environment."""
    folder = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder, built[0]]
    subprocess.run(command, check=True, timeout=300)
    return folder


def python(installed, *arguments):
    return subprocess.run(
        [sys.executable, "-P", *arguments], capture_output=True, text=True, timeout=300, check=False, cwd=installed,
        env=os.environ | {"PYTHONPATH": str(installed)},
    )  # fmt: skip


def test_the_wheel_holds_the_library_its_types_and_its_licence_alone(built):
    names = zipfile.ZipFile(built[0]).namelist()
    assert "jaxdl/py.typed" in names
    assert {name.split("/")[0] for name in names} == {"jaxdl", next(n for n in names if "dist-info" in n).split("/")[0]}
    assert not [name for name in names if "test" in Path(name).name]
    assert any(name.endswith("licenses/LICENSE") for name in names)
    library = {str(path.relative_to(ROOT)) for path in (ROOT / "jaxdl").rglob("*.py")}
    assert library == {name for name in names if name.endswith(".py")}


def test_the_metadata_name_extras_requirements_and_readme(built):
    with zipfile.ZipFile(built[0]) as wheel:
        [name] = [name for name in wheel.namelist() if name.endswith("METADATA")]
        metadata = Parser().parsestr(wheel.read(name).decode())
    assert metadata["Name"] == "jaxdl"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert {"experiments", "xarray", "test", "docs", "dev", "bench"} <= set(metadata.get_all("Provides-Extra"))
    assert any(line.startswith("jax>=") for line in metadata.get_all("Requires-Dist"))
    assert "Where does a learner's error come from?" in metadata.get_payload()


def test_the_source_archive_builds_what_the_wheel_holds(built):
    with tarfile.open(built[1]) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    assert {"pyproject.toml", "README.md", "LICENSE", "jaxdl/py.typed", "jaxdl/__init__.py"} <= names


def test_the_installed_wheel_is_what_runs(installed):
    done = python(installed, "-c", "import jaxdl; print(jaxdl.__file__, jaxdl.__version__)")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(installed))


def test_the_doctor_of_the_installed_wheel_finds_nothing_wrong(installed):
    done = python(installed, "-m", "jaxdl", "doctor")
    assert done.returncode == 0, done.stdout + done.stderr
