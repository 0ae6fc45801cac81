"""Exercise 2.1, ``build_conflict_items``: every combination of a recalled country and a false capital.

- worlds of a few invented countries, some not recalled, some capitals with a first token in common.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from autograder.specs.base import Card, Exercise, Group, Mistake

Rng = np.random.Generator


_COUNTRIES = ("Arlen", "Borovia", "Cascara", "Dunmark", "Elyria", "Fenwick", "Galdor", "Hestia", "Ithria", "Jorvale")
_CAPITALS = ("Aston", "Brill", "Cadmar", "Dorne", "Estel", "Farrow", "Gilden", "Harrow", "Isen", "Jura")
_TEMPLATES = (
    "the capital of {country} is {in_context} . Q : what is the capital of {country} ? A :",
    "{country} 's capital is {in_context} . Q : what is the capital of {country} ? A :",
    "The capital of {country} is {in_context}.\nQ: What is the capital of {country}?\nA:",
)


def _draw_world(rng: Rng, all_recalled: bool, shared_tokens: bool) -> dict[str, Any]:
    n = int(rng.integers(5, 9))
    names = [str(name) for name in rng.permutation(_COUNTRIES)[:n]]
    capitals = [str(name) for name in rng.permutation(_CAPITALS)[:n]]
    tokens = [int(token) for token in rng.permutation(900)[:n]]
    if shared_tokens:
        for first, second in rng.permutation(n)[:4].reshape(2, 2):
            tokens[second] = tokens[first]
    recalled = [str(name) for name in rng.permutation(names)]
    return {
        "facts": dict(zip(names, capitals, strict=True)),
        "recalled": recalled if all_recalled else recalled[: n // 2],
        "first_token": dict(zip(capitals, tokens, strict=True)),
        "template": _TEMPLATES[int(rng.integers(len(_TEMPLATES)))],
    }


def keeps_the_true_capital(facts, recalled, first_token, template):
    return [
        {
            "prompt": template.format(country=country, in_context=capital),
            "country": country,
            "in_context": capital,
            "memorised": facts[country],
        }
        for country in recalled
        for capital in facts.values()
    ]


def compares_names_only(facts, recalled, first_token, template):
    items = []
    for country in recalled:
        for capital in facts.values():
            if capital != facts[country]:
                prompt = template.format(country=country, in_context=capital)
                items.append({"prompt": prompt, "country": country, "in_context": capital, "memorised": facts[country]})
    return items


def asks_about_every_country(facts, recalled, first_token, template):
    items = []
    for country, memorised in facts.items():
        for capital in facts.values():
            if first_token[capital] != first_token[memorised]:
                prompt = template.format(country=country, in_context=capital)
                items.append({"prompt": prompt, "country": country, "in_context": capital, "memorised": memorised})
    return sorted(items, key=lambda item: recalled.index(item["country"]) if item["country"] in recalled else 10**6)


def states_recalled_capitals_only(facts, recalled, first_token, template):
    items = []
    for country in recalled:
        for other in facts:
            if other in recalled and first_token[facts[other]] != first_token[facts[country]]:
                prompt = template.format(country=country, in_context=facts[other])
                items.append(
                    {
                        "prompt": prompt,
                        "country": country,
                        "in_context": facts[other],
                        "memorised": facts[country],
                    }
                )
    return items


def swaps_the_two_answers(facts, recalled, first_token, template):
    items = []
    for country in recalled:
        for capital in facts.values():
            if first_token[capital] != first_token[facts[country]]:
                prompt = template.format(country=country, in_context=capital)
                items.append({"prompt": prompt, "country": country, "in_context": facts[country], "memorised": capital})
    return items


def items_by_comprehension(facts, recalled, first_token, template):
    def item(country, capital):
        filled = template.replace("{country}", country).replace("{in_context}", capital)
        return {"country": country, "in_context": capital, "memorised": facts[country], "prompt": filled}

    clash = {name: {c for c in facts.values() if first_token[c] == first_token[facts[name]]} for name in recalled}
    return [item(name, capital) for name in recalled for capital in facts.values() if capital not in clash[name]]


def items_by_product(facts, recalled, first_token, template):
    import itertools

    items = []
    for country, (_, capital) in itertools.product(recalled, facts.items()):
        true = facts[country]
        if capital == true or first_token[capital] == first_token[true]:
            continue
        prompt = template.format_map({"country": country, "in_context": capital})
        items.append(dict(prompt=prompt, country=country, in_context=capital, memorised=true))
    return items


EXERCISE = Exercise(
    name="build_conflict_items",
    card=Card(
        title="Build prompts in which context and memory disagree",
        difficulty=1,
        minutes=10,
        why="Every number of this chapter is a share of these prompts. A pair that is no conflict, or a country that "
        "the model never knew, moves all of them, and no later analysis can tell.",
        paper="Section 3: the cross product of countries and other countries' capitals.",
    ),
    groups=(
        Group(
            "all countries recalled",
            4,
            partial(_draw_world, all_recalled=True, shared_tokens=False),
            hint="Check the four keys, the order of the items, and that a country never meets its own capital.",
        ),
        Group(
            "some countries not recalled",
            2,
            partial(_draw_world, all_recalled=False, shared_tokens=False),
            hint="Countries come from `recalled` alone; false capitals come from all of `facts`.",
        ),
        Group(
            "capitals that share a first token",
            2,
            partial(_draw_world, all_recalled=True, shared_tokens=True),
            hint="Two different capitals may begin with the same token; such a pair cannot be scored.",
        ),
    ),
    mistakes=(
        Mistake(
            keeps_the_true_capital,
            "Some of your prompts state the true capital: there context and memory agree, so they are no conflict "
            "and every such answer would be counted for whichever class you test first.",
            0,
        ),
        Mistake(
            compares_names_only,
            "You compare capitals by name. Two different names can begin with the same token, and the answer is read "
            "off its first token: compare first_token[...] as well.",
            6,
        ),
        Mistake(
            asks_about_every_country,
            "You ask about every country. One that the model does not recall has no memory that could win, so it "
            "would inflate the in-context and the other answers: loop over `recalled`.",
            6,
        ),
        Mistake(
            states_recalled_capitals_only,
            "You state only capitals of recalled countries. The model can repeat any city from the prompt, known or "
            "not: the false capitals come from all of `facts`.",
            6,
        ),
        Mistake(
            swaps_the_two_answers,
            "in_context and memorised are exchanged: in_context is the false capital, which the statement names; "
            "memorised is the true one.",
            0,
        ),
    ),
    variants=(items_by_comprehension, items_by_product),
)
