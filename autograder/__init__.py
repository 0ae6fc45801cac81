"""What an instructor runs: the exercises' specs, the build of notebooks and snapshots, and the grader.

It may import ``mechanisms``; no notebook and nothing in ``mechanisms`` imports it.
"""
