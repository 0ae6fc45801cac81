"""Chapter 07, image to text by one linear map: the source of the exercise notebook, solutions included.

- eight exercises take the reader from features to soft prompts, a trained map, captions, and numbers with intervals;
- the maps are trained in the notebook, with the reader's own functions; encoders and language model are shipped;
- nothing here names a number that the notebook does not measure.
"""

# %% [markdown]
# # 07 · Image to text by one linear map
#
# A language model has read about red things and has never seen one. An image encoder has seen red things and has never
# read a word. Merullo, Castricato, Eickhoff and Pavlick (*Linearly Mapping from Image to Text Space*, ICLR 2023) freeze
# both and train **one linear map** from the features of the one to the input space of the other. If captions come out
# right, the language model's space has a place for what the encoder sees, and one matrix leads there. They call the
# method LiMBeR.
#
# You do the same in small: a rendered world of *creatures*, a language model that knows them from text alone, and four
# frozen encoders that learned with more and more help from language. By the end you can
#
# - turn image features into **soft prompts** and put them in front of words, with labels and mask where they belong;
# - train through a frozen language model, and show that nothing but the map has changed;
# - say what passes through one matrix (size, colour) and what depends on the encoder (the category);
# - put a paired interval around a difference, and read two metrics of captioning with a critical eye.
#
# **Eight exercises, about 97 minutes, 70 points**, and one question for a human reader (5 points). Below every exercise
# stands a `check(...)` line. Run it as often as you like: it tells you which case failed and, often, why. Hints are
# folded, from a nudge to almost the answer. The chapter's page in the book tells the story and shows all seeds.

# %% [markdown]
# ## Setup
#
# Run this first. Everything that your own functions may use is imported here.

# %% role="setup"
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from mechanisms import check, predict
from mechanisms.data import creature_text as text
from mechanisms.data.scenes import creatures
from mechanisms.models import load

torch.set_num_threads(1)  # the models are so small that a second thread would mostly wait for the first
ENCODERS = ("random", "self-supervised", "labels", "captions")
ATTRIBUTES = creatures.ATTRIBUTES  # "size", "colour", "category"

# %% [markdown]
# ## 1 · A world in two halves
#
# **What can be seen.** A scene is 32 × 32 pixels and shows one creature among clutter. A creature has a *size* (3), a
# *colour* (6) and a *category* (12). The category is an outline (disc, square, diamond) with a texture (stripes along,
# across or slanted, or a checker). Every scene is drawn from a seed.

# %% role="demo"
from mechanisms.plots.scenes import contact_sheet

one_each = torch.tensor([[2, 0, category] for category in range(12)])  # large, red, each category once
pictures = creatures.paint(one_each, torch.Generator().manual_seed(0))
contact_sheet(pictures, creatures.CATEGORIES, title="The twelve categories")

# %% role="demo"
examples = creatures.draw(12, torch.Generator().manual_seed(3), "seen")
contact_sheet(examples.images, creatures.captions(examples.labels), title="Scenes and their captions")

# %% [markdown]
# **What can be read.** A language model, a GPT-2 with three layers, has read documents about creatures. They also tell
# what no image shows: the creature's *kind* and the *sound* it makes.

# %% role="demo"
lm = load("lab-lm-scenes")  # a Hugging Face GPT-2: a token is a word
document = text.documents(examples.labels[:1], torch.Generator().manual_seed(0))[0]
print("a document:", text.decode(document[document != text.PAD]))
prompt = text.encode("<bos> a small red wug . it says")
best = lm(torch.tensor([prompt])).logits[0, -1].argmax()
print("asked:     ", text.decode(prompt), "→", text.WORDS[best])

# %% [markdown]
# **Four encoders** of one shape (three convolution blocks). One was never trained. Three were trained on the same
# scenes, and differ in what told them what to look for:
#
# | encoder | trained to | help from language | in the paper |
# |---|---|---|---|
# | `random` | nothing | none | a random NF-ResNet50 |
# | `self-supervised` | tell which two altered views are of one image | none | BEIT (masked patches) |
# | `labels` | name the category, one of 12 | a label a scene | NF-ResNet50 |
# | `captions` | find the caption of an image (open_clip's CLIP) | a caption a scene | CLIP |
#
# Features are what the last block sees, averaged to 2 × 2 cells: 256 numbers an image, centred, and scaled by one
# number for each encoder.

# %% role="demo"
encoders = load("lab-vision")
train, test = (creatures.draw(n, torch.Generator().manual_seed(seed), "seen") for n, seed in ((3000, 71), (1000, 72)))
features = {name: (encoders.features(name, train.images), encoders.features(name, test.images)) for name in ENCODERS}
print({name: tuple(train_features.shape) for name, (train_features, _) in features.items()})
print("an embedding of a word has", lm.get_input_embeddings().weight.shape[1], "numbers")

# %% [markdown]
# ## 2 · From features to soft prompts
#
# A **soft prompt** is a vector that stands where a word's embedding would stand, and is no word's embedding. The map
# $p = f W^\top + b$ makes $k$ of them for an image. There are two cases:
#
# - **grid**: the encoder gives one vector for each of $k$ places, features `[batch, k, d_img]`. One and the same map
#   is applied at every place; weight `[d_lm, d_img]`, bias `[d_lm]`.
# - **pooled**: the encoder gives one vector, features `[batch, d_img]`. The map makes all $k$ prompts at once; weight
#   `[k · d_lm, d_img]`, bias `[k · d_lm]`. The first `d_lm` numbers are prompt 0, the next `d_lm` prompt 1, and so on.
#
# Either way the result is `[batch, k, d_lm]`. The weight is stored as in `nn.Linear`: `[out, in]`.
#
# {card project_features}


