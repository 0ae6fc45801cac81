"""Mechanisms: a hands-on course on how language models work.

- has torchvision prepared (see ``mechanisms.torchvision_ops``) as soon as anything imports it;
- offers ``check``, ``predict``, ``progress`` and ``doctor``, loaded on first use, so that the
  import stays light.
"""

from __future__ import annotations

from mechanisms import torchvision_ops

__version__ = "0.1.0"
__all__ = ["__version__", "check", "doctor", "predict", "progress"]

torchvision_ops.prepare()


def __getattr__(name: str):
    if name in {"check", "predict"}:
        from mechanisms.check import api

        return getattr(api, name)
    if name == "progress":
        from mechanisms.progress.view import progress

        return progress
    if name == "doctor":
        from mechanisms.health import doctor

        return doctor
    raise AttributeError(f"module 'mechanisms' has no attribute {name!r}")
