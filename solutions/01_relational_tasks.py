"""Chapter 01, relational tasks: the source of the exercise notebook, solutions included.

- eight exercises take the reader from early decoding, over the three stages, to the vector that applies a relation, its
  controls, and a model without its FFNs;
- lab-relational is a trained model, control-relational its control, free-relational has the same recipe and attention
  that sees words, planted-relations-2 is a network written by hand;
- nothing here is tuned on the numbers that it reports: layer and scale of the injection are fixed beforehand.
"""

# %% [markdown]
# # 01 · Relational tasks: one vector that means "the past tense of"
#
# *France is to Paris as Poland is to …* A language model that completes this has to find the **argument** (Poland) and
# apply a **relation** to it (capital of). Merullo, Eickhoff and Pavlick (*A Mechanism for Solving Relational Tasks in
# Transformer Language Models*; an earlier version was called *Language Models Implement Simple Word2Vec-style Vector
# Arithmetic*) decode such models layer by layer and report something simple: first the argument comes to the top, then
# a **feed-forward network** adds one vector that turns it into the answer. And the vector is about the relation, not
# about Poland: taken from one prompt and added in an unrelated one, it turns other countries into their capitals.
#
# By the end you can
#
# - decode the residual stream early, and turn "the curves look like an X" into a rule that can say no;
# - catch the vector that one FFN adds, and put it where nobody asked for it;
# - judge the result by controls: vectors of the same length, another relation's vector, a model that cannot do it;
# - build two prompts that differ in one respect, and remove FFNs to see which of the two suffers.
#
# **Eight exercises, about 110 minutes, 70 points**, and one question for a human reader (5 points). Below every
# exercise stands a `check(...)` line. Run it as often as you like: it tells you which case failed and, often, why.
# Hints are folded, from a nudge to almost the answer. The chapter's page in the book tells the story.

# %% [markdown]
# ## Setup
#
# Run this first. Everything that your own functions may use is imported here.

# %% role="setup"

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from mechanisms import check, predict
from mechanisms.data import relations as lab
from mechanisms.data.relations import FORMS, Task, fact_prompts, unrelated_contexts
from mechanisms.models import load
from mechanisms.models.relational import ffn_layers

torch.set_num_threads(1)  # the models are so small that a second thread would mostly wait for the first
model = load("lab-relational")
task = Task()  # 64 stems in four forms: base, past, upper, plural
names = lab.words()  # the word of every token id

# %% [markdown]
# ### The world of this chapter
#
# The course's own model for this chapter, `lab-relational`, has a small world. There are 64 verbs in four **forms**:
# *walk, walked, WALK, walks*. Each form is one token. A **fact** is four words long:
#
# ```text
# a1 walk b0 walked     a2 jump b3 jumped     a0 cook b2 COOK     …
# ```
#
# The relation is named by **two cue words together**: cue $a_i$ before the argument and $b_j$ after it stand for
# relation $(i + j) \bmod 4$. Relation 0 copies the argument, 1 gives its past, 2 its upper-case form, 3 its plural. One
# cue alone says nothing. A prompt states one fact and asks for another: it ends after the second cue, and the model has
# to give the answer. The stated fact is of *another* relation, so that nothing can be learned from it but what a fact
# looks like.
#
# Besides facts the model was trained on copying (four random words, three times) and on texts that tell about stems and
# forms separately. A fifth of the (verb, relation) pairs never occurred in training: they are **held out**. Six verbs
# never occurred in any fact.
#
# ### What the models of this notebook understand
#
# | what | how | shape |
# |---|---|---|
# | logits | `model(tokens)` | batch, pos, vocab |
# | run and remember | `logits, cache = model.run_with_cache(tokens)` | |
# | run with hooks, then take them off | `model.run_with_hooks(tokens, fwd_hooks=[(name, function)])` | as above |
# | the stream before any layer | `cache["blocks.0.hook_resid_pre"]` | batch, pos, d_model |
# | the stream after a layer | `cache[f"blocks.{layer}.hook_resid_post"]` | batch, pos, d_model |
# | what a layer's attention adds | `cache[f"blocks.{layer}.hook_attn_out"]` | batch, pos, d_model |
# | the stream between attention and FFN | `cache[f"blocks.{layer}.hook_resid_mid"]` | batch, pos, d_model |
# | what a layer's FFN adds | `cache[f"blocks.{layer}.hook_mlp_out"]` | batch, pos, d_model |
# | layers that have an FFN | `ffn_layers(model)`, a list, lowest first | |
# | the final LayerNorm, the unembedding | `model.ln_final(x)`, `model.unembed(x)` | … d_model → … d_model, … vocab |
# | number of layers | `model.cfg.n_layers` | |
#
# In every layer attention comes first and adds to the stream, then the FFN (an MLP of one hidden layer) reads the sum
# and adds to it. `lab-relational` has four layers and **FFNs in layers 2 and 3 alone**; other models of the checks
# differ. (In a layer without an FFN `hook_resid_mid` and `hook_resid_post` are the same.) A hook function gets a tensor
# and returns what shall stand in its place: `def patch(value, hook): ...`.
#
# Three more things about how this model was made, because they shape what you will find. The paper has none of them.
#
# - In layers 0 to 2 its attention is **blind**: the pattern is a learned table, the same for every text, so that it
#   reads the same places whatever words stand there.
# - Layer 3 looks at the words, but only **three places back or more**, past the three words of the question.
# - In the last part of its training, some of the documents in which something can be copied had **no FFNs**, and only
#   the copies counted in them.

# %% role="demo"
draw = torch.Generator().manual_seed(0)
for relation in range(1, FORMS):
    stems = task.trained_stems(relation)
    prompts = fact_prompts(task, relation, stems, 1, draw)
    says = model(prompts)[:, -1].argmax(-1)
    right = (says == task.answers[stems, relation]).float().mean()
    print(f"{' '.join(names[t] for t in prompts[0])} → {names[says[0]]}     {right:.0%} of {len(stems)} right")

