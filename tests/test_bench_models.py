"""The benchmarks' models: of one size, trained by the same step, writing the same tokens; and one that is different is refused."""

import dataclasses
import functools
import math

import pytest
import torch
from benchmarks import bench_training, bench_writing, models, translators

from shared import settings

TINY = functools.partial(models.Size, vocab_size=11, d_model=32, num_layers=2, num_heads=2)
TINY_TRANSLATOR = functools.partial(translators.Size, vocab_size=50, d_model=32, num_layers=1, num_heads=2, d_ff=64, context=20)


@pytest.fixture(autouse=True)
def with_bfloat16(monkeypatch):
    """As on a machine with instructions for it, whatever this one has."""
    monkeypatch.setattr(settings, "fast_precision", lambda: "bfloat16")


def languages(make, size):
    """A language model by itself, and what a step is made with."""
    ids = settings.generator().integers(size.vocab_size, 3, 9)
    return make(size), (ids[:, :-1],), ids[:, 1:]


def sentences(make, size):
    """A translator by itself, and what a step is made with."""
    return make(size), *translators.pairs(size, batch=3, length=8)


CASES = [pytest.param(languages, make, TINY(8), id=name) for name, make in models.LANGUAGE_MODELS.items()]
CASES += [pytest.param(sentences, make, TINY_TRANSLATOR(), id=f"{name}, translating") for name, make in translators.TRANSLATORS.items()]


@pytest.mark.parametrize("precision", bench_training.PRECISIONS)
@pytest.mark.parametrize("given, make, size", CASES)
def test_a_step_has_a_finite_loss_and_changes_every_matrix(given, make, size, precision):
    torch.manual_seed(0)
    peer, inputs, targets = given(make, size)
    peer.model.to(settings.device()).train()
    before = {name: weights.clone() for name, weights in peer.model.named_parameters() if weights.requires_grad and weights.dim() > 1}
    step = models.training_step(peer, inputs, targets, precision)
    losses = [step().item() for _ in range(30)]
    assert abs(losses[0] - math.log(size.vocab_size)) < 0.5
    assert losses[-1] < losses[0]
    same = [name for name, weights in peer.model.named_parameters() if name in before and weights.equal(before[name])]
    assert same == []


def test_all_language_models_are_timed():
    rows, missing = bench_training.languages(contexts=(8,), batches=(2,), seconds=0, size=TINY)
    assert missing == []
    assert [row["setting"] for row in rows] == ["2 × 8, float32", "2 × 8, bfloat16, others float32",
                                                "2 × 8, bfloat16, others either"]
    others = len(models.LANGUAGE_MODELS) - 1
    assert [len(row["measured"]) for row in rows[:2]] == [1 + others] * 2 or settings.device().type == "cuda"
    assert [row["as"].split(",")[0] for row in rows] == ["float32", "bfloat16", "bfloat16"]
    assert all(row["ratio"] > 0 and row["speed"] > 0 and row["turns"] >= 5 for row in rows)


def test_all_translators_are_timed():
    rows, missing = bench_training.translation(batch=2, length=8, seconds=0, size=TINY_TRANSLATOR)
    assert missing == []
    assert {name for row in rows for name in row["measured"]} >= {"HuggingFace Marian, float32", "nn.Transformer, bfloat16"}


def test_where_bfloat16_is_slow_nothing_is_timed_in_it(monkeypatch):
    monkeypatch.setattr(settings, "fast_precision", lambda: "float32")
    rows, _ = bench_training.languages(contexts=(8,), batches=(2,), seconds=0, size=TINY)
    assert [row["setting"] for row in rows] == ["2 × 8, float32"]
    assert not [name for name in rows[0]["measured"] if "bfloat16" in name]


def test_a_model_of_another_size_is_refused():
    size = TINY(8)
    larger = dataclasses.replace(size, d_model=34)
    peers, _ = models.build({"ours": models.ours, "larger": lambda size: models.ours(larger)}, size)
    ids = settings.generator().integers(size.vocab_size, 2, 9)
    with pytest.raises(ValueError, match=r"larger has [\d,]+ parameters, ours [\d,]+"):
        models.check_alike(peers, size.vocab_size, (ids[:, :-1],), ids[:, 1:])


def test_a_model_that_does_not_start_at_ln_v_is_refused():
    size = TINY(8)
    peers, _ = models.build({"ours": models.ours, "other": models.ours}, size)
    with torch.no_grad():
        peers["other"].model.output.weight.mul_(100)
    ids = settings.generator().integers(size.vocab_size, 2, 9)
    with pytest.raises(ValueError, match=r"the loss of other starts at [\d.]+, not near ln 11 = 2\.40"):
        models.check_alike(peers, size.vocab_size, (ids[:, :-1],), ids[:, 1:])


def test_a_peer_that_is_not_installed_is_named_and_left_out():
    def absent(size):
        import no_such_package

    peers, missing = models.build({"ours": models.ours, "other": absent}, TINY(8))
    assert (list(peers), missing) == (["ours"], ["other (no_such_package is not installed)"])
    with pytest.raises(ImportError):
        models.build({"ours": absent}, TINY(8))


def test_sentences_are_padded_on_the_right_and_pads_do_not_count():
    (source, read), target = translators.pairs(TINY_TRANSLATOR(), batch=50, length=8)
    lengths = (source != translators.PAD).sum(dim=1)
    assert source[torch.arange(8, device=source.device) >= lengths[:, None]].eq(translators.PAD).all()
    assert lengths.min() >= 4 and lengths.max() == 8
    assert (read[:, 0] == translators.BOS).all()
    assert read[:, 1:].equal(target[:, :-1].masked_fill(target[:, :-1] == models.IGNORED, translators.PAD))


def test_both_sides_write_the_same_tokens():
    rows, missing = bench_writing.generation(batches=(1, 2), prompt=4, new=8, seconds=0, size=TINY)
    searched, lacking = bench_writing.beams(batch=2, length=6, new=10, seconds=0, size=TINY_TRANSLATOR)
    assert missing == lacking == []
    assert [row["setting"] for row in rows + searched] == ["1 × 8 tokens, greedy", "2 × 8 tokens, greedy", "2 × 10 tokens, 4 beams"]
    assert all(row["unit"] == "tokens/s" and row["ratio"] == pytest.approx(row["ours"] / row["other"], rel=0.9) for row in rows + searched)


def test_other_tokens_are_refused():
    functions = {"ours": lambda: torch.tensor([[1, 2]]), "other": lambda: torch.tensor([[1, 3]])}
    with pytest.raises(ValueError, match="other and our own model write different tokens"):
        bench_writing.compared("writing", "1 × 2", functions, 2, 0)
    with pytest.raises(ValueError, match=r"3 tokens were to be written, got \(1, 2\)"):
        bench_writing.compared("writing", "1 × 3", {"ours": functions["ours"]}, 3, 0)


def test_threads_are_set_back(monkeypatch):
    seen = []
    before = torch.get_num_threads()
    bench_writing.with_threads(before + 1, lambda: seen.append(torch.get_num_threads()))()
    assert (seen, torch.get_num_threads()) == ([before + 1], before)
