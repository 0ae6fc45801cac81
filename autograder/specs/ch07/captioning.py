"""Exercise 7.5, ``caption_images``: greedy decoding that starts from embeddings.

- prompts that make lab-lm-scenes say different things; stems of one and of three tokens, all of which count;
- one image alone, asked for more tokens than its caption has: a loop that ends with the captions shows there.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake
from mechanisms.check.codec import ModelRef
from mechanisms.data import creature_text as text

Rng = np.random.Generator
ROWS = 6


def _draw(rng: Rng, stem: str, n: int, images: int = ROWS) -> dict[str, Any]:
    from mechanisms.models import load

    # Prompts near real words, so that what is said differs from row to row.
    table = load("lab-lm-scenes").get_input_embeddings().weight
    size, colour, category = (rng.permutation(high)[np.arange(images) % high] for high in (3, 6, 12))
    first = text.FIRST
    ids = np.stack([size + first["size"], colour + first["colour"], category + first["category"]], 1)
    prompts = table[torch.tensor(ids)] + 0.02 * torch.tensor(rng.normal(size=(images, 3, 96)), dtype=torch.float32)
    return {"model": ModelRef("lab-lm-scenes"), "prompts": prompts.detach(), "stem": text.encode(stem), "n": n}


def _draw_captions(rng: Rng, n: int, images: int = ROWS) -> dict[str, Any]:
    """Captions that change when a mean of embeddings is appended, and not the likeliest token's: not all of them do."""
    from mechanisms.models import load

    for _ in range(200):
        case = _draw(rng, "a", n, images)
        inputs = case | {"model": load("lab-lm-scenes")}
        if not torch.equal(appends_a_mean_of_embeddings(**inputs), captions_by_table(**inputs)):
            return case
    raise ValueError("no such case came up")


def never_feeds_a_token_back(model, prompts, stem, n):
    embed = model.get_input_embeddings()
    inputs = torch.cat([prompts, embed(torch.tensor(stem)).expand(len(prompts), -1, -1)], 1)
    with torch.no_grad():
        best = model(inputs_embeds=inputs).logits[:, -1].argmax(-1)
    return best[:, None].repeat(1, n)


def leaves_the_stem_out(model, prompts, stem, n):
    embed = model.get_input_embeddings()
    inputs, said = prompts, []
    with torch.no_grad():
        for _ in range(n):
            said.append(model(inputs_embeds=inputs).logits[:, -1].argmax(-1))
            inputs = torch.cat([inputs, embed(said[-1])[:, None]], 1)
    return torch.stack(said, 1)


def leaves_the_image_out(model, prompts, stem, n):
    embed = model.get_input_embeddings()
    inputs, said = embed(torch.tensor(stem)).expand(len(prompts), -1, -1), []
    with torch.no_grad():
        for _ in range(n):
            said.append(model(inputs_embeds=inputs).logits[:, -1].argmax(-1))
            inputs = torch.cat([inputs, embed(said[-1])[:, None]], 1)
    return torch.stack(said, 1)


def returns_the_stem_as_well(model, prompts, stem, n):
    embed = model.get_input_embeddings()
    said = [torch.full((len(prompts),), token) for token in stem]
    inputs = torch.cat([prompts, embed(torch.tensor(stem)).expand(len(prompts), -1, -1)], 1)
    with torch.no_grad():
        for _ in range(n):
            said.append(model(inputs_embeds=inputs).logits[:, -1].argmax(-1))
            inputs = torch.cat([inputs, embed(said[-1])[:, None]], 1)
    return torch.stack(said, 1)


def takes_the_least_likely_token(model, prompts, stem, n):
    embed = model.get_input_embeddings()
    inputs, said = torch.cat([prompts, embed(torch.tensor(stem)).expand(len(prompts), -1, -1)], 1), []
    with torch.no_grad():
        for _ in range(n):
            said.append(model(inputs_embeds=inputs).logits[:, -1].softmax(-1).argmin(-1))
            inputs = torch.cat([inputs, embed(said[-1])[:, None]], 1)
    return torch.stack(said, 1)


