"""The hook as Envoy asks it over gRPC: `ext_authz`, its rate limit filter and its rate limit quota filter.

1. A refusal is a decision. Our own trouble is an error, so that the filter's own failure mode answers.
2. What Envoy sends is bounded and checked here; nothing in it can crash an answer, or turn it into a refusal.
3. One Python process answers a few thousand questions a second, so several share one port. Each follows the store itself
   (`process`); `family` starts them, ends them and hears what they counted.

`server` listens; a question walks `authorization` or `rate_limit` -> `hook.judge` -> `hook.answers`. `quota` is asked nothing:
it sends what `orders` say of the `buckets` that Envoys hold.
"""