# %% role="solution" exercise="project_features"
# exercise: ch07.project_features
def project_features(
    features: Float[Tensor, "batch *grid d_img"],
    weight: Float[Tensor, "out d_img"],
    bias: Float[Tensor, "out"],
    k: int,
) -> Float[Tensor, "batch k d_lm"]:
    """Soft prompts of images, p = f W^T + b (paper, section 3).

    features: [batch, k, d_img] (grid: one map for all places, out = d_lm) or [batch, d_img] (pooled: out = k * d_lm).
    weight, bias: as in nn.Linear. Returns [batch, k, d_lm].
    """
    ### BEGIN SOLUTION
    projected = functional.linear(features, weight, bias)
    return projected if features.ndim == 3 else projected.view(len(features), k, -1)
    ### END SOLUTION


# %% role="check" exercise="project_features"
check(project_features)  # exercise: ch07.project_features

# %% [markdown]
# <details><summary>Hint 1: where to start</summary>
#
# `features.ndim` tells the two cases apart. The matrix product is the same in both: `@` works on the last axis.
#
# </details>
# <details><summary>Hint 2: from out to [k, d_lm]</summary>
#
# `.view(batch, k, -1)` (or `.reshape`) cuts a row of k · d_lm numbers into k pieces, in order. `.view(batch, -1, k)`
# would deal the numbers out like cards.
#
# </details>
# <details><summary>Hint 3: almost the answer</summary>
#
# `functional.linear(features, weight, bias)` is `features @ weight.T + bias`. In the grid case this is the answer.
#
# </details>
#
# How large is the map? Your function lets any sizes through, the paper's too.

# %% role="demo"
PAPER = {  # section 3 and the authors' code: d_img, k, and whether the features are pooled; GPT-J has d_lm = 4096
    "CLIP RN50x16, 12 x 12 grid": (3072, 144, False),
    "BEIT large, 14 x 14 patches": (1024, 196, False),
    "NF-ResNet50, pooled": (2048, 1, True),
}
for name, (d_img, k, pooled) in PAPER.items():
    rows = 4096 * k if pooled else 4096
    weight, bias = torch.empty(rows, d_img, device="meta"), torch.empty(rows, device="meta")
    shape = (2, d_img) if pooled else (2, k, d_img)
    prompts = project_features(torch.empty(shape, device="meta"), weight, bias, k)
    print(f"{name:28s} {weight.numel() + bias.numel():>10,} parameters, prompts {tuple(prompts.shape)}")
print(f"{'here, pooled, k = 4':28s} {4 * 96 * 256 + 4 * 96:>10,} parameters")

# %% [markdown]
# <details><summary>What you should see</summary>
#
# 12,587,008 for CLIP, 4,198,400 for BEIT, 8,392,704 for NF-ResNet50: a few thousandths of GPT-J's six billion
# parameters. The number of prompts does not matter in the grid case, where all places share one map. (The tensors
# here live on the device `meta`: they have shapes and no numbers, so that this costs no memory.)
#
# </details>
#
# ## 3 · Prompts in front of words
#
# To train, the model gets the prompts and then the caption, and is asked for the caption's words alone:
#
# ```text
# place            0    1    2    3    4      5      6    7     8    9
# inputs_embeds    p0   p1   p2   p3   a    small   red  wug    .   <pad>
# labels         -100 -100 -100 -100   a    small   red  wug    .   -100
# attention_mask   1    1    1    1    1      1      1    1     1     0
# ```
#
# A label is the token that stands **at this place**. Hugging Face models shift labels by one themselves (the logits at
# place 3 are compared with the label at place 4). The label −100 means: nothing to predict here.
#
# Two consequences are worth a moment. The first word of the caption is predicted **at the last prompt**, so it counts.
# And a label that is one place off, or missing, raises no error: the loss still falls, the map still learns, only less
# or something else.
#
# {card build_inputs}


# %% role="solution" exercise="build_inputs"
# exercise: ch07.build_inputs
def build_inputs(
    prompts: Float[Tensor, "batch k d_lm"],
    captions: Int[Tensor, "batch pos"],
    embedding: Float[Tensor, "vocab d_lm"],
    pad: int,
) -> dict[str, Tensor]:
    """What a causal language model is trained on: prompts, then the caption (paper, section 3).

    captions: token ids, padded on the right with pad. embedding: the table of input embeddings, one row for each token;
    all tokens are looked up there, pads included (the mask hides them).
    Returns {"inputs_embeds": [batch, k + pos, d_lm], "labels": [batch, k + pos] int, not shifted, -100 on prompts and
    pads, "attention_mask": [batch, k + pos] int, 1 on prompts and words, 0 on pads}.
    """
    ### BEGIN SOLUTION
    batch, k, _ = prompts.shape
    is_word = captions != pad
    nothing = captions.new_full((batch, k), -100)
    return {
        "inputs_embeds": torch.cat([prompts, embedding[captions]], dim=1),
        "labels": torch.cat([nothing, captions.masked_fill(~is_word, -100)], dim=1),
        "attention_mask": torch.cat([torch.ones_like(nothing), is_word.long()], dim=1),
    }
    ### END SOLUTION


# %% role="check" exercise="build_inputs"
check(build_inputs)  # exercise: ch07.build_inputs

