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


def even_tail(unevenness: float, hours: float) -> float:
    """P(the squared coefficient of variation of so many hours is at most `unevenness`): of clients that do not rest.

    Power laws through the quantiles of honest programs (ServeGen): one in ten is below 0.074 / 0.094 / 0.14 in 48 / 72 / 168
    hours, one in a hundred below 0.0006 / 0.0009 / 0.013. Longer than a week nothing is known.

    >>> round(even_tail(0.138, 168.0), 2), round(even_tail(0.0132, 168.0), 2), round(even_tail(0.0009, 72.0), 2)
    (0.1, 0.01, 0.01)
    """
    hours = min(hours, 168.0)
    one_in_ten = 0.074 * math.sqrt(hours / 48)
    return min(1.0, 0.1 * math.pow(unevenness / one_in_ten, 0.5 * math.pow(hours / 72, 0.8)))
