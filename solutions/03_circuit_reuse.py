"""Chapter 03, circuit reuse: the source of the exercise notebook, solutions included.

- nine exercises take the reader from minimal pairs over path patching and overlap to a repair by attention override;
- every method is tried on a planted network first, whose circuits are known, and then on the trained lab-lm;
- nothing here names a head of lab-lm: the notebook finds what it needs.
"""

# %% [markdown]
# # 03 · Circuit reuse: do two tasks share their heads?
#
# "*When Mary and John went to the store, John gave a drink to*": Mary. A small group of attention heads in GPT-2 is
# known to solve this *indirect object* task. Is that group a specialist for giving drinks, or a part that the model
# uses elsewhere as well? Merullo, Eickhoff and Pavlick (*Circuit Component Reuse Across Tasks in Transformer Language
# Models*, ICLR 2024) take a second task, *coloured objects* ("On the table I see a red pen, a blue cup and a green
# key. What colour is the cup?"), find its circuit in GPT-2 medium in the same way, and compare: about 78% of the
# heads are the same. Then they do something better than compare. They take heads that work for the first task and are
# idle in the second, *make* them work there, and the accuracy rises from 49.6% to 93.7%.
#
# You will do both. By the end you can
#
# - write minimal pairs, and turn three runs of a model into one honest number;
# - follow one head's output along one path, to the logits or into another head's queries, keys or values;
# - say what an overlap of two circuits is worth, with a null and a control task;
# - repair a model by telling a head where to look, and show that nothing else explains it.
#
# **Nine exercises, about 120 minutes, 75 points**, and one question for a human reader (5 points). Below every
# exercise stands a `check(...)` line. Run it as often as you like: it tells you which case failed and, often, why.
# Hints are folded, from a nudge to almost the answer. The chapter's page in the book tells the story and the
# mathematics.

# %% [markdown]
# ## Setup
#
# Run this first. Everything that your own functions may use is imported here. There are two models with the same
# interface: `planted`, three layers of four heads whose weights were written by hand, so that we *know* what each
# head does; and `model`, the trained `lab-lm`, of which nobody knows it.

# %% role="setup"
import math
from math import comb

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mechanisms import check, predict
from mechanisms.data import circuit_tasks as tasks
from mechanisms.data.documents import Corpus
from mechanisms.data.vocabulary import words
from mechanisms.models import load
from mechanisms.models import planted as plan

torch.set_num_threads(1)  # the models are so small that a second thread would mostly wait for the first
planted, model = load("planted-circuit"), load("lab-lm")

# %% [markdown]
# ## 1 · Minimal pairs
#
# To find what a model does with *who gave*, change who gave, and nothing else. A **minimal pair** is a *clean* and a
# *corrupt* prompt that differ in one word, so that the right answer of one is a wrong answer to the other.
#
# The lab model's indirect objects look like this:
#
# ```text
# clean    when Anna and Ben went to the park , Ben gave a letter to      → Anna
# corrupt  when Anna and Ben went to the park , Anna gave a letter to     → Ben
# ```
#
# {card ioi_pair}
#
# Words and commas are separated by single spaces, as above. The giver must be one of the two persons and the two must
# differ: raise a `ValueError` otherwise.


# %% role="solution" exercise="ioi_pair"
# exercise: ch03.ioi_pair
def ioi_pair(first: str, second: str, giver: str, place: str, thing: str) -> dict[str, str]:
    """A minimal pair of the indirect-object task, in lab-lm's words.

    first, second: the two persons, in the order in which they are introduced. giver: one of the two.
    Returns {"clean", "corrupt": prompts that end in "to", "right": the answer to clean, "wrong": that to corrupt}.
    Raises ValueError if the persons are the same or the giver is neither.
    """
    ### BEGIN SOLUTION
    if first == second or giver not in (first, second):
        raise ValueError("two different persons are needed, and the giver is one of them")
    other = second if giver == first else first

    def prompt(who):
        return f"when {first} and {second} went to the {place} , {who} gave a {thing} to"

    return {"clean": prompt(giver), "corrupt": prompt(other), "right": other, "wrong": giver}
    ### END SOLUTION


# %% role="check" exercise="ioi_pair"
check(ioi_pair)  # exercise: ch03.ioi_pair

# %% [markdown]
# <details><summary>Hint 1: what changes?</summary>
#
# Only the person after the comma. The introduction keeps its order in both prompts. Who gives does not receive.
#
# </details>
# <details><summary>Hint 2: almost the answer</summary>
#
# Find `other`, the person who does not give. Write the sentence once, as a function of who gives, and call it twice.
#
# </details>
#
# The second task, in the manner of the paper. Three objects with three colours; the pair asks for another object.
#
# ```text
# clean    Q: On the table, I see a red pen, an orange cup, and a blue key. What color is the cup?
#          A:                                                                                 → " Orange"
# corrupt  Q: On the table, I see a red pen, an orange cup, and a blue key. What color is the key?
#          A:                                                                                 → " Blue"
# ```
#
# {card colored_pair}
#
# Details that matter to a real tokenizer: `\nA:` ends the prompt without a space; the answers start **with** a space
# and a capital letter; *a* becomes *an* before a vowel letter (a, e, i, o, u). Objects are separated by `", "`, and
# the last one has `"and "` in front. `asked` and `other` are places in the list, counted from 0; if they are equal
# there is no pair: `ValueError`.


# %% role="solution" exercise="colored_pair"
# exercise: ch03.colored_pair
def colored_pair(objects: list[str], colors: list[str], asked: int, other: int, surface: str) -> dict[str, str]:
    """A minimal pair of the coloured-objects task in the manner of the paper, without its solved example.

    objects, colors: same length, two or more, in lower case. asked, other: which object each prompt asks for.
    Returns {"clean", "corrupt", "right", "wrong"}; answers look like " Blue". Raises ValueError if asked == other.
    """
    ### BEGIN SOLUTION
    if asked == other:
        raise ValueError("both prompts would ask for the same object")
    items = [f"{'an' if c[0] in 'aeiou' else 'a'} {c} {o}" for c, o in zip(colors, objects, strict=True)]
    listed = ", ".join(items[:-1]) + f", and {items[-1]}"

    def prompt(place):
        return f"Q: On the {surface}, I see {listed}. What color is the {objects[place]}?\nA:"

    return {
        "clean": prompt(asked),
        "corrupt": prompt(other),
        "right": f" {colors[asked].capitalize()}",
        "wrong": f" {colors[other].capitalize()}",
    }
    ### END SOLUTION


# %% role="check" exercise="colored_pair"
check(colored_pair)  # exercise: ch03.colored_pair

