"""Chapter 06, dual process learning: the source of the exercise notebook, solutions included.

- eight exercises take the reader from a toy language, over two fair questions to a model, to three ways of forgetting;
- the live training is off unless the reader asks for it: the shipped checkpoints stand in;
- nothing here depends on a particular seed: every claim is repeated over five of them in section 5.
"""

# %% [markdown]
# # 06 · Dual process: learning by heart, and reading what is there
#
# A language model can answer in two ways. It can use what is **in its weights**: this word is an adjective, I have
# seen it a thousand times. Or it can use what is **in the context**: whatever this word is, here it stands where an
# adjective stands. People do both. They know most words, and they cope with *the wug is blicket*.
#
# Anand, Lepori, Merullo and Pavlick (*Dual Process Learning: Controlling Use of In-Context vs. In-Weights Strategies
# with Weight Forgetting*, 2025) ask what makes a model do the one or the other, and how to get both. Their tool is
# odd and simple: **forgetting on purpose**. Erase the word embeddings now and then while training goes on, and
# knowing words by heart does not pay. Stop erasing, and the words *can* be learned, but the habit of reading the
# context stays.
#
# The paper is partly about a toy model, and that is the part you do here, in full. By the end you can
#
# - build a language in which two strategies are right, and the test sets that tell them apart;
# - ask fair questions: why a perfect accuracy says nothing, and how a metric can hide a skill completely;
# - reset embeddings in the middle of training without breaking the optimizer or the tied decoder;
# - measure at the right moment, and know what the wrong moment would have made you believe;
# - say, over five seeds, what forgetting does and what it does not.
#
# **Eight exercises, 66 points**, and one question for a human reader (5 points). Plan 90 minutes for the exercises
# alone; reading, experiments and the written answer come on top. Below every exercise stands a `check(...)` line. Run
# it as often as you like: it tells you which case failed and, often, why. Hints are folded, from a nudge to almost the
# answer. The chapter's page in the book tells the story and the mathematics.

# %% [markdown]
# ## Setup
#
# Run this first. Everything that your own functions may use is imported here.

# %% role="setup"
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mechanisms import check, predict
from mechanisms.data import dual_process as lab
from mechanisms.data.dual_process import World
from mechanisms.models import load

torch.set_num_threads(1)  # the models are so small that a second thread would mostly wait for the first
world = World()  # 200 nouns (ids 0 to 199), 200 adjectives (200 to 399), copula, mask, 40 tokens never trained

# %% [markdown]
# ## 1 · A language in two classes
#
# In a text a few words are everywhere and most are rare. **Zipf's law** says: the word of rank $r$ has a probability in
# proportion to $1 / r^{\alpha}$. Our language has $n$ nouns and $n$ adjectives, so the law is cut off at $n$:
#
# $$p(r) = \frac{r^{-\alpha}}{\sum_{k=1}^{n} k^{-\alpha}}, \qquad r = 1, \dots, n .$$
#
# To draw from it, take a number $u$ uniform in $[0, 1)$ and walk along the cumulated probabilities until you have
# passed
# $u$: the result is the first rank whose cumulated probability is at least $u$.
#
# {card zipf_ranks}
#
# Ranks are used as token ids, so return them **counted from 0**: the most frequent is 0, the rarest n − 1.


# %% role="solution" exercise="zipf_ranks"
# exercise: ch06.zipf_ranks
def zipf_ranks(uniform: Float[Tensor, "draws"], n: int, alpha: float) -> Int[Tensor, "draws"]:
    """Ranks drawn by Zipf's law, cut off at n (the toy setting's sampling of tokens).

    uniform: float64 numbers in [0, 1), one for each draw. alpha: the exponent; 0 makes all ranks equally frequent.
    Returns ranks from 0 to n - 1 as integers: the first rank whose cumulated probability is at least the number.
    """
    ### BEGIN SOLUTION
    weights = torch.arange(1, n + 1, dtype=torch.float64) ** -alpha
    edges = (weights / weights.sum()).cumsum(0)
    return torch.searchsorted(edges, uniform).clamp(max=n - 1)
    ### END SOLUTION


# %% role="check" exercise="zipf_ranks"
check(zipf_ranks)  # exercise: ch06.zipf_ranks

# %% [markdown]
# <details><summary>Hint 1: where to start</summary>
#
# `torch.arange(1, n + 1, dtype=torch.float64) ** -alpha` gives the n weights. Divide by their sum.
#
# </details>
# <details><summary>Hint 2: walking along</summary>
#
# `.cumsum(0)` cumulates. `torch.searchsorted(edges, uniform)` gives, for every number, the first place whose entry is
# at least the number: exactly the rank, counted from 0.
#
# </details>
# <details><summary>Hint 3: the last rank</summary>
#
# The last cumulated probability should be 1 and may be 0.9999999999 after rounding. `.clamp(max=n - 1)` keeps a number
# beyond it at the last rank.
#
# </details>

# %% role="demo"
from mechanisms.plots import dual_process as plots

drawn = zipf_ranks(torch.rand(20_000, dtype=torch.float64, generator=torch.Generator().manual_seed(0)), 200, 1.2)
print(f"the ten most frequent of 200 tokens make {(drawn < 10).float().mean():.0%} of all draws,")
print(f"the rarer half {(drawn >= 100).float().mean():.0%}")
plots.plot_use(drawn, 200, 1.2)

