"""Chapter 05, working-memory gating: the source of the exercise notebook, solutions included.

- eight exercises take the reader from the task, over rules that almost solve it, to a trained model and its gates;
- the live training is off unless the reader asks for it: the shipped checkpoint stands in;
- nothing here names a head of the model: the notebook finds what it needs.
"""

# %% [markdown]
# # 05 · Working-memory gating: how attention learns what to keep
#
# Your working memory holds a few things, and something decides what gets in and what is read out. Neuroscience calls
# these decisions **gates**: an *input gate* that lets a new item replace an old one or keeps it out, and an *output
# gate* that picks, of several items, the one that matters now. In the brain, loops between frontal cortex and striatum
# are thought to do this. Traylor, Merullo, Frank and Pavlick (*Transformer Mechanisms Mimic Frontostriatal Gating
# Operations When Trained on Human Working Memory Tasks*, 2024) train a small attention-only transformer on a task that
# needs both gates, and find them: in the **keys** and in the **queries** of its attention.
#
# This time the paper itself is about a toy model, so you can do all of it: write the task, train the network, watch it
# find the easy rules first and the gate last, and take it apart. By the end you can
#
# - write a task generator whose answers are balanced, and minimal pairs that differ in one word;
# - say how far one gets *without* the mechanism that you are looking for;
# - take a loss where it belongs, and train a model that gates;
# - patch one kind of vector (query, key or value) and report the effect as one honest number;
# - report training over several seeds with the ones that failed.
#
# **Eight exercises, about 95 minutes, 68 points**, and one question for a human reader (5 points). Below every exercise
# stands a `check(...)` line. Run it as often as you like: it tells you which case failed and, often, why. Hints are
# folded, from a nudge to almost the answer. The chapter's page in the book tells the story and the mathematics.

# %% [markdown]
# ## Setup
#
# Run this first. Everything that your own functions may use is imported here.

# %% role="setup"
import math

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from mechanisms import check, predict
from mechanisms.data import reference_back as lab
from mechanisms.data.reference_back import Task
from mechanisms.models import load

torch.set_num_threads(1)  # the model is so small that a second thread would mostly wait for the first
SAME, DIFFERENT = 2, 3  # token ids of the two answers
task = Task()  # 2 registers (A, B), 10 symbols (a to j), 10 tuples to a stream
names = lab.words(task)  # the word of every token id

# %% [markdown]
# ## 1 · The task
#
# A stream of **tuples** of four words: an *instruction*, a *register*, a *symbol*, an *answer*.
#
# ```text
# store  A c different   store  B f different   ignore A d different   ignore A c same   store A d different   …
# ```
#
# - The **answer** says whether the symbol is the one that its register holds *before* this tuple: `same` or
#   `different`. A register that holds nothing yet gives `different`.
# - After the answer, **store** puts the symbol into the register in place of what was there, and **ignore** leaves the
#   register as it is.
#
# Every tuple is answered, the ignored ones too. To answer, one must have let in the right things earlier (input gate)
# and must now read the right register (output gate). This is the text version of the *reference-back-2* task of human
# working-memory studies. (In the summaries of the paper at hand the order of the four words differs; we take the one in
# which the instruction comes first.)
#
# {card gate_oracle}
#
# You get the stream without its answers: a list of `[instruction, register, symbol]`, each a string.


# %% role="solution" exercise="gate_oracle"
# exercise: ch05.gate_oracle
def gate_oracle(tuples: list[list[str]]) -> list[str]:
    """The right answer to every tuple of a stream (the paper's task).

    tuples: [instruction, register, symbol] each, with instruction "store" or "ignore".
    Returns one "same" or "different" for each tuple, in order.
    """
    ### BEGIN SOLUTION
    held = {}
    answers = []
    for instruction, register, symbol in tuples:
        answers.append("same" if held.get(register) == symbol else "different")
        if instruction == "store":
            held[register] = symbol
    return answers
    ### END SOLUTION


# %% role="check" exercise="gate_oracle"
check(gate_oracle)  # exercise: ch05.gate_oracle

# %% [markdown]
# <details><summary>Hint 1: where to start</summary>
#
# A dictionary from register to symbol is all the memory you need. It starts empty.
#
# </details>
# <details><summary>Hint 2: in which order?</summary>
#
# In each round of the loop: first compare, then (if the instruction says so) store. `held.get(register)` gives `None`
# for a register that holds nothing.
#
# </details>
# <details><summary>Hint 3: almost the answer</summary>
#
# Append `"same"` or `"different"`, whichever `held.get(register) == symbol` says; then one `if` with one assignment.
#
# </details>

# %% [markdown]
# Step through streams of the task with the slider: what the registers hold, what is asked, and, on the right, where the
# two heads of the second layer of the trained model look at that moment. (We come back to the heads in section 6.)

# %% role="demo"
from mechanisms.widgets import trial_stepper, trial_steps

model = load("lab-gate")
streams = lab.sequences(task, 200, torch.Generator().manual_seed(3))
for stream in streams[:3]:
    assert gate_oracle(lab.tuples_of(stream, task)) == [names[token] for token in stream[3::4]], "see exercise 1"
trial_stepper([trial_steps(model, stream, task) for stream in streams[:3]], start=6)

