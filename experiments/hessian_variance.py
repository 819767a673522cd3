"""How far from the truth is the largest eigenvalue of a Hessian that is estimated from data, and how much does it scatter?

Least squares on Gaussian inputs first: there the Hessian is a Wishart matrix, and Tracy and Widom's law (Johnstone, 2001; Ma, 2012)
predicts both. Then networks on digits: the largest eigenvalue of a minibatch's Hessian at fixed parameters, against that
of all examples. It is too large on average, whatever the batch size, since the largest eigenvalue is a convex function
(Jensen); it falls with the batch size, and for large batches perturbation theory gives the slope of 1 / B exactly.

    python -m experiments.hessian_variance                   # half a minute, two cores
    python -m experiments.hessian_variance --profile full    # two to five minutes

Expect the error of an extreme eigenvalue to be bias, hardly variance, and the mean eigenvalue to be unbiased. Expect the
curvature of a small batch to be a multiple of the curvature of all data.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from experiments import hessian_variance_claims, hessian_variance_figures, hessian_variance_results, runner

if TYPE_CHECKING:
    import jax

    from jaxdl.types import Dataset, Model


@dataclass(frozen=True)
class Config:
    """Sizes, and the criteria of the claims."""

    num_features: int = 100
    """d, the inputs of least squares: independent, of variance one"""
    num_examples: int = 400
    """N, for the comparison with the Tracy-Widom law"""
    num_data_sets: int = 1500
    """data sets of that size"""
    other_sizes: tuple[int, ...] = (200, 800, 1600)
    """other numbers of examples"""
    num_other_data_sets: int = 96
    """data sets, each cut to every one of these sizes"""
    mean_agreement: float = 2.0
    """HV1: how many standard errors the mean may be from the Tracy-Widom law's"""
    spread_agreement: float = 0.05
    """HV1: how far the standard deviation may be from that law's, relative to it"""
    num_networks: int = 2
    """networks on digits, from initialisations of their own"""
    num_units: int = 8
    """their hidden tanh units"""
    num_steps: int = 100
    """steps of Adam on all digits, at a rate of 0.01"""
    batch_sizes: tuple[int, ...] = (16, 64, 256, 1024)
    """examples in a minibatch, drawn with replacement"""
    num_batches: int = 24
    """minibatches, each cut to every one of these sizes"""
    slope_agreement: tuple[float, float] = (0.8, 1.25)
    """HV4: where the bias of the largest batches, divided by the predicted one, must lie"""
    seed: int = 0
    """root of all random numbers"""

    def __post_init__(self) -> None:
        if min(self.num_data_sets, self.num_other_data_sets, self.num_batches) < 3:
            msg = "num_data_sets, num_other_data_sets and num_batches must be at least 3 for standard errors"
            raise ValueError(msg)
        for name, least in (("other_sizes", 1), ("batch_sizes", 2)):
            sizes = getattr(self, name)
            if list(sizes) != sorted(set(sizes)) or len(sizes) < least or min(sizes) < 1:
                msg = f"{name} is {sizes}; expected {least} or more positive numbers, increasing"
                raise ValueError(msg)


PROFILES = {
    "quick": Config(),
    "full": Config(
        other_sizes=(200, 800, 1600, 3200), num_other_data_sets=1500, num_networks=4,
        batch_sizes=(16, 32, 64, 128, 256, 512, 1024), num_batches=96,
    ),
}  # fmt: skip


def measure(config: Config, options: runner.Options) -> Mapping[str, Any]:
    """`linear` and `sizes`: (size,) data set, and (largest, smallest, mean eigenvalue); networks as `batches` names them."""
    import jax

    key_linear, key_sizes, key_networks, key_batches = jax.random.split(jax.random.key(config.seed), 4)

    def linear() -> dict[str, Any]:
        return {"linear": least_squares(config, key_linear, (config.num_examples,), config.num_data_sets, options)[0]}

    def sizes() -> dict[str, Any]:
        return {"sizes": least_squares(config, key_sizes, config.other_sizes, config.num_other_data_sets, options)}

    return {
        **options.part(linear),
        **options.part(sizes),
        **options.part(batches, config, key_networks, key_batches, options),
    }


def least_squares(
    config: Config, key: "jax.Array", sizes: tuple[int, ...], num_data_sets: int, options: runner.Options
) -> Any:
    """For every size and data set: the largest, the smallest and the mean eigenvalue of the Hessian XᵀX / N."""
    import jax
    import jax.numpy as jnp

    from jaxdl import curvature, designs, losses, models
    from jaxdl.types import Dataset

    most, d = sizes[-1], config.num_features
    model = models.linear(intercept=False)
    key_search = jax.random.key(0)  # the whole matrix is decomposed: nothing depends on it

    def trial(keys, size):
        variables = {"params": {"weights": jnp.zeros((d, 1))}}
        x = jax.random.normal(keys["data"], (most, d))
        # The labels have no say in this Hessian; a weight of zero removes an example without changing a shape.
        data = Dataset(x, jnp.zeros((most, 1)), (jnp.arange(most) < size).astype(x.dtype))
        product = curvature.products.hvp_over(model, losses.half_squared_error, variables, data)
        ends = curvature.eigenpairs(product, variables["params"], key_search, top=1, bottom=1, dense_size=d)
        return jnp.append(ends.values, jnp.sum(data.weight[:, None] * x**2) / (size * d))

    design = designs.independent(num_data_sets, "data")
    runs = options.run("least-squares", trial, design, key, settings=jnp.array(sizes, float), strict=options.strict)
    return runs.outputs


