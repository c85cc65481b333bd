"""Decoders run wherever values cannot be looked at: traced, compiled, exported, mapped, without memory and with fake tensors."""

import pytest
import torch
from parity_decoder import POSITIONS, TINY
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx

from shared.transformer import GPTModel, KeyValueCache, TransformerDecoder

IDS = torch.tensor([[3, 1, 4, 1, 5], [9, 2, 6, 5, 0]])
REAL = torch.tensor([[0, 1, 1, 1, 1], [1, 1, 1, 1, 0]])
SMALL = TINY | {"num_layers": 1}
MAKES = {
    "gpt": lambda positions: GPTModel(**SMALL, positions=positions),
    "decoder with padding": lambda positions: TransformerDecoder(**SMALL, positions=positions, pad_id=0, norm="rms", norm_first=False),
}
each_model = pytest.mark.parametrize("make", MAKES.values(), ids=MAKES.keys())
each_scheme = pytest.mark.parametrize("positions", POSITIONS)


@pytest.fixture(autouse=True)
def no_gradients():
    torch.manual_seed(0)
    with torch.no_grad():
        yield


@each_model
@each_scheme
def test_mapped_over_a_dimension_more(make, positions):
    model, ids = make(positions).eval(), torch.stack([IDS, IDS.flip(0), IDS])
    torch.testing.assert_close(torch.vmap(model)(ids), torch.stack([model(one) for one in ids]))
    torch.testing.assert_close(torch.vmap(model, in_dims=(0, None))(ids, REAL), torch.stack([model(one, REAL) for one in ids]))


@each_model
@each_scheme
@pytest.mark.parametrize("mode", ["real", "fake", "symbolic"])
def test_traced_by_make_fx(make, positions, mode):
    model = make(positions).eval()
    graph = make_fx(lambda ids, real: model(ids, real), tracing_mode=mode, _allow_non_fake_inputs=True)(IDS, REAL)
    torch.testing.assert_close(graph(IDS.flip(0), REAL.flip(0)), model(IDS.flip(0), REAL.flip(0)))


@each_model
@each_scheme
def test_with_fake_tensors(make, positions):
    with FakeTensorMode():
        model, ids = make(positions), torch.zeros(2, 5, dtype=torch.int64)
        for given in ((ids,), (ids, torch.ones(2, 5, dtype=torch.int64)), (ids, torch.ones(2, 5, dtype=torch.bool))):
            assert model(*given).shape[0] == 2
        cache = KeyValueCache(1)
        for length in (5, 10):
            assert model(ids, torch.ones(2, length, dtype=torch.int64), cache=cache).shape[:2] == (2, 5)
        model.load_state_dict(model.state_dict(), assign=True)


@each_model
@each_scheme
def test_without_memory(make, positions):
    with torch.device("meta"):
        assert make(positions)(IDS.to("meta"), REAL.to("meta")).is_meta


@each_model
@pytest.mark.parametrize("positions", ["none", "learned", "relative"])
def test_compiled_in_one_piece(make, positions):
    model = make(positions).eval()
    torch._dynamo.reset()
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    for given in ((IDS,), (IDS, REAL)):
        torch.testing.assert_close(compiled(*given), model(*given))


@pytest.mark.parametrize("positions", ["learned"])
def test_a_cache_in_a_compiled_model(positions):
    model = MAKES["gpt"](positions).eval()
    torch._dynamo.reset()
    compiled, ids, real = torch.compile(model, fullgraph=True, backend="eager"), torch.cat([IDS, IDS], dim=1), torch.cat([REAL, REAL], dim=1)
    for mask in (None, real):
        caches = KeyValueCache(1), KeyValueCache(1)
        for start, end in ((0, 5), (5, 6), (6, 10)):
            chunk, so_far = ids[:, start:end], None if mask is None else mask[:, :end]
            found, expected = compiled(chunk, so_far, cache=caches[0]), model(chunk, so_far, cache=caches[1])
            torch.testing.assert_close(found, expected)
        assert caches[0].length == 10 and (mask is None or caches[0].real.equal(caches[1].real))


@pytest.mark.parametrize("positions", ["sinusoidal", "relative"])
def test_exported(positions):
    model = MAKES["gpt"](positions).eval()
    exported = torch.export.export(model, (IDS, REAL), strict=False).module()
    torch.testing.assert_close(exported(IDS, REAL), model(IDS, REAL))