# %% [markdown]
# <details><summary>What you should see</summary>
#
# The line above the table says what each register holds before the marked tuple, and what the model answers. Watch an
# *ignore*: the symbol is asked about and answered, and no register takes it up. In most steps the bars of at least one
# head stand on a row with the register that is asked for, and on the row that filled it *last*. The answer column shows
# earlier answers only: they stand in the stream, and the model may read them as well.
#
# </details>
#
# ## 2 · Data that cannot be cheated
#
# If symbols were drawn at random, "different" would be right nine times out of ten, and a network that has learned
# nothing would look good. So the *answer* is drawn first and the symbol is chosen to fit it:
#
# - the register holds something and "same" is wanted → its content;
# - it holds something and "different" is wanted → (content + shift) mod number of symbols, with shift between 1 and
#   number of symbols − 1, so that it cannot be the content by accident;
# - it holds nothing → a fresh random symbol; the answer is "different" whatever is wanted.
#
# {card fill_streams}
#
# To make the result exact, all random draws come from outside, each a tensor [stream, tuple]. Registers and symbols are
# numbers here, counted from 0.


# %% role="solution" exercise="fill_streams"
# exercise: ch05.fill_streams
def fill_streams(
    stores: Bool[Tensor, "n length"],
    registers: Int[Tensor, "n length"],
    want_same: Bool[Tensor, "n length"],
    fresh: Int[Tensor, "n length"],
    shift: Int[Tensor, "n length"],
    n_registers: int,
    n_symbols: int,
) -> dict[str, Tensor]:
    """Symbols and answers of n streams from random draws (the paper's task, answers balanced).

    stores: True for "store". registers: 0 to n_registers - 1. want_same: the answer wished for where the register
    holds something. fresh: the symbol for a register that holds nothing. shift: 1 to n_symbols - 1.
    Every stream starts with empty registers. Returns {"symbols": [n, length] int, "same": [n, length] bool}.
    """
    ### BEGIN SOLUTION
    n, length = stores.shape
    rows = torch.arange(n)
    held = torch.full((n, n_registers), -1)
    symbols, same = [], []
    for t in range(length):
        now = held[rows, registers[:, t]]
        filled = torch.where(want_same[:, t], now, (now + shift[:, t]) % n_symbols)
        symbol = torch.where(now < 0, fresh[:, t], filled)
        symbols.append(symbol)
        same.append(symbol == now)
        held[rows, registers[:, t]] = torch.where(stores[:, t], symbol, now)
    return {"symbols": torch.stack(symbols, dim=1), "same": torch.stack(same, dim=1)}
    ### END SOLUTION


# %% role="check" exercise="fill_streams"
check(fill_streams)  # exercise: ch05.fill_streams

# %% [markdown]
# <details><summary>Hint 1: plain loops are fine</summary>
#
# Loop over streams, and inside over tuples, with a dictionary from register to symbol for each stream. Put the numbers
# into two tensors of the shape of `fresh`.
#
# </details>
# <details><summary>Hint 2: all streams at once</summary>
#
# Keep `held`, a tensor [n, n_registers] that starts at −1. `held[rows, registers[:, t]]` with `rows = torch.arange(n)`
# reads one register of every stream; the same expression on the left of `=` writes it.
#
# </details>
# <details><summary>Hint 3: almost the answer</summary>
#
# `torch.where(condition, a, b)` chooses entry by entry. Three of them are enough: same or shifted; empty or not; store
# or keep. The answer is `symbol == now`, computed before you write `held`.
#
# </details>

# %% role="demo"
from mechanisms.plots import gating as plots

draw = torch.Generator().manual_seed(0)
shape = (2000, task.tuples)
drawn = {
    "stores": torch.rand(shape, generator=draw) < 0.5,
    "registers": torch.randint(task.registers, shape, generator=draw),
    "want_same": torch.rand(shape, generator=draw) < 0.5,
    "fresh": torch.randint(task.symbols, shape, generator=draw),
    "shift": torch.randint(1, task.symbols, shape, generator=draw),
}
mine = fill_streams(**drawn, n_registers=task.registers, n_symbols=task.symbols)
earlier = torch.ones(task.tuples, task.tuples).tril(-1).bool()  # [tuple, another]: the other one came before
same_register = drawn["registers"][:, :, None] == drawn["registers"][:, None, :]
filled = (earlier & same_register & drawn["stores"][:, None, :]).any(-1)  # the register holds something
print(
    f"'same' in {mine['same'].float().mean():.1%} of all tuples, in {mine['same'][filled].float().mean():.1%} of those"
)
print("whose register holds something")
plots.plot_balance(mine["same"], filled)

# %% [markdown]
# <details><summary>What you should see</summary>
#
# Where a register holds something, half of the answers are "same" (the green line stays near 50%). Over all tuples it
# is less, because registers are empty at the start of a stream. Always answering "different" is therefore right in
# about two tuples of three (one minus the first number above). Remember it: it is the accuracy of a network that has
# learned nothing at all.
#
# </details>
#
# ## 3 · Pairs that differ in one word
#
# Later we want to know *through which vectors* an instruction of the past reaches an answer of the present. For that we
# need two streams that differ in this instruction and in nothing else, and whose last answers differ. The stream
# contains its own answers as words, so an edit that changes an *earlier* answer would make the streams differ in two
# words. Such edits are out.
#
# {card minimal_pairs}
#
# Try every tuple but the last. Return the edited streams in the order of the edited tuples. Use your `gate_oracle`;
# while that one is wrong, this one cannot be right.