# %% [markdown]
# <details><summary>What you should see</summary>
#
# A straight line: on two logarithmic axes a power law is one. Ten tokens make more than half of the text, the rarer
# half less than a tenth. Frequent tokens are easily learned by heart; for rare ones there is little to learn from.
#
# </details>
#
# A **copula** is a word that ties a noun to what is said of it: *is* in *sky is blue*. In our language it is a single
# token, and it may also stand in front: *is blue sky*. It is the only cue: the two orders are told apart by its place.
#
# A sequence has seven tokens: a **context** of three, a **query**, and three **masks** at which the model must answer.
#
# | context | query | answers |
# |---|---|---|
# | `copula adjective noun` *or* `noun copula adjective` | the adjective | adjective adjective adjective |
# | `copula adjective noun` *or* `noun copula adjective` | the noun | adjective noun noun |
#
# In one sentence: *first the adjective, then the query twice*. The pattern is the paper's. Its point is the first
# answer, which asks for the adjective whatever the query is; so the model must know which of the two tokens *is* the
# adjective. There are two ways to know it: by the **place of the copula**, or by having **learned the tokens**. The
# other two answers are copies of what stands right there.
#
# {card build_sequences}
#
# What to use where comes from outside, one entry for each sequence.


# %% role="solution" exercise="build_sequences"
# exercise: ch06.build_sequences
def build_sequences(
    noun: Int[Tensor, "n"],
    adjective: Int[Tensor, "n"],
    copula_first: Bool[Tensor, "n"],
    ask_adjective: Bool[Tensor, "n"],
    copula: int,
    mask: int,
) -> dict[str, Int[Tensor, "n _"]]:
    """Sequences of seven tokens and their three answers (the paper's toy task).

    noun, adjective: what stands in that place. copula_first: True for "copula adjective noun", else "noun copula
    adjective". ask_adjective: True where the query is the adjective, else it is the noun.
    Returns {"tokens": [n, 7] context, query and three masks, "answers": [n, 3] what belongs at the masks}.
    """
    ### BEGIN SOLUTION
    cop = torch.full_like(noun, copula)
    first = torch.where(copula_first, cop, noun)
    second = torch.where(copula_first, adjective, cop)
    third = torch.where(copula_first, noun, adjective)
    query = torch.where(ask_adjective, adjective, noun)
    masks = torch.full((len(noun), 3), mask)
    tokens = torch.cat([torch.stack([first, second, third, query], dim=1), masks], dim=1)
    return {"tokens": tokens, "answers": torch.stack([adjective, query, query], dim=1)}
    ### END SOLUTION


# %% role="check" exercise="build_sequences"
check(build_sequences)  # exercise: ch06.build_sequences

# %% [markdown]
# <details><summary>Hint 1: plain loops are fine</summary>
#
# Loop over the sequences, make a list of seven numbers and a list of three for each, and turn both lists of lists into
# tensors with `torch.tensor(...)`.
#
# </details>
# <details><summary>Hint 2: all at once</summary>
#
# `torch.where(copula_first, a, b)` chooses row by row; `torch.stack([...], dim=1)` puts columns side by side.
#
# </details>
# <details><summary>Hint 3: the answers</summary>
#
# Look at the table: the first answer is always the adjective, the second and third are always the query.
#
# </details>
#
# A tenth of each class is **ambiguous**: when such a token is drawn, half of the time an ambiguous token of the
# *other* class stands in its place. So the classes are not quite fixed, and reading the structure is always a little
# better than knowing the tokens. The library's `draw` does this; your two functions make the rest.

# %% role="demo"
generator = torch.Generator().manual_seed(1)
noun, adjective = lab.draw(world, 6, generator)
coins = torch.rand(2, 6, generator=generator) < 0.5
built = build_sequences(noun, adjective, coins[0], coins[1], world.copula, world.mask)


def word(token: int) -> str:
    """A token in letters: n12 is the noun of rank 12, a3 the adjective of rank 3, x5 a token that is never trained."""
    if token < world.half:
        return f"n{token}"
    if token < world.content:
        return f"a{token - world.half}"
    return {world.copula: "is", world.mask: "___"}.get(token, f"x{token - world.content - 2}")


for row, wanted in zip(built["tokens"].tolist(), built["answers"].tolist(), strict=True):
    print(
        " ".join(f"{word(token):>5}" for token in row), "   answers:", " ".join(f"{word(token):>5}" for token in wanted)
    )

# %% [markdown]
# ## 2 · Which of the two?
#
# ### Predict before you run
#
# Replace `None` by a letter. Predictions earn no points; they make you notice when you are surprised.

# %% role="predict"
predict("06.q1", None)

# %% [markdown]
# Where two strategies give the same answer, a right answer tells nothing. So build a **conflict**: give an adjective
# the noun's place and a noun the adjective's. The label goes by the place. A model that goes by context is right, one
# that goes by the tokens is wrong. So **the accuracy on this set is the share of answers by context**; whether the rest
# goes by tokens, or is simply wrong, is one more thing to look at, and we shall.
#
# Ambiguous tokens are in no conflict, since they have stood in both places before: a pair with one of them drops out.
#
# {card switch_set}
#
# Use your `build_sequences`. `noun` and `adjective` are what the tokens are *elsewhere*; in this set they change
# places.


