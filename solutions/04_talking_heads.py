"""Chapter 04, talking heads: the source of the exercise notebook, solutions included.

- seven exercises take the reader from the components of one head, over scores of weights, to what they predict;
- a planted conversation comes first, whose truth is known; then lab-list, built so that heads must talk; then lab-lm;
- nothing here names a head that matters: the notebook finds what it needs.
"""

# %% [markdown]
# # 04 · Talking heads: who writes what, and who reads it
#
# The heads of a transformer do not call one another. They share one large blackboard, the **residual stream**: a head
# adds a vector, a later head reads the sum. If two heads are to talk, the one must write where the other reads.
# Merullo, Eickhoff and Pavlick (*Talking Heads: Understanding Inter-layer Communication in Transformer Language
# Models*, NeurIPS 2024) say that they do so through **channels** of very low rank, that the channels can be found from
# the *weights alone* once a head has been taken apart by a singular value decomposition, and that editing a channel
# changes what the model can do.
#
# That is a strong claim, and you will test it fairly: where the truth is known, where it should hold, and where it may
# not. By the end you can
#
# - take a head's output apart into components without ever decomposing a large matrix;
# - score from weights how heads compose, whole or by component, and say how such a score misleads;
# - silence one component in the weights, and show that this equals an intervention on activations;
# - hold a score from weights against a measured effect, beside the baseline that costs nothing;
# - turn an attention head like a knob, and say which controls such a demonstration needs.
#
# **Seven exercises, about 85 minutes, 40 points**, and one question for a human reader (5 points). Below every exercise
# stands a `check(...)` line. Run it as often as you like: it tells you which case failed and, often, why. Hints are
# folded, from a nudge to almost the answer. The chapter's page in the book tells the story and the mathematics.

# %% [markdown]
# ## Setup
#
# Run this first. Everything that your own functions may use is imported here.

# %% role="setup"
import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mechanisms import check, predict
from mechanisms.data import missing_item as lab
from mechanisms.data.missing_item import Task
from mechanisms.models import load

torch.set_num_threads(1)  # the models are so small that a second thread would mostly wait for the first
task = Task()  # laundry lists: 60 things, lists of up to 12, in training up to 8

# %% [markdown]
# ## 1 · A head, taken apart
#
# **Conventions for the whole notebook.** Vectors are *rows*. A head has $W_Q, W_K, W_V$ of shape [d_model, d_head] and
# $W_O$ of shape [d_head, d_model]. From a source position with residual stream $x$ it carries
#
# $$x \;\mapsto\; x\, W_V W_O = x\, W_{OV},$$
#
# and a destination $x$ scores a source $y$ by $x\, W_Q W_K^\top y^\top = x\, W_{QK}\, y^\top$. (We leave biases and the
# factor $1/\sqrt{d_\text{head}}$ out.) Both products are d_model × d_model, and both have a rank of at most d_head.
#
# The **singular value decomposition** writes $W_{OV}$ as a sum of rank-one matrices,
#
# $$W_{OV} = \sum_{i=1}^{d_\text{head}} s_i\, r_i^\top w_i .$$
#
# Component $i$ **reads** along the unit row vector $r_i$, has the **strength** $s_i$ (the singular value), and
# **writes** along the unit row vector $w_i$: its output is $(x \cdot r_i)\, s_i\, w_i$.
#
# A d_model × d_model decomposition would be a waste: of its singular values all but d_head are zero. Its work grows as
# d_model³, that of a thin one as d_model · d_head², which is 144 times less for 768 and 64 dimensions (the clock shows
# a part of that), and the reads and writes of the zeros mean nothing. So: $W_V = Q R$ by a *QR decomposition*, where
# $Q$ [d_model, d_head] has orthonormal columns and $R$ is d_head × d_head, and then the **thin** SVD of the small
# $R\,W_O$ [d_head, d_model].
#
# {card ov_components}
#
# The order is that of `torch.linalg.svd`: strongest first. Signs are free (a read and its write may both be turned
# round together), and the check knows that. It also watches whether you decompose a large matrix.


# %% role="solution" exercise="ov_components"
# exercise: ch04.ov_components
def ov_components(
    W_V: Float[Tensor, "d_model d_head"], W_O: Float[Tensor, "d_head d_model"]
) -> dict[str, Float[Tensor, "..."]]:
    """The rank-one components of a head's W_OV = W_V @ W_O, strongest first (paper, decomposition of W_OV).

    Returns {"reads": [d_head, d_model], unit rows; "strengths": [d_head], the singular values; "writes": [d_head,
    d_model], unit rows}, so that the sum over i of strengths[i] * outer(reads[i], writes[i]) is W_OV.
    No matrix larger than d_head x d_model is decomposed.
    """
    ### BEGIN SOLUTION
    Q, R = torch.linalg.qr(W_V)
    U, S, writes = torch.linalg.svd(R @ W_O, full_matrices=False)
    return {"reads": (Q @ U).T, "strengths": S, "writes": writes}
    ### END SOLUTION


# %% role="check" exercise="ov_components"
check(ov_components)  # exercise: ch04.ov_components

# %% [markdown]
# <details><summary>Hint 1: where to start</summary>
#
# `torch.linalg.qr(W_V)` gives the two factors of $W_V$. Then $W_V W_O = Q\,(R\,W_O)$.
#
# </details>
# <details><summary>Hint 2: the small decomposition</summary>
#
# `U, S, Vh = torch.linalg.svd(R @ W_O, full_matrices=False)`. Without `full_matrices=False` the routine makes a
# d_model × d_model matrix after all.
#
# </details>
# <details><summary>Hint 3: almost the answer</summary>
#
# $W_{OV} = (Q U)\, S\, V^h$. The columns of $Q U$ are the reads, so transpose them; the rows of `Vh` are the writes.
#
# </details>
#
# Three heads, written into weights by hand. A **writer** and a **loud** head sit in an early layer, a **reader** in a
# later one. You will find out who talks to whom.

# %% role="demo"
from mechanisms.models.planted_channel import plant
from mechanisms.plots import talking_heads as plots

planted = plant(seed=0)
parts = {name: ov_components(planted.heads[name]["W_V"], planted.heads[name]["W_O"]) for name in ("writer", "loud")}
plots.plot_strengths(
    {name: found["strengths"].tolist() for name, found in parts.items()}, "Two heads of an early layer"
)

