"""Chapter 09, pre-training budgets: the source of the exercise notebook, solutions included.

- nine short exercises rebuild the method of Khandelwal et al. (2025): measure one step, predict a whole training;
- functions are checked on a fake clock and a memory model, then run on the machine at hand;
- no exercise needs one that was written before it, the search after exercise 3 needs the first three.
"""

# %% [markdown]
# # 09 · \$100K or 100 days: what does pre-training cost?
#
# Pythia-1B was trained on 64 GPUs in 3 days. You have four GPUs, or one, or a laptop. Is pre-training out of reach?
# Khandelwal, Yun, Nayak, Merullo, Bach, Sun and Pavlick (*\$100K or 100 Days: Trade-offs when Pre-Training with
# Academic Resources*, COLM 2025) answer with a stopwatch: time **one** training step in every sensible setting,
# multiply, and compare days with dollars.
#
# This is the one chapter whose method needs no trained model: a step takes as long with random weights. So you rebuild
# the real thing. By the end you can
#
# - predict the time of a training step from two small measurements, and test the prediction;
# - list the memory-saving settings that make sense, and find the largest micro batch that fits;
# - time work on a device that returns before it is done;
# - tell days from GPU-days, count FLOPs, and use utilisation to catch a number that cannot be true;
# - put cost and time in one figure and say which machines nobody should buy.
#
# **Nine short exercises, about 100 minutes, 59 points**, and one question for a human reader (5 points). Below every
# exercise stands a `check(...)` line. Run it as often as you like. Your functions are checked on a **fake clock** and a
# **fake memory**, where every number is exact; then they run on whatever machine you have.

# %% [markdown]
# ## Setup
#
# Run this first. Everything that your own functions may use is imported here.

# %% role="setup"
import math

import torch
from jaxtyping import Float
from torch import Tensor

from mechanisms import check, predict
from mechanisms.budgets.facts import GPUS, MACHINE_PRICE, MODELS, ORIGINAL_RUNS, PAPER_POINTS

torch.set_num_threads(1)  # the model that is timed below is so small that a second thread would mostly wait
SHARDING = ["none", "zero_1", "zero_2", "zero_3", "fsdp_shard_grad_op", "fsdp_full_shard"]

# %% [markdown]
# ## 1 · From two stopwatches to a training step
#
# Pythia takes a step on a **batch** of 1,024 sequences. No GPU holds so many at once. So each GPU works through its
# share in **micro batches**: forward and backward pass, gradients add up (*gradient accumulation*), and only after the
# last one does the optimizer change the weights, **once**. With $n$ GPUs and micro batches of $m$ sequences:
#
# $$t_\text{step} = \frac{\text{batch}}{n \cdot m}\; \overline{t_\text{acc}} + \overline{t_\text{opt}}$$
#
# Two short measurements, $t_\text{acc}$ (one micro batch) and $t_\text{opt}$ (clipping and one update), give the step
# that would take minutes to run.
#
# {card step_time}
#
# The first `warmup` entries of **both** lists are to be discarded: the first round compiles kernels, allocates memory
# and makes the optimizer's state. If the batch does not divide into whole micro batches on all GPUs, raise a
# `ValueError`: such a run cannot be started.


# %% role="solution" exercise="step_time"
# exercise: ch09.step_time
def step_time(
    accumulate_seconds: list[float], update_seconds: list[float], batch: int, n_gpus: int, micro: int, warmup: int
) -> float:
    """Seconds of one training step, predicted from its pieces (paper, the step-time formula).

    accumulate_seconds: measured times of one micro batch, in the order of measuring. update_seconds: of one update.
    batch: sequences in a step, all GPUs together. micro: sequences in a micro batch of one GPU.
    warmup: how many measurements at the start of each list to discard.
    Raises ValueError if the batch is no whole number of micro batches on n_gpus GPUs.
    """
    ### BEGIN SOLUTION
    if batch % (n_gpus * micro) != 0:
        raise ValueError(f"{batch} sequences are no whole number of micro batches of {micro} on {n_gpus} GPUs")
    accumulation = batch // (n_gpus * micro)
    timed_accumulate, timed_update = accumulate_seconds[warmup:], update_seconds[warmup:]
    one = sum(timed_accumulate) / len(timed_accumulate)
    return accumulation * one + sum(timed_update) / len(timed_update)
    ### END SOLUTION


# %% role="check" exercise="step_time"
check(step_time)  # exercise: ch09.step_time

# %% [markdown]
# <details><summary>Hint 1: where to start</summary>
#
# How many micro batches does *one* GPU work through? `batch // (n_gpus * micro)`; the remainder of this division must
# be 0.
#
# </details>
# <details><summary>Hint 2: almost the answer</summary>
#
# Slice both lists with `[warmup:]`, take two means, multiply only the first one by the number of micro batches. The
# optimizer runs once in a step.
#
# </details>

# %% role="demo"
from mechanisms.plots import pretraining_budgets as plots

pieces = {1: ([0.052, 0.051], [0.07, 0.07]), 4: ([0.14, 0.14], [0.07, 0.07]), 16: ([0.52, 0.50], [0.07, 0.07])}
steps = {
    micro: step_time(acc, opt, batch=1024, n_gpus=4, micro=micro, warmup=0) for micro, (acc, opt) in pieces.items()
}
plots.plot_steps(steps, {micro: opt[0] for micro, (_, opt) in pieces.items()})