# %% role="solution" exercise="minimal_pairs"
# exercise: ch05.minimal_pairs
def minimal_pairs(tuples: list[list[str]]) -> list[list[list[str]]]:
    """The streams that differ from this one in one instruction, and in the last right answer alone.

    tuples: [instruction, register, symbol] each. For every tuple before the last, "store" is exchanged for "ignore"
    or the other way round; the edited stream is kept if its right answers differ in the last one and in no other.
    Returns the edited streams, earliest edit first. The stream that was handed in stays as it is.
    """
    ### BEGIN SOLUTION
    right = gate_oracle(tuples)
    found = []
    for t in range(len(tuples) - 1):
        edited = [list(row) for row in tuples]
        edited[t][0] = "ignore" if tuples[t][0] == "store" else "store"
        answers = gate_oracle(edited)
        if answers[-1] != right[-1] and answers[:-1] == right[:-1]:
            found.append(edited)
    return found
    ### END SOLUTION


# %% role="check" exercise="minimal_pairs"
check(minimal_pairs)  # exercise: ch05.minimal_pairs

# %% [markdown]
# <details><summary>Hint 1: where to start</summary>
#
# `gate_oracle(tuples)` before the loop; inside the loop a fresh copy, one change in it, and `gate_oracle` of the copy.
#
# </details>
# <details><summary>Hint 2: a copy that is one</summary>
#
# `list(tuples)` copies the outer list only; its rows would still be the same lists. `[list(row) for row in tuples]`
# copies the rows as well.
#
# </details>
# <details><summary>Hint 3: almost the answer</summary>
#
# Keep the copy if `answers[-1] != right[-1] and answers[:-1] == right[:-1]`.
#
# </details>

# %% role="demo"
example = next(s for s in streams if len(minimal_pairs(lab.tuples_of(s, task))) >= 2)
tuples = [list(row) for row in lab.tuples_of(example, task)]
print("the stream:   ", " | ".join(" ".join(row) for row in tuples), "→", gate_oracle(tuples)[-1])
for edited in minimal_pairs(tuples):
    t = next(i for i, (a, b) in enumerate(zip(tuples, edited, strict=True)) if a != b)
    print(
        f"edit tuple {t + 1}:  {' '.join(tuples[t])} → {' '.join(edited[t])};  last answer →", gate_oracle(edited)[-1]
    )

counts = [len(minimal_pairs([list(row) for row in lab.tuples_of(s, task)])) for s in streams]
print(f"\nof {9 * len(streams):,} one-word edits in {len(streams)} streams, {sum(counts)} make a minimal pair")

# %% [markdown]
# <details><summary>What you should see</summary>
#
# Minimal pairs are rare: well under a tenth of all edits. That is already a hint of what comes next. If hardly any
# single instruction matters for a given answer, then hardly any answer *tests* whether instructions are obeyed.
#
# </details>
#
# ## 4 · How far can you get without a gate?
#
# ### Predict before you run
#
# Replace `None` by a letter. Predictions earn no points; they make you notice when you are surprised.

# %% role="predict"
predict("05.q1", None)

# %% [markdown]
# Three rules that a network might find instead of a gate. Each looks at *earlier* tuples with the **same register** as
# the current one, and says "same" if
#
# | rule | the symbol is that of … |
# |---|---|
# | `"last mention"` | the latest earlier tuple with this register, stored or ignored |
# | `"ever mentioned"` | any earlier tuple with this register, stored or ignored |
# | `"ever stored"` | any earlier tuple with this register that was *stored*, even if it has been overwritten since |
#
# {card follow_rule}


# %% role="solution" exercise="follow_rule"
# exercise: ch05.follow_rule
def follow_rule(tuples: list[list[str]], rule: str) -> list[str]:
    """What a short rule without a gate answers to every tuple of a stream.

    tuples: [instruction, register, symbol] each. rule: "last mention", "ever mentioned" or "ever stored".
    Returns one "same" or "different" for each tuple; only earlier tuples count, never the tuple itself.
    """
    ### BEGIN SOLUTION
    answers = []
    for t, (_, register, symbol) in enumerate(tuples):
        earlier = [row for row in tuples[:t] if row[1] == register]
        if rule == "last mention":
            earlier = earlier[-1:]
        if rule == "ever stored":
            earlier = [row for row in earlier if row[0] == "store"]
        answers.append("same" if any(row[2] == symbol for row in earlier) else "different")
    return answers
    ### END SOLUTION


# %% role="check" exercise="follow_rule"
check(follow_rule)  # exercise: ch05.follow_rule

# %% [markdown]
# <details><summary>Hint 1: one thing in common</summary>
#
# All three start from the same list: the earlier tuples with this register, `tuples[:t]` filtered. The rules differ in
# which of them count.
#
# </details>
# <details><summary>Hint 2: the empty list</summary>
#
# Without any earlier tuple the answer is "different". `earlier[-1:]` (a slice) of an empty list is empty;
# `earlier[-1]` would raise.
#
# </details>
# <details><summary>Hint 3: almost the answer</summary>
#
# Cut the list down to what the rule counts, then `"same" if any(row[2] == symbol for row in earlier) else "different"`.
#
# </details>

