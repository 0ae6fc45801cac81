"""The rendered world: deterministic, balanced, its splits apart, its captions true."""

from __future__ import annotations

import pytest
import torch

from mechanisms.data.scenes import creatures, objects
from mechanisms.plots.scenes import contact_sheet


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("draw", [lambda g: creatures.draw(8, g), lambda g: objects.draw(8, 2, g)])
def test_a_seed_gives_the_same_images_and_another_seed_others(draw):
    one, same, other = draw(generator()).images, draw(generator()).images, draw(generator(1)).images
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert one.shape == (8, 3, 32, 32) and one.min() >= 0 and one.max() <= 1


def test_a_sixth_of_the_creatures_is_held_out_evenly():
    every = torch.cartesian_prod(torch.arange(3), torch.arange(6), torch.arange(12))
    held = every[creatures.is_held_out(every)]
    assert len(held) == 36
    for column, count in enumerate((3, 6, 12)):
        assert set(held[:, column].bincount(minlength=count).tolist()) == {36 // count}
    seen = creatures.draw_labels(500, generator(), "seen")
    assert not creatures.is_held_out(seen).any()
    assert creatures.is_held_out(creatures.draw_labels(50, generator(), "held out")).all()


def test_two_objects_differ_and_the_held_out_split_has_one_held_out_pair():
    table = objects.held_out_pairs()
    for split, expected in (("seen", 0), ("held out", 1)):
        colours, shapes = objects.draw_attributes(300, 2, generator(), split)
        assert (colours[:, 0] != colours[:, 1]).all() and (shapes[:, 0] != shapes[:, 1]).all()
        assert (table[colours, shapes].sum(1) == expected).all()


def test_captions_of_objects_are_true():
    scenes = objects.draw(50, 2, generator(), "all")
    for caption, colours, shapes in zip(
        objects.captions(scenes, "relation", generator()), scenes.colours, scenes.shapes, strict=True
    ):
        left, right = (objects.noun(int(c), int(s)) for c, s in zip(colours, shapes, strict=True))
        assert caption in (f"{left} left {right}", f"{right} right {left}")


def test_a_painted_object_shows_its_colour_where_it_stands():
    colours = torch.tensor([[0, 2]])  # red on the left, blue on the right
    image = objects.paint(colours, torch.tensor([[0, 1]]), generator())[0]
    left, right = image[:, :, :16], image[:, :, 16:]
    assert (left[0] - left[2]).max() > 0.4 and (right[2] - right[0]).max() > 0.4


@pytest.mark.parametrize(
    "call",
    [
        lambda: creatures.draw(2, generator(), "new"),
        lambda: objects.draw(2, 3, generator()),
        lambda: objects.draw(2, 1, generator(), "new"),
        lambda: objects.describe([0], [0], "above"),
        lambda: contact_sheet(torch.zeros(0, 3, 32, 32), []),
    ],
)
def test_bad_wishes_are_refused_in_a_sentence(call):
    with pytest.raises(ValueError, match=" "):
        call()


def test_the_contact_sheet_shows_every_caption():
    scenes = creatures.draw(7, generator())
    figure = contact_sheet(scenes.images, creatures.captions(scenes.labels), columns=4)
    titles = [" ".join(axis.get_title().split()) for axis in figure.axes]
    assert titles[:7] == [c.replace(" .", ".") for c in creatures.captions(scenes.labels)] and titles[7:] == [""]