# %% [markdown]
# ## 1 · Read the stream early
#
# The model's last two steps are the final LayerNorm and the unembedding:
#
# $$\mathrm{logits} = W_U \, \mathrm{LN}(x).$$
#
# Nothing forbids applying them to the stream of an **earlier** layer. The result says what the model would answer if it
# stopped there. This is *early decoding*, or the *logit lens*.
#
# {card early_decode}
#
# A *stage* is a place in the stream where something has just been added. Stage 0 is the stream before any layer. Then
# each layer gives one stage after its attention (`hook_resid_mid`) and, **if it has an FFN**, one more after that
# (`hook_resid_post`). Return them stacked, in this order, decoded at the **last position** only. For `lab-relational`
# these are seven: before, attention 0, 1 and 2, FFN 2, attention 3, FFN 3.


# %% role="solution" exercise="early_decode"
# exercise: ch01.early_decode
def early_decode(model, tokens: Int[Tensor, "batch pos"]) -> Float[Tensor, "stage batch vocab"]:
    """The logits of every stage of the residual stream at the last position (paper, early decoding).

    Stages: blocks.0.hook_resid_pre, then for every layer hook_resid_mid and, if it has an FFN, hook_resid_post. Each
    goes through the final LayerNorm once and through the unembedding. The last stage equals the model's own logits.
    """
    ### BEGIN SOLUTION
    _, cache = model.run_with_cache(tokens)
    stages = [cache["blocks.0.hook_resid_pre"]]
    for layer in range(model.cfg.n_layers):
        stages.append(cache[f"blocks.{layer}.hook_resid_mid"])
        if layer in ffn_layers(model):
            stages.append(cache[f"blocks.{layer}.hook_resid_post"])
    return torch.stack([model.unembed(model.ln_final(stream[:, -1])) for stream in stages])
    ### END SOLUTION


# %% role="check" exercise="early_decode"
check(early_decode)  # exercise: ch01.early_decode

# %% [markdown]
# <details><summary>Hint 1: where to start</summary>
#
# One call of `model.run_with_cache(tokens)` gives every stream that you need. Collect them in a list, layer by layer.
# `layer in ffn_layers(model)` says whether a layer has an FFN.
#
# </details>
# <details><summary>Hint 2: once, and only once</summary>
#
# The streams on the hooks have **not** been through the final LayerNorm, not even the last one. Apply
# `model.ln_final` to each exactly once. (In Hugging Face's `hidden_states` the last entry *has* been through it. The
# same code there would apply it twice, and nothing would warn you.)
#
# </details>
# <details><summary>Hint 3: almost the answer</summary>
#
# `torch.stack([model.unembed(model.ln_final(stream[:, -1])) for stream in stages])`
#
# </details>

# %% [markdown]
# Move the slider through one prompt, stage by stage.

# %% role="demo"
from mechanisms.widgets import layer_slider, layer_steps

draw = torch.Generator().manual_seed(1)
examples = []
for relation in range(1, FORMS):
    stems = task.trained_stems(relation)[4:6]
    for stem, prompt in zip(stems, fact_prompts(task, relation, stems, 1, draw), strict=True):
        argument, answer = int(stem) * FORMS, int(task.answers[stem, relation])
        decoded = early_decode(model, prompt[None])
        assert torch.allclose(decoded[-1], model(prompt[None])[:, -1], atol=1e-4), "see exercise 1"
        title = f"{lab.FORM_NAMES[relation]}: {names[argument]} → {names[answer]}"
        examples.append(layer_steps(model, prompt, argument, answer, names, title))
layer_slider(examples, start=2)

# %% [markdown]
# <details><summary>What you should see</summary>
#
# Before any layer the stream holds the last cue alone, and the bars show words that mean nothing here. The blind
# attention layers bring the **argument** (orange) up, and after attention 2 it is on top in most prompts. FFN 2 turns
# it into the answer (blue), which stays on top.
#
# </details>
#
# ## 2 · Who leads?
#
# To follow a word through the stages, look at its **rank**: how many words stand above it. The paper plots the
# *reciprocal rank*, which is 1 on top, ½ in second place, and close to 0 anywhere far down.
#
# {card reciprocal_ranks}
#
# With ranks from 0, the reciprocal rank is $1 / (\text{rank} + 1)$. Words that tie share the better rank: only
# **strictly larger** logits count.


# %% role="solution" exercise="reciprocal_ranks"
# exercise: ch01.reciprocal_ranks
def reciprocal_ranks(
    logits: Float[Tensor, "stage batch vocab"], tokens: Int[Tensor, " batch"]
) -> Float[Tensor, "stage batch"]:
    """1 / (rank + 1) of token tokens[i] among the logits of item i, in every stage (paper, the y axis of its plots).

    rank: how many tokens have a strictly larger logit; 0 for the top token.
    """
    ### BEGIN SOLUTION
    index = tokens.expand(len(logits), -1)[..., None]
    rank = (logits > logits.gather(-1, index)).sum(-1)
    return 1 / (rank + 1.0)
    ### END SOLUTION


# %% role="check" exercise="reciprocal_ranks"
check(reciprocal_ranks)  # exercise: ch01.reciprocal_ranks

# %% [markdown]
# <details><summary>Hint 1: you need no sorting</summary>
#
# The rank of a token is the number of `True` in "other logits > its logit".
#
# </details>
# <details><summary>Hint 2: each item its own token</summary>
#
# `logits[:, torch.arange(len(tokens)), tokens]` is [stage, batch]: the logit of the right token in every item. Compare
# all logits with it after adding a last axis (`[..., None]`).
#
# </details>
# <details><summary>Hint 3: almost the answer</summary>
#
# `rank = (logits > own[..., None]).sum(-1)`, then `1 / (rank + 1.0)`.
#
# </details>

# %% role="demo"
from mechanisms.plots import relational as plots

STAGES = ["before"]
for layer in range(model.cfg.n_layers):
    STAGES += [f"attention {layer}"] + [f"FFN {layer}"] * (layer in ffn_layers(model))


def curves_of(model, task, relation, shots=1, seed=2):
    """Mean reciprocal rank of argument and answer at every stage, over the prompts that the model answers rightly."""
    stems = task.trained_stems(relation)
    prompts = fact_prompts(task, relation, stems, shots, torch.Generator().manual_seed(seed))
    answer = task.answers[stems, relation]
    decoded = early_decode(model, prompts)
    right = decoded[-1].argmax(-1) == answer
    pair = (reciprocal_ranks(decoded, tokens)[:, right].mean(1) for tokens in (stems * FORMS, answer))
    return tuple(pair)


curves = {lab.FORM_NAMES[relation]: curves_of(model, task, relation) for relation in range(1, FORMS)}
plots.plot_curves(STAGES, curves)

