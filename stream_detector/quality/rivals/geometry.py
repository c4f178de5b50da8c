"""Distances between many vectors at once.

The products are small: a BLAS that spreads them over busy cores takes ten times as long, so run with
`OPENBLAS_NUM_THREADS=1` set before Python starts.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
"""One row per prompt."""


def squared_distances(left: Floats, right: Floats) -> Floats:
    """Squared L2 distance of every row of `left` to every row of `right`; never below 0, as rounding would have it."""
    squared: Floats = left @ right.T
    squared *= -2.0
    squared += np.einsum("ij,ij->i", left, left)[:, None]
    squared += np.einsum("ij,ij->i", right, right)
    np.maximum(squared, 0.0, out=squared)
    return squared