def keeps_only_the_end_of_the_stem(model, prompts, stem, n):
    embed = model.get_input_embeddings()
    inputs, said = torch.cat([prompts, embed(torch.tensor(stem[-1:])).expand(len(prompts), -1, -1)], 1), []
    with torch.no_grad():
        for _ in range(n):
            said.append(model(inputs_embeds=inputs).logits[:, -1].argmax(-1))
            inputs = torch.cat([inputs, embed(said[-1])[:, None]], 1)
    return torch.stack(said, 1)


def puts_the_stem_in_front_of_the_image(model, prompts, stem, n):
    embed = model.get_input_embeddings()
    inputs, said = torch.cat([embed(torch.tensor(stem)).expand(len(prompts), -1, -1), prompts], 1), []
    with torch.no_grad():
        for _ in range(n):
            said.append(model(inputs_embeds=inputs).logits[:, -1].argmax(-1))
            inputs = torch.cat([inputs, embed(said[-1])[:, None]], 1)
    return torch.stack(said, 1)


def draws_tokens_at_random(model, prompts, stem, n):
    embed = model.get_input_embeddings()
    inputs, said = torch.cat([prompts, embed(torch.tensor(stem)).expand(len(prompts), -1, -1)], 1), []
    with torch.no_grad():
        for _ in range(n):
            shares = model(inputs_embeds=inputs).logits[:, -1].softmax(-1)
            said.append(torch.multinomial(shares, 1)[:, 0])
            inputs = torch.cat([inputs, embed(said[-1])[:, None]], 1)
    return torch.stack(said, 1)


def says_the_first_images_caption_for_all(model, prompts, stem, n):
    embed = model.get_input_embeddings()
    inputs, said = torch.cat([prompts[:1], embed(torch.tensor(stem))[None]], 1), []
    with torch.no_grad():
        for _ in range(n):
            said.append(model(inputs_embeds=inputs).logits[:, -1].argmax(-1))
            inputs = torch.cat([inputs, embed(said[-1])[:, None]], 1)
    return torch.stack(said, 1).repeat(len(prompts), 1)


def stops_at_the_end_token(model, prompts, stem, n):
    embed = model.get_input_embeddings()
    inputs = torch.cat([prompts, embed(torch.tensor(stem)).expand(len(prompts), -1, -1)], 1)
    attended = torch.ones(inputs.shape[:2], dtype=torch.long)
    return model.generate(inputs_embeds=inputs, attention_mask=attended, max_new_tokens=n, do_sample=False)


def keeps_only_the_beginning_of_the_stem(model, prompts, stem, n):
    embed = model.get_input_embeddings()
    inputs, said = torch.cat([prompts, embed(torch.tensor(stem[:1])).expand(len(prompts), -1, -1)], 1), []
    with torch.no_grad():
        for _ in range(n):
            said.append(model(inputs_embeds=inputs).logits[:, -1].argmax(-1))
            inputs = torch.cat([inputs, embed(said[-1])[:, None]], 1)
    return torch.stack(said, 1)


def keeps_the_first_prompt_alone(model, prompts, stem, n):
    embed = model.get_input_embeddings()
    inputs, said = torch.cat([prompts[:, :1], embed(torch.tensor(stem)).expand(len(prompts), -1, -1)], 1), []
    with torch.no_grad():
        for _ in range(n):
            said.append(model(inputs_embeds=inputs).logits[:, -1].argmax(-1))
            inputs = torch.cat([inputs, embed(said[-1])[:, None]], 1)
    return torch.stack(said, 1)


