"""A few seconds of training on each real set: enough to beat what can be done without attention.

The baselines are counted here, on the same data. The longer runs are those of `make full`.
"""

import collections
import itertools

import torch
import torch.nn.functional as F

from shared import words
from shared.fit import fit
from shared.settings import device
from shared.transformer import (BPETokenizer, CharTokenizer, GPTModel, SequenceClassifier, TokenTagger, Transformer, TransformerEncoder, length_buckets,
                                pad_rows, span_f1)

from . import load


def falling(peak, steps):
    return lambda step: peak * min(step / 20, 1 - step / (steps + 1))


def encoder(vocabulary):
    torch.manual_seed(0)
    return TransformerEncoder(vocabulary.size, 64, num_layers=1, num_heads=4, d_ff=128, max_seq_len=256, dropout=0.1,
                              positions="relative", pad_id=words.PAD)


def loss(model, batch):
    return F.cross_entropy(model(batch[0]).flatten(0, -2), batch[1].flatten())


def test_characters_beat_pairs_of_characters():
    text = load("tinyshakespeare")
    tokenizer = CharTokenizer(text["train"])
    train, val = tokenizer.encode(text["train"]).to(device()), tokenizer.encode(text["val"]).to(device())[:50_001]
    pairs = torch.ones(tokenizer.vocab_size, tokenizer.vocab_size, device=device())
    pairs.index_put_((train[:-1], train[1:]), pairs.new_ones(len(train) - 1), accumulate=True)
    baseline = -(pairs / pairs.sum(1, keepdim=True)).log()[val[:-1], val[1:]].mean()
    torch.manual_seed(0)
    model = GPTModel(tokenizer.vocab_size, 64, 2, 4, max_seq_len=64, positions="rotary", activation="squared_relu")

    def windows(rng):
        window = train[rng.integers(len(train) - 64, 16, 1) + torch.arange(65, device=device())]
        return window[:, :-1], window[:, 1:]

    fit(model, windows, loss, 300, falling(1e-2, 300), progress=False)
    with torch.no_grad():
        reached = loss(model.eval(), (val[:50_000].view(-1, 50)[:, :-1], val[:50_000].view(-1, 50)[:, 1:]))
    assert reached < baseline - 0.1, (reached, baseline)


def usual(texts, answers, unknown):
    """What a word is called most often, as a function of a list of words."""
    counts = collections.defaultdict(collections.Counter)
    for word, tag in zip(itertools.chain(*texts), itertools.chain(*answers)):
        counts[word][tag] += 1
    best = {word: count.most_common(1)[0][0] for word, count in counts.items()}
    return lambda text: [best.get(word, unknown) for word in text]


def tagged(model, vocabulary, texts):
    """The number of the best label of each word."""
    with torch.no_grad():
        parts = [model(vocabulary.padded(texts[k:k + 64])).argmax(-1).tolist() for k in range(0, len(texts), 64)]
    return [row[:len(text)] for row, text in zip(itertools.chain(*parts), texts)]


def share_right(said, gold):
    pairs = list(zip(itertools.chain(*said), itertools.chain(*gold)))
    return sum(a == b for a, b in pairs) / len(pairs)


def test_a_tagger_beats_the_most_frequent_tag_of_each_word():
    parts = {part: tuple(zip(*rows)) for part, rows in load("ud_english_ewt").items()}
    texts, gold = parts["train"]
    tags = sorted(set(itertools.chain(*gold)))
    vocabulary = words.Vocabulary(texts)
    model = TokenTagger(encoder(vocabulary), len(tags))
    answers = [[tags.index(tag) for tag in row] for row in gold]
    fit(model, words.batches(vocabulary, texts, answers, 48), loss, 250, falling(1e-2, 250), progress=False)
    texts, gold = parts["dev"]
    reached = share_right([[tags[k] for k in row] for row in tagged(model.eval(), vocabulary, texts)], gold)
    baseline = share_right(map(usual(*parts["train"], "NOUN"), texts), gold)
    assert reached > baseline > 0.85, (reached, baseline)


