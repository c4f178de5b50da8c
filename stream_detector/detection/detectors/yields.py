"""The null model of what answers bring: how many output tokens do honest clients get for an input token?"""

from stream_detector.detection.context import Context
from stream_detector.detection.detectors.tails import power_tail
from stream_detector.detection.profile import Profile

LONG_TOKENS = 500.0
"""Of an answer that explains something."""
_HALF = 0.75
"""Half of the clients get more, by choice: of 221 honest programs 10 % got more than half a token, 2.7 % more than one."""
_POWER = 2.0


def output_ratio(profile: Profile) -> float:
    """Output tokens for an input token, over the client's life; 0 where nobody counts them."""
    window = profile.budget
    return window.returned_tokens / window.input_tokens if window.input_tokens > 0 else 0.0


def yield_tail(profile: Profile, context: Context) -> float:
    """P(an honest client gets as much); the ratio is made less, by the square, where answers are short."""
    shown = output_ratio(profile) * min(1.0, context.features.tokens_per_call / LONG_TOKENS) ** 2
    return power_tail(shown, _HALF, _POWER)