# %% role="solution" exercise="switch_set"
# exercise: ch06.switch_set
def switch_set(
    noun: Int[Tensor, "n"],
    adjective: Int[Tensor, "n"],
    is_ambiguous: Bool[Tensor, "vocab"],
    copula_first: Bool[Tensor, "n"],
    ask_noun_slot: Bool[Tensor, "n"],
    copula: int,
    mask: int,
) -> dict[str, Int[Tensor, "m _"]]:
    """Sequences in which known tokens stand in each other's place (the paper's switch set).

    noun, adjective: pairs of tokens of these classes. is_ambiguous: True for a token that occurs in both places.
    copula_first: as in build_sequences. ask_noun_slot: True where the query is what stands in the *noun's place* (here:
    the adjective), else what stands in the adjective's place.
    Pairs with an ambiguous token are left out; the others keep their order. The label goes by the place.
    Returns {"tokens": [m, 7], "answers": [m, 3]}.
    """
    ### BEGIN SOLUTION
    keep = ~(is_ambiguous[noun] | is_ambiguous[adjective])
    return build_sequences(adjective[keep], noun[keep], copula_first[keep], ~ask_noun_slot[keep], copula, mask)
    ### END SOLUTION


# %% role="check" exercise="switch_set"
check(switch_set)  # exercise: ch06.switch_set

# %% [markdown]
# <details><summary>Hint 1: what is the label?</summary>
#
# As far as the context goes, the token in the adjective's place *is* the adjective. So `build_sequences` gives the
# right labels by itself, if you hand it the token for each place.
#
# </details>
# <details><summary>Hint 2: dropping pairs</summary>
#
# `is_ambiguous[noun]` is a bool for each pair, and so is `is_ambiguous[adjective]`; `|` is *or*, `~` is *not*. Call the
# pairs that stay `keep`, and hand on `noun[keep]` and so on, for every argument that has a row for each pair.
#
# </details>
# <details><summary>Hint 3: almost the answer</summary>
#
# `build_sequences(noun=adjective[keep], adjective=noun[keep], ...)`. It wants to know where the *adjective's place* is
# asked for: `~ask_noun_slot[keep]`.
#
# </details>
#
# Now the score. The model is a masked one: at each of the last three places it gives a logit for every token of the
# vocabulary, and the answer at a mask is predicted **at the mask itself**.
#
# {card hard_accuracy}


# %% role="solution" exercise="hard_accuracy"
# exercise: ch06.hard_accuracy
def hard_accuracy(logits: Float[Tensor, "n 7 vocab"], answers: Int[Tensor, "n 3"]) -> float:
    """The share of sequences whose three answers all have the largest logit of the vocabulary (the toy's metric).

    logits: the model's output; the masks are the last three places. answers: what belongs there.
    """
    ### BEGIN SOLUTION
    return (logits[:, -3:].argmax(-1) == answers).all(1).float().mean().item()
    ### END SOLUTION


# %% role="check" exercise="hard_accuracy"
check(hard_accuracy)  # exercise: ch06.hard_accuracy

# %% [markdown]
# <details><summary>Hint: almost the answer</summary>
#
# `logits[:, -3:].argmax(-1)` is [n, 3]. Compare, `.all(1)`, and the mean as a Python float.
#
# </details>
#
# Try it: the shipped model of vanilla training, on ordinary sequences and on sequences of tokens that it has *never
# seen*. Reading the structure works for any token, so a model that can do that should not mind.

# %% role="demo"
from mechanisms.training.measure_dual import test_sets

vanilla = load("lab-dual-vanilla")
tests = test_sets(world, 1000)


def fresh_spare(model, seed=0):
    """Give the never-trained tokens fresh embeddings, as small as all were at the start of training."""
    table = model.get_input_embeddings().weight
    generator = torch.Generator().manual_seed(seed)
    table.data[world.spare_tokens] = 0.02 * torch.randn(world.spare, table.shape[1], generator=generator)


fresh_spare(vanilla)
for kind in ("validation", "random"):
    with torch.no_grad():
        logits = vanilla(tests[kind].tokens).logits
    print(f"{kind:12s} hard accuracy {hard_accuracy(logits, tests[kind].answers):.1%}")

# %% [markdown]
# <details><summary>What you should see</summary>
#
# 100% and 0%. So the model cannot read structure at all? Do not believe it yet.
#
# </details>
#
# Zero is suspicious. The decoder is **tied** to the embeddings: a token's logit is the product of a state with the
# token's own embedding. A never-trained token has a tiny embedding and cannot win against 400 trained ones, *whatever
# the model has understood*. The metric asks two things at once: which of the two tokens, and whether this token beats
# everything. Ask the first alone.
#
# {card two_alternative}
#
# `candidates` holds the two tokens of each context, the one in the noun's place first. At each mask one of them is
# right. A sequence counts if at **all three** places the right one has the larger logit; **a tie is wrong**.
#
# What would guessing score? Not 1/8. The last two answers repeat the query, so only the first place asks for knowledge,
# and there one of two tokens is right: a model that repeats the query at every mask is right about **half** of the
# time. That is the dashed line at 50% in the figures.


# %% role="solution" exercise="two_alternative"
# exercise: ch06.two_alternative
def two_alternative(
    logits: Float[Tensor, "n 7 vocab"], answers: Int[Tensor, "n 3"], candidates: Int[Tensor, "n 2"]
) -> float:
    """The share of sequences in which the right one of two tokens wins at all three masks.

    candidates: the two tokens of the context, the one in the noun's place first; each answer is one of them.
    Other tokens do not count. Equal logits are wrong.
    """
    ### BEGIN SOLUTION
    pair = logits[:, -3:].gather(2, candidates[:, None].expand(-1, 3, -1))
    wants_noun = answers == candidates[:, :1]
    right = torch.where(wants_noun, pair[..., 0] > pair[..., 1], pair[..., 1] > pair[..., 0])
    return right.all(1).float().mean().item()
    ### END SOLUTION


# %% role="check" exercise="two_alternative"
check(two_alternative)  # exercise: ch06.two_alternative

