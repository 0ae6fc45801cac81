"""`autograder bench`: how long notebooks, checks and grading take.

- ``notebooks`` times a chapter's solution notebook and each of its checks in a real kernel;
- ``grading`` grades the same submissions with nbgrader as it comes and with the course's grader, and prints ratios;
- ``large`` grades a made-up class of any size and tells whether the driver's memory stays flat;
- ``light`` is a course of one light notebook, for the overhead alone.
"""