# %% [markdown]
# <details><summary>What you should see</summary>
#
# Eight components for each head. The loud head's are all of strength 1. The writer has seven of about that strength,
# and one that is ten times weaker. If you had to bet from this figure which component matters to somebody, you would
# hardly bet on that one.
#
# </details>
#
# ## 2 · Scores of whole heads
#
# How well does what head A writes fit what head B reads? Elhage and others (2021) multiply the two matrices and ask how
# large the product is, compared with its factors, in the **Frobenius norm** $\|M\|_F = \sqrt{\sum_{ij} M_{ij}^2}$:
#
# $$\mathrm{CS}(A \to B) = \frac{\|W_{OV}^A\, M^B\|_F}{\|W_{OV}^A\|_F\; \|M^B\|_F},
# \qquad M^B = \begin{cases}
# W_Q W_K^\top & \text{"q": B's query reads it (A writes at the destination)}\\
# W_K W_Q^\top & \text{"k": B's key reads it (A writes at the source)}\\
# W_V W_O & \text{"v": B's value reads it}
# \end{cases}$$
#
# A row that A has written meets $M^B$ from the left. That decides about the transpose: a query stands on the left of
# $W_{QK}$, a key on its right.
#
# ### Predict before you run
#
# Replace `None` by a letter. Predictions earn no points; they make you notice when you are surprised.

# %% role="predict"
predict("04.q1", None)

# %% [markdown]
# {card composition_score}
#
# `writer` and `reader` are dictionaries with the four weight matrices of a head.


# %% role="solution" exercise="composition_score"
# exercise: ch04.composition_score
def composition_score(kind: str, writer: dict[str, Tensor], reader: dict[str, Tensor]) -> float:
    """Composition score of two whole heads (Elhage et al. 2021; the paper starts from it).

    kind: "q", "k" or "v", which input of the reader is meant. writer, reader: "W_Q", "W_K", "W_V" [d_model, d_head] and
    "W_O" [d_head, d_model]. Returns ||W_OV M||_F / (||W_OV||_F ||M||_F), from 0 to 1.
    """
    ### BEGIN SOLUTION
    writes = writer["W_V"] @ writer["W_O"]
    qk = reader["W_Q"] @ reader["W_K"].T
    reads = {"q": qk, "k": qk.T, "v": reader["W_V"] @ reader["W_O"]}[kind]
    return ((writes @ reads).norm() / writes.norm() / reads.norm()).item()
    ### END SOLUTION


# %% role="check" exercise="composition_score"
check(composition_score)  # exercise: ch04.composition_score

# %% [markdown]
# <details><summary>Hint 1: where to start</summary>
#
# Make the writer's $W_{OV}$ and the reader's $M$ as two d_model × d_model matrices; multiplying is cheap.
# `tensor.norm()` of a matrix is the Frobenius norm.
#
# </details>
# <details><summary>Hint 2: which transpose?</summary>
#
# $(W_Q W_K^\top)^\top = W_K W_Q^\top$. For "q" the first, for "k" the second.
#
# </details>
# <details><summary>Hint 3: almost the answer</summary>
#
# `(writes @ reads).norm() / writes.norm() / reads.norm()`, and `.item()` makes a Python float.
#
# </details>
#
# ## 3 · Scores of components
#
# Put a single component into the formula. Its matrix is $s\, r^\top w$, and with $\|r^\top v\|_F = \|r\|\,\|v\|$
#
# $$\mathrm{CS} = \frac{\| s\, r^\top (w M)\|_F}{\| s\, r^\top w\|_F\; \|M\|_F} = \frac{\|w M\|}{\|w\|\;\|M\|_F} .$$
#
# The singular value is gone, and so is what the component reads. All that counts is the direction in which it writes.
# The most that a direction can score with a reader is the largest singular value of $M$ divided by $\|M\|_F$. That is 1
# only for a reader that listens to a single direction, so compare scores with one another and not with 1.
#
# {card component_scores}
#
# `writes` holds one row for each component. Rows of any length are allowed (not only unit rows), and the score of `3 *
# w` is the score of `w`.


# %% role="solution" exercise="component_scores"
# exercise: ch04.component_scores
def component_scores(kind: str, writes: Float[Tensor, "k d_model"], reader: dict[str, Tensor]) -> Float[Tensor, " k"]:
    """Composition scores of single components with a reading head (paper, score of a component).

    kind: "q", "k" or "v". writes: one direction per row, of any length. reader: the weights of a head.
    Returns ||w M|| / (||w|| ||M||_F) for every row w.
    """
    ### BEGIN SOLUTION
    qk = reader["W_Q"] @ reader["W_K"].T
    reads = {"q": qk, "k": qk.T, "v": reader["W_V"] @ reader["W_O"]}[kind]
    return (writes @ reads).norm(dim=1) / writes.norm(dim=1) / reads.norm()
    ### END SOLUTION


# %% role="check" exercise="component_scores"
check(component_scores)  # exercise: ch04.component_scores

# %% [markdown]
# <details><summary>Hint 1: where to start</summary>
#
# The same $M$ as in exercise 2. All rows at once: `writes @ reads` has one row for each component.
#
# </details>
# <details><summary>Hint 2: almost the answer</summary>
#
# `.norm(dim=1)` takes the length of each row. Divide by the length of the written rows, and by `reads.norm()`.
#
# </details>

# %% role="demo"
reader = planted.heads["reader"]
whole = {name: composition_score("q", planted.heads[name], reader) for name in parts}
by_component = {name: component_scores("q", found["writes"], reader) for name, found in parts.items()}
plots.plot_whole_and_parts(whole, {name: found.tolist() for name, found in by_component.items()}, planted.component)

# %% role="demo"
found = {"whole head": 0, "strongest component": 0, "component score": 0}
for seed in range(20):
    case = plant(seed)
    target, heads = case.heads["reader"], {name: case.heads[name] for name in ("writer", "loud")}
    every = {name: ov_components(head["W_V"], head["W_O"]) for name, head in heads.items()}
    score = {name: composition_score("q", head, target) for name, head in heads.items()}
    rows = [(name, i) for name in heads for i in range(8)]
    by_score = torch.cat([component_scores("q", every[name]["writes"], target) for name in heads])
    by_strength = torch.cat([every[name]["strengths"] for name in heads])
    found["whole head"] += max(score, key=score.get) == "writer"
    found["strongest component"] += rows[by_strength.argmax()] == ("writer", case.component)
    found["component score"] += rows[by_score.argmax()] == ("writer", case.component)