# %% [markdown]
# <details><summary>Hint 1: where to start</summary>
#
# A loop over rows and over places 4, 5, 6 is fine: `row[place, noun]` and `row[place, adjective]` are the two logits.
#
# </details>
# <details><summary>Hint 2: all at once</summary>
#
# `logits[:, -3:].gather(2, index)` picks two logits at each place; `index` is [n, 3, 2]:
# `candidates[:, None].expand(-1, 3, -1)`.
#
# </details>
# <details><summary>Hint 3: almost the answer</summary>
#
# `answers == candidates[:, :1]` says where the noun's token is right. There its logit must be larger (`>`), elsewhere
# the other one's.
#
# </details>

# %% role="demo"
KINDS = ("validation", "random", "switch", "tail switch", "no cue")


def go_by(model):
    """The two-alternative score of a model on every kind of test."""
    fresh_spare(model)
    with torch.no_grad():
        return {
            kind: two_alternative(model(tests[kind].tokens).logits, tests[kind].answers, tests[kind].candidates)
            for kind in KINDS
        }


plots.plot_sets({"vanilla training": go_by(vanilla)}, "lab-dual-vanilla: the right one of two")

# %% [markdown]
# <details><summary>What you should see</summary>
#
# Asked fairly, the same model answers never-trained tokens almost perfectly; the 0% was the metric's. And in a conflict
# it mostly goes by what it has learned: with frequent tokens only a minority of answers follow the context, with rare
# ones most do. It knows its frequent tokens by heart.
#
# The last bar: with the cue taken away the model is not much better than a coin. (In these sequences the two tokens
# stand in random order in places 1 and 2, and a mask stands in place 3, where a copula never is.) It was never asked
# to answer without the copula. Section 6 changes that.
#
# </details>
#
# ### A control: can this score be had without reading the copula?
#
# It can. The score compares two tokens and leaves the copula out, and that alone gives away where the copula stands.
# Take the rule *at the first mask the token of place 2, else that of place 3, else that of place 1; then repeat the
# query*. It knows no token and cannot tell a copula from a noun. In `copula adjective noun` place 2 is the adjective.
# In `noun copula adjective` place 2 is the copula, which is not asked for, so place 3 has it: the adjective again.
#
# A conclusion about *reading* needs a score that no such rule can win. Count the copula as a **third candidate** at the
# first mask. Where the query stands still tells something: repeating place 1 it must be the noun, repeating place 2 the
# adjective, since it is no copula. But in half of the sequences the query repeats place 3, and then it may be either:
# on average no rule that cannot tell a copula is right in more than three sequences of four. And for the other side:
# put another never-trained token **in the copula's place**, where it cannot be read. The rules do not mind.

# %% role="demo"
from mechanisms.training.dual_controls import answering, by_place, by_query, conflict_shares, controls, copying

SPREAD = 0.02  # of fresh embeddings
rules = {"place 2, else 3, else 1": by_place, "the same, and the query": by_query, "always the query": copying}


def print_controls(responses):
    """The score on never-trained tokens, and two scores that ask for the copula, for models and rules by name."""
    print(f"{'never-trained tokens':26}{'right of two':>14}{'right of three':>16}{'copula replaced':>17}")
    for name, respond in responses.items():
        found = controls(respond, world)
        print(f"{name:26}{found['two']:14.0%}{found['right of three']:16.0%}{found['no copula']:17.0%}")


print_controls({**rules, "vanilla training": answering(vanilla, world, SPREAD)})
shares = conflict_shares(answering(vanilla, world, SPREAD), world)
print("\nvanilla training in a conflict:", ", ".join(f"{share:.1%} {name}" for name, share in shares.items()))

# %% [markdown]
# <details><summary>What you should see</summary>
#
# Rules that read nothing get 100% of two, so 100% alone is no proof of reading. With the copula as a third candidate
# they come to a half or about three quarters, and the model stays at 100%: it takes the adjective, and it does not take
# the copula, in either order, between tokens it has never seen. So it **does** read the structure. With another token
# for the copula it falls to 76%, where the rules stay at 100%: it does not follow them; it goes by the copula, and
# without it is right about as often as the query's place allows. (The rule that always repeats the query is at the
# dashed line.)
#
# The last line: whatever does not go by context in the conflict goes by tokens. "Neither" is empty, so the bar
# of the conflict is exactly what it says.
#
# </details>
#
# ## 3 · Forget
#
# How can a model be made to read rather than remember? **Active forgetting** (Chen et al., 2023): every $K$ steps all
# word embeddings are replaced by fresh random ones. The body of the model stays. What it has learned about *this* table
# of embeddings is worth nothing from then on, and what works with *any* table is worth as much as ever.
#
# **Temporary forgetting**, this paper's idea: the same, but only while the step is below $N$. After that the table is
# left in peace and the words can be learned.
#
# {card should_reset}
#
# Steps are counted from 1. `every` = 0 is vanilla training: never. `until` = 0: forgetting never ends. Otherwise the
# last reset is *before* step `until`.


# %% role="solution" exercise="should_reset"
# exercise: ch06.should_reset
def should_reset(step: int, every: int, until: int) -> bool:
    """Whether the embeddings are reset after this step (active and temporary forgetting).

    step: counted from 1. every: reset when step is a multiple of it; 0 means never. until: only while step < until;
    0 means that there is no end.
    """
    ### BEGIN SOLUTION
    return every > 0 and step % every == 0 and (until == 0 or step < until)
    ### END SOLUTION


# %% role="check" exercise="should_reset"
check(should_reset)  # exercise: ch06.should_reset