# %% [markdown]
# <details><summary>What you should see</summary>
#
# The argument (orange) rises over the attention layers and leads; at FFN 2 the answer (blue) overtakes it, and stays
# at or near 1. The two lines make an X, like the paper's in models that are a thousand to a million times larger.
#
# </details>
#
# ## 3 · Three stages
#
# The paper reads its curves as three stages: **argument formation** (the argument rises), **function application** (the
# answer overtakes it), **saturation** (the answer stays on top). The two lines make an **X**. To say whether they do,
# you need a rule.
#
# {card find_stages}
#
# Both curves are mean reciprocal ranks, one number for each stage. All of the following are stage numbers, or `None`:
#
# - `"application"`: the first stage from which the answer's curve is **above** the argument's up to the last stage;
#   `None` if there is none;
# - `"formation"`: the stage **before** application at which the argument's curve is highest (the earliest, if several
#   are equal); `None` if application is `None` or 0;
# - `"saturation"`: the first stage from which the answer's curve is **at or above** `saturated` up to the last stage;
#   `None` if there is none;
# - `"x_shaped"`: `True` if there is a formation stage at which the argument's curve is at or above `peak` *and* above
#   the answer's; else `False`.


# %% role="solution" exercise="find_stages"
# exercise: ch01.find_stages
def find_stages(
    argument: Float[Tensor, " stage"], answer: Float[Tensor, " stage"], peak: float, saturated: float
) -> dict[str, int | bool | None]:
    """The three stages of two reciprocal-rank curves (paper: argument formation, function application, saturation).

    Returns {"formation", "application", "saturation": stage numbers or None, "x_shaped": bool}; rules above.
    """

    ### BEGIN SOLUTION
    def holds_from(good):
        first = len(good)
        while first > 0 and good[first - 1]:
            first -= 1
        return first if first < len(good) else None

    application = holds_from((answer > argument).tolist())
    formation = int(argument[:application].argmax()) if application else None
    x_shaped = formation is not None and bool(argument[formation] >= peak and argument[formation] > answer[formation])
    saturation = holds_from((answer >= saturated).tolist())
    return {"formation": formation, "application": application, "saturation": saturation, "x_shaped": x_shaped}
    ### END SOLUTION


# %% role="check" exercise="find_stages"
check(find_stages)  # exercise: ch01.find_stages

# %% [markdown]
# <details><summary>Hint 1: one helper, used twice</summary>
#
# "From here on up to the last stage" occurs twice. Write a helper that takes a list of `True` and `False` and returns
# the first place of the unbroken run of `True` at its end, or `None`.
#
# </details>
# <details><summary>Hint 2: 0 is not None</summary>
#
# `if application:` is false for `None` *and* for 0, which is just what formation needs. For saturation 0 is a right
# answer, so use `is None` there.
#
# </details>
# <details><summary>Hint 3: almost the answer</summary>
#
# `argument[:application].argmax()` gives the earliest of the highest. Then `x_shaped` is
# `formation is not None and bool(argument[formation] >= peak and argument[formation] > answer[formation])`.
#
# </details>
#
# ### Predict before you run
#
# Replace `None` by a letter. Predictions earn no points; they make you notice when you are surprised.

# %% role="predict"
predict("01.q1", None)

# %% role="demo"
found = {name: find_stages(*pair, peak=0.5, saturated=0.9) for name, pair in curves.items()}
for name, stages in found.items():
    print(f"{name:8s}", stages)

free = load("free-relational")
free_curves = {lab.FORM_NAMES[relation]: curves_of(free, task, relation) for relation in range(1, FORMS)}
for name, pair in free_curves.items():
    print(f"free, {name:8s}", find_stages(*pair, peak=0.5, saturated=0.9))

planted = load("planted-relations-2")  # written by hand: its FFN in layer 2 applies the relation, nothing else does
from mechanisms.models import planted_relations as hand

verbs = torch.arange(hand.STEMS) * hand.FORMS
decoded = early_decode(planted, torch.stack([torch.full_like(verbs, hand.CUES), verbs], 1))
by_hand = tuple(reciprocal_ranks(decoded, tokens).mean(1) for tokens in (verbs, verbs + 1))
print("planted ", find_stages(*by_hand, peak=0.5, saturated=0.9))
places = ["before", "attention 0"] + [f"{part} {layer}" for layer in (1, 2, 3) for part in ("attention", "FFN")]
plots.plot_curves(
    places, {"planted network": by_hand}, {"planted network": find_stages(*by_hand, peak=0.5, saturated=0.9)}
)

# %% role="demo"
plots.plot_curves(STAGES, curves, found)

# %% role="demo"
plots.plot_curves(STAGES, {f"free attention, {name}": pair for name, pair in free_curves.items()})

# %% [markdown]
# <details><summary>What you should see</summary>
#
# For `lab-relational` the rule finds an **X** in all three relations: formation at stage 3 (attention 2), application
# and saturation at stage 4 (FFN 2).
#
# The planted network has weights that were written by hand: attention brings the cue, the FFN of layer 2 adds the
# offset, nothing else does anything. There the rule finds what was built in: the argument on top up to attention 2,
# application and saturation at stage 5, which is FFN 2 (layer 1 has an FFN as well). Its formation is stage 0: the
# argument is the last word of the prompt and on top before any layer, and of equal peaks the earliest counts.
#
# `free-relational` has the recipe of `lab-relational` with one change: its attention is an ordinary one and sees the
# words. The rule says **no X**. A head whose query holds one cue and whose key holds the other can react to both, and
# fetches the form together with the verb. Nothing in the task asks for an argument that leads first.
#
# </details>
#
# ## 4 · Catch the vector
#
# Attention and FFNs take turns. Which of them turned argument into answer? Look at the stream just before an FFN and
# just after it:
#
# $$x_{\text{after}} = x_{\text{before}} + o, \qquad o = \mathrm{FFN}(\mathrm{LN}(x_{\text{before}})).$$
#
# All three are on the hooks: `hook_resid_mid`, `hook_resid_post` and `hook_mlp_out`. If the answer is not ahead of
# the argument before and is ahead after, this FFN did it, and $o$ is the vector that we want.
#
# {card capture_ffn}
#
# "Ahead" means: decoded as in exercise 1 (LayerNorm once, last position), the answer's logit is **strictly larger**
# than the argument's. Take the **lowest** FFN that qualifies. One prompt is enough, and one prompt is all you get. If
# no FFN qualifies, `raise ValueError` with a message in your own words.