print("the planted talk is found in", ", ".join(f"{count} of 20 by the {name}" for name, count in found.items()))

# %% [markdown]
# <details><summary>What you should see</summary>
#
# By whole heads the *loud* one looks like the better partner: every one of its components overlaps a little with what
# the reader reads, and that adds up. The writer's one component that the reader really listens to is too weak to count
# in the norm of its head. Taken apart, it stands out: five times the score of anything else. (It scores 0.6 and not 1,
# though the reader hears it fully: the reader's query hears seven more directions, half as well, and $\|M\|_F$ counts
# them all. No direction scores higher with this reader.) Over twenty plants: the
# whole-head score and the strength find it never, the component score always.
#
# That is the paper's point, and it is *algebra*: it holds because we planted exactly one thing. Whether trained models
# are like this is another question.
#
# </details>
#
# ## 4 · Silence one component
#
# Take component $i$ out of a head, or make it louder: $W_{OV}' = W_{OV} + (g - 1)\, s_i\, r_i^\top w_i$ with a **gain**
# $g$: 1 changes nothing, 0 deletes, 2 doubles, −1 turns the message round. We want this as a change of $W_O$ alone.
# A head's output is $z\, W_O$, where the row $z$ [d_head] is its mix of values. What it writes along the unit vector
# $w_i$ is $(z W_O w_i^\top)\, w_i$, and so
#
# $$W_O' = W_O + (g - 1)\; W_O\, w_i^\top w_i .$$
#
# {card scale_component}
#
# The matrix that was handed in stays as it is: below it will be the weight of a model. The check looks at it
# afterwards.


# %% role="solution" exercise="scale_component"
# exercise: ch04.scale_component
def scale_component(
    W_V: Float[Tensor, "d_model d_head"], W_O: Float[Tensor, "d_head d_model"], component: int, gain: float
) -> Float[Tensor, "d_head d_model"]:
    """A new W_O with which one component of W_V @ W_O is scaled by gain, the others untouched (paper, weight edits).

    component: its number in the order of strength, from 0. gain: 0 deletes, 1 changes nothing.
    """
    ### BEGIN SOLUTION
    write = ov_components(W_V, W_O)["writes"][component]
    return W_O + (gain - 1) * torch.outer(W_O @ write, write)
    ### END SOLUTION


# %% role="check" exercise="scale_component"
check(scale_component)  # exercise: ch04.scale_component

# %% [markdown]
# <details><summary>Hint 1: where to start</summary>
#
# Your `ov_components` gives the write. `W_O @ write` is a vector [d_head]: how much each of the head's own coordinates
# writes along it.
#
# </details>
# <details><summary>Hint 2: almost the answer</summary>
#
# `torch.outer(W_O @ write, write)` is the part of $W_O$ along the write. Add `(gain - 1)` times it to `W_O` (and not in
# place).
#
# </details>
#
# An edit of the weights, or an intervention on the activations? We do both in a trained model, **lab-list**, which the
# next section introduces, and compare the logits. The second way leaves the weights alone and changes what the head
# writes while the model runs.

# %% role="demo"
model = load("lab-list")
some = lab.lists(task, 100, 6, torch.Generator().manual_seed(0))
layer, head, component, gain = 0, 3, 1, 0.0
W_V, W_O = model.W_V[layer, head], model.W_O[layer, head]
write = ov_components(W_V, W_O)["writes"][component]

edited = load("lab-list", fresh=True)  # a copy that nobody else holds
edited.set_W_O(layer, head, scale_component(W_V, W_O, component, gain))

kept = {}


def keep(z, hook):
    kept["z"] = z[:, :, head]


def change(out, hook):
    return out + (gain - 1) * (kept["z"] @ W_O @ write)[..., None] * write


hooks = [(f"blocks.{layer}.attn.hook_z", keep), (f"blocks.{layer}.hook_attn_out", change)]
by_weights, by_activations = edited(some.prompts), model.run_with_hooks(some.prompts, fwd_hooks=hooks)
print(f"largest difference between the two ways: {(by_weights - by_activations).abs().max():.1e} logits")
print(f"largest effect of the edit:              {(by_weights - model(some.prompts)).abs().max():.1e} logits")

# %% [markdown]
# <details><summary>What you should see</summary>
#
# The two ways agree up to rounding; the edit itself changes logits by far more. From now on we may use whichever is
# handier. Mind what "removing a component" is **not**: it does not take the direction $w_i$ out of the whole residual
# stream. Other heads, and the embeddings, may write there too.
#
# </details>
#
# ## 5 · A model whose heads must talk
#
# The paper's second task is a **laundry list**: some things are needed, all but one of them are got, and the model is
# to say which one is still missing. (The paper's own template is not known to us; this one is ours.) In words:

# %% role="demo"
example = lab.lists(task, 3, 5, torch.Generator().manual_seed(2))
names = lab.words(task)
for prompt, target in zip(example.prompts, example.targets, strict=True):
    print(lab.sentence(prompt, task), "→", names[target])
below, heads, size = model.cfg.n_layers - 1, model.cfg.n_heads, model.cfg.d_head
print(f"\n{below} layers of {heads} heads and one of a single head, {size} dimensions a head, no MLPs")

# %% [markdown]
# A model has many ways to do this without any talk between heads: one head adds up what was needed, another subtracts
# what was got, and the missing thing remains. So lab-list was built to rule that out:
#
# - its last layer has **one head, the mover**, and logits are read from what this head writes and from nothing else;
# - the mover can only look at the **first list**. There no position knows what was got, as that comes later;
# - so whatever the mover knows about the second list is in its **query**, at the last position, and was put there by
#   heads of layers 0 and 1. The paper calls such heads *inhibition heads*: they tell the mover where *not* to look.
#
# This is the paper's circuit in its purest form, by force. If component scores predict anything, then here.
#
# A model that has an aim should be tested where it can fail. lab-list was trained on lists of 2 to 8 things, and its
# slots hold up to 12.
#
# {card recall_by_place}
#
# One entry of `right`, `length` and `place` for each prompt; places count from 0. Where no prompt falls into a cell,
# its accuracy is not 0 but unknown: NaN. Do not count on lists being as they are here: others may be of one thing.