# %% [markdown]
# <details><summary>Hint: almost the answer</summary>
#
# Three conditions joined by `and`: there are resets at all, the step is a multiple, and there is no end or it is not
# reached: `until == 0 or step < until`.
#
# </details>
#
# The reset itself has two traps, and both are silent: training goes on, the loss falls, and the result is wrong.
#
# 1. **Other parts hold the same tensor.** The decoder is tied: its weight *is* the embedding's. And the optimizer has
#    the parameter in its lists. Put a new `Parameter` in its place and both go on with the old one. So write **into**
#    the tensor that is there.
# 2. **Adam remembers.** For each parameter it keeps running means of the gradient (`exp_avg`) and of its square
#    (`exp_avg_sq`), and a count of steps (`step`, for the correction of a young mean). They belong to the old
#    embeddings: all three start **at zero** again, as the tensors that they are. What it remembers of other parameters
#    stays, every bit of it.
#
# | what | where |
# |---|---|
# | the embedding's parameter | `model.get_input_embeddings().weight` |
# | what Adam remembers of it | `optimizer.state[weight]`: a dictionary of three tensors |
# | writing without recording a gradient | `with torch.no_grad():` and `weight.copy_(fresh)` |
#
# {card reset_embeddings}
#
# The new embeddings are handed in as `fresh`. The function returns nothing. `check` uses a small model in the middle of
# its training, looks at all of it after your call, and trains it one step more.


# %% role="solution" exercise="reset_embeddings"
# exercise: ch06.reset_embeddings
def reset_embeddings(model, optimizer: torch.optim.Optimizer, fresh: Float[Tensor, "vocab d_model"]) -> None:
    """Replaces the word embeddings in place, with a clean optimizer for them (active forgetting).

    model: a masked language model with tied embeddings. optimizer: an AdamW that trains it. fresh: the new embeddings.
    The parameter stays the same object; its exp_avg, exp_avg_sq and step become zero; nothing else changes. The
    numbers of fresh are copied: fresh itself stays the caller's, in a memory of its own.
    """
    ### BEGIN SOLUTION
    weight = model.get_input_embeddings().weight
    with torch.no_grad():
        weight.copy_(fresh)
    for value in optimizer.state[weight].values():
        value.zero_()
    ### END SOLUTION


# %% role="check" exercise="reset_embeddings"
check(reset_embeddings)  # exercise: ch06.reset_embeddings

# %% [markdown]
# <details><summary>Hint 1: in place</summary>
#
# Methods that end on an underscore change a tensor where it is: `copy_`, `zero_`, `normal_`. PyTorch refuses them on a
# parameter unless you say `with torch.no_grad():`.
#
# </details>
# <details><summary>Hint 2: almost the answer</summary>
#
# Two lines for the weight. Then a loop over the values of the dictionary `optimizer.state[weight]`, with `.zero_()` for
# each.
#
# </details>
#
# And the order of things. In each step: the optimizer's step, then perhaps a **measurement**, and only then perhaps a
# **reset**.
#
# {card forgetful_loop}
#
# Measure every `measure_every` steps and at the last step, whether it is a multiple or not. Use your `should_reset`.


# %% role="solution" exercise="forgetful_loop"
# exercise: ch06.forgetful_loop
def forgetful_loop(steps: int, every: int, until: int, measure_every: int, take_step, measure, reset) -> list[list]:
    """Training with forgetting: step, measure, reset, in this order (the released script's order).

    take_step(), reset(): do what they say. measure(): returns a score. Steps are counted from 1 to steps.
    Returns the curve: [step, score] for every measurement.
    """
    ### BEGIN SOLUTION
    curve = []
    for step in range(1, steps + 1):
        take_step()
        if step % measure_every == 0 or step == steps:
            curve.append([step, measure()])
        if should_reset(step, every, until):
            reset()
    return curve
    ### END SOLUTION


# %% role="check" exercise="forgetful_loop"
check(forgetful_loop)  # exercise: ch06.forgetful_loop

# %% [markdown]
# <details><summary>Hint: almost the answer</summary>
#
# One loop, `for step in range(1, steps + 1)`, with three things in it, in the order of the text above.
#
# </details>
#
# Why the order matters: two shipped models, of vanilla training and of active forgetting. We measure each as it is, and
# once more just after a reset, five times with other fresh embeddings.

# %% role="demo"
import copy


def after_a_reset(model, seed):
    """A copy of the model whose embeddings have just been reset by your function."""
    model = copy.deepcopy(model)
    words = model.get_input_embeddings().weight.requires_grad_(True)
    optimizer = torch.optim.AdamW([words], lr=0.0, weight_decay=0.0)
    model(tests["validation"].tokens[:1]).logits.sum().backward()
    optimizer.step()  # a step of size 0, so that Adam has something to forget
    reset_embeddings(model, optimizer, 0.02 * torch.randn(words.shape, generator=torch.Generator().manual_seed(seed)))
    return model


order = {}
for name in ("vanilla", "active"):
    model = load(f"lab-dual-{name}")
    later = [after_a_reset(model, seed) for seed in range(5)]
    order[f"{name}, before"] = go_by(copy.deepcopy(model))
    scored = [go_by(copy.deepcopy(reset)) for reset in later]
    order[f"{name}, just after"] = {kind: sum(found[kind] for found in scored) / 5 for kind in KINDS}
    control = [controls(answering(reset, world, SPREAD), world) for reset in later]
    mean = {key: sum(found[key] for found in control) / 5 for key in control[0]}
    print(
        f"{name}, just after, never-trained tokens: place 2 is taken at the first mask in {mean['place 2']:.0%}; "
        f"right of two {mean['two']:.0%} ('copula adjective noun' {mean['copula first']:.0%}, "
        f"'noun copula adjective' {mean['noun first']:.0%}); right of three {mean['right of three']:.0%}"
    )
