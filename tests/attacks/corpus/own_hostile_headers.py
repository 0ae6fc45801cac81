"""Own: safetensors whose header lies."""

from attack_kit import Attack

TRAPS = {
    "double": "arrays([-1])",
    "describe": "arrays([1], length=1 << 63)",
    "tally": "arrays([1 << 62, 8], offsets=(0, 0), body=b'')",
    "soften": "arrays([1], offsets=(4, 0))",
}

ATTACK = Attack(
    tries="send safetensors headers with negative, giant and overlapping sizes",
    first=(
        """
        import json
        from mechanisms.check import codec

        def arrays(shape, dtype="F32", offsets=(0, 4), body=b"\\0" * 4, length=None):
            header = json.dumps({"k": {"dtype": dtype, "shape": shape, "data_offsets": list(offsets)}}).encode()
            return struct.pack("<Q", len(header) if length is None else length) + header + body

        def send(content):
            codec.dump = lambda tree: ('{"answer": {"$tensor": "k"}}', content)
        """,
    ),
    answers={name: f"def {name}(**named):\n    send({trap})" for name, trap in TRAPS.items()},
    honest={"double": 0, "describe": 0, "tally": 0, "soften": 0},
)