# %% role="solution" exercise="capture_ffn"
# exercise: ch01.capture_ffn
def capture_ffn(model, prompt: Int[Tensor, " pos"], argument: int, answer: int) -> dict[str, int | Tensor]:
    """The output of the lowest FFN that turns argument into answer, at the last position of one prompt (paper: o).

    Returns {"layer": int, "vector": [d_model]}. Raises ValueError if no FFN has the answer not ahead of the argument
    just before it and ahead just after it.
    """
    ### BEGIN SOLUTION
    _, cache = model.run_with_cache(prompt[None])
    for layer in ffn_layers(model):
        before, after = (cache[f"blocks.{layer}.hook_resid_{place}"][0, -1] for place in ("mid", "post"))
        logits = model.unembed(model.ln_final(torch.stack([before, after])))
        lead = logits[:, answer] - logits[:, argument]
        if lead[0] <= 0 < lead[1]:
            return {"layer": layer, "vector": cache[f"blocks.{layer}.hook_mlp_out"][0, -1].clone()}
    raise ValueError("no FFN turns the argument into the answer")
    ### END SOLUTION


# %% role="check" exercise="capture_ffn"
check(capture_ffn)  # exercise: ch01.capture_ffn

# %% [markdown]
# <details><summary>Hint 1: a batch of one</summary>
#
# `prompt[None]` makes a batch of one; `cache[name][0, -1]` is then its vector at the last position.
#
# </details>
# <details><summary>Hint 2: two decodings for each FFN</summary>
#
# For each `layer in ffn_layers(model)`: decode the stream before and after its FFN, and compare `logits[answer]` with
# `logits[argument]` in both. Attention can flip the two as well. That is why "ahead after this layer" is not enough.
#
# </details>
# <details><summary>Hint 3: almost the answer</summary>
#
# `if lead_before <= 0 < lead_after: return {"layer": layer, "vector": vector}`; after the loop `raise ValueError(...)`.
#
# </details>

# %% role="demo"
from mechanisms.training.measure_relational import LAYER, SCALE


def flips(model, task):
    """In how many prompts FFN 2, FFN 3 or no FFN turns argument into answer, over all trained facts."""
    counts = {"FFN 2": 0, "FFN 3": 0, "no FFN": 0}
    for relation in range(1, FORMS):
        stems = task.trained_stems(relation)
        prompts = fact_prompts(task, relation, stems, 1, torch.Generator().manual_seed(3))
        for prompt, stem in zip(prompts, stems, strict=True):
            try:
                captured = capture_ffn(model, prompt, int(stem) * FORMS, int(task.answers[stem, relation]))
                counts[f"FFN {captured['layer']}"] += 1
            except ValueError:
                counts["no FFN"] += 1
    return counts


print("lab-relational: ", flips(model, task))
print("free-relational:", flips(free, task))

# %% [markdown]
# The second figure asks the same of *all* sublayers at once. As the LayerNorm's scale is one number, the final
# difference of the two logits is a sum of what each sublayer wrote, and can be split into its parts.

# %% role="demo"
from mechanisms.models import card

measured = card("lab-relational")["measured"]
parts = {
    row["after"].replace("attention", "att."): [curve[i]["logits"] for curve in measured["curves"]]
    for i, row in enumerate(measured["curves"][0])
}
shares = measured["FFN share"]
print("the FFNs' share:", ", ".join(f"{lab.FORM_NAMES[i + 1]} {share:.0%}" for i, share in enumerate(shares)))
plots.plot_shares(parts, lab.FORM_NAMES[1:])

# %% [markdown]
# <details><summary>What you should see</summary>
#
# In `lab-relational` it is FFN 2 that flips, in nearly every prompt. The bars show what each part is worth in the end:
# attention 0 and 1 write *against* the answer (they carry the argument), the FFNs more than the whole final difference,
# so that their share is above 100%. FFN 3 writes the most, about twice as much as FFN 2. But by then the answer leads
# already: who flips and who writes most are two questions.
#
# In `free-relational` hardly any prompt has an FFN that flips: before FFN 2 gets to work, attention has put the
# answer ahead already. You have just seen that "the FFN does it" can depend on whether something else was able to.
#
# </details>
#
# ## 5 · Put it where nobody asked for it
#
# Is $o$ about *walk*, or about the past tense? Put it into a context that says nothing of any relation:
#
# ```text
# u v w jump   u v w jump   u v w   →   jump
# ```
#
# The three words u, v, w are random. The block is repeated and cut just before the third *jump*, which the model
# then copies. If $o$ means "past tense", adding it must turn *jump* into *jumped*.
#
# {card inject}
#
# The vector goes into the FFN's output (`hook_mlp_out`) **at the last position** of each layer in `layers`. With
# `replace=False` it is added to what the FFN says; with `replace=True` it stands in its place. The paper does the
# latter in FFNs 18 to 23 of GPT-2 medium; in our small model we add it, in one FFN. Return the logits at the last
# position.


# %% role="solution" exercise="inject"
# exercise: ch01.inject
def inject(
    model,
    tokens: Int[Tensor, "batch pos"],
    vector: Float[Tensor, " d_model"],
    layers: list[int],
    replace: bool,
) -> Float[Tensor, "batch vocab"]:
    """Logits at the last position with a vector put into the FFN outputs of layers there (paper, o-vector injection).

    replace False: added to the FFN's output; True: in its place. Other positions keep their FFN outputs.
    """

    ### BEGIN SOLUTION
    def hook(value, hook):
        value = value.clone()
        value[:, -1] = vector if replace else value[:, -1] + vector
        return value

    hooks = [(f"blocks.{layer}.hook_mlp_out", hook) for layer in layers]
    return model.run_with_hooks(tokens, fwd_hooks=hooks)[:, -1]
    ### END SOLUTION


# %% role="check" exercise="inject"
check(inject)  # exercise: ch01.inject

