"""Other detectors, judged in the same run on the same calls. `catalogue` lists them."""
