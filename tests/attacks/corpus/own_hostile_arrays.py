"""Own: hostile safetensors in place of an answer."""

from attack_kit import Attack

TRAPS = {
    "double": 'arrays([1] * 100), "$array"',
    "describe": 'arrays([4], dtype="F8_E4M3"), "$array"',
    "tally": 'arrays([0, 1 << 63], offsets=(0, 0), body=b""), "$tensor"',
    "soften": 'arrays([0, 1 << 62], offsets=(0, 0), body=b""), "$array"',
}

ATTACK = Attack(
    tries="send arrays of 100 dimensions, of dtypes that numpy does not know, of shapes that overflow",
    first=(
        """
        import json
        from mechanisms.check import codec

        def arrays(shape, dtype="F32", offsets=(0, 4), body=b"\\0" * 4, length=None):
            header = json.dumps({"k": {"dtype": dtype, "shape": shape, "data_offsets": list(offsets)}}).encode()
            return struct.pack("<Q", len(header) if length is None else length) + header + body

        def send(content, kind):
            codec.dump = lambda tree: ('{"answer": {"' + kind + '": "k"}}', content)
        """,
    ),
    answers={name: f"def {name}(**named):\n    send({trap})" for name, trap in TRAPS.items()},
    honest={"double": 0, "describe": 0, "tally": 0, "soften": 0},
)