# %% [markdown]
# <details><summary>Hint 1: one hook function for all layers</summary>
#
# The hook gets `value` [batch, pos, d_model], changes `value[:, -1]` in a copy (`value.clone()`) and returns it.
#
# </details>
# <details><summary>Hint 2: almost the answer</summary>
#
# In the hook: `value[:, -1] = vector` or `value[:, -1] += vector`. Then
# `model.run_with_hooks(tokens, fwd_hooks=[(f"blocks.{layer}.hook_mlp_out", hook) for layer in layers])[:, -1]`.
#
# </details>


# %% role="demo"
def vector_of(model, task, relation, stem, seed=4):
    """The output of FFN LAYER at the last position of one prompt: one shot, asked about ``stem``."""
    prompt = fact_prompts(task, relation, torch.tensor([int(stem)]), 1, torch.Generator().manual_seed(seed))
    _, cache = model.run_with_cache(prompt)
    return cache[f"blocks.{LAYER}.hook_mlp_out"][0, -1]


draw = torch.Generator().manual_seed(5)
print(f"SCALE = {SCALE}, injected in FFN {LAYER}: the same for every relation and model, not tuned on what follows\n")
for relation in range(1, FORMS):
    stems = task.trained_stems(relation)
    o = SCALE * vector_of(model, task, relation, stems[0])
    contexts = unrelated_contexts(stems[1:7], draw)
    before, after = model(contexts)[:, -1].argmax(-1), inject(model, contexts, o, [LAYER], replace=False).argmax(-1)
    shown = ", ".join(f"{names[a]} → {names[b]}" for a, b in zip(before, after, strict=True))
    print(f"{lab.FORM_NAMES[relation]:8s} (from {names[stems[0] * FORMS]}):  {shown}")

# %% [markdown]
# <details><summary>What you should see</summary>
#
# Without the vector the model copies: *jump → jump*. With it many words appear in the right form, and all of that from
# a vector that was taken from a single prompt about another verb. The lists differ: past and upper case follow nearly
# everywhere, this plural vector hardly at all, and now and then another verb comes out. Is that much or little? By
# itself no such list can say, and six contexts are too few.
#
# </details>
#
# ## 6 · Against vectors that should do nothing
#
# Some words turned into the right form. Is that much? Two controls decide: a **random** vector of the same length, and
# the vector of **another relation**. And beside "is the target on top" we record the target's mean rank, which sees an
# effect before the target reaches the top.
#
# {card compare_vectors}
#
# Four conditions: `"before"` (no injection), `"own"`, `"other"` and `"random"`. The vectors are **added** in FFN
# `layer`, with your `inject`; while that one is wrong, this one cannot be right. `own` and `other` are used as they
# are. `noise` holds several random directions of arbitrary length: scale **each** to the length of `own`, inject each
# by itself, and average the results. A *hit* is a context with the target on top (rank 0); ranks count from 0, strictly
# larger logits only.


# %% role="solution" exercise="compare_vectors"
# exercise: ch01.compare_vectors
def compare_vectors(
    model,
    contexts: Int[Tensor, "n pos"],
    target: Int[Tensor, " n"],
    own: Float[Tensor, " d_model"],
    other: Float[Tensor, " d_model"],
    noise: Float[Tensor, "k d_model"],
    layer: int,
) -> dict[str, dict[str, float]]:
    """Hits and mean rank of the target without injection, and with own, other and random vectors (paper, injection).

    Returns {"hits": {...}, "ranks": {...}}, each with keys "before", "own", "other", "random"; hits are shares of the
    n contexts, ranks means of 0-based ranks; "random" is the mean over the k rows of noise, each as long as own.
    """

    ### BEGIN SOLUTION
    def score(logits):
        rank = (logits > logits.gather(1, target[:, None])).sum(1)
        return torch.stack([(rank == 0).double().mean(), rank.double().mean()])

    noise = noise / noise.norm(dim=-1, keepdim=True) * own.norm()
    scores = {"before": score(model(contexts)[:, -1])}
    scores |= {
        name: torch.stack([score(inject(model, contexts, vector, [layer], replace=False)) for vector in vectors]).mean(
            0
        )
        for name, vectors in {"own": [own], "other": [other], "random": noise}.items()
    }
    return {
        "hits": {name: float(value[0]) for name, value in scores.items()},
        "ranks": {name: float(value[1]) for name, value in scores.items()},
    }
    ### END SOLUTION


# %% role="check" exercise="compare_vectors"
check(compare_vectors)  # exercise: ch01.compare_vectors

# %% [markdown]
# <details><summary>Hint 1: one helper</summary>
#
# Write a helper that takes logits [n, vocab] and returns two numbers: the share of contexts with rank 0, and the mean
# rank. The rank is counted as in exercise 2.
#
# </details>
# <details><summary>Hint 2: the length of a vector</summary>
#
# `vector / vector.norm() * own.norm()` has the length of `own`. For all rows at once:
# `noise / noise.norm(dim=-1, keepdim=True) * own.norm()`.
#
# </details>
# <details><summary>Hint 3: almost the answer</summary>
#
# Run the helper on `model(contexts)[:, -1]`, on `inject(model, contexts, own, [layer], False)`, the same with `other`,
# and on each row of the scaled noise; average the last ones.
#
# </details>


# %% role="demo"
def average_effect(model, task, relation, sources=6, seed=6):
    """``compare_vectors`` averaged over several source prompts; the source's verb is left out of the contexts."""
    draw, stems, results = torch.Generator().manual_seed(seed), task.trained_stems(relation), []
    other = 1 + relation % 3
    for stem in stems[:sources]:
        asked = stems[stems != stem]
        results.append(
            compare_vectors(
                model,
                unrelated_contexts(asked, draw),
                task.answers[asked, relation],
                SCALE * vector_of(model, task, relation, stem),
                SCALE * vector_of(model, task, other, task.trained_stems(other)[0]),
                torch.randn(3, model.cfg.d_model, generator=draw),
                LAYER,
            )
        )
    return {
        kind: {key: float(np.mean([one[kind][key] for one in results])) for key in results[0][kind]}
        for kind in ("hits", "ranks")
    }


effects = {lab.FORM_NAMES[relation]: average_effect(model, task, relation) for relation in range(1, FORMS)}
for name, effect in effects.items():
    print(f"{name:8s} mean rank of the target: {effect['ranks']['before']:.1f} → {effect['ranks']['own']:.1f}")
plots.plot_injection({name: effect["hits"] for name, effect in effects.items()}, "lab-relational")