plots.plot_sets(order)

# %% [markdown]
# <details><summary>What you should see</summary>
#
# Before the reset both models answer never-trained tokens perfectly. Just after it the vanilla model is not far from a
# coin, on everything. The forgetful one looks better: from 54% to 83%. The copula and the mask are tokens too, and
# *their* embeddings were erased with the others: what marked the structure is noise now.
#
# So has the forgetful model learned to find the copula in the noise? **No**, says the control. It takes the token in
# place 2 for the adjective in *every* sequence. In `copula adjective noun` that is right. In `noun copula adjective`
# place 2 is the copula, which our score leaves out, and so the model gets a coin's chance and a bit more. Count the
# copula as a third candidate, and 81% become 50%.
#
# Imagine a sweep in which the measurements fall on the steps of the resets and come a line too late. You would read
# off the second row that forgetting lifts structural learning from about 60% to about 80%, and you would publish it.
# Nothing of the kind is there.
#
# </details>
#
# ## 4 · Three trainings
#
# ### Predict before you run

# %% role="predict"
predict("06.q2", None)

# %% [markdown]
# Vanilla training, active forgetting (a reset every 100 steps, to the end) and temporary forgetting (the same, until
# step 900 of 1,800). `LIVE = True` trains all three here, with **your** `should_reset` and `reset_embeddings`: about
# half a minute each on a laptop, two minutes on a slow machine. Curves are drawn as they grow. Interrupt whenever you
# want; run the cell again, and it goes on where it was (states are kept in the folder `my-lab-dual`). Change one of the
# two functions, and the training starts afresh. With `LIVE = False` you get the models that ship with the course
# (`python -m mechanisms.training lab-dual`) and their curves.

# %% role="demo"
LIVE = False  # True: train your own

from mechanisms.training.live_dual import forget_live

SHOWN = ("validation", "random", "switch")
models, curves = forget_live(LIVE, should_reset, reset_embeddings, draw=lambda rows: plots.plot_training(rows, SHOWN))
for name, rows in curves.items():
    least = {score: min((row[score], row["step"]) for row in rows if row["step"] > 200) for score in SHOWN}
    told = ", ".join(f"{score} {value:.0%} (step {step:,})" for score, (value, step) in least.items())
    print(f"{name}, lowest after step 200: {told}")
plots.plot_training(curves, SHOWN)

# %% [markdown]
# <details><summary>What you should see</summary>
#
# This is said of the curves that ship with the course; yours may dip elsewhere. Up to step 900 the two forgetful runs
# are one and the same run, so one colour covers the other.
#
# Left: all three answer ordinary sequences from early on, the forgetful ones with dips to 92%. Middle: never-trained
# tokens are answered nearly perfectly most of the time, with deeper dips: the forgetful runs fall to 83% at step 350,
# and around step 1,100 the active one to about 74%. Every other point lies only 50 steps after a reset, and at 1,100
# not even 100 steps with one table were enough. Right, the conflict: vanilla training goes by the tokens. Active
# forgetting goes by the context in the end, but falls to about half around step 1,100, in the same dip. Temporary
# forgetting *stays* with the context after the resets have stopped.
#
# If you trained your own, look at the **middle** panel first. Put a new `Parameter` in the old one's place, and
# ordinary sequences still look nearly right (the decoder goes on training the old table), while never-trained tokens
# fall far below a coin: what the model reads and what it writes are two tables then.
#
# </details>

# %% role="demo"
results = {name: go_by(copy.deepcopy(model)) for name, model in models.items()}
print_controls({**rules, **{name: answering(model, world, SPREAD) for name, model in models.items()}})
plots.plot_sets(results, "At the end of training")

# %% [markdown]
# <details><summary>What you should see</summary>
#
# In a conflict the forgetful models go by the context, and vanilla training by the tokens. On never-trained tokens all
# three are right of two *and* right of three: each of them reads where the copula is. With the copula replaced the
# forgetful ones keep 85% and 88%, more than the query's place tells: when there is no copula to be read they fall back
# on something like the rule of places, which the score of two rewards.
#
# The last bars: without the cue temporary forgetting is no better than a coin, even on frequent tokens. There was peace
# for 900 steps, and the words *could* have been learned; but with the copula always there nothing asks for them.
#
# </details>
#
# ## 5 · Over seeds, and when to stop
#
# One model of each kind is an anecdote. The course's sweep trained every kind from five seeds, and temporary forgetting
# with six different ends (`python -m mechanisms.training.dual_sweep`). Move the slider: the grey phase is the one in
# which words are forgotten.

# %% role="demo"
from mechanisms.training import dual_sweep
from mechanisms.widgets import stop_frames, stop_slider

sweep = dual_sweep.runs_of()
stops = {"vanilla": 0, **{f"stop at {stop}": stop for stop in dual_sweep.STOPS}, "active": None}
frames = stop_frames(sweep, stops)
stop_slider(frames, start=4)

