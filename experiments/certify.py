"""Do tools that measure bias and variance return the right answer, where the right answer is known exactly?

Sixteen problems with exact terms go through jaxdl, through the formulas of mlxtend's `bias_variance_decomp` and through
those of scikit-learn's example "single estimator versus bagging". All see the same runs and labels, drawn anew for each
seed; a term is right when its average over seeds lies within 4 of its own standard errors of the exact value. On least
squares, mlxtend also draws its own rounds, from one data set, and is run itself where it is installed.

    python -m experiments.certify                     # half a minute on two cores, cold
    python -m experiments.certify --profile full      # five minutes

Expect jaxdl to be right everywhere, from the known mean and from replicate labels alone. Expect mlxtend's bias² to hold
the noise, and both recipes' bias² to hold the variance of the mean of the runs, which their variance lacks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from experiments import certify_claims, certify_coverage, certify_figures, certify_results, runner
from experiments.certify_results import TOOLS

if TYPE_CHECKING:
    import jax

    from jaxdl.truths import Exact, Study
    from jaxdl.truths.certify import Estimator


@dataclass(frozen=True)
class Config:
    """Sizes of the studies, and the criteria of the claims."""

    num_seeds: int = 40
    """studies of each problem, whose average is judged"""
    num_runs: int = 50
    """trainings in a study of independent runs, as in scikit-learn's example"""
    levels: tuple[int, int] = (16, 8)
    """levels of the two factors in crossed and nested studies"""
    levels_of_three: int = 8
    """levels of each of three factors"""
    num_data_sets: int = 200
    """data sets that are bootstrapped, one at a time"""
    num_rounds: int = 50
    """bootstrap rounds for each"""
    num_checked: int = 5
    """of these data sets, how many mlxtend itself is run on"""
    num_repetitions: int = 100
    """studies of each line of the table of coverage"""
    smallest_share: float = 0.98
    """CERT1: the share of terms that must be right"""
    ratio: tuple[float, float] = (0.9, 1.1)
    """CERT2, CERT3: where the found excess, divided by the predicted one, must lie"""
    smallest_coverage: float = 0.9
    """CERT6: the share of 95 % intervals that must hold the exact value"""
    seed: int = 0
    """root of all random numbers"""

    def __post_init__(self) -> None:
        if min(*self.levels, self.levels_of_three, self.num_runs) < 3 or min(self.num_seeds, self.num_data_sets) < 2:
            msg = "got too small a study; intervals need 3 levels of each factor, and averages 2 seeds and 2 data sets"
            raise ValueError(msg)


PROFILES = {
    "quick": Config(),
    "full": Config(num_seeds=1000, num_data_sets=4000, num_checked=100, num_repetitions=2000),
}


def measure(config: Config, options: runner.Options) -> Mapping[str, Any]:
    """For every term of every study, `TOOL "rows seeds"`, nan where a tool has no estimate; and, for one data set at a
    time, mlxtend's `"data_sets 3"` of loss, bias and variance.
    """
    import jax
    import numpy as np

    from jaxdl import truths
    from jaxdl.ensembles.progress import progress_of
    from jaxdl.truths.certify import sample

    key_studies, key_data_sets = jax.random.split(jax.random.key(config.seed))
    problems = studies(config)
    tools = (truths.unbiased, truths.unbiased_from_labels, truths.mlxtend_recipe, truths.sklearn_recipe)
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    with progress_of(len(problems), options.progress) as advance:
        for index, (study, exact) in enumerate(problems):
            estimators = {
                **dict(zip(TOOLS, tools, strict=True)), "low": end_of_intervals(0), "high": end_of_intervals(1),
                "excess": plug_in_excess(exact),
            }  # fmt: skip
            key = jax.random.fold_in(key_studies, index)
            found = sample(study, exact, key, estimators=estimators, num_seeds=config.num_seeds)
            for name, samples in found.items():
                for each in samples:
                    row = rows.setdefault((each.study, each.term), {"exact": each.exact, "slack": each.slack})
                    row[name] = each.estimates
            advance(1)
    nothing = np.full(config.num_seeds, np.nan)
    return {
        "study": np.array([study for study, _ in rows]),
        "term": np.array([term for _, term in rows]),
        **{name: np.array([row[name] for row in rows.values()]) for name in ("exact", "slack")},
        **{
            name: np.array([row.get(name, nothing) for row in rows.values()])
            for name in (*TOOLS, "low", "high", "excess")
        },
        **bootstrapped(config, key_data_sets),
        **certify_coverage.measure(config.num_repetitions, config.seed),
    }


def studies(config: Config) -> "list[tuple[Study, Exact]]":
    """The problems, in the order in which they are shown: independent runs first."""
    from jaxdl import truths

    suite = truths.suite(num_runs=config.num_runs, levels=config.levels, levels_of_three=config.levels_of_three)
    # The other tools know the squared error alone.
    return [(study, exact) for study, exact in suite if study.loss is None]


def end_of_intervals(which: int) -> "Estimator":
    """The lower (0) or upper (1) ends of our 95 % intervals, in place of the estimates."""

    def ends(study, predictions, labels):
        del labels
        return {term: ends[which] for term, ends in study.decompose(predictions, study.target).intervals.items()}

    return ends


def plug_in_excess(exact: "Exact") -> "Estimator":
    """What a plug-in adds to bias², in theory, in place of its estimate."""
    from jaxdl.truths.recipes import variance_of_the_mean

    def excess(study, predictions, labels):
        del labels
        return {"bias_squared": variance_of_the_mean(study, exact, predictions.shape[: len(study.factors)])}

    return excess


def bootstrapped(config: Config, key: "jax.Array") -> dict[str, Any]:
    """What mlxtend returns for one data set at a time: by the plug-in formulas, and where it is installed by itself.

    The problem is that of the least squares with n = 30 among `studies`.
    """
    import importlib.util

    import jax
    import numpy as np

    from jaxdl import truths

    study, exact = truths.bootstrapped_least_squares(num_rounds=config.num_rounds)
    installed = importlib.util.find_spec("mlxtend") is not None
    terms = ("risk", "bias_squared", "total_variance")
    formulas, itself = [], []
    for index in range(config.num_data_sets):
        key_data, key_labels = jax.random.split(jax.random.fold_in(key, index))
        labels = study.draw_labels(key_labels)
        found = truths.mlxtend_recipe(study, study.predictions(key_data), labels)
        formulas.append([found[term] for term in terms])
        if installed and index < config.num_checked:
            data = truths.one_data_set(key_data, 30, 5, 1.0)
            itself.append(truths.run_mlxtend(data, labels[0], num_rounds=config.num_rounds))
    return {
        "bootstrap exact": np.array([exact[term] for term in terms]),
        "bootstrap formulas": np.array(formulas),
        "bootstrap itself": np.array(itself).reshape(-1, 3),
    }


EXPERIMENT = runner.Experiment(
    name="certify",
    description=__doc__,
    profiles=PROFILES,
    measure=measure,
    tables=certify_results.tables,
    plot=certify_figures.plot,
    claims=certify_claims.claims,
)

if __name__ == "__main__":
    raise SystemExit(runner.main(EXPERIMENT))