# %% [markdown]
# <details><summary>Hint 1: build it in pieces</summary>
#
# First a list of items such as "an orange cup", then the whole list as one text, then a sentence with a gap for the
# object.
#
# </details>
# <details><summary>Hint 2: almost the answer</summary>
#
# `", ".join(items[:-1]) + ", and " + items[-1]` is the list. `"orange".capitalize()` gives `"Orange"`. The corrupt
# prompt differs in the last object alone: do not shuffle the colours.
#
# </details>
#
# lab-lm learned its own, shorter wordings. The library draws pairs for four tasks in bulk (`tasks.TASKS`), as token
# ids. *Laundry lists* ask which thing is still missing. *Capitals* are the **control**: a stored fact, with nothing
# to look up in the prompt.

# %% role="demo"
example = ioi_pair("Anna", "Ben", "Ben", "park", "letter")
for key in ("clean", "corrupt"):
    says = model.tokenizer.decode([model(model.to_tokens(example[key]))[0, -1].argmax().item()])
    print(f"{key:8s} {example[key]} → {says}")

LAB_CORPUS = {"trust": 0.6, "zipf": 1.5, "conflict_zipf": 0.5}  # how often lab-lm met each country
pairs = {name: draw(Corpus(1, **LAB_CORPUS), 100) for name, draw in tasks.TASKS.items()}
spelled = words()
for name, pair in pairs.items():
    print(f"\n{name}: right '{spelled[pair.right[0]]}', wrong '{spelled[pair.wrong[0]]}'")
    for tokens in (pair.clean[0], pair.corrupt[0]):
        print("   ", " ".join(spelled[t] for t in tokens))

# %% [markdown]
# <details><summary>What you should see</summary>
#
# lab-lm answers both of your prompts correctly. In every pair below exactly one word differs. In the coloured objects
# of the lab ("the pen" → "red") the question *ends* at the object.
#
# </details>
#
# ## 2 · From three runs to one number
#
# How sure is a model? The **logit difference** compares the two candidates at the last position:
#
# $$d = \mathrm{logit}(\text{right}) - \mathrm{logit}(\text{wrong}).$$
#
# It is positive where the model prefers the right answer, and it changes with everything that a head writes, where
# accuracy only jumps.
#
# {card logit_difference}


# %% role="solution" exercise="logit_difference"
# exercise: ch03.logit_difference
def logit_difference(
    logits: Float[Tensor, "batch pos vocab"], right: Int[Tensor, "batch"], wrong: Int[Tensor, "batch"]
) -> Float[Tensor, "batch"]:
    """logit(right) - logit(wrong) at the last position, one number for each prompt (the paper's metric).

    logits: in logits, not probabilities. right, wrong: token ids, another pair for every prompt.
    """
    ### BEGIN SOLUTION
    rows = torch.arange(len(right))
    return logits[rows, -1, right] - logits[rows, -1, wrong]
    ### END SOLUTION


# %% role="check" exercise="logit_difference"
check(logit_difference)  # exercise: ch03.logit_difference

# %% [markdown]
# <details><summary>Hint 1: one entry for each row</summary>
#
# `last[:, right]` would give a square: every row against every token. You want row 0 with `right[0]`, row 1 with
# `right[1]`.
#
# </details>
# <details><summary>Hint 2: almost the answer</summary>
#
# Make a tensor of row numbers, 0 to batch − 1, with `torch.arange`. Three indices side by side, `[row numbers, -1,
# right]`, pick one entry per row. The same for `wrong`, then subtract.
#
# </details>
#
# When a patch is put into the clean run, there are three logit differences for each pair: clean, corrupt and patched,
# **all measured with the clean prompt's right and wrong answers**. The score says how far the patch has taken the
# model from clean to corrupt:
#
# $$s = \frac{\overline{d^{\,\text{patched}} - d^{\,\text{clean}}}}{\overline{d^{\,\text{corrupt}} -
# d^{\,\text{clean}}}}$$
#
# 0: nothing happened; 1: as if the whole prompt had been exchanged; negative: the patch made the model *surer*. The
# bar is a mean over pairs: a **ratio of means**, because a mean of ratios is ruled by the pairs with next to no gap.
# If the mean gap (below the line) is smaller than `min_gap` in size, there is no effect to share out: return
# `float("nan")`.
#
# {card patch_score}


# %% role="solution" exercise="patch_score"
# exercise: ch03.patch_score
def patch_score(
    clean: Float[Tensor, "batch"], corrupt: Float[Tensor, "batch"], patched: Float[Tensor, "batch"], min_gap: float
) -> float:
    """The share of the way from clean to corrupt that a patch goes (as in the authors' code, which stores -100 times
    it).

    clean, corrupt, patched: logit differences of the same prompts, in logits.
    Returns (mean of patched - clean) / (mean of corrupt - clean); NaN if the size of the latter is below min_gap.
    """
    ### BEGIN SOLUTION
    gap = (corrupt - clean).mean().item()
    return (patched - clean).mean().item() / gap if abs(gap) >= min_gap else math.nan
    ### END SOLUTION


# %% role="check" exercise="patch_score"
check(patch_score)  # exercise: ch03.patch_score

# %% [markdown]
# <details><summary>Hint 1: almost the answer</summary>
#
# Two means, one division, one `if`. `.item()` makes a Python float. From clean: subtract the clean one twice.
#
# </details>

# %% role="demo"
MIN_GAP = 0.5


def ends(net, pair):
    """Logit differences of the clean and of the corrupt run."""
    return [logit_difference(net(tokens), pair.right, pair.wrong) for tokens in (pair.clean, pair.corrupt)]


draw = torch.Generator().manual_seed(0)
planted_pairs = {
    "indirect objects": plan.indirect_objects(200, draw),
    "coloured objects": plan.colored_objects(200, draw),
    "partners": plan.partners(200, draw),  # the control: "Ben partner" asks for a name that the network has stored
}
for title, net, made in (("planted", planted, planted_pairs), ("lab-lm", model, pairs)):
    for name, pair in made.items():
        clean, corrupt = ends(net, pair)
        hits = (net(pair.clean)[:, -1].argmax(-1) == pair.right).float().mean()
        print(
            f"{title:8s} {name:18s} accuracy {hits:.2f}, d clean {clean.mean():+.2f}, d corrupt {corrupt.mean():+.2f}"
        )

