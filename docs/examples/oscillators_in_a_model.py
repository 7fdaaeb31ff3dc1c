"""An oscillator layer between two layers of an ordinary torch model, trained in an ordinary loop.

The problem: an image holds a bar and noise; is the bar horizontal or vertical? The bar may be anywhere, so no single
pixel tells. Run it with `python docs/examples/oscillators_in_a_model.py`; it takes a few seconds on one core.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import oscillo

SIDE, LENGTH = 8, 5


def bars(samples: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Noisy images [sample, y, x] with a bar each, and whether it is vertical, int64 [sample]."""
    images = 0.3 * torch.randn(samples, SIDE, SIDE, generator=generator)
    vertical = torch.randint(0, 2, (samples,), generator=generator)
    across = torch.randint(0, SIDE, (samples,), generator=generator)
    along = torch.randint(0, SIDE - LENGTH + 1, (samples,), generator=generator)
    for image, turned, row, first in zip(images, vertical, across, along, strict=True):
        (image.T if turned else image)[row, first : first + LENGTH] += 1.0
    return images, vertical


class BarModel(nn.Module):
    """Pixels to features, oscillators that settle on them, an average over the image, two logits."""

    def __init__(self) -> None:
        super().__init__()
        # The same declaration as in a spec, as nested mappings. `oscillo.load("x.yaml").network` would do as well.
        self.oscillators = oscillo.build(
            {
                "layers": [
                    {
                        "manifold": {"kind": "sphere", "dimension": 2},  # each oscillator is a phase
                        "channels": 16,  # 8 oscillators of 2 components at every pixel
                        "coupling": {"kind": "convolution", "kernel_size": 3},
                        "integrator": {"kind": "projected_euler", "steps": 4, "step_size": 0.5},
                    }
                ]
            },
            sites=(SIDE, SIDE),
        )
        self.encoder = nn.Linear(1, self.oscillators.channels_in)
        self.head = nn.Linear(self.oscillators.channels_out, 2)

    def forward(self, images: Tensor) -> Tensor:
        """Logits [sample, 2] of images [sample, y, x]."""
        # Channels come last: [sample, y, x, channel]. The features become the stimulus of the oscillators, which
        # start at random phases. The draw depends on a seed and the place in the batch alone; `oscillo.Draws` gives
        # it another key.
        features = self.encoder(images[..., None])
        settled = self.oscillators(features)
        return self.head(settled.features.mean((1, 2)))


def train(steps: int = 150, seed: int = 0) -> tuple[BarModel, list[float]]:
    """The trained model and the loss of each step."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    model = BarModel()
    # The oscillators' weights are parameters like all others.
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(steps):
        images, vertical = bars(64, generator)
        loss = F.cross_entropy(model(images), vertical)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return model, losses


def main() -> None:
    """Train, test, and look at what the oscillators do."""
    model, losses = train()
    images, vertical = bars(500, torch.Generator().manual_seed(1))
    with torch.no_grad():
        right = (model(images).argmax(-1) == vertical).float().mean()
    print(f"loss {losses[0]:.3f} at first, {losses[-1]:.3f} in the end; {right:.1%} of new images right")

    # The trained oscillators by themselves: every state of two images, with names on the axes.
    with torch.no_grad():
        features = model.encoder(images[:2, ..., None])
    trajectory = oscillo.integrate(model.oscillators, features, steps=12)
    print(trajectory["layer0"].to_dataset())
    print("energy over the steps:", trajectory["layer0/energy"].mean("sample").values.round(1))


if __name__ == "__main__":
    main()
