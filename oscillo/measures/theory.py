"""What theory predicts for the measures of classical models, in float64.

The models are dtheta_i/dt = omega_i + (K/n) sum_j sin(theta_j - theta_i - alpha), for many oscillators, unless said.
Closed formulas take numbers or tensors that broadcast and give tensors; what is solved numerically takes numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from math import asin, atan, cos, exp, pi, sin, sqrt
from typing import Any, NamedTuple

import torch
from scipy.integrate import quad
from scipy.optimize import minimize_scalar, root_scalar
from torch import Tensor

Number = Tensor | float


def critical_coupling(density: Number) -> Tensor:
    """K_c = 2 / (pi g(0)): the coupling strength at which order sets in (Kuramoto 1975; Strogatz 2000, section 4).

    Args:
        density: density g(0) of the natural frequencies at their centre, where it has its only peak, in units of time.
    """
    return 2 / (pi * _real(density))


def lorentzian_order(coupling: Number, width: Number) -> Tensor:
    """R = sqrt(1 - K_c / K) with K_c = 2 gamma, 0 below K_c: frequencies with a Lorentzian density (Kuramoto 1975).

    With a phase lag alpha it holds for K cos(alpha) in the place of K (Sakaguchi & Kuramoto 1986).

    Args:
        coupling: coupling strength K.
        width: half width gamma of the density at half its maximum.
    """
    coupling, onset = _real(coupling), 2 * _real(width)
    return torch.where(coupling > onset, 1 - onset / coupling, 0.0).sqrt()


def gaussian_order(coupling: float, width: float) -> float:
    """R of Gaussian frequencies, 0 below K_c = width sqrt(8 / pi); see `self_consistent_order`.

    Args:
        coupling: coupling strength K.
        width: standard deviation of the natural frequencies.
    """
    return self_consistent_order(coupling, lambda omega: exp(-((omega / width) ** 2) / 2) / (width * sqrt(2 * pi)))


def self_consistent_order(coupling: float, density: Callable[[float], float]) -> float:
    r"""R > 0 that solves 1 = K \int cos^2(theta) g(K R sin theta) dtheta over half a turn, 0 where there is none.

    Kuramoto (1975); Strogatz (2000), Physica D 143, 1, section 4.

    Args:
        coupling: coupling strength K.
        density: density g of the natural frequencies, even and not rising away from 0.
    """

    def excess(order: float) -> float:
        # The density may be much narrower than K R, and would fall between the nodes without these marks. The integral
        # is 1 / (2 K), so an absolute tolerance would mean less and less.
        marks = [10.0**-k for k in range(1, 9)]
        integral, _ = quad(
            lambda theta: cos(theta) ** 2 * density(coupling * order * sin(theta)),
            0, pi / 2, points=marks, epsabs=0, epsrel=1e-10, limit=500,
        )  # fmt: skip
        return 2 * coupling * integral - 1

    return _root(excess, 0.0, 1.0) if excess(0) > 0 else 0.0


def incoherence_decay(coupling: Number, width: Number) -> Tensor:
    """gamma - K/2: rate at which a small R decays for Lorentzian frequencies, negative where it grows.

    Ott & Antonsen (2008), Chaos 18, 037113, linearised about R = 0; Strogatz & Mirollo (1991) for the linear theory.

    Args:
        coupling: coupling strength K.
        width: half width gamma of the density at half its maximum.
    """
    return _real(width) - _real(coupling) / 2


def ott_antonsen_order(t: Number, initial: Number, coupling: Number, width: Number) -> Tensor:
    r"""R(t) for Lorentzian frequencies from dR/dt = -gamma R + (K/2) R (1 - R^2), solved in closed form.

    Ott & Antonsen (2008), Chaos 18, 037113. For initial phases that are drawn apart from the frequencies and have
    moments <exp(i m theta)> = R^m exp(i m psi).

    Args:
        t: time since the beginning.
        initial: R(0).
        coupling: coupling strength K.
        width: half width gamma of the density at half its maximum.
    """
    t, square, coupling = _real(t), _real(initial).square(), _real(coupling)
    rate = coupling - 2 * _real(width)
    # 1/R^2 obeys a linear equation, whose solution is written here so that no exponential overflows on either side of
    # the transition; at the transition itself the saturating time is t.
    critical, pace = rate == 0, rate.abs()
    saturating = torch.where(critical, t, -torch.expm1(-pace * t) / torch.where(critical, 1.0, pace))
    decaying, growing = torch.exp(rate.clamp_max(0) * t), torch.exp(-rate.clamp_min(0) * t)
    return (square * decaying / (growing + coupling * square * saturating)).sqrt()


def locked_frequency(coupling: Number, lag: Number, frequency: Number = 0.0, width: Number = 0.0) -> Tensor:
    """Omega = omega - K sin(alpha) + gamma tan(alpha): common frequency with a phase lag (Sakaguchi & Kuramoto 1986).

    The last term is for Lorentzian frequencies, by the ansatz of Ott & Antonsen (2008); without width all oscillators
    are alike and in phase.

    Args:
        coupling: coupling strength K.
        lag: phase lag alpha in radians.
        frequency: natural frequency omega, or the centre of its density.
        width: half width gamma of the density at half its maximum.

    Returns:
        NaN where K cos(alpha) < 2 gamma: no oscillators are locked there.
    """
    coupling, lag, width = _real(coupling), _real(lag), _real(width)
    omega = _real(frequency) - coupling * lag.sin() + width * lag.tan()
    return torch.where(coupling * lag.cos() >= 2 * width, omega, torch.nan)


def two_oscillators_lock(first: Number, second: Number, coupling: Number) -> Tensor:
    """Whether |omega_1 - omega_2| <= K: n = 2 oscillators without lag lock (Adler 1946)."""
    return (_real(first) - _real(second)).abs() <= _real(coupling)


def two_oscillator_difference(first: Number, second: Number, coupling: Number) -> Tensor:
    """theta_2 - theta_1 = asin((omega_2 - omega_1) / K) of two locked oscillators; NaN where they do not lock."""
    return ((_real(second) - _real(first)) / _real(coupling)).asin()


def two_oscillator_beat(first: Number, second: Number, coupling: Number) -> Tensor:
    """sqrt((omega_2 - omega_1)^2 - K^2): difference of the mean frequencies of two oscillators, 0 when locked."""
    return ((_real(second) - _real(first)).square() - _real(coupling).square()).clamp_min(0).sqrt()


def winfree_death(width: float) -> float:
    r"""K above which all oscillators of Winfree's model can stop.

        dtheta_i/dt = omega_i - sigma sin(theta_i),    sigma = (K/n) sum_j (1 + cos(theta_j))

    Ariaratnam & Strogatz (2001), Phys. Rev. Lett. 86, 4278. Where all stand still, sin(theta_i) = omega_i / sigma, and
    sigma = K (1 + <sqrt(1 - (omega/sigma)^2)>) has to have a solution that is larger than every frequency.

    Args:
        width: gamma, for frequencies that are uniform in [1 - gamma, 1 + gamma]; from 0 to 1.
    """
    least: Any = minimize_scalar(
        lambda sigma: sigma / (1 + _standing(sigma, width)), bounds=(1 + width, 4), method="bounded",
        options={"xatol": 1e-10},
    )  # fmt: skip
    return float(least.fun)


def winfree_dead_share(coupling: float, width: float) -> float:
    """Share of Winfree's oscillators (see `winfree_death`) that stand still when the others do not act on the mean.

    Ariaratnam & Strogatz (2001): the slowest oscillators die once K > 1 - gamma. Those that turn have <cos(theta)> = 0,
    so sigma is the least solution of sigma = K (1 + <sqrt(1 - (omega/sigma)^2); omega < sigma>).

    Args:
        coupling: coupling strength K, not negative.
        width: gamma, larger than 0.
    """
    sigma = before = coupling
    for _ in range(100_000):  # slow where two solutions are about to meet
        sigma, before = coupling * (1 + _standing(sigma, width)), sigma
        if sigma - before < 1e-13:
            break
    return min(max((sigma - 1 + width) / (2 * width), 0.0), 1.0)


def _standing(sigma: float, width: float) -> float:
    """<sqrt(1 - (omega/sigma)^2); omega < sigma> for omega uniform in [1 - width, 1 + width]."""
    low, high = (min((1 + side * width) / sigma, 1.0) if sigma > 0 else 1.0 for side in (-1, 1))
    if width == 0:
        return sqrt(1 - low**2)
    areas = ((u * sqrt(1 - u**2) + asin(u)) / 2 for u in (high, low))
    return sigma / (2 * width) * (next(areas) - next(areas))


def amplitude_death(width: float) -> tuple[float, float] | None:
    """Range of K in which coupled Stuart-Landau oscillators stop oscillating; None where they never do.

        dz_i/dt = (1 + i omega_i - |z_i|^2) z_i + (K/n) sum_j (z_j - z_i)

    Mirollo & Strogatz (1990), J. Stat. Phys. 60, 245: the origin is stable for K > 1 and arctan(w / (K - 1)) / w < 1/K.

    Args:
        width: w, for frequencies that are uniform in [-w, w] about any centre.
    """
    if width <= pi / 2:
        return None

    def excess(coupling: float) -> float:
        return atan(width / (coupling - 1)) / width - 1 / coupling

    # Negative just above 1, where the arctangent is pi/2, and positive at 1 + w^2 for every w.
    return 1.0, _root(excess, 1 + 1e-12, 1 + width**2)


class Chimera(NamedTuple):
    """A stationary state of two populations, one in phase and one not."""

    order: float
    """R of the population that is not in phase."""
    difference: float
    """Mean phase of the population in phase minus that of the other, in radians."""
    stable: bool
    """Whether both eigenvalues of the reduced equations have a negative real part."""


def two_population_rates(order: Number, difference: Number, disparity: Number, lag: Number) -> Tensor:
    r"""(dR/dt, dpsi/dt) of two populations of equal oscillators, of which the first is in phase, [..., 2].

        dR/dt   = (1 - R^2)/2 (mu R cos alpha + nu cos(psi - alpha))
        dpsi/dt = (1 + R^2)/(2R) (mu R sin alpha - nu sin(psi - alpha)) - mu sin alpha - nu R sin(psi + alpha)

    Abrams, Mirollo, Strogatz & Wiley (2008), Phys. Rev. Lett. 101, 084103. An oscillator is coupled with strength mu
    to the mean field of its own population, and with nu to that of the other; mu + nu = 1, mu - nu = A.

    Args:
        order: R of the second population.
        difference: psi, the mean phase of the first population minus that of the second.
        disparity: A.
        lag: phase lag alpha in radians; the paper's beta is pi/2 - alpha.
    """
    r, psi, disparity, alpha = torch.broadcast_tensors(_real(order), _real(difference), _real(disparity), _real(lag))
    mu, nu = (1 + disparity) / 2, (1 - disparity) / 2
    radial = (1 - r.square()) / 2 * (mu * r * alpha.cos() + nu * (psi - alpha).cos())
    own = (1 + r.square()) / (2 * r) * (mu * r * alpha.sin() - nu * (psi - alpha).sin())
    return torch.stack((radial, own - mu * alpha.sin() - nu * r * (psi + alpha).sin()), dim=-1)


def two_population_chimeras(disparity: float, lag: float) -> list[Chimera]:
    """All states with 0 < R < 1 in which `two_population_rates` vanish, in ascending order of R.

    dR/dt = 0 gives R for every psi, and the sign changes of dpsi/dt along psi are refined.

    Args:
        disparity: A, in [0, 1].
        lag: phase lag alpha in radians, in (0, pi/2).
    """
    mu, nu = (1 + disparity) / 2, (1 - disparity) / 2

    def order(psi: Number) -> Tensor:
        return -nu * (_real(psi) - lag).cos() / (mu * cos(lag))

    def turning(psi: Number) -> Tensor:
        # Times R, so that there is no pole at R = 0 to change sign at.
        return order(psi) * two_population_rates(order(psi), psi, disparity, lag)[..., 1]

    grid = torch.linspace(-pi, pi, 20_001, dtype=torch.float64)
    positive = turning(grid) > 0
    found = []
    for k in (positive[1:] != positive[:-1]).nonzero().flatten().tolist():
        psi = _root(lambda psi: turning(psi).item(), grid[k].item(), grid[k + 1].item())
        if 0 < (r := order(psi).item()) < 1:
            found.append(Chimera(r, psi, _attracts(r, psi, disparity, lag)))
    return sorted(found)


def _attracts(order: float, difference: float, disparity: float, lag: float) -> bool:
    """Whether a stationary state of two populations attracts its neighbours."""
    at = torch.tensor([order, difference], dtype=torch.float64)
    slopes = torch.autograd.functional.jacobian(lambda x: two_population_rates(x[0], x[1], disparity, lag), at)
    return bool((torch.linalg.eigvals(slopes).real < 0).all())


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    return root_scalar(function, bracket=(low, high), method="brentq", xtol=1e-14).root


def _real(number: Number) -> Tensor:
    return torch.as_tensor(number, dtype=torch.float64)