# %% [markdown]
# <details><summary>What you should see</summary>
#
# Clean differences are positive, corrupt ones negative: the edit turns the answer round. Both models are perfect at
# indirect objects. *Partners* is the planted network's control task: a prompt names a person, and the answer, that
# person's partner, is stored in the weights. The planted network is right in only about half of its coloured objects.
# Keep that in mind.
#
# </details>
#
# ## 3 · Path patching to the logits
#
# Put a head's *corrupt* output into the clean run and let everything else run on: that is **activation patching**. It
# measures all that the head's output leads to, directly and through every later head that reads it. **Path patching**
# asks for one path. To follow the path *head → logits*:
#
# 1. run clean and corrupt, and keep the outputs $z$ of all heads;
# 2. run clean again. At the last position, replace the sender's $z$ by its corrupt value, and hold **every other
#    head's** $z$ at its clean value. Later heads then cannot react. MLPs are not held: they run (the route through an
#    MLP counts as direct).
#
# $$d_{h \to \text{logits}} = d\big(\,z_h^{\text{corrupt}},\ z_{h'}^{\text{clean}} \text{ for all } h' \ne h\,\big)$$
#
# All of this at the **last** position only, as in the authors' code. Return the logit difference $d_{h \to
# \text{logits}}$ of every pair; turning it into a score is the next cell's work.
#
# {card path_to_logits}
#
# | what | where | shape |
# |---|---|---|
# | run and remember | `logits, cache = net.run_with_cache(tokens)`; then `cache[name]` is what passed that hook | |
# | run with hooks, which are taken off afterwards | `net.run_with_hooks(tokens, fwd_hooks=[(name, function), ...])` | |
# | a head's output before $W_O$ | `f"blocks.{layer}.attn.hook_z"` | batch, pos, head, dim |
# | numbers of layers and heads | `net.cfg.n_layers`, `net.cfg.n_heads` | |
#
# A hook function gets a tensor and returns what shall stand in its place: `def hold(value, hook): ...`; `hook.name`
# is the name it sits on. `check` runs your function on the planted network, on lab-lm and on a random GPT-2.


# %% role="solution" exercise="path_to_logits"
# exercise: ch03.path_to_logits
def path_to_logits(
    net,
    clean: Int[Tensor, "batch pos"],
    corrupt: Int[Tensor, "batch pos"],
    layer: int,
    head: int,
    right: Int[Tensor, "batch"],
    wrong: Int[Tensor, "batch"],
) -> Float[Tensor, "batch"]:
    """Logit difference when one head sends its corrupt output directly to the logits (the paper's path patching).

    At the last position the sender's z is that of the corrupt run and every other head's z that of the clean run; MLPs
    run freely. Afterwards the model gives the same logits as before the call.
    """
    ### BEGIN SOLUTION
    _, clean_cache = net.run_with_cache(clean)
    _, corrupt_cache = net.run_with_cache(corrupt)
    sender = f"blocks.{layer}.attn.hook_z"

    def hold(value, hook):
        value = value.clone()
        value[:, -1] = clean_cache[hook.name][:, -1]
        if hook.name == sender:
            value[:, -1, head] = corrupt_cache[sender][:, -1, head]
        return value

    hooks = [(f"blocks.{i}.attn.hook_z", hold) for i in range(net.cfg.n_layers)]
    return logit_difference(net.run_with_hooks(clean, fwd_hooks=hooks), right, wrong)
    ### END SOLUTION


# %% role="check" exercise="path_to_logits"
check(path_to_logits)  # exercise: ch03.path_to_logits

# %% [markdown]
# <details><summary>Hint 1: one hook for all layers</summary>
#
# A single function can sit on every layer's `hook_z`: it knows where it is by `hook.name`. It sets the last position
# to the clean cache, and on the sender's layer puts back one corrupt head.
#
# </details>
# <details><summary>Hint 2: which run?</summary>
#
# Clean tokens, clean values everywhere, one corrupt head. If nothing ever changes, you hold the sender as well: set
# the corrupt head *after* the clean ones.
#
# </details>
# <details><summary>Hint 3: almost the answer</summary>
#
# On a clone: the slice `[:, -1]` from the clean run's cache, then, if `hook.name` is the sender's, the slice `[:, -1,
# head]` from the corrupt run's; return the clone. One hook for each of `range(net.cfg.n_layers)`, and then
# `logit_difference` of what `net.run_with_hooks` gives.
#
# </details>
#
# The planted network first. Its heads have names (`plan.ROLES`). What *should* come out is known.

# %% role="demo"
from mechanisms.plots import circuits as plots


def working(net):
    """[layer, head] of all heads whose output matrix is not zero. The others write nothing: their score is 0."""
    return (net.W_O.abs().amax((2, 3)) > 1e-6).nonzero().tolist()


def to_logits(net, pair):
    """The direct score of every head, [layer, head]."""
    clean, corrupt = ends(net, pair)
    scores = torch.zeros(net.cfg.n_layers, net.cfg.n_heads)
    for layer, head in working(net):
        patched = path_to_logits(net, pair.clean, pair.corrupt, layer, head, pair.right, pair.wrong)
        scores[layer, head] = patch_score(clean, corrupt, patched, MIN_GAP)
    return scores


planted_direct = {name: to_logits(planted, pair) for name, pair in planted_pairs.items()}
plots.plot_heads(planted_direct, "Planted: share of the effect that each head sends to the logits", plan.ROLES)

# %% [markdown]
# <details><summary>What you should see</summary>
#
# Two movers serve indirect objects *and* coloured objects. The negative mover matters for indirect objects only: it
# looks at the giver and pushes that name down. The control (*partners*) runs through another head entirely. All
# others are 0, or 0 to three digits: the inhibition head and the gatherer matter a great deal, but they do not write
# to the logits. They tell the movers where to look. Path patching to the logits cannot see them, and that is the
# point: one path at a time.
#
# </details>
#
# ## 4 · Walk back: into a receiver's queries, keys or values
#
# Who tells the mover where to look? Patch the path *head → mover's query*:
#
# 1. run clean with the sender corrupt and every other head held, as before, at one `position`; **record** the
#    receivers' queries (or keys, or values) there;
# 2. run clean **once more**, with nothing held, and put only the recorded vectors into the receivers, at that
#    position. What comes after the receivers reacts.
#
# For queries the position is the last one. Keys and values are made where a word stands, so for them the position is
# another one, and it may differ from prompt to prompt.
#
# {card path_to_receivers}
#
# `sender` is `[layer, head]`, `receivers` a list of such pairs (in later layers than the sender), `kind` is `"q"`,
# `"k"` or `"v"`; their hooks are `blocks.{layer}.attn.hook_q` and so on, with shape batch, pos, head, dim.


# %% role="solution" exercise="path_to_receivers"
# exercise: ch03.path_to_receivers
def path_to_receivers(
    net,
    clean: Int[Tensor, "batch pos"],
    corrupt: Int[Tensor, "batch pos"],
    sender: list[int],
    receivers: list[list[int]],
    kind: str,
    position: Int[Tensor, "batch"],
    right: Int[Tensor, "batch"],
    wrong: Int[Tensor, "batch"],
) -> Float[Tensor, "batch"]:
    """Logit difference when a head's corrupt output reaches only the receivers' q, k or v (the paper's path patching).

    First run: clean tokens; at ``position`` (one for each row) the sender's z is corrupt and every other head's z
    clean; the receivers' vectors of ``kind`` at ``position`` are recorded. Second run: clean tokens, nothing held,
    only the receivers' vectors at ``position`` replaced by the recorded ones. Afterwards the model is as it was.
    """
    ### BEGIN SOLUTION
    _, clean_cache = net.run_with_cache(clean)
    _, corrupt_cache = net.run_with_cache(corrupt)
    rows = torch.arange(len(clean))
    from_layer, from_head = sender
    recorded = {}

    def hold(value, hook):
        value = value.clone()
        value[rows, position] = clean_cache[hook.name][rows, position]
        if hook.name == f"blocks.{from_layer}.attn.hook_z":
            value[rows, position, from_head] = corrupt_cache[hook.name][rows, position, from_head]
        return value

    def record(value, hook):
        recorded[hook.name] = value

    def put(value, hook):
        value = value.clone()
        for layer, head in receivers:
            if hook.name == f"blocks.{layer}.attn.hook_{kind}":
                value[rows, position, head] = recorded[hook.name][rows, position, head]
        return value

    names = {f"blocks.{layer}.attn.hook_{kind}" for layer, _ in receivers}
    held = [(f"blocks.{i}.attn.hook_z", hold) for i in range(net.cfg.n_layers)]
    net.run_with_hooks(clean, fwd_hooks=held + [(name, record) for name in names])
    logits = net.run_with_hooks(clean, fwd_hooks=[(name, put) for name in names])
    return logit_difference(logits, right, wrong)
    ### END SOLUTION