# %% [markdown]
# <details><summary>Hint 1: where to start</summary>
#
# All three are `torch.cat([for the prompts, for the words], dim=1)`. `embedding[captions]` looks up all words at once.
#
# </details>
# <details><summary>Hint 2: pads</summary>
#
# `captions != pad` is True on words. `torch.where(condition, captions, -100)` makes the labels, `.long()` the mask.
#
# </details>
# <details><summary>Hint 3: almost the answer</summary>
#
# For the prompts: `captions.new_full((batch, k), -100)` as labels and ones of the same shape as mask.
#
# </details>

# %% role="demo"
shown = torch.tensor([text.encode("a small red wug ."), text.encode("it says foo .") + [text.PAD]])
built = build_inputs(torch.zeros(2, 4, 96), shown, lm.get_input_embeddings().weight, text.PAD)
for row in range(2):
    labels = ["-100" if label == -100 else text.WORDS[label] for label in built["labels"][row].tolist()]
    print("labels", *[f"{label:>6s}" for label in labels])
    print("mask  ", *[f"{m:>6d}" for m in built["attention_mask"][row].tolist()])

# %% [markdown]
# <details><summary>What you should see</summary>
#
# Four places without a label in front of both captions, and one more behind the shorter one, where the mask is 0.
#
# </details>
#
# ## 4 · Frozen, and still part of the way
#
# The loss is computed at the far end of the language model. For the map to learn, gradients must run *through* the
# model, back to the prompts, to $W$ and $b$. "Frozen" means that the model's own parameters ask for no gradient
# (`requires_grad` is False, which `load` has seen to). It does not mean `torch.no_grad()`.
#
# ```text
# features ──► W, b (learned) ──► prompts ──┐
#                                           ├──► language model (frozen) ──► loss
# caption ───► embedding table ───► words ──┘
#
# backward:    W.grad, b.grad ◄── prompts ◄── every layer of the language model ◄── loss
# ```
#
# Only two leaves of this graph ask for gradients, $W$ and $b$. `loss.backward()` still computes the derivative of the
# loss with respect to everything *on the way* to them, the activations of all layers, and drops it again. Under
# `torch.no_grad()` the way itself is not recorded, and nothing arrives.
#
# {card projection_gradients}
#
# Use the pooled case; captions have one length, so give `build_inputs` a pad that no token is, −1. The loss is the mean
# cross-entropy over **all** words of all captions, the first included (it is predicted at the last prompt).
# `model(**inputs).loss` computes just that from what your `build_inputs` returns; `model.get_input_embeddings().weight`
# is the embedding table. Your two functions must let gradients pass: a `.detach()`, `.data` or `torch.no_grad()` inside
# them cuts the map off.


# %% role="solution" exercise="projection_gradients"
# exercise: ch07.projection_gradients
def projection_gradients(
    model,
    features: Float[Tensor, "batch d_img"],
    weight: Float[Tensor, "kd d_img"],
    bias: Float[Tensor, "kd"],
    captions: Int[Tensor, "batch pos"],
) -> dict[str, Tensor]:
    """Caption loss and its gradients with respect to the map, through a frozen language model (paper, section 3).

    model: a causal language model of Hugging Face with d_lm-dimensional embeddings; k = kd / d_lm prompts.
    Returns {"loss": scalar, "weight": gradient like weight, "bias": gradient like bias}. The tensors that were handed
    in and the model's parameters stay as they are: no gradients on them.
    """
    ### BEGIN SOLUTION
    weight, bias = weight.clone().requires_grad_(), bias.clone().requires_grad_()
    table = model.get_input_embeddings().weight
    prompts = project_features(features, weight, bias, len(bias) // table.shape[1])
    loss = model(**build_inputs(prompts, captions, table, -1)).loss
    loss.backward()
    return {"loss": loss.detach(), "weight": weight.grad, "bias": bias.grad}
    ### END SOLUTION


# %% role="check" exercise="projection_gradients"
check(projection_gradients)  # exercise: ch07.projection_gradients

# %% [markdown]
# <details><summary>Hint 1: where to start</summary>
#
# Copies that ask for gradients: `weight.clone().requires_grad_()`. Then your two functions, one run of the model, and
# `loss.backward()`. The gradients are in `.grad` of the copies.
#
# </details>
# <details><summary>Hint 2: k, and a pad where there is none</summary>
#
# k is `len(bias) // d_lm`. No token has the id −1, so `pad=-1` pads nothing.
#
# </details>
# <details><summary>Hint 3: almost the answer</summary>
#
# Prompts from `project_features`; the dictionary of `build_inputs` goes into the model with two stars; its result has a
# `.loss`. Return the loss detached.
#
# </details>

# %% role="demo"
from torch.nn import Linear

torch.manual_seed(0)
first = Linear(256, 4 * 96)
few, their_captions = features["captions"][0][:64], text.caption_tokens(train.labels[:64])
at = {"weight": first.weight.detach(), "bias": first.bias.detach()}
found = projection_gradients(lm, few, at["weight"], at["bias"], their_captions)
print(f"loss {found['loss']:.2f} nats a word; gradient of the weight: norm {found['weight'].norm():.3f}")
print("language model asks for gradients:", any(p.requires_grad for p in lm.parameters()))

from mechanisms.plots import limber as plots

lengths, losses = [0, 0.02, 0.04, 0.08, 0.12, 0.16, 0.2, 0.3], []
for length in lengths:
    moved = {name: tensor - length * found[name] for name, tensor in at.items()}
    losses.append(projection_gradients(lm, few, moved["weight"], moved["bias"], their_captions)["loss"].item())
plots.plot_descent(lengths, losses, sum(found[name].square().sum().item() for name in at))

# %% [markdown]
# <details><summary>What you should see</summary>
#
# A loss of a few nats, a gradient that is not zero, and a language model that asks for none.
#
# In the figure the map is moved against its gradient by more and more. The dashed line is what the gradient says of
# such a move: the loss falls by its squared norm for each unit of length. Where a step is small, the loss follows the
# line; further on it bends away. That is why training takes many small steps and asks for a new gradient after each.
#
# </details>
#
# ### Predict before you run
#
# Replace `None` by a letter. Predictions earn no points; they make you notice when you are surprised.

# %% role="predict"
predict("07.q1", None)

# %% [markdown]
# ### From a gradient to a trained map
#
# Training repeats three things: draw some images **with their captions**, take the gradient of their loss, move the map
# a little against it. An *optimizer* does the moving. AdamW scales the step for every parameter by how large its
# gradients have been, so one learning rate serves the large and the small. `backward()` **adds** to `.grad`, so what
# the last round left there has to be cleared, by `optimizer.zero_grad()`.
#
# {card train_projection}
#
# Start from `torch.nn.Linear(d_img, k * d_lm)` and take `steps` steps with AdamW at a learning rate of 3e-3 to 5e-3,
# each on 64 rows that are drawn anew, at random, from all of them. `model.config.n_embd` is d_lm. `check` trains your
# map for 30 steps and then captions **scenes that your function never saw**. It asks for far more right words than a
# blind guess reaches, and for a little less than 30 sound steps get. Then it asks for 2 steps, which must show less.
# Only the map may change: a language model that was trained along is refused.


# %% role="solution" exercise="train_projection"
# exercise: ch07.train_projection
def train_projection(
    model,
    features: Float[Tensor, "n d_img"],
    captions: Int[Tensor, "n pos"],
    k: int,
    steps: int,
) -> dict[str, Tensor]:
    """The trained map from pooled features to k soft prompts (paper, section 3).

    model: a frozen causal language model. captions: token ids of one length, row i belongs to row i of features.
    Returns {"weight": [k * d_lm, d_img], "bias": [k * d_lm]}, detached. The model stays as it is.
    """
    ### BEGIN SOLUTION
    layer = torch.nn.Linear(features.shape[1], k * model.config.n_embd)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=5e-3)
    table = model.get_input_embeddings().weight
    for _ in range(steps):
        rows = torch.randint(len(features), (64,))
        prompts = project_features(features[rows], layer.weight, layer.bias, k)
        loss = model(**build_inputs(prompts, captions[rows], table, -1)).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return {"weight": layer.weight.detach(), "bias": layer.bias.detach()}
    ### END SOLUTION