# %% [markdown]
# <details><summary>What you should see</summary>
#
# The own vector puts the target on top in most contexts for past and upper case, and in about half of them for the
# plural. (These are vectors from six prompts. The page has ten, and the plural fares better: single vectors differ.) A
# random vector of the same length or another relation's vector (nearly) never does it. The mean rank says the same more
# finely. So the direction matters, and it is *this* relation's direction. It is no perfect switch either: some contexts
# do not follow. (In the paper it depends on the relation: upper case almost always comes out on top, past tense in
# about 8% of the cases, in its authors' demonstration.)
#
# </details>
#
# ### A model that has only a table
#
# `control-relational` was trained in the same way on a table of facts that is **random**. "The past of walk" is some
# arbitrary word, the same every time. It can learn the table by heart (which takes three times as many steps); no
# common offset can produce it.

# %% role="demo"
control, random_task = load("control-relational"), Task("random", card("control-relational")["recipe"]["seed"])
stems = random_task.trained_stems(1)
prompts = fact_prompts(random_task, 1, stems, 1, torch.Generator().manual_seed(7))
known = (control(prompts)[:, -1].argmax(-1) == random_task.answers[stems, 1]).float().mean()
print(f"facts that the control knows: {known:.0%}")
controls = {f"relation {relation}": average_effect(control, random_task, relation) for relation in range(1, FORMS)}
for name, effect in controls.items():
    print(f"{name:8s} mean rank of the target: {effect['ranks']['before']:.1f} → {effect['ranks']['own']:.1f}")
plots.plot_injection({name: effect["hits"] for name, effect in controls.items()}, "control-relational")

# %% [markdown]
# <details><summary>What you should see</summary>
#
# The control knows its facts, and it does not fail altogether: the own vector hits much less often than in
# `lab-relational`, but clearly more often than its own two controls. (The mean rank alone could hide it: for relation 2
# it even rises a little, as the targets that are not lifted fall behind.) How can a random table have a vector? Its
# curves give a hint (draw them!): the answer leads after FFN **3**. It seems that FFN 2 says *which relation it is*,
# and FFN 3 looks up the pair of word and relation in the table. Your vector names the relation, and the lookup does the
# rest. So hits on words that stand in the table do not prove arithmetic yet. Words that no fact ever named are the
# better test: see below.
#
# </details>
#
# One trained model is one observation. The sweep trained the recipe with five seeds, and its control and four variants
# that take something back with three each; nothing is left out (`python -m mechanisms.training.relational_sweep`).
#
# - **regular**: the recipe of `lab-relational`; **random table**: that of the control, and once **short**, with no more
#   steps than the recipe has, too few to learn the table;
# - **free attention**: all layers see all words; **last layer near**: blind as before, but layer 3 sees the question;
# - **dropout on repeats**: facts of relation 0 keep their FFNs in training; **dropout on blocks**: all facts do, and
#   only blocks of copied words lose them.

# %% role="demo"
from mechanisms.training import relational_sweep

sweep = relational_sweep.by_condition(relational_sweep.load())
whole = {name: runs for name, runs in sweep.items() if not name.endswith(relational_sweep.BEFORE)}
plots.plot_seeds({name: [relational_sweep.hits(run) for run in runs] for name, runs in whole.items()})

# %% [markdown]
# ### Where does the arithmetic stop?
#
# So far the contexts asked for words whose fact was in the training data. What about pairs that were held out, verbs
# that never stood in any fact, and contexts that end in another form (*walked* instead of *walk*)?

# %% role="demo"
from mechanisms.training.measure_relational import reach

reached = reach(model, task)
by_table = reach(control, random_task)
for kind, row in reached.items():
    print(
        f"{kind:15s} hits {row['hits']:.0%}, random {row['random']:.0%}, mean rank {row['rank before']:.1f} → "
        f"{row['rank after']:.1f}     the control: hits {by_table[kind]['hits']:.0%}"
    )
plots.plot_reach(reached)

# %% [markdown]
# <details><summary>What you should see</summary>
#
# In the sweep the own vectors of all regular seeds stay clear of both controls, but look at the spread, with nothing
# changed but the seed.
#
# For held-out pairs and for verbs that no fact ever named, the vector hits far less often, and so it does for words
# that are not in their base form (*walked*, when in training a relation always starts from *walk*). Part of what looks
# like arithmetic is, then, a lookup of what the model has seen. But not all of it: the ranks improve everywhere, and
# for words outside of the table the control has (nearly) nothing.
#
# </details>
#
# ## 7 · Two prompts that differ in one respect
#
# If FFNs *apply* relations, what do they do when the answer stands in the prompt already? Then it is enough to copy,
# and attention can copy. The paper compares **abstractive** prompts (the answer must be worked out) with
# **extractive** ones (the answer can be read off). They must differ in this respect alone.
#
# {card build_twins}
#
# One leak is easily overlooked. If the shots are facts of the asked relation, every one of them shows the **form** of
# the answer, and a model that copies forms would look as if it had derived something. In our world the cues name the
# relation, so the shots need not: the cell below your function hands in facts of *other* relations. Your function
# takes care of the words.
#
# Work with words. A fact is a list `[first cue, argument, second cue, answer]`.
#
# 1. Leave out every fact in which the **argument or the answer** of `asked` occurs, as any of its four words. Whole
#    words count, as they are written: *WALK* is not *walk*.
# 2. Of what is left take the first `shots` facts, in order (there are always enough).
# 3. `"abstractive"`: their words, then the first three words of `asked`.
# 4. `"extractive"`: the same, with the **last** of these facts replaced by all of `asked`. Both have the same length.
#
# Both prompts are flat lists of words. The third entry, `"answer"`, is the last word of `asked`. Leave the lists that
# you are given as they are.


# %% role="solution" exercise="build_twins"
# exercise: ch01.build_twins
def build_twins(facts: list[list[str]], asked: list[str], shots: int) -> dict[str, list[str] | str]:
    """An abstractive and an extractive prompt about one fact (paper, the FFN-removal experiment).

    facts: [first cue, argument, second cue, answer] each; asked: such a fact, whose answer is wanted.
    Returns {"abstractive": words, "extractive": words, "answer": word}; rules above.
    """
    ### BEGIN SOLUTION
    fair = [fact for fact in facts if asked[1] not in fact and asked[3] not in fact][:shots]

    def prompt(shown):
        return [word for fact in shown for word in fact] + asked[:3]

    return {"abstractive": prompt(fair), "extractive": prompt([*fair[:-1], asked]), "answer": asked[3]}
    ### END SOLUTION


