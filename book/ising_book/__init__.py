"""How this book is made: from notebooks to pages, and what a user calls.

    execute, style, claims, firmness, pdf     from notebooks to pages
    cli, doctor, reading, own_data            what a user calls

``ising_experiments`` computes what the pages show; ``ising_lib`` is the method.
"""
