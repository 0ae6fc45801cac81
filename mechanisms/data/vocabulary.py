"""The words of the lab language model.

- lists every word by class (countries, names, objects, verbs ...), each a single token;
- gives every word a fixed id, so that a checkpoint and its tokenizer never drift apart;
- builds the Hugging Face tokenizer (word level, split on spaces).

A name of several words is joined by underscores (``Buenos_Aires``), so that one word
is one token and the first token of an answer is the answer.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import torch

BOS, PAD, UNK = "<bos>", "<pad>", "<unk>"
RELATIONS = ("capital", "continent", "language", "currency")

FUNCTION_WORDS = (
    "the of is 's in . , : ? Q A what color colors and to when then went gave handed after at a for "
    "on there table needs got still missing bought lacks yesterday tomorrow will every day she he they "
    "says sign loud in-short"
).split()
NAMES = (
    "Anna Ben Clara David Emma Felix Grace Henry Iris Jack Karen Leo Mary Noah Olive Paul "
    "Ruth Sam Tina Victor Wendy Tom Alice Bob John Lucy Peter Sarah"
).split()
COLORS = "red orange yellow green blue purple brown black white gray".split()
OBJECTS = (
    "pen cup key ball book hat lamp box coin ring vase shoe clock fork glove candle "
    "brush phone ruler bowl stamp spoon mug plate scarf kite drum bell rope sponge"
).split()
PLACES = "store park school office museum station garden library beach market".split()
THINGS = "drink letter ticket gift camera map sandwich flower basket violin".split()
# base, past, and a word that often goes with the verb: what a sentence is about
VERBS = tuple(
    tuple(line.split())
    for line in """walk walked dog
talk talked guest
jump jumped fence
play played chess
cook cooked rice
clean cleaned floor
paint painted wall
open opened door
close closed window
push pushed cart
pull pulled wagon
wash washed shirt
watch watched film
climb climbed hill
count counted sheep
plant planted tree
water watered rose
fix fixed engine
pack packed bag
mail mailed parcel
call called doctor
visit visited aunt
follow followed trail
carry carried stone
kick kicked stump
pick picked apple
save saved money
join joined club
lift lifted weight
roast roasted turkey
bake baked bread
knit knitted sweater
eat ate soup
see saw bird
take took train
write wrote poem
drive drove truck
ride rode horse
sing sang song
swim swam lake
throw threw dart
catch caught fish
break broke glass
buy bought milk
teach taught class
bring brought wine
build built tower
draw drew portrait
feed fed cat
find found treasure
fly flew plane
grow grew wheat
hear heard thunder
hide hid jewel
hold held torch
keep kept diary
know knew secret
lead led parade
lose lost wallet
make made cake
meet met friend
sell sold piano
send sent fax
wear wore coat""".splitlines()
)


@dataclass(frozen=True)
class Country:
    """One row of ``world.tsv``. ``rank`` 0 is the country met most often in training."""

    name: str
    capital: str
    continent: str
    language: str
    currency: str
    rank: int


@cache
def countries() -> tuple[Country, ...]:
    """The countries of the lab world, most frequent first."""
    text = files("mechanisms.data").joinpath("world.tsv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines(), delimiter="\t")
    return tuple(
        Country(r["country"], r["capital"], r["continent"], r["language"], r["currency"], i) for i, r in enumerate(rows)
    )


@cache
def words() -> tuple[str, ...]:
    """Every word of the vocabulary; a word's place in this tuple is its token id."""
    groups = [
        (PAD, BOS, UNK),
        RELATIONS,
        FUNCTION_WORDS,
        *([getattr(c, f) for c in countries()] for f in ("name", *RELATIONS)),
        NAMES,
        COLORS,
        OBJECTS,
        PLACES,
        THINGS,
        *([v[i] for v in VERBS] for i in (0, 1)),
        [v[0].upper() for v in VERBS],
        [v[2] for v in VERBS],
    ]
    return tuple(dict.fromkeys(w for g in groups for w in g))


@cache
def word_ids() -> dict[str, int]:
    """Word to token id."""
    return {w: i for i, w in enumerate(words())}


def ids(items: list[str] | tuple[str, ...]) -> torch.Tensor:
    """Token ids of ``items``, a LongTensor [len(items)]. KeyError for an unknown word."""
    table = word_ids()
    return torch.tensor([table[w] for w in items])


def build_tokenizer():
    """The lab models' tokenizer, a ``transformers.PreTrainedTokenizerFast``."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.WordLevel(word_ids(), unk_token=UNK))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    core.post_processor = processors.TemplateProcessing(single=f"{BOS} $A", special_tokens=[(BOS, word_ids()[BOS])])
    return PreTrainedTokenizerFast(tokenizer_object=core, bos_token=BOS, eos_token=BOS, unk_token=UNK, pad_token=PAD)
