"""The cases of the fuzzer for the hand-written helpers of `shared`: see `fuzzing`."""

import importlib
import math
import pathlib

import torch
from fuzz_parts import listed, method, with_
from fuzzing import DEVICE, Case, finite, public, shaped
from hypothesis import strategies
from matplotlib.figure import Figure
from torch import nn

import shared
from shared import (callbacks, claims, counts, datasets, exercises, explore, figures, fit, languages, pairs, properties, settings, words)

DRAWN = "draws what a lesson passes: tests/test_pictures.py"
COMMAND = "a command line, or a part of one, with tests of its own"
BEHIND = "behind `languages`, which checks what it is given"
LEFT_OUT = {
    "alignments": DRAWN, "sketches": DRAWN, "text_figures": DRAWN, "training_figures": DRAWN, "writing": DRAWN, "figures": DRAWN,
    "export": COMMAND, "run": COMMAND, "train": COMMAND, "saved": COMMAND, "course": COMMAND, "installation": COMMAND, "margins": COMMAND, "site": COMMAND,
    "grade": COMMAND,
    "mathml": "draws the formulas of lessons: tests/test_site.py",
    "datasets.download": COMMAND, "datasets.main": COMMAND,
    "evidence": "reads and writes the project's own records: tests/test_evidence.py",
    "grammars": BEHIND, "hidden_words": BEHIND, "labels": BEHIND, "states": BEHIND, "parsers": "reads files whose checksum was right",
    "lesson": "sets the whole process up, and takes any name", "claims.set_lesson": "takes any name",
    "counts.flops": "calls a function of the learner's", "counts.kept_for_backward": "calls a function of the learner's",
    "explore.explore": "needs a kernel: tests/test_explore.py",
    "checks": "the checks themselves, of which the others make use",
    "exercises.Exercise": "a record that lessons write", "exercises.Mistake": "a record that lessons write",
    "callbacks.Samples.load_state_dict": "takes what state_dict gave", "callbacks.EarlyStopping.load_state_dict": "takes what state_dict gave",
}
NAMES = [path.stem for path in sorted(pathlib.Path(shared.__file__).parent.glob("[a-z]*.py")) if path.stem not in LEFT_OUT]
MODULES = [importlib.import_module(f"shared.{name}") for name in NAMES] + [exercises]
PUBLIC = [f"{module.__name__.removeprefix('shared.')}.{name}" for module in MODULES for name in public(module)]
GRAMMAR = "TEXT = a NAME .\nNAME = x/B-n | y/I-n | x"
LANGUAGE = languages.Language(GRAMMAR)
IDS = torch.tensor([[0, 1], [1, 3]], device=DEVICE)
TEXTS = [["the", "cat"], ["the", "dog", "ran"]]
X = torch.ones(2, 3, 4, device=DEVICE)
KEEP = torch.tensor([[True, True, False]] * 2, device=DEVICE)


def numbers():
    return pairs.NumberWords("de", below=100)


def random():
    return {"rng": settings.generator(0)}


def trained():
    """Arguments for `fit`: a model with one weight."""
    return {"model": nn.Linear(1, 1).to(DEVICE), "batches": lambda rng: rng.normal(4, 1), "loss": lambda model, x: (model(x) - x).square().mean(),
            "steps": 3, "lr": 0.01, "seed": 0, "progress": False}


def measured(result, given):
    """A deviation."""
    return isinstance(result, float)


