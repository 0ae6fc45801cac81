"""What one submission may use.

- ``Limits`` holds seconds, bytes and counts; ``as_json`` and ``limits_from`` carry them to the sandbox.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Limits:
    """Limits on one submission: seconds of wall time, bytes, counts.

    ``memory`` is what the submission's processes together may add to the memory of the warm parent; each process
    alone can also map no more than that. ``scratch`` is the size of each of its three temporary file systems
    together. ``output`` is text kept per cell, ``pictures`` bytes of pictures and HTML kept per cell, ``shown``
    both of all cells together, ``answers`` bytes of arrays per exercise. ``deaths`` is how often a notebook that
    ends its process is begun again.
    """

    setup_seconds: float = 120.0
    cell_seconds: float = 60.0
    answer_seconds: float = 30.0
    total_seconds: float = 600.0
    memory: int = 4096 * MEGABYTE
    scratch: int = 256 * MEGABYTE
    files: int = 20_000
    processes: int = 64
    open_files: int = 256
    output: int = 100_000
    pictures: int = 4 * MEGABYTE
    shown: int = 16 * MEGABYTE
    answers: int = 64 * MEGABYTE
    deaths: int = 3

    def as_json(self) -> dict[str, Any]:
        """The limits as plain data."""
        return asdict(self)


def limits_from(data: dict[str, Any]) -> Limits:
    """The limits that ``Limits.as_json`` made ``data`` of."""
    return Limits(**data)
