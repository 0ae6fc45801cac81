"""Checks: what a student runs under an exercise, and what the grader shares with it."""
