"""Arrays that name their own axes, as those of xarray do: axes are read by their place, which the names must not contradict."""

from typing import Any

from jaxdl.decomposition.target import Target


def check_names(argument: str, names: Any, axes: tuple[str, ...]) -> None:
    """Refuse an array that names its own axes, as xarray's do, when a name that is ours stands at another place."""
    if not isinstance(names, tuple) or len(names) != len(axes):
        return
    if any(name in axes and name != axis for name, axis in zip(names, axes, strict=True)):
        wanted = iter([name for name in names if name not in axes])
        order = ", ".join(repr(axis if axis in names else next(wanted, axis)) for axis in axes)
        msg = f"{argument}: got axes named {names}, expected {axes}, as factors and dims name them; pass "
        msg += f"{argument}.transpose({order})"
        raise ValueError(msg)


def check_names_of_target(target: Any, dims: tuple[str, ...]) -> None:
    """As `check_names`, of the fields of a target, which have no times."""
    axes = tuple(name for name in dims if name != "times")
    for field, value in target._asdict().items() if isinstance(target, Target) else ():
        leading = ("replicates",) if field == "replicates" else ()
        check_names(field, getattr(value, "dims", None), (*leading, *axes))
