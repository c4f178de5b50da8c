"""Tail probabilities that the detectors' null models share."""

import math


def power_tail(value: float, half: float, power: float) -> float:
    """1 / (1 + (value / half)**power): a heavy tail with median `half`, for counts that differ a lot among honest clients.

    >>> power_tail(0.0, 10.0, 2.0), power_tail(10.0, 10.0, 2.0), round(power_tail(100.0, 10.0, 2.0), 4)
    (1.0, 0.5, 0.0099)
    """
    return 1.0 if value <= 0 else 1.0 / (1.0 + (value / half) ** power)


def binomial_tail(successes: int, trials: int, rate: float) -> float:
    """Upper bound of P(X >= successes), X ~ Binomial(trials, rate): Chernoff's, exp(-trials * KL(successes/trials || rate)).

    >>> binomial_tail(1, 10, 0.5), round(binomial_tail(10, 10, 0.5), 6)
    (1.0, 0.000977)
    """
    if trials == 0 or successes <= rate * trials:
        return 1.0
    observed = successes / trials
    divergence = observed * math.log(observed / rate)
    if observed < 1:
        divergence += (1 - observed) * math.log((1 - observed) / (1 - rate))
    return math.exp(-trials * divergence)
