"""Chapter 02, factual recall: the source of the exercise notebook, solutions included.

- six exercises replicate the method of Yu, Merullo and Pavlick (2023) on lab-lm, then at paper scale;
- a demo cell follows every exercise; those after exercise 2 build on functions written before them;
- nothing here names a head of the model: the notebook finds it.
"""

# %% [markdown]
# # 02 · Factual recall: when the context contradicts memory
#
# *The capital of Poland is London. Q: What is the capital of Poland? A:* A language model that has read about Warsaw a
# thousand times must now choose between what it **remembers** and what it has **just been told**. Yu, Merullo and
# Pavlick (*Characterizing Mechanisms for Factual Recall in Language Models*, EMNLP 2023) ask what decides this contest,
# and find a single attention head whose volume knob decides most of it.
#
# You repeat their study here on `lab-lm`, a small transformer that really learned the capitals of 183 countries, and at
# the end, if you have a GPU and internet, on the paper's own model. By the end you can
#
# - build a controlled data set in which two mechanisms compete, and measure who wins without fooling yourself;
# - take a logit apart into the contributions of heads, MLPs and biases, exactly;
# - change one head while the model runs and leave no trace;
# - choose an intervention on one split, report it on another, and price what it breaks;
# - put an honest interval on a correlation.
#
# **Six exercises, about 90 minutes, 55 points**, and one question for a human reader (5 points). Below every exercise
# stands a `check(...)` line. Run it as often as you like: it tells you which case failed and, often, why. Hints are
# folded, from a nudge to almost the answer. The chapter's page in the book tells the story and the mathematics.

# %% [markdown]
# ## Setup
#
# Run this first. It loads the model and the world that the model was trained on. Everything that your own functions may
# use is imported here.

# %% role="setup"
import math
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from mechanisms import check, predict
from mechanisms.data.conflict import CONFLICT_TEMPLATE, QUESTION_TEMPLATE, conflict_set, questions
from mechanisms.data.documents import Corpus
from mechanisms.data.vocabulary import countries
from mechanisms.models import load

torch.set_num_threads(1)  # lab-lm is so small that a second thread would mostly wait for the first
model = load("lab-lm")
world = countries()  # most frequent first
facts = {country.name: country.capital for country in world}
first_token = {capital: model.to_single_token(capital) for capital in facts.values()}
n_layers, n_heads = model.cfg.n_layers, model.cfg.n_heads


def output_bias(model, layer):
    """The output bias b_O of a layer's attention, [d_model]; zeros where the architecture has none, as in lab-lm."""
    bias = model.blocks[layer].attn.b_O
    return model.W_U.new_zeros(model.cfg.d_model) if bias is None else bias


def by_chunks(function, tokens, *others, size=256):
    """``function(tokens, *others)`` on ``size`` rows at a time, results joined: small batches are faster on a CPU."""
    rows = zip(tokens.split(size), *(other.split(size) for other in others), strict=True)
    return torch.cat([function(*row) for row in rows])


# %% [markdown]
# ## 1 · Two answers in one prompt
#
# A contest needs two contestants. Before we ask whether context beats memory, there must *be* a memory: a country whose
# capital the model does not know has nothing to set against the context. So we ask the bare question first.

# %% role="demo"
from mechanisms.models import card
from mechanisms.plots import factual_recall as plots

corpus = Corpus(0, zipf=card("lab-lm")["recipe"]["zipf"])  # the law by which training met the countries
question_tokens, true_answers = questions(corpus)  # one row per country, most frequent first
knows = by_chunks(lambda tokens: model(tokens)[:, -1].argmax(-1), question_tokens) == true_answers
recalled = [country.name for country, known in zip(world, knows, strict=True) if known]

print(QUESTION_TEMPLATE.format(country="France"), "→", facts["France"])
print(f"{len(recalled)} of {len(facts)} capitals are recalled without any context")
plots.plot_recall(knows)

# %% [markdown]
# <details><summary>What you should see</summary>
#
# The frequent countries are known (nearly) without exception; recall falls, if it falls at all, towards the rare end.
# The countries on the right that the model gets wrong are left out of everything that follows: an answer that is not in
# memory cannot be overridden.
#
# </details>
#
# {card build_conflict_items}
#
# Make every combination of a **recalled** country and a **false** capital. Each item is a dictionary with four entries,
# all strings:
#
# | key | example |
# |---|---|
# | `"prompt"` | `the capital of France is Tokyo . Q : what is the capital of France ? A :` |
# | `"country"` | `France` |
# | `"in_context"` | `Tokyo`, what the statement says |
# | `"memorised"` | `Paris`, the true capital |
#
# The false capitals are those of **all** other countries in `facts`, recalled or not: the model need not know whose
# capital Tokyo is to repeat it. Leave out two kinds of pair. One is obvious: the true capital itself makes no conflict.
# The other is a trap that is invisible in `lab-lm`, where every capital is one token, and real in GPT-2 and Pythia: we
# will read the answer off its **first token**, so two capitals that share it (`San José`, `San Salvador`) cannot be
# told apart. `first_token` maps every capital to that token's id.
#
# Order: countries as in `recalled`; within a country, capitals as in `facts`.


