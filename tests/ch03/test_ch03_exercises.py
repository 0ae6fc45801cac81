"""What the nine functions promise beyond the cases of their checks."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import spearmanr

from mechanisms.data import circuit_tasks as tasks
from mechanisms.data.documents import Corpus
from mechanisms.training import measure_circuits as circuits

MOVERS = [[2, 0], [2, 1], [2, 2]]


def test_the_lab_model_answers_both_prompts_of_a_pair(solution, lab):
    for first, second in (("Anna", "Ben"), ("Tom", "Emma")):
        for giver in (first, second):
            pair = solution["ioi_pair"](first, second, giver, "park", "letter")
            for prompt, answer in (("clean", "right"), ("corrupt", "wrong")):
                token = lab(lab.to_tokens(pair[prompt]))[0, -1].argmax().item()
                assert lab.tokenizer.decode([token]) == pair[answer]


def test_a_colored_pair_reads_as_the_notebook_says(solution):
    pair = solution["colored_pair"](["pen", "cup", "key"], ["red", "orange", "blue"], 1, 2, "table")
    start = "Q: On the table, I see a red pen, an orange cup, and a blue key. What color is the "
    assert pair == {
        "clean": start + "cup?\nA:",
        "corrupt": start + "key?\nA:",
        "right": " Orange",
        "wrong": " Blue",
    }


def test_the_score_runs_from_nothing_to_everything(solution):
    generator = torch.Generator().manual_seed(0)
    clean, corrupt = torch.randn(30, generator=generator) + 4, torch.randn(30, generator=generator) - 4
    score = solution["patch_score"]
    assert score(clean, corrupt, clean, 0.5) == 0
    assert score(clean, corrupt, corrupt, 0.5) == pytest.approx(1)
    assert score(clean, corrupt, (clean + corrupt) / 2, 0.5) == pytest.approx(0.5, abs=1e-5)
    assert score(clean, corrupt, clean - (corrupt - clean), 0.5) == pytest.approx(-1, abs=1e-5)
    assert math.isnan(score(clean, clean + 0.1, corrupt, 0.5))


@pytest.mark.parametrize("task", ["indirect objects", "coloured objects"])
def test_paths_agree_with_the_library_on_lab_lm(solution, lab, task):
    pairs = tasks.TASKS[task](Corpus(11, trust=0.6, zipf=1.5, conflict_zipf=0.5), 12)
    given = (pairs.clean, pairs.corrupt)
    before = lab(pairs.clean)
    for layer, head in circuits.live_heads(lab):
        ours = solution["path_to_logits"](lab, *given, layer, head, pairs.right, pairs.wrong)
        torch.testing.assert_close(ours, circuits.path_patch(lab, pairs, (layer, head)))
    last = torch.full((12,), pairs.clean.shape[1] - 1)
    for kind in "qkv":
        ours = solution["path_to_receivers"](
            lab, *given, [0, 0], [[1, 1], [2, 0]], kind, last, pairs.right, pairs.wrong
        )
        torch.testing.assert_close(ours, circuits.path_patch(lab, pairs, (0, 0), [(1, 1), (2, 0)], kind))
    torch.testing.assert_close(lab(pairs.clean), before, rtol=0, atol=0)


def test_a_path_from_a_pruned_head_carries_nothing(solution, lab):
    pairs = tasks.indirect_objects(Corpus(12), 8)
    pruned = next(
        (layer, head) for layer in (1, 2) for head in range(4) if (layer, head) not in circuits.live_heads(lab)
    )
    ours = solution["path_to_logits"](lab, pairs.clean, pairs.corrupt, *pruned, pairs.right, pairs.wrong)
    torch.testing.assert_close(ours, circuits.logit_difference(lab(pairs.clean), pairs.right, pairs.wrong))


def test_all_paths_to_the_logits_add_up_in_the_planted_network(solution, planted, planted_pairs):
    for pairs in planted_pairs.values():
        args = (pairs.clean, pairs.corrupt)
        clean, corrupt = (solution["logit_difference"](planted(tokens), pairs.right, pairs.wrong) for tokens in args)
        total = 0.0
        for layer in range(3):
            for head in range(4):
                patched = solution["path_to_logits"](planted, *args, layer, head, pairs.right, pairs.wrong)
                total += solution["patch_score"](clean, corrupt, patched, 0.5)
        assert total == pytest.approx(1, abs=0.02)


def test_overlap_agrees_with_the_library(solution):
    generator = torch.Generator().manual_seed(1)
    for _ in range(20):
        first, second = (torch.randn(2, 3, 4, generator=generator) for _ in range(2))
        found = solution["circuit_overlap"](first, second, 3, 0.5, 12)
        sets = [
            {head for scores in stages for head in circuits.top(scores, 3) if abs(scores[head]) >= 0.5}
            for stages in (first, second)
        ]
        assert [tuple(head) for head in found["first"]] == sorted(sets[0])
        expected = circuits.overlap(*sets, 12)
        for key in ("of_union", "of_first", "expected", "chance"):
            assert found[key] == pytest.approx(expected[key])


def test_chance_is_what_random_sets_do(solution):
    generator = torch.Generator().manual_seed(2)
    found = [
        solution["circuit_overlap"](*torch.rand(2, 1, 3, 4, generator=generator), 4, 0.0001, 12) for _ in range(2000)
    ]
    shared = [len(one["shared"]) for one in found]
    assert sum(shared) / len(shared) == pytest.approx(found[0]["expected"], abs=0.06)
    three = next(one for one in found if len(one["shared"]) == 3)
    assert sum(s >= 3 for s in shared) / len(shared) == pytest.approx(three["chance"], abs=0.02)


def test_override_agrees_with_the_library_and_rows_sum_to_one(solution, lab):
    pairs = tasks.colored_objects(Corpus(13), 12, held_out=True)
    args = (lab, pairs.clean, [[0, 0], [0, 1]], pairs.wrong_options, 0.5)
    torch.testing.assert_close(solution["override_attention"](*args), circuits.override(*args))
    seen = []
    look = [("blocks.0.attn.hook_pattern", lambda pattern, hook: seen.append(pattern[:, :2, -1]))]
    original = lab.run_with_hooks

    def spy(tokens, fwd_hooks):
        return original(tokens, fwd_hooks=[*fwd_hooks, *look])

    lab.run_with_hooks = spy
    try:
        solution["override_attention"](*args)
    finally:
        del lab.run_with_hooks
    torch.testing.assert_close(seen[0].sum(-1), torch.ones(12, 2))
    assert (seen[0].gather(2, pairs.wrong_options[:, None].expand(12, 2, 2)) >= 0.25).all()


def test_ranks_agree_with_scipy(solution):
    generator = torch.Generator().manual_seed(3)
    for n in (5, 20, 60):
        x, y = torch.randint(6, (2, n), generator=generator).float()
        assert solution["rank_agreement"](x, y) == pytest.approx(float(spearmanr(x, y).statistic))
    assert math.isnan(solution["rank_agreement"](torch.ones(4), torch.arange(4.0)))
