"""The card of lab-lm says what the shipped weights do: measured again, quickly, and compared.

- every number of the quick measurement against the card;
- the two settings of one head against the card, on the same prompts;
- the margins that chapter 02 builds on, wide ones.
"""

import pytest

from mechanisms import models
from mechanisms.data.conflict import conflict_set, questions
from mechanisms.data.documents import Corpus
from mechanisms.training.measure import MEASURE_SEED, aims, last_logits, measure, outcomes, rates, value_scaling_hook

CARD = models.card("lab-lm")
SETTINGS = {name: CARD["recipe"][name] for name in ("trust", "zipf", "conflict_zipf")}
TOLERANCE = 0.02  # another processor's rounding may flip a few of the 600 to 1,098 prompts behind a number


def leaves(tree, path=""):
    for key, value in tree.items():
        yield from leaves(value, f"{path}{key}.") if isinstance(value, dict) else [(f"{path}{key}", value)]


@pytest.fixture(scope="module")
def again():
    return measure(models.load(), SETTINGS, quick=True)


def test_the_card_holds_what_is_measured(again):
    card = dict(leaves(CARD["measured"]))
    compared = 0
    for name, value in leaves(again):
        if name.endswith((".low", ".high")):  # the card's intervals come from more resamples
            assert value == pytest.approx(card[name], abs=0.06), name
        else:
            assert value == pytest.approx(card[name], abs=TOLERANCE), name
        compared += 1
    assert compared > 40


@pytest.mark.parametrize("goal", ["in_context", "memorised"])
def test_one_scaled_head_does_what_the_card_says(goal):
    found = CARD["measured"]["one_head"][goal]
    model, corpus = models.load(), Corpus(MEASURE_SEED, **SETTINGS)
    prompts, answers = questions(corpus)
    known = last_logits(model, prompts).argmax(-1) == answers
    items = conflict_set(corpus, 6, MEASURE_SEED)
    items = items.where(known[items.country] & (items.country % 2 == 1))
    hooks = [value_scaling_hook(found["layer"], found["head"], found["alpha"])]
    assert rates(outcomes(model, items, hooks)) == pytest.approx(found["held_out"], abs=TOLERANCE)
    recall = (last_logits(model, prompts[known], hooks).argmax(-1) == answers[known]).float().mean().item()
    assert recall == pytest.approx(found["recall_without_context"], abs=TOLERANCE)


def test_what_chapter_02_builds_on_holds_with_room():
    report = CARD["measured"]
    conflict, heads = report["conflict_recalled_countries"], report["one_head"]
    assert report["recall"]["frequent_third"] >= 0.95
    assert 0.25 <= conflict["in_context"] <= 0.75 and 0.25 <= conflict["memorised"] <= 0.75 and conflict["other"] < 0.1
    assert report["frequency_trend"]["high"] < 0
    for goal in ("in_context", "memorised"):
        assert heads[goal]["held_out"][goal] > conflict[goal] + 0.1
        assert heads[goal]["recall_without_context"] > 0.95
    assert report["indirect_objects"] >= 0.95
    assert report["laundry_lists"]["2"] - report["laundry_lists"]["8"] >= 0.2


def test_the_card_owns_up_to_its_missed_aims():
    """The list of aims is recomputed from the numbers, so that no missed aim can be dropped from the card."""
    assert [(row["quantity"], row["met"]) for row in CARD["aims"]] == [
        (row["quantity"], row["met"]) for row in aims(CARD["measured"])
    ]
