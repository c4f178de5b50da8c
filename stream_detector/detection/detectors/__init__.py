"""The detectors, one idea per file. See CONTRIBUTING.md, "How to add a detector"."""