# %% role="check" exercise="path_to_receivers"
check(path_to_receivers)  # exercise: ch03.path_to_receivers

# %% [markdown]
# <details><summary>Hint 1: start from exercise 3.5</summary>
#
# The first run is the one of `path_to_logits`, with `position` in place of −1, plus a hook that stores a tensor and
# returns nothing. The second run has other hooks: only those on the receivers.
#
# </details>
# <details><summary>Hint 2: a position for each row</summary>
#
# With row numbers 0 to batch − 1 in `rows`, `value[rows, position]` is [batch, head, dim] and `value[rows, position,
# head]` is [batch, dim]. Both work on the left of `=`.
#
# </details>
# <details><summary>Hint 3: almost the answer</summary>
#
# A dictionary from hook name to tensor, filled in the first run. In the second run the hook on a receiver's layer
# clones its value and overwrites `[rows, position, head]` for the receivers of that layer, and for no other head.
#
# </details>


# %% role="demo"
def to_receivers(net, pair, receivers, kind, position):
    """The score of every head before the receivers, [layer, head]; 0 for the others."""
    clean, corrupt = ends(net, pair)
    scores = torch.zeros(net.cfg.n_layers, net.cfg.n_heads)
    first = min(layer for layer, _ in receivers)
    for layer, head in working(net):
        if layer < first:
            args = ([layer, head], receivers, kind, position, pair.right, pair.wrong)
            patched = path_to_receivers(net, pair.clean, pair.corrupt, *args)
            scores[layer, head] = patch_score(clean, corrupt, patched, MIN_GAP)
    return scores


def last_place(pair):
    return torch.full((len(pair.clean),), pair.clean.shape[1] - 1)


two = {name: planted_pairs[name] for name in ("indirect objects", "coloured objects")}
MOVERS = [[2, 0], [2, 1], [2, 2]]
planted_queries = {name: to_receivers(planted, pair, MOVERS, "q", last_place(pair)) for name, pair in two.items()}
plots.plot_heads(planted_queries, "Planted: share that each head sends into the movers' queries", plan.ROLES, before=2)

# %% role="demo"
FEEDERS = {"indirect objects": [[1, 0]], "coloured objects": [[1, 1]]}
planted_values = {name: to_receivers(planted, pair, FEEDERS[name], "v", pair.repeat) for name, pair in two.items()}
plots.plot_heads(
    planted_values, "Planted: share sent into the feeder's values, at the repeated word", plan.ROLES, before=1
)

# %% [markdown]
# <details><summary>What you should see</summary>
#
# (A dash: not measured, as a head cannot send anything to its own layer or an earlier one.)
#
# Into the movers' queries: the *inhibition* head for indirect objects, the *content gatherer* for coloured objects.
# Different heads for the same place in the circuit, as the paper finds in GPT-2 medium. One step further back, in the
# values of those two at the word that comes again: the *duplicate-token* head, in both tasks. (Only about half of the
# indirect-object effect comes that way: the inhibition head also copies the repeated word itself, and that word stays
# clean here.) So these two circuits share their two ends (duplicate token, movers) and differ in the middle.
#
# The previous-token head never shows, although coloured objects need it: it ties each colour to its object, and the
# corrupt prompt leaves the list as it is. **Patching sees only what the minimal pair changes.**
#
# </details>
#
# Now lab-lm. Its heads have no names. (Five of its twelve heads are *pruned*: their output matrices are zero. They
# are grey.)

# %% role="demo"
live = working(model)
direct = {name: to_logits(model, pair) for name, pair in pairs.items()}
plots.plot_heads(direct, "lab-lm: share of the effect that each head sends to the logits", live=live)


# %% role="demo"
def strongest_late(scores):
    """The head above layer 0 with the largest direct score: the mover, if there is one."""
    late = scores.clone()
    late[0] = 0
    return list(divmod(late.argmax().item(), late.shape[1]))


movers = {name: strongest_late(scores) for name, scores in direct.items()}
queries = {name: to_receivers(model, pair, [movers[name]], "q", last_place(pair)) for name, pair in pairs.items()}
print({name: f"{layer}.{head}" for name, (layer, head) in movers.items()})
last_mover = max(layer for layer, _ in movers.values())
title = "lab-lm: share that each head sends into the query of that task's mover"
plots.plot_heads(queries, title, live=live, before=last_mover)

# %% [markdown]
# <details><summary>What you should see</summary>
#
# Coloured objects go almost entirely through one mover in layer 1. Indirect objects use the *same* mover, and more
# directly a head of layer 0. That head also feeds the mover's query in both tasks (in coloured objects all four heads
# of layer 0 do): something like sharing. But look at the fourth panel of the first figure. The **control** goes
# through the same layer-0 head and the same mover, and nobody would say that knowing the capital of Switzerland is
# "the same circuit" as finding an indirect object. In a model with seven working heads most tasks must meet somewhere.
# We need a yardstick.
#
# </details>
#
# ## 5 · What is an overlap worth?
#
# ### Predict before you run

# %% role="predict"
predict("03.q1", None)

# %% [markdown]
# A **circuit** as a set of heads: take the `k` heads with the largest *absolute* score at each stage (logits, queries
# …), and unite the stages. A head counts once, however often it turns up. A head whose score is smaller than `floor` in
# size does not belong, even if fewer than `k` are left: where two heads do everything, the third largest is noise.
#
# The paper reports an overlap of 25 of 32 heads, 78%. Of what? 25/32 fits "shared by union", $|A \cap B| / |A \cup
# B|$, and "shared by one circuit's size", $|A \cap B| / |A|$. We could not find the formula, so state yours: we
# compute both.
#
# And a null: had both circuits been drawn at random among the $N$ heads, $|A||B|/N$ would be shared on average, and
# the number shared, $S$, would follow a **hypergeometric** law,
#
# $$P(S = s) = \binom{|A|}{s}\binom{N-|A|}{|B|-s} \Big/ \binom{N}{|B|}.$$
#
# `chance` is the probability of as many shared heads **or more**.
#
# {card circuit_overlap}
#
# Ties in size go to the earlier head (lower layer, then lower head). If a set is empty, shares of it are 0.0.


