"""The measuring tool: shapes, memory, a real trainer on the CPU, the command, and its honesty about what is missing."""

from __future__ import annotations

import json

import pytest
import torch

from mechanisms.budgets import __main__ as command
from mechanisms.budgets import measure as measuring
from mechanisms.budgets import parallel, plan, search
from mechanisms.budgets.facts import GPUS, MODELS, model_spec, recognise_gpu
from mechanisms.budgets.flops import count_flops, flops_per_sequence
from mechanisms.budgets.measured import on_cpu
from mechanisms.budgets.memory import fits, memory_parts
from mechanisms.budgets.settings import FREE_LUNCH, Settings, valid_settings
from mechanisms.budgets.trainer import PythiaTrainer, build_model, saved_bytes
from mechanisms.errors import UsageError

NANO = MODELS["pythia-nano"]
PUBLISHED = {
    "pythia-160m": 162_322_944,
    "pythia-410m": 405_334_016,
    "pythia-1b": 1_011_781_632,
    "pythia-2.8b": 2_775_208_960,
    "pythia-6.9b": 6_857_302_016,
}


def small(**settings) -> PythiaTrainer:
    return PythiaTrainer(NANO, Settings(**{"attention": "sdpa", **settings}), 4, seq=33, device="cpu")


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_shapes_are_pythias(name):
    spec = MODELS[name]
    model = build_model(spec, device="meta")
    assert spec.parameters == sum(p.numel() for p in model.parameters()) == PUBLISHED[name]


@pytest.mark.parametrize("name", ["pythia-nano", "pythia-160m", "pythia-1b"])
def test_the_formula_is_what_pytorch_counts(name):
    assert count_flops(MODELS[name]) == flops_per_sequence(MODELS[name])


