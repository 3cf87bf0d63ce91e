"""Transforms of whole batches against plain ones, an image at a time, made of torchvision's functions."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional

from nastransfer.data.transforms import PaddedCrop, Recipe, ResizedCrop, cutout, resized_boxes

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)
NUMBER = 40
SMALL = PaddedCrop(12, MEAN, STD, flip=True, padding=3)
LARGE = ResizedCrop(24, MEAN, STD, flip=True)


def generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(number: int, side: int) -> Tensor:
    """Random pixels with grey, black and white images among them."""
    made = torch.randint(0, 256, (number, 3, side, side), generator=generator(side)).to(torch.uint8)
    made[0], made[1], made[2] = made[0, :1].expand(3, -1, -1), 0, 255
    return made


def picture(image: Tensor) -> Image.Image:
    return Image.fromarray(image.permute(1, 2, 0).numpy())


def pixels(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def plain_resize(image: Image.Image, height: int, width: int) -> Image.Image:
    """Rows first, then columns: Pillow itself chooses the order by version and size."""
    return functional.resize(functional.resize(image, [image.height, width]), [height, width])


def plain_finish(image: Tensor, recipe: Recipe, draws: dict[str, Tensor], row: int) -> Tensor:
    """The bytes [3, side, side] of one image mirrored, coloured and normalised by torchvision."""
    if "mirrored" in draws and draws["mirrored"][row]:
        image = functional.horizontal_flip(image)
    image = functional.to_dtype(image, torch.float32, scale=True)
    if "factors" in draws:
        changes = (
            functional.adjust_brightness,
            functional.adjust_contrast,
            functional.adjust_saturation,
            functional.adjust_hue,
        )
        for change in draws["order"][row].tolist():
            image = changes[change](image, float(draws["factors"][row, change]))
    return functional.normalize(image, list(recipe.mean), list(recipe.std))


def test_padded_crops_equal_plain_ones() -> None:
    stored, index, draws = (
        images(9, 12),
        torch.randint(9, (NUMBER,), generator=generator()),
        SMALL.draw(NUMBER, generator()),
    )
    picked = SMALL.pick(SMALL.stored(stored), index, draws)
    expected = []
    for image, (top, left) in zip(stored[index], draws["corner"].tolist(), strict=True):
        expected.append(functional.crop(functional.pad(image, [3]), top, left, 12, 12))
    assert torch.equal(picked, torch.stack(expected))
    finished = SMALL.finish(picked, draws)
    plain = torch.stack([plain_finish(image, SMALL, draws, row) for row, image in enumerate(expected)])
    torch.testing.assert_close(finished, plain, atol=2e-6, rtol=0)
    assert set(draws["corner"].flatten().tolist()) == set(range(7))


@pytest.mark.parametrize("side", [12, 24, 60])
def test_resized_crops_are_the_bytes_of_plain_ones(side: int) -> None:
    """Equal to torchvision on Pillow's images, passes in this order; on tensors, which round otherwise, within 1."""
    stored, index, draws = (
        images(9, side),
        torch.randint(9, (NUMBER,), generator=generator()),
        LARGE.draw(NUMBER, generator()),
    )
    picked = LARGE.pick(LARGE.stored(stored), index, draws)
    size = np.full(NUMBER, side)
    for row, (top, left, height, width) in enumerate(resized_boxes(draws["crop"].numpy(), size, size)):
        image = stored[index[row]]
        expected = plain_resize(functional.crop(picture(image), top, left, height, width), 24, 24)
        assert torch.equal(picked[row], pixels(expected))
        tensor = functional.resized_crop(image, top, left, height, width, [24, 24], antialias=True)
        assert (picked[row].int() - tensor.int()).abs().max() <= 1
        cut = LARGE.cut(np.asarray(picture(image)), draws["crop"][row].numpy())
        assert torch.equal(picked[row], torch.tensor(cut).permute(2, 0, 1))


@pytest.mark.parametrize(("height", "width"), [(31, 47), (50, 29), (20, 20), (90, 27)])
def test_evaluation_scales_the_shorter_side_and_cuts_the_middle(height: int, width: int) -> None:
    image = torch.randint(0, 256, (3, height, width), generator=generator()).to(torch.uint8)
    sides = functional.resize(picture(image), [LARGE.shorter_side])
    expected = functional.center_crop(plain_resize(picture(image), sides.height, sides.width), [24, 24])
    assert min(sides.size) == LARGE.shorter_side == 27
    assert (LARGE.cut(np.asarray(picture(image)), None) == np.asarray(expected)).all()
    if height == width:
        picked = LARGE.pick(LARGE.stored(image[None]), torch.zeros(1, dtype=torch.int64), {})
        assert torch.equal(picked[0], pixels(expected))
    assert ResizedCrop(224, MEAN, STD).shorter_side == 256


def test_colours_equal_plain_ones() -> None:
    """In floats, so without the rounding to bytes between changes that Pillow does."""
    stored, draws = images(NUMBER, 24), LARGE.draw(NUMBER, generator())
    expected = torch.stack([plain_finish(image, LARGE, draws, row) for row, image in enumerate(stored)])
    torch.testing.assert_close(LARGE.finish(stored, draws), expected, atol=2e-5, rtol=0)
    assert draws["order"].sort(dim=1).values.tolist() == [[0, 1, 2, 3]] * NUMBER


