"""What our training costs beside a bare script of the library's: same rows, same model, same steps; whole processes, by turns.

    .venv/bin/python tests/bench/training.py            # five rounds of SFT and of KTO, some minutes
    .venv/bin/python tests/bench/training.py --json

The ratio is ours to the bare script's, of whole processes from start to end, so that the imports, the lock, the checkpoints, the progress
and the manifest are all in it; its spread is over the rounds. With a GPU it also trains a model shaped like one of seven billion weights,
with random ones, in bf16 and in 4 bits, and prints tokens a second and the most memory; without one it says so.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent.parent))
from service.artifacts.sizes import count_bytes
from service.providers.catalog import STARTER
from service.training.base import Method, Parameters, RunSpec, Schedule
from service.training.local import LocalTrainer
from service.training.machine import find_cards

_ROWS = 240
_WORDS = ("garden", "train", "letter", "kitchen", "river", "window", "friend", "winter", "song", "market")
# As ours has it: nobody is asked over the network, and threads that wait do not spin.
_QUIET = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "OMP_WAIT_POLICY": "PASSIVE", "CUDA_VISIBLE_DEVICES": "0"}
_BARE = """
import json, sys
import datasets
from peft import LoraConfig
from transformers import AutoTokenizer
from trl import KTOConfig, KTOTrainer, SFTConfig, SFTTrainer
method, base, rows, out, epochs = sys.argv[1:]
given = [json.loads(line) for line in open(rows)]
lora = LoraConfig(r=8, lora_alpha=16, lora_dropout=0.0, target_modules="all-linear", bias="none", task_type="CAUSAL_LM")
common = dict(output_dir=out, learning_rate=2e-3, num_train_epochs=int(epochs), per_device_train_batch_size=8, max_length=512, use_cpu=True,
              bf16=False, gradient_checkpointing=False, report_to="none", disable_tqdm=True, save_steps=10, save_total_limit=2,
              logging_steps=1, model_init_kwargs={"dtype": "float32"})
if method == "kto":
    kind, settings, keep = KTOTrainer, KTOConfig(**common, precompute_ref_log_probs=True), ("prompt", "completion", "label")
else:
    kind, settings, keep = SFTTrainer, SFTConfig(**common), ("prompt", "completion")
    given = [row for row in given if row["label"]]
