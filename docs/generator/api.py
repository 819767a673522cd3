"""The reference: a page for each public module, from its source alone; names are public that stand in `__all__`."""

import ast
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from docs.generator.files import one_line, write_folder

APART = ("jaxdl.plots",)
"""Public modules that `import jaxdl` does not name, since they need an extra."""
SECTIONS = ("Args", "Returns", "Raises", "References", "Sources", "Source", "Yields", "Note")
LABELS = {"Args": "Arguments", "Sources": "References", "Source": "References"}
DEFINITION = re.compile(r"(\*{0,2}\w[\w, *]*): +(.*)")


class Public(NamedTuple):
    """A public name: where it is imported from, and what it is."""

    module: str
    name: str
    thing: Any

    @property
    def path(self) -> str:
        """What stands in an import."""
        return f"{self.module}.{self.name}"

    @property
    def is_documented(self) -> bool:
        """Whether it is a function or a class of jaxdl, which have docstrings; an alias or a constant has a line beside it."""
        is_one = inspect.isfunction(self.thing) or inspect.isclass(self.thing)
        return is_one and self.thing.__module__.startswith("jaxdl")

    @property
    def is_called(self) -> bool:
        """Whether it is an object that is called as a function is, such as `squared_error`, whose class has the docstring."""
        kind = type(self.thing)
        return kind.__module__.startswith("jaxdl") and any("__call__" in vars(each) for each in kind.__mro__[:-1])


def modules() -> list[ModuleType]:
    """Every public module: `jaxdl`, the modules in its `__all__`, and so on, and those apart."""
    found: dict[str, ModuleType] = {}

    def visit(module: ModuleType) -> None:
        if module.__name__ not in found:
            found[module.__name__] = module
            for name in module.__all__:
                inner = getattr(module, name)
                if inspect.ismodule(inner):
                    visit(inner)

    for name in ("jaxdl", *APART):
        visit(importlib.import_module(name))
    return sorted(found.values(), key=lambda module: module.__name__)


def public_names() -> list[Public]:
    """Every public name that is no module, by each module that exports it."""
    return [
        Public(module.__name__, name, getattr(module, name))
        for module in modules()
        for name in module.__all__
        if not inspect.ismodule(getattr(module, name))
    ]


def docstring_of(public: Public) -> str:
    """The docstring; of an object such as `squared_error`, which is called, that of its class."""
    if public.is_documented or public.is_called:
        return inspect.getdoc(public.thing if public.is_documented else type(public.thing)) or ""
    return _line_beside(public)


def has_example(public: Public) -> bool:
    """Whether a doctest shows its use; aliases and constants need none."""
    return not (public.is_documented or public.is_called) or ">>> " in docstring_of(public)


def write(folder: Path) -> None:
    """Write the pages of the reference."""
    every = modules()
    rows = [f"| [`{module.__name__}`]({module.__name__}.md) | {one_line(_first(module))} |" for module in every]
    toc = "\n".join(module.__name__ for module in every)
    index = f"""# Reference

Every public name, by the module that it is imported from. Each has an example, and the examples are run by the tests.

| module | what it has |
|---|---|
{chr(10).join(rows)}

```{{toctree}}
:hidden:

{toc}
```
"""
    write_folder(folder, {"index.md": index} | {f"{module.__name__}.md": page(module) for module in every})