# %% role="solution" exercise="circuit_overlap"
# exercise: ch03.circuit_overlap
def circuit_overlap(
    first: Float[Tensor, "stage layer head"],
    second: Float[Tensor, "stage layer head"],
    k: int,
    floor: float,
    n_heads: int,
) -> dict:
    """What two circuits share, and what chance would give (paper, section 4).

    first, second: scores of two tasks. Per stage the k heads with the largest absolute scores belong, if these are at
    least floor (> 0); the circuit is the union over stages. n_heads: how many heads could have belonged.
    Returns {"first", "second", "shared": sorted lists of [layer, head], "of_union", "of_first": shares of 1,
    "expected": mean number shared by random sets of these sizes, "chance": P(as many or more)}.
    """

    ### BEGIN SOLUTION
    def circuit(stages):
        chosen = set()
        for scores in stages:
            size = scores.shape[1]
            values = scores.abs().flatten().tolist()
            order = sorted(range(len(values)), key=lambda i: -values[i])
            chosen |= {divmod(i, size) for i in order[:k] if values[i] >= floor}
        return chosen

    a, b = circuit(first), circuit(second)
    shared, union = a & b, a | b
    tail = range(len(shared), min(len(a), len(b)) + 1)
    ways = sum(comb(len(a), s) * comb(n_heads - len(a), len(b) - s) for s in tail)
    return {
        "first": sorted(list(head) for head in a),
        "second": sorted(list(head) for head in b),
        "shared": sorted(list(head) for head in shared),
        "of_union": len(shared) / len(union) if union else 0.0,
        "of_first": len(shared) / len(a) if a else 0.0,
        "expected": len(a) * len(b) / n_heads,
        "chance": ways / comb(n_heads, len(b)),
    }
    ### END SOLUTION


# %% role="check" exercise="circuit_overlap"
check(circuit_overlap)  # exercise: ch03.circuit_overlap

# %% [markdown]
# <details><summary>Hint 1: sets of pairs</summary>
#
# `divmod(i, number of heads per layer)` turns a place in the flattened scores into (layer, head). Sets of such pairs
# can be united (`|`) and intersected (`&`). Python's `sorted` keeps the order of equals, so sort places 0, 1, 2 … by
# minus the size.
#
# </details>
# <details><summary>Hint 2: the null</summary>
#
# `math.comb(n, k)` is imported as `comb`. Sum the numerator over s from `len(shared)` to `min(len(a), len(b))`, then
# divide.
#
# </details>
# <details><summary>Hint 3: almost the answer</summary>
#
# The sum is `comb(len(a), s) * comb(n_heads - len(a), len(b) - s)`; the divisor `comb(n_heads, len(b))`.
#
# </details>


# %% role="demo"
TOP, FLOOR = 3, 0.01


def told(title, found):
    print(
        f"{title:40s} shared {len(found['shared'])} of {len(found['first'])} and {len(found['second'])}: "
        f"{found['of_union']:.0%} of the union, {found['of_first']:.0%} of the first; "
        f"chance would share {found['expected']:.1f}; P = {found['chance']:.2f}"
    )


planted_stages = {
    name: torch.stack([planted_direct[name], planted_queries[name], planted_values[name]]) for name in two
}
truth = circuit_overlap(*planted_stages.values(), TOP, FLOOR, 12)
told("planted: indirect and coloured objects", truth)
print("   shared:", [plan.ROLES[tuple(head)] for head in truth["shared"]])

stages = {name: torch.stack([direct[name], queries[name]]) for name in pairs}
with_ioi = {
    name: circuit_overlap(stages["indirect objects"], stages[name], TOP, FLOOR, len(live)) for name in list(pairs)[1:]
}
for name, found in with_ioi.items():
    told(f"lab-lm: indirect objects and {name}", found)

# %% [markdown]
# <details><summary>What you should see</summary>
#
# Planted: three shared heads, and we know that they are real. But P = 0.15: with twelve heads even a true overlap of
# this size is hard to tell from chance. lab-lm: two shared heads in *every* comparison, **the control included**. Two
# thirds of the first circuit looks like reuse and means nothing, as the null says on its own and the control says in
# plain sight. The paper's case is stronger in both ways: 384 heads, so that two random sets of thirty would share two
# or three, and controls at 17% and 25% against 78%.
#
# </details>
#
# Over seeds: the course trained lab-lm's recipe with several seeds (`python -m mechanisms.training.circuits_sweep`).
# Each dot is a model.

# %% role="demo"
from mechanisms.training import circuits_sweep

sweep = circuits_sweep.load()
over = circuits_sweep.summary(sweep["lab-lm"])["above control"]["coloured objects"]
print(
    f"coloured objects share {100 * over['mean']:+.0f} points more with indirect objects than the capitals do; "
    f"95% interval over {over['n']} seeds: {100 * over['low']:+.0f} to {100 * over['high']:+.0f}"
)
plots.plot_overlaps(sweep)

# %% [markdown]
# <details><summary>What you should see</summary>
#
# On average all three tasks share more with indirect objects than random sets would, coloured objects most of all. But
# the dots of coloured objects and of the control lie among each other: in one model recalling a capital shares *every*
# head. The interval of the difference reaches far to both sides of zero. So few, so small models do not tell whether
# coloured objects share more than a capital does. The page of the chapter says more about the seeds.
#
# </details>
#
# ## 6 · The repair
#
# A comparison of sets is a correlation. Here is the experiment. lab-lm has a weakness in coloured objects: six
# objects (of thirty) were never *asked about* in training. It nearly always says one of the three listed colours, and
# picks the right one hardly more often than chance. It knows the candidates and not the binding. In indirect objects,
# there are heads that *hold back* what they look at. So make those heads look at the two **wrong** colours.
#
# ### Predict before you run

# %% role="predict"
predict("03.q2", None)

# %% [markdown]
# The last row of a head's attention pattern says where the last position looks. Replace it by a mixture of itself and
# an equal split over given positions:
#
# $$A'_{\text{last}} = (1 - m)\,A_{\text{last}} + m \cdot \tfrac{1}{k}\,\mathbb{1}[\text{the } k \text{ positions}]$$
#
# so that it still sums to 1. $m$ is called `share`; `share = 1` is the paper's override. Everything else stays live:
# later heads react to what these heads now write.
#
# {card override_attention}
#
# The pattern's hook is `f"blocks.{layer}.attn.hook_pattern"`, [batch, head, query position, key position], after the
# softmax. `positions` are different within each row.