# %% [markdown]
# <details><summary>What you should see</summary>
#
# Made-up measurements of one GPU out of four. The orange piece, the optimizer, is the same sliver in every bar: it is
# paid once in a step. What makes small micro batches slow is that a GPU has too little to do in each: 256 calls of 51
# ms take longer than 16 calls of 510 ms. So the first question is always: what is the largest micro batch that fits?
#
# </details>
#
# ## 2 · Which settings are worth trying?
#
# Memory decides the micro batch, and three families of methods save memory.
#
# - **Activation checkpointing**: keep only each layer's input, compute the rest again in the backward pass.
# - **Sharding**: $n$ GPUs share what each would otherwise hold alone. ZeRO stage 1 shares the optimizer's state, stage
#   2 also the gradients, stage 3 also the weights; PyTorch's FSDP has the last two under other names.
# - **Offloading**: keep the shard in the host's memory, across a slow bus.
#
# All three cost time. (Others cost nothing: compiled kernels, fused attention, TF32. The paper calls them the *free
# lunch* and leaves them on.)
#
# {card enumerate_settings}
#
# One dictionary per setting, `{"checkpointing": bool, "sharding": str, "offloading": bool}`, in the order of three
# nested loops: checkpointing `False` then `True` (outermost), the kinds of the list `sharding` in their order,
# offloading `False` then `True` (innermost). The list says what the installed software offers; it starts with `"none"`,
# and with the paper's five kinds it is `SHARDING` from the setup cell. Of these combinations (24 for the paper's list)
# leave out
#
# - offloading without sharding: it is the shard that is offloaded;
# - on **one** GPU, sharding without offloading: the shard is the whole, so nothing is saved.
#
# And return an **empty list** when no setting can run at all: if the batch does not divide by the number of GPUs; if a
# GPU's share of it is no power of two, of which 1 is the first (micro batches will be doubled until they reach it); or
# if the precision is `"bf16"` on a GPU older than Ampere, which has none.


# %% role="solution" exercise="enumerate_settings"
# exercise: ch09.enumerate_settings
def enumerate_settings(
    n_gpus: int, batch: int, precision: str, ampere: bool, sharding: list[str]
) -> list[dict[str, bool | str]]:
    """Every memory-saving setting that makes sense on n_gpus GPUs of one machine (paper, the search space).

    batch: sequences in a step, all GPUs together. precision: "fp32", "fp16" or "bf16".
    ampere: whether the GPUs are of the Ampere generation or newer. sharding: the kinds to try, "none" first.
    Returns dicts with the keys "checkpointing", "sharding" (one of the list), "offloading".
    """
    ### BEGIN SOLUTION
    share, rest = divmod(batch, n_gpus)
    if rest or share & (share - 1) or (precision == "bf16" and not ampere):
        return []
    found = []
    for checkpointing in (False, True):
        for kind in sharding:
            for offloading in (False, True):
                if offloading and kind == "none":
                    continue
                if n_gpus == 1 and kind != "none" and not offloading:
                    continue
                found.append({"checkpointing": checkpointing, "sharding": kind, "offloading": offloading})
    return found
    ### END SOLUTION


# %% role="check" exercise="enumerate_settings"
check(enumerate_settings)  # exercise: ch09.enumerate_settings

# %% [markdown]
# <details><summary>Hint 1: where to start</summary>
#
# First the three reasons for an empty list, then three nested loops, and inside them two conditions that skip a
# combination.
#
# </details>
# <details><summary>Hint 2: powers of two</summary>
#
# 1, 2, 4, 8 … have a single 1 in binary: `bin(share).count("1") == 1`. Or halve as long as it is even, and look whether
# 1 is left.
#
# </details>
# <details><summary>Hint 3: what to expect</summary>
#
# With one GPU the setting `"none"` stays, and each of the paper's five kinds of sharding stays with offloading only: 6,
# times two for checkpointing. With several GPUs it is 1 + 2 × 5 = 11, times two.
#
# </details>

# %% role="demo"
counts = {n: len(enumerate_settings(n, 1024, "bf16", True, SHARDING)) for n in (1, 2, 4, 8)}
per_model = sum(counts.values())
print(counts, "settings;", per_model, "for each model and kind of GPU")
print(f"4 kinds of GPU and 9 models: {4 * 9 * per_model:,} settings, and 4 x 9 x 4 = 144 naive runs beside them")

# %% [markdown]
# <details><summary>What you should see</summary>
#
# 12 settings on one GPU and 22 on several, 78 together. 2,808 and 144 are 2,952: about the 3,000 configurations that
# reviewers of the paper mention. The authors could try them all because each takes a minute, not 18 days.
#
# </details>
#
# ## 3 · The largest micro batch
#
# How large may a micro batch be? Nobody computes it; one tries. Sizes are powers of two: try 1, 2, 4 … until a step
# runs **out of memory** or the GPU's share of the batch (`limit`) is reached.
#
# {card largest_micro_batch}
#
# `try_step(micro)` runs one step with `micro` sequences and raises `torch.OutOfMemoryError` when they do not fit.
# Return 0 if not even one fits. Never try more than `limit`. And catch **that error only**: if `try_step` raises
# anything else, the model is broken, and a search that swallows the error would report "does not fit" and hide the bug.


# %% role="solution" exercise="largest_micro_batch"
# exercise: ch09.largest_micro_batch
def largest_micro_batch(try_step, limit: int) -> int:
    """The largest power of two of sequences with which a step fits into memory (paper, the batch-size search).

    try_step: called with a number of sequences, raises torch.OutOfMemoryError when they do not fit.
    Tries 1, 2, 4, ... and stops at the first size that does not fit or would exceed limit. Returns 0 if 1 fails.
    """
    ### BEGIN SOLUTION
    best, micro = 0, 1
    while micro <= limit:
        try:
            try_step(micro)
        except torch.OutOfMemoryError:
            break
        best, micro = micro, 2 * micro
    return best
    ### END SOLUTION


