"""random-gpt2 is what its recipe writes."""

from __future__ import annotations

import torch
from safetensors.torch import load_file

from mechanisms import models
from mechanisms.models import random_gpt2


def test_the_recipe_gives_the_shipped_weights(tmp_path):
    random_gpt2.write(tmp_path)
    shipped = load_file(models.checkpoint_folder("random-gpt2") / "model.safetensors")
    written = load_file(tmp_path / "model.safetensors")
    assert shipped.keys() == written.keys()
    for name, weight in written.items():
        torch.testing.assert_close(shipped[name], weight, rtol=0, atol=1e-6)


def test_it_has_the_biases_that_lab_models_lack():
    model = models.load("random-gpt2")
    assert all(block.attn.b_O.abs().max() > 0.1 for block in model.blocks) and model.b_U.abs().max() > 0.1
