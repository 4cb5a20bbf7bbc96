"""Why an average of networks errs less than one of them: how far their errors agree, and what follows.

`wrong_voters` is a model: networks that vote, each wrong as often as any other, their errors correlated or
not (Hansen and Salamon 1990 have it without correlation). `ambiguity` is no model but an identity (Krogh and
Vedelsby 1995).
"""

from __future__ import annotations

from math import comb, exp, lgamma, log
from typing import NamedTuple

import numpy as np

from inception_lib.book import results
from inception_lib.errors import InceptionError

Array = np.ndarray


def answers() -> tuple[Array, Array]:
    """What each bundled network says of each bundled test image, as it was recorded.

    Returns:
        Probabilities in whole millionths (networks, images, classes), and the right classes (images,).

    Raises:
        InceptionError: nothing was recorded.
    """
    record = results.load("answers_shapes").outcome
    labels = np.array(record["labels"].split(), int)
    millionths = np.zeros((len(record["networks"]), len(labels), len(record["classes"])), int)
    for network, rows in zip(millionths, record["millionths"], strict=True):
        for row, text in zip(network, rows, strict=True):
            numbers = [int(n) for n in text.split()]
            row[numbers[::2]] = numbers[1::2]
    return millionths, labels


class Ambiguity(NamedTuple):
    """Squared errors of probabilities, each the mean over the pictures; `ensemble` is `members - spread`."""

    ensemble: float
    members: float
    spread: float


def error_correlation(wrong: Array) -> Array:
    """Correlation between the errors of two networks: (networks, networks), with ones on the diagonal.

    It is 0 where an error of one says nothing of the other, and 1 where they err on the same pictures.

    Args:
        wrong: (networks, pictures) of bool, True where the answer is wrong.

    Raises:
        InceptionError: a network is always right or always wrong, so that nothing correlates with it.
    """
    wrong = np.asarray(wrong, bool)
    if (wrong == wrong[:, :1]).all(1).any():
        raise InceptionError("A network that is right on all pictures, or on none, has no correlation.")
    return np.corrcoef(wrong)


def pairs_mean(matrix: Array) -> float:
    """The mean over all pairs of different networks of a symmetric matrix (networks, networks).

    Raises:
        InceptionError: there is only one network.
    """
    matrix = np.asarray(matrix)
    if len(matrix) < 2:
        raise InceptionError("A pair takes two networks.")
    return float(matrix[np.triu_indices(len(matrix), 1)].mean())


def wrong_voters(voters: int, error: float, correlation: float = 0.0) -> list[float]:
    """Probabilities that 0, 1, ... all of the voters are wrong, if they are wrong as often as each other.

    Without correlation the number is binomial. With it each picture has a difficulty of its own: the share of
    voters that are wrong on it has a beta distribution, whose mean is `error` and whose width gives any two
    voters the wanted correlation. The number of wrong voters is then beta-binomial.

    Args:
        voters: how many.
        error: how often one voter is wrong, from 0 to 1.
        correlation: between the errors of two voters, from 0 to 1.

    Raises:
        InceptionError: one of them is out of its range.
    """
    if voters < 1:
        raise InceptionError(f"A vote takes at least one voter, not {voters}.")
    if not (0 <= error <= 1 and 0 <= correlation <= 1):
        raise InceptionError(f"Error and correlation are from 0 to 1, not {error} and {correlation}.")
    if error in (0, 1) or correlation == 1:  # all are right, or all are wrong
        return [1 - error, *[0.0] * (voters - 1), float(error)]
    numbers = range(voters + 1)
    ways = [-_log_beta(j + 1, voters - j + 1) - log(voters + 1) for j in numbers]  # logs of (voters over j)
    if correlation == 0:
        return [exp(w + j * log(error) + (voters - j) * log(1 - error)) for j, w in enumerate(ways)]
    total = (1 - correlation) / correlation
    a, b = error * total, (1 - error) * total
    return [exp(w + _log_beta(a + j, b + voters - j) - _log_beta(a, b)) for j, w in enumerate(ways)]


def vote_error(voters: int, error: float, correlation: float = 0.0) -> float:
    """How often more than half of the voters are wrong, in the model of `wrong_voters`.

    Args:
        voters: an odd number, so that there is no tie.
        error: how often one voter is wrong, from 0 to 1.
        correlation: between the errors of two voters, from 0 to 1.

    Raises:
        InceptionError: one of them is out of its range.
    """
    if voters % 2 == 0:
        raise InceptionError(f"A vote without ties takes an odd number of voters, not {voters}.")
    return sum(wrong_voters(voters, error, correlation)[voters // 2 + 1 :])


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def measured_vote_error(wrong: Array, voters: int) -> float:
    """How often more than half of the voters were wrong: the mean over all choices of them.

    Args:
        wrong: (networks, pictures) of bool, True where the answer is wrong.
        voters: an odd number of them, so that there is no tie.

    Raises:
        InceptionError: it is not odd, or there are fewer networks.
    """
    wrong = np.asarray(wrong, bool)
    networks = len(wrong)
    if not 1 <= voters <= networks or voters % 2 == 0:
        raise InceptionError(f"An odd number of the {networks} networks can vote, not {voters}.")
    # by how many are wrong on an image
    lost = [
        sum(comb(w, j) * comb(networks - w, voters - j) for j in range(voters // 2 + 1, voters + 1))
        / comb(networks, voters)
        for w in range(networks + 1)
    ]
    return float(np.mean(np.asarray(lost)[wrong.sum(0)]))


def ambiguity(probabilities: Array, labels: Array) -> Ambiguity:
    """Squared error of the average, mean squared error of its members, and how far they spread about it.

    The error of an answer is the squared distance between its probabilities and those of the truth, which are
    1 for the right class and 0 for the others. The spread is the squared distance between the members'
    probabilities and their average. The first is the second less the third, whatever the networks are.

    Args:
        probabilities: (networks, pictures, classes).
        labels: (pictures,), the right classes.

    Raises:
        InceptionError: these do not go together.
    """
    p = np.asarray(probabilities, np.float64)
    labels = np.asarray(labels)
    if p.ndim != 3 or labels.shape != p.shape[1:2]:
        raise InceptionError(
            f"Probabilities (networks, pictures, classes) and labels are wanted, not "
            f"{p.shape} and {labels.shape}."
        )
    truth, average = np.eye(p.shape[2])[labels], p.mean(0)
    return Ambiguity(
        *(float(np.square(off).sum(-1).mean()) for off in (average - truth, p - truth, p - average))
    )