# %% role="solution" exercise="recall_by_place"
# exercise: ch04.recall_by_place
def recall_by_place(
    right: Bool[Tensor, " n"], length: Int[Tensor, " n"], place: Int[Tensor, " n"], longest: int
) -> dict[str, Tensor]:
    """Laundry-List accuracy by length, and by length and place of the missing item in the list, from 0.

    Returns {"by_length": [longest + 1], "by_place": [longest + 1, longest]}, float, indexed by length (and place); NaN
    where no prompt is. Every number is a mean over prompts.
    """
    ### BEGIN SOLUTION
    by_length = torch.full((longest + 1,), math.nan)
    by_place = torch.full((longest + 1, longest), math.nan)
    for n in length.unique().tolist():
        by_length[n] = right[length == n].float().mean()
        for p in place[length == n].unique().tolist():
            by_place[n, p] = right[(length == n) & (place == p)].float().mean()
    return {"by_length": by_length, "by_place": by_place}
    ### END SOLUTION


# %% role="check" exercise="recall_by_place"
check(recall_by_place)  # exercise: ch04.recall_by_place

# %% [markdown]
# <details><summary>Hint 1: where to start</summary>
#
# Begin with tensors full of NaN: `torch.full((longest + 1,), math.nan)`. Fill the cells that have prompts.
#
# </details>
# <details><summary>Hint 2: almost the answer</summary>
#
# `right[(length == n) & (place == p)].float().mean()` is the accuracy of one cell. The mean of an empty selection is
# NaN by itself.
#
# </details>

# %% role="demo"
draw = torch.Generator().manual_seed(1)
tests = {n: lab.lists(task, 400, n, draw) for n in range(2, task.slots + 1)}
right, length, place = [], [], []
for n, batch in tests.items():
    right.append(model(batch.prompts)[:, -1].argmax(-1) == batch.targets)
    length.append(torch.full((400,), n))
    place.append(batch.missing)
recall = recall_by_place(torch.cat(right), torch.cat(length), torch.cat(place), task.slots)
print("found, by length:", "  ".join(f"{n}: {recall['by_length'][n]:.1%}" for n in tests))
plots.plot_recall(recall["by_length"], recall["by_place"], task.longest)

# %% [markdown]
# <details><summary>What you should see</summary>
#
# Nearly perfect on short lists, and a fall that begins *before* the lists get longer than in training: about three
# quarters are left at twelve things. Right (places are counted from 1 in the figure): yellow at the top, darker further
# down, at every place; in the longest lists the places from the eighth on are the worst. Do not read single cells: in
# the last row a cell has about 33 prompts, so ±15 points are luck. The mover's query has eight dimensions (its d_head),
# and it must say of each of up to twelve things whether it was got. The paper reports such crowding in GPT-2: a space
# of few dimensions, and trouble when many items share it. That crowding is the cause *here* is a guess that fits.
#
# </details>
#
# Does the mover really use all eight? $W_{QK} = W_Q W_K^\top$ has the same form as $W_V W_O$, so your first function
# takes it apart too: its reads are then what the *query* listens to, its writes what it looks for in the *keys*.

# %% role="demo"
at = (model.cfg.n_layers - 1, 0)  # the mover: the one head of the last layer
listens = ov_components(model.W_Q[at], model.W_K[at].T)
plots.plot_strengths({"mover, W_QK": listens["strengths"].tolist()}, "What the mover's query listens to")

# %% [markdown]
# <details><summary>What you should see</summary>
#
# One direction is one and a half to two times as strong as the others, and those do not differ much: the mover listens
# in all of its eight dimensions. Nothing here is of rank one, or three. Keep that in mind when the paper's channels of
# very low rank are looked for below.
#
# </details>
#
# ## 6 · Do weights predict who talks?
#
# A score from weights is a guess. Here is a measurement that it can be held against: does the mover look away from what
# was got *because* this component tells it to? Take the mover's attention pattern twice, with the component
# **present** and with it **removed**. In each, at the last position of each prompt,
#
# $$\text{gap} = A[\text{wanted}] - \underset{j \in \text{inhibited}}{\mathrm{mean}}\; A[j] ,$$
#
# and the **inhibition score** is the gap with the component present minus the gap with it removed, averaged over
# prompts. It is positive if the component helps the mover to look where it should. (How exactly the paper normalises
# its score we do not know; this is ours.)
#
# ### Predict before you run

# %% role="predict"
predict("04.q2", None)

# %% [markdown]
# {card inhibition_score}
#
# Prompts differ in length: the destination is position `last[n]` of prompt n, whatever comes after it in the tensor.


# %% role="solution" exercise="inhibition_score"
# exercise: ch04.inhibition_score
def inhibition_score(
    present: Float[Tensor, "n pos pos"],
    removed: Float[Tensor, "n pos pos"],
    last: Int[Tensor, " n"],
    wanted: Int[Tensor, " n"],
    inhibited: Bool[Tensor, "n pos"],
) -> float:
    """How much of a mover's preference for the wanted position a component makes (paper, figure 2).

    present, removed: attention patterns [prompt, destination, source], probabilities, with the component and without.
    last: the destination of each prompt. wanted: the source it should look at. inhibited: True at the sources that it
    should not look at, one or more for each prompt.
    Returns the mean over prompts of (gap present - gap removed); a gap is attention to the wanted source minus the mean
    attention to the inhibited ones.
    """
    ### BEGIN SOLUTION
    rows = torch.arange(len(last))
    gaps = []
    for pattern in (present, removed):
        at = pattern[rows, last]
        gaps.append(at[rows, wanted] - (at * inhibited).sum(1) / inhibited.sum(1))
    return (gaps[0] - gaps[1]).mean().item()
    ### END SOLUTION


# %% role="check" exercise="inhibition_score"
check(inhibition_score)  # exercise: ch04.inhibition_score

