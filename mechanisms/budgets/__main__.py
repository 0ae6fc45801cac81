"""The measuring tool as a command: ``python -m mechanisms.budgets measure --model pythia-160m --micro 4``.

- ``measure``: one model, batch and settings in; step time, tokens per second, utilisation, days and dollars out;
- ``search``: every valid setting of this machine, each in a process of its own, best against naive;
- ``table``: ``search`` for several models, written to a file with script, device and date;
- ``plan``: days and dollars on a GPU that is not there, at an assumed utilisation;
- ``settings``: the valid memory-saving settings for a number of GPUs.

On several GPUs: ``torchrun --nproc-per-node 4 -m mechanisms.budgets measure ...``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from mechanisms.budgets import plan
from mechanisms.budgets.facts import GPUS, MODELS, ORIGINAL_RUNS, PAPER_POINTS, ModelSpec, gpu_spec, model_spec
from mechanisms.budgets.settings import FREE_LUNCH, NAIVE, OPTIMIZERS, PRECISIONS, SHARDING, Settings, valid_settings
from mechanisms.errors import CourseError
from mechanisms.files import atomic_write


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    top = argparse.ArgumentParser(prog="python -m mechanisms.budgets", description=__doc__.splitlines()[0])
    commands = top.add_subparsers(dest="command", required=True)

    measure = commands.add_parser("measure", help="time a training step on this machine")
    _add_model(measure, "pythia-nano")
    _add_run(measure)
    measure.add_argument("--micro", type=int, help="sequences per micro batch (default: the largest that fits)")
    measure.add_argument("--naive", action="store_true", help="start from everything off (default: the free lunch)")
    measure.add_argument("--compile", action=argparse.BooleanOptionalAction, help="torch.compile")
    measure.add_argument(
        "--attention", choices=("eager", "sdpa"), help="default: sdpa, which is fused; eager when naive"
    )
    measure.add_argument("--tf32", action=argparse.BooleanOptionalAction, help="TF32 for float32 products")
    measure.add_argument("--checkpointing", action="store_true", help="activation checkpointing")
    measure.add_argument("--sharding", choices=SHARDING, default="none", help="default: none")
    measure.add_argument("--offloading", action="store_true", help="keep the shard in the host's memory")
    measure.add_argument("--json", type=Path, help="also write the report to this file")

    for name, words in (
        ("search", "every valid setting of this machine"),
        ("table", "search for several models, into a file"),
    ):
        command = commands.add_parser(name, help=words)
        if name == "search":
            _add_model(command, "pythia-nano")
        else:
            command.add_argument("--models", nargs="+", default=["pythia-160m", "pythia-410m", "pythia-1b"])
            command.add_argument("--batch", type=int, help="sequences in a step (default: the model's recipe)")
            command.add_argument("--seq", type=int, help="tokens in a sequence (default: the model's recipe)")
            command.add_argument("--steps", type=int, help="steps of the training (default: the model's recipe)")
        _add_run(command)
        command.add_argument("--gpus", type=int, default=1, help="processes, one for each GPU (default 1)")
        command.add_argument("--out", type=Path, required=name == "table", help="file for the results (JSON)")
        command.add_argument("--only", nargs="+", metavar="WORDS", help="only settings whose name is one of these")

    planned = commands.add_parser("plan", help="days and dollars on a GPU that is not there")
    _add_model(planned, "pythia-1b")
    planned.add_argument("--gpu", choices=GPUS, default="a100", help="default: a100")
    planned.add_argument("--n", type=int, default=4, help="number of GPUs (default 4)")
    planned.add_argument("--utilisation", type=float, default=0.4, help="assumed share of the peak (default 0.4)")

    listed = commands.add_parser("settings", help="the valid memory-saving settings")
    listed.add_argument("--n", type=int, default=1, help="number of GPUs (default 1)")
    return top


def _add_model(command: argparse.ArgumentParser, model: str) -> None:
    command.add_argument("--model", default=model, help=f"one of {', '.join(MODELS)} (default {model})")
    command.add_argument("--batch", type=int, help="sequences in a step, all GPUs together (default: the recipe's)")
    command.add_argument("--seq", type=int, help="tokens in a sequence (default: the recipe's)")
    command.add_argument("--steps", type=int, help="steps of the whole training (default: the recipe's)")


def _add_run(command: argparse.ArgumentParser) -> None:
    command.add_argument("--precision", choices=PRECISIONS, help="default: the recipe's on a GPU, fp32 on a CPU")
    command.add_argument("--optimizer", choices=OPTIMIZERS, default="adam", help="default: adam")
    command.add_argument("--device", choices=("cpu", "cuda"), help="default: a GPU where there is one")
    command.add_argument("--threads", type=int, help="CPU threads (default: torch's)")
    command.add_argument("--warmup", type=int, default=1, help="discarded rounds (default 1)")
    command.add_argument("--timed", type=int, default=3, help="timed rounds (default 3)")
    command.add_argument("--real-steps", type=int, default=0, help="also time so many real steps (default 0)")
    command.add_argument("--memory-gb", type=float, help="budget of the memory model on a CPU (default: half of it)")
    command.add_argument("--gpu", choices=GPUS, help="peak and price to reckon with (default: recognised)")


def recipe_of(options: argparse.Namespace, name: str) -> ModelSpec:
    """The model's recipe with what the options say otherwise."""
    spec = model_spec(name)
    given = {key: getattr(options, key) for key in ("batch", "seq", "steps") if getattr(options, key)}
    return replace(spec, **given)


