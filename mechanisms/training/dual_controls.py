"""Controls of chapter 06: with what else, besides reading the copula, the two-alternative score can be earned.

- ``by_place``, ``by_query`` and ``copying``: rules that read no copula and know no token; ``answering`` asks a model;
- ``first_mask``: which of the three places of the context is taken at the first mask, the copula's place included;
- ``without_copula``: a test set in which a never-trained token stands for the copula;
- ``controls``: what a model or a rule scores on one set, with and without the copula;
- ``conflict_shares``: answers by context, by tokens, and neither;
- ``by_size`` and ``lengths``: what the size of a new token's embedding does to its scores.

The two-alternative score leaves the copula out, and so it gives away where the copula stands: whoever prefers place 2,
then 3, then 1, has the adjective's place in both orders. With the copula as a third candidate that rule is right in one
order of two. No rule that cannot tell a copula is right everywhere then: a query that repeats place 1 is the noun, one
that repeats place 2 is the adjective, but one that repeats place 3, in half of the sequences, may be either.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from mechanisms.data.dual_process import ANSWERS, LENGTH, QUERY, TestSet, World
from mechanisms.training.measure_dual import TEST_SEED, new_tokens, scores, test_sets, two_alternative

CONTEXT = 3  # tokens; the query follows them
FIRST_MASK = LENGTH - ANSWERS
Respond = Callable[[TestSet], Float[Tensor, "n 7 vocab"]]


def copying(test: TestSet) -> Float[Tensor, "n 7 vocab"]:
    """Logits of a rule: the query at all three masks."""
    logits = torch.zeros(len(test.tokens), LENGTH, int(test.tokens.max()) + 1)
    logits[:, FIRST_MASK:] = logits[:, FIRST_MASK:].scatter(2, test.tokens[:, QUERY, None, None].expand(-1, 3, 1), 1.0)
    return logits


def by_place(test: TestSet) -> Float[Tensor, "n 7 vocab"]:
    """Logits of a rule: at the first mask the token of place 2, else of place 3, else of place 1; then the query."""
    return _preferring(test, torch.tensor([1.0, 3.0, 2.0]).expand(len(test.tokens), CONTEXT))


def by_query(test: TestSet) -> Float[Tensor, "n 7 vocab"]:
    """Logits of a rule: as ``by_place``, but where the query repeats place 1, it takes place 3 at the first mask.

    A query is no copula. Repeating place 1 it is the noun of "noun copula adjective", so the adjective is in place 3.
    """
    repeats_first = test.tokens[:, QUERY] == test.tokens[:, 0]
    return _preferring(test, torch.where(repeats_first[:, None], torch.tensor([1.0, 2, 3]), torch.tensor([1.0, 3, 2])))


def _preferring(test: TestSet, preference: Float[Tensor, "n 3"]) -> Float[Tensor, "n 7 vocab"]:
    """The query's logits, but at the first mask one logit for each place of the context."""
    logits = copying(test)
    logits[:, FIRST_MASK] = torch.zeros_like(logits[:, FIRST_MASK]).scatter(1, test.tokens[:, :CONTEXT], preference)
    return logits


def answering(model, world: World, spread: float) -> Respond:
    """A model as a rule: its logits, never-trained tokens having fresh embeddings of standard deviation ``spread``."""

    @torch.no_grad()
    def respond(test: TestSet) -> Tensor:
        with new_tokens(model, world, spread):
            return model(test.tokens).logits

    return respond


def first_mask(logits: Float[Tensor, "n 7 vocab"], test: TestSet) -> dict[str, float]:
    """Which of the context's three tokens has the largest logit at the first mask, as shares of the sequences.

    "place 1" to "place 3": where it stands. "right of three": it is the answer.
    """
    context = test.tokens[:, :CONTEXT]
    taken = logits[:, FIRST_MASK].gather(1, context).argmax(1)
    right = context.gather(1, taken[:, None]) == test.answers[:, :1]
    found = {f"place {place + 1}": taken == place for place in range(CONTEXT)} | {"right of three": right}
    return {name: hits.float().mean().item() for name, hits in found.items()}


def without_copula(world: World, test: TestSet, seed: int = TEST_SEED) -> TestSet:
    """The set with a never-trained token for the copula, one that the sequence does not have yet."""
    generator = torch.Generator().manual_seed(seed)
    spare, n = world.spare_tokens, len(test.tokens)
    stand_in = spare[torch.randint(len(spare), (n,), generator=generator)]
    while (same := (stand_in[:, None] == test.candidates).any(1)).any():
        stand_in[same] = spare[torch.randint(len(spare), (int(same.sum()),), generator=generator)]
    return replace(test, tokens=torch.where(test.tokens == world.copula, stand_in[:, None], test.tokens))


def controls(respond: Respond, world: World, kind: str = "random", n: int = 1000) -> dict[str, float]:
    """What ``respond`` (a rule, or ``answering(model, ...)``) scores on one test set.

    "two": the two-alternative score, also of each order alone ("copula first", "noun first"); "no copula": the score
    with a never-trained token for the copula; and what ``first_mask`` finds.
    """
    test = test_sets(world, n)[kind]
    blind = without_copula(world, test)
    logits = respond(test)
    right = two_alternative(logits, test)
    noun_first = test.tokens[:, 0] == test.candidates[:, 0]
    parts = {
        "two": right,
        "copula first": right[~noun_first],
        "noun first": right[noun_first],
        "no copula": two_alternative(respond(blind), blind),
    }
    return {name: hits.float().mean().item() for name, hits in parts.items()} | first_mask(logits, test)


def conflict_shares(respond: Respond, world: World, kind: str = "switch", n: int = 1000) -> dict[str, float]:
    """In a conflict: the shares of answers that are right by context, right by tokens ("tokens"), and neither."""
    test = test_sets(world, n)[kind]
    logits = respond(test)
    by_context = two_alternative(logits, test)
    # by what the tokens are elsewhere the classes are exchanged: another first answer, the same two copies of the query
    turned = replace(test, answers=torch.cat([test.candidates[:, :1], test.answers[:, 1:]], 1))
    by_tokens = two_alternative(logits, turned)
    shares = {"context": by_context, "tokens": by_tokens, "neither": ~(by_context | by_tokens)}
    return {name: hits.float().mean().item() for name, hits in shares.items()}


def by_size(model, world: World, spreads: Sequence[float], n: int = 500) -> dict[float, dict[str, float]]:
    """Spread of the never-trained tokens' embeddings -> both scores on "random": two-alternative and hard."""
    return {spread: scores(model, world, spread, n, kinds=("random",)) for spread in spreads}


@torch.no_grad()
def lengths(model, world: World, spread: float) -> dict[str, float]:
    """The mean length of an embedding: of the "trained" tokens, and of "new" ones of standard deviation ``spread``."""
    table = model.get_input_embeddings().weight
    with new_tokens(model, world, spread):
        rows = {"trained": table[: world.content], "new": table[world.spare_tokens]}
        return {name: part.norm(dim=1).mean().item() for name, part in rows.items()}