# %% [markdown]
# <details><summary>Hint 1: where to start</summary>
#
# A loop over prompts is fine: `pattern[n, last[n]]` is one row of attention, `row[wanted[n]]` a number, and
# `row[inhibited[n]]` the numbers at the inhibited sources.
#
# </details>
# <details><summary>Hint 2: all at once</summary>
#
# `pattern[torch.arange(n), last]` gives one row for each prompt. The mean over a mask is
# `(at * inhibited).sum(1) / inhibited.sum(1)`.
#
# </details>
# <details><summary>Hint 3: almost the answer</summary>
#
# The same gap from both patterns, present minus removed, `.mean().item()`.
#
# </details>
#
# Now every component of every head below the mover. `Mover` from the library holds the mover's inputs: its
# `pattern(queries_from=...)` gives the attention that follows if the query (and *only* the query) were made from
# another residual stream. So the effect that we measure goes through the very path that the "q" score is about.
#
# Above each panel stands Spearman's **rank correlation**: +1 if the order of the components by this predictor is their
# order by the effect, −1 if it is the reverse, 0 if the one order says nothing about the other.

# %% role="demo"
from mechanisms.models.mover import Mover

mover_weights = {name: getattr(model, name)[at] for name in ("W_Q", "W_K", "W_V", "W_O")}
lists = lab.lists(task, 200, 6, torch.Generator().manual_seed(4))
mover = Mover(model, lists.prompts, *at)
last = torch.full((len(lists.prompts),), lists.prompts.shape[1] - 1)

table = []
for layer in range(at[0]):
    for head in range(model.cfg.n_heads):
        found = ov_components(model.W_V[layer, head], model.W_O[layer, head])
        scores = {kind: component_scores(kind, found["writes"], mover_weights) for kind in "qk"}
        for i, write in enumerate(found["writes"]):
            less = mover.resid - mover.output(layer, head, write)
            removed = {"through query": mover.pattern(queries_from=less), "through keys": mover.pattern(keys_from=less)}
            table.append(
                {
                    "layer": layer,
                    "head": head,
                    "component": i,
                    "write": write,
                    "strength": found["strengths"][i].item(),
                    "q": scores["q"][i].item(),
                    "k": scores["k"][i].item(),
                    **{
                        path: inhibition_score(mover.clean, pattern, last, lists.wanted, lists.got)
                        for path, pattern in removed.items()
                    },
                }
            )


def column(name):
    return torch.tensor([row[name] for row in table])


predictors = {
    "score through queries": column("q"),
    "score through keys": column("k"),
    "strength": column("strength"),
    "query score × strength": column("q") * column("strength"),
}
plots.plot_against(column("through query"), predictors, column("layer"), "inhibition, component out of query")

# %% [markdown]
# <details><summary>What you should see</summary>
#
# Top left: on the whole, components with a high query score inhibit more than those with a low one. Top right: the
# score of the *wrong kind*, through keys, says next to nothing here: so the query score is about this path and not
# about being a component that matters in general. Bottom left: the singular value alone, which costs nothing, predicts
# about *as well as* the score. Bottom right: the two together do best. That makes sense: one says how well the message
# is heard, the other how loud it is.
#
# And the points of the highest score are not a small group far from the rest. The talk is spread over many components
# of many heads. The paper reports the opposite for GPT-2's inhibition heads: one or two components of a head do nearly
# all of it. Nor is a high score a promise: of the three highest two inhibit nothing. And look at the one point far
# below all others. It is the *strongest* component of all, one of the lowest query scores, and the mover does *better*
# without it. No score has seen it; you will meet it again in section 8.
#
# </details>
#
# Is the key score good for anything? The mover's **keys** are made at the things of the first list, and the layers
# below write there too. Leave each component out of the *keys* instead, and hold all scores against that effect.

# %% role="demo"
others = {name: predictors[name] for name in ("score through queries", "score through keys", "strength")}
plots.plot_against(column("through keys"), others, column("layer"), "inhibition, component out of keys")

# %% [markdown]
# <details><summary>What you should see</summary>
#
# The picture is turned round: now the key score predicts, and the query score, and even the strength, do not. Two
# scores, made from the same matrices by a transpose, and each predicts its own path and not the other's. Such a
# **double dissociation** is far better evidence than one correlation: no general importance of components can explain
# it. But look at the colours before you believe it.
#
# </details>
#
# Layers differ from one another in many ways at a time. A score that did no more than tell layer 0 from layer 1 would
# look like a predictor in the figures above. So ask again *within* each layer (rank correlations once more).

# %% role="demo"
from scipy.stats import spearmanr

groups = {"all": column("layer") >= 0, "layer 0": column("layer") == 0, "layer 1": column("layer") == 1}
for path in ("through query", "through keys"):
    print(f"{'inhibition ' + path:28s}" + "".join(f"{where:>9s}" for where in groups))
    for name, values in predictors.items():
        cells = [spearmanr(values[here], column(path)[here]).statistic for here in groups.values()]
        print(f"   {name:25s}" + "".join(f"{cell:+9.2f}" for cell in cells))

# %% [markdown]
# <details><summary>What you should see</summary>
#
# Much of the dissociation was a difference between two layers. Within layer 0 the score of the *wrong* kind goes with
# the query effect nearly as well as the right one. What is left: in both layers the query score is ahead of the key
# score for the query; for the keys of layer 0 it is the other way round, and clearly. (Layer 1 does next to nothing
# through the keys, so its numbers there mean little.) Groups that differ in the cause *and* in the effect make
# correlations that no single group has: look for them before you believe any scatter plot, and your own most of all.
#
# </details>
#
# One network is one observation. The course has trained the recipe with five seeds (`python -m
# mechanisms.training.list_sweep`), and measured effects on the logit difference between the missing thing and those
# got. The marks are means with 95% intervals, the faint dots single seeds. "Within layers" is the mean of the layers'
# own correlations. "Given strength" is a *partial* rank correlation: what the score says among components that are
# equally strong.

# %% role="demo"
from mechanisms.training import list_sweep

runs = list_sweep.load()
labels = {
    "query score": "q",
    "query score, within layers": "q, within layers",
    "query score, given strength": "q | strength",
    "key score": "k",
    "key score, within layers": "k, within layers",
    "key score, given strength": "k | strength",
    "strength alone": "strength",
    "strength, within layers": "strength, within layers",
    "query score × strength": "q x strength",
}
effects = {"component out of the mover's query": "query", "component out of the mover's keys": "key"}
plots.plot_correlations(
    {
        label: {
            effect: list_sweep.interval(runs, lambda run, e=e, p=p: run["rank_correlations"][f"{e}: {p}"])
            for effect, e in effects.items()
        }
        for label, p in labels.items()
    }
)