table = datasets.Dataset.from_list([{name: row[name] for name in keep} for row in given])
trainer = kind(model=base, args=settings, train_dataset=table, processing_class=AutoTokenizer.from_pretrained(base), peft_config=lora)
trainer.train()
trainer.save_model(out + "/adapter")
"""
_LARGE = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
    "max_position_embeddings": 2048,
}


def write_rows(folder: Path) -> Path:
    """A frozen dataset of everyday rows, liked and disliked by turns."""
    with (folder / "train.jsonl").open("w") as file:
        for number in range(_ROWS):
            word, other = _WORDS[number % 10], _WORDS[number // 10 % 10]
            prompt = [
                {"role": "system", "content": "You are Friend."},
                {"role": "user", "content": f"I saw a {word} near the {other} today."},
            ]
            reply = f"Oh, a {word}! What did you do with it near the {other}?" if number % 2 == 0 else "Hm. I do not know."
            row = {"prompt": prompt, "completion": [{"role": "assistant", "content": reply}], "label": number % 2 == 0}
            file.write(json.dumps(row) + "\n")
    return folder


def ours(method: Method, rows: Path, folder: Path, epochs: int) -> float:
    """Seconds of a run of ours, from the call to its manifest."""
    spec = RunSpec(
        run_id="bench",
        base=str(STARTER),
        dataset=str(rows),
        schedules={method: Schedule(learning_rate=2e-3, epochs=epochs)},
        parameters=Parameters(max_length=512),
    )
    began = time.monotonic()
    LocalTrainer().train(folder, spec, lambda _: None)
    return time.monotonic() - began


def bare(method: Method, rows: Path, folder: Path, epochs: int) -> float:
    """Seconds of the bare script, a process of its own too, and given way to as ours is."""
    folder.mkdir()
    arguments = [method, str(STARTER), str(rows / "train.jsonl"), str(folder), str(epochs)]
    command = ["nice", "-n", "5", sys.executable, "-W", "ignore", "-c", _BARE, *arguments]
    began = time.monotonic()
    with (folder / "log").open("wb") as log:
        subprocess.run(command, stdout=log, stderr=log, env={**_QUIET, **os.environ}, check=True)
    return time.monotonic() - began


def compare(method: Method, rounds: int, folder: Path, epochs: int) -> dict[str, Any]:
    """Both by turns, each round in the other order."""
    rows = write_rows(folder)
    times: dict[str, list[float]] = {"ours": [], "bare": []}
    for number in range(rounds):
        order = [("ours", ours), ("bare", bare)] if number % 2 == 0 else [("bare", bare), ("ours", ours)]
        for name, run in order:
            times[name].append(run(method, rows, folder / f"{method}-{name}-{number}", epochs))
    ratios = sorted(mine / theirs for mine, theirs in zip(times["ours"], times["bare"], strict=True))
    adapter = count_bytes(folder / f"{method}-ours-0" / "adapter")
    return {
        "method": method,
        "ours_seconds": round(median(times["ours"]), 2),
        "bare_seconds": round(median(times["bare"]), 2),
        "ratio": round(median(ratios), 3),
        "lowest": round(ratios[0], 3),
        "highest": round(ratios[-1], 3),
        "adapter_bytes": adapter,
        "merged_bytes": count_bytes(STARTER),
    }


def on_a_card(folder: Path) -> Iterator[dict[str, Any]]:
    """A large model with random weights, in bf16 and in 4 bits, on this machine's GPU."""
    base = _make_large(folder / "large")
    rows = write_rows(folder)
    for bits in ("none", "4bit"):
        spec = RunSpec(
            run_id="bench",
            base=str(base),
            dataset=str(rows),
            schedules={"sft": Schedule(learning_rate=1e-4, epochs=1)},
            parameters=Parameters(max_length=512, quantization=bits),
        )
        run = folder / f"large-{bits}"
        trained = LocalTrainer(60).train(run, spec, lambda _: None)
        manifest = json.loads((run / "manifest.json").read_bytes())
        yield {
            "card": find_cards()[0].name,
            "base": "bf16" if bits == "none" else bits,
            "tokens_per_second": round((trained.tokens or 0) / trained.seconds, 1),
            "memory_gib": round(manifest["memory_bytes"] / 2**30, 1),
        }


def _make_large(folder: Path) -> Path:
    program = (
        "import json, sys, torch; from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM\n"
        "folder, starter, shape = sys.argv[1:]\n"
        "tokenizer = AutoTokenizer.from_pretrained(starter); tokenizer.save_pretrained(folder)\n"
        "config = LlamaConfig(**json.loads(shape), vocab_size=32000, pad_token_id=0, bos_token_id=1, eos_token_id=tokenizer.eos_token_id)\n"
        "torch.set_default_dtype(torch.bfloat16); torch.set_default_device('cuda')\n"
        "LlamaForCausalLM(config).save_pretrained(folder)\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", program, str(folder), str(STARTER), json.dumps(_LARGE)], check=True)
    return folder


def main() -> int:
    """Read the command line, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--json", action="store_true", dest="as_json")
    chosen = parser.parse_args()
    results, large = [], []
    with tempfile.TemporaryDirectory(prefix="attune-training-") as folder:
        for method in ("sft", "kto"):
            results.append(compare(method, chosen.rounds, Path(folder), chosen.epochs))
        if find_cards():
            large = list(on_a_card(Path(folder)))
    if chosen.as_json:
        print(json.dumps({"beside_the_library": results, "card": large}, indent=1))
        return 0
    for each in results:
        spread = f"({each['lowest']:.3f} to {each['highest']:.3f})"
        print(f"{each['method']}: ours {each['ours_seconds']:.1f} s, bare {each['bare_seconds']:.1f} s, ratio {each['ratio']:.3f} {spread}")
    print(f"disk of one version: adapter {results[0]['adapter_bytes'] / 1e6:.1f} MB, merged {results[0]['merged_bytes'] / 1e6:.1f} MB")
    for each in large:
        print(f"{each['card']}, 7B-shaped, {each['base']}: {each['tokens_per_second']} tokens/s, {each['memory_gib']} GiB")
    if not large:
        print("There is no GPU here, so nothing was measured on one.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
