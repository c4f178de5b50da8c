"""How it asks: logit_bias, logprobs, one-token answers, and the same prompt under changing parameters."""

from msgspec import Struct, field

from stream_detector.detection.hashing import hash64, mix64
from stream_detector.detection.windows.distinct import SlidingDistinct
from stream_detector.domain.calls import ApiCall, Params

DAY_S = 86_400.0
ONE_TOKEN = 2
"""`max_tokens` up to this asks for logits rather than for text."""


class ParameterWindow(Struct, array_like=True):
    """Distinct biased tokens, (token, bias) pairs and parameter sets of the last one to two days."""

    tokens: SlidingDistinct = field(default_factory=lambda: SlidingDistinct.of(6, DAY_S))
    pairs: SlidingDistinct = field(default_factory=lambda: SlidingDistinct.of(6, DAY_S))
    settings: SlidingDistinct = field(default_factory=lambda: SlidingDistinct.of(4, DAY_S))
    seen: int = 0
    biased: int = 0
    one_token: int = 0
    logprobs: int = 0

    def observe(self, call: ApiCall) -> None:
        """Count one call; `seen` counts the calls that state parameters at all."""
        params = call.params
        if params is None:
            return
        self.seen += 1
        if params.logprobs or params.top_logprobs:
            self.logprobs += 1
        if params.max_tokens is not None and params.max_tokens <= ONE_TOKEN:
            self.one_token += 1
        if params.temperature is not None or params.top_p is not None or params.n is not None:
            self.settings.add(call.ts, hash64(f"{params.temperature}/{params.top_p}/{params.n}"))
        if params.logit_bias:
            self.biased += 1
            self._observe_bias(call.ts, params)

    def _observe_bias(self, ts: float, params: Params) -> None:
        for token, bias in (params.logit_bias or {}).items():
            hashed = hash64(token)
            self.tokens.add(ts, hashed)
            self.pairs.add(ts, mix64(hashed + int(bias * 1e6)))
