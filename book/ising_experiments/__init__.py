"""What this book computes: worlds as plain data, the functions that compute them, and the store of runs.

    worlds → walk, extensions, choices, … (+ monitors, scoring) → runs → store, provenance
    statistics: numbers of a run, which the claims are judged by

``ising_lib`` is the method, ``ising_book`` makes pages of the runs; neither is imported by this package's
modules but the first.
"""