# %% role="check" exercise="train_projection"
check(train_projection)  # exercise: ch07.train_projection

# %% [markdown]
# <details><summary>Hint 1: the loop</summary>
#
# Draw rows; prompts of these rows; loss; `optimizer.zero_grad()`, `loss.backward()`, `optimizer.step()`. The optimizer
# gets `layer.parameters()` and nothing else.
#
# </details>
# <details><summary>Hint 2: the same rows</summary>
#
# `torch.randint(high, (64,))` draws 64 row numbers; use the same ones for `features` **and** for `captions`.
#
# </details>
# <details><summary>Hint 3: almost the answer</summary>
#
# Inside the loop stand the lines of `projection_gradients`, with `layer.weight` and `layer.bias` in the place of the
# copies.
#
# </details>
#
# Now the real thing: one map for each encoder, on 3,000 scenes. And a baseline: **blind** gets zeros for features, so
# its map learns the best prompt that does not depend on the image. A thousand steps take about half a minute.

# %% role="demo"
from tqdm.auto import tqdm

K, STEPS = 4, 200
captions = text.caption_tokens(train.labels)
before = [p.clone() for p in lm.parameters()]
maps = {}
for name in tqdm((*ENCODERS, "blind"), desc=f"five maps, {STEPS} steps each"):
    given = torch.zeros(len(captions), 1) if name == "blind" else features[name][0]
    torch.manual_seed(0)
    maps[name] = train_projection(lm, given, captions, K, STEPS)
same = all(torch.equal(a, b) for a, b in zip(before, lm.parameters(), strict=True))
print("every weight of the language model is what it was, bit for bit:", same)

# %% [markdown]
# What did the steps buy? Trained again from the same seed for fewer steps, a map is what it was on the way. We ask for
# its loss on **new** scenes. A map that sees nothing cannot do better than to know the 180 combinations that occur, all
# equally likely: ln(180) nats for a caption, a fifth of it for each of five words ("a" and "." cost nothing).

# %% role="demo"
import math

new = text.caption_tokens(test.labels[:300])
curves = {"blind": {}, "captions": {}}
for name, steps in tqdm([(n, s) for n in curves for s in (3, 10, 30, 80, STEPS)], desc="the maps on their way"):
    seen, unseen = (torch.zeros(len(f), 1) if name == "blind" else f for f in features["captions"])
    torch.manual_seed(0)
    young = maps[name] if steps == STEPS else train_projection(lm, seen, captions, K, steps)
    found = projection_gradients(lm, unseen[: len(new)], young["weight"], young["bias"], new)
    curves[name][steps] = found["loss"].item()
plots.plot_learning(curves, floor=math.log(180) / 5)

# %% [markdown]
# <details><summary>What you should see</summary>
#
# *Blind* comes down slowly: its features are zeros, so the bias alone can learn. It stays above the dashed line, and
# learns that a caption comes and which words occur in it. The map that sees goes through the line between 30 and 80
# steps, and on. All that lies below the line has come through the matrix.
#
# </details>
#
# ## 5 · Captions
#
# No token stands for an image, so decoding starts from vectors: the prompts, then the embeddings of a short **stem**.
# The paper's stem is "A picture of", ours is the word "a". Then, `n` times: take the likeliest token at the last place,
# append **its embedding**, run again. A full stop is a token like any other: go on until there are `n`.
#
# {card caption_images}