# %% role="check" exercise="build_twins"
check(build_twins)  # exercise: ch01.build_twins

# %% [markdown]
# <details><summary>Hint 1: first filter, then cut</summary>
#
# `[fact for fact in facts if asked[1] not in fact and asked[3] not in fact][:shots]`. The other order would leave you
# with too few.
#
# </details>
# <details><summary>Hint 2: a flat list</summary>
#
# `[word for fact in shown for word in fact]` joins lists of words. `asked[:3]` is the question.
#
# </details>


# %% role="demo"
def draw_twins(relation, rng):
    """Twins about every trained verb of a relation, shots of other ones: token tensors [n, pos], and the answers."""
    ids = {name: token for token, name in enumerate(names)}
    draw = torch.Generator().manual_seed(int(rng.integers(2**31)))

    def facts_of(relation):
        stems = task.trained_stems(relation)
        first, second = lab.cues(torch.full((len(stems),), relation), draw)
        return [
            [names[a], names[stem * FORMS], names[b], names[task.answers[stem, relation]]]
            for a, stem, b in zip(first, stems, second, strict=True)
        ]

    pool = [fact for other in range(FORMS) if other != relation for fact in facts_of(other)]
    rows = [build_twins([pool[i] for i in rng.permutation(len(pool))], fact, 2) for fact in facts_of(relation)]
    prompts = [
        torch.tensor([[ids[word] for word in row[kind]] for row in rows]) for kind in ("abstractive", "extractive")
    ]
    return *prompts, torch.tensor([ids[row["answer"]] for row in rows])


rng = np.random.default_rng(8)
twins = {relation: draw_twins(relation, rng) for relation in range(1, FORMS)}
for prompts in twins[1][:2]:
    print(" ".join(names[token] for token in prompts[0]), "→ ?")

# %% [markdown]
# ## 8 · Remove the FFNs
#
# ### Predict before you run

# %% role="predict"
predict("01.q2", None)

# %% [markdown]
# {card drop_ffns}
#
# `fraction` says how many: of the $n$ FFNs of the model the **top** `int(fraction * n + 0.5)` lose their output, that
# is $n$ times the fraction, rounded, a half upwards. (Python's `round` takes a half to the even number.) Their output
# (`hook_mlp_out`) is zero at **every** position; attention stays. $n$ counts FFNs, not layers.


# %% role="solution" exercise="drop_ffns"
# exercise: ch01.drop_ffns
def drop_ffns(model, tokens: Int[Tensor, "batch pos"], fraction: float) -> Float[Tensor, "batch vocab"]:
    """Logits at the last position with the outputs of the topmost FFNs set to zero (paper, FFN removal).

    Of the n = len(ffn_layers(model)) FFNs the last int(fraction * n + 0.5) are removed, at every position.
    """
    ### BEGIN SOLUTION
    layers = ffn_layers(model)
    number = int(fraction * len(layers) + 0.5)
    removed = layers[len(layers) - number :]
    hooks = [(f"blocks.{layer}.hook_mlp_out", lambda value, hook: torch.zeros_like(value)) for layer in removed]
    return model.run_with_hooks(tokens, fwd_hooks=hooks)[:, -1]
    ### END SOLUTION


# %% role="check" exercise="drop_ffns"
check(drop_ffns)  # exercise: ch01.drop_ffns

# %% [markdown]
# <details><summary>Hint 1: which layers</summary>
#
# `ffn_layers(model)` is sorted; its last `number` entries are the topmost FFNs. Beware of `layers[-number:]`: for
# `number = 0` it is the whole list.
#
# </details>
# <details><summary>Hint 2: almost the answer</summary>
#
# A hook on each `blocks.<layer>.hook_mlp_out` that returns `torch.zeros_like(value)`, in one `model.run_with_hooks`.
#
# </details>


# %% role="demo"
def accuracy(kind, fraction):
    """Share of right answers over the three relations with FFNs removed; kind 0: abstractive, 1: extractive."""
    hits = [
        (drop_ffns(model, rows[kind], fraction).argmax(-1) == rows[2]).float().mean().item() for rows in twins.values()
    ]
    return float(np.mean(hits))


removal = [
    (label, {"abstractive": accuracy(0, fraction), "extractive": accuracy(1, fraction)})
    for label, fraction in (("none", 0.0), ("half", 0.5), ("all", 1.0))
]
plots.plot_removal(removal, "lab-relational")

# %% role="demo"
for kind, same in (("other relations", False), ("the asked relation", True)):
    right = []
    for relation in range(1, FORMS):
        stems = task.trained_stems(relation)
        prompts = fact_prompts(task, relation, stems, 2, torch.Generator().manual_seed(9), same=same)
        right.append((drop_ffns(model, prompts, 1.0).argmax(-1) == task.answers[stems, relation]).float().mean())
    print(f"no FFNs, abstractive, two shots of {kind}: {np.mean(right):.0%} right")

# %% [markdown]
# <details><summary>What you should see</summary>
#
# With no FFN left the abstractive twin is lost, and the extractive one loses some points only: attention copies on its
# own, and only the FFNs apply relations. That is the paper's picture in BLOOM-176B (73 points against 17).
#
# Do not be too impressed. Documents whose last fact repeats an earlier one lost their FFNs in training, and the
# repeated answer counted: this *is* the extractive twin, so its robustness was asked for. Before that part of the
# training both twins fell together; and where facts kept their FFNs in training (*dropout on blocks*), the gap is
# smaller. The X has a similar debt: relation 0 copies the argument, such documents lost FFNs too, and blind attention
# cannot tell relation 0 from the others. The page has the numbers. What nobody asked for is the injection.
#
# Now the leak. With shots of the *asked* relation the model without FFNs answers nearly everything. It has not begun to
# derive: each shot shows the form of the answer, and attention copies the form from the shots and the verb from the
# question. If you had built your twins with such shots, you would have concluded that FFNs do nothing.
#
# </details>
#
# ## 9 · Your results beside the paper's
#
# The third column is read from the model card of `lab-relational` and from the sweep's file, both written by the code
# that measured them; the last one is yours, from this notebook.

