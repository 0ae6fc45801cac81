"""Things to play with, in a notebook and on a page of the book.

- ``alpha_slider``: a live slider that runs the model (ipywidgets);
- ``alpha_page``: the same picture with rates computed beforehand, for a page that has no kernel;
- ``trial_stepper`` and ``trial_page``: a stream of the reference-back task, tuple by tuple, live and on a page;
- ``curves_page``: training curves of many seeds, one of them marked;
- ``channel_pad`` and ``channel_page``: a point in a mover's channel, live and on a page, from ``channel_views``;
- ``stop_slider`` and ``stop_page``: the step at which forgetting stops, live and on a page, from ``stop_frames``.
"""

from mechanisms.widgets.alpha import alpha_page, alpha_slider
from mechanisms.widgets.channel import channel_pad, channel_page, channel_views
from mechanisms.widgets.curves import curves_page
from mechanisms.widgets.stops import stop_frames, stop_page, stop_slider
from mechanisms.widgets.trial import trial_page, trial_stepper, trial_steps

__all__ = [
    "alpha_page",
    "alpha_slider",
    "channel_pad",
    "channel_page",
    "channel_views",
    "curves_page",
    "stop_frames",
    "stop_page",
    "stop_slider",
    "trial_page",
    "trial_stepper",
    "trial_steps",
]