def page(module: ModuleType) -> str:
    """The page of a module."""
    names = [Public(module.__name__, name, getattr(module, name)) for name in module.__all__]
    inner = [f"- [`{each.path}`]({each.path}.md)" for each in names if inspect.ismodule(each.thing)]
    entries = [each for each in names if not inspect.ismodule(each.thing)]
    rows = [f"| [`{each.name}`](#{each.path}) | {one_line(_first(each))} |" for each in entries]
    table = ["| name | what it does |", "|---|---|", *rows] if rows else []
    parts = [
        f"# {module.__name__}",
        markdown(inspect.getdoc(module) or ""),
        "\n".join([*(["Modules:", ""] if inner else []), *inner]),
        "\n".join(table),
        *(entry(each) for each in entries),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def entry(public: Public) -> str:
    """One name, with its signature, docstring and fields."""
    if public.is_documented:
        kind = "class" if inspect.isclass(public.thing) else "function"
        signature = "" if kind == "class" else _signature(_node_of(public.thing))
    elif public.is_called:
        kind, signature = "function", _signature(_node_of(type(public.thing).__call__), is_method=True)
    else:
        kind, signature = "data", ""
    body = [markdown(docstring_of(public))]
    if kind == "class":
        body += _members(public.thing)
    head = f"::::{{py:{kind}}} {public.path}{signature}"
    return head + "\n\n" + "\n\n".join(part for part in body if part) + "\n\n::::"


def markdown(text: str) -> str:
    """A docstring in Markdown: sections as lists of definitions, indented formulas and examples as they stand."""
    return "\n\n".join(filter(None, (_block(block) for block in _blocks(text))))


def _blocks(text: str) -> Iterator[str]:
    """Paragraphs; a section is one, and so is an example with its output."""
    lines = text.expandtabs().splitlines()
    block: list[str] = []
    for place, line in enumerate(lines):
        starts = line.removesuffix(":") in SECTIONS and line.endswith(":")
        in_section = bool(block) and block[0].removesuffix(":") in SECTIONS
        in_example = bool(block) and block[0].lstrip().startswith(">>>")
        goes_on = bool(line.strip()) and (
            (in_section and line.startswith(" ")) or (block and not in_section and not starts)
        )
        if in_example and line.strip():
            goes_on = True
        if not in_example and line.lstrip().startswith(">>>"):
            goes_on = False
        if goes_on or (
            in_section and not line.strip() and place + 1 < len(lines) and lines[place + 1].startswith("  ")
        ):
            block.append(line)
            continue
        if block:
            yield "\n".join(block)
        block = [line] if line.strip() else []
    if block:
        yield "\n".join(block)


def _block(block: str) -> str:
    lines = block.splitlines()
    head = lines[0]
    name = head.removesuffix(":")
    if name in SECTIONS:
        return _section(LABELS.get(name, name), textwrap.dedent("\n".join(lines[1:])))
    if head.lstrip().startswith(">>>"):
        return _code("pycon", textwrap.dedent(block))
    if all(line.startswith("    ") for line in lines):
        return _code("text", textwrap.dedent(block))
    if head.startswith("===") and lines[-1].startswith("==="):
        return _code("text", block)
    first = next(
        (
            i
            for i, line in enumerate(lines)
            if line.startswith("    ") and not lines[i - 1].startswith(("- ", "* ", "1"))
        ),
        0,
    )
    if first and not re.match(r"[-*] |\d+\. ", lines[0]):
        return "\n\n".join([_prose(lines[:first]), _code("text", textwrap.dedent("\n".join(lines[first:])))])
    return _prose(lines)


def _prose(lines: list[str]) -> str:
    """A paragraph or a list, whose marks are kept."""
    items: list[str] = []
    for line in lines:
        if re.match(r"([-*] |\d+\. )", line) or not items:
            items.append(line.strip())
        else:
            items[-1] += " " + line.strip()
    found = []
    for item in items:
        match = re.match(r"([-*]|\d+\.) (.*)", item)
        found.append(
            f"{match[1].replace('*', '-')} {one_line(match[2])}"
            if match
            else one_line(item) + ("\n" if len(items) > 1 else "")
        )
    return "\n".join(found)


def _section(label: str, text: str) -> str:
    items: list[list[str]] = []
    for line in text.splitlines():
        match = DEFINITION.fullmatch(line)
        if match and label in ("Arguments", "Raises"):
            items.append([match[1], match[2]])
        elif items:
            items[-1][1] += " " + line.strip()
        elif line.strip():
            items.append(["", line.strip()])
    shown = [
        f"- {f'`{name}`: ' if name else ''}{one_line(words)}" if label in ("Arguments", "Raises") else one_line(words)
        for name, words in items
    ]
    return f"**{label}**\n\n" + "\n".join(shown)


def _code(language: str, text: str) -> str:
    return f"```{language}\n{text.rstrip()}\n```"


def _first(thing: Public | ModuleType) -> str:
    """The first sentence of a docstring."""
    text = docstring_of(thing) if isinstance(thing, Public) else inspect.getdoc(thing) or ""
    paragraph = " ".join(text.split("\n\n")[0].split())
    return re.split(r"(?<=[.?!]) (?=[A-Z`])", paragraph)[0]


def _members(thing: type) -> list[str]:
    """Fields with the lines beside them, and public methods and properties with their first sentences."""
    fields, methods = [], []
    classes = [each for each in thing.__mro__ if each.__module__.startswith("jaxdl")]
    seen: set[str] = set()
    for each in classes:
        body = _node_of(each).body
        for place, node in enumerate(body):
            name = getattr(getattr(node, "target", None), "id", getattr(node, "name", ""))
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                name = node.targets[0].id
            if not name or name.startswith("_") or name in seen:
                continue
            seen.add(name)
            beside = body[place + 1] if place + 1 < len(body) else None
            words = (
                beside.value.value if isinstance(beside, ast.Expr) and isinstance(beside.value, ast.Constant) else ""
            )
            if isinstance(node, ast.AnnAssign):
                default = f" = {ast.unparse(node.value)}" if node.value else ""
                fields.append(
                    f"- `{name}: {ast.unparse(node.annotation)}{default}`" + (f": {one_line(words)}" if words else "")
                )
            elif isinstance(node, ast.Assign):
                fields.append(f"- `{name} = {ast.unparse(node.value)}`" + (f": {one_line(words)}" if words else ""))
            elif isinstance(node, ast.FunctionDef):
                is_property = any(isinstance(mark, ast.Name) and mark.id == "property" for mark in node.decorator_list)
                shown = name if is_property else f"{name}{_signature(node, is_method=True)}"
                sentence = (ast.get_docstring(node) or "").split("\n\n")[0]
                methods.append(f"- `{shown}`: {one_line(sentence)}")
    parts = []
    if fields:
        parts.append("**Fields**\n\n" + "\n".join(fields))
    if methods:
        parts.append("**Methods and properties**\n\n" + "\n".join(methods))
    return parts


def _signature(node: ast.FunctionDef, *, is_method: bool = False) -> str:
    arguments = node.args
    if is_method and arguments.args and arguments.args[0].arg in ("self", "cls"):
        arguments.args = arguments.args[1:]
    returned = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"({ast.unparse(arguments)}){returned}"


def _node_of(thing: Any) -> Any:
    [node] = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(thing)))).body
    return node


def _line_beside(public: Public) -> str:
    """What stands below the assignment of an alias, in whichever module makes it."""
    for module in (public.module, *_origins(public)):
        body = ast.parse(inspect.getsource(importlib.import_module(module))).body
        for place, node in enumerate(body):
            targets = node.targets if isinstance(node, ast.Assign) else []
            if any(isinstance(target, ast.Name) and target.id == public.name for target in targets):
                beside = body[place + 1] if place + 1 < len(body) else None
                value = ast.unparse(node.value)  # type: ignore[attr-defined]
                words = (
                    beside.value.value
                    if isinstance(beside, ast.Expr) and isinstance(beside.value, ast.Constant)
                    else ""
                )
                return f"`{public.name} = {value}`" + (f". {words}" if words else "")
    return ""


def _origins(public: Public) -> Iterator[str]:
    """Modules that the exporting one imports the name from."""
    for node in ast.parse(inspect.getsource(importlib.import_module(public.module))).body:
        if isinstance(node, ast.ImportFrom) and node.module and any(a.name == public.name for a in node.names):
            yield node.module