def reads_the_logits_one_place_early(model, prompts, stem, n):
    embed = model.get_input_embeddings()
    inputs, said = torch.cat([prompts, embed(torch.tensor(stem)).expand(len(prompts), -1, -1)], 1), []
    with torch.no_grad():
        for _ in range(n):
            said.append(model(inputs_embeds=inputs).logits[:, -2].argmax(-1))
            inputs = torch.cat([inputs, embed(said[-1])[:, None]], 1)
    return torch.stack(said, 1)


def reads_the_logits_at_the_first_place(model, prompts, stem, n):
    embed = model.get_input_embeddings()
    inputs, said = torch.cat([prompts, embed(torch.tensor(stem)).expand(len(prompts), -1, -1)], 1), []
    with torch.no_grad():
        for _ in range(n):
            said.append(model(inputs_embeds=inputs).logits[:, 0].argmax(-1))
            inputs = torch.cat([inputs, embed(said[-1])[:, None]], 1)
    return torch.stack(said, 1)


def stops_when_all_captions_have_stopped(model, prompts, stem, n):
    embed = model.get_input_embeddings()
    inputs, said = torch.cat([prompts, embed(torch.tensor(stem)).expand(len(prompts), -1, -1)], 1), []
    with torch.no_grad():
        for _ in range(n):
            said.append(model(inputs_embeds=inputs).logits[:, -1].argmax(-1))
            inputs = torch.cat([inputs, embed(said[-1])[:, None]], 1)
            if (said[-1] == 2).all():
                break
    return torch.stack(said, 1)


def appends_a_mean_of_embeddings(model, prompts, stem, n):
    embed = model.get_input_embeddings()
    inputs, said = torch.cat([prompts, embed(torch.tensor(stem)).expand(len(prompts), -1, -1)], 1), []
    with torch.no_grad():
        for _ in range(n):
            logits = model(inputs_embeds=inputs).logits[:, -1]
            said.append(logits.argmax(-1))
            inputs = torch.cat([inputs, (logits.softmax(-1) @ embed.weight)[:, None]], 1)
    return torch.stack(said, 1)


def fills_up_behind_the_full_stop(model, prompts, stem, n):
    embed = model.get_input_embeddings()
    inputs, said = torch.cat([prompts, embed(torch.tensor(stem)).expand(len(prompts), -1, -1)], 1), []
    with torch.no_grad():
        for _ in range(n):
            best = model(inputs_embeds=inputs).logits[:, -1].argmax(-1)
            said.append(torch.where((said[-1] == 2) | (said[-1] == 0), 0, best) if said else best)
            inputs = torch.cat([inputs, embed(said[-1])[:, None]], 1)
    return torch.stack(said, 1)


def takes_all_tokens_from_one_run(model, prompts, stem, n):
    embed = model.get_input_embeddings()
    inputs = torch.cat([prompts, embed(torch.tensor(stem)).expand(len(prompts), -1, -1)], 1)
    with torch.no_grad():
        return model(inputs_embeds=inputs).logits[:, -n:].argmax(-1)


def captions_one_by_one(model, prompts, stem, n):
    rows = []
    for prompt in prompts:
        tokens = list(stem)
        for _ in range(n):
            words = model.get_input_embeddings()(torch.tensor(tokens))
            with torch.no_grad():
                logits = model(inputs_embeds=torch.cat([prompt, words])[None]).logits
            tokens.append(logits[0, -1].argmax().item())
        rows.append(tokens[len(stem) :])
    return torch.tensor(rows)


def captions_by_table(model, prompts, stem, n):
    table = model.get_input_embeddings().weight
    tokens = torch.tensor(stem).repeat(len(prompts), 1)
    with torch.no_grad():
        for _ in range(n):
            logits = model(inputs_embeds=torch.cat((prompts, table[tokens]), dim=1)).logits
            tokens = torch.cat((tokens, logits[:, -1].log_softmax(-1).topk(1).indices), dim=1)
    return tokens[:, len(stem) :]