# %% role="solution" exercise="override_attention"
# exercise: ch03.override_attention
def override_attention(
    net, tokens: Int[Tensor, "batch pos"], heads: list[list[int]], positions: Int[Tensor, "batch k"], share: float
) -> Float[Tensor, "batch vocab"]:
    """Logits at the last position when some heads are told where to look (paper, section 5).

    For every [layer, head] in ``heads`` the attention of the last position becomes (1 - share) times its own plus
    ``share`` times 1/k on each of the k positions. All else stays live; afterwards the model is as it was.
    """
    ### BEGIN SOLUTION
    target = torch.zeros(tokens.shape, device=tokens.device).scatter(1, positions, 1 / positions.shape[1])

    def force(pattern, hook):
        pattern = pattern.clone()
        for layer, head in heads:
            if hook.name == f"blocks.{layer}.attn.hook_pattern":
                pattern[:, head, -1] = (1 - share) * pattern[:, head, -1] + share * target
        return pattern

    hooks = [(f"blocks.{layer}.attn.hook_pattern", force) for layer in {layer for layer, _ in heads}]
    return net.run_with_hooks(tokens, fwd_hooks=hooks)[:, -1]
    ### END SOLUTION


# %% role="check" exercise="override_attention"
check(override_attention)  # exercise: ch03.override_attention

# %% [markdown]
# <details><summary>Hint 1: the new row</summary>
#
# `torch.zeros(tokens.shape).scatter(1, positions, 1 / k)` has 1/k at the positions of each row and 0 elsewhere:
# [batch, pos], just the shape of `pattern[:, head, -1]`.
#
# </details>
# <details><summary>Hint 2: several heads, several layers</summary>
#
# One hook for each *layer* that occurs in `heads`, set once; inside, loop over the heads of that layer. Two hooks for
# the same head would mix twice.
#
# </details>
# <details><summary>Hint 3: almost the answer</summary>
#
# On a clone of the pattern, for each head of this hook's layer: its row `[:, head, -1]` becomes the mixture of the
# formula, with the target row of hint 1. Return the clone; at the end keep `[:, -1]` of the logits.
#
# </details>
#
# On the planted network, where we know which head inhibits (1.0) and which one is the negative mover (2.2):


# %% role="demo"
def hit_rate(logits, pair):
    return (logits.argmax(-1) == pair.right).float().mean().item()


pair = plan.colored_objects(1000, torch.Generator().manual_seed(1))
planted_repair = {"unchanged": hit_rate(planted(pair.clean)[:, -1], pair)}
for name, heads in {"negative mover": [[2, 2]], "inhibition head": [[1, 0]], "both": [[1, 0], [2, 2]]}.items():
    planted_repair[name] = hit_rate(override_attention(planted, pair.clean, heads, pair.wrong_options, 1.0), pair)
planted_repair["both, on the listed objects"] = hit_rate(
    override_attention(planted, pair.clean, [[1, 0], [2, 2]], pair.wrong_options - 1, 1.0), pair
)
plots.plot_accuracies(
    planted_repair, "Planted: coloured objects, attention forced onto the wrong colours", chance=1 / 3
)

# %% [markdown]
# <details><summary>What you should see</summary>
#
# The same order as in the paper (49.6% unchanged, 78.1% negative mover, 81.5% inhibition heads, 93.7% both), which is
# no surprise: the network was planted so. What it shows is that the *method* works when its story is true, and that
# the control, looking at objects, does nothing at all.
#
# </details>
#
# Now lab-lm. Which heads inhibit? Nobody may peek at coloured objects for this. On **indirect objects** force each
# head onto the giver, then onto the other person: if the logit difference is larger in the first case, the head holds
# back what it looks at. The two heads with the largest scores are taken, and `share = 0.5`. (Two heads and one half:
# chosen on this model and then fixed for all other seeds.)
#
# The score is a mean over two kinds of indirect objects: with names, and with colours in the persons' places ("after
# red and blue got to the park , red gave the map to"). lab-lm met both in training, one batch in three with
# colours. So these heads have held back colours before, but in another task and never in a list of coloured objects.


# %% role="demo"
def inhibition_scores(net, pair, heads):
    """How much more a head, looking at the giver, favours the other person than when it looks at that person."""
    scores = torch.zeros(net.cfg.n_layers, net.cfg.n_heads)
    for layer, head in heads:
        looks = [
            override_attention(net, pair.clean, [[layer, head]], pair.options[:, who : who + 1], 1.0) for who in (0, 1)
        ]
        moved = [logit_difference(logits[:, None], pair.right, pair.wrong).mean() for logits in looks]
        scores[layer, head] = moved[0] - moved[1]
    return scores


people = [tasks.indirect_objects(Corpus(2), 200, pool) for pool in ("names", "colors")]
inhibition = sum(inhibition_scores(model, pair, live) for pair in people) / 2
HEADS = sorted(live, key=lambda head: -inhibition[head[0], head[1]])[:2]
LEAST = sorted(live, key=lambda head: inhibition[head[0], head[1]])[:2]
SHARE = 0.5
print("overridden:", HEADS)
plots.plot_heads({"inhibition score on indirect objects, in logits": inhibition}, "lab-lm", live=live)

# %% role="demo"
weak = tasks.colored_objects(Corpus(3), 1000, held_out=True)
asked = weak.clean[:, -1:]
objects = weak.fillers[weak.clean.gather(1, weak.fillers) != asked].view(-1, 2)
start = torch.zeros(len(weak), 1, dtype=torch.long)


def repaired(heads, positions, share=SHARE):
    return override_attention(model, weak.clean, heads, positions, share)


before, after = model(weak.clean)[:, -1], repaired(HEADS, weak.wrong_options)
lab_repair = {
    "unchanged": hit_rate(before, weak),
    "inhibition heads onto the wrong colours": hit_rate(after, weak),
    "… onto the other objects (control)": hit_rate(repaired(HEADS, objects), weak),
    "… onto the start (control)": hit_rate(repaired(HEADS, start), weak),
    "least inhibiting heads onto the wrong colours": hit_rate(repaired(LEAST, weak.wrong_options), weak),
}
right_before, right_after = before.argmax(-1) == weak.right, after.argmax(-1) == weak.right
new_errors = (right_before & ~right_after).float().mean().item()
mended = (~right_before & right_after).float().mean().item()
print(f"mended {mended:.1%} of all prompts, broke {new_errors:.1%}")
plots.plot_accuracies(lab_repair, "lab-lm: coloured objects, objects never asked about", chance=1 / 3)

# %% [markdown]
# <details><summary>What you should see</summary>
#
# From little more than a third to about two thirds, with heads chosen on another task. The same heads looking at the
# other *objects* hardly change anything, and looking at the start they do harm. The two heads that inhibit least make
# it much worse: their scores are negative, so they *favour* what they look at; one of them is the mover. A few answers
# that were right become wrong. (The paper reports none, for its repair in GPT-2 medium.)
#
# Be clear about what has been shown. We told the heads which colours are wrong, so the model has not learned to bind.
# What is shown is that a mechanism found in one task does the same in another when it is put to work there.
#
# </details>
#
# What happens downstream? The paper looks at the movers, which nobody touched: their attention to wrong colours falls
# by 8.7 points, that to the right one rises by 2.7.