# %% role="demo"
many = lab.sequences(task, 1000, torch.Generator().manual_seed(1))
scores = {}
for rule in ("always different", "last mention", "ever mentioned", "ever stored", "the truth"):
    hits = []
    for stream in many:
        rows, right = [list(row) for row in lab.tuples_of(stream, task)], [names[token] for token in stream[3::4]]
        says = {
            "always different": lambda rows=rows: ["different"] * len(rows),
            "the truth": lambda rows=rows: gate_oracle(rows),
        }.get(rule, lambda rows=rows, rule=rule: follow_rule(rows, rule))()
        hits.append(np.array(says) == np.array(right))
    scores[rule] = (float(np.mean(hits)), float(np.all(hits, axis=1).mean()))
rules = {name: scores[name][0] for name in ("always different", "last mention", "ever stored")}
plots.plot_rules(scores)

# %% [markdown]
# <details><summary>What you should see</summary>
#
# "Last mention" never reads an instruction and is right in about 92% of the tuples. "Ever stored" never overwrites and
# is right in about 98.5%. So an accuracy of 94% says nothing about gating, and even 98.5% does not prove it. Two
# consequences: we ask for more than 99%, and we test on **adversarial** items in which these rules must fail.
#
# The grey bars count whole streams: all ten answers right. They punish rare mistakes ten times over, so they tell
# the rules apart far better. If you must report one number, report the one that could have shown you wrong.
#
# </details>
#
# ## 5 · Train it
#
# The model has two layers with two attention heads each, 64 dimensions, and **no MLPs**: attention is all it has. It
# reads the words of a stream, answers included, and predicts the next one. (Layers, like heads, are counted from 0: the
# second layer is layer 1.) At position $i$ the logits predict token
# $i + 1$, so **the answer is predicted at the symbol**.
#
# ```text
# position    0      1  2  3          4      5  6  7
# token       store  A  c  different  ignore A  c  same
# predicts              ↑ this one             ↑ and this one
# ```
#
# {card answer_loss}
#
# Tuples are four tokens wide. There are as many answers in a stream as tuples, and they all count the same.


# %% role="solution" exercise="answer_loss"
# exercise: ch05.answer_loss
def answer_loss(logits: Float[Tensor, "batch pos vocab"], tokens: Int[Tensor, "batch pos"]) -> Float[Tensor, ""]:
    """Mean cross-entropy of the answers, in nats (paper, training).

    logits: the model's output on tokens; logits[:, i] predicts tokens[:, i + 1].
    tokens: streams of tuples (instruction, register, symbol, answer), answers at positions 3, 7, 11, ...
    The softmax runs over the whole vocabulary. Returns a scalar tensor that gradients flow through.
    """
    ### BEGIN SOLUTION
    predicted = logits[:, 2::4].flatten(0, 1)
    return functional.cross_entropy(predicted, tokens[:, 3::4].flatten())
    ### END SOLUTION


# %% role="check" exercise="answer_loss"
check(answer_loss)  # exercise: ch05.answer_loss

# %% [markdown]
# <details><summary>Hint 1: where to start</summary>
#
# `tokens[:, 3::4]` are the answers. At which positions are they predicted?
#
# </details>
# <details><summary>Hint 2: shapes</summary>
#
# `functional.cross_entropy` wants [n, vocab] and [n]. `.flatten(0, 1)` joins the first two axes of the logits,
# `.flatten()` all axes of the answers.
#
# </details>

# %% [markdown]
# ### The training, live if you like
#
# `LIVE = True` trains the model here, with **your** loss: 4,000 steps, about one minute on a laptop, three on a slow
# machine. The curve is drawn as it grows. Interrupt the cell whenever you want; run it again, and it goes on from where
# it was (the state is kept in the folder `my-lab-gate`). Until its end, `model` is still the one that you had
# before. With `LIVE = False` you get the model that ships with the course, trained by the same recipe (`python -m
# mechanisms.training lab-gate`), and its curve. Everything below works with either.
#
# Two things in the recipe help the model along, and you should know them. Its first layer sees only the **last four
# tokens**, so that whatever reaches further back goes through the second layer. And it practises with **lures**: where
# the answer is "different", the symbol is often one that was shown before. Tests are on ordinary streams. Section 7
# shows what happens without the one or the other.

# %% role="demo"
LIVE = False  # True: train your own

from mechanisms.training.live import train_live

title = "Your own training" if LIVE else "The training of the shipped model"
model, curve = train_live(answer_loss, live=LIVE, draw=lambda rows: plots.plot_curve(rows, rules, title))
plots.plot_curve(curve, rules, title)

# %% [markdown]
# <details><summary>What you should see</summary>
#
# Three phases. At the first measurement the accuracy is already what "always different" gives, and it stays there for a
# while (the dash-dotted line, accuracy on adversarial items, starts at two thirds: two of the three traps want
# "different"). Then it climbs steeply, within
# a few hundred steps, past "last mention"; the dash-dotted line is far lower at that
# moment and *then* catches up: the model first finds what most answers need, and only then what the rare ones need.
# Past "ever stored" none of the three rules explains the accuracy; whether the model gates, the dash-dotted line has to
# say. The right panel shows the same in the loss, which keeps falling by whole
# powers of ten while accuracy looks finished.
#
# </details>

