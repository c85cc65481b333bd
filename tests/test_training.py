"""The parts of training: optimiser, clipping, schedules, buckets, accumulation, the Trainer, and what it refuses."""

import math

import properties_surroundings as theirs
import properties_training as laws
import numpy
import pytest
import torch
from refusals import refused

from shared import callbacks
from shared import transformer as training
from shared.transformer import (AdamW, Checkpoints, Trainer, accumulate_gradients, clip_grad_norm, length_buckets, mean_loss, read_checkpoint,
                                restore_random_states, random_states, warmup_cosine, warmup_inverse_sqrt)

LAWS = [laws.optimiser_agrees, laws.groups_are_matrices_and_vectors, laws.clipping_agrees, laws.schedules_agree, laws.buckets_are_right,
        laws.accumulation_is_one_large_batch, laws.training_is_the_loop_by_hand, laws.half_precision_is_close,
        theirs.only_what_the_optimizer_has_is_clipped, theirs.without_a_schedule_the_rate_is_the_optimizer_s]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(law):
    law(training)


def test_adamw_in_float32_and_with_a_closure():
    ours, theirs = (torch.nn.Parameter(torch.linspace(-1, 1, 5)) for _ in range(2))
    for parameter, kind in ((ours, AdamW), (theirs, torch.optim.AdamW)):
        optimizer = kind([parameter], lr=0.1)

        def closure():
            optimizer.zero_grad()
            loss = (parameter ** 4).sum()
            loss.backward()
            return loss
        assert [optimizer.step(closure).item() for _ in range(100)][-1] < 0.1
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)


def test_training_ends_at_the_step_asked_for_and_asks_for_an_epoch_again():
    asked = []

    def batches(epoch):
        asked.append(epoch)
        return laws.texts(epoch, 4)

    made, reports = laws.trainer(training, batches=batches)
    made.train(6)
    made.train(6)
    made.train(9)
    assert asked == [0, 1, 1, 2] and made.progress == (2, 1)
    assert [step["step"] for step in reports] == list(range(1, 10))


def test_compiled_or_not_the_loss_calls_what_was_made(monkeypatch):
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda model: compiled.append(model) or model)
    made, _ = laws.trainer(training, compile=True)
    made.train(1)
    assert compiled == [made.model]


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_after_a_gradient_that_is_not_finite_it_trains_on(precision):
    def no_gradient(model, batch):
        total, count = laws.loss_of(model, batch)
        return total + (0 * total).sqrt(), count                            # finite, with a gradient of 0 / 0

    made, reports = laws.trainer(training, dtype=torch.float32, loss=no_gradient, precision=precision)
    made.scaler = torch.amp.GradScaler("cpu", init_scale=0.5, enabled=precision == "float16")    # too small to have overflowed
    before = laws.weights(made.model).clone()
    with pytest.raises(FloatingPointError, match="the gradient's length is nan at step 1"):
        made.train(3)
    torch.testing.assert_close(laws.weights(made.model), before, rtol=0, atol=0)
    made.loss = laws.loss_of
    made.train(3)
    assert [step["step"] for step in reports] == [1, 2, 3] and laws.weights(made.model).isfinite().all()


def test_rates_may_be_numbers_of_numpy(tmp_path):
    model, (lr, eps, weight_decay) = laws.network(), numpy.array([1e-3, 1e-8, 0.1])
    for done in (1, 2):
        trainer = Trainer(model, AdamW(model.parameters(), lr, eps=eps, weight_decay=weight_decay), laws.loss_of, laws.texts, folder=tmp_path)
        assert trainer.resume() == done - 1
        trainer.train(done)


def test_a_loss_falls():
    made, reports = laws.trainer(training, batches=lambda epoch: laws.texts(0))
    made.train(150)
    assert reports[-1]["loss"] < 0.7 * reports[0]["loss"] and made.model.training


# --- those who look on

class Handle:
    display_id = "one"


@pytest.fixture
def shown(monkeypatch):
    """What a notebook would show."""
    pictures = []
    monkeypatch.setattr(callbacks, "display", lambda data, **options: pictures.append(data) or Handle())
    monkeypatch.setattr(callbacks, "update_display", lambda data, **options: pictures.append(data))
    monkeypatch.setattr(callbacks.fit, "display", lambda data, display_id: None)
    return pictures


