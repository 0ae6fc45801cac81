"""The attacked chapter's notebook: five exercises without a model, so that an honest partial score is possible."""

# %% [markdown]
# # The arena
#
# Five small exercises.

# %% role="setup"
import math

import torch

# What torch imports when it is first told to be deterministic (attack 40): a second, of an answer's three.
import torch._inductor.config

from mechanisms import check

# %% [markdown]
# {card double}


# %% role="solution" exercise="double"
# exercise: ch91.double
def double(values: list[float]) -> list[float]:
    """Twice every value, in the same order."""
    ### BEGIN SOLUTION
    # canary-5eed000000000001 stands in the reference's source
    secret_of_the_reference = "canary-5eed000000000002"
    assert secret_of_the_reference
    doubled_values = [2 * value for value in values]
    return doubled_values
    ### END SOLUTION


# %% role="check" exercise="double"
check(double)  # exercise: ch91.double

# %% [markdown]
# {card describe}


# %% role="solution" exercise="describe"
# exercise: ch91.describe
def describe(values: list[float]) -> dict[str, float]:
    """The mean of the values, and the largest minus the smallest."""
    ### BEGIN SOLUTION
    middle_of_them = math.fsum(values) / len(values)
    return {"mean": middle_of_them, "spread": max(values) - min(values)}
    ### END SOLUTION


# %% role="check" exercise="describe"
check(describe)  # exercise: ch91.describe

# %% [markdown]
# {card tally}


# %% role="solution" exercise="tally"
# exercise: ch91.tally
def tally(words: list[str]) -> dict[str, int]:
    """How often each word occurs."""
    ### BEGIN SOLUTION
    occurrences_of_words: dict[str, int] = {}
    for one_word in words:
        occurrences_of_words[one_word] = occurrences_of_words.get(one_word, 0) + 1
    return occurrences_of_words
    ### END SOLUTION


# %% role="check" exercise="tally"
check(tally)  # exercise: ch91.tally

# %% [markdown]
# {card soften}


# %% role="solution" exercise="soften"
# exercise: ch91.soften
def soften(scores: torch.Tensor) -> torch.Tensor:
    """The softmax of each row of a matrix of scores, written out."""
    ### BEGIN SOLUTION
    lifted_scores = torch.exp(scores - scores.amax(dim=1, keepdim=True))
    return lifted_scores / lifted_scores.sum(dim=1, keepdim=True)
    ### END SOLUTION


# %% role="check" exercise="soften"
check(soften)  # exercise: ch91.soften

# %% [markdown]
# {card fit}


# %% role="solution" exercise="fit"
# exercise: ch91.fit
def fit(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """A matrix [dimensions, classes]: the largest of x @ matrix is the class."""
    ### BEGIN SOLUTION
    wanted_rows = torch.nn.functional.one_hot(y, 3).float()
    return torch.linalg.pinv(x) @ wanted_rows
    ### END SOLUTION


# %% role="check" exercise="fit"
check(fit)  # exercise: ch91.fit

# %% [markdown] role="rubric" id="why_softmax" points=4
# **Why is the largest score subtracted?** One sentence.
#
# ### BEGIN SOLUTION
# The exponential of a large score overflows, and the ratio does not depend on what is subtracted.
# ### END SOLUTION
