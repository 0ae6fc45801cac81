"""Things to play with, in a notebook and on a page of the book.

- ``alpha_slider``: a live slider that runs the model (ipywidgets);
- ``alpha_page``: the same picture with rates computed beforehand, for a page that has no kernel;
- ``trial_stepper`` and ``trial_page``: a stream of the reference-back task, tuple by tuple, live and on a page;
- ``caption_picker`` and ``caption_page``: scenes with the captions of four encoders, live and on a page;
- ``circuit_slider`` and ``circuit_page``: a circuit as a graph with a threshold, from ``circuit_graph``;
- ``scene_builder`` and ``scene_page``: scenes of two objects and the captions that a CLIP can tell apart;
- ``layer_slider`` and ``layer_page``: the decoded residual stream, sublayer by sublayer, live and on a page;
- ``curves_page``: training curves of many seeds, one of them marked;
- ``channel_pad`` and ``channel_page``: a point in a mover's channel, live and on a page, from ``channel_views``;
- ``stop_slider`` and ``stop_page``: the step at which forgetting stops, live and on a page, from ``stop_frames``.
"""

from mechanisms.widgets.alpha import alpha_page, alpha_slider
from mechanisms.widgets.captions import caption_page, caption_picker, caption_views
from mechanisms.widgets.channel import channel_pad, channel_page, channel_views
from mechanisms.widgets.circuit import circuit_graph, circuit_page, circuit_slider
from mechanisms.widgets.curves import curves_page
from mechanisms.widgets.layers import layer_page, layer_slider, layer_steps
from mechanisms.widgets.scene_builder import scene_builder, scene_page, scene_views
from mechanisms.widgets.stops import stop_frames, stop_page, stop_slider
from mechanisms.widgets.trial import trial_page, trial_stepper, trial_steps

__all__ = [
    "alpha_page",
    "alpha_slider",
    "caption_page",
    "caption_picker",
    "caption_views",
    "circuit_graph",
    "circuit_page",
    "circuit_slider",
    "channel_pad",
    "channel_page",
    "channel_views",
    "curves_page",
    "scene_builder",
    "scene_page",
    "scene_views",
    "layer_page",
    "layer_slider",
    "layer_steps",
    "stop_frames",
    "stop_page",
    "stop_slider",
    "trial_page",
    "trial_stepper",
    "trial_steps",
]