# %% [markdown]
# <details><summary>What you should see</summary>
#
# The blue marks (query) are high for the query score and low for the key score; the orange ones (keys) the other way
# round. Within layers the two come closer together. That is the evidence that weights say who talks *through
# what*, and its limit. Then look at "strength alone" for the query: it does as well as the score there, and whoever
# reports a score without this baseline has not shown that it is needed.
#
# </details>
#
# ## 7 · Turn the mover like a knob
#
# If the talk goes through a channel of few dimensions, then writing numbers into these dimensions must steer the mover.
# The channel is the span of $k$ direction rows $D$ [k, d_model]. We want to **set its coordinates** at one position:
# replace the part of $x$ inside the span by $c\, D$ with given coordinates $c$ [k], and keep the rest:
#
# $$x' = x - P(x) + c\,D ,$$
#
# with $P$ the orthogonal projection onto the span. For *orthonormal* rows $P(x) = x D^\top D$. Writes of different
# heads are not orthogonal to one another, and then this formula is wrong: the projection is $x\, D^{+} D$ with the
# pseudo-inverse $D^{+}$ (`torch.linalg.pinv`).
#
# {card set_channel}
#
# Only position `position[n]` of prompt n changes. The tensor that was handed in stays as it is; the check looks at it
# afterwards.


# %% role="solution" exercise="set_channel"
# exercise: ch04.set_channel
def set_channel(
    x: Float[Tensor, "n pos d_model"],
    directions: Float[Tensor, "k d_model"],
    coordinates: Float[Tensor, " k"],
    position: Int[Tensor, " n"],
) -> Float[Tensor, "n pos d_model"]:
    """The residual stream with the coordinates in a channel set at one position (paper, channel interventions).

    directions: linearly independent rows, of any length and angle. coordinates: the new part is coordinates @
    directions. position: where, for each prompt. What lies outside the span, and all other positions, are kept.
    """
    ### BEGIN SOLUTION
    x, rows = x.clone(), torch.arange(len(x))
    now = x[rows, position]
    inside = now @ torch.linalg.pinv(directions) @ directions
    x[rows, position] = now - inside + coordinates @ directions
    return x
    ### END SOLUTION


# %% role="check" exercise="set_channel"
check(set_channel)  # exercise: ch04.set_channel

# %% [markdown]
# <details><summary>Hint 1: where to start</summary>
#
# `x[torch.arange(n), position]` picks one row for each prompt, [n, d_model]. Work on a `clone` of `x`.
#
# </details>
# <details><summary>Hint 2: the projection</summary>
#
# `now @ torch.linalg.pinv(directions) @ directions` is the part inside the span. Or make the rows orthonormal first:
# `Q = torch.linalg.qr(directions.T)[0]`, and the part is `now @ Q @ Q.T`.
#
# </details>
# <details><summary>Hint 3: almost the answer</summary>
#
# Take the inside part away, add `coordinates @ directions`, write the result back to the same places of the clone.
#
# </details>
#
# The three components with the highest query scores are the channel. We walk over a grid of coordinates **within the
# range that they have by themselves** (from their 1st to their 99th percentile over prompts), and note which of the
# listed things the mover looks at most. If nothing turns it, one thing of six wins everywhere: a share of 17%.

# %% role="demo"
from mechanisms.training.composition_scores import reached

top = sorted(table, key=lambda row: -row["q"])
few = lab.lists(task, 60, 6, torch.Generator().manual_seed(5))
small = Mover(model, few.prompts, *at)
end = torch.full((len(few.prompts),), few.prompts.shape[1] - 1)
directions = torch.linalg.qr(torch.stack([row["write"] for row in top[:3]]).T)[0].T
natural = small.resid[:, -1] @ directions.T
low, high = natural.quantile(0.01, 0), natural.quantile(0.99, 0)
seen = torch.zeros(few.items.shape, dtype=torch.bool)
for point in torch.cartesian_prod(*[torch.linspace(a, b, 7) for a, b in zip(low.tolist(), high.tolist(), strict=True)]):
    pattern = small.pattern(queries_from=set_channel(small.resid, directions, point, end))[:, -1]
    seen.scatter_(1, pattern.gather(1, few.places).argmax(1, keepdim=True), True)

draw = torch.Generator().manual_seed(6)
random = [torch.randn(3, model.cfg.d_model, generator=draw) for _ in range(10)]
random = [reached(model, few, at, rows - rows.mean(1, keepdim=True), side=7) for rows in random]
shares = {
    "three highest scores": seen.float().mean().item(),
    "three lowest scores": reached(model, few, at, torch.stack([row["write"] for row in top[-3:]]), side=7),
}
control = {"mean": sum(random) / len(random), "low": min(random), "high": max(random)}
plots.plot_reach(shares, control, "Lists of 6, coordinates within their natural range")

# %% [markdown]
# <details><summary>What you should see</summary>
#
# Within its natural range, three numbers in the channel of the highest scores turn the mover to a good part of the six
# things, more than three lowest-scoring components do, and more than any of ten sets of *random* directions. Those stay
# close to 17%, where nothing turns at all. Without their band the first bar would prove little: push any direction far
# enough and something turns. (Two of these three components inhibit next to nothing by themselves, as section 6 has
# shown. A score says what the mover *would* hear, not what it is told.)
#
# </details>
#
# Move the point with the sliders. The map shows, for two coordinates of the channel, which thing the mover looks at
# most; the third slider turns the page to another value of the third. The cross is where the model itself stands, the
# dashed frame the natural range of the coordinates: the map goes twice as far.

# %% role="demo"
from mechanisms.widgets import channel_pad, channel_views

views = channel_views(model, task, at, directions, few)
print(f"on average {views['winners']:.1f} of 6 things win somewhere; shown are the lists in which most do")
channel_pad(views)

