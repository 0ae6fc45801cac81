"""The paper's naturalistic test: how MultiBERTs checkpoints tell nouns from adjectives, early and late in training.

- ``load_multibert``: one checkpoint and its tokenizer, or one printed sentence and None;
- ``read_conllu``: the words of a treebank with their part of speech (CoNLL-U, for example UD English-EWT);
- ``nouns_and_adjectives``: words that are nearly always one of the two, most frequent first;
- ``probe_layers``: a linear probe for each layer, trained on the treebank, tested on "the <noun> is <adjective>"
  sentences with the words in place, exchanged, or replaced by words that the model has never seen.

The paper uses the Penn Treebank, which is not free; UD English-EWT (CC BY-SA 4.0) stands in for it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from mechanisms.errors import BadData
from mechanisms.models.paper import locate

NAME = "google/multiberts-seed_{seed}-step_{step}k"
CLASSES = {"NOUN": 1.0, "ADJ": 0.0}


@dataclass(frozen=True)
class Sentence:
    """``words`` and their universal parts of speech ``tags``, as long as each other."""

    words: tuple[str, ...]
    tags: tuple[str, ...]


def load_multibert(step: int, seed: int = 3, device: str | None = None):
    """(model, tokenizer) of the checkpoint after ``step`` thousand steps; None, after one sentence, without it.

    The folder MECHANISMS_PAPER_DIR, the cache and the hub are tried in this order.
    """
    name = NAME.format(seed=seed, step=step)
    source, problem = locate(name, device)
    if problem is None:
        from transformers import AutoTokenizer, BertModel

        target = device or ("cuda" if torch.cuda.is_available() else "cpu")
        try:
            model = BertModel.from_pretrained(source, add_pooling_layer=False).to(target).eval()
            return model, AutoTokenizer.from_pretrained(source)
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            problem = f"it could not be loaded ({(str(error).splitlines() or [type(error).__name__])[0]})"
    print(f"No probe of {name} here: {problem}. Everything above is complete without it.")
    return None


def read_conllu(path: str | Path) -> list[Sentence]:
    """The sentences of a CoNLL-U file. Raises BadData, with the line, when it is none."""
    sentences: list[Sentence] = []
    words: list[str] = []
    tags: list[str] = []
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadData(f"The treebank {path} cannot be read: {error}.") from None
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        if not line.strip():
            if words:
                sentences.append(Sentence(tuple(words), tuple(tags)))
            words, tags = [], []
        elif not line.startswith("#"):
            columns = line.split("\t")
            if len(columns) != 10:
                raise BadData(f"Line {number} of {path} has {len(columns)} columns; CoNLL-U has 10.")
            if columns[0].isdigit():  # 1-2 are contractions, 1.1 words that are not written
                words.append(columns[1])
                tags.append(columns[3])
    return sentences


def nouns_and_adjectives(sentences: Iterable[Sentence], share: float = 0.8) -> dict[str, list[str]]:
    """{"NOUN": [...], "ADJ": [...]}: words that are one of the two in over ``share`` of their uses, by frequency."""
    uses: dict[str, Counter] = defaultdict(Counter)
    for sentence in sentences:
        for word, tag in zip(sentence.words, sentence.tags, strict=True):
            uses[word.lower()][tag] += 1
    found: dict[str, list[tuple[int, str]]] = {name: [] for name in CLASSES}
    for word, counts in uses.items():
        tag, count = counts.most_common(1)[0]
        if tag in found and word.isalpha() and count / sum(counts.values()) > share:
            found[tag].append((-count, word))
    return {name: [word for _, word in sorted(rows)] for name, rows in found.items()}


@torch.no_grad()
def states(model, tokenizer, sentences: Sequence[Sequence[str]], places: Sequence[Sequence[int]]) -> torch.Tensor:
    """The states of words at ``places`` of each sentence, [layer + 1, word, width]: the mean over their pieces."""
    device = next(model.parameters()).device
    rows = []
    for start in range(0, len(sentences), 32):
        batch = [list(words) for words in sentences[start : start + 32]]
        coded = tokenizer(batch, is_split_into_words=True, return_tensors="pt", padding=True, truncation=True)
        hidden = torch.stack(model(**coded.to(device), output_hidden_states=True).hidden_states).float().cpu()
        for row, wanted in enumerate(places[start : start + 32]):
            pieces = coded.word_ids(row)
            for place in wanted:
                where = [i for i, word in enumerate(pieces) if word == place]
                if where:
                    rows.append(hidden[:, row, where].mean(1))
    return torch.stack(rows, dim=1)


def probe_layers(
    model, tokenizer, sentences: Sequence[Sentence], n_train: int = 3000, n_test: int = 500, seed: int = 0
) -> dict[str, list[float]]:
    """Accuracy of a linear noun-or-adjective probe for each layer, on each test set.

    One unit without bias (AdamW, lr 1e-3, 4 epochs, batch 32), trained on ``n_train`` treebank words. Test sentences
    are "the <noun> is <adjective>". "in place": frequent words; "switched": noun and adjective exchanged, the label
    goes by the place; "new words": both replaced by fresh embeddings. Raises BadData when the treebank is too small.
    """
    words = nouns_and_adjectives(sentences)
    if min(map(len, words.values())) < 10:
        raise BadData("The treebank has fewer than ten nouns or adjectives: give a larger one.")
    generator = torch.Generator().manual_seed(seed)
    known = {word: CLASSES[tag] for tag, group in words.items() for word in group}
    chosen, places, labels = [], [], []
    for sentence in sentences:
        here = [i for i, word in enumerate(sentence.words[:60]) if word.lower() in known]
        if here and len(labels) < n_train:
            chosen.append(sentence.words[:60])
            places.append(here)
            labels += [known[sentence.words[i].lower()] for i in here]
    train = states(model, tokenizer, chosen, places)
    labels = torch.tensor(labels)[: train.shape[1]]
    tests = {}
    frequent = {tag: group[: max(10, len(group) // 5)] for tag, group in words.items()}

    def picked(tag: str) -> list[str]:
        return [frequent[tag][int(i)] for i in torch.randint(len(frequent[tag]), (n_test,), generator=generator)]

    nouns, adjectives = picked("NOUN"), picked("ADJ")
    truth = torch.tensor([1.0, 0.0]).repeat(n_test)
    for name, first, second in (("in place", nouns, adjectives), ("switched", adjectives, nouns)):
        made = [("the", one, "is", two) for one, two in zip(first, second, strict=True)]
        tests[name] = states(model, tokenizer, made, [(1, 3)] * n_test)
    tests["new words"] = _with_new_words(model, tokenizer, n_test, generator)
    found: dict[str, list[float]] = {name: [] for name in tests}
    for layer in range(train.shape[0]):
        weight = _probe(train[layer], labels, generator)
        for name, test in tests.items():
            found[name].append((((test[layer] @ weight) > 0).float() == truth).float().mean().item())
    return found


@torch.no_grad()
def _with_new_words(model, tokenizer, n: int, generator: torch.Generator) -> torch.Tensor:
    """States of two tokens with fresh embeddings in "the <noun> is <adjective>", new ones in each sentence."""
    table = model.get_input_embeddings().weight
    coded = tokenizer(["the", "x", "is", "y"], is_split_into_words=True, return_tensors="pt")
    ids, inner = coded["input_ids"].to(table.device), [coded.word_ids(0).index(place) for place in (1, 3)]
    rows = []
    spread = model.config.initializer_range
    embedded = model.get_input_embeddings()(ids).repeat(n, 1, 1)
    embedded[:, inner] = spread * torch.randn(n, len(inner), table.shape[1], generator=generator).to(table)
    for part in embedded.split(64):
        hidden = torch.stack(model(inputs_embeds=part, output_hidden_states=True).hidden_states).float().cpu()
        rows.append(hidden[:, :, inner].flatten(1, 2))
    return torch.cat(rows, dim=1)


def _probe(inputs: torch.Tensor, labels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """The weights of a linear unit without bias that tells label 1 from label 0."""
    weight = torch.zeros(inputs.shape[1], requires_grad=True)
    optimizer = torch.optim.AdamW([weight], lr=1e-3)
    for _ in range(4):
        for batch in torch.randperm(len(inputs), generator=generator).split(32):
            loss = torch.nn.functional.binary_cross_entropy_with_logits(inputs[batch] @ weight, labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return weight.detach()
