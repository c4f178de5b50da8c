"""Seeded traffic of an AI API on event time: honest clients, campaigns that copy the model, and who is who.

`scenario` composes; `benign` and `campaigns` say who asks; `arrivals` when, `prompts` what, `network` from where, `outcome`
with what result; `files` writes calls and labels. Every number comes from a published source, named where it stands, or is
a plain choice that says so; none was tuned to a detector.

The same scenario gives the same calls under one version of Python.
"""