# %% role="demo"
mover = movers["coloured objects"]
name = f"blocks.{mover[0]}.attn.hook_pattern"
seen = []
with model.hooks(fwd_hooks=[(name, lambda pattern, hook: seen.append(pattern[:, mover[1], -1]))]):
    model(weak.clean)
    repaired(HEADS, weak.wrong_options)
right_place = weak.options[weak.clean.gather(1, weak.options) == weak.right[:, None]][:, None]
shift = seen[1] - seen[0]
to_wrong = shift.gather(1, weak.wrong_options).sum(1).mean().item()
to_right = shift.gather(1, right_place).sum(1).mean().item()
print(f"mover {mover[0]}.{mover[1]}: attention to wrong colours {to_wrong:+.1%}, to the right one {to_right:+.1%}")
row = int((~right_before & right_after).nonzero()[0])
plots.plot_rows(
    [spelled[t] for t in weak.clean[row]],
    {"before": seen[0][row], "after": seen[1][row]},
    f"Where the mover looks, before and after; right answer: {spelled[weak.right[row]]}",
)

# %% [markdown]
# <details><summary>What you should see</summary>
#
# On average the mover turns away from the wrong colours, though nobody touched its weights or its pattern: all that
# changed is what the overridden heads wrote into the residual stream. In the example, the first prompt that was
# mended, the right colour has come out on top.
#
# </details>
#
# ## 7 · Is it the same property?
#
# If a head helps coloured objects *because* of what it does in indirect objects, then heads that matter more there
# should help more here. The paper reports a Spearman correlation of 0.69 between the effect of the intervention and
# the path-patching effect. Spearman's correlation is Pearson's correlation of **ranks**; equal values share the
# **average** of their ranks (so 5, 7, 7 get 1, 2.5, 2.5). If either list is constant, it is undefined:
# `float("nan")`.
#
# {card rank_agreement}
#
# scipy's own routine is not allowed here; numpy and torch are.


# %% role="solution" exercise="rank_agreement"
# exercise: ch03.rank_agreement
def rank_agreement(x: Float[Tensor, "n"], y: Float[Tensor, "n"]) -> float:
    """Spearman's rank correlation with average ranks for ties (paper, section 5). NaN if x or y is constant."""

    ### BEGIN SOLUTION
    def ranks(values):
        below = (values[None, :] < values[:, None]).double().sum(1)
        equal = (values[None, :] == values[:, None]).double().sum(1)
        return below + (equal + 1) / 2

    a, b = (ranks(values) - (len(values) + 1) / 2 for values in (x, y))
    size = (a.square().sum() * b.square().sum()).sqrt().item()
    return (a * b).sum().item() / size if size > 0 else math.nan
    ### END SOLUTION


# %% role="check" exercise="rank_agreement"
check(rank_agreement)  # exercise: ch03.rank_agreement

# %% [markdown]
# <details><summary>Hint 1: ranks without sorting</summary>
#
# The rank of a value is the number of smaller values, plus half of (the number of equal ones, itself included, plus
# one).
#
# </details>
# <details><summary>Hint 2: almost the answer</summary>
#
# `values[None, :] < values[:, None]` compares all pairs. Subtract the mean rank from both, then the usual $\sum ab /
# \sqrt{\sum a^2 \sum b^2}$.
#
# </details>

# %% role="demo"
plain = logit_difference(model(weak.clean), weak.right, weak.wrong)
feeders = [head for head in live if head[0] < movers["indirect objects"][0]]
moved = torch.tensor(
    [
        (logit_difference(repaired([head], weak.wrong_options)[:, None], weak.right, weak.wrong) - plain).mean().item()
        for head in feeders
    ]
)
carried = torch.tensor([queries["indirect objects"][layer, head].item() for layer, head in feeders])
rho = rank_agreement(moved, carried)
for head, a, b in zip(feeders, moved.tolist(), carried.tolist(), strict=True):
    print(f"head {head[0]}.{head[1]}: override {a:+.2f} logits; into the mover's query on indirect objects {b:+.3f}")
pooled = circuits_sweep.summary(sweep["lab-lm"])["agreement"]
print(f"this model: rho = {rho:+.2f} over {len(feeders)} heads")
print(f"other seeds, all heads together: rho = {pooled['rho']:+.2f} over {pooled['n']} heads, p = {pooled['p']:.3f}")

# %% [markdown]
# <details><summary>What you should see</summary>
#
# Over four heads a rank correlation can only take a few values; do not read much into this model's. The pooled one,
# over the heads of all other seeds, is what to quote. It has the paper's sign and not its strength, and its p says that
# so few models do not settle the question.
#
# </details>
#
# And does the repair itself depend on the seed? The rule (two heads, one half) was fixed on seed 0, which is the
# shipped model, and then applied to every other seed.

# %% role="demo"
found = circuits_sweep.summary(sweep["lab-lm"])
able = found["repair where learned"]
print(f"coloured objects were learned by {found['learned']} of {found['tried']} seeds")
print(f"lifted by 20 points or more in {able['lifted']} of {able['seeds']} others that learned them")
plots.plot_repairs(sweep["lab-lm"], circuits_sweep.REPAIR, circuits_sweep.CHOSEN_ON)

# %% [markdown]
# <details><summary>What you should see</summary>
#
# The recipe fails more often than one would like: in four of six seeds coloured objects are not learned to 95%. Where
# they were (two models, and the rule was chosen on one of them), the repair lifts objects that were never asked about
# by more than twenty points, and the controls stay about where they were or fall. The three others in the figure
# do not stay with the listed colours, and each tells another story: seed 2 is lifted as much, seed 3 hardly moves, and
# in seed 4 looking at the objects, a control, does more than the repair.
#
# </details>

# %% [markdown]
# ## 8 · Look at it as a graph
#
# Nodes are heads, edges are your path-patching scores. Drag the threshold: what remains at 2%, at 10%, at 30%? A
# "circuit" is a graph *and* a threshold.

# %% role="demo"
from mechanisms.widgets import circuit_graph, circuit_slider

graphs = {}
for name in planted_stages:
    graphs[f"planted: {name}"] = circuit_graph(
        planted_direct[name], MOVERS, planted_queries[name], FEEDERS[name], planted_values[name]
    )
for name in pairs:
    graphs[f"lab-lm: {name}"] = circuit_graph(direct[name], [movers[name]], queries[name])
circuit_slider(graphs)

# %% [markdown]
# <details><summary>What you should see</summary>
#
# The planted circuits keep their shape over a wide range of thresholds. In lab-lm a head that is "in" at 5% is "out"
# at 20%, in another order for each task. Before you compare two circuits, ask whether they would have been other
# circuits at another threshold.
#
# </details>
#
# ## 9 · Your results beside the paper's
#
# The third column comes from the sweep's file and its summary, written by the code that measured them; the last one
# is yours, from this notebook.

# %% role="demo"
from mechanisms.plots.claims import CIRCUIT_REUSE, claims_table

