"""How this book is made: the thesis's pipeline, stored runs, notebooks, claims, style, command line.

    worlds → walk, extensions (+ monitors) → runs → store     what is computed, and where it is kept
    execute, style, claims, pdf                               from notebooks to pages
    cli, doctor, own_data                                     what a user calls

``ising_lib`` is the method, and knows nothing of this package.
"""
