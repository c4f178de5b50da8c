"""A client's bounded online memory, one idea per module.

Rules:
1. A window is a mutable Struct of plain values, so that msgspec encodes it as it is: explicit, versioned, no pickle.
2. `observe` takes the call and nothing else: event time comes with it. It is on the hot path: a few microseconds for all.
3. Memory is bounded by constants at the head of the module.
4. A late call (a `ts` before one already seen) is counted where the window stands now; nothing moves backwards.
"""
