"""JSON that others may have written: whether it has the form that is expected, told by the types of Python."""

import json
import math
import types
from pathlib import Path
from typing import Any, Literal, TypedDict, Union, get_args, get_origin, get_type_hints, is_typeddict

LARGEST = 2**32 - 1
"""Of whole numbers: jax takes seeds beyond it for others, and nothing has so many runs."""
Number = float | Literal["nan", "inf", "-inf"]


class Configured(TypedDict):
    """A config.json."""

    experiment: str
    profile: str
    fields: dict[str, Any]


class Devices(TypedDict):
    """In a manifest."""

    kind: str
    count: int


class Commit(TypedDict):
    """In a manifest."""

    commit: str
    dirty: bool


class Packages(TypedDict):
    """In a manifest."""

    jax: str | None


class Manifest(TypedDict):
    """A manifest.json: the part that is shown."""

    command: str
    finished: str
    seconds: float
    dtype: str
    devices: Devices
    packages: Packages
    environment: dict[str, str]
    git: Commit | None
    config_sha256: str


class Claimed(TypedDict):
    """One of the claims.json."""

    number: str
    statement: str
    source: str
    estimate: Number
    interval: tuple[Number, Number]
    theory: Number | None
    theory_note: str
    criterion: str
    condition: str
    verdict: Literal["supported", "refuted", "restricted", "inconclusive"]
    reading: str


class Verdicts(TypedDict):
    """What is kept of a run at full size."""

    config: Configured
    manifest: Manifest
    claims: list[Claimed]


def read(path: Path, form: Any) -> Any:
    """The content of a JSON file, once it is known to have the `form`.

    Raises OSError when it cannot be read, and ValueError for another form.
    """
    content = content_of(path)
    try:
        value = json.loads(content.decode())
    except (ValueError, RecursionError) as error:
        msg = f"{path.name} is no JSON: {type(error).__name__}: {error}"
        raise ValueError(msg) from error
    check(value, form, path.name)
    return value


def content_of(path: Path) -> bytes:
    """What a file holds; raises OSError when it cannot be read, and ValueError for a pipe, which would be waited for."""
    if path.exists() and not path.is_file():
        msg = f"{path.name} is no regular file"
        raise ValueError(msg)
    return path.read_bytes()


def check(value: Any, form: Any, place: str) -> None:
    """Raises ValueError, which names the place, unless JSON's `value` has the `form`: a type, as in an annotation."""
    found = wrong(value, form, place)
    if found is not None:
        place, value, form = found
        expected = getattr(form, "__name__", str(form)) if not get_args(form) else str(form)
        limits = {int: f"a whole number from -{LARGEST} to {LARGEST}", float: "a finite number"}
        msg = f"{place}: got {ascii(value)[:60]}, expected {limits.get(form, expected)}"
        raise ValueError(msg)


def wrong(value: Any, form: Any, place: str) -> tuple[str, Any, Any] | None:
    """The first place where `value` does not have the `form`, with what is there and what is expected; None if it does."""
    if form is Any:
        return None
    origin, inner = get_origin(form), get_args(form)
    parts: list[tuple[Any, Any, str]] = []
    if is_typeddict(form):
        is_right = isinstance(value, dict) and form.__required_keys__ <= value.keys()
        parts = (
            [(value[name], each, f"{place}: {name}") for name, each in get_type_hints(form).items()] if is_right else []
        )
    elif origin in (Union, types.UnionType):
        is_right = any(wrong(value, each, place) is None for each in inner)
    elif origin is Literal:
        is_right = any(type(value) is type(each) and value == each for each in inner)
    elif origin is dict:
        is_right = isinstance(value, dict)
        parts = [(each, inner[1], f"{place}: {name}") for name, each in value.items()] if is_right else []
    elif origin is tuple and inner[-1] is not Ellipsis:
        is_right = isinstance(value, list | tuple) and len(value) == len(inner)
        parts = [(each, one, place) for each, one in zip(value, inner, strict=True)] if is_right else []
    elif origin in (tuple, list):
        is_right = isinstance(value, list | tuple)
        parts = [(each, inner[0], place) for each in value] if is_right else []
    elif form is int:
        is_right = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST
    elif form is float:
        is_right = (isinstance(value, float) and math.isfinite(value)) or wrong(value, int, place) is None
    else:
        is_right = isinstance(value, form)
    if not is_right:
        return place, value, form
    return next(filter(None, (wrong(*part) for part in parts)), None)
