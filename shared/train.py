"""Training from the command line, in one process or several: the `Trainer` of lesson 08 with a model and data of this course.

    python -m shared.train stories --folder runs/stories --steps 400
    torchrun --nproc-per-node 2 -m shared.train stories --folder runs/stories --steps 400

Both make the same steps: what one process does one after the other, several share. Started again, with as many processes or
not, it goes on from the last checkpoint in the folder. There also lies log.csv. Several processes talk by NCCL on GPUs, one a
process, and by gloo on CPUs.
"""

import argparse
import os
import pathlib
import sys

import torch
import torch.distributed as dist
import torch.nn.functional as F

from . import callbacks, datasets, languages, pairs, settings
from .transformer import (AdamW, BPETokenizer, GPTModel, Trainer, Transformer, decay_groups, label_smoothed_loss, length_buckets, mean_loss,
                          pad_rows, warmup_cosine)


def stories(options):
    """A language model of made stories: model, loss, batches, batches to evaluate on."""
    language = languages.load("stories")
    model = GPTModel(language.vocab_size, options.d_model, options.num_layers, 4, max_seq_len=64, dropout=options.dropout, positions="rotary")

    def loss(model, ids):
        logits = model(ids[:, :-1])
        return F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="sum"), ids[:, 1:].numel()

    def batches(epoch, number=100):
        rng = settings.Random(10_000 * options.seed + epoch)
        return (language.sample(rng, options.batch, 61) for _ in range(number))

    return model, loss, batches, lambda: batches(9_999, number=8)


def translation_loss(pad_id):
    """The label-smoothed loss of pairs of (sources, targets), as `Trainer` wants it."""
    def loss(model, pair):
        source, target = (ids.to(settings.device()) for ids in pair)
        count = (target[:, 1:] != pad_id).sum()
        return label_smoothed_loss(model(source, target[:, :-1]), target[:, 1:], 0.1, pad_id) * count, count
    return loss


def numbers(options):
    """A translator of numbers, from English words to German letters."""
    made = pairs.NumberWords("de")
    model = Transformer(made.source_size, made.target_size, options.d_model, options.num_layers, 4, 4 * options.d_model, dropout=options.dropout,
                        norm_first=True, sharing="target", pad_id=pairs.PAD)

    def batches(epoch):
        order = torch.randperm(len(made.train), generator=torch.Generator().manual_seed(10_000 * options.seed + epoch), device="cpu").tolist()
        for start in range(0, len(order) - options.batch + 1, options.batch):
            yield made.pairs([made.train[place] for place in order[start:start + options.batch]])

    return model, translation_loss(pairs.PAD), batches, lambda: [made.pairs(made.held_out[:256])]


def captions():
    """Multi30k in tokens: the tokenizer, and {split: [(ids of an English caption, of its German one)]}, marks included."""
    data = datasets.load("multi30k")
    tokenizer = BPETokenizer.train((text for row in data["train"] for text in row[:2]), 4000, ("<pad>", "<bos>", "<eos>"))
    bos, eos = tokenizer.special["<bos>"], tokenizer.special["<eos>"]
    return tokenizer, {split: [([*tokenizer.encode(english).tolist(), eos], [bos, *tokenizer.encode(german).tolist(), eos]) for english, german, _ in rows]
                       for split, rows in data.items()}


def caption_model(tokenizer, d_model, num_layers, dropout=0.0):
    """The translator of captions: one matrix for all words, of both languages."""
    return Transformer(tokenizer.vocab_size, d_model=d_model, num_layers=num_layers, num_heads=4, d_ff=4 * d_model, dropout=dropout,
                       norm_first=True, pad_id=tokenizer.special["<pad>"])