def precision_of(options: argparse.Namespace, spec: ModelSpec) -> str:
    """The precision asked for, or the recipe's where a GPU can have it."""
    import torch

    if options.precision:
        return options.precision
    return "fp32" if options.device == "cpu" or not torch.cuda.is_available() else spec.precision


def settings_of(options: argparse.Namespace, spec: ModelSpec) -> Settings:
    """The settings that ``measure`` is asked for."""
    base = NAIVE if options.naive else FREE_LUNCH
    named = {"compile": options.compile, "attention": options.attention, "tf32": options.tf32}
    return replace(
        base,
        **{key: value for key, value in named.items() if value is not None},
        checkpointing=options.checkpointing,
        sharding=options.sharding,
        offloading=options.offloading,
        precision=precision_of(options, spec),
        optimizer=options.optimizer,
    )


def measure_command(options: argparse.Namespace) -> int:
    """``measure``: print the report, on the first process only."""
    import torch

    from mechanisms.budgets.measure import Job, measure

    if options.threads:
        torch.set_num_threads(options.threads)
    spec = recipe_of(options, options.model)
    job = Job(
        spec=spec,
        settings=settings_of(options, spec),
        batch=spec.batch,
        steps=spec.steps,
        seq=spec.seq,
        micro=options.micro,
        device=options.device,
        warmup=options.warmup,
        timed=options.timed,
        real_steps=options.real_steps,
        budget_gb=options.memory_gb,
        gpu=gpu_spec(options.gpu) if options.gpu else None,
    )
    first = os.environ.get("RANK", "0") == "0"
    report = measure(job, tell=(lambda line: print(line, file=sys.stderr, flush=True)) if first else None)
    if first:
        print(told(report))
        if options.json:
            atomic_write(options.json, json.dumps(report, indent=1) + "\n")
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
    return 0