# %% role="solution" exercise="caption_images"
# exercise: ch07.caption_images
def caption_images(model, prompts: Float[Tensor, "batch k d_lm"], stem: list[int], n: int) -> Int[Tensor, "batch n"]:
    """Greedy continuation of image prompts and a stem (paper, generation from inputs_embeds).

    stem: token ids that are put behind the prompts of every image. Returns the n new tokens of each image, without
    the stem. The likeliest token is taken at each step; nothing is drawn at random.
    """
    ### BEGIN SOLUTION
    embed = model.get_input_embeddings()
    inputs = torch.cat([prompts, embed(torch.tensor(stem)).expand(len(prompts), -1, -1)], dim=1)
    said = []
    with torch.no_grad():
        for _ in range(n):
            said.append(model(inputs_embeds=inputs).logits[:, -1].argmax(-1))
            inputs = torch.cat([inputs, embed(said[-1])[:, None]], dim=1)
    return torch.stack(said, dim=1)
    ### END SOLUTION


# %% role="check" exercise="caption_images"
check(caption_images)  # exercise: ch07.caption_images

# %% [markdown]
# <details><summary>Hint 1: where to start</summary>
#
# `model.get_input_embeddings()` is a module that turns token ids into vectors. Of the stem's ids it makes
# [stem, d_lm]; `.expand(len(prompts), -1, -1)` repeats that for every image.
#
# </details>
# <details><summary>Hint 2: one step</summary>
#
# `model(inputs_embeds=inputs).logits[:, -1].argmax(-1)` is one token for each image, [batch].
#
# </details>
# <details><summary>Hint 3: almost the answer</summary>
#
# The embedding of the new token gets an axis for its place, `[:, None]`, and is joined to the inputs along `dim=1`.
# Collect the tokens in a list, and stack them along `dim=1` at the end.
#
# </details>


# %% role="demo"
def prompts_of(name, features_of_images):
    return project_features(features_of_images, maps[name]["weight"], maps[name]["bias"], K)


def hits(spoken, labels):
    """Whether the words for size, colour and category are right: three tensors [image] of 0 and 1."""
    return dict(zip(ATTRIBUTES, (spoken == text.caption_tokens(labels)[:, 1:4]).float().T, strict=True))


def shares(of_images):
    return {what: value.mean().item() for what, value in of_images.items()}


prompts = {"blind": prompts_of("blind", torch.zeros(len(test), 1))}
prompts |= {name: prompts_of(name, features[name][1]) for name in ENCODERS}
spoken = {name: caption_images(lm, given, text.encode("a"), 3) for name, given in prompts.items()}
right = {name: hits(words, test.labels) for name, words in spoken.items()}
shuffle = torch.randperm(len(test), generator=torch.Generator().manual_seed(0))
shuffled = {name: shares(hits(spoken[name][shuffle], test.labels)) for name in ENCODERS}
scores = {name: shares(found) for name, found in right.items()}

plots.plot_scores(scores, shuffled, "Right words in captions of 1,000 new scenes")

# %% [markdown]
# <details><summary>What you should see</summary>
#
# Size and colour: high for every encoder, the random one included; *labels* loses some colour, as nothing in its
# training asked for it. Category: lowest for the random encoder, then the self-supervised one, far behind the two that
# had language. That is the paper's picture: visual properties come through whatever the encoder, category identity
# follows the linguistic supervision. In one point our lab differs: captions do not beat labels. Our labels name the
# very category that is asked for, which labels of photographs do not.
#
# The small marks are **shuffled** images: each caption is compared with another scene. They lie where *blind* lies:
# what a bar has above its mark comes from the image.
#
# </details>
#
# Pick a scene, and see the four captions and the words nearest to each soft prompt (by cosine with the embeddings).

# %% role="demo"
from mechanisms.widgets import caption_picker, caption_views

some = creatures.draw(8, torch.Generator().manual_seed(5), "seen")
caption_picker(
    caption_views(lm, some, {name: prompts_of(name, encoders.features(name, some.images)) for name in ENCODERS})
)

# %% [markdown]
# A few scenes may mislead, so count over all 1,000: how near is the nearest word, and in how many scenes is the word
# for size, colour or category nearest to one of the four prompts? The second triple compares with another scene.

# %% role="demo"
table = functional.normalize(lm.get_input_embeddings().weight, dim=-1)
own = text.caption_tokens(test.labels)[:, 1:4]
print(f"{'nearest words of':16s} cosine   size colour category   (of another scene)")
for name in ENCODERS:
    nearest = (functional.normalize(prompts[name], dim=-1) @ table.T).max(dim=-1)  # [image, prompt]
    counted = [(nearest.indices[:, :, None] == words[:, None]).any(1).float().mean(0) for words in (own, own[shuffle])]
    told = "   ".join("  ".join(f"{share:.2f}" for share in shares_of.tolist()) for shares_of in counted)
    print(f"{name:16s} {nearest.values.mean():.2f}     {told}")
noise = functional.normalize(torch.randn(1000, table.shape[1], generator=torch.Generator().manual_seed(0)), dim=-1)
print(f"{'random vectors':16s} {(noise @ table.T).amax(-1).mean():.2f}")

