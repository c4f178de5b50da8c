"""The collector: takes what gateways report, over HTTP or in topics of their own, and writes calls to Kafka.

A body walks `http` (-> `bodies`) -> `routes` (which format) -> `wire.sources` (what it says) -> `writer` -> Kafka, and is
answered when Kafka has all of it: `replies`. A record of a topic walks `reader` -> `routes` and the same way on, and is
acknowledged where a body is answered. Other ways in, such as Envoy's gRPC access logs, need a reader that makes
`events.Found` of what arrives, and `Writer.submit`.
"""