# %% role="demo"
ends = {name: dual_sweep.summary(sweep[name]) for name in stops}
labels = ["none"] + [f"{stop:,}" for stop in dual_sweep.STOPS] + ["never"]
gap = dual_sweep.paired(sweep["stop at 900"], sweep["vanilla"], "switch")
print(
    f"temporary (900) minus vanilla, by context in a conflict: {gap['mean']:+.2f} "
    f"[{gap['low']:+.2f}, {gap['high']:+.2f}] over {gap['n']} seeds; smallest {gap['least']:+.2f}\n"
)
print(f"{'resets until':14}{'conflict: mean':>15}{'least to most':>16}{'never-trained tokens [95% interval]':>41}")
for label, found in zip(labels, ends.values(), strict=True):
    conflict, new = found["switch"], found["random"]
    spread, interval = f"{conflict['least']:.0%} to {conflict['most']:.0%}", f"[{new['low']:.1%}, {new['high']:.1%}]"
    print(f"{label:14}{conflict['mean']:15.0%}{spread:>16}{new['mean']:21.1%} {interval:>19}")
plots.plot_stops(dict(zip(labels, ends.values(), strict=True)))

# %% [markdown]
# <details><summary>What you should see</summary>
#
# Vanilla models differ a lot from seed to seed: nothing in their training decides the conflict. The longer words were
# forgotten, the more often the context wins, on the whole. That does not make the seeds alike: with an end at step 400,
# 600 or 1,200 they differ nearly as widely as vanilla's, and only at 1,500 are they close. (Active forgetting, at the
# right end, is measured at the end of a stretch of 100 steps with one table. In one seed of five the frequent tokens
# win the conflict there all the same.) The answers for never-trained tokens, the green line, are near 100% throughout:
# in this small world forgetting does not *create* the ability to read the structure, it decides whether the model
# **relies** on it.
#
# That differs from the paper's headline. The paper calls answers for never-trained tokens **structural in-context
# learning**, and reports that vanilla training *loses* it with time. In 1,800 steps of our toy, and by the score of
# two, it does not, and we do not claim it does.
#
# </details>
#
# ## 6 · Both processes in one model
#
# The toy so far never *needs* the weights: the copula is always there. A language in which one process is enough cannot
# show two. So the second language of the sweep **hides the cue** in a tenth of its sequences: the two tokens in random
# order in places 1 and 2, and a mask in place 3, where a copula never stands. There only knowing the tokens helps. And
# half of all tokens are ambiguous, so that the structure, where it is given, stays worth reading.
#
# The recipe is a longer one: 3,000 steps, a reset every 50 (temporary: until step 1,500, so that the second half is
# peace), and embeddings of standard deviation 0.1 instead of 0.02, at the start and at every reset.

# %% role="demo"
hidden = {name.removeprefix("hidden, "): runs for name, runs in sweep.items() if name.startswith("hidden")}
print("temporary minus vanilla, pairs of runs with the same seed")
for score in ("no cue", "tail no cue", "random", "switch", "tail switch", "random, whole vocabulary"):
    gap = dual_sweep.paired(hidden["temporary"], hidden["vanilla"], score)
    words = plots.SCORES[score][0]
    print(f"  {words:42}{gap['mean']:+.2f} [{gap['low']:+.2f}, {gap['high']:+.2f}]; smallest {gap['least']:+.2f}")
plots.plot_conditions({name: dual_sweep.summary(runs) for name, runs in hidden.items()})

# %% [markdown]
# <details><summary>What you should see</summary>
#
# Two processes, in vanilla training and after temporary forgetting alike. With no cue, known tokens are answered from
# the weights (upper two rows, near 100%). Never-trained tokens are answered from the context (third row, near 100%).
# In a conflict *frequent* tokens mostly win over the context, and rare ones much less often: what one knows well one
# trusts.
#
# Active forgetting shows what is missing without a time of peace. Frequent tokens are learned again within the 50 steps
# between two resets; **rare** tokens without a cue are answered little better than by a coin. One process is there in
# full, the other only for the commonest words.
#
# And what does temporary forgetting add over vanilla *here*? Do not compare bars by how they overlap; the runs are
# pairs with the same seed, so look at the printed differences. By the score of two: nothing that five seeds could show.
# In this language the weights are needed from the first step to the last, so vanilla training keeps both processes as
# well; and 1,500 steps of peace are long enough for the weights to win conflicts again.
#
# **But look at the last row.** By the paper's own metric, against the whole vocabulary, never-trained tokens are
# answered in 15% of sequences after vanilla training and in 90% after temporary forgetting, and the difference is large
# in every seed. That is the direction that the paper reports. Which half of the hard question is it? Not *which of the
# two*: both models know that. It is *whether a new token beats 400 known ones*. In section 2 that was out of reach for
# everybody. The next cell asks why.
#
# </details>

# %% role="demo"
from mechanisms.training.dual_controls import by_size, lengths

second = World(ambiguous=0.5, hidden=0.1)
for name, language, own in (
    ("lab-dual-vanilla", world, 0.02),
    ("lab-dual", world, 0.02),
    ("lab-dual-hidden", second, 0.1),
):
    model = load(name)
    long = lengths(model, language, own)
    print(f"{name}: a trained embedding is {long['trained']:.2f} long, a new one of its recipe {long['new']:.2f}")
    for spread, found in by_size(model, language, (0.02, 0.06, 0.08, 0.1, 0.2)).items():
        print(
            f"    new embeddings of {spread:4}: whole vocabulary {found['random, whole vocabulary']:4.0%}, "
            f"right of two {found['random']:4.0%}"
        )