def test_a_step_trains():
    trainer = small()
    before = [p.detach().clone() for p in trainer.raw.parameters()]
    trainer.accumulate()
    assert all(p.grad is not None for p in trainer.raw.parameters())
    trainer.update()
    after = list(trainer.raw.parameters())
    assert all(p.grad is None for p in after)
    assert all(not torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_checkpointing_keeps_fewer_bytes_and_gives_the_same_gradients():
    plain, lean = small(), small(checkpointing=True)
    assert saved_bytes(lean) < 0.5 * saved_bytes(plain)
    plain.accumulate()
    lean.accumulate()
    for one, other in zip(plain.raw.parameters(), lean.raw.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)


def test_attention_of_both_kinds_gives_the_same_gradients():
    fused, written_out = small(), small(attention="eager")
    fused.accumulate()
    written_out.accumulate()
    for one, other in zip(fused.raw.parameters(), written_out.raw.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-3, atol=1e-5)


def test_memory_falls_with_every_method():
    spec, base = MODELS["pythia-1b"], Settings(attention="sdpa", precision="bf16")
    total = {s.label: sum(memory_parts(spec, 4, s, 4).values()) for s in valid_settings(4, base)}
    order = ["none of them", "zero_1", "zero_2", "zero_3"]
    assert [total[name] for name in order] == sorted((total[name] for name in order), reverse=True)
    assert total["zero_2"] == total["fsdp_shard_grad_op"] and total["zero_3"] == total["fsdp_full_shard"]
    assert total["checkpointing"] < total["none of them"] and total["zero_1, offloading"] < total["zero_1"]


def test_a_t4_does_not_hold_pythia_1b():
    assert not fits(MODELS["pythia-1b"], 1, FREE_LUNCH, GPUS["t4"].memory_gb)
    assert fits(MODELS["pythia-160m"], 1, Settings(attention="sdpa", precision="fp16"), GPUS["t4"].memory_gb)


def test_the_memory_model_gives_the_readmes_micro_batch():
    """On four A100 the authors' best setting has a micro batch of 16."""
    settings = Settings(attention="sdpa", sharding="zero_1", precision="bf16")
    assert [m for m in (8, 16, 32) if fits(MODELS["pythia-1b"], m, settings, 80, 4)] == [8, 16]


@pytest.mark.parametrize(
    ("text", "key"),
    [("NVIDIA A100-SXM4-80GB", "a100"), ("Tesla T4", "t4"), ("NVIDIA GeForce RTX 3090", "rtx3090"), ("GTX 1080", None)],
)
def test_drivers_names_are_recognised(text, key):
    assert recognise_gpu(text) == (GPUS[key] if key else None)


def test_the_report_adds_up():
    job = measuring.Job(NANO, Settings(attention="sdpa"), 16, 1_000, 33, micro=4, device="cpu", timed=2, real_steps=2)
    report = measuring.measure(job)
    step = 4 * sum(report["accumulate_seconds"]) / 2 + sum(report["update_seconds"]) / 2
    assert report["step_seconds"] == pytest.approx(step) and report["accumulation"] == 4
    assert report["days"] == pytest.approx(plan.days_of(step, 1_000))
    assert report["tokens_per_second"] == pytest.approx(16 * 33 / step)
    assert 0 < report["utilisation"] < 2 and len(report["real_step_seconds"]) == 2
    assert json.loads(json.dumps(report)) == report


def test_the_micro_batch_stops_at_the_budget_and_at_the_limit():
    trainer = small()
    parts = {m: sum(memory_parts(NANO, m, trainer.settings, 1, 33).values()) / 1e9 for m in (8, 16)}
    assert measuring.find_micro(trainer, 64, budget_gb=(parts[8] + parts[16]) / 2) == 8
    assert measuring.find_micro(trainer, 4, budget_gb=100) == 4
    assert measuring.find_micro(trainer, 64, budget_gb=0.1) == 0


def test_out_of_memory_while_timing_halves_the_micro_batch(monkeypatch):
    """As the paper does; the error is planted, since a CPU has none."""
    real, tried = measuring.time_pieces, []

    def sometimes(trainer, warmup, timed):
        tried.append(trainer.micro)
        if trainer.micro > 4:
            raise torch.OutOfMemoryError("planted")
        return real(trainer, warmup, timed)

    monkeypatch.setattr(measuring, "time_pieces", sometimes)
    job = measuring.Job(NANO, Settings(attention="sdpa"), 16, 10, 17, device="cpu", timed=1, budget_gb=50)
    assert measuring.measure(job)["micro"] == 4 and tried == [16, 8, 4]


def test_a_compiler_that_fails_is_done_without(monkeypatch):
    def fails(model):
        raise RuntimeError("no compiler")

    monkeypatch.setattr(torch, "compile", fails)
    job = measuring.Job(NANO, FREE_LUNCH, 8, 10, 17, micro=4, device="cpu", timed=1)
    report = measuring.measure(job)
    assert report["settings"]["compile"] is True and report["compiled"] is False


def test_the_command_measures_and_writes(tmp_path, capsys):
    out = tmp_path / "report.json"
    words = [
        "measure",
        "--device",
        "cpu",
        "--micro",
        "4",
        "--batch",
        "8",
        "--seq",
        "17",
        "--no-compile",
        "--timed",
        "1",
    ]
    assert command.main([*words, "--real-steps", "1", "--gpu", "a100", "--json", str(out)]) == 0
    told = capsys.readouterr().out
    for word in ("tokens/s", "utilisation", "days", "real step", "$20,000 for the machine"):
        assert word in told
    assert json.loads(out.read_text())["model"] == "pythia-nano"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--model", "pythia-999b"], "no model called 'pythia-999b'"),
        (["--micro", "3"], "does not divide into micro batches of 3"),
        (["--precision", "fp16"], "fp16 needs a GPU"),
        (["--memory-gb", "0.1"], "Not even one sequence fits"),
    ],
)
def test_the_command_explains_itself_in_one_sentence(words, sentence, capsys):
    assert command.main(["measure", "--device", "cpu", "--no-compile", "--batch", "8", "--seq", "17", *words]) == 1
    told = capsys.readouterr().err
    assert sentence in told and "Traceback" not in told


