"""`python -m jaxdl`: examine the installation, take an error apart, diagnose a table, plan a study, compare two, join stores."""

import io
import sys
import warnings
from pathlib import Path
from typing import Any

from jaxdl.commands.options import parser


def main() -> int:
    """Run the command line; returns the exit status."""
    arguments = parser().parse_args()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a name of a folder may hold what the terminal lacks
    if arguments.task == "doctor":
        from jaxdl import doctor

        return doctor.main()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = _print_warning
        try:
            return _run(arguments)
        except (ValueError, OSError, ImportError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 1


def _run(arguments: Any) -> int:
    """The task that was asked for, whose module is imported now."""
    if arguments.task == "decompose":
        from jaxdl.commands import decompose

        return decompose.main(arguments)
    if arguments.task == "diagnose":
        from jaxdl.commands import diagnose

        return diagnose.main(arguments)
    if arguments.task == "plan":
        from jaxdl.commands import plan

        return plan.main(arguments)
    if arguments.task == "compare":
        from jaxdl.commands import compare

        return compare.main(arguments)
    from jaxdl.paths import as_path

    target, *sources = (as_path("merge", each) for each in (arguments.target, *arguments.sources))
    return _merge(target, sources)


def _print_warning(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    """Warnings of jaxdl as a line; those of other packages are for programmers."""
    if issubclass(category, UserWarning):
        print(f"warning: {message}", file=sys.stderr)


def _merge(target: Path, sources: list[Path]) -> int:
    """Merge every store below the sources into the same place below the target."""
    from jaxdl import ensembles
    from jaxdl.ensembles.store import STUDY

    for source in sources:
        stores = sorted(path.parent for path in source.rglob(STUDY))
        if not stores:
            print(f"error: no finished runs below {source}", file=sys.stderr)
            return 1
        for store in stores:
            place = target / store.relative_to(source)
            try:
                print(f"{place}: {ensembles.merge(place, store)} new records")
            except ensembles.StoreError as error:
                print(f"error: {error}", file=sys.stderr)
                return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
