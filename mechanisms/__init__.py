"""Mechanisms: a hands-on course on how language models work.

- has torchvision prepared (see ``mechanisms.torchvision_ops``) as soon as anything imports it;
- offers ``check`` and ``predict``, loaded on first use so that importing the package stays light.
"""

from __future__ import annotations

from mechanisms import torchvision_ops

__version__ = "0.1.0"
__all__ = ["__version__", "check", "predict"]

torchvision_ops.prepare()


def __getattr__(name: str):
    if name in {"check", "predict"}:
        from mechanisms.check import api

        return getattr(api, name)
    raise AttributeError(f"module 'mechanisms' has no attribute {name!r}")