def told(report: dict[str, Any]) -> str:
    """A report as lines of text."""
    lines = [
        ("model", f"{report['model']}, {report['parameters']:,} parameters, random weights"),
        ("machine", f"{report['processes']} x {report['device']}, torch {report['torch']}"),
        ("settings", _settings_told(report)),
        ("batch", f"{report['batch']} sequences of {report['seq']} tokens = {report['processes']} x "
         f"{report['accumulation']} micro batches of {report['micro']}"),
        ("micro batch", _seconds(report["accumulate_seconds"])),
        ("exchange", _seconds(report["exchange_seconds"]) if report["exchange_seconds"] else ""),
        ("optimizer", _seconds(report["update_seconds"])),
        ("step", f"{report['step_seconds']:.4g} s (predicted)"),
        ("real step", f"{_seconds(report['real_step_seconds'])}; the prediction is off by "
         f"{report['relative_error']:+.1%}" if report["real_step_seconds"] else ""),
        ("speed", f"{report['tokens_per_second']:,.0f} tokens/s, {report['tflops']:.3g} TFLOP/s"),
        ("utilisation", f"{report['utilisation']:.1%} of {report['peak_tflops']:.3g} TFLOP/s "
         f"({report['peak_source']})"),
        ("peak memory", f"{report['peak_memory_bytes'] / 1e9:.1f} GB" if report["peak_memory_bytes"] else ""),
        ("training", f"{report['steps']:,} steps: {report['days']:.3g} days, {report['gpu_days']:.3g} "
         f"{'GPU' if report['peak_memory_bytes'] else 'device'}-days"),
        ("price", f"${report['machine_dollars']:,} for the machine, ${report['dollars_of_its_time']:,.0f} of its "
         "five years" if report["machine_dollars"] else "not known for this device"),
    ]  # fmt: skip
    return "\n".join(f"{name:>12}  {text}" for name, text in lines if text)


def _settings_told(report: dict[str, Any]) -> str:
    chosen = Settings(**report["settings"])
    words = [
        chosen.precision,
        f"{chosen.attention} attention",
        "TF32" * (chosen.tf32 and report["device"] != "cpu"),
        chosen.optimizer,
    ]
    words.append("compiled" if report["compiled"] else "not compiled")
    return ", ".join(word for word in words if word) + f"; saving memory: {chosen.label}"


def _seconds(values: list[float]) -> str:
    if len(values) == 1:
        return f"{values[0]:.4g} s (a single measurement: its spread is not known)"
    return f"{sum(values) / len(values):.4g} s (mean of {len(values)}, {min(values):.4g} to {max(values):.4g})"


def search_command(options: argparse.Namespace) -> int:
    """``search`` and ``table``: run every valid setting and print a table."""
    from mechanisms.budgets.search import search, table_text, write_table

    names = [options.model] if options.command == "search" else options.models
    found = []
    for name in names:
        spec = recipe_of(options, name)
        rows = search(spec, precision_of(options, spec), options, progress=lambda line: print(line, flush=True))
        print(table_text(spec, rows))
        found += rows
    if options.out:
        write_table(options.out, found)
        print(f"wrote {options.out}")
    return 0


def plan_command(options: argparse.Namespace) -> int:
    """``plan``: print days and dollars."""
    spec, gpu = recipe_of(options, options.model), gpu_spec(options.gpu)
    days = plan.analytic_days(spec, gpu.half, options.n, spec.batch) / options.utilisation
    dollars = plan.dollars_of(gpu, options.n)
    print(f"{spec.name} on {options.n} x {gpu.name} at {options.utilisation:.0%} of {gpu.half:g} TFLOP/s each:")
    print(f"{days:.1f} days, {days * options.n:.0f} GPU-days" + (f", ${dollars:,} for the machine" if dollars else ""))
    for point in PAPER_POINTS:
        if point.model == spec.name:
            print(f"The paper: {point.n} x {GPUS[point.gpu].name}, {point.days:g} days ({point.source})")
            peak_days = plan.analytic_days(spec, GPUS[point.gpu].half, point.n, spec.batch)
            if peak_days > 0.8 * point.days:
                print(f"  (that would be {peak_days / point.days:.0%} of the peak, which nothing reaches: doubtful)")
    if spec.name in ORIGINAL_RUNS:
        print("The original training: {} GPUs, {} days".format(*ORIGINAL_RUNS[spec.name]))
    return 0


def settings_command(options: argparse.Namespace) -> int:
    """``settings``: list them."""
    found = valid_settings(options.n)
    print(f"{len(found)} valid settings on {options.n} GPU(s):")
    for number, chosen in enumerate(found, start=1):
        print(f"{number:>3}  {chosen.label}")
    return 0


COMMANDS = {
    "measure": measure_command,
    "search": search_command,
    "table": search_command,
    "plan": plan_command,
    "settings": settings_command,
}


def main(argv: list[str] | None = None) -> int:
    """The command: exit 0, or 1 with one sentence on stderr."""
    options = parser().parse_args(argv)
    try:
        return COMMANDS[options.command](options)
    except CourseError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