WORDS = listed(["the", "", "3.14", 3, None, ["a"]])
FORMS = listed([["the", "cat"], [], ["the", 3], "the", None, 3])
FUNCTIONS = {"fixed": ("function", "module", "loss_of", "full", "step", "generator")}
CASES = {
    "claims.claim": Case(claims.claim, with_(name="found", measured=1.0, op="≥", bound=0.5), raises=(claims.ClaimFailed,)),
    "claims.ClaimFailed": Case(claims.ClaimFailed, dict),
    "counts.longest_chain": Case(counts.longest_chain, lambda: {"output": (torch.ones(2, requires_grad=True) * 2).exp()}, lambda result, given: result == 3),
    # --- data
    "datasets.names": Case(datasets.names, dict, lambda result, given: "wnut17" in result),
    "datasets.load": Case(datasets.load, with_(name="wnut17"), raises=(FileNotFoundError,)),
    "datasets.text": Case(datasets.text, with_(path="missing.txt"), raises=(OSError,)),
    "datasets.describe": Case(datasets.describe, with_(name="wnut17"), lambda result, given: "wnut17" in result),
    "languages.load": Case(languages.load, with_(name="sentences"), lambda result, given: result.vocab_size > 2),
    "languages.Language": Case(languages.Language, with_(grammar=GRAMMAR, name="toy"), lambda result, given: result.words == (".", "a", "x", "y"),
                               kinds={"grammar": strategies.one_of(strategies.text("TEXT =|ab.:\n#/", max_size=20), listed(["TEXT = a ."]))},
                               says={"grammar": ["line", "TEXT"]}),
    "languages.Language.sample": Case(LANGUAGE.sample, lambda: random() | {"batch": 2, "length": 5}, lambda result,
                                      given: shaped(result, given["batch"], given["length"])),
    "languages.Language.texts": Case(LANGUAGE.texts, lambda: random() | {"batch": 2, "pad_id": 4}, lambda result, given: shaped(result, given["batch"], 3)),
    "languages.Language.labelled_texts": Case(LANGUAGE.labelled_texts, lambda: random() | {"batch": 2, "pad_id": 4, "ignore": -100},
                                              lambda result, given: len(result[2]) == given["batch"]),
    "languages.Language.log_prob": Case(LANGUAGE.log_prob, with_(ids=IDS), lambda result, given: bool((result <= 0).all())),
    "languages.Language.next_probs": Case(LANGUAGE.next_probs, with_(ids=IDS), lambda result, given: shaped(result, *given["ids"].shape, 4)),
    "languages.Language.fill_probs": Case(LANGUAGE.fill_probs, with_(ids=IDS, hidden=IDS > 2, lengths=None), lambda result,
                                          given: shaped(result, *given["ids"].shape, 4),
                                          says={"ids": ["hidden", "lengths"]}),
    "languages.Language.encode": Case(LANGUAGE.encode, with_(text="a x ."), lambda result, given: LANGUAGE.decode(result).split() == given["text"].split(),
                                      says={"text": ["words"]}),
    "languages.Language.decode": Case(LANGUAGE.decode, with_(ids=IDS[0]), lambda result, given: isinstance(result, (str, list))),
    "languages.Language.entropy": Case(LANGUAGE.entropy, with_(length=3), lambda result, given: shaped(result, given["length"]) and finite(result)),
    "languages.Language.per_word_accuracy": Case(LANGUAGE.per_word_accuracy, with_(only_ambiguous=True), lambda result, given: 0 <= result <= 1),
    **{f"languages.Language.{name}": Case(getattr(LANGUAGE, name), dict, lambda result, given: result > 0)
       for name in ("entropy_rate", "unigram_entropy", "bigram_entropy", "text_length", "text_entropy")},
    "languages.Language.per_word_labels": Case(LANGUAGE.per_word_labels, dict, lambda result, given: shaped(result, 4)),
    "pairs.copies": Case(pairs.copies, lambda: random() | {"batch": 2, "length": 4, "vocab_size": 8, "reverse": True, "shortest": 2},
                         lambda result, given: shaped(result[1], given["batch"], given["length"] + 2)),
    "pairs.NumberWords": Case(pairs.NumberWords, with_(language="fr", below=100, held_out=0.1, seed=9),
                              lambda result, given: sorted(result.train + result.held_out) == list(range(given["below"]))),
    "pairs.NumberWords.english": Case(method(numbers, "english"), with_(number=42), lambda result, given: len(result) > 0),
    "pairs.NumberWords.text": Case(method(numbers, "text"), with_(number=42), lambda result, given: len(result) > 0),
    "pairs.NumberWords.pairs": Case(method(numbers, "pairs"), with_(numbers=[1, 42]), lambda result,
                                    given: len(result[0]) == len(result[1]) == len(given["numbers"]),
                                    kinds={"numbers": listed([3, 42, -1, 2.0, None, "a", 10 ** 9])}, says={"numbers": ["number"]}),
    "pairs.NumberWords.batches": Case(method(numbers, "batches"), with_(size=4), lambda result,
                                      given: len(result(settings.generator(0))[0]) == given["size"]),
    "pairs.NumberWords.decode": Case(method(numbers, "decode"), with_(ids=IDS), lambda result, given: len(result) == len(given["ids"])),
    "words.stand_ins": Case(words.stand_ins, with_(word="Zürich"), lambda result, given: len(result) == 2,
                            kinds={"word": strategies.one_of(strategies.text(), WORDS)}),
    "words.Vocabulary": Case(words.Vocabulary, with_(texts=TEXTS), lambda result, given: result.size >= 2, kinds={"texts": FORMS},
                             says={"texts": ["words", "word"]}),
    "words.Vocabulary.ids": Case(method(lambda: words.Vocabulary(TEXTS), "ids"), with_(words=["the", "cow"], coarse=False),
                                 lambda result, given: len(result) == len(given["words"]), kinds={"words": WORDS}, says={"words": ["word"]},
                                 fixed=("coarse",)),
    "words.Vocabulary.padded": Case(method(lambda: words.Vocabulary(TEXTS), "padded"), with_(texts=TEXTS, coarse=False),
                                    lambda result, given: len(result) == len(given["texts"]), kinds={"texts": FORMS}, says={"texts": ["words", "word"]},
                                    fixed=("coarse",)),
    "words.batches": Case(lambda **given: words.batches(**given)(settings.generator(0)),
                          lambda: {"vocabulary": words.Vocabulary(TEXTS), "texts": TEXTS, "answers": [0, 1], "size": 2, "coarse": 0.2},
                          lambda result, given: len(result[0]) == len(result[1]) == given["size"],
                          kinds={"texts": FORMS, "answers": listed([0, 1, None, "a"])},
                          says={"texts": ["words", "word", "answers"], "size": ["texts"]}, fixed=("vocabulary",)),
    "words.answered": Case(words.answered, lambda: {"model": nn.Embedding(9, 3), "vocabulary": words.Vocabulary(TEXTS), "texts": TEXTS, "size": 1},
                           lambda result, given: len(result) == len(given["texts"]), kinds={"texts": FORMS}, says={"texts": ["words", "word"]},
                           fixed=("model", "vocabulary")),
    "words.usual_labels": Case(words.usual_labels, with_(texts=TEXTS, labels=[["O", "B"], ["O", "B", "O"]], unknown="O", spelling=True),
                               lambda result, given: len(result(["the", "cow"])) == 2, kinds={"texts": FORMS},
                               says={"texts": ["words", "word", "labels"], "labels": ["texts"]},
                               fixed=("unknown", "spelling")),
    "words.naive_bayes": Case(words.naive_bayes, with_(texts=TEXTS, classes=["a", "b"], added=0.1), lambda result, given: result(["the"]) in given["classes"],
                              kinds={"texts": FORMS, "classes": listed(["a", "b", 3, None])},
                              says={"texts": ["words", "word", "classes"], "classes": ["texts"]}),
    # --- a run
    "settings.seed": Case(settings.seed, with_(offset=3), lambda result, given: isinstance(result, int)),
    "settings.scale": Case(settings.scale, dict, lambda result, given: result in settings.SCALES),
    "settings.fast_precision": Case(settings.fast_precision, dict, lambda result, given: result in ("float32", "bfloat16")),
    "settings.device": Case(settings.device, dict, lambda result, given: isinstance(result, torch.device)),
    "settings.pick": Case(settings.pick, with_(quick=1, full=2), lambda result, given: result is given[settings.scale()]),
    "settings.generator": Case(settings.generator, with_(number=0), lambda result, given: shaped(result.normal(2), 2)),
    "settings.Random": Case(settings.Random, with_(number=0), lambda result, given: shaped(result.normal(2), 2)),
    **{f"settings.Random.{name}": Case(lambda shape, name=name: getattr(settings.generator(0), name)(shape), with_(shape=3),
                                       lambda result, given: shaped(result, given["shape"]), says={"shape": ["size"]}) for name in ("normal", "uniform")},
    "settings.Random.integers": Case(lambda end, shape: settings.generator(0).integers(end, shape), with_(end=5, shape=3),
                                     lambda result, given: shaped(result, given["shape"])),
    "fit.fit": Case(fit.fit, trained, lambda result, given: len(result) == given["steps"], fixed=("model", "batches", "loss", "progress"),
                    raises=(FloatingPointError,)),
    "fit.Progress": Case(fit.Progress, with_(steps=30), lambda result, given: result(1, 0.5) is None),
    "callbacks.Progress": Case(callbacks.Progress, with_(steps=30), lambda result, given: result(None, {"step": 1, "loss": 0.5}) is None),
    "callbacks.CSVLog": Case(callbacks.CSVLog, with_(path="log.csv", names=("loss",)), lambda result, given: len(result.columns) == 6 + len(given["names"]),
                             kinds={"names": strategies.one_of(listed([3, None]), strategies.just(("loss", "bleu")))}),
    "callbacks.read_log": Case(callbacks.read_log, with_(path="missing.csv"), raises=(OSError,)),
    "callbacks.LiveCurve": Case(callbacks.LiveCurve, with_(steps=30, every=None, floor=None, alt="The loss falls."), lambda result, given: result.every >= 1),
    "callbacks.LiveCurve.draw": Case(method(lambda: callbacks.LiveCurve(3), "draw"), dict, lambda result, given: isinstance(result, Figure)),
    "callbacks.Samples": Case(callbacks.Samples, lambda: {"write": str, "every": 2, "tell": print}, lambda result,
                              given: result.state_dict() == {"texts": []},
                              fixed=("write", "tell")),
    "callbacks.Samples.state_dict": Case(method(lambda: callbacks.Samples(str, 1), "state_dict"), dict, lambda result, given: result == {"texts": []}),
    "callbacks.EarlyStopping": Case(callbacks.EarlyStopping, with_(patience=2, name="loss"), lambda result, given: result.waited == 0, fixed=("name",)),
    "callbacks.EarlyStopping.state_dict": Case(method(lambda: callbacks.EarlyStopping(2), "state_dict"), dict, lambda result,
                                               given: result["best"] == math.inf),
    # --- lessons
    "explore.show": Case(explore.show, lambda: {"figure": figures.new()[0], "alt": "nothing"}, lambda result, given: result is None,
                         says={"figure": ["picture"]}),
    "exercises.check": Case(exercises.check, with_(number="1.2", answer=None), says={"number": ["exercise"]}, raises=(exercises.WrongAnswer,)),
    "exercises.WrongAnswer": Case(exercises.WrongAnswer, dict),
    "exercises.hint": Case(exercises.hint, with_(number="1.2", level=1), says={"number": ["exercise"], "level": ["hints"]}),
    "exercises.solution": Case(exercises.solution, with_(number="1.2"), says={"number": ["exercise"]}),
    "exercises.all_exercises": Case(exercises.all_exercises, dict, lambda result, given: "1.2" in result),
    # --- properties
    "properties.influence": Case(properties.influence, lambda: {"function": nn.Identity(), "x": X}, lambda result,
                                 given: result.equal(result.diag().diag()), **FUNCTIONS),
    "properties.future_influence": Case(properties.future_influence, lambda: {"function": nn.Identity(), "x": X}, lambda result, given: result == 0,
                                        says={"x": ["outputs"]}, **FUNCTIONS),
    "properties.equivariance_error": Case(properties.equivariance_error, lambda: {"function": nn.Identity(), "x": X},
                                          lambda result, given: result == 0 or not finite(given["x"]), says={"x": ["tokens"]}, **FUNCTIONS),
    "properties.padding_influence": Case(properties.padding_influence, lambda: {"function": lambda x, keep: x, "x": X, "keep": KEEP, "more": 2}, measured,
                                         **FUNCTIONS),
    "properties.batch_influence": Case(lambda function, inputs: properties.batch_influence(function, inputs),
                                       lambda: {"function": nn.Identity(), "inputs": X}, measured,
                                       says={"inputs": ["outputs"]}, **FUNCTIONS),
    "properties.nondeterminism": Case(lambda module: properties.nondeterminism(module, X), lambda: {"module": nn.Dropout(0.5)}, lambda result,
                                      given: result == 0, **FUNCTIONS),
    "properties.weight_sum_error": Case(properties.weight_sum_error, with_(weights=X.softmax(-1), allowed=None), measured,
                                        says={"weights": ["outputs", "allowed"]}),
    "properties.first_loss_gap": Case(properties.first_loss_gap, with_(loss=2.3, vocab_size=10), measured),
    "properties.unreached_parameters": Case(properties.unreached_parameters, lambda: {"module": nn.Linear(2, 2), "loss": torch.ones(())}, lambda result,
                                            given: len(result) == 2, **FUNCTIONS),
    "properties.overfit_loss": Case(properties.overfit_loss, lambda: {"module": nn.Linear(1, 1),
                                                                      "loss_of": lambda model: model(torch.ones(1)).square().sum(), "steps": 3, "lr": 0.01},
                                    measured, says={"lr": ["learning rate"]}, **FUNCTIONS),
    "properties.cache_error": Case(properties.cache_error, lambda: {"full": nn.Identity(), "step": lambda chunk, cache: (chunk, cache), "x": X,
                                                                    "chunkings": [(1, 2), (3,)]}, measured,
                                   kinds={"chunkings": listed([(1, 2), (3,), (0, 3), 3, None, "a", (1.5, 1.5)])},
                                   says={"chunkings": ["chunking", "outputs"], "x": ["chunking", "outputs"]}, **FUNCTIONS),
}