# %% role="solution" exercise="build_conflict_items"
# exercise: ch02.build_conflict_items
def build_conflict_items(
    facts: dict[str, str], recalled: list[str], first_token: dict[str, int], template: str
) -> list[dict[str, str]]:
    """Every prompt in which a false statement competes with a recalled fact (paper, section 3).

    facts: country -> true capital. recalled: countries that the model knows, a part of ``facts``.
    first_token: capital -> id of its first token.
    template: a text with the fields {country} and {in_context}, filled with ``template.format(...)``.
    Returns one dict per item with keys "prompt", "country", "in_context", "memorised". Items whose two answers
    are equal or begin with the same token are left out.
    """
    ### BEGIN SOLUTION
    items = []
    for country in recalled:
        memorised = facts[country]
        for in_context in facts.values():
            if first_token[in_context] == first_token[memorised]:  # also true of the capital itself
                continue
            prompt = template.format(country=country, in_context=in_context)
            items.append({"prompt": prompt, "country": country, "in_context": in_context, "memorised": memorised})
    return items
    ### END SOLUTION


# %% role="check" exercise="build_conflict_items"
check(build_conflict_items)  # exercise: ch02.build_conflict_items

# %% [markdown]
# <details><summary>Hint 1: where to start</summary>
#
# Two loops: the outer one over `recalled`, the inner one over the values of `facts`. Which pairs do you skip?
#
# </details>
# <details><summary>Hint 2: the second condition</summary>
#
# You compare token ids, not strings: `first_token[a] == first_token[b]`. What does this comparison say about a capital
# and itself? You may need one condition only.
#
# </details>
# <details><summary>Hint 3: almost the answer</summary>
#
# Inside both loops: skip if the first tokens agree, else append `{"prompt": template.format(country=country,
# in_context=in_context), "country": country, ...}`.
#
# </details>

