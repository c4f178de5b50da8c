"""The null model of what answers bring: how many output tokens do honest clients get for an input token?"""

from stream_detector.detection.detectors.tails import power_tail

_HALF = 0.75
"""Half of the clients get more, by choice: of 221 honest programs 10 % got more than half a token, 2.7 % more than one."""
_POWER = 2.0


def yield_tail(ratio: float, answer_tokens: float, long_tokens: float) -> float:
    """P(an honest client gets as much).

    Args:
        ratio: output tokens for an input token; made less, by the square, where answers are short.
        answer_tokens: their mean length.
        long_tokens: from which on they are long.
    """
    return power_tail(ratio * min(1.0, answer_tokens / long_tokens) ** 2, _HALF, _POWER)