# %% role="demo"
with torch.no_grad():
    test = lab.sequences(task, 2000, torch.Generator().manual_seed(7))
    right = model(test)[:, 2::4].argmax(-1) == test[:, 3::4]
    accuracy, whole = right.float().mean().item(), right.all(1).float().mean().item()
    adversarial = {}
    for trap in lab.TRAPS:
        hard, answer = lab.adversarial(task, 1000, trap, torch.Generator().manual_seed(8))
        adversarial[trap] = (model(hard)[:, -1].argmax(-1) == answer).float().mean().item()
plots.plot_rules(
    {"ordinary streams": (accuracy, whole)} | {f"adversarial: {trap}": (hit, hit) for trap, hit in adversarial.items()}
)

# %% [markdown]
# <details><summary>What you should see</summary>
#
# Above 99% everywhere. *Overwritten*: the symbol was once stored and has been replaced since ("ever stored" would say
# "same"). *Ignored*: the last mention showed the symbol, but was to be ignored ("last mention" would say "same").
# *Kept*: the last mention showed another symbol and was to be ignored ("last mention" would say "different"). In the
# adversarial rows there is one answer to each stream, so both bars agree.
#
# </details>
#
# ## 6 · Find the gates
#
# The model obeys. *How?* Attention of the second layer from a position $i$ to a position $j$ is
#
# $$A_{ij} = \mathrm{softmax}_j\big(q_i \cdot k_j / \sqrt{d}\big), \qquad z_i = \sum_j A_{ij}\, v_j .$$
#
# Three vectors, three roles, and an analogy:
#
# - the **key** $k_j$ decides at the time of storing whether, and under which name, position $j$ can be found later:
#   an *input gate*;
# - the **query** $q_i$ decides now what is looked for: an *output gate*;
# - the **value** $v_j$ is what is handed over.
#
# An experiment tells them apart. Run the edited ("corrupt") stream and keep its keys. Then run the original ("clean")
# stream, and in the second layer put the corrupt **keys** in the place of the clean ones; queries and values stay. If
# the answer changes as if the whole stream had been edited, the edit acts through keys. This is *path patching* with
# one kind of vector as receiver.
#
# ### Predict before you run

# %% role="predict"
predict("05.q2", None)

# %% [markdown]
# {card patch_vectors}
#
# | what | where | shape |
# |---|---|---|
# | run and remember | `logits, cache = model.run_with_cache(tokens)` | |
# | run with hooks, which are taken off afterwards | `model.run_with_hooks(tokens, fwd_hooks=[(name, function)])` | |
# | queries (keys, values) of a layer | `f"blocks.{layer}.attn.hook_q"` (`hook_k`, `hook_v`) | batch, pos, head, dim |
#
# A hook function gets a tensor and returns what shall stand in its place: `def patch(value, hook): ...`. The result is
# one number for each stream: logit(same) − logit(different) **at the last position**. Streams end with the last symbol.
# `check` runs your function on `lab-gate` and on a model with three layers, three heads and random weights.


# %% role="solution" exercise="patch_vectors"
# exercise: ch05.patch_vectors
def patch_vectors(
    model,
    clean: Int[Tensor, "batch pos"],
    corrupt: Int[Tensor, "batch pos"],
    layer: int,
    kind: str,
    heads: list[int],
    where: Bool[Tensor, "batch pos"],
) -> Float[Tensor, "batch"]:
    """logit(same) - logit(different) of the clean run with some vectors taken from the corrupt run (paper, patching).

    kind: "q", "k" or "v". Vectors of the layer's given heads are exchanged at the positions where ``where`` is True;
    everything else stays as in the clean run, and what follows is recomputed.
    Afterwards the model gives the same logits as before the call.
    """
    ### BEGIN SOLUTION
    name = f"blocks.{layer}.attn.hook_{kind}"
    _, cache = model.run_with_cache(corrupt)

    def patch(value, hook):
        value = value.clone()
        for head in heads:
            value[:, :, head] = torch.where(where[:, :, None], cache[name][:, :, head], value[:, :, head])
        return value

    last = model.run_with_hooks(clean, fwd_hooks=[(name, patch)])[:, -1]
    return last[:, SAME] - last[:, DIFFERENT]
    ### END SOLUTION


# %% role="check" exercise="patch_vectors"
check(patch_vectors)  # exercise: ch05.patch_vectors

