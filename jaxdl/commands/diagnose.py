"""`python -m jaxdl diagnose`: what limits a learner on a table, and what to do next."""

import argparse
import sys

from jaxdl.diagnosis import diagnose, read_examples
from jaxdl.diagnosis.report import as_page, as_text
from jaxdl.files import write_atomically
from jaxdl.paths import as_file, as_path


def main(arguments: argparse.Namespace) -> int:
    """Print the report, and write its page where that was asked for."""
    file = as_file("table", arguments.table)
    page = None if arguments.report is None else as_path("report", arguments.report)
    if page is not None and (page.suffix not in (".html", ".htm") or not page.parent.is_dir()):
        msg = (
            f"report: got {arguments.report!r}, expected the name of an .html file in a folder that is there; name one"
        )
        raise ValueError(msg)
    left_out = () if arguments.leave_out is None else tuple(name.strip() for name in arguments.leave_out.split(","))
    examples = read_examples(
        file,
        arguments.target,
        task=arguments.task_of_target,
        delimiter=arguments.delimiter,
        leave_out=left_out,
        encoding=arguments.encoding,
    )
    found = diagnose(
        examples, arguments.model, seed=arguments.seed, workers=arguments.workers, progress=sys.stderr.isatty()
    )
    print(as_text(found, file.name))
    if page is not None:
        write_atomically(page, as_page(found, file.name).encode())
        print(f"\nwritten: {page}")
    return 0
