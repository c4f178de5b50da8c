"""The words of the project, one noun per stage: call, windows, features, signals, risk, decision, verdict.

* A **call** is one API request with its outcome (`calls.ApiCall`).
* A **client** is an API key or account: an opaque id, never the secret.
* **Windows** are a client's bounded, online memory of its calls; a **profile** is all windows of one client.
* A **reading** is what a detector says: `Scored(suspicion)` or `Warming(seen, needed)`. "Don't know yet" is never 0.
* A **signal** is a reading with the detector's name and evidence **family**.
* **Risk** is the fused evidence of a client, 0 to 1.
* A **subject** is what a **decision** is about: a client, an end user, a cohort, an address prefix.
* A **verdict** is the hook's answer to one gateway question.
* **Shadow** means decided and counted, but not enforced.

Facts are frozen `msgspec.Struct`s that check themselves: msgspec decodes a call of 600 bytes into one in 1.6 us, into a
frozen slotted dataclass in 5.3 us, and the budget for everything is 30 us.
"""