# %% [markdown]
# <details><summary>What you should see</summary>
#
# Regions, one for each thing that can win, with soft borders between them, and some things that never win, however you
# move: three dimensions have room for only so many corners. That is the crowding of section 5, seen from inside.
#
# </details>
#
# ## 8 · Mend it
#
# Lists of twelve are longer than anything in training, and lab-list gets more than a quarter of them wrong, of yours
# in section 5 and of the card's (400 lists leave an uncertainty of 4 points either way). Can an edit help?
# The search of the card (`python -m mechanisms.training lab-list`) tried a gain of −1, 0 or 2 on each component, and a
# gain on the mover's whole query, three rounds in a row, always by *development* lists. Here are its choices, and what
# they do on the lists of section 5, which it has not seen, with your `scale_component`.

# %% role="demo"
from mechanisms.models import card

measured = card("lab-list")["measured"]


def change_component(edited, spot, component, gain):
    """Adds one more edit to a model, also of a head that has been edited before."""
    W_O = scale_component(model.W_V[spot], model.W_O[spot], component, gain)
    edited.set_W_O(*spot, edited.W_O[spot] + W_O - model.W_O[spot])


mended = load("lab-list", fresh=True)
for step in measured["edit"]["steps"]:
    where = f"head {step['layer']}.{step['head']}"
    if step["component"] == "query":
        mended.scale_query(step["layer"], step["head"], step["gain"])
        print(f"{where}: query times {step['gain']:g}")
    else:
        change_component(mended, (step["layer"], step["head"]), step["component"], step["gain"])
        print(f"{where}: component {step['component']} times {step['gain']:g}")

lengths = list(tests)


def accuracies(one):
    return [(one(b.prompts)[:, -1].argmax(-1) == b.targets).float().mean().item() for b in tests.values()]


accuracy = {"as trained": recall["by_length"][lengths].tolist(), "three edits": accuracies(mended)}
print(f"lists of {lengths[-1]}: {accuracy['as trained'][-1]:.1%} → {accuracy['three edits'][-1]:.1%}")

# %% [markdown]
# Three edits are few. A gentler way: give *every* component a gain of its own and let gradient descent find the 128
# numbers on development lists, while all else in the model stays as it is. Is that a repair of channels, or just
# training with few numbers? Controls tell: the same for the quarter of components with the highest, or the lowest,
# query score; for directions drawn at random in each head's output space in place of components; and one single gain
# for all.

# %% role="demo"
fitted = measured["gains"]
louder = load("lab-list", fresh=True)
for row, gain in zip(measured["components"], fitted["gains"], strict=True):
    change_component(louder, (row["layer"], row["head"]), row["component"], gain)
accuracy["a gain for each component"] = accuracies(louder)

