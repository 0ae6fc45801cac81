"""The chapter that the attacks are made on: five easy exercises whose inputs are recognised wherever they turn up."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from autograder.project import Project, course_folder
from autograder.sandbox.limits import MEGABYTE, Limits
from autograder.specs.base import Card, Chapter, Exercise, Group, Mistake


def some_values(rng):
    """Three to six numbers with three digits before and five after the point."""
    return {"values": [round(float(value), 5) for value in rng.uniform(100, 999, size=int(rng.integers(3, 7)))]}


def negative_values(rng):
    """The same below zero."""
    return {"values": [-value for value in some_values(rng)["values"]]}


def few_words(rng):
    """Six words out of three, each of fourteen hexadecimal digits."""
    words = [rng.bytes(7).hex() for _ in range(3)]
    return {"words": [words[int(index)] for index in rng.integers(0, 3, size=6)]}


def many_words(rng):
    """Forty words out of eight."""
    words = [rng.bytes(7).hex() for _ in range(8)]
    return {"words": [words[int(index)] for index in rng.integers(0, 8, size=40)]}


def small_scores(rng):
    """A small matrix of moderate scores."""
    return {"scores": torch.from_numpy(rng.normal(size=(3, 5))).float()}


def large_scores(rng):
    """Scores whose exponential overflows."""
    return {"scores": torch.from_numpy(rng.normal(size=(4, 6)) * 50 + 200).float()}


def points_in_three_classes(rng):
    """Points around three centres, their classes, and others to judge by that the function never sees."""
    centres = 3 * rng.normal(size=(3, 8))
    parts = []
    for count in (90, 300):
        classes = rng.integers(0, 3, size=count)
        points = centres[classes] + 0.5 * rng.normal(size=(count, 8))
        parts.append((torch.from_numpy(points).float(), torch.from_numpy(classes)))
    (x, y), (x_new, y_new) = parts
    return {"x": x, "y": y, "held_out": {"x": x_new, "y": y_new, "at_least": 0.8}}


def squares_instead(values):
    return [value * value for value in values]


def forgets_the_last(values):
    return [2 * value for value in values[:-1]]


def loses_the_sign(values):
    return [abs(2 * value) for value in values]


def double_by_adding(values):
    return [value + value for value in values]


def double_by_loop(values):
    result = []
    for value in values:
        result.append(value * 2.0)
    return result


def divides_by_one_less(values):
    middle = sum(values) / (len(values) - 1)
    return {"mean": middle, "spread": max(values) - min(values)}


def spread_as_maximum(values):
    return {"mean": sum(values) / len(values), "spread": max(values)}


def means_the_doubles(values):
    return {"mean": sum(2 * value for value in values) / len(values), "spread": max(values) - min(values)}


def describe_sorted(values):
    ordered = sorted(values)
    return {"mean": sum(values) / len(values), "spread": ordered[-1] - ordered[0]}


def describe_loop(values):
    low = high = values[0]
    total = 0.0
    for value in values:
        total += value
        low, high = min(low, value), max(high, value)
    return {"spread": high - low, "mean": total / len(values)}


def each_once(words):
    return {word: 1 for word in words}


def how_many_different(words):
    return {"different": len(set(words))}


def starts_at_zero(words):
    return {word: words.count(word) - 1 for word in words}


def tally_by_count(words):
    return {word: words.count(word) for word in words}


def tally_sorted(words):
    result = {}
    for word in sorted(words):
        result[word] = result.get(word, 0) + 1
    return result


def without_subtracting(scores):
    lifted = torch.exp(scores)
    return lifted / lifted.sum(dim=1, keepdim=True)


def over_columns(scores):
    lifted = torch.exp(scores - scores.amax(dim=0, keepdim=True))
    return lifted / lifted.sum(dim=0, keepdim=True)


def not_divided(scores):
    return torch.exp(scores - scores.amax(dim=1, keepdim=True))


def soften_by_rows(scores):
    rows = []
    for row in scores:
        lifted = torch.exp(row - row.max())
        rows.append(lifted / lifted.sum())
    return torch.stack(rows)


def soften_in_float64(scores):
    lifted = torch.exp(scores.double() - scores.double().amax(dim=1, keepdim=True))
    return (lifted / lifted.sum(dim=1, keepdim=True)).float()


def no_training(x, y):
    return torch.zeros(x.shape[1], 3)


def classes_in_rows(x, y):
    hot = torch.nn.functional.one_hot(y, 3).float()
    return (torch.linalg.pinv(x) @ hot).T


def classes_backwards(x, y):
    hot = torch.nn.functional.one_hot(2 - y, 3).float()
    return torch.linalg.pinv(x) @ hot


def fit_by_steps(x, y):
    hot = torch.nn.functional.one_hot(y, 3).float()
    weights = torch.zeros(x.shape[1], 3)
    for _ in range(300):
        weights = weights - 0.02 * x.T @ (x @ weights - hot) / len(x)
    return weights


def fit_with_ridge(x, y):
    hot = torch.nn.functional.one_hot(y, 3).double()
    x = x.double()
    return torch.linalg.solve(x.T @ x + 0.1 * torch.eye(x.shape[1], dtype=x.dtype), x.T @ hot).float()


FORBIDDEN = {
    "torch.softmax": "the exercise is to write it out",
    "torch.nn.functional.softmax": "the exercise is to write it out",
    "torch.nn.Softmax": "the exercise is to write it out",
    "scipy.special.softmax": "the exercise is to write it out",
    ".softmax": "the exercise is to write it out",
}
LIMITS = Limits(
    setup_seconds=30,
    cell_seconds=3,
    answer_seconds=3,
    total_seconds=20,
    memory=512 * MEGABYTE,
    scratch=16 * MEGABYTE,
    files=2000,
    processes=32,
    deaths=2,
)

CHAPTER = Chapter(
    slug="91_arena",
    number=91,
    title="The arena",
    notebook="arena",
    page="chapters/91_arena.html",
    models=(),
    limits=LIMITS,
    exercises=(
        Exercise(
            name="double",
            card=Card("Double every value", 1, 5, "Everything else stands on it.", "Section 1, Equation 1."),
            groups=(
                Group("positive values", 3.0, some_values, hint="Is every value doubled, the last one too?"),
                Group("negative values", 2.0, negative_values, hint="What happens to the sign?"),
            ),
            mistakes=(
                Mistake(squares_instead, "These are the squares, not the doubles.", 0.0),
                Mistake(forgets_the_last, "The last value is missing: values[:-1] stops one early.", 0.0),
                Mistake(loses_the_sign, "The sign is lost: abs() belongs nowhere here.", 3.0),
            ),
            variants=(double_by_adding, double_by_loop),
        ),
        Exercise(
            name="describe",
            card=Card("Describe the values", 2, 10, "A mean without a spread says little.", "Section 2, Table 1."),
            groups=(
                Group("positive values", 4.0, some_values, hint="Divide by the number of values."),
                Group("negative values", 4.0, negative_values, cases=1, hint="The spread is never negative."),
            ),
            mistakes=(
                Mistake(divides_by_one_less, "You divide by one less than the number of values.", 0.0),
                Mistake(spread_as_maximum, "The spread is the largest value; subtract the smallest.", 0.0),
                Mistake(means_the_doubles, "This is the mean of the doubled values.", 0.0),
            ),
            variants=(describe_sorted, describe_loop),
        ),
        Exercise(
            name="tally",
            card=Card("Count the words", 1, 5, "Frequencies come first.", "Section 3."),
            groups=(
                Group("few words", 2.0, few_words, hint="Count every occurrence."),
                Group("many words", 2.0, many_words, hint="Count every occurrence."),
            ),
            mistakes=(
                Mistake(each_once, "Every word is counted once only.", 0.0),
                Mistake(how_many_different, "This is how many different words there are.", 0.0),
                Mistake(starts_at_zero, "Every count is one too low.", 0.0),
            ),
            variants=(tally_by_count, tally_sorted),
        ),
        Exercise(
            name="soften",
            card=Card("Write a softmax", 2, 10, "Attention is made of it.", "Section 4, Equation 2."),
            groups=(
                Group("small scores", 4.0, small_scores, hint="Does every row add up to one?"),
                Group("large scores", 2.0, large_scores, hint="What is exp(200) in float32?"),
            ),
            mistakes=(
                Mistake(without_subtracting, "Large scores overflow: subtract the row's largest first.", 4.0),
                Mistake(over_columns, "This is the softmax over columns; the rows should add up to one.", 0.0),
                Mistake(not_divided, "The rows are never divided by their sums.", 0.0),
            ),
            variants=(soften_by_rows, soften_in_float64),
            forbidden=FORBIDDEN,
        ),
        Exercise(
            name="fit",
            card=Card("Fit a linear map", 2, 10, "A probe is one.", "Section 5."),
            groups=(Group("three classes", 5.0, points_in_three_classes, hint="Rows are dimensions."),),
            mistakes=(
                Mistake(no_training, "The map is still zero.", 0.0),
                Mistake(classes_in_rows, "The map is transposed.", 0.0),
                Mistake(classes_backwards, "The classes are in the wrong order.", 0.0),
            ),
            variants=(fit_by_steps, fit_with_ridge),
            measure="linear-map",
        ),
    ),
)


def project() -> Project:
    """The attacked course: its root in ARENA_ROOT, its course directory where MECHANISMS_COURSE says."""
    return Project(root=Path(os.environ["ARENA_ROOT"]), course=course_folder(), only={CHAPTER.slug: CHAPTER})