def test_jitter_is_drawn_within_its_reach() -> None:
    draws = LARGE.draw(4000, generator())
    low, high = draws["factors"].amin(0), draws["factors"].amax(0)
    torch.testing.assert_close(low, torch.tensor([0.6, 0.6, 0.6, -0.2]), atol=2e-3, rtol=0)
    torch.testing.assert_close(high, torch.tensor([1.4, 1.4, 1.4, 0.2]), atol=2e-3, rtol=0)
    orders = draws["order"] @ torch.tensor([64, 16, 4, 1])
    assert orders.unique(return_counts=True)[1].tolist() == pytest.approx([4000 / 24] * 24, abs=50)
    assert float(draws["mirrored"].float().mean()) == pytest.approx(0.5, abs=0.03)


def plain_box(crop: np.ndarray, height: int, width: int) -> tuple[int, int, int, int]:
    """RandomResizedCrop.make_params of torchvision, its random numbers replaced by those given."""
    for area, ratio in zip(crop[:10], crop[10:20], strict=True):
        target = height * width * (0.08 + 0.92 * area)
        aspect = math.exp(math.log(3 / 4) + (math.log(4 / 3) - math.log(3 / 4)) * ratio)
        wide, tall = round(math.sqrt(target * aspect)), round(math.sqrt(target / aspect))
        if 0 < wide <= width and 0 < tall <= height:
            return int(crop[20] * (height - tall + 1)), int(crop[21] * (width - wide + 1)), tall, wide
    wide, tall = width, height
    if width / height < 3 / 4:
        tall = round(wide / (3 / 4))
    elif width / height > 4 / 3:
        wide = round(tall * (4 / 3))
    return (height - tall) // 2, (width - wide) // 2, tall, wide


def test_boxes_equal_plain_ones() -> None:
    sizes = [(64, 64), (375, 500), (500, 333), (10, 90), (90, 10), (3, 2), (1, 1)] * 100
    crop = LARGE.draw(len(sizes), generator())["crop"].numpy()
    heights, widths = np.array(sizes).T
    found = resized_boxes(crop, heights, widths)
    assert found.tolist() == [list(plain_box(row, *size)) for row, size in zip(crop, sizes, strict=True)]
    top, left, tall, wide = found.T
    assert ((tall >= 1) & (wide >= 1) & (top >= 0) & (left >= 0)).all()
    assert ((top + tall <= heights) & (left + wide <= widths)).all()


@pytest.mark.parametrize("recipe", [SMALL, LARGE])
def test_without_random_transforms_nothing_is_drawn(recipe: Recipe) -> None:
    draw = generator()
    assert replace(recipe, random=False).draw(5, draw) == {}
    assert torch.equal(draw.get_state(), generator().get_state())
    assert "mirrored" not in replace(recipe, flip=False).draw(5, draw)
    assert torch.equal(recipe.draw(5, generator(2))["mirrored"], recipe.draw(5, generator(2))["mirrored"])


def test_bad_recipes() -> None:
    with pytest.raises(ValueError, match="side must be at least 1 pixel, got 0"):
        ResizedCrop(0, MEAN, STD)
    with pytest.raises(ValueError, match="padding must not be negative, got -1"):
        PaddedCrop(8, MEAN, STD, padding=-1)
    with pytest.raises(ValueError, match=r"within 0 and \(1, 1, 1, 0.5\), got \(0.4, 0.4, 0.4, 0.6\)"):
        ResizedCrop(8, MEAN, STD, jitter=(0.4, 0.4, 0.4, 0.6))
    with pytest.raises(ValueError, match="must have 12 x 12 pixels"):
        SMALL.stored(images(3, 10))


def test_cutout_blanks_a_square_around_a_uniform_centre() -> None:
    """Of 12 centres in a row, 4 hit a pixel in the middle and 3 the first one (squares reach from -2 to +1)."""
    ones = torch.ones(20_000, 2, 12, 12)
    cut = cutout(ones, 4, torch.Generator().manual_seed(0))
    assert torch.equal(cut[:, 0], cut[:, 1])
    hit = (1 - cut[:, 0]).mean(dim=0)
    assert float(hit[6, 6]) == pytest.approx((4 / 12) ** 2, abs=0.01)
    assert float(hit[0, 6]) == pytest.approx((3 / 12) * (4 / 12), abs=0.01)
    areas = (1 - cut[:, 0]).sum(dim=(1, 2))
    assert float(areas.max()) == 16
    assert float(areas.min()) == 4
    assert torch.equal(ones, torch.ones_like(ones))


def test_cutout_equals_a_plain_one() -> None:
    """The square that torchvision erases around the same centre."""
    x = torch.randn(NUMBER, 3, 9, 7, generator=generator())
    centres = generator(5)
    rows, columns = (torch.randint(0, length, (NUMBER, 1), generator=centres)[:, 0] for length in (9, 7))
    for image, cut, row, column in zip(
        x, cutout(x, 4, generator(5)), rows.tolist(), columns.tolist(), strict=True
    ):
        top, left = max(row - 2, 0), max(column - 2, 0)
        height, width = min(row + 2, 9) - top, min(column + 2, 7) - left
        assert torch.equal(cut, functional.erase(image, top, left, height, width, torch.zeros(1)))