count = len(fitted["gains"])
rows = [("nothing", 0, fitted["before"]), ("all components alike", 1, fitted["one gain"])]
rows += [("three single edits, by search", 3, measured["edit"]["steps"][-1])]
rows += [(f"a quarter, {name}", count // 4, fitted[name]) for name in ("highest scores", "lowest scores")]
rows += [("all components", count, fitted["all components"])]
rows += [(f"random directions, draw {i + 1}", count, found) for i, found in enumerate(fitted["random directions"])]
print(f"{'what may change':36s}numbers   lists of {fitted['length']}, held out")
for name, numbers, found in rows:
    print(f"{name:36s}{numbers:7d}{found['held_out']:18.1%}")
plots.plot_edit(lengths, accuracy, task.longest)

# %% [markdown]
# <details><summary>What you should see</summary>
#
# The three edits help at twelve things, by less than ten points; the fitted gains help by more than ten; on short lists
# the edits cost nothing to speak of, the gains up to two or three points. The first edit turns round the outlier of
# section 6: it was found by what it does, not by its query score. Before you tell a story, read the table. Random
# directions do nearly as well as components, and the components with the *lowest* query scores at least as well as
# those with the highest. So the gain is real, but nothing here shows that it is the paper's mechanism: nothing singles
# out the inhibition channels. The paper edits inhibition channels and reports gains that are "often" above 20 points.
#
# </details>
#
# ## 9 · And in a language model?
#
# lab-list was built for this. **lab-lm**, the language model of chapters 1 to 4, was not: it learned laundry lists
# among other things, with MLPs, and its mover can be reached in many ways. The same measurements (`python -m
# mechanisms.training.talking_heads`):

# %% role="demo"
from mechanisms.training import talking_heads

language = talking_heads.load()
print("accuracy by length:", "  ".join(f"{n}: {value:.0%}" for n, value in language["by_length"].items()))
print(f"mover: head {language['mover'][0]}.{language['mover'][1]}; senders: the components of layer 0\n")
print("rank correlation with …    removed through the query   removed everywhere")
for label, p in labels.items():
    if "layers" in label:
        continue  # the senders are of one layer
    cells = [language["rank_correlations"][f"{effect}: {p}"] for effect in ("query", "total")]
    print(f"{label:28s}{cells[0]:+17.2f}{cells[1]:+23.2f}")
through = language["all_through"]
print(f"\nall components together, through the mover's query: {through['query']:.1%} of the logit difference;")
print(f"removed everywhere, one by one, and added up: {through['total']:.0%}")

# %% [markdown]
# <details><summary>What you should see</summary>
#
# Through the query of lab-lm's mover next to nothing flows directly: well below 5% of the logit difference. A
# correlation with an effect that is not there means little, in either direction. In *total*, the singular value is the
# best predictor, and the query score says less. (The effects add up to more than 100%: what one component says, others
# say too, or take back. Effects of single removals are no shares.) So in lab-lm the paper's claim is **not supported**,
# and the likely reason is that its heads do not talk in this way, not that the algebra is wrong.
#
# </details>
#
# ## 10 · Your results beside the paper's
#
# The third column is read from the model card of `lab-list`, from the sweep and from the measurements of lab-lm, each
# written by the code that measured it; the last one is yours, from this notebook.

# %% role="demo"
from mechanisms.plots.claims import TALKING_HEADS, claims_table


def rho(name, path="query"):
    return f"ρ = {spearmanr(predictors[name], column('through ' + path)).statistic:+.2f} (inhibition score, {path})"


claims_table(
    TALKING_HEADS,
    {
        "falls": f"{recall['by_length'][4]:.1%} at 4, {recall['by_length'][8]:.1%} at 8, "
        f"{recall['by_length'][12]:.1%} at 12 (lab-list)",
        "score": rho("score through queries"),
        "strength": rho("strength"),
        "wrong": rho("score through keys"),
        "keys": rho("score through keys", "keys"),
        "keys_wrong": rho("score through queries", "keys"),
        "keys_strength": rho("strength", "keys"),
        "channel": f"{shares['three highest scores']:.0%} of things (random: {control['low']:.0%} to "
        f"{control['high']:.0%})",
        "edit": f"{accuracy['as trained'][-1]:.1%} → {accuracy['three edits'][-1]:.1%}, lists of 12",
        "gains": f"{accuracy['as trained'][-1]:.1%} → {accuracy['a gain for each component'][-1]:.1%}, lists of 12",
    },
    model="lab-list",
)

# %% [markdown] role="rubric" id="do_weights_tell" points=5
# ### In your own words (5 points, read by a person)
#
# A blog post: "*You can read a model's wiring from its weights: just look for high composition scores.*" In six to ten
# sentences, say what your notebook supports and what it does not.
#
# - State what the query score predicted in lab-list, with its number, beside the two comparisons that give the number a
#   meaning. (2 points)
# - What changed from the planted heads to lab-list to lab-lm, and which of the three says most about GPT-2? (1 point)
# - A channel "steers" a head. Name two controls without which you would not believe it, and what you got. (1 point)
# - The edits of section 8 raised accuracy. Is this evidence that an inhibition channel was repaired? Argue from the
#   controls of that section, and name one experiment that is missing. (1 point)
#
# ### BEGIN SOLUTION
# **Mark scheme.**
#
# - *2 points*: the rank correlation of the query score with the inhibition score, together with that of the singular
#   value alone (the free baseline) and of the score of the wrong kind (keys). One point if one comparison is missing.
#   Seeing that the wrong kind comes close within a layer, the partial correlation, or that the product does best, is a
#   plus.
# - *1 point*: planted: one channel by construction; lab-list: trained, but the architecture forces talk through the
#   query; lab-lm: free, and there the direct path is nearly empty. None is GPT-2; lab-lm is nearest in kind and far in
#   size. Full marks for any reasoned answer that does not generalise from the planted case.
# - *1 point*: e.g. random directions (several draws, with their range), coordinates within their natural range,
#   low-scoring components, several prompts; with numbers.
# - *1 point*: no: gains on random directions, and on the components with the lowest query scores, do about as well; the
#   three edits were the best of several hundred tries. Missing e.g.: the inhibition score of the edited components
#   before and after; gains on the mover's query alone; the same fit on lists of a length that was in training.
#
# A model answer, in the shape we hope for: "In lab-list the query score ranks components by their inhibition score with
# ρ = [0.6]; but the singular value alone reaches [0.6], and only the key score's [0.1] shows that the score is about
# this path ..."
# ### END SOLUTION

# %% [markdown]
# ## 11 · Paper scale
#
# The same functions on **GPT-2 small**. The task is the paper's first: *When Mary and John went to the store, John gave
# a drink to* … Earlier work (Wang et al. 2023) found in this model a name mover, head 9.9, and four inhibition heads:
# 7.3, 7.9, 8.6 and 8.10. We score all 64 components of each of the four against the mover's query, and measure each
# one's inhibition of the repeated name. This needs a GPU and, the first time, a download of half a gigabyte. Without
# them the next cell says so in one sentence and the others do nothing.

# %% role="paper"
from mechanisms.data.two_names import two_name_prompts
from mechanisms.models.paper import load_paper_model

INHIBITION, PAPER_MOVER = ((7, 3), (7, 9), (8, 6), (8, 10)), (9, 9)
paper_model = load_paper_model("gpt2")

# %% role="paper"
if paper_model is not None:
    pairs = two_name_prompts(paper_model, 64, seed=0)
    paper_mover = Mover(paper_model, pairs.prompts, *PAPER_MOVER)
    paper_reader = {name: getattr(paper_model, name)[PAPER_MOVER] for name in ("W_Q", "W_K", "W_V", "W_O")}
    paper_last = torch.full((len(pairs.prompts),), pairs.prompts.shape[1] - 1)
    paper_table = []
    for spot in INHIBITION:
        found = ov_components(paper_model.W_V[spot], paper_model.W_O[spot])
        scores = component_scores("q", found["writes"], paper_reader)
        for i, write in enumerate(found["writes"]):
            without = paper_mover.pattern(queries_from=paper_mover.resid - paper_mover.output(*spot, write))
            effect = inhibition_score(paper_mover.clean, without, paper_last, pairs.wanted, pairs.inhibited)
            paper_table.append((spot, i, scores[i].item(), found["strengths"][i].item(), effect))
    print("component   score  strength  inhibition (the eight highest scores)")
    for spot, i, score, strength, effect in sorted(paper_table, key=lambda row: -row[2])[:8]:
        print(f"{spot[0]}.{spot[1]:<2d} no. {i:<4d}{score:6.3f}{strength:9.2f}{effect:+11.4f}")

# %% role="paper"
if paper_model is not None:
    from IPython.display import display

    _, _, paper_scores, paper_strengths, paper_effects = zip(*paper_table, strict=True)
    groups = [INHIBITION.index(row[0]) for row in paper_table]
    display(
        plots.plot_against(
            paper_effects,
            {"score through queries": paper_scores, "strength": paper_strengths},
            groups,
            "inhibition score (measured)",
            names=[f"head {layer}.{head}" for layer, head in INHIBITION],
        )
    )
    for number, spot in enumerate(INHIBITION):
        effects = sorted(
            (max(row[4], 0) for row, g in zip(paper_table, groups, strict=True) if g == number), reverse=True
        )
        share = sum(effects[:2]) / max(sum(effects), 1e-9)
        print(f"head {spot[0]}.{spot[1]}: {share:.0%} of its inhibition sits in two of {len(effects)} components")

# %% [markdown]
# ### Where to go from here
#
# - The paper finds a three-dimensional space in GPT-2 that indexes list positions. Take the components with the highest
#   scores in two of the four heads, traverse their span with `set_channel`, and watch which name the mover looks at.
# - Elhage and others subtract the score that random matrices of the same shapes would have. Do it for exercise 2, and
#   see whether the loud head still wins.
# - Score the *keys* of lab-list's layer-1 heads against the components of layer 0. Is there a conversation you did not
#   look for?
