"""Late days: what is taken off a submission that came after its due date.

- a plugin of nbgrader's own hook for late submissions, so `nbgrader autograde` and `autograder grade` do the same;
- ``free_days`` of grace cost nothing; after them every day that has begun costs the share ``per_day`` of the points
  that the submission earned, and never more than the share ``most``;
- the settings stand in nbgrader_config.py; as they come, nothing is taken off.
"""

from __future__ import annotations

import math

from nbgrader.plugins import BasePlugin
from traitlets import Float

DAY = 24 * 60 * 60.0


class LateDays(BasePlugin):
    """nbgrader's late-submission plugin for a daily deduction."""

    free_days = Float(0.0, min=0.0, help="Days after the due date that cost nothing.").tag(config=True)
    per_day = Float(0.0, min=0.0, max=1.0, help="Share of the earned points that each begun day costs.").tag(
        config=True
    )
    most = Float(1.0, min=0.0, max=1.0, help="The largest share that is taken off.").tag(config=True)

    def late_submission_penalty(self, student_id: str, score: float, total_seconds_late: float) -> float | None:
        """The points to take off, or None for nothing. ``score`` is what was earned, in points."""
        begun = math.ceil(total_seconds_late / DAY - self.free_days)
        share = min(self.most, self.per_day * max(begun, 0))
        # Tenths of points as they read: 3 * 0.1 is a little more than 0.3.
        return round(score * share, 6) or None
