"""Figures of the course, drawn with matplotlib from plain numbers.

- ``style``: the colours and marks that every chapter shares;
- one module per chapter, each function returns a ``matplotlib.figure.Figure``;
- ``claims``: the table that sets a paper's numbers beside the lab's and the student's.
"""