# %% role="check" exercise="largest_micro_batch"
check(largest_micro_batch)  # exercise: ch09.largest_micro_batch

# %% [markdown]
# <details><summary>Hint 1: where to start</summary>
#
# Two variables: the size to try next, starting at 1, and the best so far, starting at 0.
#
# </details>
# <details><summary>Hint 2: the loop</summary>
#
# `while micro <= limit:` with a `try:` around the call alone. `except torch.OutOfMemoryError:` leaves the loop; after
# the `try`, the size has fitted: remember it and double.
#
# </details>

# %% [markdown]
# A memory model takes the GPU's place here: weights, gradients and Adam's state at 16 bytes a parameter, activations
# and logits in proportion to the micro batch.

# %% role="demo"
from mechanisms.budgets.memory import fits, memory_parts
from mechanisms.budgets.settings import Settings

spec, gpu = MODELS["pythia-1b"], GPUS["a100"]


def settings_from(setting):
    """One of your dictionaries as the package's Settings, with the free lunch and Pythia-1B's precision."""
    return Settings(compile=True, attention="sdpa", tf32=True, precision="bf16", **setting)


def step_on_paper(settings, n_gpus):
    """A try_step that asks the memory model."""

    def try_step(micro):
        if not fits(spec, micro, settings, gpu.memory_gb, n_gpus):
            raise torch.OutOfMemoryError

    return try_step


