"""The core: from calls to decisions, without I/O, clock or unseeded random numbers.

`profile` (all windows of one client) → `detectors` (readings) → `calibration` (tail probability in the segment) →
`fuse` (risk) → `policy` (decision). `engine` runs them in this order; `partition` holds what the clients of one partition
share.
"""
