"""One rendered world for the vision chapters: small RGB scenes with captions, drawn from a seed.

- ``objects``: coloured shapes, one or two to a scene (chapter 08);
- ``creatures``: one creature to a scene, with size, colour and category (chapter 07);
- ``canvas``: background, clutter, outlines and noise, which both use.

``mechanisms.plots.scenes`` lays out a contact sheet.
"""

from mechanisms.data.scenes import creatures, objects

__all__ = ["creatures", "objects"]