def test_a_curve_grows_and_samples_are_written(shown):
    curve, lines = callbacks.LiveCurve(12, every=5, floor=1.0), []
    samples = callbacks.Samples(lambda model: f"training: {model.training}", every=4, tell=lines.append)
    made, reports = laws.trainer(training, evaluate=lambda model: {"loss": 2.0}, evaluate_every=5, callbacks=[callbacks.Progress(12), curve, samples])
    made.train(12)
    assert curve.losses == [(step["step"], step["loss"]) for step in reports] and curve.evaluated == [(5, 2.0), (10, 2.0), (12, 2.0)]
    assert len(shown) == 4 and {picture["text/plain"] for picture in shown} == {"[picture: The loss of each step falls as training goes on.]"}
    assert samples.texts == [(4, "training: False"), (8, "training: False"), (12, "training: False")] and lines[0] == "step 4: training: False"


def test_early_stopping_waits_and_is_remembered(tmp_path):
    values = iter([3.0, 2.0, math.nan, 2.5, 1.0, 5.0, 5.0, 5.0, 0.0])
    options = {"evaluate": lambda model: {"loss": next(values)}, "evaluate_every": 1, "folder": tmp_path, "save_every": 1}
    made, _ = laws.trainer(training, callbacks=[callbacks.EarlyStopping(3)], **options)
    made.train(6)
    again, _ = laws.trainer(training, callbacks=[callbacks.EarlyStopping(3)], **options)
    again.resume()
    again.train(100)
    assert (again.step, again.stopped, again.checkpoints.best().name.split("_")[1]) == (8, True, "00000005")
    over, _ = laws.trainer(training, **options)
    assert over.resume() == 8 and over.stopped
    over.train(100)
    assert over.step == 8


def test_a_log_goes_on_where_training_does(tmp_path):
    path = tmp_path / "a folder" / "log.csv"
    made, reports = laws.trainer(training, evaluate=lambda model: {"loss": 0.5, "bleu": 3}, evaluate_every=2, callbacks=[callbacks.CSVLog(path, ("loss", "bleu"))],
                              folder=tmp_path / "checkpoints", save_every=3)
    made.train(5)
    with open(path, "a") as file:
        file.write("6,0.1")                                 # killed while writing
    assert [row["step"] for row in callbacks.read_log(path)] == [1, 2, 3, 4, 5]
    made.checkpoints.paths()[-1].unlink()
    again, _ = laws.trainer(training, callbacks=[callbacks.CSVLog(path, ("loss", "bleu"))], folder=tmp_path / "checkpoints")
    assert again.resume() == 3
    again.train(6)
    rows = callbacks.read_log(path)
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [row["loss"] for row in rows[:5]] == [step["loss"] for step in reports]
    assert [row.get("evaluated bleu") for row in rows] == [None, 3, None, None, None, None]
    assert path.read_text().splitlines()[0] == "step,loss,tokens,norm,lr,seconds,evaluated loss,evaluated bleu"


# --- bad input

MODEL = laws.network()
PARAMETERS = list(MODEL.parameters())


def made(**options):
    options = {"model": MODEL, "optimizer": AdamW(PARAMETERS), "loss": laws.loss_of, "batches": laws.texts} | options
    return Trainer(**options)


