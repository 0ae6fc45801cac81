"""A throw-away chapter of tiny tensor functions, for the tests of the checks.

- ``CHAPTER`` is its spec and ``NAMESPACE`` what its notebook would define;
- ``TinyModel`` stands in for a lab model: one weight, one hook point, and ``reset_hooks``.
"""

from __future__ import annotations

import torch

from autograder.specs.base import Card, Chapter, Exercise, Group, Mistake
from mechanisms.check.codec import ModelRef


def scale_rows(values, alpha):
    return values * alpha[:, None]


def count_words(text):
    counts = {}
    for word in text.lower().split():
        counts[word] = counts.get(word, 0) + 1
    return counts


def double_output(model, tokens):
    return 2 * model(tokens).detach()


NAMESPACE = {
    "torch": torch,
    "scale_rows": scale_rows,
    "count_words": count_words,
    "double_output": double_output,
}


class TinyModel(torch.nn.Module):
    """Looks up one number per token; ``hook`` is a place to put a hook."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.arange(8.0), requires_grad=False)
        self.hook = torch.nn.Identity()
        self.lens_hooks = []

    def forward(self, tokens):
        return self.hook(self.weight[tokens])

    def add_hook(self, function):
        self.lens_hooks.append(self.hook.register_forward_hook(lambda module, args, out: function(out)))

    def reset_hooks(self):
        for handle in self.lens_hooks:
            handle.remove()
        self.lens_hooks.clear()


def _rows(sign):
    def draw(rng):
        size = int(rng.integers(2, 5))
        values = torch.tensor(rng.normal(size=(size, size)), dtype=torch.float32)
        return {"values": values, "alpha": sign * torch.tensor(rng.uniform(0.5, 2, size=size), dtype=torch.float32)}

    return draw


def _text(words):
    return lambda rng: {"text": " ".join(rng.choice(words, size=9).tolist())}


def _tokens(rng):
    return {"model": ModelRef("tiny"), "tokens": torch.tensor(rng.integers(0, 8, size=5))}


def scales_columns(values, alpha):
    return values * alpha[None, :]


def adds_alpha(values, alpha):
    return values + alpha[:, None]


def drops_the_sign(values, alpha):
    return values * alpha.abs()[:, None]


def rows_in_a_loop(values, alpha):
    return torch.stack([row * factor for row, factor in zip(values, alpha, strict=True)])


def rows_in_float64(values, alpha):
    return torch.einsum("rc,r->rc", values.double(), alpha.double())


def keeps_capitals(text):
    counts = {}
    for word in text.split():
        counts[word] = counts.get(word, 0) + 1
    return counts


def counts_letters(text):
    return {letter: text.lower().count(letter) for letter in sorted(set(text.lower()))}


def counts_each_once(text):
    return {word: 1 for word in text.lower().split()}


def words_with_counter(text):
    from collections import Counter

    return dict(Counter(text.lower().split()))


def words_sorted(text):
    words = text.lower().split()
    return {word: words.count(word) for word in sorted(set(words))}


def forgets_to_double(model, tokens):
    return model(tokens).detach()


def doubles_the_tokens(model, tokens):
    return model((2 * tokens) % 8).detach()


def halves(model, tokens):
    return model(tokens).detach() / 2


def adds_to_itself(model, tokens):
    output = model(tokens).detach()
    return output + output


def from_the_weights(model, tokens):
    return torch.stack([2 * model.weight[token] for token in tokens])


def _card(title):
    return Card(title=title, difficulty=1, minutes=5, why="It is a small example.", paper="Section 1")


CHAPTER = Chapter(
    slug="90_tiny",
    number=90,
    title="A tiny chapter",
    notebook="tiny",
    page="chapters/90_tiny.html",
    exercises=(
        Exercise(
            name="scale_rows",
            card=_card("Scale every row"),
            groups=(
                Group("positive factors", 3, _rows(1), cases=2, hint="Which dimension does alpha belong to?"),
                Group("negative factors", 1.5, _rows(-1), cases=2, hint="A negative factor turns the sign around."),
            ),
            mistakes=(
                Mistake(scales_columns, "You scaled the columns: alpha belongs to the rows.", 0),
                Mistake(adds_alpha, "You added alpha; multiply by it.", 0),
                Mistake(drops_the_sign, "You dropped the sign of alpha.", 3),
            ),
            variants=(rows_in_a_loop, rows_in_float64),
        ),
        Exercise(
            name="count_words",
            card=_card("Count the words"),
            groups=(
                Group("small letters", 2, _text(["a", "cat", "sat"]), hint="Count every word as often as it occurs."),
                Group("capitals", 1, _text(["The", "the", "CAT"]), cases=1, hint="'The' and 'the' are one word."),
            ),
            mistakes=(
                Mistake(keeps_capitals, "You told 'The' and 'the' apart.", 2),
                Mistake(counts_letters, "You counted letters instead of words.", 0),
                Mistake(counts_each_once, "You counted every word once, however often it occurs.", 0),
            ),
            variants=(words_with_counter, words_sorted),
        ),
        Exercise(
            name="double_output",
            card=_card("Double what the model says"),
            groups=(Group("tokens", 4, _tokens, cases=2, hint="Run the model first."),),
            mistakes=(
                Mistake(forgets_to_double, "You returned the output as it is.", 0),
                Mistake(doubles_the_tokens, "You doubled the tokens before the model saw them.", 0),
                Mistake(halves, "You halved it.", 0),
            ),
            variants=(adds_to_itself, from_the_weights),
        ),
    ),
)