def test_plan_and_settings_are_commands(capsys):
    assert command.main(["plan", "--gpu", "a100", "--n", "4", "--utilisation", "0.5"]) == 0
    assert "34.8 days, 139 GPU-days, $83,500" in capsys.readouterr().out
    assert command.main(["settings", "--n", "2"]) == 0
    assert "22 valid settings" in capsys.readouterr().out


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(parallel, "_installed", lambda name: name == "accelerate")
    assert parallel.missing(Settings(sharding="zero_2")) == "deepspeed is not installed"
    assert parallel.missing(Settings(optimizer="adam8bit")) == "bitsandbytes is not installed"
    assert parallel.missing(Settings(sharding="zero_1")) == parallel.missing(Settings(sharding="fsdp_full_shard")) == ""
    with pytest.raises(UsageError, match="deepspeed is not installed"):
        parallel.make_accelerator(Settings(sharding="zero_3"), 1)


@pytest.mark.parametrize("settings", valid_settings(4), ids=lambda s: s.label)
def test_every_setting_has_a_plugin_that_knows_its_arguments(settings, monkeypatch):
    import inspect

    from accelerate import DeepSpeedPlugin, FullyShardedDataParallelPlugin

    monkeypatch.setattr(parallel, "_installed", lambda name: True)
    options = parallel.accelerator_options(settings, 4)
    kinds = {"deepspeed": DeepSpeedPlugin, "fsdp": FullyShardedDataParallelPlugin}
    if options["plugin"] in kinds:
        assert set(options["arguments"]) <= set(inspect.signature(kinds[options["plugin"]]).parameters)
    offloaded = "cpu" in map(str, options["arguments"].values()) or options["arguments"].get("cpu_offload") is True
    assert offloaded == settings.offloading


def test_a_search_says_what_it_skipped_and_what_it_gains(tmp_path, monkeypatch):
    words = ["table", "--models", "pythia-nano", "--device", "cpu", "--out", str(tmp_path / "t.json"), "--timed", "1"]
    options = command.parser().parse_args(words)
    days = {"naive": 4.0, "free lunch; none of them": 2.0}

    def run(spec, settings, options):
        name = next(key for key, value in search.candidates(1, "fp32").items() if value == settings)
        report = {"days": days.get(name, 3.0), "utilisation": 0.5, "micro": 8, "peak_memory_bytes": None, "device": "x"}
        return {"report": report}

    monkeypatch.setattr(search, "_run", run)
    monkeypatch.setattr(search, "missing", lambda s: "deepspeed is not installed" if "zero" in s.sharding else "")
    rows = search.search(NANO, "fp32", options, progress=lambda line: None)
    assert len(rows) == 13 and sum("skipped" in row for row in rows) == 6
    text = search.table_text(NANO, rows)
    assert "best against naive: 2.00 times as fast" in text and text.count("deepspeed is not installed") == 6
    search.write_table(tmp_path / "t.json", rows)
    content = json.loads((tmp_path / "t.json").read_text())
    assert {"command", "date", "devices", "rows"} == set(content)


def test_the_searchs_command_is_one_that_measure_understands(tmp_path):
    options = command.parser().parse_args(["search", "--device", "cpu", "--threads", "1", "--gpus", "2"])
    for settings in search.candidates(2, "bf16").values():
        words = search.command_of(NANO, settings, options, tmp_path / "x.json")
        parsed = command.parser().parse_args(words[words.index("measure") :])
        assert command.settings_of(parsed, NANO) == settings


def test_models_are_found_under_their_hub_names():
    assert model_spec("EleutherAI/pythia-1b") is MODELS["pythia-1b"]


def test_the_shipped_measurements_say_where_they_come_from():
    report = on_cpu()
    assert {"command", "date", "machine", "torch"} <= set(report)
    assert report["prediction"]["absolute_error"]["n"] >= 5 and report["checkpointing"]["time_ratio"]["n"] >= 5
    low, mean, high = (report["prediction"]["absolute_error"][key] for key in ("low", "mean", "high"))
    assert 0 < low <= mean <= high < 0.5


def test_the_shipped_byte_counts_are_measured_again():
    """Times depend on the machine; what a forward pass keeps does not."""
    report = on_cpu()["checkpointing"]["bytes"]
    for name, checkpointing in {"off": False, "on": True}.items():
        settings = Settings(attention="sdpa", checkpointing=checkpointing)
        assert saved_bytes(PythiaTrainer(NANO, settings, 8, device="cpu")) == pytest.approx(report[name], rel=0.02)