REFUSED = {
    "lr below 0": (lambda: AdamW(PARAMETERS, lr=-1), ValueError, "lr, eps and weight_decay must be at least 0, got -1, "),
    "lr nan": (lambda: AdamW(PARAMETERS, lr=math.nan), ValueError, "got nan, 1e-08 and 0.01"),
    "eps below 0": (lambda: AdamW(PARAMETERS, eps=-1e-8), ValueError, "at least 0"),
    "weight_decay below 0": (lambda: AdamW(PARAMETERS, weight_decay=-0.1), ValueError, "0.001, 1e-08 and -0.1"),
    "beta of 1": (lambda: AdamW(PARAMETERS, betas=(0.9, 1.0)), ValueError, "betas must be two numbers of at least 0 and below 1, got (0.9, 1.0)"),
    "one beta": (lambda: AdamW(PARAMETERS, betas=(0.9,)), ValueError, "betas must be two numbers … got (0.9,)"),
    "clipping to nothing": (lambda: clip_grad_norm(PARAMETERS, 0), ValueError, "max_norm must be above 0, got 0"),
    "step 0": (lambda: warmup_cosine(0, 5, 10), ValueError, "steps are counted from 1, got 0: at step 0 the learning rate would be 0"),
    "no warm-up": (lambda: warmup_inverse_sqrt(3, 0), ValueError, "warmup_steps must be at least 1, got 0"),
    "warm-up too long": (lambda: warmup_cosine(1, 11, 10), ValueError, "total_steps must be at least warmup_steps = 11, got 10"),
    "example too long": (lambda: length_buckets([3, 9], 8), ValueError, "lengths must be from 1 to max_tokens = 8, got 3 to 9"),
    "example empty": (lambda: length_buckets([0, 3], 8), ValueError, "got 0 to 3"),
    "no example": (lambda: length_buckets([], 8), ValueError, "got none"),
    "no batch": (lambda: mean_loss(MODEL, [], laws.loss_of), ValueError, "batches must have a token that counts, got none"),
    "no batch to accumulate": (lambda: accumulate_gradients(MODEL, [], laws.loss_of), ValueError, "a token that counts"),
    "loss without a count": (lambda: made(loss=lambda model, batch: torch.zeros(())).train(1), TypeError, "loss must return (sum … got tensor(0.)"),
    "evaluate, no dict": (lambda: made(evaluate=lambda model: 3.0).train(1), TypeError, "evaluate must return {name: number}, got 3.0"),
    "steps a float": (lambda: made().train(1.5), TypeError, "steps must be an integer, got 1.5"),
    "steps below 0": (lambda: made().train(-1), ValueError, "steps must be at least 0, got -1"),
    "nothing to stop for": (lambda: made(callbacks=[callbacks.EarlyStopping(1, "bleu")], evaluate=lambda model: {"loss": 1.0}).train(1), ValueError,
                            "early stopping watches 'bleu', evaluated were loss"),
    "empty epoch": (lambda: made(batches=lambda epoch: []).train(1), ValueError, "at least one batch an epoch, got none in epoch 0"),
    "precision": (lambda: made(precision="int8"), ValueError, "precision must be one of 'float32', 'bfloat16', 'float16', got 'int8'"),
    "a list of batches": (lambda: made(batches=laws.texts(0)), TypeError, "batches must be a function, got list"),
    "loss, a number": (lambda: made(loss=0.5), TypeError, "loss must be a function, got float"),
    "schedule, a number": (lambda: made(schedule=0.5), TypeError, "schedule must be a function, got float"),
    "evaluate, a list": (lambda: made(evaluate=[]), TypeError, "evaluate must be a function, got list"),
    "callback": (lambda: made(callbacks=["log.csv"]), TypeError, "callbacks must be functions, got str"),
    "accumulate 0": (lambda: made(accumulate=0), ValueError, "accumulate must be at least 1, got 0"),
    "save_every 0": (lambda: made(save_every=0), ValueError, "save_every must be at least 1, got 0"),
    "evaluate_every a float": (lambda: made(evaluate_every=1.5), TypeError, "evaluate_every must be an integer, got 1.5"),
    "keep 0": (lambda: made(folder="x", keep=0), ValueError, "keep must be at least 1, got 0"),
    "NumPy's numbers in a checkpoint": (lambda: made(optimizer=torch.optim.AdamW(PARAMETERS, weight_decay=numpy.float64(0.1)), folder="x"), TypeError,
                                        "the state_dict of the optimizer must hold plain numbers"),
    "an optimizer of another model": (lambda: made(optimizer=AdamW(laws.network().parameters())), ValueError,
                                      "the optimizer must hold parameters of the model, got none of them"),
    "max_norm 0": (lambda: made(max_norm=0), ValueError, "max_norm must be above 0, got 0"),
    "resume without a folder": (lambda: made().resume(), ValueError, "checkpoints need a folder: Trainer(…, folder=…)"),
    "save without a folder": (lambda: made().save(), ValueError, "checkpoints need a folder"),
    "generators": (lambda: restore_random_states(random_states([torch.Generator()])), ValueError, "generators must be 1, as before, got 0"),
    "patience": (lambda: callbacks.EarlyStopping(0), ValueError, "patience must be at least 1, got 0"),
    "no checkpoint": (lambda: read_checkpoint("nowhere_0.pt"), FileNotFoundError, "nowhere_0.pt"),
    "a keep of none": (lambda: Checkpoints("x", keep=None), TypeError, "keep must be an integer, got None"),
}


@pytest.mark.parametrize(("call", "error", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_bad_input(call, error, message):
    refused(error, message, call)