# %% [markdown]
# <details><summary>What you should see</summary>
#
# A soft prompt is no word in disguise: its cosine with the nearest word is about 0.4, where the word itself has 1 and a
# random vector about 0.2. It is no arbitrary vector either. In most scenes the right colour is nearest to one of the
# four prompts (for *labels* in about half of them), and the category where the encoder brings it along, though far less
# often than captions name it. Many nearest words have nothing to do with the scene. So a list of nearest words says
# something of what a prompt does to the language model, and by far not all of it.
#
# </details>
#
# ### What was never in a caption
#
# The language model has read which sound each category makes. No image shows it, no caption says it.

# %% role="predict"
predict("07.q2", None)

# %% role="demo"
sounds = {}
for name in ("blind", *ENCODERS):
    said = caption_images(lm, prompts[name], text.encode("it says"), 1)[:, 0] - text.FIRST["sound"]
    sounds[name] = (said == test.labels[:, creatures.CATEGORY]).float().mean().item()
plots.plot_sounds(sounds, {name: score["category"] for name, score in scores.items()})

# %% [markdown]
# <details><summary>What you should see</summary>
#
# For the encoders that bring the category along, most sounds are right, at a chance of one in twelve. The map was never
# trained on sounds: the prompts act on the model much as a description of the creature would, and its knowledge from
# text becomes answerable from an image. How well that works depends on the language model: of the five on the book's
# page, the one that you use here is the best in this.
#
# </details>
#
# ## 6 · How sure are we?
#
# All encoders captioned the **same** scenes. Some scenes are easier for everybody (those with a large creature), so
# hits of two encoders go together. Comparing image by image takes this out:
#
# - the difference is the mean over images of `one − other`;
# - draw images again with replacement, many times, **the same rows for both**; each draw gives a mean difference;
# - the 95% interval runs from the 2.5% to the 97.5% quantile of these means (`torch.quantile`, which interpolates).
#
# {card paired_bootstrap}
#
# To make the result exact, the drawn rows are handed in: `rows[d]` are the images of draw `d`.


# %% role="solution" exercise="paired_bootstrap"
# exercise: ch07.paired_bootstrap
def paired_bootstrap(
    one: Float[Tensor, "n"], other: Float[Tensor, "n"], rows: Int[Tensor, "draws n"]
) -> dict[str, float]:
    """Difference of two systems on the same n images, with a 95% interval by the paired bootstrap.

    one, other: a score of each image, 0 to 1. rows: indices of images, one row for each draw.
    Returns {"difference": mean of one - other over the n images, "low", "high": quantiles .025 and .975 of the draws'
    mean differences}, as Python floats.
    """
    ### BEGIN SOLUTION
    gain = one - other
    low, high = torch.quantile(gain[rows].mean(dim=1), torch.tensor([0.025, 0.975])).tolist()
    return {"difference": gain.mean().item(), "low": low, "high": high}
    ### END SOLUTION


# %% role="check" exercise="paired_bootstrap"
check(paired_bootstrap)  # exercise: ch07.paired_bootstrap

# %% [markdown]
# <details><summary>Hint 1: where to start</summary>
#
# `gain = one - other` is one number for each image. Everything else happens to `gain`.
#
# </details>
# <details><summary>Hint 2: all draws at once</summary>
#
# `gain[rows]` is [draws, n]. Which axis holds the images of one draw?
#
# </details>
# <details><summary>Hint 3: almost the answer</summary>
#
# `torch.quantile(means, torch.tensor([0.025, 0.975])).tolist()` gives the two ends.
#
# </details>

# %% role="demo"
draws = torch.randint(len(test), (2000, len(test)), generator=torch.Generator().manual_seed(1))
PAIRS = [(name, "blind") for name in ENCODERS]
PAIRS += [("self-supervised", "random"), ("captions", "self-supervised"), ("captions", "labels")]
gaps = {
    f"{one} − {other}": {what: paired_bootstrap(right[one][what], right[other][what], draws) for what in ATTRIBUTES}
    for one, other in PAIRS
}
pair, what = ("captions", "self-supervised"), "category"
apart = right[pair[0]][what][draws].mean(1) - right[pair[1]][what][draws.flip(0)].mean(1)  # other rows for the other
low, high = torch.quantile(apart, torch.tensor([0.025, 0.975])).tolist()
paired = gaps[" − ".join(pair)][what]
print(f"{' − '.join(pair)}, {what}: interval {paired['high'] - paired['low']:.3f} wide, drawn apart {high - low:.3f}")
plots.plot_differences(gaps)

# %% [markdown]
# <details><summary>What you should see</summary>
#
# Every encoder is far above blind in size and colour. In the category the gap between *captions* and *self-supervised*
# is wide and its interval far from zero; between *captions* and *labels* it is small and on the other side.
#
# Pairing makes the interval a little narrower here, by a tenth or so: the hits of these two encoders go together only
# weakly. The more two systems err on the same images, the more it helps.
#
# These intervals tell what other test scenes would change. What other **seeds of training** would change they do not
# tell: for that the book's page shows five.
#
# </details>
#
# ## 7 · Two metrics of the field
#
# The paper's captions are of photographs, where no list of right words exists. **CLIPScore** asks CLIP how well a
# caption fits an image: 2.5 · max(cos(image, caption), 0). **RefCLIPScore** also looks at reference captions: it is the
# harmonic mean, $2ab / (a + b)$, of the CLIPScore $a$ and of $b$ = max(best cosine of the **caption** with a reference,
# 0). Where $a$ and $b$ are both 0, so is the mean.
#
# {card clip_scores}
#
# Embeddings may have any norm; the cosine does not care.