def test_a_classifier_beats_the_most_telling_word():
    parts = {part: ([text.split() for text, _ in rows], [intent for _, intent in rows])
             for part, rows in load("clinc150").items() if part in ("train", "val")}
    texts, gold = parts["train"]
    intents, vocabulary = sorted(set(gold)), words.Vocabulary(texts)
    model = SequenceClassifier(encoder(vocabulary), len(intents), pooling="mean")
    answers = [intents.index(intent) for intent in gold]
    fit(model, words.batches(vocabulary, texts, answers, 64, coarse=0.05), loss, 300, falling(1e-2, 300), progress=False)
    tells = collections.defaultdict(collections.Counter)
    for text, intent in zip(texts, gold):
        for word in text:
            tells[word][intent] += 1
    share = {word: (count.most_common(1)[0][1] / count.total(), count.total(), count.most_common(1)[0][0]) for word, count in tells.items()}
    texts, gold = parts["val"]
    with torch.no_grad():
        reached = share_right([[intents[k] for k in model.eval()(vocabulary.padded(texts)).argmax(-1)]], [gold])
    baseline = share_right([[max(share.get(word, (0, 0, "")) for word in text)[2] for text in texts]], [gold])
    assert reached > baseline > 0.5, (reached, baseline)


def test_names_are_found_better_than_word_by_word():
    parts = {part: tuple(zip(*rows)) for part, rows in load("wnut17").items()}
    texts, gold = parts["train"]
    tags = sorted(set(itertools.chain(*gold)))
    vocabulary = words.Vocabulary(texts)
    model = TokenTagger(encoder(vocabulary), len(tags))
    answers = [[tags.index(tag) for tag in row] for row in gold]
    fit(model, words.batches(vocabulary, texts, answers, 48), loss, 1000, falling(4e-3, 1000), progress=False)
    texts, gold = parts["dev"]
    reached = span_f1([[tags[k] for k in row] for row in tagged(model.eval(), vocabulary, texts)], gold)
    guess = usual(*parts["train"], "O")
    baseline = span_f1([guess(text) for text in texts], gold)
    assert reached > baseline > 0.05, (reached, baseline)


def test_a_translator_beats_pairs_of_tokens_and_reads_the_source():
    parts = {"train": load("multi30k")["train"][:6000], "val": load("multi30k")["val"][:400]}
    bpe = BPETokenizer.train((text for row in parts["train"] for text in row[:2]), 1000, ("<pad>", "<bos>", "<eos>"))
    pad, bos, eos = bpe.special.values()
    rows = {part: [(bpe.encode(english), torch.tensor([bos, *bpe.encode(german).tolist(), eos])) for english, german, _ in some] for part, some in parts.items()}
    batches = [places for epoch in range(4) for places in length_buckets([max(map(len, row)) for row in rows["train"]], 1000, seed=epoch)]

    def batch(some):
        return tuple(pad_rows(side, pad).to(device()) for side in zip(*some))

    def translation_loss(model, batch):
        source, target = batch
        return F.cross_entropy(model(source, target[:, :-1]).flatten(0, -2), target[:, 1:].flatten(), ignore_index=pad)

    torch.manual_seed(0)
    model = Transformer(bpe.vocab_size, d_model=64, num_layers=1, num_heads=4, d_ff=256, dropout=0.0, norm_first=True, max_seq_len=256, positions="rotary", pad_id=pad)
    fit(model, lambda rng: batch([rows["train"][place] for place in batches.pop()]), translation_loss, 300, falling(1e-2, 300), progress=False)
    pairs = torch.full((bpe.vocab_size, bpe.vocab_size), 0.1)
    for _, target in rows["train"]:
        pairs.index_put_((target[:-1], target[1:]), torch.ones(()), accumulate=True)
    targets = [target for _, target in rows["val"]]
    before, after = (torch.cat([target[side] for target in targets]) for side in (slice(0, -1), slice(1, None)))
    baseline = -(pairs / pairs.sum(1, keepdim=True)).log()[before, after].mean()
    with torch.no_grad():
        reached, astray = (translation_loss(model.eval(), batch(some))
                           for some in (rows["val"], [(rows["val"][k - 1][0], target) for k, target in enumerate(targets)]))
    assert reached < baseline - 0.1 and reached < astray - 0.1, (reached, baseline, astray)