EXERCISE = Exercise(
    name="caption_images",
    card=Card(
        title="Let the language model speak about an image",
        difficulty=3,
        minutes=12,
        why="There is no token for an image, so decoding starts from vectors. The same loop captions, and answers "
        "questions, depending on the stem.",
        paper="Section 3 and 4: generation from the prompts and a short stem such as “A picture of”.",
    ),
    groups=(
        Group(
            "one word after the stem",
            2,
            partial(_draw, stem="its colour is", n=1),
            hint="Prompts, then the embeddings of the whole stem; the logits at the last place choose the next token.",
        ),
        Group(
            "a caption",
            4,
            partial(_draw_captions, n=4),
            hint="Append the embedding of the likeliest token, and run the model again. A full stop does not end the "
            "caption: n tokens are asked for.",
        ),
        Group(
            "one image, past the full stop",
            2,
            partial(_draw_captions, n=8, images=1),
            hint="A full stop is a token like any other: go on until there are n tokens.",
        ),
    ),
    mistakes=(
        Mistake(
            never_feeds_a_token_back,
            "Your first token repeats itself. The token that was chosen must be embedded and appended at the end, and "
            "the model run again, before the next one is chosen.",
            2,
        ),
        Mistake(leaves_the_stem_out, "Your inputs lack the stem: prompts first, then the words of the stem.", 0),
        Mistake(
            leaves_the_image_out,
            "Your inputs lack the prompts, so every image gets the same text: this is a language model talking to "
            "itself.",
            0,
        ),
        Mistake(returns_the_stem_as_well, "You return the stem as well. Return the n new tokens alone.", 0),
        Mistake(
            keeps_only_the_end_of_the_stem,
            "Only the last word of the stem is in your inputs. A stem may have several words: embed all of them.",
            6,
        ),
        Mistake(
            keeps_only_the_beginning_of_the_stem,
            "Only the first word of the stem is in your inputs. A stem may have several words: embed all of them.",
            6,
        ),
        Mistake(
            keeps_the_first_prompt_alone,
            "Only the first prompt is in your inputs. All k of them belong there.",
            0,
        ),
        Mistake(
            reads_the_logits_one_place_early,
            "You read the logits one place too early, at [:, -2]. The next token is predicted at the last place.",
            0,
        ),
        Mistake(
            reads_the_logits_at_the_first_place,
            "You read the logits at the first place. The next token is predicted at the last one, [:, -1].",
            0,
        ),
        Mistake(
            takes_all_tokens_from_one_run,
            "You take all tokens from one run. Its logits at earlier places predict what is there already; a new token "
            "needs a new run, with the last one appended.",
            2,
        ),
        Mistake(
            appends_a_mean_of_embeddings,
            "You append a mean of all embeddings, weighted by how likely they are. Append the embedding of the token "
            "that was chosen.",
            2,
        ),
        Mistake(
            fills_up_behind_the_full_stop,
            "Behind a full stop you fill up with pads. Here the full stop is a token like any other: go on.",
            2,
        ),
        Mistake(
            stops_when_all_captions_have_stopped,
            "Your loop ends when every caption has come to its full stop. n tokens are asked for, whatever they are.",
            6,
        ),
        Mistake(
            puts_the_stem_in_front_of_the_image,
            "You put the stem in front of the prompts. The image comes first, then the words of the stem.",
            0,
        ),
        Mistake(draws_tokens_at_random, "You draw tokens at random. Take the likeliest one each time: argmax.", 2),
        Mistake(
            says_the_first_images_caption_for_all,
            "All images get the caption of the first. Keep the batch: one token for each image, each from its own "
            "logits.",
            2,  # of one image alone it is right
        ),
        Mistake(
            stops_at_the_end_token,
            "Your captions stop at the full stop: model.generate takes it for the end. Here n tokens are asked for, "
            "whatever they are, so write the loop.",
            2,
        ),
        Mistake(takes_the_least_likely_token, "You take the least likely token: argmax, not argmin.", 0),
    ),
    variants=(captions_one_by_one, captions_by_table),
)
