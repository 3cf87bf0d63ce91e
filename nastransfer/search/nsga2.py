"""NSGA-II over genotypes, by pymoo, with the operators that NSGA-Net had of its version 0.3 (methods.md 5.2; no torch).

Genes are those of `space.encoding`: 8 nodes of (operation, source, operation, source). All that is random comes from
the seed, so an algorithm is brought back by asking and telling it again what it was told.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.core.duplicate import NoDuplicateElimination
from pymoo.core.evaluator import Evaluator
from pymoo.core.problem import Problem
from pymoo.core.repair import Repair
from pymoo.core.termination import NoTermination
from pymoo.operators.crossover.pntx import TwoPointCrossover
from pymoo.operators.mutation.pm import PolynomialMutation, mut_pm
from pymoo.operators.sampling.rnd import IntegerRandomSampling
from pymoo.problems.static import StaticProblem

from nastransfer.space.encoding import GENE_CHOICES

OBJECTIVES = 2
_GENES_A_NODE = 4
# Within a node: operation, source, operation, source.
_FIRST_SOURCE, _SECOND_SOURCE = 1, 3


class DistinctSources(Repair):
    """Where both sources of a node are the same, the second is drawn anew among the others."""

    def _do(self, problem: Any, X: np.ndarray, random_state: np.random.Generator, **_: Any) -> np.ndarray:
        nodes = np.array(X, dtype=int).reshape(len(X), -1, _GENES_A_NODE)
        first, second = nodes[..., _FIRST_SOURCE], nodes[..., _SECOND_SOURCE]
        choices = np.broadcast_to(problem.xu[_FIRST_SOURCE::_GENES_A_NODE], first.shape)
        equal = first == second
        drawn = random_state.integers(choices[equal])
        # One less to choose from: those from the taken one on move up by one.
        second[equal] = drawn + (drawn >= first[equal])
        return nodes.reshape(len(X), -1)


class WidenedMutation(PolynomialMutation):
    """Polynomial mutation between bounds half a unit further out, rounded and clipped: every integer has equal room."""

    def _do(
        self, problem: Any, X: np.ndarray, *_: Any, random_state: np.random.Generator, **__: Any
    ) -> np.ndarray:
        moved = mut_pm(
            X.astype(float),
            problem.xl - 0.5,
            problem.xu + 0.5,
            np.full(len(X), self.eta.value),
            self.get_prob_var(problem, size=len(X)),
            at_least_once=False,
            random_state=random_state,
        )
        return np.clip(np.rint(moved), problem.xl, problem.xu).astype(int)


class Nsga2:
    """A population of gene vectors that moves on by `ask`, then `tell`, a generation a time."""

    def __init__(self, population: int, offspring: int, *, eta: float, seed: int) -> None:
        upper = np.array(GENE_CHOICES) - 1
        self._problem = Problem(
            n_var=len(upper), n_obj=OBJECTIVES, xl=np.zeros_like(upper), xu=upper, vtype=int
        )
        self._algorithm = NSGA2(
            pop_size=population,
            n_offsprings=offspring,
            sampling=IntegerRandomSampling(),
            crossover=TwoPointCrossover(prob=1.0),
            mutation=WidenedMutation(prob=1.0, prob_var=1 / len(upper), eta=eta),
            repair=DistinctSources(),
            eliminate_duplicates=True,
            seed=seed,
        )
        # The first generation is not looked at for duplicates.
        self._algorithm.initialization.eliminate_duplicates = NoDuplicateElimination()
        self._algorithm.setup(self._problem, termination=NoTermination())
        self._asked: Any = None

    def ask(self) -> np.ndarray:
        """The genes of the next generation, int [n, 32], none of them equal to a member's; the first is drawn."""
        self._asked = self._algorithm.ask()
        genes: np.ndarray = self._asked.get("X").astype(int)
        return genes

    def tell(self, objectives: np.ndarray) -> None:
        """The objectives [n, 2] of all that was asked, both to be small: members and these compete for their places."""
        Evaluator().eval(StaticProblem(self._problem, F=np.asarray(objectives, dtype=float)), self._asked)
        self._algorithm.tell(infills=self._asked)

    @property
    def genes(self) -> np.ndarray:
        """The members, int [population, 32]; there are none before the first `tell`."""
        genes: np.ndarray = self._algorithm.pop.get("X").astype(int)
        return genes

    @property
    def objectives(self) -> np.ndarray:
        """Theirs, [population, 2]."""
        found: np.ndarray = self._algorithm.pop.get("F").astype(float)
        return found
