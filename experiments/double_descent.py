"""What happens to bias, variance and their sources as the number of parameters p passes the number of examples n?

Least squares of minimum norm on p of 100 Gaussian features, where every term is known exactly (Belkin, Hsu & Xu, 2020);
and on p random ReLU features, with and without a ridge penalty, split by source as Adlam & Pennington (2020) and
d'Ascoli et al. (2020) do.

    python -m experiments.double_descent                    # half a minute on two cores, cold
    python -m experiments.double_descent --profile full     # four minutes

Expect the risk to peak at p = n and to fall again, bias² to have no peak, and the exact curves to lie within the errors
of measurement. With random features the peak is the interaction of initialisation and data, and a ridge removes it. For
finite p there is no closed form; at p = infinity the learner is regression with the arc-cosine kernel (Cho & Saul,
2009), in which only the data are random: that limit is measured with the same data, and drawn dashed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from experiments import double_descent_claims, double_descent_figures, double_descent_results, runner

if TYPE_CHECKING:
    from jaxtyping import Array, Float

    from jaxdl.data.problems import Problem
    from jaxdl.decomposition import Decomposition
    from jaxdl.types import Dataset, Keys, Trial


@dataclass(frozen=True)
class Config:
    """Sizes, chosen on pilot runs, and the criteria of the claims."""

    num_examples: int = 40
    """n, for both models"""
    noise_std: float = 0.3
    """standard deviation of the label noise"""
    linear_sizes: tuple[int, ...] = (
        4, 8, 12, 16, 20, 25, 30, 31, 32, 33, 34, 35, 36, 38, 40, 42, 44, 45, 46, 47, 48, 49, 50, 55, 60, 70, 80, 90, 100,
    )  # fmt: skip
    """p, the Gaussian features in use; the truth uses as many as the last"""
    linear_levels: tuple[int, int] = (256, 16)
    """draws of the inputs, each with every draw of the label noise"""
    feature_sizes: tuple[int, ...] = (4, 7, 10, 15, 20, 25, 30, 35, 38, 40, 42, 45, 50, 60, 80, 120, 200, 400)
    """p, the random ReLU features in use"""
    feature_levels: tuple[int, int, int] = (32, 16, 8)
    """draws of the inputs, the initialisation and the label noise, each with every other"""
    num_inputs: int = 8
    """input dimensions of the teacher network that random features learn"""
    num_points: int = 200
    """its test points"""
    input_scale: float = 10.0
    """factor of the inputs: at 1, the biases leave one feature in twenty active at only one or two of the examples, and
    its weight then has no finite variance for p < n; at 10, one in a million"""
    strength: float = 2.0
    """ridge penalty; the diagonal of the kernel is about input_scale² / 2"""
    gap: int = 5
    """closer to n than this no errors are claimed. With Gaussian features a measured variance has itself a finite variance
    for |p - n| > 3, and its standard error has one for |p - n| > 7: in between, errors are often too small"""
    agreement: float = 0.95
    """DD1: the share of terms that must lie within 3 standard errors of the exact ones"""
    seed: int = 0
    """root of all random numbers"""

    def __post_init__(self) -> None:
        n, gap = self.num_examples, self.gap
        for name, needed in (
            ("linear_sizes", {n // 2, n - gap, n + gap}),
            ("feature_sizes", {n // 2, n - gap, n + gap, 2 * n}),
        ):
            sizes = getattr(self, name)
            increasing = list(sizes) == sorted(set(sizes)) and min(sizes, default=0) > 0
            if not increasing or not needed <= set(sizes) or sizes[-1] <= max(needed):
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

    from jaxdl import designs, learners, models
    from jaxdl.data import problems
    from jaxdl.decomposition import Target

    n, num_linear, num_features = config.num_examples, config.linear_sizes[-1], config.feature_sizes[-1]
    key_linear, key_teacher, key_features = jax.random.split(jax.random.key(config.seed), 3)
    gaussian = problems.gaussian_linear(jnp.full(num_linear, num_linear**-0.5), config.noise_std)
    teacher = problems.teacher_network(key_teacher, config.num_inputs, 50, noise_std=config.noise_std)
    linear, features = models.linear(intercept=False), models.random_features(num_features)
    x_linear, x_teacher = gaussian.test_points(num_linear), teacher.test_points(config.num_points)
    x_scaled = config.input_scale * x_teacher

    def fit_linear(keys, train, p):
        mask = (jnp.arange(num_linear) < p).astype(float)
        return linear.apply(learners.least_squares(linear, mask=mask)(keys, train), x_linear)

    def fit_features(keys, train, setting):
        p, strength = setting["p"], setting["strength"]
        mask = (jnp.arange(num_features) < p).astype(float)
        scaled = train._replace(x=config.input_scale * train.x)
        # The kernel of p features is p / num_features times that of all: the penalty follows it.
        with_ridge = learners.ridge(features, strength * p / num_features, mask=mask)
        without = learners.least_squares(features, mask=mask)
        variables = jax.lax.cond(strength > 0, lambda: with_ridge(keys, scaled), lambda: without(keys, scaled))
        return features.apply(variables, x_scaled)

    def fit_kernel(keys, train, strength):
        del keys
        x = config.input_scale * train.x
        gram = arc_cosine_kernel(x, x) + strength * jnp.eye(n)
        weights = jax.scipy.linalg.solve(gram, train.y, assume_a="pos")
        return jnp.matmul(arc_cosine_kernel(x_scaled, x), weights, precision="highest")

    def decomposed(study, fit, problem, points, key, settings, **levels):
        return options.decompose(
            study, for_all_labels(problem, n, fit), designs.crossed(**levels), key, settings=settings, inner=("labels",),
            target=Target(mean=problem.mean(points), noise=config.noise_std**2), dims=("points", "out"), block=16,
            training_size=n, strict=options.strict,
        )  # fmt: skip

    sizes, p = jnp.array(config.linear_sizes, float), jnp.array(config.feature_sizes, float)
    strengths = jnp.array([0.0, config.strength])
    pairs = {"p": jnp.tile(p, 2), "strength": jnp.repeat(strengths, len(p))}
    common = (teacher, x_teacher, key_features)
    num_inputs, num_labels = config.linear_levels
    inputs, init, labels = config.feature_levels

    def by_size() -> dict[str, Any]:
        levels = {"inputs": num_inputs, "labels": num_labels}
        return flat("linear", decomposed("linear", fit_linear, gaussian, x_linear, key_linear, sizes, **levels))

    def by_features() -> dict[str, Any]:
        result = decomposed("features", fit_features, *common, pairs, inputs=inputs, init=init, labels=labels)
        return {**flat("minimum norm", result, slice(len(p))), **flat("ridge", result, slice(len(p), None))}

    def limits() -> dict[str, Any]:
        return flat("kernel", decomposed("kernel", fit_kernel, *common, strengths, inputs=inputs, labels=labels))

    return {**options.part(by_size), **options.part(by_features), **options.part(limits)}


def for_all_labels(problem: "Problem", n: int, fit: "Callable[[Keys, Dataset, Any], Array]") -> "Trial":
    """A trial over all levels of the label noise at once, so that what depends on the inputs alone is computed once."""
    import jax

    def trial(keys, setting):
        def with_labels(key_labels):
            return fit(keys, problem.sample({"inputs": keys["inputs"], "labels": key_labels}, n), setting)

        return jax.vmap(with_labels)(keys["labels"])

    return trial


def arc_cosine_kernel(x: "Float[Array, 'n features']", z: "Float[Array, 'm features']") -> "Float[Array, 'n m']":
    """E[relu(w·x + b) relu(w·z + b)] for w ~ N(0, I / features) and b ~ N(0, 1), the law of `models.random_features`.

        |u| |v| (sin t + (pi - t) cos t) / (2 pi),   u = (x / sqrt(features), 1), v likewise, t the angle between them

    The limit of the random features' own kernel as their number grows. Source: Cho & Saul (2009), degree one.
    """
    import jax.numpy as jnp

    u, v = (jnp.pad(a / a.shape[1] ** 0.5, ((0, 0), (0, 1)), constant_values=1.0) for a in (x, z))
    norms = jnp.linalg.norm(u, axis=1)[:, None] * jnp.linalg.norm(v, axis=1)[None, :]
    cosine = jnp.clip(jnp.matmul(u, v.T, precision="highest") / norms, -1, 1)
    angle = jnp.arccos(cosine)
    return norms * (jnp.sin(angle) + (jnp.pi - angle) * cosine) / (2 * jnp.pi)


def flat(study: str, result: "Decomposition", settings: slice = slice(None)) -> dict[str, Any]:
    """Estimates (terms, settings), and the same with one level of a factor left out (terms, levels, settings)."""
    import numpy as np

    from jaxdl.decomposition.named_terms import label_of

    arrays = {f"{study}.terms": np.array([label_of(term) for term in result.estimates])}
    for name, values in {"estimates": result.estimates, **result.replicates}.items():
        label = name if name == "estimates" else f"without one of {name}"
        arrays[f"{study}.{label}"] = np.stack(list(values.values()))[..., settings]
    return arrays


EXPERIMENT = runner.Experiment(
    name="double_descent",
    description=__doc__,
    profiles=PROFILES,
    measure=measure,
    tables=double_descent_results.tables,
    plot=double_descent_figures.plot,
    claims=double_descent_claims.claims,
)

if __name__ == "__main__":
    raise SystemExit(runner.main(EXPERIMENT))