# %% role="solution" exercise="clip_scores"
# exercise: ch07.clip_scores
def clip_scores(
    images: Float[Tensor, "n d"], captions: Float[Tensor, "n d"], references: Float[Tensor, "n r d"]
) -> dict[str, Float[Tensor, "n"]]:
    """CLIPScore and RefCLIPScore of n captions (Hessel et al., 2021; the paper's captioning tables).

    images, captions: CLIP embeddings, row i of one belongs to row i of the other. references: r captions by people.
    Returns {"clip": 2.5 * max(cos(image, caption), 0), "ref": harmonic mean of clip and max(best cos(caption,
    reference), 0)}, each [n].
    """
    ### BEGIN SOLUTION
    clip = 2.5 * functional.cosine_similarity(images, captions, dim=-1).clamp(min=0)
    best = functional.cosine_similarity(references, captions[:, None], dim=-1).amax(-1).clamp(min=0)
    both = clip + best
    return {"clip": clip, "ref": torch.where(both > 0, 2 * clip * best / both.clamp(min=1e-9), 0.0)}
    ### END SOLUTION


# %% role="check" exercise="clip_scores"
check(clip_scores)  # exercise: ch07.clip_scores

# %% [markdown]
# <details><summary>Hint 1: where to start</summary>
#
# `functional.cosine_similarity(a, b, dim=-1)` normalises both. `.clamp(min=0)` is the max with 0.
#
# </details>
# <details><summary>Hint 2: references</summary>
#
# `captions[:, None]` is [n, 1, d] and meets [n, r, d]. The best one is `.amax(-1)`.
#
# </details>
# <details><summary>Hint 3: almost the answer</summary>
#
# `torch.where(a + b > 0, 2 * a * b / (a + b).clamp(min=1e-9), 0.0)`: no division by zero where both are 0.
#
# </details>
#
# In the lab the encoder `captions` plays CLIP: its image tower embeds scenes, and its text tower has embedded every
# caption that there is.

# %% role="demo"
from mechanisms.training.limber import named

image_vectors, gold = encoders.embed_images(test.images), encoders.embed_captions(test.labels)
clip = {}
for name in ("blind", *ENCODERS):
    said = named(spoken[name])  # the captions of section 5
    vectors = encoders.embed_captions(said.clamp(min=0))  # a word out of place counts as the first of its list
    clip[name] = {key: v.mean().item() for key, v in clip_scores(image_vectors, vectors, gold[:, None]).items()}
clip["the true caption"] = {key: v.mean().item() for key, v in clip_scores(image_vectors, gold, gold[:, None]).items()}
for name, score in clip.items():
    print(f"{name:18s} CLIPScore {score['clip']:.3f}   RefCLIPScore {score['ref']:.3f}")

# %% [markdown]
# <details><summary>What you should see</summary>
#
# The order of section 5, nearly: but look at *captions* and *labels*. By right words, *labels* named more categories;
# by CLIPScore *captions* is ahead. Part of that is earned (*labels* loses colours), and part need not be: the judge is
# the very model whose eyes wrote these captions, so it shares their errors. Keep this in mind when CLIP's captions are
# scored by CLIP.
#
# </details>
#
# **VQA accuracy.** Ten people answer a question about a photograph. A model's answer scores min(matches / 3, 1), where
# matches counts the people who gave it. Answers are tidied before they are compared: lower case, no spaces around, no
# full stop at the end. (The official script tidies more, and averages over the ways to leave one person out.)
#
# {card vqa_accuracy}


# %% role="solution" exercise="vqa_accuracy"
# exercise: ch07.vqa_accuracy
def vqa_accuracy(answers: list[str], people: list[list[str]]) -> list[float]:
    """min(matches / 3, 1) for each answer (VQAv2; the paper's question-answering tables).

    answers: one for each question. people: the people's answers to each question.
    Both sides are tidied: lower case, no spaces around, no full stop at the end. Returns one float for each question.
    """

    ### BEGIN SOLUTION
    def tidy(answer):
        return answer.strip().lower().removesuffix(".").strip()

    return [
        min(sum(tidy(one) == tidy(answer) for one in said) / 3, 1.0)
        for answer, said in zip(answers, people, strict=True)
    ]
    ### END SOLUTION


# %% role="check" exercise="vqa_accuracy"
check(vqa_accuracy)  # exercise: ch07.vqa_accuracy

# %% [markdown]
# <details><summary>Hint 1: where to start</summary>
#
# Write a small function `tidy(answer)` with `.strip()`, `.lower()` and `.removesuffix(".")`.
#
# </details>
# <details><summary>Hint 2: almost the answer</summary>
#
# `sum(tidy(one) == tidy(answer) for one in said)` counts matches, since True is 1.
#
# </details>
#
# Questions are stems. We ask for the colour, and let ten imaginary people answer, of whom each is wrong now and then:

# %% role="demo"
questions = {"its colour is": ("colour", creatures.COLOURS), "its size is": ("size", creatures.SIZES)}
crowd = torch.Generator().manual_seed(2)
for stem, (what, words) in questions.items():
    column = ATTRIBUTES.index(what)
    answers_by_people = []
    for label in test.labels[:, column].tolist():
        slips = torch.rand(10, generator=crowd) < 0.3
        other = torch.randint(len(words), (10,), generator=crowd)
        people_say = [
            words[o] if slip else words[label] for slip, o in zip(slips.tolist(), other.tolist(), strict=True)
        ]
        answers_by_people.append([word.capitalize() + "." for word in people_say])
    for name in ("blind", *ENCODERS):
        said = caption_images(lm, prompts[name], text.encode(stem), 1)[:, 0]
        score = vqa_accuracy([text.WORDS[token] for token in said], answers_by_people)
        print(f"{stem:14s} {name:16s} {sum(score) / len(score):.3f}")

