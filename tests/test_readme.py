"""What README shows as code runs, with fewer steps."""

import re

import made
import pytest
import torch

BLOCKS = re.findall(r"```python\n(.*?)```", (made.ROOT / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)


def run(word):
    """Execute the block that holds `word`, and return its names."""
    (block,) = (block for block in BLOCKS if word in block)
    names = {}
    exec(block.replace("train(200)", "train(4)").replace("evaluate_every=50", "evaluate_every=2"), names)
    return names


def test_attention_has_the_shape_of_its_input():
    assert run("RotaryEmbedding")["y"].shape == (2, 16, 512)


def test_a_model_is_trained_saved_and_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = run("Trainer(")
    assert names["trainer"].step == 4 and len(list((tmp_path / "runs" / "mine").iterdir())) >= 1
    best = torch.load(names["trainer"].checkpoints.best(), weights_only=True)["model"]
    assert all(weights.equal(best[name]) for name, weights in names["model"].state_dict().items())


@pytest.mark.parametrize("block", BLOCKS)
def test_every_block_is_python(block):
    compile(block, "README.md", "exec")
