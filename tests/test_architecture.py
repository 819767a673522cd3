"""A module of jaxdl imports only modules to its left, and nothing of the experiments."""

import ast
import graphlib
from pathlib import Path

import pytest

import jaxdl

ROOT = Path(jaxdl.__file__).parent
LAYERS = (
    {"narrowing", "paths", "programs", "rounding"},
    {"admission"},
    {"kinds"},
    {"files", "types", "statistics"},
    {"arguments", "examples"},
    {"curvature", "designs", "learning_curves"},
    {"data", "models", "losses", "penalties", "decomposition"},
    {"diagnostics", "objectives", "plots", "priors"},
    {"learners", "ensembles", "selection"},
    {"studies"},
    {"truths"},
    {"commands", "doctor"},
    {"__main__"},
)
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}


def imported_modules(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            if node.module == "jaxdl":
                yield from (alias.name for alias in node.names)
            else:
                yield (
                    node.module.removeprefix("jaxdl.").split(".")[0]
                    if node.module.startswith("jaxdl.")
                    else f"/{node.module}"
                )
        elif isinstance(node, ast.Import):
            yield from (f"/{alias.name}" for alias in node.names)


def own_module(path):
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_downwards(path):
    own = own_module(path)
    if own == "__init__":
        return
    for name in imported_modules(path):
        assert not name.startswith("/experiments")
        if name.startswith("/") or name == own:
            continue
        assert RANK[name] < RANK[own], f"{own} imports {name}"


def test_every_module_has_a_layer():
    assert {own_module(path) for path in ROOT.rglob("*.py")} - {"__init__"} == set(RANK)


def test_the_rooms_of_curvature_import_only_those_below():
    below = {"products": set(), "spectra": {"products"}, "critical": {"products", "spectra"}, "landscape": {"products"}}
    for room, allowed in below.items():
        for path in (ROOT / "curvature" / room).glob("*.py"):
            modules = [
                node.module for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)
            ]
            rooms = {module.split(".")[2] for module in modules if module and module.startswith("jaxdl.curvature.")}
            assert rooms & set(below) <= {room, *allowed}, path


def test_no_two_test_files_share_a_name():
    """Where folders are no packages, pytest imports test files by their names alone."""
    names = [path.name for path in Path(__file__).parent.rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))


def test_no_import_closes_a_circle_lazily_or_for_types_alone():
    """Modules of jaxdl and of the experiments import one another in one direction, wherever in a file the import stands."""
    root = ROOT.parent
    paths = {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path
        for package in ("jaxdl", "experiments")
        for path in (root / package).rglob("*.py")
    }
    graph = {name: set() for name in paths}
    for name, path in paths.items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                graph[name] |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                inner = {f"{node.module}.{alias.name}" for alias in node.names}
                graph[name] |= {each if each in paths else node.module for each in inner}
    # The package itself names its modules, which are loaded when they are used.
    graph = {
        name: {each for each in found if each in paths} - {"jaxdl"} for name, found in graph.items() if name != "jaxdl"
    }
    graphlib.TopologicalSorter(graph).prepare()
