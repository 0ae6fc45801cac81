"""The course's models.

- ``load``: a lab model that ships with the package, as a TransformerBridge;
- ``card``: what was measured about it, by which command, with which seed.
"""

from mechanisms.models.lab import card, checkpoint_folder, load

__all__ = ["card", "checkpoint_folder", "load"]
