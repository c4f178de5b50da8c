"""The fast path: answers a gateway's question "may this call pass?" from its own memory.

`process.Hook` is the entry point. A question walks `http` -> `judge` (-> `table`) -> `answers`; `feed` keeps the table
fresh behind its back. Only a throttled client's question costs a round trip to the store.
"""
