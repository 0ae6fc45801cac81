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
# knowing words by heart does not pay. Stop erasing, and the words are learned after all, but the habit of reading the
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
# **Eight exercises, about 90 minutes, 66 points**, and one question for a human reader (5 points). Below every exercise
# stands a `check(...)` line. Run it as often as you like: it tells you which case failed and, often, why. Hints are
# folded, from a nudge to almost the answer. The chapter's page in the book tells the story and the mathematics.

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
# A sequence has seven tokens: a **context** of three, a **query**, and three **masks** at which the model must answer.
#
# | context | query | answers |
# |---|---|---|
# | `copula adjective noun` *or* `noun copula adjective` | the adjective | adjective adjective adjective |
# | `copula adjective noun` *or* `noun copula adjective` | the noun | adjective noun noun |
#
# The rule for answering needs to know which of the two tokens is the adjective. There are two ways to know it: by the
# **place of the copula**, or by having **learned the tokens**.
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
# that goes by the tokens is wrong, and **the accuracy on this set is the share of answers by context**.
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
# Asked fairly, the same model answers never-trained tokens almost perfectly. It *does* read the structure; the 0% was
# the metric's. And in a conflict it mostly goes by what it has learned: with frequent tokens only a minority of answers
# follow the context, with rare ones most do. It knows its frequent tokens by heart.
#
# The last bar: with the cue taken away (two tokens in random order and a mask where the copula was) the model is not
# much better than a coin. It was never asked to answer without the copula. Section 6 changes that.
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
#    embeddings: all three start **at zero** again. What it remembers of other parameters stays.
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
    The parameter stays the same object; its exp_avg, exp_avg_sq and step become zero; nothing else changes.
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
    return go_by(model)


order = {}
for name in ("vanilla", "active"):
    model = load(f"lab-dual-{name}")
    later = [after_a_reset(model, seed) for seed in range(5)]
    order[f"{name}, before"] = go_by(copy.deepcopy(model))
    order[f"{name}, just after"] = {kind: sum(found[kind] for found in later) / 5 for kind in KINDS}
plots.plot_sets(order)

# %% [markdown]
# <details><summary>What you should see</summary>
#
# Before the reset both models answer never-trained tokens perfectly. Just after it the vanilla model is not far from a
# coin, on everything, and the forgetful one is near 80%. The copula and the mask are tokens too, and *their* embeddings
# were erased with the others: what marked the structure is noise now. (The forgetful model has met this situation every
# hundred steps and has learned to find the odd one out.)
#
# Imagine a sweep in which the measurements fall on the steps of the resets and come a line too late. You would read
# off the second row that forgetting lifts structural learning from 60% to 80%, and you would publish it. Nothing of
# the kind is there.
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
# want; run the cell again, and it goes on where it was (states are kept in the folder `my-lab-dual`). With `LIVE =
# False` you get the models that ship with the course (`python -m mechanisms.training lab-dual`) and their curves.

# %% role="demo"
LIVE = False  # True: train your own

from mechanisms.training.live_dual import forget_live

SHOWN = ("validation", "random", "switch")
models, curves = forget_live(LIVE, should_reset, reset_embeddings, draw=lambda rows: plots.plot_training(rows, SHOWN))
plots.plot_training(curves, SHOWN)

# %% [markdown]
# <details><summary>What you should see</summary>
#
# Left: all three answer ordinary sequences from early on, the forgetful ones too, although they are measured at the
# end of a stretch of only 100 steps with each table. Middle: never-trained tokens are no problem for any of them.
# Right, the conflict: vanilla training goes by the tokens; active forgetting goes by the context; and temporary
# forgetting *stays* with the context after the resets have stopped at step 900.
#
# If you trained your own and the left panel sags for the forgetful models, look at the reset once more: a table that
# the optimizer does not know is never trained.
#
# </details>

# %% role="demo"
results = {name: go_by(copy.deepcopy(model)) for name, model in models.items()}
plots.plot_sets(results, "At the end of training")

# %% [markdown]
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
    f"[{gap['low']:+.2f}, {gap['high']:+.2f}] over {gap['n']} seeds; smallest {gap['least']:+.2f}"
)
plots.plot_stops(dict(zip(labels, ends.values(), strict=True)))