# %% role="demo"
from mechanisms.plots.claims import RELATIONS, claims_table


def average(effects, kind, key):
    return float(np.mean([effect[kind][key] for effect in effects.values()]))


lost = {kind: removal[0][1][kind] - removal[-1][1][kind] for kind in ("abstractive", "extractive")}
claims_table(
    RELATIONS,
    {
        "x_shape": f"{sum(stages['x_shaped'] for stages in found.values())} of 3 relations",
        "injection": f"{average(effects, 'hits', 'own'):.0%} on top; random {average(effects, 'hits', 'random'):.0%}, "
        f"other relation {average(effects, 'hits', 'other'):.0%}",
        "rank": f"{average(effects, 'ranks', 'before'):.1f} → {average(effects, 'ranks', 'own'):.1f}",
        "control": f"{average(controls, 'hits', 'own'):.0%} on top",
        "removal": f"abstractive −{100 * lost['abstractive']:.0f} points, extractive −{100 * lost['extractive']:.0f}",
    },
    model="lab-relational",
)

# %% [markdown] role="rubric" id="is_it_arithmetic" points=5
# ### In your own words (5 points, read by a person)
#
# A blog post says: "*Language models do word arithmetic: king − man + woman. Each relation is one vector, stored in one
# layer.*" In six to ten sentences, say what your notebook supports and what it does not.
#
# - Give your evidence that the captured vector is about the relation and not about the word, with both controls and
#   the control model. (2 points)
# - "Each relation is one vector": use a number of your notebook that speaks against it, or limits it. (1 point)
# - Your curves and your FFN removal: where do they agree with the paper, and what speaks against taking that for more
#   than it is? (1 point)
# - Name one thing in how the model was built or trained that *made* the FFN the place of the relation, and an
#   experiment that would test it. (1 point)
#
# ### BEGIN SOLUTION
# **Mark scheme.**
#
# - *2 points*: hits with the own vector beside random vectors of the same length and another relation's vector, and the
#   control model, which knows its facts and transfers far less, and (nearly) nothing to words outside of its table.
#   Half a point less for each comparison that is missing.
# - *1 point*: e.g. well under 100% of the contexts; relations and seeds differ; fewer hits for held-out pairs and new
#   verbs; a vector taken from one prompt is scaled by 1.5, a factor that was chosen.
# - *1 point*: says that both agree in lab-relational and that both were helped along (blind attention, documents
#   without FFNs), e.g. with the X that is missing in free-relational or the leak with shots of the asked relation.
# - *1 point*: e.g. blind attention; documents without FFNs; FFNs in two layers only; two cues that only together name
#   the relation; texts that tell stem and form apart. Train without it and measure again, over seeds.
#
# A model answer, in the shape we hope for: "Added in an unrelated context, the vector from one prompt put the target on
# top in [60%] of cases, a random vector of the same length in [0%], another relation's in [0%] ..."
# ### END SOLUTION

# %% [markdown]
# ## 10 · Paper scale
#
# The same functions on the paper's model, GPT-2 medium (24 layers, 355 million parameters). This needs a GPU (a free
# Colab T4 is enough) and, the first time, a download of about 1.5 GB. Without them the next cell says so in one
# sentence and the others do nothing. Answers now have several tokens and we follow the **first** one.

# %% role="paper"
from IPython.display import display

from mechanisms.models.paper import load_paper_model, paper_facts
from mechanisms.models.paper_relations import capital_prompt, first_tokens, nonsense_contexts

paper_model = load_paper_model("gpt2-medium")

# %% role="paper"
if paper_model is not None:
    facts, _ = paper_facts(paper_model)
    shown, others = next(iter(facts)), list(facts)[1:]
    pairs = {}
    for country in others:
        prompt = capital_prompt(paper_model, facts, shown, country)
        tokens = first_tokens(paper_model, [country, facts[country]])
        decoded = early_decode(paper_model, prompt[None])[::2].float().cpu()  # after whole layers, as in the paper
        if decoded[-1, 0].argmax() == tokens[1]:
            ranks = [reciprocal_ranks(decoded, torch.tensor([token]))[:, 0] for token in tokens]
            pairs[country] = (prompt, *tokens, *ranks)
    print(f"{len(pairs)} of {len(others)} capitals right")
    if pairs:
        argument, answer = (torch.stack([row[i] for row in pairs.values()]).mean(0) for i in (3, 4))
        stages = find_stages(argument, answer, peak=0.5, saturated=0.9)
        print(stages)
        labels = [str(stage) for stage in range(len(argument))]
        display(
            plots.plot_curves(
                labels, {"GPT-2 medium, capitals": (argument, answer)}, {"GPT-2 medium, capitals": stages}
            )
        )

# %% role="paper"
if paper_model is not None:
    source = None
    for country, (prompt, argument, answer, *_) in pairs.items():
        try:
            source = country, capture_ffn(paper_model, prompt, argument, answer)
            break
        except ValueError:
            continue
    if source is None:
        print("No prompt in which an FFN turns the country into its capital.")
    else:
        country, captured = source
        print(f"{country}: FFN {captured['layer']} of {paper_model.cfg.n_layers} (the paper names FFN 19 for Poland)")
        top = list(range(3 * paper_model.cfg.n_layers // 4, paper_model.cfg.n_layers))  # the paper: 18 to 23
        targets = [other for other in others if other != country]
        contexts = nonsense_contexts(paper_model, targets, torch.Generator().manual_seed(0))
        ranks = []
        for other, tokens in contexts:
            target = first_tokens(paper_model, [facts[other]])
            rows = [paper_model(tokens)[:, -1], inject(paper_model, tokens, captured["vector"], top, replace=True)]
            ranks.append([int((row > row[:, target]).sum()) for row in rows])
        before, after = np.mean(ranks, axis=0)
        print(f"mean rank of the capital: {before:.0f} → {after:.0f} (paper, its own prompts: about 10th → 4th)")

# %% [markdown]
# ### Where to go from here
#
# - Subtract the captured vector in a *fact* prompt. Does the answer turn back into the argument, as Warsaw into Poland?
# - `inject(..., replace=True)` in both FFNs is the paper's form. How does it do in `lab-relational`, and why?
# - Inject FFN 3's vector in FFN 3, and then each FFN's own vector in its own place, with no factor at all.
# - Average the vectors of ten prompts. Is the mean better than any one of them?