zero_1 = settings_from({"checkpointing": False, "sharding": "zero_1", "offloading": False})
best_micro = largest_micro_batch(step_on_paper(zero_1, 4), limit=1024 // 4)
print(f"Pythia-1B on one of four {gpu.name}, ZeRO-1: micro batches of up to {best_micro} sequences")
plots.plot_memory({m: memory_parts(spec, m, zero_1, 4) for m in (1, 2, 4, 8, 16, 32)}, gpu.memory_gb)

# %% [markdown]
# Now the three functions work together. There is no A100 here, so the times of a micro batch and an update come from a
# **machine on paper**, with made-up constants of the right order of magnitude. What the figure shows is how a search
# works, not what an A100 does.

# %% role="demo"
from mechanisms.budgets.fake import seconds_on_paper

found = {}
for setting in enumerate_settings(4, spec.batch, "bf16", gpu.ampere, SHARDING):
    settings = settings_from(setting)
    micro = largest_micro_batch(step_on_paper(settings, 4), limit=spec.batch // 4)
    if micro:
        acc, opt = seconds_on_paper(spec, settings, gpu, 4, micro)
        found[f"{settings.label} (micro batch {micro})"] = step_time([acc], [opt], spec.batch, 4, micro, warmup=0)
plots.plot_search(found, f"Pythia-1B on four {gpu.name} that exist on paper only")

# %% [markdown]
# <details><summary>What you should see</summary>
#
# The memory model gives 16 sequences, the micro batch of the authors' best setting on four A100 (so does their code:
# ZeRO-1, no checkpointing, no offloading, micro batch 16). In the ranking, settings with checkpointing reach larger
# micro batches and still lose: they pay a third more work for memory that this GPU does not lack. Settings that differ
# in nothing the machine on paper knows of (a kind of FSDP and the stage of ZeRO that shares the same) come out alike.
# Offloading costs little while 16 micro batches share one update, and about a tenth where the weights travel too. On
# GPUs with 24 GB sharding begins to pay: "zero_2" doubles the micro batch that "none" leaves room for. Put
# `GPUS["rtx3090"]` into the first of the two cells, run both again, and look.
#
# </details>
#
# ### Predict before you run
#
# Replace `None` by a letter. Predictions earn no points; they make you notice when you are surprised.

# %% role="predict"
predict("09.q1", None)

# %% [markdown]
# ## 4 · Time a real step
#
# Enough paper. A `trainer` has four methods:
#
# | method | what it does |
# |---|---|
# | `trainer.accumulate()` | **queues** forward and backward pass of one micro batch on the device |
# | `trainer.update()` | **queues** clipping, the optimizer's step, and the removal of the gradients |
# | `trainer.synchronize()` | waits until the device has done everything that was queued |
# | `trainer.clock()` | the host's clock, in seconds |
#
# On a GPU the first two return at once, long before the work is done. To time one piece: wait, read the clock, queue
# the piece, wait, read the clock.
#
# {card time_training}
#
# 1. `warmup` rounds, not kept. A round is **one micro batch and one update**, each timed by itself (in a warm-up round
#    you need not look at the clock).
# 2. `timed` rounds, kept: `"accumulate"` and `"update"` are lists of `timed` seconds.
# 3. One **real step**, `"real_step"`: `accumulation` micro batches and one update, a single time for everything, with
#    no waiting in between. This is what the prediction of exercise 1 is held against.


# %% role="solution" exercise="time_training"
# exercise: ch09.time_training
def time_training(trainer, accumulation: int, warmup: int, timed: int) -> dict[str, list[float] | float]:
    """Times the pieces of a training step apart, then one whole step (paper, the benchmark).

    trainer: has accumulate(), update(), synchronize() and clock(); the first two only queue work.
    Returns {"accumulate": list of timed seconds, "update": the same, "real_step": seconds}. The warm-up rounds
    come first and are not among them; the device is idle whenever the clock is read.
    """

    ### BEGIN SOLUTION
    def seconds(work):
        trainer.synchronize()
        start = trainer.clock()
        work()
        trainer.synchronize()
        return trainer.clock() - start

    def whole_step():
        for _ in range(accumulation):
            trainer.accumulate()
        trainer.update()

    rounds = [(seconds(trainer.accumulate), seconds(trainer.update)) for _ in range(warmup + timed)][warmup:]
    return {
        "accumulate": [acc for acc, _ in rounds],
        "update": [opt for _, opt in rounds],
        "real_step": seconds(whole_step),
    }
    ### END SOLUTION


# %% role="check" exercise="time_training"
check(time_training)  # exercise: ch09.time_training

# %% [markdown]
# <details><summary>Hint 1: a helper</summary>
#
# Write an inner function that takes a piece of work (a function without arguments, such as `trainer.update`) and
# returns its seconds. It waits twice.
#
# </details>
# <details><summary>Hint 2: the rounds</summary>
#
# `warmup + timed` rounds, of which you drop the first `warmup`. In each, time `trainer.accumulate` and then
# `trainer.update`.
#
# </details>
# <details><summary>Hint 3: the real step</summary>
#
# Put the loop over `accumulation` micro batches and the one update into a second inner function and hand that to your
# helper.
#
# </details>

# %% [markdown]
# Now on **your** machine: a Pythia with two layers on a CPU, Pythia-160M if there is a GPU (this needs no download, the
# weights are random). Six sizes of micro batch; each time the prediction and the real step.

# %% role="demo"
from mechanisms.budgets.trainer import PythiaTrainer, saved_bytes

on_gpu = torch.cuda.is_available()
mine = MODELS["pythia-160m"] if on_gpu else MODELS["pythia-nano"]
BATCH, SEQ = 64, 513 if on_gpu else mine.seq
my_settings = Settings(attention="sdpa", tf32=on_gpu, precision="fp16" if on_gpu else "fp32")
results = {}
for micro in [1, 2, 4, 8, 16, 32]:
    try:
        trainer = PythiaTrainer(mine, my_settings, micro, SEQ)
        times = time_training(trainer, BATCH // micro, warmup=2, timed=5)
    except torch.OutOfMemoryError:
        print(f"micro batch {micro} does not fit")
        break
    predicted = step_time(times["accumulate"], times["update"], BATCH, 1, micro, warmup=0)
    results[micro] = {"predicted": predicted, "real": times["real_step"]}
error = {micro: result["predicted"] / result["real"] - 1 for micro, result in results.items()}
typical = sorted(abs(value) for value in error.values())[len(error) // 2]
print(f"{mine.name}, batch {BATCH}: the prediction is off by {typical:.0%} (median of {len(error)} sizes)")
plots.plot_prediction(results)

# %% [markdown]
# And activation checkpointing, for real: what the forward pass keeps, and what it costs.

# %% role="demo"
kept, seconds = {}, {}
for name, checkpointing in {"off": False, "on": True}.items():
    trainer = PythiaTrainer(mine, Settings(**{**my_settings.to_dict(), "checkpointing": checkpointing}), 8, SEQ)
    kept[name] = saved_bytes(trainer)
    times = time_training(trainer, 8, warmup=2, timed=9)
    seconds[name] = min(times["accumulate"])  # the fastest of nine: whatever else runs here only ever adds time
slower = seconds["on"] / seconds["off"]
print(f"checkpointing keeps {kept['on'] / kept['off']:.0%} of the bytes and takes {slower:.2f} times as long")
plots.plot_checkpointing(kept, seconds)

# %% [markdown]
# <details><summary>What you should see</summary>
#
# The dots lie near the line: two means of five measurements each predict a step of up to 64 micro batches. On two noisy
# cores an error of 10 to 25% is normal (something else ran while one of the two was measured: run the cell again). If
# most dots lie outside the grey band, on the same side, and stay there when you run the cell again, something is
# systematic: dots below the line mean that a long step is slower than its pieces (a machine that heats up and slows
# down, or that has too little memory), dots above that the pieces were timed too slow (too little warm-up). On a GPU
# expect a few percent. The larger micro batches are faster per step; beyond some size they gain nothing more,
# because the device is busy already.
#
# Checkpointing keeps a fraction of the bytes. In theory it repeats the forward pass, a third of the work, so about 1.33
# times the time; small models come out a little different, since not everything in a step is a layer.
#
# </details>
#
# ## 5 · Days, and GPU-days
#
# A step is measured; a training is a multiplication. But which number is to be compared? 18 days on 4 GPUs against 3
# days on 64 GPUs: slower, or cheaper?
#
# {card training_time}
#
# `"days"` is how long you wait, `"gpu_days"` what you use up (days times GPUs), and `"fewer"` how many times **fewer
# GPU-days** than the original training this takes: larger than 1 means that yours needs less. The original used
# `original_gpus` for `original_days`.


# %% role="solution" exercise="training_time"
# exercise: ch09.training_time
def training_time(
    step_seconds: float, steps: int, n_gpus: int, original_gpus: int, original_days: float
) -> dict[str, float]:
    """Days and GPU-days of a whole training, and how they compare with the original's (paper, abstract).

    step_seconds: seconds of one step, in which all n_gpus GPUs take part.
    Returns {"days", "gpu_days", "fewer"}: fewer = the original's GPU-days divided by these.
    """
    ### BEGIN SOLUTION
    days = step_seconds * steps / 86_400
    gpu_days = days * n_gpus
    return {"days": days, "gpu_days": gpu_days, "fewer": original_gpus * original_days / gpu_days}
    ### END SOLUTION


# %% role="check" exercise="training_time"
check(training_time)  # exercise: ch09.training_time

# %% [markdown]
# <details><summary>Hint 1: days</summary>
#
# A day has 24 · 60 · 60 seconds. The number of steps is that of the whole training; the batch is already in the time of
# a step.
#
# </details>
# <details><summary>Hint 2: fewer</summary>
#
# Compare GPU-days with GPU-days: 64 GPUs for 3 days are 192.
#
# </details>

# %% role="demo"
a100 = next(point for point in PAPER_POINTS if point.gpu == "a100")
reported_step = a100.days * 86_400 / spec.steps  # what the authors' step must have taken
replication = training_time(reported_step, spec.steps, a100.n, *ORIGINAL_RUNS["pythia-1b"])
print(f"step {reported_step:.2f} s, {replication['days']:.2f} days, {replication['gpu_days']:.1f} GPU-days")
print(f"{replication['fewer']:.2f} times fewer GPU-days than the original")
plots.plot_gpu_days(ORIGINAL_RUNS["pythia-1b"], (a100.n, a100.days))

# %% [markdown]
# <details><summary>What you should see</summary>
#
# 192 GPU-days against 70.3: a factor of 2.73. The abstract rounds 17.57 days to 18 and 2.73 to "3x". In plain days
# the replication is almost six times *slower*; a comparison of days would have said 0.17. Areas in the figure are
# GPU-days.
#
# </details>
#
# ## 6 · How much work is it?
#
# A measured time says nothing about whether it is good. For that we need the amount of work, which follows from the
# shapes. A product of an $a \times b$ and a $b \times c$ matrix takes $2abc$ floating-point operations: one
# multiplication and one addition for each triple. In one sequence of $T$ tokens, width $d$, MLP width $d_{ff}$,
# vocabulary $V$, the forward pass multiplies
#
# | what | sizes | how often |
# |---|---|---|
# | queries, keys, values, output | $(T \times d)(d \times d)$ | 4 in each layer |
# | attention scores of all heads together | $(T \times d)(d \times T)$ | 1 in each layer |
# | scores times values | $(T \times T)(T \times d)$ | 1 in each layer |
# | the two matrices of the MLP | $(T \times d)(d \times d_{ff})$ and back | 1 each in each layer |
# | unembedding | $(T \times d)(d \times V)$ | once |
#
# (Heads cut $d$ into pieces, which changes nothing in the sum. The embedding is a look-up, no product.) The backward
# pass takes **twice** the forward pass: for every product one for the gradient of each of its two factors.
#
# {card training_flops}
#
# Count attention in full, as if the causal mask saved nothing: PyTorch's own counter does so too.


# %% role="solution" exercise="training_flops"
# exercise: ch09.training_flops
def training_flops(n_layers: int, d_model: int, d_ff: int, vocab: int, seq: int) -> int:
    """Floating-point operations of one sequence's forward and backward pass (paper, the analytic baseline).

    Matrix products only; a multiplication and an addition are two operations. seq: tokens in the sequence.
    """
    ### BEGIN SOLUTION
    projections = 4 * 2 * seq * d_model * d_model
    attention = 2 * 2 * seq * seq * d_model
    mlp = 2 * 2 * seq * d_model * d_ff
    forward = n_layers * (projections + attention + mlp) + 2 * seq * d_model * vocab
    return 3 * forward
    ### END SOLUTION


# %% role="check" exercise="training_flops"
check(training_flops)  # exercise: ch09.training_flops

# %% [markdown]
# <details><summary>Hint 1: one layer</summary>
#
# Write down the four rows of a layer as numbers: `4 * 2 * seq * d_model**2` is the first. The two attention rows are
# equal, and so are the two matrices of the MLP.
#
# </details>
# <details><summary>Hint 2: the rest</summary>
#
# Multiply the layer by the number of layers, add the unembedding once, and take three times the whole: one forward pass
# and a backward pass twice as large.
#
# </details>

# %% role="demo"
from mechanisms.budgets.flops import count_flops

for name in ("pythia-nano", "pythia-160m", "pythia-1b"):
    m = MODELS[name]
    yours = training_flops(m.n_layers, m.d_model, m.d_ff, m.vocab, m.seq)
    counted = count_flops(m)  # the real model on PyTorch's meta device, which computes shapes and no numbers
    six = 6 * m.parameters * m.seq
    print(f"{name:12} yours {yours:.4g}, PyTorch counts {counted:.4g}, 6 x parameters x tokens {six:.4g}")

# %% [markdown]
# <details><summary>What you should see</summary>
#
# Your number and PyTorch's agree. The rule of thumb "6 times parameters times tokens" comes close, by
# two errors that partly cancel: it counts the embedding, which multiplies nothing, and leaves out attention.
#
# </details>
#
# ### Predict before you run

# %% role="predict"
predict("09.q2", None)

# %% [markdown]
# ## 7 · Utilisation, a lie detector
#
# Work divided by speed is time. At the GPUs' **peak** speed the training would take the *analytic* days; no run reaches
# that, because memory, communication and Python take their share. **Utilisation** is what remains:
#
# $$\text{analytic days} = \frac{\text{FLOPs of a sequence} \cdot \text{batch} \cdot \text{steps}}{n \cdot
# \text{peak} \cdot 86{,}400\ \text{s}}, \qquad \text{utilisation} = \frac{\text{analytic days}}{\text{measured
# days}}$$
#
# A GPU has several peaks: an A100 does 312 TFLOP/s in half precision and 156 in TF32. Take the one that belongs to
# the precision of the run.
#
# {card utilisation}
#
# `peaks` has the entries `"half"` (for `"fp16"` and `"bf16"`) and `"tf32"` (for `"tf32"`), in TFLOP/s (10¹² operations
# a second) of **one** GPU.


# %% role="solution" exercise="utilisation"
# exercise: ch09.utilisation
def utilisation(
    flops_per_sequence: float,
    batch: int,
    steps: int,
    n_gpus: int,
    peaks: dict[str, float],
    precision: str,
    measured_days: float,
) -> dict[str, float]:
    """How much of the GPUs' peak speed a training uses (paper, analytic against empirical training time).

    flops_per_sequence: forward and backward pass. peaks: {"half", "tf32"} of one GPU in TFLOP/s.
    precision: "fp16", "bf16" or "tf32". Returns {"analytic_days", "utilisation"}; utilisation as a share of 1.
    """
    ### BEGIN SOLUTION
    peak = peaks["tf32"] if precision == "tf32" else peaks["half"]
    analytic_days = flops_per_sequence * batch * steps / (n_gpus * peak * 1e12) / 86_400
    return {"analytic_days": analytic_days, "utilisation": analytic_days / measured_days}
    ### END SOLUTION


# %% role="check" exercise="utilisation"
check(utilisation)  # exercise: ch09.utilisation

# %% [markdown]
# <details><summary>Hint 1: units</summary>
#
# 312 TFLOP/s are 312 · 10¹² operations in a second, on each GPU. All of them work at the same time.
#
# </details>
# <details><summary>Hint 2: which way round</summary>
#
# A run that takes twice the analytic days has a utilisation of one half.
#
# </details>

# %% role="demo"
work = training_flops(spec.n_layers, spec.d_model, spec.d_ff, spec.vocab, spec.seq)
shares = {}
for point in PAPER_POINTS:
    peaks = {"half": GPUS[point.gpu].half, "tf32": GPUS[point.gpu].tf32}
    result = utilisation(work, spec.batch, spec.steps, point.n, peaks, "bf16", point.days)
    shares[f"{point.n} × {GPUS[point.gpu].name}, reported"] = result["utilisation"]
    print(f"{point.n} x {point.gpu}: analytic {result['analytic_days']:.1f} days, reported {point.days:.1f}")
original_gpus, original_days = ORIGINAL_RUNS["pythia-1b"]
a100_peaks = {"half": GPUS["a100"].half, "tf32": GPUS["a100"].tf32}
original = utilisation(work, spec.batch, spec.steps, original_gpus, a100_peaks, "bf16", original_days)
shares["64 × A100, original training"] = original["utilisation"]
plots.plot_utilisation(shares)

# %% [markdown]
# <details><summary>What you should see</summary>
#
# A surprise, and not a small one. The original training: 36%, an ordinary number. The paper's four A100: **99%** of the
# theoretical peak, its four H100 90%, its two RTX 3090 **142%**. For well-tuned training code 40 to 60% are usual;
# nothing reaches more than 100%.
#
# So one of three things is off: the work, the peak, or the measured time. The work is what PyTorch counts. The peaks
# are those of the authors' own code; a GPU may have several (by form factor, by how sums are kept), so they may be off
# for some of these GPUs. The time is the first suspect. The published benchmark reads a plain wall clock, and the
# file shows no explicit wait for the GPU (exercise 4 is about what this can do); but this is a suspicion and no proof,
# and somebody with four A100s could settle it in ten minutes, with your function. Until then, read "18 days" as
# *at least* 18 days. (Were the A100s as busy as in the original run, it would be about 48.)
#
# </details>
#
# ## 8 · Days or dollars?
#
# A machine costs money once and lives, say, five years. The paper's prices: the machine without GPUs costs
# `MACHINE_PRICE[n]` dollars for `n` GPUs (1, 2, 4 or 8), and each GPU comes on top. A training that takes `days` uses
# up its share of the five years (365 days each):
#
# $$\text{price} = \text{base}(n) + n \cdot \text{GPU}, \qquad
# \text{price of its time} = \text{price} \cdot \frac{\text{days}}{5 \cdot 365}$$
#
# {card hardware_cost}
#
# Use the dictionary `MACHINE_PRICE` from the setup cell.


# %% role="solution" exercise="hardware_cost"
# exercise: ch09.hardware_cost
def hardware_cost(n_gpus: int, gpu_price: float, days: float) -> dict[str, float]:
    """What a machine costs, and the part of it that falls on one training (paper, the cost-benefit analysis).

    n_gpus: 1, 2, 4 or 8. gpu_price: dollars for one GPU. days: how long the training takes on this machine.
    Returns {"machine": dollars to buy it, "training": dollars of its five years that the training uses}.
    """
    ### BEGIN SOLUTION
    machine = float(MACHINE_PRICE[n_gpus] + n_gpus * gpu_price)
    return {"machine": machine, "training": machine * days / (5 * 365)}
    ### END SOLUTION


# %% role="check" exercise="hardware_cost"
check(hardware_cost)  # exercise: ch09.hardware_cost

# %% [markdown]
# <details><summary>Hint 1: the machine</summary>
#
# `MACHINE_PRICE[n_gpus]` is the price of the whole machine without its GPUs, not of a part of it for each GPU.
#
# </details>
# <details><summary>Hint 2: types</summary>
#
# Return floats: `float(...)` around the price if it is made of whole numbers.
#
# </details>

# %% role="demo"
for point in PAPER_POINTS:
    cost = hardware_cost(point.n, GPUS[point.gpu].price, point.days)
    print(
        f"{point.n} x {GPUS[point.gpu].name:17}: ${cost['machine']:>9,.0f} to buy, {point.days:5.1f} days reported, "
        f"${cost['training']:,.0f} of the machine's life"
    )
    peaks = {"half": GPUS[point.gpu].half, "tf32": GPUS[point.gpu].tf32}
    slower_days = utilisation(work, spec.batch, spec.steps, point.n, peaks, "bf16", 1.0)["analytic_days"] / 0.4
    cost = hardware_cost(point.n, GPUS[point.gpu].price, slower_days)
    print(f"{'':40}{slower_days:5.1f} days at 40% of the peak, ${cost['training']:,.0f} of the machine's life")

# %% [markdown]
# <details><summary>What you should see</summary>
#
# \$127,500 for 8 days or \$4,100 for 108 days: the title of the paper. Divided by the machine's life, though, one
# training costs a few hundred dollars on either. These are the *reported* days that section 7 doubts. The second line
# of each pair reckons with the days at a utilisation of 40% for all: everything takes two to three and a half times as
# long and costs as much more, and the order of the three stays. Expensive machines are not wasteful, they are hard to
# *buy*.
#
# </details>
#
# ## 9 · Machines that nobody should buy
#
# Sixteen machines (four GPU types, 1 to 8 of each), two things to keep small: dollars and days. A machine is
# **dominated** when another one is at least as good in both and better in one. What is left is the **Pareto frontier**:
# the machines among which the choice is a matter of taste.
#
# {card pareto_frontier}
#
# Return the indices of the machines on the frontier, in increasing order. Two machines with the same price **and** the
# same days do not dominate each other: if one is on the frontier, both are. With the same price, the slower one is
# dominated.


# %% role="solution" exercise="pareto_frontier"
# exercise: ch09.pareto_frontier
def pareto_frontier(dollars: Float[Tensor, "n"], days: Float[Tensor, "n"]) -> list[int]:
    """Indices of the machines that no other one dominates, in increasing order (paper, the cost-benefit analysis).

    A machine is dominated if another has no more dollars and no more days, and fewer of at least one.
    """
    ### BEGIN SOLUTION
    frontier = []
    for i in range(len(dollars)):
        as_good = (dollars <= dollars[i]) & (days <= days[i])
        better = (dollars < dollars[i]) | (days < days[i])
        if not (as_good & better).any():
            frontier.append(i)
    return frontier
    ### END SOLUTION


# %% role="check" exercise="pareto_frontier"
check(pareto_frontier)  # exercise: ch09.pareto_frontier

# %% [markdown]
# <details><summary>Hint 1: one machine</summary>
#
# For machine `i`, compare all machines with it at once: `dollars <= dollars[i]` is a boolean tensor. Which combination
# of four such comparisons says "dominates i"?
#
# </details>
# <details><summary>Hint 2: almost the answer</summary>
#
# At least as good in both, with `&`; better in one, with `|`. If `.any()` machine fulfils both, `i` is out. A machine
# never dominates itself, because it is not better than itself.
#
# </details>

# %% [markdown]
# The paper's table of days for every machine is not among the sources that we could read, so the days below are
# **analytic days at an assumed utilisation of 40%**, not measurements. The crosses are the three points that the paper
# publishes in words.

# %% role="demo"
ASSUMED = 0.4
machines = []
for key in ("rtx3090", "a6000", "a100", "h100"):
    for n in (1, 2, 4, 8):
        peaks = {"half": GPUS[key].half, "tf32": GPUS[key].tf32}
        ideal = utilisation(work, spec.batch, spec.steps, n, peaks, "bf16", 1.0)["analytic_days"]
        cost = hardware_cost(n, GPUS[key].price, ideal / ASSUMED)
        machines.append({"gpu": key, "n": n, "days": ideal / ASSUMED, "dollars": cost["machine"]})
dollars = torch.tensor([machine["dollars"] for machine in machines])
days = torch.tensor([machine["days"] for machine in machines])
frontier = pareto_frontier(dollars, days)
print("on the frontier:", ", ".join(f"{machines[i]['n']} x {machines[i]['gpu']}" for i in frontier))
plots.plot_frontier(machines, frontier, PAPER_POINTS)

# %% [markdown]
# And to play with: pick a model, GPUs, their number, and how busy you believe they will be.

# %% role="demo"
from mechanisms.widgets.planner import planner

planner()

# %% [markdown]
# <details><summary>What you should see</summary>
#
# Twelve of the sixteen machines are on the frontier: at equal utilisation, price buys speed in many small steps, from
# one RTX 3090 for \$2,300 to eight H100 for a quarter of a million. Off it are two, four and eight A100, each beaten by
# half as many H100, and four RTX 3090, which two A6000 beat. So much for peak speed. Two things this figure does not
# know: whether the model *fits* (24 GB!), and what communication between eight consumer cards costs. Measuring knows
# both, which is why the paper measures.
#
# </details>
#
# ## 10 · Your results beside the paper's

# %% role="demo"
from mechanisms.budgets.measured import on_cpu
from mechanisms.plots.claims import PRETRAINING_BUDGETS, claims_table

h100 = hardware_cost(4, GPUS["h100"].price, 8.0)["machine"]
rtx = hardware_cost(2, GPUS["rtx3090"].price, 108.0)["machine"]
claims_table(
    PRETRAINING_BUDGETS,
    {
        "settings": f"{counts[1]} and {counts[4]}",
        "fewer": f"{replication['fewer']:.2f}",
        "dollars": f"${h100:,.0f} and ${rtx:,.0f}",
        "busy": ", ".join(f"{share:.0%}" for share in shares.values()),
        "prediction": f"off by {typical:.0%} (median of {len(error)} sizes, this machine)",
        "checkpointing": f"{slower:.2f} times the time, {kept['on'] / kept['off']:.0%} of the bytes",
    },
    model="measured on a CPU",
    measured=on_cpu(),
)

# %% [markdown] role="rubric" id="can_we_afford_it" points=5
# ### In your own words (5 points, read by a person)
#
# Your lab may buy **one** machine for at most \$45,000 and wants to pre-train Pythia-410M (same recipe: 143,000
# steps of 1,024 sequences) as often as possible in five years. In six to ten sentences, advise them.
#
# - Name one machine on the frontier and one that is dominated, with price, days and the utilisation that you assume.
#   (2 points)
# - Which of your numbers are measured, which are computed, which are assumed? Which single measurement, on which
#   machine, would you want first, and how would you make it? (2 points)
# - A colleague shows a benchmark with a utilisation of 140%. What do you ask? (1 point)
#
# ### BEGIN SOLUTION
# **Mark scheme.**
#
# - *2 points*: a machine within \$45,000 on the frontier (at equal utilisation for example one H100 for \$31,000, four
#   A6000 for \$26,700, eight RTX 3090 for \$20,900) and a dominated one (two A100 for \$39,500, beaten by one H100),
#   each with price from `hardware_cost` and days from `utilisation` at a stated assumption. Another choice is fine
#   where memory or communication is argued. 1 point if the assumption is missing or the model is Pythia-1B.
# - *2 points*: prices and FLOPs are computed from tables, days rest on an assumed utilisation, nothing about a GPU was
#   measured unless the student ran the last section. The measurement: a synchronised micro batch and an update on the
#   machine in question, warm-up discarded, largest micro batch, checked against a real step. 1 point for either half.
# - *1 point*: any of: was the device synchronised, which peak was used (precision, sparsity, one GPU or all), was the
#   forward pass alone counted, are batch and sequence length as claimed.
#
# A model answer begins: "At 40% utilisation [machine] costs [price] and takes [days]; [other] costs more and takes
# longer. ..."
# ### END SOLUTION

# %% [markdown]
# ## 11 · Paper scale
#
# Your functions on a real GPU, with a real Pythia: any CUDA GPU does, a free Colab T4 included (no download: the
# weights are random). Without one the next cell says so in one sentence and the others do nothing. On a T4 there is no
# bf16 and no TF32, so the free lunch is fused attention and, if you have a minute, `compile`.

# %% role="paper"
paper_gpu = torch.cuda.is_available()
if not paper_gpu:
    print("No paper-scale run here: it needs a GPU, and PyTorch finds none. Everything above is complete without it.")

# %% role="paper"
if paper_gpu:
    import gc

    big = MODELS["pythia-160m"]
    modern = torch.cuda.get_device_capability()[0] >= 8
    big_settings = Settings(attention="sdpa", tf32=modern, precision="bf16" if modern else "fp16")

    def try_real_step(micro):
        gc.collect()
        torch.cuda.empty_cache()
        trial = PythiaTrainer(big, big_settings, micro)
        trial.accumulate()
        trial.update()
        trial.synchronize()

    largest = largest_micro_batch(try_real_step, limit=32)
    print(f"{big.name}, {big.seq} tokens: micro batches of up to {largest} sequences fit on this GPU")

# %% role="paper"
if paper_gpu and largest:
    from mechanisms.budgets.facts import recognise_gpu

    gc.collect()
    torch.cuda.empty_cache()
    trainer = PythiaTrainer(big, big_settings, largest)
    accumulation = 4  # a whole step of 1,024 sequences would take minutes: four micro batches test the prediction too
    times = time_training(trainer, accumulation, warmup=2, timed=3)
    short = step_time(times["accumulate"], times["update"], accumulation * largest, 1, largest, warmup=0)
    whole = step_time(times["accumulate"], times["update"], big.batch, 1, largest, warmup=0)
    big_time = training_time(whole, big.steps, 1, *ORIGINAL_RUNS["pythia-160m"])
    print(f"prediction against a real step of {accumulation} micro batches: {short / times['real_step'] - 1:+.1%}")
    print(f"a step of {big.batch}: {whole:.1f} s; the training: {big_time['days']:.0f} days on this GPU")
    known = recognise_gpu(torch.cuda.get_device_name())
    if known is not None:
        big_work = training_flops(big.n_layers, big.d_model, big.d_ff, big.vocab, big.seq)
        peaks = {"half": known.half, "tf32": known.tf32 or math.nan}
        share = utilisation(big_work, big.batch, big.steps, 1, peaks, "fp16", big_time["days"])["utilisation"]
        print(f"utilisation {share:.0%} of {known.name}'s {known.half:g} TFLOP/s")

# %% [markdown]
# ### Where to go from here
#
# - The same measurement is a command, with compilation, sharding and offloading: `python -m mechanisms.budgets measure
#   --model pythia-160m --real-steps 1`, and `search` in place of `measure` for every valid setting. With several GPUs:
#   `torchrun --nproc-per-node 4 -m mechanisms.budgets measure --model pythia-1b --sharding zero_1`.
# - If you have A100s or H100s, measure Pythia-1B, and settle the question of section 7.
