"""How good is the detector? Labelled traffic in, figures out: recall, leakage, and honest clients hurt."""