# %% [markdown]
# <details><summary>Hint 1: two runs</summary>
#
# `model.run_with_cache(corrupt)` first; `cache[name]` is then the tensor to take vectors from. The second run is
# `model.run_with_hooks(clean, fwd_hooks=[(name, patch)])`, of which you keep `[:, -1]`.
#
# </details>
# <details><summary>Hint 2: choosing by position</summary>
#
# `where` is [batch, pos], one head's vectors are [batch, pos, d_head]. `torch.where(where[:, :, None], theirs, own)`
# chooses for each stream and position.
#
# </details>
# <details><summary>Hint 3: almost the answer</summary>
#
# Inside `patch`: clone; for every head choose with `torch.where` between `cache[name][:, :, head]` and the clone's own
# slice, and write the result into that slice; return the clone. Tokens 2 and 3 are "same" and "different".
#
# </details>
#
# ### One number
#
# For each pair there are three logit differences $d$ = logit(same) − logit(different): clean, corrupt, patched. The
# **fraction** that the patch carries is (patched − clean) / (corrupt − clean). Four details decide whether the number
# means anything.
#
# - **A ratio of means**, not a mean of ratios. A pair whose corrupt − clean happens to be 0.01 has a fraction of any
#   size, and would drown the rest.
# - **Oriented.** Half of the edits make the answer "same" and half "different". Turn the sign of the latter before you
#   average, or the two halves cancel:
#
# $$f = \frac{\sum_n s_n\,(d^\text{patched}_n - d^\text{clean}_n)}
# {\sum_n s_n\,(d^\text{corrupt}_n - d^\text{clean}_n)}$$
#
#   where $s_n$ is $+1$ if the right answer after the edit is "same" and $-1$ if it is "different".
# - **From clean.** 0 means "as if nothing had been patched", 1 "as if everything had been".
# - **Only where there is an effect.** If the model does not react to the edit at all (the *mean* oriented effect of the
#   edit is smaller than `min_gap` in size), there is nothing to share out: return `float("nan")`.
#
# {card gate_fraction}


# %% role="solution" exercise="gate_fraction"
# exercise: ch05.gate_fraction
def gate_fraction(
    clean: Float[Tensor, "n"],
    corrupt: Float[Tensor, "n"],
    patched: Float[Tensor, "n"],
    corrupt_is_same: Bool[Tensor, "n"],
    min_gap: float,
) -> float:
    """The share of an edit's mean effect on the answer that a patch carries (paper, path patching).

    clean, corrupt, patched: logit(same) - logit(different), in logits, for n pairs.
    corrupt_is_same: True where the right answer after the edit is "same"; the other pairs have their sign turned.
    Returns the mean effect of the patch divided by the mean effect of the edit; NaN if the size of the latter is below
    min_gap.
    """
    ### BEGIN SOLUTION
    towards = torch.where(corrupt_is_same, 1.0, -1.0)
    whole = (towards * (corrupt - clean)).mean().item()
    moved = (towards * (patched - clean)).mean().item()
    return moved / whole if abs(whole) >= min_gap else math.nan
    ### END SOLUTION


# %% role="check" exercise="gate_fraction"
check(gate_fraction)  # exercise: ch05.gate_fraction

# %% [markdown]
# <details><summary>Hint 1: where to start</summary>
#
# `torch.where(corrupt_is_same, 1.0, -1.0)` is the sign of each pair. Multiply both effects by it.
#
# </details>
# <details><summary>Hint 2: almost the answer</summary>
#
# Two means, one division, one `if`. `.item()` makes a Python float.
#
# </details>
#
# Now the experiment. The library draws minimal pairs like yours, and two further kinds: another register in an
# *earlier* tuple (the item is filed under another name), and another register in the *last* tuple (another item is
# asked for).

# %% role="demo"
MIN_GAP = 0.5
pairs = {edit: lab.minimal_pairs(task, 600, edit, torch.Generator().manual_seed(11)) for edit in lab.EDITS}
one = pairs["instruction"]
print("clean:  ", " ".join(names[token] for token in one.clean[0]), "→", names[one.clean_answer[0]])
print("corrupt:", " ".join(names[token] for token in one.corrupt[0]), "→", names[one.corrupt_answer[0]])


def difference(tokens):
    last = model(tokens)[:, -1]
    return last[:, SAME] - last[:, DIFFERENT]


def fraction(pair, kind, heads=(0, 1), where=None, layer=1):
    """Your two functions together: the share of the edit that one kind of vector carries, at all positions."""
    where = torch.ones_like(pair.clean, dtype=torch.bool) if where is None else where
    patched = patch_vectors(model, pair.clean, pair.corrupt, layer, kind, list(heads), where)
    towards_same = pair.corrupt_answer == SAME
    return gate_fraction(difference(pair.clean), difference(pair.corrupt), patched, towards_same, MIN_GAP)


KINDS = {"keys": "k", "queries": "q", "values": "v"}
gates = {edit: {name: fraction(pair, kind) for name, kind in KINDS.items()} for edit, pair in pairs.items()}
plots.plot_gates(gates, "Second layer, both heads, all positions")

# %% [markdown]
# <details><summary>What you should see</summary>
#
# Left: a past *store* that becomes an *ignore* acts mainly through **keys**, hardly through values, not at all through
# queries. Middle: so does the name under which the item was filed. Right: the register that is asked for acts through
# **queries** and nothing else. Keys as input gates, queries as output gates: the paper's picture.
#
# The three shares need not add up to 1, since they are three separate experiments and the softmax is not linear. In the
# shipped model the values take about a tenth of the left effect: an ignored item also *hands over* something else when
# it is looked at. If you trained your own model, or look at other seeds (section 7), this share is where they differ
# most.
#
# </details>
#
# Where does it happen, and in which head? We patch one head's keys, at the edited tuple only and everywhere else. And
# we look at one query by itself.

