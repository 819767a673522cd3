"""What the results of `certify` hold, row by row, and its tables: the score of each tool, and all answers side by side.

A row is a term of a study; `study`, `term`, `exact` and `slack` name it, and one array `(rows, seeds)` for each of `TOOLS`
holds what that tool found. `low` and `high` are the ends of jaxdl's intervals, `excess` what theory says that a plug-in adds
to bias². The arrays `bootstrap ...` hold mlxtend's loss, bias and variance for one data set at a time.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from experiments import certify_coverage

if TYPE_CHECKING:
    from experiments.certify import Config
    from jaxdl.truths import ReportCard, ReportCards

OURS, FROM_LABELS, MLXTEND, SKLEARN = TOOLS = ("jaxdl", "jaxdl, from labels", "mlxtend recipe", "scikit-learn recipe")
SIDE_BY_SIDE = (OURS, MLXTEND, SKLEARN)
KINDS = {
    "bias²": ("bias_squared",),
    "bias² + noise": ("bias_squared_plus_noise",),
    "total variance": ("total_variance",),
    "noise": ("noise",),
    "risk": ("risk",),
}
BY_SOURCE = "variance by source"


def kind_of(term: str) -> str:
    """The name of the kind of a term, which may be followed by its time."""
    name = term.split(" at ")[0]
    return next((kind for kind, names in KINDS.items() if name in names), BY_SOURCE)


def comparison(results: Mapping[str, Any], tools: tuple[str, ...]) -> "ReportCards":
    """The report cards of some tools, each with the rows for which it has an answer."""
    import numpy as np

    from jaxdl.truths import ReportCard, ReportCards
    from jaxdl.truths.certify import Sample, judge_sample

    places = list(zip(*(results[name].tolist() for name in ("study", "term", "exact", "slack")), strict=True))
    return ReportCards(
        {
            tool: ReportCard(
                tuple(
                    judge_sample(Sample(study, term, exact, slack, found))
                    for (study, term, exact, slack), found in zip(places, results[tool], strict=True)
                    if not np.isnan(found).any()
                )
            )
            for tool in tools
        }
    )


def score(card: "ReportCard", kind: str) -> str:
    """How many terms of one kind are right, of how many that the tool estimates."""
    rows = [row for row in card.rows if kind_of(row.term) == kind]
    return f"{sum(row.passed for row in rows)} of {len(rows)}" if rows else "-"


def rows_of(results: Mapping[str, Any], kind: str) -> Any:
    """The rows of one kind of term, as a mask."""
    import numpy as np

    return np.array([kind_of(str(term)) == kind for term in results["term"]])


def tables(config: "Config", results: Mapping[str, Any]) -> str:
    """Four blocks: right answers by kind of term, mlxtend's bootstrap of one data set, coverage, and every answer."""
    num_studies = len(set(results["study"].tolist()))
    lines = [
        f"Right answers on {num_studies} problems: averages over {config.num_seeds} seeds, "
        "right within 4 standard errors of the exact value",
        *_scores(results),
        "",
        *_bootstrap(config, results),
        "",
        *certify_coverage.table(results, config.num_repetitions),
        "",
        f"Every term: exact value, average ± standard error over {config.num_seeds} seeds, verdict",
        str(comparison(results, SIDE_BY_SIDE)),
    ]
    return "\n".join(lines)


def _scores(results: Mapping[str, Any]) -> list[str]:
    kinds = ["bias²", BY_SOURCE, *list(KINDS)[1:]]
    lines = [f"{'':22}" + "".join(f"{kind:>20}" for kind in kinds)]
    for tool, card in comparison(results, TOOLS).cards.items():
        lines.append(f"{tool:22}" + "".join(f"{score(card, kind):>20}" for kind in kinds))
    return lines


def _bootstrap(config: "Config", results: Mapping[str, Any]) -> list[str]:
    import numpy as np

    exact, found = results["bootstrap exact"], results["bootstrap formulas"]
    errors = found.std(axis=0, ddof=1) / np.sqrt(len(found))
    lines = [
        f"mlxtend's {config.num_rounds} bootstrap rounds of one data set, for least squares with n = 30 and p = 5: "
        f"averages over {len(found)} data sets",
        f"{'':14}{'exact':>10}{'mlxtend':>22}",
    ]
    names = ("loss (risk)", "bias²", "variance")
    lines += [
        f"{name:14}{true:10.5f}{f'{mean:.5f} ± {error:.1g}':>22}"
        for name, true, mean, error in zip(names, exact, found.mean(axis=0), errors, strict=True)
    ]
    itself = results["bootstrap itself"]
    checked = (
        f"mlxtend itself, run on {len(itself)} of them, differs by at most {np.abs(itself - found[: len(itself)]).max():.1g}"
        if len(itself)
        else 'mlxtend itself was not run: pip install "jaxdl[bench]"'
    )
    return [*lines, checked]