# %% role="demo"
items = build_conflict_items(facts, recalled, first_token, CONFLICT_TEMPLATE)
print(f"{len(items):,} conflict prompts")
for item in items[5 :: len(items) // 4 + 31]:
    tokens = model.to_tokens(item["prompt"])
    answer = model.to_string(model(tokens)[0, -1].argmax())
    print(f"{item['prompt']}  → model: {answer}   (context {item['in_context']}, memory {item['memorised']})")

# %% [markdown]
# <details><summary>What you should see</summary>
#
# (Number of recalled countries) × 182 prompts, as no two capitals of the lab world share a token. Of the four
# printed prompts some are answered from the context and some from memory. Four prompts are an anecdote, though. We need
# rates.
#
# </details>
#
# ## 2 · Who wins?
#
# Tens of thousands of prompts are more than we need. From here on the notebook works with a fixed random sample, 6
# false capitals per country, already turned into tokens (so you can go on even if exercise 1 still resists). Half of
# the recalled countries are the **development** half; the others are **held out**: exercise 5
# will choose a setting without looking at them.

# %% role="demo"
sample = conflict_set(corpus, per_country=6, seed=1)
sample = sample.where(knows[sample.country])  # only countries that the model recalls
development = sample.where(sample.country % 2 == 0)
held_out = sample.where(sample.country % 2 == 1)
print(len(development), "development prompts,", len(held_out), "held-out prompts, tokens", tuple(sample.prompts.shape))
print(model.to_string(sample.prompts[0]), "| context:", model.to_string(sample.in_context[0]))

# %% [markdown]
# {card outcome_rates}
#
# The model answers with its most likely next token. Sort the answers into three classes: the in-context one, the
# memorised one, and **anything else**. The third class is easy to forget and full of information. In Pythia-1.4B the
# paper counts 26% in-context and 43% memorised; nearly a third of the answers are something else. After an
# intervention, a large "other" says that you have broken the model and not steered it.


# %% role="solution" exercise="outcome_rates"
# exercise: ch02.outcome_rates
def outcome_rates(
    logits: Float[Tensor, "n vocab"], in_context: Int[Tensor, "n"], memorised: Int[Tensor, "n"]
) -> dict[str, float]:
    """Shares of in-context, memorised and other answers (paper, section 3).

    logits: at the last position, for each of n prompts. in_context, memorised: token ids of the two answers.
    The model's answer is the most likely token of the whole vocabulary.
    Returns {"in_context", "memorised", "other"}: Python floats between 0 and 1 that add to 1.
    """
    ### BEGIN SOLUTION
    answer = logits.argmax(dim=-1)
    from_context = (answer == in_context).double().mean().item()
    from_memory = (answer == memorised).double().mean().item()
    neither = ((answer != in_context) & (answer != memorised)).double().mean().item()
    return {"in_context": from_context, "memorised": from_memory, "other": neither}
    ### END SOLUTION


# %% role="check" exercise="outcome_rates"
check(outcome_rates)  # exercise: ch02.outcome_rates

# %% [markdown]
# <details><summary>Hint 1: where to start</summary>
#
# `logits.argmax(dim=-1)` is the answer to each prompt, a token id. You have two more tensors of token ids of the same
# shape.
#
# </details>
# <details><summary>Hint 2: almost the answer</summary>
#
# `(answer == in_context).float().mean().item()` is the first rate. "Other" is what is left of 1; divide by nothing but
# n.
#
# </details>


# %% role="demo"
def rates_on(conflicts, run=lambda tokens: model(tokens)[:, -1]):
    """outcome_rates on a set of conflict prompts; ``run`` maps tokens to last-position logits."""
    return outcome_rates(by_chunks(run, conflicts.prompts), conflicts.in_context, conflicts.memorised)


plots.plot_outcomes(
    {
        "development": rates_on(development),
        "held out": rates_on(held_out),
        "Pythia-1.4B (paper)": {"in_context": 0.26, "memorised": 0.43, "other": 0.31},
    }
)

# %% [markdown]
# <details><summary>What you should see</summary>
#
# In `lab-lm` neither answer has the field to itself: both take a substantial share. That is the reason for the way it
# was trained (statements in its corpus are sometimes true and sometimes not, so context deserves *some* trust). Its
# "other" class is much smaller than Pythia's, for a plain reason: `lab-lm` has read little but such sentences, while
# Pythia may go on with any text of the web. The last bar quotes the paper's 26% and 43%; 31% is the rest.
#
# </details>
#
# ## 3 · Which parts argue for which answer?
#
# Every layer only adds: the residual stream at the last position is the **sum** of what the embedding, every head,
# every MLP and every bias wrote into it. Write $r$ for that sum and $W_U$ for the unembedding. Then
#
# $$u = W_U[:, \text{in-context}] - W_U[:, \text{memorised}]$$
#
# is the direction that tells the two answers apart, and
#
# $$r = x_0 + \sum_{l}\Big(\sum_h z_{l,h} W_O^{l,h} + b_O^{l} + m_l\Big)$$
#
# $$\text{logit difference} = \frac{r}{\sigma} \cdot u + b_U[\text{in-context}] - b_U[\text{memorised}]$$
#
# Here $x_0$ is the embedding (token plus position, in a model that has positions there), $z_{l,h}$ the output of head
# $h$ in layer $l$ before its output matrix $W_O^{l,h}$, $m_l$ the output of an MLP, and $\sigma$ the number by which
# the final LayerNorm divides.
#
# The one nonlinear thing in the way is $\sigma$, because it depends on all of $r$. Direct logit attribution **freezes**
# it at the value it really had in this run. Then the formula is linear, and the contribution of a head is
# $\frac{1}{\sigma}\, z_{l,h} W_O^{l,h} \cdot u$. Positive: the head argues for the context (an *in-context head*).
# Negative: it argues for memory (a *memory head*).
#
# Everything you need is in the cache. `model` is a TransformerLens bridge whose LayerNorms have been *folded*: their
# gains are already multiplied into the next weights and means are already taken out, so only the division by σ is left.
#
# | what | where | shape |
# |---|---|---|
# | run and remember | `logits, cache = model.run_with_cache(tokens)` | |
# | head outputs before $W_O$ | `cache[f"blocks.{l}.attn.hook_z"]` | batch, position, head, d_head |
# | output matrix of a layer | `model.W_O[l]` | head, d_head, d_model |
# | output bias of a layer's attention | `output_bias(model, l)`, from the setup cell | d_model |
# | output of an MLP, its bias included | `cache[f"blocks.{l}.hook_mlp_out"]` | batch, position, d_model |
# | what enters the first layer, $x_0$ | `cache["blocks.0.hook_resid_pre"]` | batch, position, d_model |
# | σ of the final LayerNorm | `cache["ln_final.hook_scale"]` | batch, position, 1 |
# | unembedding and its bias | `model.W_U`, `model.b_U` | d_model, vocab and vocab |
#
# {card logit_difference_parts}
#
# Note the sign: **in-context minus memorised**. And note what comes for free: a decomposition that adds up can be
# tested. The architecture of `lab-lm` has no biases, GPT-2 and Pythia have them everywhere. So `check` runs your
# function on `lab-lm` and, for the biases, on a small GPT-2 with random weights: it knows nothing, and its logits add
# up all the same.


# %% role="solution" exercise="logit_difference_parts"
# exercise: ch02.logit_difference_parts
def logit_difference_parts(
    model, tokens: Int[Tensor, "batch pos"], in_context: Int[Tensor, "batch"], memorised: Int[Tensor, "batch"]
) -> dict[str, Tensor]:
    """Takes logit[in_context] - logit[memorised] at the last position apart (paper, figure 4).

    tokens: prompts with <bos>. in_context, memorised: token ids of the two answers.
    The final LayerNorm's scale is frozen at its actual value at the last position. Returns, in logits,
    {"heads": [batch, layer, head], "mlps": [batch, layer], "embed": [batch], "bias": [batch]},
    where "bias" holds the attention output biases b_O of all layers and the unembedding bias b_U.
    All parts of a prompt add up to its logit difference.
    """
    ### BEGIN SOLUTION
    _, cache = model.run_with_cache(tokens)
    direction = (model.W_U[:, in_context] - model.W_U[:, memorised]).T  # [batch, d_model]
    direction = direction / cache["ln_final.hook_scale"][:, -1]
    heads, mlps = [], []
    bias = model.b_U[in_context] - model.b_U[memorised]
    for layer in range(model.cfg.n_layers):
        z = cache[f"blocks.{layer}.attn.hook_z"][:, -1]  # [batch, head, d_head]
        heads.append(torch.einsum("bhk,hkd,bd->bh", z, model.W_O[layer], direction))
        mlps.append((cache[f"blocks.{layer}.hook_mlp_out"][:, -1] * direction).sum(-1))
        bias = bias + direction @ output_bias(model, layer)
    embed = (cache["blocks.0.hook_resid_pre"][:, -1] * direction).sum(-1)
    return {"heads": torch.stack(heads, 1), "mlps": torch.stack(mlps, 1), "embed": embed, "bias": bias}
    ### END SOLUTION


# %% role="check" exercise="logit_difference_parts"
check(logit_difference_parts)  # exercise: ch02.logit_difference_parts

# %% [markdown]
# <details><summary>Hint 1: where to start</summary>
#
# Build the direction first: `(model.W_U[:, in_context] - model.W_U[:, memorised]).T`, one row per prompt, and divide it
# by σ at the last position. Now every part is a dot product of something [batch, d_model] with this direction.
#
# </details>
# <details><summary>Hint 2: one head</summary>
#
# At the last position `z = cache[...][:, -1]` has shape [batch, head, d_head] and `model.W_O[l]` has shape [head,
# d_head, d_model]. `torch.einsum("bhk,hkd,bd->bh", z, W_O, direction)` multiplies and adds over the right axes; write
# it as two steps if you like.
#
# </details>
# <details><summary>Hint 3: it does not add up</summary>
#
# Compare the sum of your parts with the logit difference of `model(tokens)`. Off by a constant in every prompt? That is
# $b_U$ or its sign. Off by a little that changes from prompt to prompt? The $b_O$ of each layer is divided by σ, $b_U$
# is not. Off by a factor? σ.
#
# </details>

# %% role="demo"
probe = development.where(torch.randperm(len(development), generator=torch.Generator().manual_seed(2))[:256])
parts = logit_difference_parts(model, probe.prompts, probe.in_context, probe.memorised)
logits = model(probe.prompts)[:, -1]
rows = torch.arange(len(probe))
difference = logits[rows, probe.in_context] - logits[rows, probe.memorised]
total = parts["heads"].sum((1, 2)) + parts["mlps"].sum(1) + parts["embed"] + parts["bias"]
print(f"largest error of the sum over {len(probe)} prompts: {(total - difference).abs().max():.1e} logits")

mean = parts["heads"].mean(0)
context_head = divmod(mean.argmax().item(), n_heads)
memory_head = divmod(mean.argmin().item(), n_heads)
print(f"strongest in-context head {context_head[0]}.{context_head[1]} ({mean[context_head]:+.2f} logits), ", end="")
print(f"strongest memory head {memory_head[0]}.{memory_head[1]} ({mean[memory_head]:+.2f} logits)")
plots.plot_parts(parts, difference)

# %% [markdown]
# <details><summary>What you should see</summary>
#
# The error is of the size of float32 rounding, a few millionths: the decomposition is exact. Look for both signs, in
# the map and in the bars. Context and memory are argued for *at the same time*, by different heads and MLPs, and the
# small difference that decides is what is left when they cancel. If the loudest voice for memory is an MLP, remember
# it: no head can be turned down to silence it, except by changing what it reads. (The paper writes "15.7" for head 7 of
# layer 15; so do we, counting from 0.)
#
# Heads at exactly 0.00 were pruned when `lab-lm` was trained: their output matrices are zero. With all heads alive the
# copying was spread so evenly that no single head decided anything. Pythia has no such gaps.
#
# The numbers are *averages of direct effects*. A head that moves information to another head, which then writes the
# answer, gets no credit here. Keep that in mind for what comes next.
#
# </details>
#
# ### Predict before you run
#
# Replace `None` by a letter. Predictions earn no points; they make you notice when you are surprised.

# %% role="predict"
predict("02.q1", None)

# %% [markdown]
# ## 4 · Turn one head up and down
#
# Attribution is a correlation with an accent: it says what a head writes, not what would happen without it. The paper's
# test is an intervention. While the model runs, multiply the **value vectors** of one head by α, at every position, and
# let everything after it react:
#
# $$v_{l,h} \;\to\; \alpha\, v_{l,h}, \qquad\text{so that}\qquad z_{l,h} = \sum_j A_j v_j \;\to\; \alpha\, z_{l,h}.$$
#
# The attention pattern $A$ stays as it was. α = 1 changes nothing, α = 0 removes the head, α < 0 makes it argue for the
# opposite, α > 1 amplifies it.
#
# A **hook** does this: a function that gets a tensor in the middle of the run and returns what shall stand in its
# place.
#
# ```python
# def double_it(value, hook):   # value: [batch, position, head, d_head]
#     return 2 * value
#
# logits = model.run_with_hooks(tokens, fwd_hooks=[("blocks.0.attn.hook_v", double_it)])
# ```
#
# `run_with_hooks` takes the hook off again when it is done. `model.add_hook` does not: the model stays changed for
# every later cell of your notebook, and nothing tells you so. This is one of the commonest silent bugs in
# interpretability code, so `check` looks for it.
#
# {card scale_head}


# %% role="solution" exercise="scale_head"
# exercise: ch02.scale_head
def scale_head(
    model, tokens: Int[Tensor, "batch pos"], layer: int, head: int, alpha: float
) -> Float[Tensor, "batch vocab"]:
    """Logits at the last position with one head's value vectors multiplied by alpha (paper, the intervention).

    All positions are scaled; other heads and the attention pattern are untouched. Afterwards the model gives the
    same logits as before the call: no hook stays behind and no weight is changed.
    """

    ### BEGIN SOLUTION
    def scale(value, hook):
        value = value.clone()
        value[:, :, head] *= alpha
        return value

    return model.run_with_hooks(tokens, fwd_hooks=[(f"blocks.{layer}.attn.hook_v", scale)])[:, -1]
    ### END SOLUTION


# %% role="check" exercise="scale_head"
check(scale_head)  # exercise: ch02.scale_head

# %% [markdown]
# <details><summary>Hint 1: where to hook</summary>
#
# `blocks.{layer}.attn.hook_v` carries the value vectors, [batch, position, head, d_head]. `hook_z`, after the attention
# weights and before $W_O$, has the same shape and would do as well. (Why?) After $W_O$ it is too late: the heads are
# mixed.
#
# </details>
# <details><summary>Hint 2: almost the answer</summary>
#
# Write the hook inside your function, so that it sees `head` and `alpha`: clone the tensor, multiply the slice `[:, :,
# head]`, return the clone. Then one line with `model.run_with_hooks(...)`, of which you keep the last position.
#
# </details>

# %% role="demo"
ALPHAS = [-4.0, -2.0, 0.0, 1.0, 2.0, 4.0, 8.0]


def sweep(conflicts, layer, head):
    """The three rates [alpha, 3] on conflict prompts with one head scaled by each of ALPHAS."""
    scaled = partial(scale_head, model, layer=layer, head=head)
    return torch.tensor([list(rates_on(conflicts, partial(scaled, alpha=alpha)).values()) for alpha in ALPHAS])


context_sweep = sweep(probe, *context_head)
plots.plot_alpha(ALPHAS, context_sweep, f"Strongest in-context head, {context_head[0]}.{context_head[1]}")

# %% role="demo"
memory_sweep = sweep(probe, *memory_head)
plots.plot_alpha(ALPHAS, memory_sweep, f"Strongest memory head, {memory_head[0]}.{memory_head[1]}")

# %% [markdown]
# And by hand: drag α, or focus the slider and use the arrow keys. Each new value runs the model on 128 prompts with
# **your** function; then change the head.

# %% role="demo"
from mechanisms.widgets import alpha_slider

few = probe.where(torch.arange(128))
alpha_slider(
    lambda layer, head, alpha: rates_on(few, partial(scale_head, model, layer=layer, head=head, alpha=alpha)),
    n_layers=n_layers,
    n_heads=n_heads,
    layer=memory_head[0],
    head=memory_head[1],
)

# %% [markdown]
# <details><summary>What you should see</summary>
#
# One knob moves answers from one class to the other, without a single weight changed. In the two figures look for three
# things. *Direction*: does turning up the in-context head give more in-context answers, and turning up the memory head
# fewer, as the sign of their attribution promises? *Reach*: how far can one head push? *Damage*: where does the grey
# class rise? There the model is broken and not persuaded.
#
# In the paper the most striking result comes from turning a **memory** head *down*: with 15.7 of Pythia-1.4B the
# in-context answers rise from 26% to 86.2% and the memorised ones fall from 43% to 4%. The silence of memory lets the
# context speak. If your two figures disagree with the attribution map, you have met the limit of direct effects: a head
# also acts through the layers after it.
#
# </details>
#
# ## 5 · Choose without fooling yourself
#
# You are about to try every head at every α and keep the best. With dozens of candidates the best one is also the
# *luckiest* one, and its rate on the very prompts that chose it is too good. So the choice is made on the development
# half alone. The held-out half takes no part in it; it is there for the report.
#
# And a knob that turns every answer into the in-context one is worth little if it wrecks the rest. We measure the
# accuracy on **unrelated prompts** (bare questions about capitals, languages, currencies; indirect objects such as
# "Anna gave a ticket to …") at every setting and set a budget: at most `max_loss` below the unchanged model (α = 1), in
# points of accuracy and not as a share of it. A setting that makes the accuracy better is within the budget.
#
# {card choose_head}
#
# `dev[l, h, a]` holds the three rates (in-context, memorised, other) on the development prompts with head `h` of layer
# `l` scaled by `alphas[a]`. Maximise the **in-context** rate among the settings within the budget. The tensors in the
# check have no ties, and `alphas` always has a 1.


# %% role="solution" exercise="choose_head"
# exercise: ch02.choose_head
def choose_head(
    dev: Float[Tensor, "layer head alpha 3"],
    held_out: Float[Tensor, "layer head alpha 3"],
    unrelated: Float[Tensor, "layer head alpha"],
    alphas: list[float],
    max_loss: float,
) -> dict[str, int | float]:
    """The setting with the most in-context answers on dev, among those that break little (paper, the intervention).

    dev, held_out: rates of in-context, memorised, other answers, in this order. unrelated: accuracy elsewhere.
    A setting is within the budget if its accuracy is at most max_loss below that of the same head at alpha = 1.
    Returns {"layer": int, "head": int, "alpha": float, "dev": float, "held_out": float}: the setting and its
    in-context rates on the two splits.
    """
    ### BEGIN SOLUTION
    baseline = unrelated[:, :, alphas.index(1.0)].unsqueeze(-1)
    allowed = baseline - unrelated <= max_loss
    score = dev[..., 0].masked_fill(~allowed, -math.inf)
    layer, head, a = (int(i) for i in np.unravel_index(int(score.argmax()), score.shape))
    return {
        "layer": layer,
        "head": head,
        "alpha": float(alphas[a]),
        "dev": dev[layer, head, a, 0].item(),
        "held_out": held_out[layer, head, a, 0].item(),
    }
    ### END SOLUTION


# %% role="check" exercise="choose_head"
check(choose_head)  # exercise: ch02.choose_head

# %% [markdown]
# <details><summary>Hint 1: where to start</summary>
#
# `alphas.index(1.0)` finds the unchanged model. A boolean tensor [layer, head, alpha] says which settings are within
# the budget.
#
# </details>
# <details><summary>Hint 2: an argmax over three axes</summary>
#
# `score.argmax()` counts through the flattened tensor; `np.unravel_index(int(score.argmax()), score.shape)` gives the
# three indices. Three loops are fine as well. To rule settings out, give them a score of minus infinity.
#
# </details>
# <details><summary>Hint 3: types</summary>
#
# Layer and head as `int`, the rest as `float`: `.item()` takes a number out of a tensor. α is the *value* `alphas[a]`,
# not the index `a`.
#
# </details>

# %% [markdown]
# Now for real: every head, every α. This is the slowest cell of the notebook (some fifteen seconds on a laptop).

# %% role="demo"
from tqdm.auto import tqdm

dev_few = development.where(torch.arange(0, len(development), 3))  # two prompts for every country
held_few = held_out.where(torch.arange(0, len(held_out), 3))
unrelated_batches = [corpus.facts(48, relation, template=2) for relation in ("capital", "language", "currency")]
unrelated_batches.append(corpus.ioi(48))


def unrelated_accuracy(layer, head, alpha):
    """Mean accuracy on prompts that contain no conflict."""
    right = [
        (scale_head(model, batch.prompts, layer, head, alpha).argmax(-1) == batch.targets).float().mean()
        for batch in unrelated_batches
    ]
    return torch.stack(right).mean().item()


shape = (n_layers, n_heads, len(ALPHAS))
dev, held, unrelated = torch.zeros(*shape, 3), torch.zeros(*shape, 3), torch.zeros(shape)
for layer, head in tqdm([(layer, head) for layer in range(n_layers) for head in range(n_heads)], desc="heads"):
    dev[layer, head] = sweep(dev_few, layer, head)
    held[layer, head] = sweep(held_few, layer, head)
    unrelated[layer, head] = torch.tensor([unrelated_accuracy(layer, head, alpha) for alpha in ALPHAS])

MAX_LOSS = 0.05
choice = choose_head(dev, held, unrelated, ALPHAS, MAX_LOSS)
print({name: round(value, 3) for name, value in choice.items()})
plots.plot_choice(dev, held, unrelated, ALPHAS, MAX_LOSS, choice)

# %% [markdown]
# The chosen head by itself, on the **held-out** prompts, with what it costs elsewhere:

# %% role="demo"
chosen = (choice["layer"], choice["head"])
name = f"Head {chosen[0]}.{chosen[1]}, chosen on the development half; held-out prompts"
plots.plot_alpha(ALPHAS, held[chosen], name, unrelated=unrelated[chosen].tolist())

# %% [markdown]
# <details><summary>What you should see</summary>
#
# The dots lie along a rising line: a setting that works on the development countries works on others, because the head
# acts on *context against memory* and not on particular countries. Find the star of the unchanged model first. If it is
# off the diagonal, one half of the countries is simply harder than the other; judge the rest from the star. The chosen
# setting tends to gain less on the held-out half than on the half that chose it. That is the winner's curse, the reason
# why we split. Crosses to the right of the ring are settings that would have won without the budget.
#
# Compare the chosen head with the strongest heads of your attribution map. It need not be the same one. Where it is
# not, ask what direct attribution could not see: a head of the first layer may write next to nothing into the answer
# itself and still move most answers, through the heads and MLPs that read what it wrote.
#
# The abstract of the paper says 88%, its body 86.2% for the full set of capitals. Both may be right about different
# sets of prompts; when you quote a number, quote where it stands.
#
# </details>
#
# ## 6 · Does it matter how often the model met the country?
#
# ### Predict before you run

# %% role="predict"
predict("02.q2", None)

# %% [markdown]
# The paper counts countries and cities in the Pile, the corpus of Pythia, and finds that both frequencies strongly
# affect which answer wins. In our world the frequencies are known exactly: the corpus drew its facts about countries
# from a Zipf law.
#
# Two ways to look at the same cloud of points, one point per **country** (the unit that was drawn; ten prompts about
# one country are not ten independent observations):
#
# - **Equal-count bins.** Sort the countries by frequency and cut the row into `n_bins` groups of equal size. Bins of
#   equal *width* would leave the rare end crowded and the frequent end nearly empty.
# - **Spearman's ρ with a bootstrap interval.** ρ is Pearson's correlation of the **ranks**; tied values share the mean
#   of their ranks. Then draw n countries with replacement, compute ρ again, and repeat: the 2.5th and 97.5th
#   percentiles of all these ρ are the interval. A bootstrap sample contains the same country several times, so ties are
#   the rule there.
#
# {card frequency_effect}
#
# To make the result exact the random draws come from outside: row `b` of `resamples` lists the n countries of the b-th
# bootstrap sample. If `n` is not a multiple of `n_bins`, the first bins get one more (as `torch.tensor_split` does).


# %% role="solution" exercise="frequency_effect"
# exercise: ch02.frequency_effect
def frequency_effect(
    log_frequency: Float[Tensor, "n"],
    in_context_share: Float[Tensor, "n"],
    resamples: Int[Tensor, "n_boot n"],
    n_bins: int,
) -> dict[str, Tensor | float]:
    """How the share of in-context answers goes with frequency (paper, the frequency analysis).

    One entry per country. Returns {"bin_frequency": [n_bins], "bin_share": [n_bins]}, means within bins of equal
    count in order of frequency, and {"rho", "low", "high"}: Spearman's rank correlation (ties share their mean
    rank) and its 95% percentile bootstrap interval over the rows of ``resamples``, as floats.
    """

    ### BEGIN SOLUTION
    def ranks(x):
        below = (x[None, :] < x[:, None]).sum(1)
        equal = (x[None, :] == x[:, None]).sum(1)
        return below + (equal + 1) / 2  # the mean of the ranks below+1 ... below+equal

    def spearman(x, y):
        return torch.corrcoef(torch.stack([ranks(x), ranks(y)]).double())[0, 1]

    order = log_frequency.argsort(stable=True)
    bins = order.tensor_split(n_bins)
    boot = torch.stack([spearman(log_frequency[rows], in_context_share[rows]) for rows in resamples])
    return {
        "bin_frequency": torch.stack([log_frequency[rows].mean() for rows in bins]),
        "bin_share": torch.stack([in_context_share[rows].mean() for rows in bins]),
        "rho": spearman(log_frequency, in_context_share).item(),
        "low": boot.quantile(0.025).item(),
        "high": boot.quantile(0.975).item(),
    }
    ### END SOLUTION


# %% role="check" exercise="frequency_effect"
check(frequency_effect)  # exercise: ch02.frequency_effect

# %% [markdown]
# <details><summary>Hint 1: bins</summary>
#
# `log_frequency.argsort(stable=True)` lists the countries from rare to frequent; `.tensor_split(n_bins)` cuts that
# list. Each piece is an index for both tensors.
#
# </details>
# <details><summary>Hint 2: ranks with ties</summary>
#
# The rank of a value is (how many values are smaller) + (how many are equal, itself included, + 1) / 2. With `x[None,
# :] < x[:, None]` you compare all pairs at once. `scipy.stats.rankdata` and `scipy.stats.spearmanr` do the same and are
# allowed.
#
# </details>
# <details><summary>Hint 3: the interval</summary>
#
# For each row of `resamples` index **both** tensors with that same row, so that pairs stay together, and compute ρ.
# Then `torch.quantile(all_rhos, 0.025)` and `0.975`.
#
# </details>

# %% role="demo"
wide = conflict_set(corpus, per_country=12, seed=4)
wide = wide.where(knows[wide.country])
answers = by_chunks(lambda tokens: model(tokens)[:, -1].argmax(-1), wide.prompts)
from_context = (answers == wide.in_context).float()
ids = wide.country.unique()
share = torch.stack([from_context[wide.country == i].mean() for i in ids])
log_frequency = corpus.weight[ids].log()

resamples = torch.randint(len(ids), (1000, len(ids)), generator=torch.Generator().manual_seed(5))
effect = frequency_effect(log_frequency, share, resamples, n_bins=8)
plots.plot_frequency(log_frequency, share, effect, "log frequency of the country asked about")

# %% [markdown]
# The paper also looks at the **city in the context**. The same function answers that question: average over the
# countries asked about, for each city named in the statement.

# %% role="demo"
place = {token: i for i, token in enumerate(corpus.value["capital"].tolist())}
city = torch.tensor([place[token] for token in wide.in_context.tolist()])
cities = city.unique()
city_share = torch.stack([from_context[city == i].mean() for i in cities])
city_frequency = corpus.weight[cities].log()
resamples = torch.randint(len(cities), (1000, len(cities)), generator=torch.Generator().manual_seed(6))
city_effect = frequency_effect(city_frequency, city_share, resamples, n_bins=8)
plots.plot_frequency(city_frequency, city_share, city_effect, "log frequency of the city in the context", "one city")

# %% [markdown]
# <details><summary>What you should see</summary>
#
# Look at the intervals before you look at the lines. An interval that excludes 0 says that the trend is more than a
# lucky draw of countries; one that includes 0 says that this experiment cannot tell. The **sign** for the country tells
# you whether a well-known fact resists the context better. Only recalled countries are in the plot, so "the model does
# not know it" is not the explanation.
#
# The two figures need not agree, and a model with 183 countries and Zipf frequencies is not the Pile: there, a frequent
# country is also written about in more ways.
#
# </details>
#
# ## 7 · Your results beside the paper's
#
# The third column is read from the model card of `lab-lm`, which was written by the code that measured it; the last one
# is yours, from this notebook.

# %% role="demo"
from mechanisms.plots.claims import FACTUAL_RECALL, claims_table

baseline = rates_on(held_out)
claims_table(
    FACTUAL_RECALL,
    {
        "in_context": f"{baseline['in_context']:.0%}",
        "memorised": f"{baseline['memorised']:.0%}",
        "other": f"{baseline['other']:.0%}",
        "steered": f"{choice['held_out']:.0%} (head {choice['layer']}.{choice['head']}, α = {choice['alpha']:g})",
        "country_frequency": f"ρ = {effect['rho']:+.2f} [{effect['low']:+.2f}, {effect['high']:+.2f}]",
        "city_frequency": f"ρ = {city_effect['rho']:+.2f} [{city_effect['low']:+.2f}, {city_effect['high']:+.2f}]",
    },
)

# %% [markdown] role="rubric" id="one_head_one_fact" points=5
# ### In your own words (5 points, read by a person)
#
# A newspaper writes: "*Researchers found the neuron cluster where the AI stores capital cities, and can switch it
# off.*" In six to ten sentences, correct this with evidence from **your** notebook.
#
# - What did your chosen head do, in rates on held-out prompts, and at what price on unrelated ones? (2 points)
# - Did the attribution of section 3 predict what the intervention of section 4 did? Name one head where they agree or
#   disagree, with both numbers. (1 point)
# - Why does "scaling this head changes the answer" not show that the fact is *stored* in this head? Give one other
#   explanation. (1 point)
# - Describe one experiment, doable with the functions of this notebook, that would tell the two explanations apart, and
#   what each of them predicts. (1 point)
#
# ### BEGIN SOLUTION
# **Mark scheme.**
#
# - *2 points*: names layer, head and α; gives the held-out in-context (or memorised) rate together with the rate at α =
#   1, and the accuracy on unrelated prompts beside its own α = 1 value. 1 point if the development rate is reported in
#   place of the held-out one, or the price is missing.
# - *1 point*: one head with its mean attribution in logits and the change of rate under scaling, and a correct
#   statement whether the signs agree. A disagreement explained by indirect effects (later layers read what the head
#   writes) is a full answer.
# - *1 point*: e.g. the head may move attention's findings about the statement or the country to the last position,
#   while the fact itself sits in MLPs or embeddings; or it may weigh context against memory without holding either;
#   recall without context survives the intervention.
# - *1 point*: e.g. scale the head on bare questions: if the fact is stored in it, recall must collapse at α = 0; if it
#   only arbitrates, recall survives. Or: test on another relation (languages, currencies): an arbiter should move these
#   as well, a store of capitals should not. The prediction of both sides must be stated.
#
# A model answer, in the shape we hope for: "The head does not store capitals. At the α chosen on the development
# countries, the in-context rate on held-out countries went from [baseline] to [held-out rate], while unrelated prompts
# lost [loss]. ... When I set α to 0 on bare questions, the model still knew [share] of the capitals, so whatever the
# head does, the fact is elsewhere."
# ### END SOLUTION

# %% [markdown]
# ## 8 · Paper scale
#
# The same functions on the paper's model. This needs a GPU (a free Colab T4 is enough) and, the first time, a download
# of some gigabytes. Without them the next cell says so in one sentence and the others do nothing. `"gpt2-xl"` works as
# well.
#
# Three things change. Answers are now **several tokens** long and we read the first one, which is where `first_token`
# earns its place. Prompts differ in length, so we group them. And the model was never trained on our prompts: expect a
# large "other".

# %% role="paper"
from IPython.display import display

from mechanisms.models.paper import conflicts_by_length, load_paper_model, paper_facts

paper_model = load_paper_model("EleutherAI/pythia-1.4b")


def paper_rates(conflicts, run):
    """outcome_rates over groups of prompts of one length each; ``run`` maps tokens to last-position logits."""
    logits = torch.cat([by_chunks(run, group.prompts, size=32).float().cpu() for group in conflicts])
    in_context = torch.cat([group.in_context for group in conflicts]).cpu()
    return outcome_rates(logits, in_context, torch.cat([group.memorised for group in conflicts]).cpu())


# %% role="paper"
if paper_model is not None:
    paper_world, paper_first_token = paper_facts(paper_model)
    bare = "Q: What is the capital of {country}?\nA:"
    statement = "The capital of {country} is {in_context}.\n" + bare
    paper_recalled = []
    for country, capital in paper_world.items():
        answer = paper_model(paper_model.to_tokens(bare.format(country=country)))[0, -1].argmax()
        if answer == paper_first_token[capital]:
            paper_recalled.append(country)
    print(f"{len(paper_recalled)} of {len(paper_world)} capitals recalled without context")
    if len(paper_recalled) < 10:
        print("This model recalls almost nothing, so 'memorised' below means the true capital of any country.")
        paper_recalled = list(paper_world)
    paper_items = build_conflict_items(paper_world, paper_recalled, paper_first_token, statement)
    draw = np.random.default_rng(0).permutation(len(paper_items))
    paper_dev = conflicts_by_length(paper_model, [paper_items[i] for i in draw[:200]], paper_first_token)
    paper_held = conflicts_by_length(paper_model, [paper_items[i] for i in draw[200:400]], paper_first_token)
    print(paper_rates(paper_dev, lambda tokens: paper_model(tokens)[:, -1]))

# %% role="paper"
if paper_model is not None:
    found = [
        logit_difference_parts(paper_model, tokens, in_context, memorised)["heads"].float().cpu()
        for group in paper_dev
        for tokens, in_context, memorised in zip(
            group.prompts.split(16), group.in_context.split(16), group.memorised.split(16), strict=True
        )
    ]
    paper_mean = torch.cat(found).mean(0)
    layer, head = divmod(paper_mean.argmin().item(), paper_mean.shape[1])
    print(f"strongest memory head: {layer}.{head} (the paper names 15.7 in Pythia-1.4B)")
    PAPER_ALPHAS = [-8.0, -4.0, -2.0, 0.0, 1.0, 2.0]
    paper_sweep = []
    for alpha in PAPER_ALPHAS:
        scaled = partial(scale_head, paper_model, layer=layer, head=head, alpha=alpha)
        paper_sweep.append(list(paper_rates(paper_held, scaled).values()))
    title = f"Memory head {layer}.{head}, prompts not used to find it"
    display(plots.plot_alpha(PAPER_ALPHAS, torch.tensor(paper_sweep), title))

# %% [markdown]
# ### Where to go from here
#
# - Exercise 5 maximised in-context answers. Change one index and choose the head that maximises **memorised** ones. Is
#   it the same head with another α?
# - Indirect objects were among the unrelated prompts. If your head hurts *them* in particular, that is a clue: a head
#   that copies from context may do so for other tasks as well. Chapter 03 is about this reuse.
# - Test the chosen setting on another relation. Later work reports that such heads transfer only partly between
#   domains; the book page has the references.