# %% role="demo"
inside = one.tuple_mask()
for head in range(model.cfg.n_heads):
    shares = fraction(one, "k", [head], inside), fraction(one, "k", [head], ~inside)
    print(f"keys of head 1.{head}: {shares[0]:+.2f} at the edited tuple, {shares[1]:+.2f} everywhere else")

row = next(i for i in range(len(one)) if one.clean_answer[i] == SAME and one.position[i] < 24)
_, clean_cache = model.run_with_cache(one.clean[row : row + 1])
_, corrupt_cache = model.run_with_cache(one.corrupt[row : row + 1])
pattern = "blocks.1.attn.hook_pattern"
words = [names[token] for token in one.clean[row]]
edited = names[one.corrupt[row, one.position[row]]]
plots.plot_attention(words, clean_cache[pattern][0, :, -1], "Clean: where the last position looks")

# %% role="demo"
words[one.position[row]] = f"→ {edited}"
plots.plot_attention(words, corrupt_cache[pattern][0, :, -1], f"Corrupt: position {one.position[row]} says “{edited}”")

# %% [markdown]
# <details><summary>What you should see</summary>
#
# What the keys carry, they carry *at the edited tuple*: elsewhere they do next to nothing. Both heads take part, and
# their shares need not add up to that of both together, since the answer is not linear in them. In the two attention
# figures find the edited tuple (marked by an arrow in the lower one). As long as it was stored, the last position looks
# at it; once it is ignored, the same query, unchanged, looks elsewhere: the door at that position has been closed when
# the tuple was read, long before anybody asked.
#
# </details>
#
# ## 7 · Over many seeds
#
# One trained network is one observation. The course's sweep trained the recipe over several seeds, and with one thing
# changed at a time (`python -m mechanisms.training.gating_sweep`). *No lures*: ordinary streams only, and half of the
# steps. *Whole view*: a first layer that sees the whole stream, as in a vanilla transformer. Two of the changes are
# **controls**: tasks that look the same but do not need a gate. In *no ignore* the word "ignore" occurs and is not
# obeyed. In *split set* every symbol belongs to one register, so the symbol alone says which register is meant.
#
# Before you look at curves, decide how a training is counted.
#
# {card transitions}
#
# `accuracy` holds one row for each seed, measured at `steps`. A seed has made it at the first measured step from which
# **every** measurement to the end is at `level` or above.


# %% role="solution" exercise="transitions"
# exercise: ch05.transitions
def transitions(steps: list[int], accuracy: Float[Tensor, "seed n"], level: float) -> dict[str, list | int]:
    """When each seed solved the task, and how many never did (paper, training dynamics).

    steps: the n steps of the measurements, ascending. accuracy: one curve per seed.
    Returns {"steps": one entry per seed, the first step from which the curve stays at level or above, or None,
    "never": the number of seeds with None}.
    """
    ### BEGIN SOLUTION
    found = []
    for curve in accuracy:
        below = (curve < level).nonzero().flatten()
        first = below[-1].item() + 1 if len(below) else 0
        found.append(steps[first] if first < len(steps) else None)
    return {"steps": found, "never": found.count(None)}
    ### END SOLUTION


# %% role="check" exercise="transitions"
check(transitions)  # exercise: ch05.transitions

# %% [markdown]
# <details><summary>Hint 1: look from the other end</summary>
#
# The curve stays above the level from just after the *last* measurement that is below it.
#
# </details>
# <details><summary>Hint 2: almost the answer</summary>
#
# `(curve < level).nonzero().flatten()` lists the places below the level. The place after the last of them is the one
# you want, if there is one. `some_list.count(None)` counts the failures.
#
# </details>

# %% role="demo"
from mechanisms.training import gating_sweep

sweep = gating_sweep.load()
for name, runs in sweep.items():
    steps = [point["step"] for point in runs[0]["curve"]]
    accuracies = torch.tensor([[point["accuracy"] for point in run["curve"]] for run in runs])
    found = transitions(steps, accuracies, 0.99)
    print(f"{name:20s} {len(runs) - found['never']} of {len(runs)} seeds; 99% from step {found['steps']}")
    traps = [f"{min(run['adversarial'].values()):.0%}" for run in runs if run.get("adversarial")]
    print(" " * 21 + "each on its worst trap: " + (", ".join(traps) or "not measured (its traps need 'ignore')"))
shown = [name for name in ("lab-gate", "no lures", "whole view") if name in sweep]
plots.plot_seeds({name: [run["curve"] for run in sweep[name]] for name in shown}, rules)

# %% [markdown]
# And the two controls. Effects are in units of the model's own confidence (1: the patch turns the usual answer round),
# with 95% intervals over seeds.

# %% role="demo"
shown = [name for name in ("lab-gate", "no ignore", "split set") if name in sweep]
summaries = {name: gating_sweep.summary(sweep[name]) for name in shown}
labels = {
    "store ↔ ignore, keys patched": "instruction: keys",
    "store ↔ ignore, values patched": "instruction: values",
    "register asked for, queries patched": "query: queries",
}
plots.plot_controls(
    {name: {label: found["effects"][key] for label, key in labels.items()} for name, found in summaries.items()}
)