own, control = with_ioi["coloured objects"], with_ioi["capitals (control)"]
claims_table(
    CIRCUIT_REUSE,
    {
        "overlap": f"{own['of_union']:.0%} of the union, {own['of_first']:.0%} of the first; P = {own['chance']:.2f}",
        "control": f"{control['of_union']:.0%} of the union, {control['of_first']:.0%} of the first",
        "base": f"{lab_repair['unchanged']:.1%}",
        "repair": f"{hit_rate(after, weak):.1%}; broke {new_errors:.1%}",
        "controls": ", ".join(
            f"{what} {hit_rate(repaired(HEADS, where), weak):.1%}"
            for what, where in (("objects", objects), ("start", start))
        ),
        "shift": f"{to_wrong:+.1%} to wrong colours, {to_right:+.1%} to the right one",
        "agreement": f"ρ = {rho:+.2f} over {len(feeders)} heads",
    },
    model="lab-lm, seeds",
    measured=sweep,
)

# %% [markdown] role="rubric" id="same_circuit" points=5
# ### In your own words (5 points, read by a person)
#
# A colleague writes: "*Our two tasks share 60% of their circuit. The model has learned a general algorithm.*" In six
# to ten sentences, answer with what you measured.
#
# - What three things must you know before 60% means anything? Give each with its number for lab-lm. (2 points)
# - The repair made coloured objects better by far. Say what it shows about reuse that an overlap of sets cannot show,
#   with your numbers and the two controls. (1 point)
# - And what does it *not* show? Who knew which colours were wrong? (1 point)
# - Path patching never found the planted previous-token head. Explain why, and name a pair of prompts that would find
#   it (more than one word may differ). (1 point)
#
# ### BEGIN SOLUTION
# **Mark scheme.**
#
# - *2 points*: the definition (of the union or of one circuit, and k or the threshold), the number expected by chance
#   with its probability, and the overlap with a control task; each with the notebook's value. One point if one of the
#   three is missing.
# - *1 point*: it is an intervention: heads chosen on indirect objects alone change coloured objects in the predicted
#   direction (accuracy before and after), while the same heads looking at objects or at the start do not, so the
#   *content* looked at matters.
# - *1 point*: the experimenter supplied the wrong colours, so the model was not shown to use this mechanism by itself
#   there; on its own it does not. And inhibition in layer 0 may be a general property of copying heads.
# - *1 point*: the pair changes the question and leaves the list as it is, so that head's output is the same in both
#   runs. A pair that exchanges two *objects* in the list changes it: patched at a colour's place into the movers' keys
#   it carries half of the effect, and at the other colour's place the other half. Exchanging the two *colours* does
#   not: what stands before each colour is the same as before. No point for that answer, unless the effect on the head's
#   output is argued.
#
# A model answer, in the shape we hope for: "The share is [40%] of the union, where chance would share [1.7] heads (P
# = [0.6]) and the control, recalling capitals, shares [50%]. So ..."
# ### END SOLUTION

# %% [markdown]
# ## 10 · Paper scale
#
# The same functions on GPT-2 medium, with your paper-style prompts. This needs a GPU (a free Colab T4 is enough) and,
# the first time, a download of 1.5 GB. Without them the next cell says so in one sentence and the others do nothing.
#
# What to look for: the heads that the paper names as shared, movers **15.14, 16.15, 17.4, 18.5, 19.15**, induction
# **9.3**, duplicate token **6.4**. And a riddle: the third inhibition head is 13.13 in one part of the paper and
# 13.14 in another. Let the model decide.

# %% role="paper"
from mechanisms.models.paper import load_paper_model
from mechanisms.training.circuits_paper import (
    INHIBITION,
    NEGATIVE_MOVER,
    SHARED_MOVERS,
    PaperPairs,
    attention_to_repeat,
    colored_prompts,
    ioi_prompts,
    show_ranks,
)

paper = load_paper_model("gpt2-medium")


def paper_pairs(net, rows):
    """Pairs of prompts of one length, as tokens on the model's device; PaperPairs has the fields of the lab's pairs."""
    return PaperPairs.from_text(net, rows)


# %% role="paper"
if paper is not None:
    paper_tasks = {
        "indirect objects": paper_pairs(paper, ioi_prompts(ioi_pair, 40)),
        "coloured objects": paper_pairs(paper, colored_prompts(colored_pair, 40)),
    }
    paper_direct = {}
    for task_name, pair in paper_tasks.items():
        clean, corrupt = ends(paper, pair)
        print(f"{task_name}: {len(pair)} pairs, d clean {clean.mean():+.2f}, d corrupt {corrupt.mean():+.2f}")
        paper_direct[task_name] = to_logits(paper, pair)
        show_ranks(task_name, paper_direct[task_name], SHARED_MOVERS + NEGATIVE_MOVER)
    both = [paper_direct[task_name][None] for task_name in paper_tasks]
    told("gpt2-medium", circuit_overlap(*both, 8, FLOOR, paper.cfg.n_layers * paper.cfg.n_heads))

# %% role="paper"
if paper is not None:
    pair = paper_tasks["indirect objects"]
    clean, corrupt = ends(paper, pair)
    receivers = [head for head in SHARED_MOVERS if head[0] < paper.cfg.n_layers and head[1] < paper.cfg.n_heads]
    print("into the movers' queries, and attention from the last position to the repeated name:")
    for sender in INHIBITION:
        if sender[0] < min(layer for layer, _ in receivers):
            args = (sender, receivers, "q", last_place(pair), pair.right, pair.wrong)
            score = patch_score(clean, corrupt, path_to_receivers(paper, pair.clean, pair.corrupt, *args), MIN_GAP)
            looks = attention_to_repeat(paper, pair, sender)
            print(f"   head {sender[0]}.{sender[1]}: score {score:+.3f}, attention {looks:.2f}")

# %% role="paper"
if paper is not None:
    pair = paper_tasks["coloured objects"]
    print(f"coloured objects, unchanged: {hit_rate(paper(pair.clean)[:, -1], pair):.1%}")
    for third in ([13, 13], [13, 14]):
        heads = [[12, 3], [13, 4], third, *NEGATIVE_MOVER]
        heads = [head for head in heads if head[0] < paper.cfg.n_layers and head[1] < paper.cfg.n_heads]
        after = override_attention(paper, pair.clean, heads, pair.wrong_options, 1.0)
        print(f"with {third[0]}.{third[1]} as the third inhibition head: {hit_rate(after, pair):.1%}")

# %% [markdown]
# The paper gives a solved example before each question ("one-shot") and 1,000 prompts; these 40 have none. Expect a
# lower accuracy to start from, and read directions, not digits.
#
# ### Where to go from here
#
# - Put the repair's `share` on the horizontal axis, for each single head. Is one half special?
# - Take *laundry lists* in the place of coloured objects. Chapter 04 is about them.
# - Make a planted mover weaker. Write a hook `half` that halves its $z$, and call `to_logits` inside `with
#   planted.hooks(fwd_hooks=[("blocks.2.attn.hook_z", half)]):`. Which scores change?
# - Chapter 02 scales heads that copy from the context. Is lab-lm's mover among them?
