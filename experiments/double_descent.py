"""What happens to bias, variance and their sources as the number of parameters p passes the number of examples n?

Least squares of minimum norm on p of 100 Gaussian features, where every term is known exactly (Belkin, Hsu & Xu, 2020);
and on p random ReLU features, with and without a ridge penalty, split by source as Adlam & Pennington (2020) and
d'Ascoli et al. (2020) do.

    python -m experiments.double_descent                    # half a minute on two cores, cold
    python -m experiments.double_descent --profile full     # some minutes

Expect the risk to peak at p = n and to fall again, bias² to have no peak, and the exact curves to lie within the errors
of measurement. With random features the peak is the interaction of data and initialisation, and a ridge removes it. For
finite p there is no closed form; at p = infinity the learner is regression with the arc-cosine kernel (Cho & Saul,
2009), in which only the data are random: that limit is measured with the same data, and drawn dashed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from experiments import runner

if TYPE_CHECKING:
    from jaxtyping import Array, Float
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from jaxdl.data.problems import Problem
    from jaxdl.decomposition import Decomposition
    from jaxdl.statistics import Claim
    from jaxdl.types import Dataset, Keys, Trial

LINEAR_PARTS = {
    "bias²": ("bias_squared",),
    "variance: inputs": ("variance[inputs]",),
    "variance: inputs × label noise": ("variance[inputs, labels]",),
}
FEATURE_PARTS = {
    "bias²": ("bias_squared",),
    "variance: data": ("variance[inputs]", "variance[labels]", "variance[inputs, labels]"),
    "variance: initialisation": ("variance[init]",),
    "variance: inputs × initialisation": ("variance[inputs, init]",),
    "variance: label noise × initialisation": ("variance[init, labels]", "variance[inputs, init, labels]"),
}
WITH_INIT = tuple(term for terms in FEATURE_PARTS.values() for term in terms if "init" in term)
RISK = ("risk",)


@dataclass(frozen=True)
class Config:
    """Sizes, and the criteria of the claims, all fixed before the data are seen."""

    num_examples: int = 40
    """n, for both models"""
    noise_std: float = 0.5
    """standard deviation of the label noise"""
    linear_sizes: tuple[int, ...] = (
        4, 8, 12, 16, 20, 25, 30, 31, 32, 33, 34, 35, 36, 38, 40, 42, 44, 45, 46, 47, 48, 49, 50, 55, 60, 70, 80, 90, 100,
    )  # fmt: skip
    """p, the Gaussian features in use; the truth uses as many as the last"""
    linear_levels: tuple[int, int] = (256, 16)
    """draws of the inputs, each with every draw of the label noise"""
    feature_sizes: tuple[int, ...] = (4, 8, 12, 16, 20, 25, 30, 35, 38, 40, 42, 45, 50, 60, 80, 110, 160, 240, 400)
    """p, the random ReLU features in use"""
    feature_levels: tuple[int, int, int] = (24, 16, 8)
    """draws of the inputs, the initialisation and the label noise, each with every other"""
    num_inputs: int = 10
    """input dimensions of the teacher network that random features learn"""
    num_points: int = 200
    """test points of the random features"""
    strength: float = 0.1
    """ridge penalty, in units of the kernel"""
    gap: int = 5
    """closer to n than this, tails are too heavy for intervals, and none is claimed"""
    agreement: float = 0.95
    """DD1: the share of terms that must lie within 3 standard errors of the exact value"""
    seed: int = 0
    """root of all random numbers"""

    def __post_init__(self) -> None:
        n, gap = self.num_examples, self.gap
        for name, sizes, needed in (
            ("linear_sizes", self.linear_sizes, {n // 2, n - gap, n + gap}),
            ("feature_sizes", self.feature_sizes, {n // 2, n - gap, n + gap, 2 * n}),
        ):
            if list(sizes) != sorted(set(sizes)) or not needed < set(sizes) or sizes[0] < 1 or sizes[-1] <= max(needed):
                msg = f"{name} is {sizes}; expected increasing numbers of features that hold {sorted(needed)} and end beyond"
                raise ValueError(msg)
        if min(*self.linear_levels, *self.feature_levels) < 3:
            msg = f"got levels {self.linear_levels} and {self.feature_levels}; standard errors need at least 3 of each"
            raise ValueError(msg)


PROFILES = {"quick": Config(), "full": Config(linear_levels=(2048, 32), feature_levels=(96, 32, 16))}


def measure(config: Config, options: runner.Options) -> Mapping[str, Any]:
    """Four studies as flat arrays: `linear`, `minimum norm`, `ridge`, and `kernel`, the limit of the last two."""
    import jax
    import jax.numpy as jnp
    from threadpoolctl import threadpool_limits

    from jaxdl import decompose, designs, learners, models
    from jaxdl.data import problems
    from jaxdl.decomposition import Target

    n, num_linear, num_features = config.num_examples, config.linear_sizes[-1], config.feature_sizes[-1]
    key_linear, key_teacher, key_features = jax.random.split(jax.random.key(config.seed), 3)
    linear, features = models.linear(intercept=False), models.random_features(num_features)
    gaussian = problems.gaussian_linear(jnp.full(num_linear, num_linear**-0.5), config.noise_std)
    teacher = problems.teacher_network(key_teacher, config.num_inputs, 50, noise_std=config.noise_std)
    x_linear, x_teacher = gaussian.test_points(num_linear), teacher.test_points(config.num_points)

    def first(p, total):
        return (jnp.arange(total) < p).astype(float)

    def fit_linear(keys, train, p):
        return linear.apply(learners.least_squares(linear, mask=first(p, num_linear))(keys, train), x_linear)

    def fit_minimum_norm(keys, train, p):
        return features.apply(learners.least_squares(features, mask=first(p, num_features))(keys, train), x_teacher)

    def fit_ridge(keys, train, p):
        # The kernel of p features is p / num_features times that of all: the penalty follows it.
        fit = learners.ridge(features, config.strength * p / num_features, mask=first(p, num_features))
        return features.apply(fit(keys, train), x_teacher)

    def fit_kernel(keys, train, strength):
        del keys
        gram = arc_cosine_kernel(train.x, train.x) + strength * jnp.eye(n)
        return arc_cosine_kernel(x_teacher, train.x) @ jax.scipy.linalg.solve(gram, train.y, assume_a="pos")

    def study(name, fit, problem, points, key, settings, **levels):
        result = decompose(
            for_all_labels(problem, n, fit), designs.crossed(**levels), key, inner=("labels",), dims=("points", "out"),
            target=Target(mean=problem.mean(points), noise=config.noise_std**2), settings=jnp.array(settings, jnp.float32),
            block=16, training_size=n, strict=options.strict, progress=options.progress,
        )  # fmt: skip
        return flat(name, result)

    inputs, init, labels = config.feature_levels
    common = (teacher, x_teacher, key_features)
    # XLA gives each core a matrix of its own; were BLAS to split each again, its threads would fight for the cores.
    with threadpool_limits(1, user_api="blas"):
        num_inputs, num_labels = config.linear_levels
        results = study(
            "linear", fit_linear, gaussian, x_linear, key_linear, config.linear_sizes, inputs=num_inputs, labels=num_labels
        )
        for name, fit in (("minimum norm", fit_minimum_norm), ("ridge", fit_ridge)):
            results |= study(name, fit, *common, config.feature_sizes, inputs=inputs, init=init, labels=labels)
        return results | study("kernel", fit_kernel, *common, (0.0, config.strength), inputs=inputs, labels=labels)


def for_all_labels(problem: "Problem", n: int, fit: "Callable[[Keys, Dataset, Array], Array]") -> "Trial":
    """A trial over all levels of the label noise at once, so that what depends on the inputs alone is computed once."""
    import jax

    def trial(keys, setting):
        def with_labels(key_labels):
            train = problem.sample({"inputs": keys["inputs"], "labels": key_labels}, n)
            return fit(keys, train, setting)

        return jax.vmap(with_labels)(keys["labels"])

    return trial


def arc_cosine_kernel(x: "Float[Array, 'n features']", z: "Float[Array, 'm features']") -> "Float[Array, 'n m']":
    """E[relu(w·x + b) relu(w·z + b)] for w ~ N(0, I / features) and b ~ N(0, 1), the law of `models.random_features`.

        |u| |v| (sin t + (pi - t) cos t) / (2 pi),   u = (x / sqrt(features), 1), v likewise, t the angle between them

    The limit of the random features' own kernel as their number grows. Source: Cho & Saul (2009), of degree one.
    """
    import jax.numpy as jnp

    u, v = (jnp.pad(a / a.shape[1] ** 0.5, ((0, 0), (0, 1)), constant_values=1.0) for a in (x, z))
    norms = jnp.linalg.norm(u, axis=1)[:, None] * jnp.linalg.norm(v, axis=1)[None, :]
    cosine = jnp.clip(jnp.matmul(u, v.T, precision="highest") / norms, -1, 1)
    angle = jnp.arccos(cosine)
    return norms * (jnp.sin(angle) + (jnp.pi - angle) * cosine) / (2 * jnp.pi)


def flat(study: str, result: "Decomposition") -> dict[str, Any]:
    """Estimates (terms, settings), and the same with one level of a factor left out (terms, levels, settings)."""
    import numpy as np

    from jaxdl.decomposition.result import label_of

    arrays = {f"{study}.terms": [label_of(term) for term in result.estimates]}
    arrays[f"{study}.estimates"] = np.stack(list(result.estimates.values()))
    for factor, replicates in result.replicates.items():
        arrays[f"{study}.without one of {factor}"] = np.stack(list(replicates.values()))
    return arrays


class Measured(NamedTuple):
    """A number or an array of them, with its jackknife standard error and 95 % interval."""

    estimate: Any
    standard_error: Any
    interval: Any


def measured(results: Mapping[str, Any], study: str, terms: tuple[str, ...], weights: Any = None) -> Measured:
    """The sum of some terms at each setting; with `weights`, its weighted sum over settings, such as a difference."""
    import numpy as np

    from jaxdl.statistics import t_interval

    rows = [list(results[f"{study}.terms"]).index(term) for term in terms]

    def combined(values):
        total = values[rows].sum(axis=0)
        return total if weights is None else total @ weights

    estimate = combined(results[f"{study}.estimates"])
    deleted = [combined(values) for name, values in results.items() if name.startswith(f"{study}.without")]
    parts = [((len(values) - 1) * values.var(axis=0), len(values) - 1) for values in deleted]
    variance = sum(part for part, _ in parts)
    freedom = variance**2 / sum(part**2 / degrees for part, degrees in parts)  # Satterthwaite (1946)
    return Measured(estimate, np.sqrt(variance), t_interval(estimate, np.sqrt(variance), freedom))


def exact(config: Config, sizes: Any, terms: tuple[str, ...]) -> Any:
    """The sum of some terms of the linear model in closed form; nan for n - 1 <= p <= n + 1, where it is infinite."""
    import numpy as np

    from jaxdl.decomposition.result import label_of
    from jaxdl.truths.random_design import minimum_norm_terms

    def at(p):
        if abs(p - config.num_examples) <= 1:
            return np.nan
        values = minimum_norm_terms(config.num_examples, p, config.linear_sizes[-1], 1.0, config.noise_std)
        return sum(value for term, value in values.items() if label_of(term) in terms)

    return np.array([at(int(p)) for p in sizes])


def claimed(config: Config, sizes: Any) -> Any:
    """Where intervals are claimed: away from p = n, where squares of squares have no finite mean."""
    import numpy as np

    return np.abs(np.asarray(sizes) - config.num_examples) >= config.gap


def tables(config: Config, results: Mapping[str, Any]) -> str:
    """Linear model: measured ± s.e., exact, and their distance in standard errors. Random features: every part."""
    import numpy as np

    n = config.num_examples

    def cell(value, error, is_claimed):
        return f"{value:9.4f} ± {f'{error:.4f}' if is_claimed else 'none':<7}"

    lines = [
        f"Linear model, n = {n}, noise {config.noise_std**2:.4g}: measured ± s.e., exact, (measured - exact) / s.e.;",
        f"no error is claimed for |p - n| < {config.gap}, and at |p - n| <= 1 the exact variances are infinite",
    ]
    sizes = config.linear_sizes
    trusted = claimed(config, sizes)
    columns = LINEAR_PARTS | {"variance: label noise": ("variance[labels]",), "risk": RISK}
    for names in (("bias²", "variance: inputs", "risk"), ("variance: inputs × label noise", "variance: label noise")):
        lines += ["", "    p" + "".join(f"  {name:^34}" for name in names)]
        for index, p in enumerate(sizes):
            line = f"{p:5d}"
            for name in names:
                value, error, _ = (part[index] for part in spread(measured(results, "linear", columns[name])))
                truth = exact(config, [p], columns[name])[0]
                score = f"{(value - truth) / error:+5.1f}" if trusted[index] else "     "
                line += f"  {cell(value, error, trusted[index])} {truth:9.4f} {score}"
            lines.append(line.rstrip())
    return "\n".join(lines)