# %% [markdown]
# <details><summary>What you should see</summary>
#
# Every seed of the shipped recipe makes it, within a few hundred steps of each other, and the rise is steep. Look at
# the dashed red lines: without lures, two of five seeds stop on a plateau just above "last mention" (they had half the
# steps), and with a first layer that sees everything, four of five are below 99% when the steps are over. They belong
# into the report as much as the others. And 99% is not "gates": look at the worst trap of the seeds that made it. One
# without lures counts as solved and is at chance on its worst trap.
#
# In the controls the corresponding effect shrinks. Where ignoring means nothing, patching the keys of an "ignored"
# tuple does nothing. Where the symbol already says which register is meant, the query for the register does much less,
# while the gate for *store* and *ignore*, which is still needed, stays. This fits gates that
# come from the need and not from the words. It is not the whole story: where nothing is ignored the query loses a part
# of its effect as well, though it is still needed there, and with split symbols its interval is wide; the chapter's
# page has the numbers. The wide intervals of the blue and orange marks in the first row say that
# seeds differ in how they share the input gate between keys and values: the shipped model, with nearly all of it in
# the keys, is the clearest case and not the typical one.
#
# </details>
#
# ## 8 · Your results beside the paper's
#
# The third column is read from the model card of `lab-gate` and from the sweep's file, both written by the code that
# measured them; the last one is yours, from this notebook.

# %% role="demo"
from mechanisms.plots.claims import GATING, claims_table


def shares(edit):
    return ", ".join(f"{name} {round(share, 2) + 0.0:.2f}" for name, share in gates[edit].items())


own = transitions([row["step"] for row in curve], torch.tensor([[row["accuracy"] for row in curve]]), 0.99)["steps"][0]
claims_table(
    GATING,
    {
        "accuracy": f"{accuracy:.2%}",
        "adversarial": f"{min(adversarial.values()):.2%}",
        "input_gate": shares("instruction"),
        "output_gate": shares("query"),
        "seeds": f"{'your own training' if LIVE else 'the shipped one'}: 99% from step {own}",
    },
    model="lab-gate",
)

# %% [markdown] role="rubric" id="is_it_working_memory" points=5
# ### In your own words (5 points, read by a person)
#
# A headline: "*AI grows the same memory gates as the human brain.*" In six to ten sentences, say what your notebook
# supports and what it does not.
#
# - State the evidence for an input gate and for an output gate with your numbers, each with its two comparisons: what
#   the other two kinds of vector carry. (2 points)
# - A classmate says: "my network has 94%, so it gates". Answer with numbers from section 4. (1 point)
# - In a brain, an item that is not let in is gone. Is it gone here? Say what the attention of this model could still
#   reach, and what that means for the word "memory". (1 point)
# - Name one thing in the way the model was built or trained that may have *made* the gates come out as they did, and an
#   experiment that would test it. (1 point)
#
# ### BEGIN SOLUTION
# **Mark scheme.**
#
# - *2 points*: one for each gate: the fraction through keys for the past instruction together with those through
#   queries and values; the fraction through queries for the register asked for with those through keys and values. Half
#   a point less for a number without its comparisons.
# - *1 point*: "last mention" reaches about 92% and "ever stored" about 98.5% without a gate; only accuracy above these,
#   or on adversarial items, speaks for gating.
# - *1 point*: no: every past token stays in the context and attention can reach all of it; an ignored item is merely
#   not addressed. So "memory" is an analogy: nothing is limited in capacity and nothing is overwritten.
# - *1 point*: e.g. the window of the first layer, or the lures; compare with the sweep's runs without them, patch the
#   same vectors, report over seeds. Or the order of words (the instruction comes before the answer): exchange it.
#
# A model answer, in the shape we hope for: "Exchanging keys alone carried [0.89] of the effect of a past instruction,
# values [0.10], queries [0.00]; exchanging queries alone carried [0.96] of the effect of the register asked for ..."
# ### END SOLUTION

# %% [markdown]
# ## 9 · Paper scale
#
# Here the lab's model *is* of the paper's kind, so what remains is more of it: **three registers**, which the paper's
# reviewers call much harder than two, **ten seeds**, and a first layer that sees everything, as in a vanilla
# transformer. That is ten trainings of 12,000 steps: a GPU's work. (The exact sizes in the paper are not known to us.)
# Without a GPU the next cell says so in one sentence and the other does nothing.

# %% role="paper"
from mechanisms.training.lab_gate import Recipe
from mechanisms.training.live import paper_scale

big = Recipe(registers=3, steps=12_000, first_window=0, d_model=128, batch=128)
paper_curves = paper_scale(answer_loss, big, seeds=10)

# %% role="paper"
if paper_curves is not None:
    steps = [row["step"] for row in paper_curves[0]]
    found = transitions(
        steps, torch.tensor([[row["accuracy"] for row in one_curve] for one_curve in paper_curves]), 0.99
    )
    print(f"three registers: {10 - found['never']} of 10 seeds reach 99%; steps {found['steps']}")
    display(plots.plot_seeds({"three registers": paper_curves}, {}))

# %% [markdown]
# ### Where to go from here
#
# - Train with `Recipe(first_window=0)` and patch again. Which share of the input gate do the values take now?
# - The order of words matters: put the instruction *after* the answer and the gate must be set at another position.
# - Correlate, over the runs of the sweep, the fraction through keys with the accuracy on adversarial items. The paper
#   reports that more gating-like models are better at the task.