# %% [markdown]
# <details><summary>What you should see</summary>
#
# Vanilla models differ a lot from seed to seed: nothing in their training decides the conflict. The longer words were
# forgotten, the more often the context wins, on the whole, and the closer together the seeds come. (Active forgetting,
# at the right end, is measured at the end of a stretch of 100 steps with one table. That is enough to learn the most
# frequent tokens again, and in one seed of five they then win.) Structural learning, the green line, is near 100%
# throughout: in this small world forgetting does not *create* the ability to read the structure, it decides whether
# the model **relies** on it.
#
# That differs from the paper's headline, in which vanilla training *loses* structural in-context learning with time. In
# 1,800 steps of our toy it does not, and we do not claim it does.
#
# </details>
#
# ## 6 · Both processes in one model
#
# The toy so far never *needs* the weights: the copula is always there. A language in which one process is enough
# cannot show two. So the second language of the sweep **hides the cue** in a tenth of its sequences: two tokens in
# random order and a mask instead of the copula. There only knowing the tokens helps. And half of all tokens are
# ambiguous, so that the structure, where it is given, stays worth reading.

# %% role="demo"
hidden = {name.removeprefix("hidden, "): runs for name, runs in sweep.items() if name.startswith("hidden")}
plots.plot_conditions({name: dual_sweep.summary(runs) for name, runs in hidden.items()})

# %% [markdown]
# <details><summary>What you should see</summary>
#
# Two processes, in vanilla training and after temporary forgetting alike. With no cue, known tokens are answered from
# the weights (upper two rows, near 100%). Never-trained tokens are answered from the context (middle row, near 100%).
# In a conflict *frequent* tokens mostly win over the context, and rare ones much less often: what one knows well one
# trusts.
#
# Active forgetting shows what is missing without a time of peace. Frequent tokens are learned again within the 50 steps
# between two resets; **rare** tokens without a cue are answered little better than by a coin. One process is there in
# full, the other only for the commonest words.
#
# And what does temporary forgetting add over vanilla *here*? Look at how the intervals overlap: nothing that five seeds
# could show. In this language the weights are needed from the first step to the last, so vanilla training keeps both
# processes as well; and 1,500 steps of peace are long enough for the weights to win conflicts again.
#
# </details>
#
# ## 7 · Your results beside the paper's
#
# The third column is read from the model cards and from the sweep's file, both written by the code that measured them;
# the last one is yours, from this notebook.

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
    model="lab-dual",
)

# %% [markdown] role="rubric" id="does_it_forget" points=5
# ### In your own words (5 points, read by a person)
#
# A colleague writes: "*Vanilla training destroys in-context learning: our model answers 0% of sequences with new
# tokens. With forgetting the skill comes back.*" In six to ten sentences, answer with what this notebook shows.
#
# - Which two things does the 0% mix up, and which number of yours separates them? (1 point)
# - What does forgetting change in this toy, and what does it not change? Quote the conflict set and the never-trained
#   tokens, over seeds, with intervals. (2 points)
# - What would the same curve have shown if it had been measured just after each reset, and why? (1 point)
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
# - *1 point*: lower scores everywhere (vanilla near a coin, active forgetting near 80%), since the copula's and the
#   mask's embeddings are erased with the others; an artefact of the order, not a lack of skill.
# - *1 point*: sequences some of which have no cue and some of which have new tokens: weights for the former, structure
#   for the latter. Temporary forgetting (and, in this toy, vanilla training) copes with both; active forgetting fails
#   for rare tokens without a cue.
# ### END SOLUTION

# %% [markdown]
# ## 8 · Paper scale
#
# Two cells. The first trains the toy at the size of the authors' released script (six layers, 10,000 tokens, 62,500
# steps, learning rate 5e-5, embeddings of standard deviation 1), with active forgetting. The second is the paper's
# test on **MultiBERTs**: checkpoints of one BERT from early to late in its training, a linear probe for *noun or
# adjective?* in every layer, and sentences "the … is …" with the words in place, exchanged, or new. The paper's
# treebank is not free; download UD English-EWT (CC BY-SA 4.0) and name its file `en_ewt-ud-train.conllu`. Without a
# GPU, a network or the file, the cells say so in one sentence and do nothing.

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