# %% [markdown]
# <details><summary>What you should see</summary>
#
# Questions, which the map was never trained on, are answered better than blind by every encoder. Do not expect the
# order of the captions, though (in our run the random encoder answered best): the maps were trained behind the word "a"
# alone, and nothing asked their prompts to work behind another stem. And blind scores more than chance: with ten people
# of whom some are wrong, a fixed answer finds a match now and then. (In the paper, BEIT answers questions worse than
# the blind baseline where a few examples are given.)
#
# </details>
#
# ## 8 · Your results beside the paper's
#
# The third column is read from the sweep over five seeds, which trained everything again for each of them
# (`python -m mechanisms.training.limber_sweep`); the last one is yours, from this notebook.

# %% role="demo"
from mechanisms.plots.claims import LIMBER, claims_table


def row_of(what):
    return ", ".join(f"{name} {scores[name][what]:.2f}" for name in ("blind", *ENCODERS))


gap = gaps["captions − self-supervised"]["category"]
versus = gaps["captions − labels"]["category"]
claims_table(
    LIMBER,
    {
        "size": row_of("size"),
        "colour": row_of("colour"),
        "category": row_of("category"),
        "order": f"{gap['difference']:+.2f} [{gap['low']:+.2f}, {gap['high']:+.2f}] (scenes)",
        "captions_labels": f"{versus['difference']:+.2f} [{versus['low']:+.2f}, {versus['high']:+.2f}] (scenes)",
        "random": f"{scores['random']['category'] - scores['self-supervised']['category']:+.2f}",
        "sound": ", ".join(f"{name} {value:.2f}" for name, value in sounds.items()),
        "frozen": "yes" if same else "no",
    },
    model="five seeds",
    measured={},
)

# %% [markdown] role="rubric" id="what_passes_through" points=5
# ### In your own words (5 points, read by a person)
#
# A headline: "*One matrix turns a blind language model into one that sees.*" In six to ten sentences, say what your
# notebook supports and what it does not.
#
# - What do size and colour show, and why does the random encoder belong here? Use your numbers. (2 points)
# - What does the category show about the *encoders*, and what would you need before you said it about language models?
#   (1 point)
# - A classmate writes: "the sound of a creature is encoded in the image." Answer with section 5. (1 point)
# - CLIPScore is computed with the captioner's own encoder. Name what can go wrong, and a number that does not depend on
#   it. (1 point)
#
# ### BEGIN SOLUTION
# **Mark scheme.**
#
# - *2 points*: size and colour are right far more often than blind for all four encoders, and about equally often but
#   for some colour that *labels* loses (one point, with numbers); a random encoder passes them too, so this transfer
#   says that such properties are linearly readable from almost any features, not that the encoder has learned something
#   language-like (one point).
# - *1 point*: the category follows the help from language in the encoder's training; map and language model are the
#   same throughout, so the difference is in what encoders keep in linear form. A claim about language models needs
#   other language models (or one that was not trained on such text) as a comparison.
# - *1 point*: the sound is nowhere in the image and in no caption; it comes from the language model, which the prompts
#   reach as a description would. The image tells the category; where it does not, few sounds are right (blind: chance;
#   random: about twice that).
# - *1 point*: judge and captioner share their errors, so wrong captions of this encoder can score well; shares of right
#   words (or people's judgements) do not depend on it.
# ### END SOLUTION

# %% [markdown]
# ## 9 · Paper scale
#
# With a GPU: CLIP ViT-B/32 (49 patches of 768 numbers, the grid case) and GPT-2, joined by one map of 768 × 768 that is
# trained with **your** `project_features` and `build_inputs` on the captions of a folder of photographs (Flickr8k:
# `captions.txt` and `Images/`; name its folder in `MECHANISMS_CAPTIONS_DIR`). It takes some ten minutes on a small GPU;
# the ■ button stops it between two steps, and the same cell goes on from there.
# Without a GPU, without the network or without the folder, the cells say so in one sentence.

# %% role="paper"
from mechanisms.models import paper_vision

pair = paper_vision.load_pair()
photographs = paper_vision.read_captions(None) if pair is not None else None

# %% role="paper"
if photographs:
    held = photographs[-100:]
    patches = paper_vision.patch_features(pair, [path for path, _ in photographs])
    big_map = paper_vision.fit(pair, patches[:-100], [c for _, c in photographs[:-100]], project_features, build_inputs)
    described = paper_vision.describe(pair, patches[-5:], big_map, project_features)
    blindly = paper_vision.describe(pair, torch.zeros_like(patches[-1:]), big_map, project_features)
    print("blind:", *blindly)
    for (path, caption), said in zip(held[-5:], described, strict=True):
        print(f"{path.name}\n  people: {caption}\n  map:    {said}")

# %% [markdown]
# The paper's own language model is GPT-J with six billion parameters (12 GB in half precision). On a GPU that holds it,
# `paper_vision.load_pair(lm="EleutherAI/gpt-j-6B")` loads it, and `paper_vision.original_map(path)` reads a projection
# that the authors have put into their repository, so that you can caption with theirs.
#
# ### Where to go from here
#
# - `k = 1` instead of 4, or 2 × 2 cells as a **grid** of four (features `[batch, 4, 64]`): what changes?
# - Put a hidden layer into the map. If the category of the self-supervised encoder becomes readable, it was there, and
#   merely not linear.
# - Score scenes of combinations that no image of the training had: `creatures.draw(n, generator, "held out")`. The page
#   explains why the category suffers there.
