"""`python -m jaxdl`: examine the installation, join the stores of shards, plan a study, or compare two."""

import argparse
import io
import sys
from pathlib import Path

from jaxdl.commands import questions


def main() -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m jaxdl", description=__doc__)
    tasks = parser.add_subparsers(dest="task", required=True)
    tasks.add_parser("doctor", help="what is installed, which devices, and three exact answers as a check")
    merging = tasks.add_parser("merge", help="copy the finished runs of other folders, of any depth, into one")
    merging.add_argument("target")
    merging.add_argument("sources", nargs="+")
    questions.add_plan(tasks)
    questions.add_compare(tasks)
    arguments = parser.parse_args()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a name of a folder may hold what the terminal lacks
    if arguments.task == "doctor":
        from jaxdl import doctor

        return doctor.main()
    from jaxdl.paths import as_path

    try:
        if arguments.task == "plan":
            from jaxdl.commands import plan

            return plan.main(arguments)
        if arguments.task == "compare":
            from jaxdl.commands import compare

            return compare.main(arguments)
        target, *sources = (as_path("merge", each) for each in (arguments.target, *arguments.sources))
        return _merge(target, sources)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


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