def digits_problem(config: Config) -> "tuple[Model, Dataset]":
    """The digits, with intensities between 0 and 1, and a network for them."""
    import jax

    from jaxdl import models
    from jaxdl.data import real

    digits = real.digits()
    return models.mlp([config.num_units], 10, activation=jax.nn.tanh), digits._replace(x=digits.x / 16)


def batches(
    config: Config, key_networks: "jax.Array", key_batches: "jax.Array", options: runner.Options
) -> dict[str, Any]:
    """Networks trained on the digits, and the largest eigenvalue of their minibatches' Hessians.

    `value` of all digits' Hessian; `bias_slope` and `variance_slope`, what theory predicts for large batches; `sampled`
    (networks, sizes, batches, 2): of each minibatch the largest eigenvalue, and u · H u for the u of all digits.
    """
    import jax
    import jax.numpy as jnp
    import numpy as np
    import optax
    from jax.flatten_util import ravel_pytree

    from jaxdl import curvature, designs, learners, losses, objectives

    model, data = digits_problem(config)
    loss, num_digits, most = losses.softmax_cross_entropy, data.x.shape[0], config.batch_sizes[-1]
    risk = objectives.empirical_risk(model, loss)
    learner = learners.gradient_descent(model, risk, optax.adam(0.01), num_steps=config.num_steps)
    key_search = jax.random.key(0)

    def network(keys):
        variables = learner(keys, data)
        params = variables["params"]
        values, vectors = jnp.linalg.eigh(
            curvature.products.dense(curvature.products.hvp_over(model, loss, variables, data), params)
        )
        u = ravel_pytree(params)[1](vectors[:, -1])
        products = jax.vmap(lambda x, y: of_one_example(params, u, x, y))(data.x, data.y)
        return {"params": params, "vector": u, "value": values[-1], **slopes(values, products @ vectors)}

    def of_one_example(params, u, x, y):
        def one_loss(params):
            return loss(model.apply({"params": params}, x[None]), y[None])[0]

        return ravel_pytree(jax.jvp(jax.grad(one_loss), (params,), (u,))[1])[0]

    def trial(keys, setting):
        rows = jax.random.randint(keys["batch"], (most,), 0, num_digits)
        weight = (jnp.arange(most) < setting["size"]).astype(data.x.dtype)
        batch = jax.tree.map(lambda leaf: leaf[rows], data)._replace(weight=weight)
        u = setting["vector"]
        product = curvature.products.hvp_over(model, loss, {"params": setting["params"]}, batch)
        found = curvature.eigenpairs(product, u, key_search, top=1, bottom=0, tolerance=1e-4, start=u)
        return jnp.append(found.values, jnp.vdot(ravel_pytree(u)[0], ravel_pytree(product(u))[0]))

    networks = options.run(
        "networks",
        network,
        designs.independent(config.num_networks, "init"),
        key_networks,
        block=1,
        strict=options.strict,
    ).outputs
    num_sizes = len(config.batch_sizes)
    settings = {
        name: jax.tree.map(lambda leaf: np.repeat(leaf, num_sizes, axis=0), networks[name])
        for name in ("params", "vector")
    }
    settings["size"] = np.tile(np.array(config.batch_sizes), config.num_networks)
    design = designs.independent(config.num_batches, "batch")
    sampled = options.run("batches", trial, design, key_batches, settings=settings, strict=options.strict).outputs
    return {
        "sampled": sampled.reshape(config.num_networks, num_sizes, config.num_batches, 2),
        **{name: networks[name] for name in ("value", "bias_slope", "variance_slope")},
    }


def slopes(values: "jax.Array", products: "jax.Array") -> "dict[str, jax.Array]":
    """B times the bias and the variance of a minibatch's largest eigenvalue, as B grows, from perturbation theory.

        bias = Σ_j Var(u_j · Hᵢ u) / (λ - λ_j) / B,   variance = Var(u · Hᵢ u) / B

    over the examples i, with the eigenvalues λ_j and eigenvectors u_j of all data, λ and u the largest of them. `products`
    holds u_j · Hᵢ u, one row for each example.
    """
    import jax.numpy as jnp

    variances = jnp.var(products, axis=0)
    return {"bias_slope": jnp.sum(variances[:-1] / (values[-1] - values[:-1])), "variance_slope": variances[-1]}


EXPERIMENT = runner.Experiment(
    name="hessian_variance",
    description=__doc__,
    profiles=PROFILES,
    measure=measure,
    tables=hessian_variance_results.tables,
    plot=hessian_variance_figures.plot,
    claims=hessian_variance_claims.claims,
)

if __name__ == "__main__":
    raise SystemExit(runner.main(EXPERIMENT))
