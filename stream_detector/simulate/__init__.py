"""Seeded traffic of an AI API on event time: honest clients, campaigns that copy the model, and who is who.

`scenario` composes; `benign` and `campaigns` say who asks; `arrivals` and `schedules` when; `prompts`, `products` and
`occasions` what; `network` and `crowds` from where; `outcome` with what result; `files` writes calls and labels;
`recordings` puts real times, sizes, questions and addresses in place of made-up ones. Every number comes from a published
source, named where it stands, or is a plain choice that says so; none was tuned to a detector.

The same scenario gives the same calls under one version of Python.
"""