# %% [markdown]
# <details><summary>What you should see</summary>
#
# One and the same vanilla model, the one with the 0% of section 2, goes to more than 90% when the new embeddings are
# four times as large; what it has *understood* has not changed in between. A new token beats the vocabulary when its
# embedding is long enough, and there is a threshold. (Still larger ones hurt: no model has met such tokens.) In the
# second language new embeddings, at 0.1, lie just beyond the threshold of `lab-dual-hidden`, its temporary model of
# seed 0.
#
# So two readings of the +0.76 are open. Perhaps forgetting teaches the body to *write* any table's tokens, as it had to
# do after each reset. Perhaps vanilla training, which never cuts its embeddings back, just ends with longer ones, and a
# threshold beyond 0.1. The sweep keeps scores and no weights, so we cannot tell; train two models and measure
# (`python -m mechanisms.training lab-dual --help`).
#
# </details>
#
# ## 7 · Your results beside the paper's
#
# The third column is read from the sweep's file, written by the code that measured it: five seeds of each recipe,
# means, with the least and the most in brackets. The last one is this notebook's: one model of each kind, measured by
# your functions. With `LIVE = False` these are the shipped models (seed 0), with `LIVE = True` the ones that you
# trained.

# %% role="demo"
from mechanisms.plots.claims import DUAL_PROCESS, claims_table

claims_table(
    DUAL_PROCESS,
    {
        "validation": ", ".join(f"{name} {found['validation']:.0%}" for name, found in results.items()),
        "random": ", ".join(f"{name} {found['random']:.0%}" for name, found in results.items()),
        "switch": ", ".join(f"{name} {found['switch']:.0%}" for name, found in results.items()),
        "gap": f"{results['temporary']['switch'] - results['vanilla']['switch']:+.2f} (one seed)",
    },
    model="five seeds",
    measured={},
)

# %% [markdown] role="rubric" id="does_it_forget" points=5
# ### In your own words (5 points, read by a person)
#
# A colleague writes: "*Vanilla training destroys in-context learning: our model answers 0% of sequences with new
# tokens. With forgetting the skill comes back.*" In six to ten sentences, answer with what this notebook shows.
#
# - Which two things does the 0% mix up, and which number of yours separates them? (1 point)
# - What does forgetting change in the first language, and what does it not change? Quote the conflict set and the
#   never-trained tokens, over seeds, with intervals (section 5 prints them). (2 points)
# - What would a curve of active forgetting have shown if it had been measured just after each reset, and why? (1 point)
# - Name one condition in which *neither* process alone is enough, and say which model of section 6 copes with it. (1
#   point)
#
# ### BEGIN SOLUTION
# **Mark scheme.**
#
# - *1 point*: which of the two tokens is right, and whether a never-trained token can beat a trained vocabulary
#   through a tied decoder; the two-alternative score of the same model is near 100%.
# - *2 points*: one for "it changes what wins in a conflict", with temporary minus vanilla on the switch set and its
#   interval; one for "the score on never-trained tokens is near 100% for all". Half a point less for numbers of a
#   single seed.
# - *1 point*: lower scores on nearly every set (54% to 83% instead of near 100%), since the copula's and the mask's
#   embeddings are erased with the others; an artefact of the order, not a lack of skill. (Not wanted: "it finds the
#   copula all the same". It takes place 2, right in one order of two.)
# - *1 point*: sequences some of which have no cue and some of which have new tokens: weights for the former, structure
#   for the latter. Temporary forgetting (and, in this toy, vanilla training) copes with both; active forgetting fails
#   for rare tokens without a cue. Who adds that by the hard metric vanilla training falls far behind here (15% against
#   90% on never-trained tokens) has read section 6 to its end.
# ### END SOLUTION

# %% [markdown]
# ## 8 · Paper scale
#
# Two cells. The first trains the toy at the size of the authors' released script (six layers, 10,000 tokens, 62,500
# steps, learning rate 5e-5, embeddings of standard deviation 1), with active forgetting. It needs a GPU; we have not
# timed it on one.
#
# The second is the paper's test on **MultiBERTs**: checkpoints of one BERT from early to late in its training, a linear
# probe for *noun or adjective?* in every layer, and sentences "the … is …" with the words in place, exchanged, or new.
# The paper's treebank is not free; take UD English-EWT (CC BY-SA 4.0), the file `en_ewt-ud-train.conllu` of
# <https://github.com/UniversalDependencies/UD_English-EWT>, and put it beside this notebook. The three checkpoints have
# 110 million weights each, so expect to download some 440 MB for each. This cell is not timed either.
#
# Without a GPU, a network or the file, the cells say so in one sentence and do nothing. The probe also runs on a CPU,
# if you are patient: give `load_multibert(step, device="cpu")`.

# %% role="paper"
from mechanisms.training.live_dual import paper_scale_toy

paper_curve = paper_scale_toy()
if paper_curve is not None:
    display(plots.plot_training({"active, paper scale": paper_curve}, SHOWN))

# %% role="paper"
from pathlib import Path

from mechanisms.models.multiberts import load_multibert, probe_layers, read_conllu

treebank = Path("en_ewt-ud-train.conllu")
probed = {}
if not treebank.exists():
    print(
        f"No probe of MultiBERTs here: the file {treebank} is not in this folder. "
        "Everything above is complete without it."
    )
else:
    sentences = read_conllu(treebank)
    for step in (20, 200, 2000):  # thousand steps
        found = load_multibert(step)
        if found is None:
            break
        probed[step] = probe_layers(*found, sentences)
        print(f"{step:>5}k steps:", {name: f"{max(rows):.0%}" for name, rows in probed[step].items()}, "(best layer)")

# %% [markdown]
# ### Where to go from here
#
# - Reset only the embeddings of the *nouns*. Which conflicts does that decide?
# - Give fresh embeddings a standard deviation of 1 instead of 0.02 and train vanilla: PyTorch's own default, and the
#   released script's. What happens to the hard accuracy on never-trained tokens, and to the conflict?
# - Hide the cue in half of the sequences. When does the model stop reading the structure?