def multi30k(options):
    """A translator of captions, English to German, on real data (make data DATA=multi30k)."""
    tokenizer, rows = captions()
    pad = tokenizer.special["<pad>"]
    lengths = [max(map(len, row)) for row in rows["train"]]

    def batch(some):
        return tuple(pad_rows(side, pad) for side in zip(*some))

    def batches(epoch):
        for places in length_buckets(lengths, 32 * options.batch, seed=10_000 * options.seed + epoch):
            yield batch([rows["train"][place] for place in places])

    def held_out():
        return [batch(rows["val"][start:start + 64]) for start in range(0, len(rows["val"]), 64)]

    return caption_model(tokenizer, options.d_model, options.num_layers, options.dropout), translation_loss(pad), batches, held_out


TASKS = {"stories": stories, "numbers": numbers, "multi30k": multi30k}


def arguments_of(words):
    """The options of a command line."""
    parser = argparse.ArgumentParser(prog="python -m shared.train", description=__doc__.split("\n\n")[0])
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--folder", type=pathlib.Path, required=True, help="for checkpoints and log.csv")
    parser.add_argument("--steps", type=int, default=400, help="to be done in all")
    for name, default, text in (("batch", 32, "examples a batch; multi30k: times 32 tokens"), ("accumulate", 2, "batches a step, dealt out to the processes"),
                                ("d-model", 64, "width"), ("num-layers", 2, "blocks"), ("warmup", 40, "steps"), ("every", 50, "steps from one checkpoint to the next"),
                                ("seed", 0, "of weights, batches and dropout")):
        parser.add_argument(f"--{name}", type=int, default=default, help=f"{text} ({default})")
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16", "float16"))
    parser.add_argument("--compile", action="store_true", help="with torch.compile")
    return parser.parse_args(words)


def run(options, rank):
    """Train as the options say, and return the trainer."""
    device = settings.device()
    if device.type != "cpu":
        torch.set_default_device(device)
    torch.manual_seed(options.seed)
    model, loss, batches, held_out = TASKS[options.task](options)
    trainer = Trainer(
        model.to(device), AdamW(decay_groups(model, 0.1), lr=options.lr, betas=(0.9, 0.98)), loss, batches,
        schedule=lambda step: warmup_cosine(step, options.warmup, max(options.steps, options.warmup)), accumulate=options.accumulate, max_norm=1.0,
        precision=options.precision, evaluate=lambda model: {"loss": mean_loss(model, held_out(), loss)}, evaluate_every=options.every,
        folder=options.folder, save_every=options.every, callbacks=[callbacks.CSVLog(options.folder / "log.csv"), _print(rank)], compile=options.compile)
    torch.manual_seed(options.seed + rank)                  # dropout: each process its own
    done = trainer.resume()
    if rank == 0:
        print(f"goes on after step {done}" if done else "starts with step 1", flush=True)
    trainer.train(options.steps)
    return trainer


def _print(rank):
    def printed(trainer, report):
        if rank == 0 and "evaluated" in report:
            print(f"step {report['step']}: loss {report['loss']:.4f}, evaluated {report['evaluated']['loss']:.4f}", flush=True)
    return printed


def main(words=None):
    """Train as a command line says; return the exit status, 1 after an error, of which one line tells."""
    options = arguments_of(words)
    rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    try:
        if world > 1:
            if settings.device().type == "cuda":
                torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
            dist.init_process_group("nccl" if settings.device().type == "cuda" else "gloo")
        run(options, rank)
    except (OSError, ValueError, ArithmeticError) as error:
        print(f"process {rank} of {world}: {error}", file=sys.stderr, flush=True)
        return 1
    except RuntimeError as error:
        if world == 1:
            raise
        print(f"process {rank} of {world}: another process is gone ({str(error).splitlines()[0]}). The same command goes on from the last "
              f"checkpoint in {options.folder}", file=sys.stderr, flush=True)
        return 1
    finally:
        if dist.is_initialized() and sys.exc_info()[0] is None:
            dist.destroy_process_group()
    return 0


if __name__ == "__main__":
    sys.exit(main())
